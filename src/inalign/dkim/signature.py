"""The DKIM-Signature field (RFC 6376 section 3.5), read strictly: whatever is wrong makes the signature a permerror.

`SignatureTags` reads the single tags and serves ARC too, whose fields are made of the same ones. Unknown tags are
ignored, as are `z=` and anything else that no decision is made of.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache
from typing import NamedTuple

from inalign.dkim.algorithm import ALGORITHMS, Algorithm
from inalign.dkim.canonical import Canonicalization
from inalign.dkim.result import DkimReason
from inalign.errors import ParseError
from inalign.mail.domain import MAX_NAME_OCTETS, DomainError, DomainName, is_same_or_below, parse_domain
from inalign.mail.fields import Field
from inalign.mail.tag_list import TagError, parse_tag_list

REQUIRED_TAGS = ("v", "a", "b", "bh", "d", "h", "s")  # RFC 6376 section 6.1.1

MAX_CACHED_NAMES = 512  # octets of an `h=` that is remembered; real ones are shorter

_CANONICALIZATIONS = {str(each): each for each in Canonicalization}
_UNFIT_IN_NAME = re.compile(rb"[^\x21-\x7e]")  # RFC 5322 section 3.6.8
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_ENCODED = re.compile(rb"=([0-9A-Fa-f]{2})?")
_UNFIT_IN_IDENTITY = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]")  # control characters, and what is no UTF-8
_DRAFT_VERSION = re.compile(r"0\.[0-9]", re.ASCII)


class SignatureError(ParseError):
    """A signature field that is not in its grammar, or that no verifier may accept."""

    def __init__(self, reason: DkimReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_base64(text: str) -> bytes:
    """Decode base64 with blanks anywhere in it; the padding may be left out. Raises `ParseError`."""
    packed = text.replace(" ", "").replace("\t", "")  # RFC 6376 section 3.5: whitespace is ignored in this value
    digits = packed.rstrip("=")
    if len(packed) - len(digits) > 2 or not digits:
        raise ParseError(f"{text[:40]!r} is not base64")
    try:
        return binascii.a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except ValueError:
        raise ParseError(f"{text[:40]!r} is not base64") from None


class SignatureTags:
    """The tags of one signature field. Every method raises `SignatureError` for a tag that is missing or malformed."""

    def __init__(self, value: bytes) -> None:
        try:
            self._tags = parse_tag_list(value)
        except TagError as problem:
            raise SignatureError(DkimReason.SYNTAX, str(problem)) from None

    def get(self, name: str) -> str | None:
        """The value as written, None without such a tag."""
        return self._tags.get(name)

    def require(self, *names: str) -> None:
        """Refuse the list unless all these tags stand in it."""
        for name in names:
            if name not in self._tags:
                raise SignatureError(DkimReason.MISSING_TAG, f"the tag {name}= is missing")

    def algorithm(self) -> Algorithm:
        """`a=`, whose words have no case (they are plain strings of the grammar)."""
        name = self._tags["a"]
        algorithm = ALGORITHMS.get(name.lower())
        if algorithm is None:
            raise SignatureError(DkimReason.UNSUPPORTED_ALGORITHM, f"a={name[:40]} is no algorithm of DKIM")
        return algorithm

    def octets(self, name: str) -> bytes:
        """A base64 value, which must not be empty."""
        try:
            return read_base64(self._tags[name])
        except ParseError as problem:
            raise SignatureError(DkimReason.SYNTAX, f"{name}= {problem}") from None

    def signature_start(self) -> str:
        """The first octets of `b=`, by which a result can name its signature (RFC 6008)."""
        return self._tags.get("b", "").replace(" ", "").replace("\t", "")[:8]

    def canonicalization(self, default: str = "simple/simple") -> tuple[Canonicalization, Canonicalization]:
        """`c=` for header and body; a body of which nothing is said is simple (RFC 6376 section 3.5)."""
        text = self._tags.get("c", default)
        header, slash, body = text.lower().partition("/")
        try:
            return _CANONICALIZATIONS[header], _CANONICALIZATIONS[body if slash else "simple"]
        except KeyError:
            raise SignatureError(
                DkimReason.UNSUPPORTED_CANONICALIZATION, f"c={text[:40]} is not simple or relaxed"
            ) from None

    def domain(self) -> DomainName:
        """`d=`, which has two labels at least (RFC 6376 section 3.5)."""
        domain = _domain(self._tags["d"], "d")
        if "." not in domain:
            raise SignatureError(DkimReason.INVALID_DOMAIN, f"d={domain} is a top-level domain")
        return domain

    def selector(self) -> DomainName:
        """`s=`, one label or several (RFC 6376 section 3.1)."""
        return _domain(self._tags["s"], "s")

    def field_names(self, *, strict: bool = True) -> tuple[bytes, ...]:
        """`h=` in lower case and in order. Unless `strict`, empty names are passed over."""
        text = self._tags["h"]
        return _read_often(text, strict) if len(text) <= MAX_CACHED_NAMES else _read_names(text, strict)

    def number(self, name: str, digits: int) -> int | None:
        """An unsigned number of at most so many digits, None without the tag."""
        text = self._tags.get(name)
        if text is None:
            return None
        if len(text) > digits or not _DIGITS.fullmatch(text):
            raise SignatureError(DkimReason.SYNTAX, f"{name}={text[:20]} is no number of up to {digits} digits")
        return int(text)

    def body_length(self) -> int | None:
        """The value of the `l=` tag: how many octets of the body are signed."""
        return self.number("l", 76)  # RFC 6376 section 3.5

    def times(self) -> tuple[int | None, int | None]:
        """`t=` and `x=` in seconds since 1970; the second must be the later one."""
        timestamp = self.number("t", 12)
        expiry = self.number("x", 12)
        if timestamp is not None and expiry is not None and expiry <= timestamp:
            # RFC 6376 section 3.5: "x=" MUST be greater than "t="
            raise SignatureError(DkimReason.EXPIRY_BEFORE_TIMESTAMP, f"x={expiry} is not later than t={timestamp}")
        return timestamp, expiry


def _read_names(text: str, strict: bool) -> tuple[bytes, ...]:
    octets = text.lower().encode("utf-8", "surrogateescape")
    names = [name.strip(b" \t") for name in octets.split(b":")]
    if b"" in names:
        if strict:
            raise SignatureError(DkimReason.SYNTAX, "h= holds an empty name")
        names = [name for name in names if name]
    if _UNFIT_IN_NAME.search(b"".join(names)):
        raise SignatureError(DkimReason.SYNTAX, f"h= holds what is no field name: {octets[:80]!r}")
    return tuple(names)


_read_often = lru_cache(maxsize=512)(_read_names)
"""A signer writes the same `h=` again and again."""


def _domain(text: str, tag: str) -> DomainName:
    if text.endswith("."):
        raise SignatureError(DkimReason.INVALID_DOMAIN, f"{tag}={text[:80]!r} ends with a dot")
    try:
        return parse_domain(text)  # RFC 8616 section 5: U-labels may stand here, too
    except DomainError as problem:
        raise SignatureError(DkimReason.INVALID_DOMAIN, f"{tag}= is no domain name: {problem}") from None


def key_name(selector: DomainName, domain: DomainName) -> str:
    """Where the key is published (RFC 6376 section 3.6.2.1). Raises `SignatureError` if DNS cannot hold the name."""
    name = f"{selector}._domainkey.{domain}"
    if len(name) > MAX_NAME_OCTETS:
        raise SignatureError(DkimReason.INVALID_DOMAIN, f"the name of the key has {len(name)} octets, DNS allows 253")
    return name


class DkimSignature(NamedTuple):
    """A DKIM-Signature field whose form is right."""

    algorithm: Algorithm
    value: bytes
    """The signature: the value of `b=`, decoded from base64."""
    body_hash: bytes
    """The body hash: the value of `bh=`, decoded from base64."""
    header_canonicalization: Canonicalization
    body_canonicalization: Canonicalization
    domain: DomainName
    selector: DomainName
    key_name: str
    identity: str
    """`i=` decoded, or `@d`."""
    identity_domain: DomainName
    signed_fields: tuple[bytes, ...]
    body_length: int | None
    timestamp: int | None
    expiry: int | None
    start: str
    """The first octets of `b=` as written."""


def parse_signature(field: Field, *, drafts: bool = False) -> DkimSignature:
    """Read a DKIM-Signature field, by all rules that need neither the key nor the time.

    `drafts` admits the version tags of the drafts before RFC 4871, as RFC 6376 section 6.1.1 allows.
    Raises `SignatureError`.
    """
    return read_signature(SignatureTags(field.value), drafts=drafts)


def read_signature(tags: SignatureTags, *, drafts: bool = False) -> DkimSignature:
    """The signature that the tags make; see `parse_signature`."""
    _check_version(tags, drafts=drafts)
    tags.require(*REQUIRED_TAGS[1:])
    domain = tags.domain()
    selector = tags.selector()
    identity, identity_domain = _read_identity(tags.get("i"), domain)
    header_canonicalization, body_canonicalization = tags.canonicalization()
    signed_fields = tags.field_names()
    if b"from" not in signed_fields:
        # RFC 6376 section 6.1.1
        raise SignatureError(DkimReason.FROM_NOT_SIGNED, "h= does not name From")
    _check_query(tags.get("q"), drafts=drafts)
    timestamp, expiry = tags.times()
    return DkimSignature(
        algorithm=tags.algorithm(),
        value=tags.octets("b"),
        body_hash=tags.octets("bh"),
        header_canonicalization=header_canonicalization,
        body_canonicalization=body_canonicalization,
        domain=domain,
        selector=selector,
        key_name=key_name(selector, domain),
        identity=identity,
        identity_domain=identity_domain,
        signed_fields=signed_fields,
        body_length=tags.body_length(),
        timestamp=timestamp,
        expiry=expiry,
        start=tags.signature_start(),
    )


def _check_version(tags: SignatureTags, *, drafts: bool) -> None:
    version = tags.get("v")
    if version == "1" or (drafts and (version is None or _DRAFT_VERSION.fullmatch(version))):
        return
    if version is None:
        raise SignatureError(DkimReason.MISSING_TAG, "the tag v= is missing")
    # RFC 6376 section 6.1.1
    raise SignatureError(DkimReason.UNSUPPORTED_VERSION, f"v={version[:20]} is not 1")


def _check_query(text: str | None, *, drafts: bool) -> None:
    """`q=` must offer the one method that exists; others beside it are ignored (RFC 6376 section 3.5)."""
    if text is None:
        return
    methods = [method.strip(" \t").lower() for method in text.split(":")]
    if "dns/txt" not in methods and not (drafts and methods == ["dns"]):
        raise SignatureError(DkimReason.UNSUPPORTED_QUERY, f"q={text[:40]} does not offer dns/txt")


def _read_identity(text: str | None, domain: DomainName) -> tuple[str, DomainName]:
    """`i=` decoded from dkim-quoted-printable, and its domain, which lies at or below `d=` (RFC 6376 section 3.5)."""
    if text is None:
        return f"@{domain}", domain  # RFC 6376 section 6.1.1
    identity = _decode_quoted_printable(text)
    local_part, at, name = identity.rpartition("@")
    if not at or _UNFIT_IN_IDENTITY.search(local_part):
        raise SignatureError(DkimReason.SYNTAX, f"i={text[:80]!r} is no address with an optional local part")
    identity_domain = _domain(name, "i")
    if not is_same_or_below(identity_domain, domain):
        raise SignatureError(
            DkimReason.IDENTITY_MISMATCH, f"the domain of i=, {identity_domain}, is not {domain} nor below it"
        )
    return identity, identity_domain


def _decode_quoted_printable(text: str) -> str:
    """RFC 6376 section 2.11; non-ASCII text may stand for itself (RFC 8616 section 5)."""
    packed = text.replace(" ", "").replace("\t", "")
    if "=" not in packed:
        return packed
    return _ENCODED.sub(_decode_octet, packed.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _decode_octet(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        raise SignatureError(DkimReason.SYNTAX, "i= holds an equals sign that encodes nothing")
    return bytes.fromhex(found[1].decode("ascii"))
