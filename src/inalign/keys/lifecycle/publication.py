"""What the authoritative servers of a zone publish for a key, compared with the private key itself.

Pure: `Publication` is what was seen, `compare` says what is wrong with it, `publication_state` sums it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from inalign.dkim.algorithm import HashAlgorithm, KeyType
from inalign.dkim.crypto import PrivateKey
from inalign.dkim.key import KeyRecord, KeyRecordError, parse_key
from inalign.dkim.result import DkimReason
from inalign.dkim.sign import ADVISED_RSA_BITS, MIN_RSA_BITS
from inalign.errors import ParseError
from inalign.mail.tag_list import parse_tag_list
from inalign.resolver.interface import Answer, Outcome

MIN_CUT = 64  # characters; all RSA keys of a size begin with the same 44
_PROOF = bytes(32)  # a digest like any other, to see if two halves of a key belong together


class KeyFinding(StrEnum):
    """What can be wrong with a published key."""

    NOT_PUBLISHED = "not_published"
    """There is no record."""
    MISPLACED = "misplaced"
    """The record stands under another name."""
    DIFFERS = "differs"
    """The record holds another key, or this one cut off."""
    NOT_A_KEY = "not_a_key"
    """A record is there, which is none of DKIM or is malformed."""
    REVOKED = "revoked"
    """The record has an empty `p=` tag (RFC 6376 section 3.6.1)."""
    WRONG_TYPE = "wrong_type"
    """`k=` names another type of key."""
    WRONG_HASH = "wrong_hash"
    """`h=` leaves out sha256."""
    WRONG_SERVICE = "wrong_service"
    """`s=` leaves out email."""
    TESTING = "testing"
    """`t=y`: a verifier may treat the mail as unsigned."""
    TOO_SHORT = "too_short"
    """An RSA key of fewer bits than asked for."""
    SEVERAL_RECORDS = "several_records"
    """More than one TXT record at the name."""
    LAGGING = "lagging"
    """The servers of the zone do not agree."""
    STILL_PUBLISHED = "still_published"
    """The record is there, and should be empty or gone by now."""
    UNREACHABLE = "unreachable"
    """One address of a server does not answer, another one does."""
    DNS_FAILED = "dns_failed"
    """A server, or the zone itself, gives no answer."""


HARMLESS = frozenset({KeyFinding.TESTING, KeyFinding.TOO_SHORT, KeyFinding.UNREACHABLE})
"""What verifiers put up with, most of them."""


@dataclass(frozen=True, slots=True)
class PublicationFlaw:
    """One fault of a published key record, and the servers that publish it."""

    finding: KeyFinding
    detail: str
    servers: tuple[str, ...] = ()
    """Those that show it; empty for all."""

    def __str__(self) -> str:
        where = f" (at {', '.join(self.servers)})" if self.servers else ""
        return f"{self.detail}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """What one address of one authoritative server says."""

    server: str
    """The name of the server."""
    address: str
    answer: Answer[bytes]
    """Its `ttl` is that of the record, or what the zone lets a denial be kept for."""
    serial: int | None = None
    """Of the SOA there."""

    @property
    def is_usable(self) -> bool:
        """Whether there was an answer."""
        return self.answer.outcome is not Outcome.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was seen at a name."""

    name: str
    zone: str = ""
    views: tuple[ServerAnswer, ...] = ()
    negative_ttl: int = 0
    """How long the zone lets anybody believe that a name does not exist (RFC 2308 section 5)."""
    problem: str = ""
    """Why the servers of the zone could not be found."""

    @property
    def silent_servers(self) -> tuple[str, ...]:
        """The servers none of whose addresses answers."""
        return tuple(sorted({view.server for view in self.views} - {view.server for view in self.usable()}))

    def usable(self) -> tuple[ServerAnswer, ...]:
        """The views with an answer."""
        return tuple(view for view in self.views if view.is_usable)


class PublishedState(StrEnum):
    """What a server holds at the name of a key."""

    RECORD = "record"
    """The public half of the key, fit for use."""
    EMPTY = "empty"
    """A record with an empty `p=`."""
    NOTHING = "nothing"
    """No key record; perhaps a text that a wildcard gives."""
    OTHER = "other"
    """Another key, or this one with something wrong."""


@dataclass(frozen=True, slots=True)
class PublicationState:
    """The published states of all servers of a zone, summed up."""

    everywhere: PublishedState | None
    """What every server of the zone holds; None where they differ, or not all can be asked."""
    somewhere: frozenset[PublishedState] = frozenset()
    """What the servers that answer hold."""
    ttls: Mapping[PublishedState, int] = field(default_factory=dict)
    """How long a cache may keep what it was told by a server that holds this."""
    negative_ttl: int = 0
    """How long it may keep that there was nothing."""

    def longest_ttl_but(self, wanted: PublishedState) -> int:
        """How long a cache may keep anything else."""
        return max((ttl for holds, ttl in self.ttls.items() if holds is not wanted), default=0)


def publication_state(key: PrivateKey | None, publication: Publication) -> PublicationState:
    """Sum up what the servers of the zone publish. Without the private key no record is recognised as its own."""
    ttls: dict[PublishedState, int] = {}
    for view in publication.usable():
        holds = _holds(key, view.answer)
        ttls[holds] = max(ttls.get(holds, 0), view.answer.ttl)
    found = frozenset(ttls)
    is_whole = bool(found) and not publication.problem and not publication.silent_servers
    return PublicationState(
        everywhere=next(iter(found)) if is_whole and len(found) == 1 else None,
        somewhere=found,
        ttls=ttls,
        negative_ttl=publication.negative_ttl,
    )


def _holds(key: PrivateKey | None, answer: Answer[bytes]) -> PublishedState:
    records = []
    for octets in answer.records:
        try:
            records.append(parse_key(octets))
        except KeyRecordError as problem:
            if key is not None and _is_cut(key, octets):
                return PublishedState.OTHER
            if problem.reason is not DkimReason.NO_KEY and b"p=" in octets:
                return PublishedState.OTHER
    if not records:
        return PublishedState.NOTHING
    if all(record.is_revoked for record in records):
        return PublishedState.EMPTY
    if key is not None and all(flaw.finding in HARMLESS for flaw in examine(key, answer)):
        return PublishedState.RECORD
    return PublishedState.OTHER


def compare(
    key: PrivateKey, publication: Publication, *, min_rsa_bits: int = ADVISED_RSA_BITS
) -> tuple[PublicationFlaw, ...]:
    """All that is wrong with what is published for the key, the worst first."""
    if publication.problem:
        return (PublicationFlaw(KeyFinding.DNS_FAILED, publication.problem),)
    usable = publication.usable()
    seen: dict[tuple[KeyFinding, str], list[str]] = {}
    for view in usable:
        for flaw in examine(key, view.answer, min_rsa_bits=min_rsa_bits):
            seen.setdefault((flaw.finding, flaw.detail), []).append(view.server)
    everyone = {view.server for view in usable}
    flaws = [
        PublicationFlaw(finding, detail, () if set(servers) == everyone else tuple(sorted(set(servers))))
        for (finding, detail), servers in seen.items()
    ]
    return tuple(sorted([*flaws, *_disagreement(key, usable), *_silence(publication)], key=_rank))


def compare_ended(
    key: PrivateKey | None, publication: Publication, wanted: PublishedState
) -> tuple[PublicationFlaw, ...]:
    """What is wrong where the record shall be empty (`wanted` is EMPTY; gone is as good), or gone (NOTHING)."""
    if publication.problem:
        return (PublicationFlaw(KeyFinding.DNS_FAILED, publication.problem),)
    enough = {wanted, PublishedState.NOTHING}
    left = sorted({view.server for view in publication.usable() if _holds(key, view.answer) not in enough})
    all_of_them = len(left) == len({view.server for view in publication.usable()})
    detail = f"the record is still there, and should be {'empty' if wanted is PublishedState.EMPTY else 'gone'}"
    flaws = [PublicationFlaw(KeyFinding.STILL_PUBLISHED, detail, () if all_of_them else tuple(left))] if left else []
    return (*flaws, *_silence(publication))


def _rank(flaw: PublicationFlaw) -> tuple[bool, int]:
    return flaw.finding in HARMLESS, list(KeyFinding).index(flaw.finding)


def _disagreement(key: PrivateKey, views: Sequence[ServerAnswer]) -> Iterator[PublicationFlaw]:
    if len({(view.answer.outcome, frozenset(view.answer.records)) for view in views}) <= 1:
        return
    newest = max((view.serial or 0 for view in views), default=0)
    behind = [view for view in views if _holds(key, view.answer) is not PublishedState.RECORD]
    if not behind or len(behind) == len(views):
        behind = [view for view in views if (view.serial or 0) < newest] or list(views)
    shown = ", ".join(
        sorted({view.server + (f" with serial {view.serial}" if view.serial is not None else "") for view in behind})
    )
    yield PublicationFlaw(KeyFinding.LAGGING, f"the servers of the zone differ: {shown}; the newest serial is {newest}")


def _silence(publication: Publication) -> Iterator[PublicationFlaw]:
    if not publication.views:
        yield PublicationFlaw(KeyFinding.DNS_FAILED, "the zone has no server that could be asked")
    for view in publication.views:
        if view.is_usable:
            continue
        is_silent = view.server in publication.silent_servers
        yield PublicationFlaw(
            KeyFinding.DNS_FAILED if is_silent else KeyFinding.UNREACHABLE,
            f"{view.server} gives no answer at {view.address}: {view.answer.detail or 'no detail'}",
        )


def examine(
    key: PrivateKey, answer: Answer[bytes], *, min_rsa_bits: int = ADVISED_RSA_BITS
) -> tuple[PublicationFlaw, ...]:
    """What is wrong with one server's answer."""
    if not answer.records:
        return (PublicationFlaw(KeyFinding.NOT_PUBLISHED, "there is no TXT record"),)
    by_record = [tuple(_examine_record(key, octets, min_rsa_bits)) for octets in answer.records]
    best = min(by_record, key=lambda flaws: (sum(flaw.finding not in HARMLESS for flaw in flaws), len(flaws)))
    if len(answer.records) == 1:
        return best
    # RFC 6376 section 3.6.2.2: the result is undefined
    return (
        *best,
        PublicationFlaw(KeyFinding.SEVERAL_RECORDS, f"there are {len(answer.records)} TXT records instead of one"),
    )


def _examine_record(key: PrivateKey, octets: bytes, min_rsa_bits: int) -> Iterator[PublicationFlaw]:
    try:
        record = parse_key(octets)
    except KeyRecordError as problem:
        yield _unreadable(key, octets, problem)
        return
    yield from _examine_tags(record)
    if record.is_revoked:
        yield PublicationFlaw(KeyFinding.REVOKED, "the record says that the key is revoked: its p= is empty")
        return
    if record.key_type != key.key_type:
        yield PublicationFlaw(
            KeyFinding.WRONG_TYPE, f"k= is {record.key_type[:40]}, and the key is of type {key.key_type}"
        )
        return
    public = record.public_key
    if public is None or not public.verifies(key.sign(_PROOF), _PROOF, HashAlgorithm.SHA256):
        size = f" of {public.bits} bits" if public and key.key_type is KeyType.RSA else ""
        yield PublicationFlaw(KeyFinding.DIFFERS, f"p= holds another key{size}, not the public half of this one")
    if public and key.key_type is KeyType.RSA and public.bits < min_rsa_bits:
        # RFC 8301 section 3.2
        hard = "; nobody accepts it" if public.bits < MIN_RSA_BITS else ""
        yield PublicationFlaw(
            KeyFinding.TOO_SHORT, f"p= is a key of {public.bits} bits where {min_rsa_bits} are asked for{hard}"
        )


def _examine_tags(record: KeyRecord) -> Iterator[PublicationFlaw]:
    if record.hashes is not None and HashAlgorithm.SHA256 not in record.hashes:
        yield PublicationFlaw(KeyFinding.WRONG_HASH, f"h= allows {_list(record.hashes)}, not sha256")
    if record.services.isdisjoint({"*", "email"}):
        yield PublicationFlaw(KeyFinding.WRONG_SERVICE, f"s= allows {_list(record.services)}, not email")
    if record.is_testing:
        yield PublicationFlaw(
            KeyFinding.TESTING, "t=y says that the domain is testing: its signatures may count for nothing"
        )


def _unreadable(key: PrivateKey, octets: bytes, problem: KeyRecordError) -> PublicationFlaw:
    cut = _cut_text(key, octets)
    if cut:
        return PublicationFlaw(
            KeyFinding.DIFFERS, f"p= is this key cut off: {len(cut)} of {len(key.public_text())} characters"
        )
    named = _tags(octets).get("k")
    if (named or KeyType.RSA).lower() != key.key_type:
        what = f"is {named[:40]}" if named else "is missing, which means rsa"
        return PublicationFlaw(KeyFinding.WRONG_TYPE, f"k= {what}, and the key is of type {key.key_type}")
    return PublicationFlaw(KeyFinding.NOT_A_KEY, str(problem))


def _is_cut(key: PrivateKey, octets: bytes) -> bool:
    return bool(_cut_text(key, octets))


def _cut_text(key: PrivateKey, octets: bytes) -> str:
    """What the record has of the key, where it has its beginning."""
    text = "".join(_tags(octets).get("p", "").split())
    whole = key.public_text()
    return text if MIN_CUT <= len(text) < len(whole) and whole.startswith(text) else ""


def _tags(octets: bytes) -> dict[str, str]:
    try:
        return parse_tag_list(octets)
    except ParseError:
        return {}


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))[:80]
