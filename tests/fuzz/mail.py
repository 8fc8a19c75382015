"""Header fields, addresses, tag lists and Authentication-Results, whoever wrote them."""

from __future__ import annotations

import contextlib
import re
from ipaddress import ip_address

from inalign.errors import ParseError
from inalign.flow.origin import Gateway, Hosts, OriginSource, find_origin
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.author import author_domains
from inalign.mail.authserv_id import claims_authserv_id
from inalign.mail.domain import parse_domain, to_unicode
from inalign.mail.fields import Field, make_field, parse_message
from inalign.mail.mailbox import parse_mailboxes
from inalign.mail.networks import Networks
from inalign.mail.received import is_network_note, parse_client_address, parse_received
from inalign.mail.results import AuthenticationResults, fold_authentication_results
from inalign.mail.reverse_path import parse_reverse_path
from inalign.mail.tag_list import parse_tag_list

OURS = "mx.example.net"
SERVER_WROTE = ip_address("203.0.113.9")
HOSTS = Hosts(
    local=Networks(["10.0.0.0/8"]),
    relays=Networks(["198.51.100.0/28"]),
    gateways=(Gateway(networks=Networks(["203.0.113.1"]), authserv_id="gw.example"),),
)


def message(data: bytes) -> None:
    """What is cut apart can be joined again, and is then cut the same way."""
    parsed = parse_message(data)
    joined = b"".join(field.raw for field in parsed.fields)
    assert parse_message(joined + b"\r\n" + parsed.body) == parsed
    for field in parsed.fields:
        assert field.raw.endswith(b"\r\n")
        assert field.name.lower() == field.key
        if not field.is_blank_before_colon and b"\n" not in field.value.replace(b"\r\n", b""):
            assert make_field(field.name, field.value) == field
    _check_authors(parsed.fields)


def author(data: bytes) -> None:
    """The value of From, as a milter hands it over, which may hold anything."""
    _check_authors((make_field(b"From", data),))
    with contextlib.suppress(ParseError):
        for mailbox in parse_mailboxes(data):
            assert "\n" not in mailbox.domain


def _check_authors(fields: tuple[Field, ...]) -> None:
    authors = author_domains(fields)
    assert (authors.problem is None) == bool(authors.domains)
    assert len(set(authors.domains)) == len(authors.domains)
    for name in authors.domains:
        assert parse_domain(name) == name
    if authors.field_count != 1:
        assert authors.sole_domain is None


def domain(data: bytes) -> None:
    """A domain name in its own form is itself, also by way of its U-labels."""
    with contextlib.suppress(ParseError):
        name = parse_domain(_text(data))
        assert name.isascii()
        assert parse_domain(name) == name
        assert parse_domain(to_unicode(name)) == name


def reverse_path(data: bytes) -> None:
    """What is read of a path is read again when it stands between angle brackets."""
    with contextlib.suppress(ParseError):
        path = parse_reverse_path(_text(data))
        at = "@" if path.domain else ""
        assert parse_reverse_path(f"<{path.local_part}{at}{path.domain}>") == path
        assert not set("\r\n\0") & set(path.local_part + path.domain)


FORMS = (
    b" from %b (real.example [192.0.2.7]) by mx with SMTP; x",
    b" from %b (192.0.2.7) by mx (10.0.0.6) with Microsoft SMTP Server; x",
    b" from real.example (HELO %b) (192.0.2.7) by mx with SMTP; x",
    b" from real.example ([192.0.2.7] helo=%b) by mx with smtp (Exim 4.97); x",
    b" from [192.0.2.7] (helo=%b) by mx with smtp (Exim 4.97); x",
    b" from helo.example (%b [192.0.2.7]) by mx with SMTP; x",
)
"""What servers write about a client at 192.0.2.7, with a place for what he says."""


def received(data: bytes) -> None:
    """Whatever a client says, a server's field about him never names another address."""
    said = re.sub(rb"[\r\n\0]", b"", data)
    for form in FORMS:
        with contextlib.suppress(ParseError):
            assert str(parse_received(form % said).address) == "192.0.2.7"
    for parse in (parse_received, parse_client_address):
        with contextlib.suppress(ParseError):
            parse(data)
    is_network_note(data)


def tags(data: bytes) -> None:
    """A tag list prints and reads back as itself."""
    with contextlib.suppress(ParseError):
        found = parse_tag_list(data)
        printed = "; ".join(f"{name}={value}" for name, value in found.items())
        assert parse_tag_list(printed.encode("utf-8", "surrogateescape")) == found


def authentication_results(data: bytes) -> None:
    """What is read, strictly or not, prints within the grammar, and prints again the same."""
    for lenient in (False, True):
        with contextlib.suppress(ParseError):
            _check_printed(parse_authentication_results(data, lenient=lenient))


def _check_printed(results: AuthenticationResults) -> None:
    printed = str(results)
    folded = fold_authentication_results(printed)
    assert folded.replace("\n", "") == printed
    assert all(len(line.encode()) <= 998 for line in folded.split("\n"))
    again = parse_authentication_results(folded.encode())
    assert len(again.results) == len(results.results)
    assert str(again) == printed


def claim(data: bytes) -> None:
    """A field that our own reader takes for ours is seen to claim it."""
    claims = claims_authserv_id(data, [OURS])
    for lenient in (False, True):
        with contextlib.suppress(ParseError):
            if parse_authentication_results(data, lenient=lenient).authserv_id.lower() == OURS:
                assert claims


def origin(data: bytes) -> None:
    """The client of relayed mail is one that a listed host wrote: the fields below the first genuine one never are."""
    genuine = (b"Received", b" from a.example (unknown [203.0.113.9]) by mx.example.net (Postfix); x")
    fields = (make_field(*genuine), *parse_message(data).fields)
    found = find_origin(ip_address("198.51.100.2"), fields, HOSTS, "a@example.org")
    assert found.address == SERVER_WROTE
    gateway = find_origin(ip_address("203.0.113.1"), fields[1:], HOSTS, "a@example.org")
    assert gateway.source in OriginSource


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
