"""Network clients and addresses: DNS, HTTP, SMTP, OpenID Connect, listening sockets."""
