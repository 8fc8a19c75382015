"""The states of a managed signing key: a state machine without a clock and without DNS.

    pending     the key is made; its record shall be published
    published   every authoritative server has the record; what caches knew before runs out
    active      it signs
    retiring    a younger key signs; mail on its way still needs the record
    revoked     the record shall have an empty p=, which says so to everybody (RFC 6376 section 3.6.1)
    removed     the record shall be gone; then the private key is, too

`advance` makes at most one step, from what the servers hold and the time. Nothing here forgets: a step that was not
written down is made again with the same outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from inalign.dkim.algorithm import KeyType
from inalign.keys.lifecycle.publication import PublicationState, PublishedState
from inalign.mail.domain import DomainName

RETIRE_DAYS = 14
"""Longer than any MTA keeps mail in its queue (5 days for Postfix and Sendmail), than x=, and than most holidays of
an MTA that is down."""
QUEUE_DAYS = 5
"""How long Postfix and Sendmail keep trying: a signature must outlive that."""


class KeyState(StrEnum):
    """The state of a managed key."""

    PENDING = "pending"
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    REVOKED = "revoked"
    REMOVED = "removed"


WANTED = {
    KeyState.PENDING: PublishedState.RECORD,
    KeyState.PUBLISHED: PublishedState.RECORD,
    KeyState.ACTIVE: PublishedState.RECORD,
    KeyState.RETIRING: PublishedState.RECORD,
    KeyState.REVOKED: PublishedState.EMPTY,
    KeyState.REMOVED: PublishedState.NOTHING,
}
"""What every server shall hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedKey:
    """One key, as its state file keeps it. Times are aware."""

    domain: DomainName
    selector: DomainName
    key_type: KeyType
    bits: int
    state: KeyState
    since: datetime
    """When it came into its state."""
    created: datetime
    seen: datetime | None = None
    """Since when every server is known to hold what the state wants."""
    wait_seconds: int = 0
    """What caches may still have kept, as far as the servers showed it before the record was everywhere."""
    update_server: str = ""
    """Where dynamic updates go; empty where a person publishes."""
    tsig_file: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.state is KeyState.REMOVED and self.seen is not None

    @property
    def needs_dns(self) -> bool:
        """Whether the next step depends on what the servers hold."""
        return self.state in (KeyState.PENDING, KeyState.PUBLISHED) or (
            self.seen is None and self.state in (KeyState.REVOKED, KeyState.REMOVED)
        )


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """How long a key is kept after it has signed for the last time."""

    retire_after: timedelta = timedelta(days=RETIRE_DAYS)
    """From the last signature to the revocation, and from there to the removal."""


def due(managed_key: ManagedKey, terms: RetentionPeriods) -> datetime | None:
    """When the next step may be made; None where that is not a matter of time."""
    match managed_key.state:
        case KeyState.PUBLISHED:
            return managed_key.since + timedelta(seconds=managed_key.wait_seconds)
        case KeyState.RETIRING:
            return managed_key.since + terms.retire_after
        case KeyState.REVOKED if managed_key.seen is not None:
            return managed_key.seen + max(terms.retire_after, timedelta(seconds=managed_key.wait_seconds))
        case _:
            return None


def advance(
    managed_key: ManagedKey,
    publication: PublicationState,
    now: datetime,
    terms: RetentionPeriods,
    *,
    is_superseded: bool = False,
) -> ManagedKey:
    """The key after at most one step; the same key where there is none to make.

    `is_superseded`: a younger key of the domain and type is active.
    """
    when = due(managed_key, terms)
    is_due = when is not None and now >= when
    holds = publication.everywhere
    match managed_key.state:
        case KeyState.PENDING if holds is PublishedState.RECORD:
            # Somebody may have asked before: that there is nothing is believed as long as the zone allows.
            wait = max(managed_key.wait_seconds, publication.negative_ttl)
            return replace(_enter(managed_key, KeyState.PUBLISHED, now, seen=now), wait_seconds=wait)
        case KeyState.REVOKED | KeyState.REMOVED if managed_key.seen is None and holds in (
            WANTED[managed_key.state],
            PublishedState.NOTHING,
        ):
            return replace(managed_key, seen=now)
        case KeyState.PENDING | KeyState.REVOKED if managed_key.seen is None:
            # What caches are told now runs out only after the record has changed.
            return replace(
                managed_key,
                wait_seconds=max(managed_key.wait_seconds, publication.longest_ttl_but(WANTED[managed_key.state])),
            )
        case KeyState.PUBLISHED if publication.somewhere - {PublishedState.RECORD}:
            return _enter(managed_key, KeyState.PENDING, now)  # a server fell behind, or somebody took the record away
        case KeyState.PUBLISHED if is_due and holds is PublishedState.RECORD:
            return _enter(managed_key, KeyState.ACTIVE, now, seen=managed_key.seen)
        case KeyState.ACTIVE if is_superseded:
            return _enter(managed_key, KeyState.RETIRING, now, seen=managed_key.seen)
        case KeyState.RETIRING if is_due:
            return replace(_enter(managed_key, KeyState.REVOKED, now), wait_seconds=0)
        case KeyState.REVOKED if is_due:
            return _enter(managed_key, KeyState.REMOVED, now)
        case _:
            return managed_key


def _enter(managed_key: ManagedKey, state: KeyState, now: datetime, *, seen: datetime | None = None) -> ManagedKey:
    return replace(managed_key, state=state, since=now, seen=seen)


def superseded(managed_key: ManagedKey, others: tuple[ManagedKey, ...]) -> bool:
    """Whether a younger key of the same domain and type signs."""
    return any(
        other.state is KeyState.ACTIVE
        and other.key_type is managed_key.key_type
        and (other.since, other.created, other.selector)
        > (managed_key.since, managed_key.created, managed_key.selector)
        for other in others
    )


def is_under_way(managed_key: ManagedKey, others: tuple[ManagedKey, ...]) -> bool:
    """Whether a rotation has begun that this key is part of."""
    return not managed_key.is_over and (managed_key.state is not KeyState.ACTIVE or superseded(managed_key, others))


def free_selector(key_type: KeyType, now: datetime, taken: frozenset[str]) -> str:
    """A selector that was never used: the type, the day, and a letter from the second key of a day on."""
    stem = f"{key_type[0]}{now:%Y%m%d}"
    letters = ("", *"bcdefghijklmnopqrstuvwxyz")
    return next(f"{stem}{letter}" for letter in letters if f"{stem}{letter}" not in taken)


def next_step(managed_key: ManagedKey, terms: RetentionPeriods) -> str:
    """What comes next, in words."""
    when = due(managed_key, terms)
    on = f"{when:%Y-%m-%d %H:%M} UTC" if when else ""
    match managed_key.state:
        case KeyState.PENDING:
            return "published as soon as every server of the zone has the record"
        case KeyState.PUBLISHED:
            return f"signs from {on} on, when caches have forgotten what was there before"
        case KeyState.ACTIVE:
            return "signs; `inalign key rotate` replaces it"
        case KeyState.RETIRING:
            return f"revoked from {on} on; until then mail on its way needs the record"
        case KeyState.REVOKED if when:
            return f"removed from {on} on"
        case KeyState.REVOKED:
            return "waits until every server of the zone has the empty record"
        case KeyState.REMOVED if managed_key.seen is None:
            return "waits until no server of the zone has the record"
        case KeyState.REMOVED:
            return "over"
