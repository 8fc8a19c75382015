"""The key record in DNS (RFC 6376 section 3.6.1, RFC 8463 section 4.2).

`g=` is ignored, as RFC 6376 appendix C.2 demands, and so are `n=` and unknown tags.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import KeyDataError, PublicKey, load_ed25519_public_key, load_rsa_public_key
from inalign.dkim.result import DkimReason
from inalign.dkim.signature import read_base64
from inalign.errors import ParseError
from inalign.mail.tag_list import TagError, parse_tag_list

MAX_RECORD_OCTETS = 8192  # a key of 8192 bits takes 1,500; the cache of records must not fill the memory
CACHED_RECORDS = 1024


class KeyRecordError(ParseError):
    """The text is no key record, or holds no usable key."""

    def __init__(self, reason: DkimReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key record whose form is right; whether it fits a signature is another question."""

    key_type: str
    """`k=` in lower case; may be a type that nobody knows."""
    public_key: PublicKey | None
    """None for a revoked key (an empty `p=`) and for a type that nobody knows."""
    is_revoked: bool
    hashes: frozenset[str] | None
    """`h=`, None for all."""
    services: frozenset[str]
    """`s=`; `*` stands for every service."""
    is_testing: bool
    """Whether the record has `t=y`: the domain is testing DKIM."""
    is_strict: bool
    """`t=s`: the domain of `i=` must be `d=` itself."""


@lru_cache(maxsize=CACHED_RECORDS)
def parse_key(record: bytes) -> KeyRecord:
    """Read a TXT record, its character-strings joined. Raises `KeyRecordError`."""
    if len(record) > MAX_RECORD_OCTETS:
        raise KeyRecordError(
            DkimReason.KEY_SYNTAX, f"a key record of {len(record)} octets, the limit is {MAX_RECORD_OCTETS}"
        )
    # A record has no lines: a CR or LF that a zone editor left in it is a blank like any other.
    record = record.replace(b"\r", b" ").replace(b"\n", b" ")
    try:
        tags = parse_tag_list(record)
    except TagError as problem:
        raise KeyRecordError(DkimReason.KEY_SYNTAX, f"the record is no tag list: {problem}") from None
    _check_version(tags)
    if "p" not in tags:
        raise KeyRecordError(DkimReason.KEY_SYNTAX, "the key record has no p= (RFC 6376 section 3.6.1)")
    key_type = tags.get("k", "rsa").lower()
    flags = _words(tags.get("t", ""))
    return KeyRecord(
        key_type=key_type,
        public_key=_read_public_key(key_type, tags["p"]),
        is_revoked=not tags["p"],
        hashes=_words(tags["h"]) if "h" in tags else None,
        services=_words(tags.get("s", "*")),
        is_testing="y" in flags,
        is_strict="s" in flags,
    )


def _check_version(tags: dict[str, str]) -> None:
    version = tags.get("v")
    if version is None:
        return
    if version != "DKIM1":
        # RFC 6376 section 3.6.1: such a record, an SPF record under a wildcard for one, is as good as absent
        raise KeyRecordError(DkimReason.NO_KEY, f"the record is not one of DKIM: v={version[:40]}")
    if next(iter(tags)) != "v":
        raise KeyRecordError(DkimReason.KEY_SYNTAX, "v= is not the first tag of the key record")


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip(" \t").lower() for word in text.split(":"))


def _read_public_key(key_type: str, text: str) -> PublicKey | None:
    if not text or key_type not in (KeyType.RSA, KeyType.ED25519):
        return None
    load = load_rsa_public_key if key_type == KeyType.RSA else load_ed25519_public_key
    try:
        return load(read_base64(text))
    except KeyDataError as problem:
        raise KeyRecordError(DkimReason.KEY_SYNTAX, str(problem)) from None
    except ParseError as problem:
        raise KeyRecordError(DkimReason.KEY_SYNTAX, f"p= {problem}") from None
