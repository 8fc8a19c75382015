"""Takes over the configuration of OpenDKIM, OpenDMARC, OpenARC, dkimpy-milter and policyd-spf."""
