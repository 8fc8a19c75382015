"""Who handed a message over, as a Received field says: the `from` part of the fields that mail servers write.

RFC 5321 section 4.4 has a grammar that nearly nobody keeps, so the forms of real servers are read:

    from HELO (NAME [ADDRESS]) by …                 Postfix, Sendmail, OpenSMTPD, Haraka, Stalwart, Courier, Google
    from HELO ([ADDRESS]) by …                      the same without a name; Domino, IIS, amavis
    from HELO (ADDRESS) by …                        Exchange
    from NAME (HELO HELO) (ADDRESS) by …            qmail and qpsmtpd; without the first comment HELO is NAME
    from NAME ([ADDRESS]:PORT helo=HELO) by …       Exim, of a client with a name
    from [ADDRESS] (port=PORT helo=HELO) by …       Exim, of one without; CommuniGate Pro has (HELO HELO)

What the client said (HELO), and what its DNS says (NAME), stands in the same line, and not every server takes blanks
and parentheses out of it. So nothing is believed that could be read in two ways: one word behind `from`, exactly one
comment with an address, no address in any other comment before `by`, and `by` once in the whole field. The comment
that the server wrote is always among what is counted; whoever adds one of his own makes two, and the field is refused.
An address that was not written by the server behind it (`from [192.0.2.1] by …` may be a HELO) is not taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from inalign.errors import LimitError, ParseError
from inalign.mail.lexical import end_of_comment, unfold

MAX_RECEIVED_OCTETS = 4096
"""Of one field: the longest ones of Exchange, and of Postfix with certificates, stay below 1,000."""

_FLAGS = re.ASCII | re.IGNORECASE
# What may be an address; `ip_address` has the last word.
_ADDRESS = r"(?P<address>(?:IPv6:)?[0-9a-f]*[.:][0-9a-f.:]{1,44}(?:%[0-9a-z]{1,16})?)"
_PORT = r"(?::[0-9]{1,5})?"
_NAME = r"[^\s()\[\]]+"
_SAID = r"(?P<helo>[^\s()@]+)"
_IDENT = r"(?:[ \t]+ident=[^\s()@]*)?"

_TOKEN = re.compile(r"[ \t]*(?:(?P<comment>\()|(?P<word>[^\s()]+))", _FLAGS)
_BY = re.compile(r"(?<![^\s()])by(?![^\s()])", _FLAGS)
# NAME [ADDRESS], with the user that ident gave in front and Sendmail's doubts behind.
_NAME_AND_ADDRESS = re.compile(
    rf"(?:{_NAME}(?:[ \t]+|(?<=@)))?\[{_ADDRESS}\]{_PORT}(?:[ \t]+\(may be forged\))?", _FLAGS
)
_BARE_ADDRESS = re.compile(rf"(?:[^\s()\[\]@]*@)?{_ADDRESS}", _FLAGS)
_ADDRESS_AND_HELO = re.compile(rf"\[{_ADDRESS}\]{_PORT}(?:[ \t]+helo={_SAID})?{_IDENT}", _FLAGS)
_HELO_ALONE = re.compile(
    rf"(?:(?:port=[0-9]{{1,5}}[ \t]+)?helo=|(?:HELO|EHLO|LHLO)[ \t]+){_SAID}{_IDENT}",
    _FLAGS,
)
_NAMES_HELO = re.compile(r"(?:helo|port|ident)=|(?:HELO|EHLO|LHLO)(?![^\s()])", _FLAGS)
_LITERAL = re.compile(rf"\[{_ADDRESS}\]", _FLAGS)
# An address where none should be: a dotted quad, or what has two colons.
_ANY_ADDRESS = re.compile(r"[0-9]\.[0-9]+\.[0-9]+\.[0-9]|:[0-9a-f]{0,4}:", _FLAGS)

_NETWORK_NOTE = re.compile(r"[ \t]*\(qmail [0-9]{1,10} invoked from network\)[ \t]*;[^()]*", _FLAGS)
_CLIENT_FORMS = (
    re.compile(rf"(?:{_NAME}[ \t]*)?\[{_ADDRESS}\]", _FLAGS),
    re.compile(rf"(?:{_NAME}[ \t]*)?\(\[?{_ADDRESS}\]?\)", _FLAGS),
    re.compile(_ADDRESS, _FLAGS),
)


class ReceivedError(ParseError):
    """The field does not say, in a way that can be believed, who handed the message over."""


@dataclass(frozen=True, slots=True)
class ReceivedFrom:
    """The client of one hop, as the server behind it recorded it."""

    address: IPv4Address | IPv6Address
    """Of an IPv4-mapped address the IPv4 address in it."""
    helo: str
    """What the client said at HELO, as recorded: maybe an address literal, or junk."""


def parse_received(value: bytes) -> ReceivedFrom:
    """Read the value of a Received field, folds (CRLF or LF) included.

    Raises `ParseError` for everything that is not one of the known forms, or that could be read in two ways.
    """
    if len(value) > MAX_RECEIVED_OCTETS:
        raise LimitError(f"a Received field of {len(value)} octets is longer than {MAX_RECEIVED_OCTETS}")
    text = unfold(value)
    first, comments = _from_part(text)
    if len(_BY.findall(text)) != 1:
        raise ReceivedError("`by` stands there more than once, so one may be part of what the client said")
    found: list[re.Match[str]] = []
    said: list[str] = []
    for comment in comments:
        helo = _HELO_ALONE.fullmatch(comment)
        form = (
            _NAME_AND_ADDRESS.fullmatch(comment)
            or _ADDRESS_AND_HELO.fullmatch(comment)
            or _BARE_ADDRESS.fullmatch(comment)
        )
        if helo and form:
            raise ReceivedError("an address that the client may have said, or that it came from")
        if form:
            found.append(form)
            helo = form if form.re is _ADDRESS_AND_HELO and form["helo"] else None
        if helo:
            said.append(helo["helo"])
        elif not form and _ANY_ADDRESS.search(comment):
            raise ReceivedError("an address stands in a comment that should hold none")
    literal = _LITERAL.fullmatch(first)
    if literal and any(_NAMES_HELO.match(comment) for comment in comments):
        # Exim. If another address follows, either may be part of HELO, and nobody knows which.
        found.extend([literal] if said else [literal, literal])
    if len(found) != 1 or len(said) > 1:
        raise ReceivedError(f"{len(found)} addresses and {len(said)} comments about HELO, where one is wanted")
    return ReceivedFrom(_address(found[0]["address"]), said[0] if said else first)


def is_network_note(value: bytes) -> bool:
    """Whether it is the field of qmail-queue that names no client; the one below it, by the same server, does."""
    try:
        return len(value) <= MAX_RECEIVED_OCTETS and _NETWORK_NOTE.fullmatch(unfold(value)) is not None
    except ParseError:
        return False


def parse_client_address(value: bytes) -> IPv4Address | IPv6Address:
    """The address in a field that a filter writes about its client: bare, or in brackets behind a name.

    Raises `ParseError` for everything else.
    """
    if len(value) > MAX_RECEIVED_OCTETS:
        raise LimitError(f"a field of {len(value)} octets is longer than {MAX_RECEIVED_OCTETS}")
    text = unfold(value).strip(" \t")
    for form in _CLIENT_FORMS:
        found = form.fullmatch(text)
        if found:
            return _address(found["address"])
    raise ReceivedError(f"expected an address, found {text[:80]!r}")


def _from_part(text: str) -> tuple[str, list[str]]:
    """The one word behind `from`, and the comments that follow it up to `by`."""
    words: list[str] = []
    comments: list[str] = []
    position = 0
    while True:
        token = _TOKEN.match(text, position)
        if token is None:
            raise ReceivedError("no `from` part with a `by` behind it (RFC 5321 section 4.4)")
        position = token.end()
        if token["comment"]:
            start = token.start("comment")
            position = end_of_comment(text, start)
            comments.append(text[start + 1 : position - 1].strip(" \t"))
            if len(words) < 2:
                raise ReceivedError("a comment stands before the name")
        elif len(words) == 2:
            if token["word"].lower() != "by":
                raise ReceivedError("more than one word stands between `from` and `by`")
            return words[1], comments
        else:
            words.append(token["word"])
            if words[0].lower() != "from":
                raise ReceivedError("it does not begin with `from`")


def _address(text: str) -> IPv4Address | IPv6Address:
    bare = text[5:] if text[:5].lower() == "ipv6:" else text
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        raise ReceivedError(f"{text!r} is no address") from None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
