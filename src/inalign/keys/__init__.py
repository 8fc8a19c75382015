"""Where signing keys come from: rules of the settings, the tables of OpenDKIM, a folder, SQL."""
