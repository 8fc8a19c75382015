"""How reports come in: a listener for LMTP and SMTP, mailboxes, folders; each hands what it took to the spool."""
