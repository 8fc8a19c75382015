"""Sealing: the ARC set that a forwarder adds (RFC 8617 section 5.1).

A `Sealing` is made at the end of the header and hears of the body as digests. The three fields it makes are to stand
above all others, unchanged, and the message must not be changed afterwards. A chain that was broken before gets one
last set which says so; after that, and beyond 50 sets, nothing is added.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inalign.arc.result import ArcResult, ArcStatus
from inalign.arc.sets import AUTHENTICATION_RESULTS, MAX_SETS, MESSAGE_SIGNATURE, SEAL, collect_sets, newest_instance
from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import (
    BodyDigest,
    BodyHashes,
    BodySpec,
    Canonicalization,
    Header,
    relaxed_field,
    signature_octets,
)
from inalign.dkim.sign import SigningError, SigningKey, default_fields, fold_signature, fold_tags, refuse_short_key
from inalign.dkim.verify import seconds_of
from inalign.errors import ParseError
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.fields import Field, parse_message
from inalign.mail.results import AuthenticationResults, MethodResult

RELAXED = Canonicalization.RELAXED
_SPEC = BodySpec(RELAXED, HashAlgorithm.SHA256)

# RFC 8617 section 4.1.2: what an AMS must not cover
_NEVER_COVERED = frozenset({AUTHENTICATION_RESULTS, MESSAGE_SIGNATURE, SEAL, b"authentication-results"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingOptions:
    """Options of the seal and the message signature that `Sealing` makes."""

    header_fields: tuple[str, ...] | None = None
    """`h=` of the message signature; None for those that DKIM signs by default, and all DKIM-Signature fields."""
    sort_tags: bool = False
    """Write the tags in alphabetical order and `b=` in one piece, as the public conformance suite does; otherwise the
    instance comes first (RFC 8617 section 4.1.2)."""


class Sealing:
    """The set to add to one message."""

    body_specs = frozenset({_SPEC})

    def __init__(
        self, fields: Sequence[Field], key: SigningKey, *, now: datetime, options: SealingOptions | None = None
    ) -> None:
        """Raises `SigningError` for a key or options that no valid set can be made by."""
        refuse_short_key(key)
        self._key = key
        self._now = seconds_of(now)
        self._options = options or SealingOptions()
        self._header = Header(fields)
        self._names = self._fields_to_cover()

    def _fields_to_cover(self) -> tuple[bytes, ...]:
        if self._options.header_fields is None:
            # RFC 8617 section 4.1.2: existing DKIM signatures should be covered
            return (*default_fields(self._header), *[b"dkim-signature"] * self._header.count(b"dkim-signature"))
        names = tuple(name.lower().encode("ascii", "replace") for name in self._options.header_fields)
        if not _NEVER_COVERED.isdisjoint(names):
            raise SigningError("an ARC-Message-Signature must not cover ARC fields or Authentication-Results")
        return names

    def fields(
        self, digests: Mapping[BodySpec, BodyDigest], *, results: AuthenticationResults, chain: ArcResult
    ) -> bytes:
        """ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, folded; `b""` where nothing may be added.

        `results` is all that was found about the message as it came (RFC 8617 section 4.1.1), `chain` the validation of
        the sets that it came with.
        """
        newest, is_closed = newest_instance(self._header.fields)
        if is_closed or newest >= MAX_SETS:
            return b""  # RFC 8617 section 5.1 step 2, section 4.2.1
        instance = newest + 1
        aar = _fold_results(f"ARC-Authentication-Results: i={instance}; {results}")
        ams = self._message_signature(instance, digests[_SPEC])
        return self._seal(instance, chain.result, aar, ams) + ams + aar

    def _message_signature(self, instance: int, body: BodyDigest) -> bytes:
        tags = [
            ("i", str(instance)),
            ("a", str(self._key.algorithm)),
            ("c", "relaxed/relaxed"),
            ("d", self._key.domain),
            ("s", self._key.selector),
            ("t", str(self._now)),
            ("h", ":".join(name.decode("ascii") for name in self._names)),
            ("bh", base64.b64encode(body.digest).decode("ascii")),
        ]
        return self._sign("ARC-Message-Signature", tags, self._header.selected_octets(self._names, RELAXED))

    def _seal(self, instance: int, chain: ArcStatus, aar: bytes, ams: bytes) -> bytes:
        tags = [
            ("i", str(instance)),
            ("a", str(self._key.algorithm)),
            ("t", str(self._now)),
            ("cv", chain.value),
            ("d", self._key.domain),
            ("s", self._key.selector),
        ]
        # RFC 8617 section 5.1.2: of a broken chain the seal covers its own set alone
        older = b"" if chain is ArcStatus.FAIL else b"".join(self._older_sets())
        return self._sign("ARC-Seal", tags, older + relaxed_field(aar) + relaxed_field(ams))

    def _older_sets(self) -> Iterator[bytes]:
        """RFC 8617 section 5.1.1."""
        for arc_set in collect_sets(self._header.fields):
            for place in (arc_set.results_place, arc_set.message_signature_place, arc_set.seal_place):
                yield self._header.canonical(place, RELAXED)

    def _sign(self, name: str, tags: list[tuple[str, str]], covered: bytes) -> bytes:
        start = f"{name}: "
        if self._options.sort_tags:
            field = (start + "; ".join(f"{tag}={value}" for tag, value in sorted([*tags, ("b", "")]))).encode("ascii")
        else:
            field = start.encode("ascii") + fold_tags(tags, len(start))
        own = signature_octets(field + b"\r\n", RELAXED)
        signature = self._key.private_key.sign(hashlib.sha256(covered + own).digest())
        if self._options.sort_tags:
            return field.replace(b"; b=;", b"; b=%b;" % base64.b64encode(signature), 1) + b"\r\n"
        return field + fold_signature(signature, field)


def _fold_results(text: str) -> bytes:
    """Folded between the results; within them nothing is touched."""
    return text.replace("; ", ";\r\n\t").replace(";\r\n\t", "; ", 1).encode("utf-8") + b"\r\n"


def combined_results(fields: Sequence[Field], authserv_id: str) -> AuthenticationResults:
    """What all Authentication-Results fields of one authserv-id say, in header order (RFC 8617 section 4.1.1)."""
    results: list[MethodResult] = []
    for field in fields:
        if field.key == b"authentication-results":
            try:
                read = parse_authentication_results(field.value)
            except ParseError:
                continue
            if read.authserv_id.lower() == authserv_id.lower():
                results.extend(read.results)
    return AuthenticationResults(authserv_id=authserv_id, results=tuple(results))


def seal_arc(
    message: bytes,
    key: SigningKey,
    *,
    now: datetime,
    results: AuthenticationResults,
    chain: ArcResult,
    options: SealingOptions | None = None,
) -> bytes:
    """Seal a message that is at hand whole; gives the fields to put before it, or `b""` where nothing may be added.

    `message` is what will cross SMTP. `results` and `chain` are what was found when it came in; see `Sealing.fields`.
    Raises `SigningError` for a key or options that no valid set can be made by, `ValueError` for a naive `now`.
    """
    parts = parse_message(message)
    sealing = Sealing(parts.fields, key, now=now, options=options)
    hashes = BodyHashes(sealing.body_specs)
    hashes.update(parts.body)
    return sealing.fields(hashes.digests(), results=results, chain=chain)
