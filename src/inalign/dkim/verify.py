"""Verification of the DKIM signatures of a message (RFC 6376 section 6, RFC 8301, RFC 8463).

A `Verification` is made at the end of the header, hears of the body as digests (see `canonical.BodyHashes`) and then
gives one result for each DKIM-Signature field. What the form of a field, the time or the rules refute needs neither a
key nor the body. A result speaks of its own signature only: none makes a message worse than an unsigned one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from inalign.dkim.algorithm import RSA_SHA1
from inalign.dkim.canonical import HASHES, BodyDigest, BodyHashes, BodySpec, Header
from inalign.dkim.result import DkimReason, DkimResult, DkimStatus
from inalign.dkim.signature import DkimSignature, SignatureError, SignatureTags, read_signature
from inalign.dkim.verify_key import KeyRules, Proof, SignatureToVerify, prove
from inalign.mail.fields import Field, parse_message
from inalign.resolver.interface import Answer, Resolver, txt

FIELD = b"dkim-signature"

# RFC 5322 section 3.6 and RFC 2045 section 3: fields of which a message has one at most. From is not among them,
# since a second one is judged where the author is looked for (RFC 9989 section 5.3.1).
SINGLE_FIELDS = frozenset(
    {
        b"date", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"message-id", b"in-reply-to", b"references",
        b"subject", b"mime-version", b"content-type", b"content-transfer-encoding",
    }
)  # fmt: skip

_STATUS = {
    DkimReason.VALID: DkimStatus.PASS,
    DkimReason.SIGNATURE_MISMATCH: DkimStatus.FAIL,
    DkimReason.BODY_HASH_MISMATCH: DkimStatus.FAIL,
    DkimReason.BODY_SHORTER_THAN_L: DkimStatus.FAIL,
    DkimReason.EXPIRED: DkimStatus.FAIL,
    DkimReason.TOO_MANY_SIGNATURES: DkimStatus.POLICY,
    DkimReason.PARTIAL_BODY: DkimStatus.POLICY,
    DkimReason.DNS_FAILED: DkimStatus.TEMPERROR,
}
"""What each reason means; those that are not here mean permerror (RFC 6376 section 3.9, RFC 8601 section 2.7.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimLimits:
    """The numbers that a sender must not choose."""

    signatures: int = 10
    """How many signatures of a message are checked (RFC 6376 section 8.4); those below in the header are not."""
    clock_skew_seconds: int = 300
    """How far `t=` may lie in the future (RFC 6376 section 3.5)."""
    min_rsa_bits: int = 1024
    """RFC 8301 section 3.2."""
    legacy_min_rsa_bits: int = 512
    """The same under the legacy switch."""
    max_rsa_bits: int = 8192
    """RFC 8301 section 3.2 asks for 4096; the time of a verification grows with the square."""


LIMITS = DkimLimits()


def seconds_of(now: datetime) -> int:
    """The moment in seconds since 1970. Raises `ValueError` for a naive datetime."""
    if now.utcoffset() is None:
        raise ValueError("`now` has no time zone")
    return int(now.timestamp())


class _OpenSignature(NamedTuple):
    """A signature that nothing has refuted before its key and the body are known."""

    place: int
    signature: DkimSignature
    body_spec: BodySpec


class Verification:
    """The check of all DKIM-Signature fields of one message."""

    def __init__(
        self,
        fields: Sequence[Field],
        *,
        now: datetime,
        legacy_crypto: bool = False,
        services: Collection[str] = frozenset({"email"}),
        limits: DkimLimits = LIMITS,
        header: Header | None = None,
    ) -> None:
        """`services` are the uses that a key must be meant for (`s=`); TLS reports add `tlsrpt` (RFC 8460 section 3).

        `header` shares the canonical forms with another check of the same fields.
        """
        self._header = header or Header(fields)
        self._now = seconds_of(now)
        self._legacy = legacy_crypto
        self._limits = limits
        self._rules = KeyRules(
            services=services,
            min_rsa_bits=limits.legacy_min_rsa_bits if legacy_crypto else limits.min_rsa_bits,
            max_rsa_bits=limits.max_rsa_bits,
        )
        self._checks: list[_OpenSignature | DkimResult] = []
        for place, field in enumerate(fields):
            if field.key == FIELD:
                self._checks.append(self._open(place, field))
        self.body_specs = frozenset(check.body_spec for check in self._checks if isinstance(check, _OpenSignature))

    def _open(self, place: int, field: Field) -> _OpenSignature | DkimResult:
        if len(self._checks) >= self._limits.signatures:
            return DkimResult(
                result=DkimStatus.POLICY,
                reason=DkimReason.TOO_MANY_SIGNATURES,
                detail=f"only the first {self._limits.signatures} signatures of a message are checked",
            )
        try:
            tags = SignatureTags(field.value)
        except SignatureError as problem:
            return DkimResult(result=DkimStatus.PERMERROR, reason=problem.reason, detail=str(problem))
        try:
            signature = read_signature(tags, drafts=self._legacy)
        except SignatureError as problem:
            return _describe(tags, problem)
        refutation = self._refute(signature)
        if refutation is not None:
            return refutation
        spec = BodySpec(signature.body_canonicalization, signature.algorithm.hash, signature.body_length)
        return _OpenSignature(place, signature, spec)

    def _refute(self, signature: DkimSignature) -> DkimResult | None:
        """What time and rules say, before anything is asked or computed."""
        if signature.algorithm == RSA_SHA1 and not self._legacy:
            # RFC 8301 section 3.1
            return _report(signature, DkimReason.OBSOLETE_ALGORITHM, "rsa-sha1 must not be used any more")
        if signature.timestamp is not None and signature.timestamp > self._now + self._limits.clock_skew_seconds:
            # RFC 6376 section 3.5: "t="
            ahead = signature.timestamp - self._now
            return _report(signature, DkimReason.FUTURE_TIMESTAMP, f"t= lies {ahead} seconds in the future")
        if signature.expiry is not None and self._now > signature.expiry:
            # RFC 6376 section 3.5: "x="
            return _report(signature, DkimReason.EXPIRED, f"the signature expired {self._now - signature.expiry} s ago")
        return None

    def prefetch(self, resolver: Resolver) -> None:
        """Name the keys that `results` will ask for."""
        names = dict.fromkeys(check.signature.key_name for check in self._checks if isinstance(check, _OpenSignature))
        resolver.prefetch(*map(txt, names))

    async def results(self, resolver: Resolver, digests: Mapping[BodySpec, BodyDigest]) -> tuple[DkimResult, ...]:
        """One result for each DKIM-Signature field, in header order; `digests` must answer `body_specs`."""
        answers: dict[str, Answer[bytes]] = {}
        results: list[DkimResult] = []
        for check in self._checks:
            if isinstance(check, DkimResult):
                results.append(check)
                continue
            name = check.signature.key_name
            if name not in answers:
                answers[name] = await resolver.txt(name)
            results.append(self._conclude(check, answers[name], digests[check.body_spec]))
        return tuple(results)

    def _conclude(self, check: _OpenSignature, answer: Answer[bytes], body: BodyDigest) -> DkimResult:
        signature = check.signature
        octets = self._header.signed_octets(signature.signed_fields, signature.header_canonicalization, check.place)
        digest = HASHES[signature.algorithm.hash](octets).digest()
        claim = SignatureToVerify(
            signature.algorithm, signature.value, digest, signature.identity_domain != signature.domain
        )
        proof = prove(claim, answer, self._rules)
        reason, detail = _with_body(proof, signature, body)
        if reason is DkimReason.VALID and self._header.count(b"from") > signature.signed_fields.count(b"from"):
            # RFC 6376 section 8.15: the signature stands; DMARC never passes a message with two From fields
            detail = "valid, but the message has more From fields than the signature covers"
        return _report(signature, reason, detail, answer=answer, proof=proof, header=self._header, body=body)


def _with_body(proof: Proof, signature: DkimSignature, body: BodyDigest) -> tuple[DkimReason, str]:
    """The last word: where the key could judge, the body comes first (RFC 6376 section 6.1.3 step 3)."""
    if proof.reason not in (DkimReason.VALID, DkimReason.SIGNATURE_MISMATCH):
        return proof.reason, proof.detail
    header = "the header is intact" if proof.reason is DkimReason.VALID else "the header does not match either"
    if signature.body_length is not None and body.total < signature.body_length:
        # RFC 6376 section 3.5: "l=" MUST NOT be larger than the body
        return (
            DkimReason.BODY_SHORTER_THAN_L,
            f"l={str(signature.body_length)[:20]} counts more than the {body.total} octets of the body; {header}",
        )
    if body.digest != signature.body_hash:
        return DkimReason.BODY_HASH_MISMATCH, f"the body was changed after signing; {header}"
    if proof.reason is DkimReason.SIGNATURE_MISMATCH:
        return proof.reason, "the header was changed after signing, or another key signed it; the body is intact"
    return DkimReason.VALID, ""


def _added_fields(signature: DkimSignature, header: Header) -> tuple[str, ...]:
    """Repeated fields that the signature covers less often than they occur (RFC 6376 section 8.15)."""
    return tuple(
        [
            name.decode("ascii")
            for name in header.repeated()
            if name in SINGLE_FIELDS and header.count(name) > signature.signed_fields.count(name)
        ]
    )


def _report(
    signature: DkimSignature,
    reason: DkimReason,
    detail: str,
    *,
    answer: Answer[bytes] | None = None,
    proof: Proof | None = None,
    header: Header | None = None,
    body: BodyDigest | None = None,
) -> DkimResult:
    length = signature.body_length
    record = proof.record if proof else None
    return DkimResult(
        result=_STATUS.get(reason, DkimStatus.PERMERROR),
        reason=reason,
        domain=signature.domain,
        selector=signature.selector,
        algorithm=str(signature.algorithm),
        canonicalization=f"{signature.header_canonicalization}/{signature.body_canonicalization}",
        identity=signature.identity,
        key_bits=record.public_key.bits if record and record.public_key else None,
        testing=record is not None and record.is_testing,
        is_header_intact=proof is not None and proof.reason is DkimReason.VALID,
        body_length=length,
        unsigned_octets=max(0, body.total - length) if body and length is not None else 0,
        signed_fields=tuple(b":".join(signature.signed_fields).decode("ascii").split(":")),
        added_fields=_added_fields(signature, header) if header else (),
        signature_start=signature.start,
        timestamp=signature.timestamp,
        expiry=signature.expiry,
        detail=detail,
        secure=answer is not None and answer.dnssec_validated,
    )


def _describe(tags: SignatureTags, problem: SignatureError) -> DkimResult:
    """What can still be told of a field that is refused, so that a report can name it."""
    domain = selector = algorithm = None
    try:
        tags.require("d", "s")
        domain = tags.domain()
        selector = tags.selector()
        tags.require("a")
        algorithm = str(tags.algorithm())
    except SignatureError:
        pass
    return DkimResult(
        result=_STATUS.get(problem.reason, DkimStatus.PERMERROR),
        reason=problem.reason,
        domain=domain,
        selector=selector,
        algorithm=algorithm,
        signature_start=tags.signature_start(),
        detail=str(problem),
    )


async def verify_dkim(
    message: bytes, resolver: Resolver, *, now: datetime, legacy_crypto: bool = False
) -> tuple[DkimResult, ...]:
    """Check every DKIM-Signature field of a message that is at hand whole.

    `message` is what crosses SMTP (CRLF; where there is none at all, each LF counts as one). `legacy_crypto` lets
    rsa-sha1, RSA keys from 512 bits on and the version tags of the drafts through, for the study of old mail.
    Raises `ValueError` for a naive `now`, nothing for anything in the message or in DNS.
    """
    parts = parse_message(message)
    verification = Verification(parts.fields, now=now, legacy_crypto=legacy_crypto)
    verification.prefetch(resolver)
    hashes = BodyHashes(verification.body_specs)
    hashes.update(parts.body)
    return await verification.results(resolver, hashes.digests())
