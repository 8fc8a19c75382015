"""Signing with DKIM (RFC 6376 section 5, RFC 8301, RFC 8463).

A `Signing` is made at the end of the header and hears of the body as digests, as a `Verification` does. The fields it
makes are to stand above all others, unchanged. What it will not sign: a message without one author field, and one with
line ends that a relay would repair.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inalign.dkim.algorithm import ED25519_SHA256, RSA_SHA256, Algorithm, HashAlgorithm, KeyType
from inalign.dkim.canonical import (
    BodyDigest,
    BodyHashes,
    BodySpec,
    Canonicalization,
    Header,
    signature_octets,
)
from inalign.dkim.crypto import PrivateKey, load_private_key
from inalign.dkim.signature import key_name
from inalign.dkim.verify import seconds_of
from inalign.errors import Error
from inalign.mail.domain import DomainName, is_same_or_below, parse_domain
from inalign.mail.fields import Field, parse_message

MIN_RSA_BITS = 1024  # RFC 8301 section 3.2
ADVISED_RSA_BITS = 2048  # RFC 8301 section 3.2: signers should use at least these
LINE_OCTETS = 78  # RFC 5322 section 2.1.1

# RFC 6376 section 5.4.1. Each is named once more than it occurs, so that nobody can add one (section 8.15).
OVERSIGNED_FIELDS = (
    b"from", b"to", b"cc", b"subject", b"reply-to",
    b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
# Likewise, but only where they occur: mail servers add a Date and a Message-ID that are missing, and mailing lists must
# be able to add their own to other mail. RFC 8058 section 3.1 wants those of unsubscribing under the signature.
OVERSIGNED_IF_PRESENT = (
    b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post",
    b"list-id", b"list-help", b"list-subscribe", b"list-post", b"list-owner", b"list-archive",
)  # fmt: skip
# As often as they occur: whoever resends the message, or answers it, may put more on top.
SIGNED_FIELDS = (
    b"in-reply-to", b"references", b"resent-date", b"resent-from", b"resent-to", b"resent-cc",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSelection:
    """What is different from the fields that are signed by default; names in lower case."""

    signed: frozenset[bytes] = frozenset()
    """As often as they occur, also where the default would name them once more."""
    oversigned: frozenset[bytes] = frozenset()
    """Once more than they occur."""
    excluded: frozenset[bytes] = frozenset()
    """Not at all; From is signed in any case (RFC 6376 section 5.4)."""


DEFAULT_SELECTION = FieldSelection()


class SigningError(Error):
    """The message, or the key, is one that must not be signed with."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name under which its public half is published."""

    domain: DomainName
    selector: DomainName
    private_key: PrivateKey
    identity: str | None = None
    """`i=` of its signatures; None for that of the options."""

    def __post_init__(self) -> None:
        """Check both names. Raises `DomainError` for text that is not a domain name."""
        object.__setattr__(self, "domain", parse_domain(self.domain))
        object.__setattr__(self, "selector", parse_domain(self.selector))

    @classmethod
    def load(cls, domain: str, selector: str, key_file: bytes) -> SigningKey:
        """From the contents of a key file; see `crypto.load_private_key`. Raises `ParseError`."""
        return cls(parse_domain(domain), parse_domain(selector), load_private_key(key_file))

    @property
    def algorithm(self) -> Algorithm:
        """The one algorithm that this type of key signs with."""
        return RSA_SHA256 if self.private_key.key_type is KeyType.RSA else ED25519_SHA256

    @property
    def key_name(self) -> str:
        """Where the public key is published."""
        return key_name(self.selector, self.domain)

    def key_record(self) -> str:
        """The TXT record to publish there (RFC 6376 section 3.6.1, RFC 8463 section 4.2)."""
        return f"v=DKIM1; k={self.private_key.key_type}; p={self.private_key.public_text()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """Options of the signatures that `Signing` makes."""

    header_fields: tuple[str, ...] | None = None
    """`h=` as it shall stand; None for `default_fields`."""
    selection: FieldSelection = DEFAULT_SELECTION
    """What is different from the default there."""
    header_canonicalization: Canonicalization = Canonicalization.RELAXED
    body_canonicalization: Canonicalization = Canonicalization.RELAXED
    identity: str | None = None
    """`i=`; None to leave it out."""
    expires_after: timedelta | None = None
    """How long after `t=` the signature expires; None for never."""
    body_length: bool = False
    """Whether to write `l=`, which lets anyone append to the body; for tests."""


class Signing:
    """The signatures of one message, one for each key."""

    def __init__(
        self,
        fields: Sequence[Field],
        keys: Iterable[SigningKey],
        *,
        now: datetime,
        options: SigningOptions | None = None,
    ) -> None:
        """Raises `SigningError` for a message or a key that must not be signed with."""
        self._options = options or SigningOptions()
        if isinstance(keys, SigningKey):
            raise TypeError("keys must be a list of SigningKey, not one SigningKey: write [key]")
        # RFC 8463 section 6: both may stand side by side; the RSA one first, since more verifiers know it
        self.keys = sorted(keys, key=lambda key: key.private_key.key_type is not KeyType.RSA)
        """In the order of their signatures."""
        self._now = seconds_of(now)
        _refuse_bare_line_ends(b"".join([field.raw for field in fields]))
        self._header = Header(fields)
        self._names = self._fields_to_sign()
        for key in self.keys:
            self._check_key(key)
        self._spec = BodySpec(self._options.body_canonicalization, HashAlgorithm.SHA256)
        self.body_specs = frozenset({self._spec})

    def _fields_to_sign(self) -> tuple[bytes, ...]:
        authors = self._header.count(b"from")
        if authors != 1:
            # RFC 5322 section 3.6; two of them are an attack or a bug, and no verifier gives a pass for them
            raise SigningError(f"the message has {authors} From fields instead of one")
        if self._options.header_fields is None:
            return default_fields(self._header, self._options.selection)
        names = tuple(name.lower().encode("ascii", "replace") for name in self._options.header_fields)
        if b"from" not in names:
            raise SigningError("From must be among the fields to sign (RFC 6376 section 5.4)")
        return names

    def _check_key(self, key: SigningKey) -> None:
        refuse_short_key(key)
        identity = key.identity or self._options.identity
        if identity is not None:
            _, at, domain = identity.rpartition("@")
            if not at or not is_same_or_below(parse_domain(domain), key.domain):
                # RFC 6376 section 3.5, `i=`
                raise SigningError(f"the identity {identity!r} does not lie at or below {key.domain}")

    def fields(self, digests: Mapping[BodySpec, BodyDigest]) -> bytes:
        """The DKIM-Signature fields, folded, each with its CRLF; `digests` must answer `body_specs`."""
        return b"".join(self.each_field(digests))

    def each_field(self, digests: Mapping[BodySpec, BodyDigest]) -> list[bytes]:
        """The same one by one, for `keys`."""
        selected = self._header.selected_octets(self._names, self._options.header_canonicalization)
        body = digests[self._spec]
        return [self._field(key, selected, body) for key in self.keys]

    def _field(self, key: SigningKey, selected: bytes, body: BodyDigest) -> bytes:
        field = b"DKIM-Signature: " + fold_tags(self._tags(key, body), len("DKIM-Signature: "))
        own = signature_octets(field + b"\r\n", self._options.header_canonicalization)
        digest = hashlib.sha256(selected + own).digest()
        return field + fold_signature(key.private_key.sign(digest), field)

    def _tags(self, key: SigningKey, body: BodyDigest) -> list[tuple[str, str]]:
        options = self._options
        tags = [
            ("v", "1"),
            ("a", str(key.algorithm)),
            ("c", f"{options.header_canonicalization}/{options.body_canonicalization}"),
            ("d", key.domain),
            ("s", key.selector),
        ]
        identity = key.identity or options.identity
        if identity is not None:
            tags.append(("i", _encode_quoted_printable(identity)))
        tags.append(("t", str(self._now)))
        if options.expires_after is not None:
            tags.append(("x", str(self._now + int(options.expires_after.total_seconds()))))
        if options.body_length:
            tags.append(("l", str(body.total)))
        tags.append(("h", ":".join(name.decode("ascii") for name in self._names)))
        tags.append(("bh", base64.b64encode(body.digest).decode("ascii")))
        return tags


def refuse_short_key(key: SigningKey) -> None:
    """RFC 8301 section 3.2. Raises `SigningError`."""
    if key.private_key.key_type is KeyType.RSA and key.private_key.bits < MIN_RSA_BITS:
        raise SigningError(f"the RSA key of {key.selector} has fewer than {MIN_RSA_BITS} bits")


def default_fields(header: Header, selection: FieldSelection = DEFAULT_SELECTION) -> tuple[bytes, ...]:
    """What to sign where nobody says: all that a reader sees or a mail program goes by, guarded against additions."""
    times = {name: header.count(name) + 1 for name in OVERSIGNED_FIELDS}
    times |= {name: count + 1 for name in OVERSIGNED_IF_PRESENT if (count := header.count(name))}
    times |= {name: count for name in SIGNED_FIELDS if (count := header.count(name))}
    if selection is not DEFAULT_SELECTION:
        times |= {name: header.count(name) + 1 for name in sorted(selection.oversigned)}
        times |= {name: header.count(name) for name in sorted(selection.signed)}
        times |= dict.fromkeys(selection.excluded - {b"from"}, 0)
    return tuple([name for name, count in times.items() for _ in range(count)])


def fold_tags(tags: Iterable[tuple[str, str]], column: int) -> bytes:
    """A tag list that ends with an empty `b=`, folded; `column` is where its first line begins."""
    lines: list[str] = []
    line = ""
    for name, value in tags:
        first, *rest = value.replace(":", ":\n").split("\n") if name == "h" else [value]
        pieces = [f"{name}={first}", *rest]
        pieces[-1] += ";"
        for number, piece in enumerate(pieces):
            blank = " " if line and number == 0 else ""
            if line and column + len(line) + len(blank) + len(piece) > LINE_OCTETS:
                lines.append(line)
                line, blank, column = "", "", 1
            line += blank + piece
    lines.append(line)
    return "\r\n\t".join([*lines, "b="]).encode("ascii")


def fold_signature(signature: bytes, field: bytes) -> bytes:
    """The value of the `b=` that ends the field, folded, with the CRLF that ends them both."""
    text = base64.b64encode(signature)
    width = LINE_OCTETS - 1
    first = width - (len(field) - field.rindex(b"\n") - 1)
    parts = [text[:first], *(text[start : start + width] for start in range(first, len(text), width))]
    return b"\r\n\t".join(part for part in parts if part) + b"\r\n"


def _encode_quoted_printable(text: str) -> str:
    """RFC 6376 section 2.11."""
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and octet not in b"=;" else f"={octet:02X}"
        for octet in text.encode("utf-8", "surrogateescape")
    )


def _refuse_bare_line_ends(octets: bytes) -> None:
    """RFC 6376 section 5.3: sign only what will cross SMTP as it is."""
    ends = octets.count(b"\r\n")
    if octets.count(b"\r") != ends or octets.count(b"\n") != ends:
        raise SigningError("the message holds a CR or LF that is no line end")


def sign_dkim(
    message: bytes,
    keys: Iterable[SigningKey],
    *,
    now: datetime,
    header_fields: Sequence[str] | None = None,
    canonicalization: str = "relaxed/relaxed",
    identity: str | None = None,
    expires_after: timedelta | None = None,
    body_length: bool = False,
) -> bytes:
    """Sign a message that is at hand whole; gives the fields to put before it, one for each key, RSA first.

    `message` is what will cross SMTP (CRLF; where there is none at all, each LF counts as one, and must be sent as
    one). Raises `SigningError` for a message or key that must not be signed with, `ValueError` for a naive `now` or
    an unknown canonicalization.
    """
    header_form, _, body_form = canonicalization.partition("/")
    options = SigningOptions(
        header_fields=None if header_fields is None else tuple(header_fields),
        header_canonicalization=Canonicalization(header_form),
        body_canonicalization=Canonicalization(body_form or "simple"),
        identity=identity,
        expires_after=expires_after,
        body_length=body_length,
    )
    parts = parse_message(message)
    signing = Signing(parts.fields, keys, now=now, options=options)
    _refuse_bare_line_ends(parts.body)
    hashes = BodyHashes(signing.body_specs)
    hashes.update(parts.body)
    return signing.fields(hashes.digests())
