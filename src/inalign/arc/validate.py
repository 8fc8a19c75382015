"""Validation of the ARC chain of a message (RFC 8617 section 5.2).

A `Validation` is made at the end of the header and hears of the body as digests, as a DKIM `Verification` does. Every
failure is final (section 5.2.1), a missing DNS answer too, which has a reason of its own so that nobody decides on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.arc.sets import (
    AUTHENTICATION_RESULTS,
    MESSAGE_SIGNATURE,
    SEAL,
    ArcSet,
    ChainError,
    MessageSignature,
    collect_sets,
    read_message_signature,
    results_value,
)
from inalign.dkim.canonical import HASHES, BodyDigest, BodyHashes, BodySpec, Canonicalization, Header, signature_octets
from inalign.dkim.result import DkimReason
from inalign.dkim.verify import seconds_of
from inalign.dkim.verify_key import KeyRules, SignatureToVerify, prove
from inalign.mail.fields import Field, parse_message
from inalign.resolver.interface import Answer, Resolver, txt

_KEY_REASONS = {
    DkimReason.DNS_FAILED: ArcReason.KEY_UNAVAILABLE,
    DkimReason.SIGNATURE_MISMATCH: ArcReason.SIGNATURE_MISMATCH,
}
"""What the judgement of a key means here; everything else is NO_KEY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcLimits:
    """The numbers that a sender must not choose, beside the 50 sets of RFC 8617 section 4.2.1."""

    body_hashes: int = 4
    """In how many ways the body is hashed at most to find out how old the oldest valid message signature is."""
    min_rsa_bits: int = 1024
    """RFC 8301 section 3.2."""
    max_rsa_bits: int = 8192
    """The longest RSA key that is verified; longer ones cost too much."""


LIMITS = ArcLimits()


@dataclass(frozen=True, slots=True)
class _Message:
    """A message signature that is worth checking."""

    place: int
    instance: int
    signature: MessageSignature
    body_spec: BodySpec


class Validation:
    """The check of the ARC chain of one message."""

    def __init__(
        self, fields: Sequence[Field], *, now: datetime, limits: ArcLimits = LIMITS, header: Header | None = None
    ) -> None:
        """`header` shares the canonical forms with another check of the same fields."""
        self._header = header or Header(fields)
        self._now = seconds_of(now)
        self._rules = KeyRules(min_rsa_bits=limits.min_rsa_bits, max_rsa_bits=limits.max_rsa_bits)
        self._sets: tuple[ArcSet, ...] = ()
        self._messages: tuple[_Message, ...] = ()
        """Newest first, without a gap."""
        self._early: ArcResult | None = None
        """The result, where the structure of the chain gives it already."""
        try:
            if self._count_seals():
                self._sets = collect_sets(fields)
                self._messages = tuple(self._messages_to_check(limits.body_hashes))
        except ChainError as problem:
            self._early = self._fail(problem)
        if not self._sets and self._early is None:
            self._early = ArcResult(result=ArcStatus.NONE, reason=ArcReason.NO_SETS)
        self.body_specs = frozenset(message.body_spec for message in self._messages) if not self._early else frozenset()

    def _messages_to_check(self, max_specs: int) -> Iterator[_Message]:
        """The message signatures from the newest on, as long as they can be read and ask for few body hashes."""
        specs: set[BodySpec] = set()
        for arc_set in reversed(self._sets):
            try:
                signature = read_message_signature(arc_set.message_signature_tags, arc_set.instance)
                self._refuse_expired(signature, arc_set.instance)
            except ChainError:
                if not specs:
                    raise
                return  # an old one only ends the search for the oldest that passes
            spec = BodySpec(signature.body_canonicalization, signature.algorithm.hash, signature.body_length)
            specs.add(spec)
            if len(specs) > max_specs:
                return
            yield _Message(arc_set.message_signature_place, arc_set.instance, signature, spec)

    def _refuse_expired(self, signature: MessageSignature, instance: int) -> None:
        if signature.expiry is not None and self._now > signature.expiry:
            # RFC 6376 section 3.5 by way of RFC 8617 section 4.1.2
            raise ChainError(ArcReason.EXPIRED, f"message signature {instance} has expired")

    def _fail(self, problem: ChainError) -> ArcResult:
        return ArcResult(
            result=ArcStatus.FAIL,
            reason=problem.reason,
            instances=len(self._sets) or self._count_seals(),
            sealers=self._sealers(),
            detail=str(problem),
        )

    def _count_seals(self) -> int:
        """How many sets a broken chain seems to have."""
        return max(map(self._header.count, (SEAL, MESSAGE_SIGNATURE, AUTHENTICATION_RESULTS)))

    def _sealers(self) -> tuple[str, ...]:
        return tuple(arc_set.seal.domain for arc_set in self._sets)

    def prefetch(self, resolver: Resolver) -> None:
        """Name the keys that `result` will ask for."""
        if self._early is None:
            names = [message.signature.key_name for message in self._messages]
            names += [arc_set.seal.key_name for arc_set in self._sets]
            resolver.prefetch(*map(txt, dict.fromkeys(names)))

    async def result(self, resolver: Resolver, digests: Mapping[BodySpec, BodyDigest]) -> ArcResult:
        """The state of the chain; `digests` must answer `body_specs`."""
        if self._early is not None:
            return self._early
        keys = _ChainKeys(resolver)
        try:
            await self._check_message(self._messages[0], keys, digests)  # RFC 8617 section 5.2 step 4
            await self._check_seals(keys)  # step 6
        except ChainError as problem:
            return self._fail(problem)
        return ArcResult(
            result=ArcStatus.PASS,
            reason=ArcReason.VALID,
            instances=len(self._sets),
            sealers=self._sealers(),
            results=tuple(results_value(self._header.fields[arc_set.results_place]) for arc_set in self._sets),
            oldest_pass=await self._oldest_pass(keys, digests),
        )

    async def _oldest_pass(self, keys: _ChainKeys, digests: Mapping[BodySpec, BodyDigest]) -> int:
        """RFC 8617 section 5.2 step 5; done last, since it cannot change the result."""
        oldest = len(self._sets)
        for message in self._messages[1:]:
            try:
                await self._check_message(message, keys, digests)
            except ChainError:
                break
            oldest = message.instance
        return 0 if oldest == 1 else oldest

    async def _check_message(self, message: _Message, keys: _ChainKeys, digests: Mapping[BodySpec, BodyDigest]) -> None:
        """Raise `ChainError` unless the message signature verifies, body included."""
        signature = message.signature
        what = f"message signature {message.instance}"
        octets = self._header.signed_octets(signature.signed_fields, signature.header_canonicalization, message.place)
        digest = HASHES[signature.algorithm.hash](octets).digest()
        await self._check_claim(
            SignatureToVerify(signature.algorithm, signature.value, digest), signature.key_name, keys, what
        )
        body = digests[message.body_spec]
        if signature.body_length is not None and body.total < signature.body_length:
            raise ChainError(ArcReason.BODY_HASH_MISMATCH, f"{what}: l= counts more octets than the body has")
        if body.digest != signature.body_hash:
            raise ChainError(ArcReason.BODY_HASH_MISMATCH, f"{what}: the body was changed after signing")

    async def _check_seals(self, keys: _ChainKeys) -> None:
        """Raise `ChainError` unless every seal verifies, the newest first."""
        claims = list(self._seal_claims())
        for arc_set, claim in zip(reversed(self._sets), reversed(claims), strict=True):
            await self._check_claim(claim, arc_set.seal.key_name, keys, f"seal {arc_set.instance}")

    def _seal_claims(self) -> Iterator[SignatureToVerify]:
        """What each seal signs: all sets up to its own (RFC 8617 section 5.1.1).

        One running hash serves them all, so that a long chain costs no more than its octets.
        """
        running = hashlib.sha256()
        for arc_set in self._sets:
            for place in (arc_set.results_place, arc_set.message_signature_place):
                running.update(self._header.canonical(place, Canonicalization.RELAXED))
            own = running.copy()
            own.update(signature_octets(self._header.fields[arc_set.seal_place].raw, Canonicalization.RELAXED))
            yield SignatureToVerify(arc_set.seal.algorithm, arc_set.seal.value, own.digest())
            running.update(self._header.canonical(arc_set.seal_place, Canonicalization.RELAXED))

    async def _check_claim(self, claim: SignatureToVerify, key_name: str, keys: _ChainKeys, what: str) -> None:
        proof = prove(claim, await keys.get(key_name), self._rules)
        if proof.reason is not DkimReason.VALID:
            raise ChainError(_KEY_REASONS.get(proof.reason, ArcReason.NO_KEY), f"{what}: {proof.detail}")


class _ChainKeys:
    """The answers for the keys of one chain, each asked for once."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._answers: dict[str, Answer[bytes]] = {}

    async def get(self, name: str) -> Answer[bytes]:
        answer = self._answers.get(name)
        if answer is None:
            answer = self._answers[name] = await self._resolver.txt(name)
        return answer


async def validate_arc(message: bytes, resolver: Resolver, *, now: datetime) -> ArcResult:
    """Validate the ARC chain of a message that is at hand whole.

    `message` is what crosses SMTP (CRLF; where there is none at all, each LF counts as one). Raises `ValueError` for a
    naive `now`, nothing for anything in the message or in DNS.
    """
    parts = parse_message(message)
    validation = Validation(parts.fields, now=now)
    validation.prefetch(resolver)
    hashes = BodyHashes(validation.body_specs)
    hashes.update(parts.body)
    return await validation.result(resolver, hashes.digests())
