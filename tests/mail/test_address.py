"""Who the author is: RFC 9989 section 5.3.1 over the grammar of RFC 5322 section 3.4."""

from __future__ import annotations

from inalign.mail.address import author_domains
from inalign.mail.fields import parse_message


def test_one_address_gives_its_domain() -> None:
    authors = author_domains(parse_message(b"From: Joe <joe@Example.COM>\r\n\r\n").fields)
    assert (authors.domains, authors.problem, authors.sole_domain) == (("example.com",), None, "example.com")
