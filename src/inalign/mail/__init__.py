"""The words of mail: domain names, header fields as bytes, addresses, tag lists, Authentication-Results.

RFC 5322, 6532, 5890, 8616, 6376 section 3.2 (tag lists), 8601. Pure: bytes in, values out.
"""
