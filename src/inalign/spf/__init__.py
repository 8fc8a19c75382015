"""SPF, RFC 7208: may this host use this domain in HELO or MAIL FROM?"""
