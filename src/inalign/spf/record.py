"""SPF records, RFC 7208 sections 4.5, 4.6, 5, 6 and 7.1: read whole, checked whole, printed again.

`parse_spf_record` takes the text of one record and refuses it whole for one bad term, as RFC 7208 section 4.6 asks.
`str()` of a record gives its normal form, which reads as the same record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeVar

from inalign.errors import ParseError
from inalign.spf.macros import DomainSpec, MacroError, parse_domain_spec, parse_macro_string
from inalign.spf.terms import (
    LOCAL,
    A,
    All,
    Exists,
    Explanation,
    Include,
    Ip4,
    Ip6,
    Mechanism,
    Modifier,
    Mx,
    Ptr,
    Qualifier,
    Redirect,
    Term,
)

VERSION = b"v=spf1"
MAX_RECORD_OCTETS = 16_384  # RFC 7208 section 3.4 asks for 450 with the name; of 1,000 real ones the longest has 1,232
_CACHED_RECORDS = 1024
_CACHED_OCTETS = 1024  # real records are shorter; together with the next bound it keeps the cache under 20 MB
_CACHED_TERMS = 64


class SpfRecordError(ParseError):
    """The text is no SPF record."""


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """One record: its terms in the order written, and the same sorted by what they are for."""

    terms: tuple[Term, ...]
    mechanisms: tuple[Mechanism, ...] = field(compare=False, repr=False)
    redirect: Redirect | None = field(compare=False, repr=False)
    """None also where an `all` makes it void (RFC 7208 section 5.1)."""
    explanation: Explanation | None = field(compare=False, repr=False)
    costly: int = field(compare=False, repr=False)
    """How many terms count toward the limit of RFC 7208 section 4.6.4 if all are reached."""

    def __str__(self) -> str:
        return " ".join(["v=spf1", *map(str, self.terms)])


def is_spf_record(octets: bytes) -> bool:
    """Whether a TXT record is an SPF record: `v=spf1`, then a space or the end (RFC 7208 section 4.5)."""
    return octets[:6].lower() == VERSION and octets[6:7] in (b"", b" ")


def parse_spf_record(text: str | bytes) -> SpfRecord:
    """Read a record. Raises `SpfRecordError` for what is none, for any syntax error and over `MAX_RECORD_OCTETS`."""
    if len(text) > MAX_RECORD_OCTETS:
        raise SpfRecordError(f"an SPF record of {len(text)} octets is over the limit of {MAX_RECORD_OCTETS}")
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    octets = octets.removesuffix(b"\r\n")  # of a line that a person read from a file
    if len(octets) <= _CACHED_OCTETS and octets.count(b" ") <= _CACHED_TERMS:
        return _parse_cached(octets)
    return _parse(octets)


def _parse(octets: bytes) -> SpfRecord:
    if not is_spf_record(octets):
        raise SpfRecordError("an SPF record begins with v=spf1 and a space (RFC 7208 section 4.5)")
    if not octets.isascii():
        # RFC 7208 section 3.1: the record is US-ASCII; RFC 8616 section 4 leaves it so
        raise SpfRecordError("the record holds octets beyond ASCII (RFC 7208 section 3.1)")
    # RFC 7208 section 4.6.1: terms are divided by spaces, one or more, and by nothing else
    terms = tuple(_parse_term(term) for term in octets.decode("ascii")[len(VERSION) :].split(" ") if term)
    redirect = _only(Redirect, terms)
    explanation = _only(Explanation, terms)
    mechanisms: list[Mechanism] = []
    for term in terms:
        if not isinstance(term, Redirect | Explanation | Modifier):
            mechanisms.append(term)
            if isinstance(term, All):
                redirect = None  # RFC 7208 section 5.1: ignored with an `all` anywhere, as is all behind it
                break
    costly = sum(not isinstance(mechanism, LOCAL) for mechanism in mechanisms) + (redirect is not None)
    return SpfRecord(terms, tuple(mechanisms), redirect, explanation, costly)


_parse_cached = lru_cache(maxsize=_CACHED_RECORDS)(_parse)


_SingleT = TypeVar("_SingleT", Redirect, Explanation)


def _only(kind: type[_SingleT], terms: Iterable[Term]) -> _SingleT | None:
    found = [term for term in terms if isinstance(term, kind)]
    if len(found) > 1:
        # RFC 7208 section 6: each of the two at most once
        raise SpfRecordError(f"{found[1].text[:100]!r}: this modifier stands in the record twice (RFC 7208 section 6)")
    return found[0] if found else None


# RFC 7208 section 4.6.1: a modifier has its "=" before any ":" or "/"
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([+\-?~]?)([A-Za-z0-9]+)(.*)", re.DOTALL)


def _parse_term(text: str) -> Term:
    try:
        if found := _MODIFIER.fullmatch(text):
            return _parse_modifier(found[1].lower(), found[2], text)
        found = _DIRECTIVE.fullmatch(text)
        parse = _MECHANISMS.get(found[2].lower()) if found else None
        if not found or not parse:
            raise SpfRecordError(f"{text[:100]!a} is no mechanism and no modifier (RFC 7208 section 4.6.1)")
        return parse(Qualifier(found[1] or "+"), found[3], text)
    except MacroError as problem:
        raise SpfRecordError(f"{text[:100]!a}: {problem}") from None


def _parse_modifier(name: str, value: str, text: str) -> Term:
    if name == "redirect":
        return Redirect(parse_domain_spec(value), text=text)
    if name == "exp":
        return Explanation(parse_domain_spec(value), text=text)
    return Modifier(name, parse_macro_string(value), text=text)


def _parse_all(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    if rest:
        raise SpfRecordError(f"{text[:100]!a}: `all` stands alone (RFC 7208 section 5.1)")
    return All(qualifier, text=text)


def _parse_include(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    return Include(qualifier, text=text, target=_required_target(rest, text))


def _parse_exists(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    return Exists(qualifier, text=text, target=_required_target(rest, text))


def _parse_ptr(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    return Ptr(qualifier, text=text, target=_optional_target(rest, text))


def _parse_a(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    rest, prefix4, prefix6 = _dual_cidr(rest, text)
    return A(qualifier, text=text, target=_optional_target(rest, text), prefix4=prefix4, prefix6=prefix6)


def _parse_mx(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    rest, prefix4, prefix6 = _dual_cidr(rest, text)
    return Mx(qualifier, text=text, target=_optional_target(rest, text), prefix4=prefix4, prefix6=prefix6)


_QNUM = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4 = re.compile(rf":({_QNUM}(?:\.{_QNUM}){{3}})(?:/([0-9]+))?")
_IP6 = re.compile(r":([0-9A-Fa-f:.]{2,45})(?:/([0-9]+))?")


def _parse_ip4(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    found = _IP4.fullmatch(rest)
    if not found:
        raise SpfRecordError(f"{text[:100]!a} holds no IPv4 network (RFC 7208 section 5.6)")
    return Ip4(qualifier, text=text, network=int(IPv4Address(found[1])), prefix=_prefix(found[2], 32, text))


def _parse_ip6(qualifier: Qualifier, rest: str, text: str) -> Mechanism:
    found = _IP6.fullmatch(rest)
    try:
        network = int(IPv6Address(found[1])) if found else None
    except AddressValueError:
        network = None
    if not found or network is None:
        raise SpfRecordError(f"{text[:100]!a} holds no IPv6 network (RFC 7208 section 5.6)")
    return Ip6(qualifier, text=text, network=network, prefix=_prefix(found[2], 128, text))


_MECHANISMS: dict[str, Callable[[Qualifier, str, str], Mechanism]] = {
    "all": _parse_all,
    "include": _parse_include,
    "a": _parse_a,
    "mx": _parse_mx,
    "ptr": _parse_ptr,
    "ip4": _parse_ip4,
    "ip6": _parse_ip6,
    "exists": _parse_exists,
}

_DUAL_CIDR = re.compile(r"(?:/([0-9]+))?(?://([0-9]+))?")


def _dual_cidr(rest: str, text: str) -> tuple[str, int, int]:
    """Cut the prefix lengths off the end; what is left may hold slashes of its own (RFC 7208 section 5.6)."""
    start = len(rest.rstrip("0123456789/"))
    # A name may end in digits, so the lengths begin at the first slash behind it.
    start = rest.find("/", start)
    if start < 0:
        return rest, 32, 128
    found = _DUAL_CIDR.fullmatch(rest, start)
    if not found:
        raise SpfRecordError(f"{text[:100]!a} ends in no prefix length (RFC 7208 section 5.6)")
    return rest[:start], _prefix(found[1], 32, text), _prefix(found[2], 128, text)


def _prefix(digits: str | None, most: int, text: str) -> int:
    if digits is None:
        return most
    # RFC 7208 section 5.6: no leading zeros, 0 to 32 and 0 to 128
    if len(digits) > 3 or (digits[0] == "0" and digits != "0") or int(digits) > most:
        raise SpfRecordError(f"{text[:100]!a}: a prefix length is 0 to {most} (RFC 7208 section 5.6)")
    return int(digits)


def _required_target(rest: str, text: str) -> DomainSpec:
    if rest[:1] != ":":
        raise SpfRecordError(f"{text[:100]!a} needs a colon and a domain (RFC 7208 section 5)")
    return parse_domain_spec(rest[1:])


def _optional_target(rest: str, text: str) -> DomainSpec | None:
    return _required_target(rest, text) if rest else None
