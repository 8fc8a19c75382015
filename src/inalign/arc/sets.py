"""The ARC sets of a message and the structure of their chain (RFC 8617 section 4 and section 5.2, steps 1 to 3).

A set is three fields with one instance number. AMS and AS are tag lists like a DKIM-Signature, and are read by the
same code; of the AAR only the instance is looked at, what it tells is for those who trust its sealer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inalign.arc.result import ArcReason
from inalign.dkim.algorithm import RSA_SHA1, Algorithm
from inalign.dkim.canonical import Canonicalization
from inalign.dkim.result import DkimReason
from inalign.dkim.signature import SignatureError, SignatureTags, key_name
from inalign.errors import ParseError
from inalign.mail.domain import DomainName
from inalign.mail.fields import Field

AUTHENTICATION_RESULTS = b"arc-authentication-results"
MESSAGE_SIGNATURE = b"arc-message-signature"
SEAL = b"arc-seal"

MAX_SETS = 50  # RFC 8617 section 4.2.1

_INSTANCE = re.compile(r"[0-9]{1,2}", re.ASCII)
_CFWS = rb"(?:[ \t\r\n]|\([^()\\]*+\))*"
# RFC 8617 section 4.1.1: the instance comes first and ends with a semicolon
_RESULTS_START = re.compile(rb"%b[iI]%b=%b([0-9]{1,2})%b;" % (_CFWS, _CFWS, _CFWS, _CFWS))


class ChainError(ParseError):
    """The ARC fields of a message make no valid chain."""

    def __init__(self, reason: ArcReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSignature:
    """An ARC-Message-Signature (RFC 8617 section 4.1.2): a DKIM-Signature without `v=`, with an instance for `i=`."""

    algorithm: Algorithm
    value: bytes
    body_hash: bytes
    header_canonicalization: Canonicalization
    body_canonicalization: Canonicalization
    key_name: str
    signed_fields: tuple[bytes, ...]
    body_length: int | None
    expiry: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """An ARC-Seal (RFC 8617 section 4.1.3)."""

    algorithm: Algorithm
    value: bytes
    domain: DomainName
    key_name: str
    chain_value: str
    """`cv=`: none, pass or fail."""


@dataclass(frozen=True, slots=True)
class ArcSet:
    """Where in the header the three fields of one set stand, and the tags of two of them."""

    instance: int
    results_place: int
    message_signature_place: int
    message_signature_tags: SignatureTags
    seal_place: int
    seal: Seal


def collect_sets(fields: Sequence[Field]) -> tuple[ArcSet, ...]:
    """The sets of a message in order of their instances, () without any ARC field.

    Raises `ChainError` unless they form the chain that RFC 8617 section 5.2 demands.
    """
    places: dict[bytes, dict[int, list[int]]] = {AUTHENTICATION_RESULTS: {}, MESSAGE_SIGNATURE: {}, SEAL: {}}
    tags: dict[int, SignatureTags] = {}
    count = 0
    for place, field in enumerate(fields):
        if field.key not in places:
            continue
        count += 1
        if count > 3 * MAX_SETS:
            raise ChainError(ArcReason.TOO_MANY_SETS, f"more ARC fields than {MAX_SETS} sets have")
        if field.key == AUTHENTICATION_RESULTS:
            instance = _results_instance(field)
        else:
            tags[place] = _read_tags(field)
            instance = _instance(tags[place].get("i"), field)
        places[field.key].setdefault(instance, []).append(place)
    if not count:
        return ()
    newest = max(instance for found in places.values() for instance in found)
    for place in places[SEAL].get(newest, ()):
        if tags[place].get("cv") == "fail":
            # RFC 8617 section 5.2 step 2, which comes before the structure
            raise ChainError(ArcReason.FAILED_BEFORE, f"the newest seal, {newest}, says cv=fail")
    return tuple(_make_set(instance, places, tags, fields) for instance in range(1, newest + 1))


def newest_instance(fields: Sequence[Field]) -> tuple[int, bool]:
    """The highest instance of any ARC field, 0 without one, and whether its seal says cv=fail; of any chain."""
    newest, is_closed = 0, False
    for field in fields:
        try:
            if field.key == AUTHENTICATION_RESULTS:
                instance, fails = _results_instance(field), False
            elif field.key in (MESSAGE_SIGNATURE, SEAL):
                tags = _read_tags(field)
                instance = _instance(tags.get("i"), field)
                fails = field.key == SEAL and tags.get("cv") == "fail"
            else:
                continue
        except ChainError:
            continue
        if instance > newest:
            newest, is_closed = instance, fails
        elif instance == newest:
            is_closed = is_closed or fails
    return newest, is_closed


def _make_set(
    instance: int, places: dict[bytes, dict[int, list[int]]], tags: dict[int, SignatureTags], fields: Sequence[Field]
) -> ArcSet:
    """RFC 8617 section 5.2 step 3: one field of each kind, and the right chain value."""
    single: dict[bytes, int] = {}
    for name, found in places.items():
        at = found.get(instance, [])
        if len(at) != 1:
            raise ChainError(
                ArcReason.INSTANCES, f"set {instance} has {len(at)} {name.decode('ascii')} fields instead of one"
            )
        single[name] = at[0]
    seal = read_seal(tags[single[SEAL]], instance)
    expected = "none" if instance == 1 else "pass"
    if seal.chain_value != expected:
        raise ChainError(ArcReason.CHAIN_VALUE, f"seal {instance} says cv={seal.chain_value}, it must be {expected}")
    return ArcSet(
        instance=instance,
        results_place=single[AUTHENTICATION_RESULTS],
        message_signature_place=single[MESSAGE_SIGNATURE],
        message_signature_tags=tags[single[MESSAGE_SIGNATURE]],
        seal_place=single[SEAL],
        seal=seal,
    )


def _read_tags(field: Field) -> SignatureTags:
    try:
        return SignatureTags(field.value)
    except SignatureError as problem:
        raise ChainError(ArcReason.SYNTAX, f"{field.key.decode('ascii')}: {problem}") from None


def _instance(text: str | None, field: Field) -> int:
    """RFC 8617 section 4.2.1: 1 to 50."""
    name = field.key.decode("ascii")
    if text is None or not _INSTANCE.fullmatch(text) or int(text) == 0:
        raise ChainError(ArcReason.SYNTAX, f"{name} has no instance number: i={text}")
    if int(text) > MAX_SETS:
        raise ChainError(ArcReason.TOO_MANY_SETS, f"{name} is the {int(text)}th, {MAX_SETS} are allowed")
    return int(text)


def results_value(field: Field) -> bytes:
    """What an ARC-Authentication-Results says behind its instance: the value of an Authentication-Results."""
    found = _RESULTS_START.match(field.value)
    return field.value[found.end() :] if found else b""


def _results_instance(field: Field) -> int:
    found = _RESULTS_START.match(field.value)
    return _instance(found[1].decode("ascii") if found else None, field)


def read_message_signature(tags: SignatureTags, instance: int) -> MessageSignature:
    """Read an AMS. An empty `h=`, or empty names in it, stand for no field. Raises `ChainError`."""
    try:
        tags.require("a", "b", "bh", "d", "h", "s")
        # RFC 8617 section 4.1.2 takes over all of DKIM, and so simple/simple as the default; sealers that leave `c=`
        # out, and the public conformance suite (its case ams_fields_c_na), mean relaxed/relaxed.
        header_canonicalization, body_canonicalization = tags.canonicalization("relaxed/relaxed")
        signed_fields = tags.field_names(strict=False)
        if SEAL in signed_fields:
            # RFC 8617 section 4.1.2; AAR and AMS are found there in good chains, too, and do no harm
            raise SignatureError(DkimReason.SYNTAX, "h= names ARC-Seal")
        _, expiry = tags.times()
        signature = MessageSignature(
            algorithm=tags.algorithm(),
            value=tags.octets("b"),
            body_hash=tags.octets("bh"),
            header_canonicalization=header_canonicalization,
            body_canonicalization=body_canonicalization,
            key_name=key_name(tags.selector(), tags.domain()),
            signed_fields=signed_fields,
            body_length=tags.body_length(),
            expiry=expiry,
        )
    except SignatureError as problem:
        raise ChainError(ArcReason.SYNTAX, f"message signature {instance}: {problem}") from None
    _refuse_sha1(signature.algorithm, f"message signature {instance}")
    return signature


def read_seal(tags: SignatureTags, instance: int) -> Seal:
    """Read an AS. Raises `ChainError`."""
    try:
        tags.require("a", "b", "cv", "d", "s")
        if tags.get("h") is not None:
            # RFC 8617 section 4.1.3
            raise SignatureError(DkimReason.SYNTAX, "a seal must not have h=")
        chain_value = tags.get("cv") or ""
        if chain_value not in ("none", "pass", "fail"):
            raise SignatureError(DkimReason.SYNTAX, f"cv={chain_value[:20]} is not none, pass or fail")
        tags.times()
        domain = tags.domain()
        seal = Seal(
            algorithm=tags.algorithm(),
            value=tags.octets("b"),
            domain=domain,
            key_name=key_name(tags.selector(), domain),
            chain_value=chain_value,
        )
    except SignatureError as problem:
        raise ChainError(ArcReason.SYNTAX, f"seal {instance}: {problem}") from None
    _refuse_sha1(seal.algorithm, f"seal {instance}")
    return seal


def _refuse_sha1(algorithm: Algorithm, what: str) -> None:
    if algorithm == RSA_SHA1:
        # RFC 8301 section 3.1
        raise ChainError(ArcReason.OBSOLETE_ALGORITHM, f"{what} is made with rsa-sha1")
