"""The life of a signing key, as a state machine without a clock and without DNS.

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
    """Where a key is in its life."""

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
class Terms:
    """How long things take."""

    retire_after: timedelta = timedelta(days=RETIRE_DAYS)
    """From the last signature to the revocation, and from there to the removal."""


def due(life: ManagedKey, terms: Terms) -> datetime | None:
    """When the next step may be made; None where that is not a matter of time."""
    match life.state:
        case KeyState.PUBLISHED:
            return life.since + timedelta(seconds=life.wait_seconds)
        case KeyState.RETIRING:
            return life.since + terms.retire_after
        case KeyState.REVOKED if life.seen is not None:
            return life.seen + max(terms.retire_after, timedelta(seconds=life.wait_seconds))
        case _:
            return None


def advance(
    life: ManagedKey, standing: PublicationState, now: datetime, terms: Terms, *, is_superseded: bool = False
) -> ManagedKey:
    """The key after at most one step; the same key where there is none to make.

    `is_superseded`: a younger key of the domain and type is active.
    """
    when = due(life, terms)
    is_due = when is not None and now >= when
    holds = standing.everywhere
    match life.state:
        case KeyState.PENDING if holds is PublishedState.RECORD:
            # Somebody may have asked before: that there is nothing is believed as long as the zone allows.
            wait = max(life.wait_seconds, standing.negative_ttl)
            return replace(_enter(life, KeyState.PUBLISHED, now, seen=now), wait_seconds=wait)
        case KeyState.REVOKED | KeyState.REMOVED if life.seen is None and holds in (
            WANTED[life.state],
            PublishedState.NOTHING,
        ):
            return replace(life, seen=now)
        case KeyState.PENDING | KeyState.REVOKED if life.seen is None:
            # What caches are told now runs out only after the record has changed.
            return replace(life, wait_seconds=max(life.wait_seconds, standing.longest_ttl_but(WANTED[life.state])))
        case KeyState.PUBLISHED if standing.somewhere - {PublishedState.RECORD}:
            return _enter(life, KeyState.PENDING, now)  # a server fell behind, or somebody took the record away
        case KeyState.PUBLISHED if is_due and holds is PublishedState.RECORD:
            return _enter(life, KeyState.ACTIVE, now, seen=life.seen)
        case KeyState.ACTIVE if is_superseded:
            return _enter(life, KeyState.RETIRING, now, seen=life.seen)
        case KeyState.RETIRING if is_due:
            return replace(_enter(life, KeyState.REVOKED, now), wait_seconds=0)
        case KeyState.REVOKED if is_due:
            return _enter(life, KeyState.REMOVED, now)
        case _:
            return life


def _enter(life: ManagedKey, state: KeyState, now: datetime, *, seen: datetime | None = None) -> ManagedKey:
    return replace(life, state=state, since=now, seen=seen)


def superseded(life: ManagedKey, others: tuple[ManagedKey, ...]) -> bool:
    """Whether a younger key of the same domain and type signs."""
    return any(
        other.state is KeyState.ACTIVE
        and other.key_type is life.key_type
        and (other.since, other.created, other.selector) > (life.since, life.created, life.selector)
        for other in others
    )


def is_under_way(life: ManagedKey, others: tuple[ManagedKey, ...]) -> bool:
    """Whether a rotation has begun that this key is part of."""
    return not life.is_over and (life.state is not KeyState.ACTIVE or superseded(life, others))


def free_selector(key_type: KeyType, now: datetime, taken: frozenset[str]) -> str:
    """A selector that was never used: the type, the day, and a letter from the second key of a day on."""
    stem = f"{key_type[0]}{now:%Y%m%d}"
    letters = ("", *"bcdefghijklmnopqrstuvwxyz")
    return next(f"{stem}{letter}" for letter in letters if f"{stem}{letter}" not in taken)


def next_step(life: ManagedKey, terms: Terms) -> str:
    """What comes next, in words."""
    when = due(life, terms)
    on = f"{when:%Y-%m-%d %H:%M} UTC" if when else ""
    match life.state:
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
        case KeyState.REMOVED if life.seen is None:
            return "waits until no server of the zone has the record"
        case KeyState.REMOVED:
            return "over"
