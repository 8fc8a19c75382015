from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.keys.lifecycle.publication import PublicationState, PublishedState
from inalign.keys.lifecycle.state import (
    WANTED,
    KeyState,
    ManagedKey,
    RetentionPeriods,
    advance,
    due,
    free_selector,
    is_under_way,
    next_step,
    superseded,
)
from inalign.mail.domain import DomainName
from tests.keys.lifecycle.material import DOMAIN, START

TERMS = RetentionPeriods()
HOUR = timedelta(hours=1)
LONG = timedelta(days=400)


def managed_key(state: KeyState = KeyState.PENDING, **changes: object) -> ManagedKey:
    made = ManagedKey(
        domain=DOMAIN,
        selector=DomainName("s1"),
        key_type=KeyType.RSA,
        bits=2048,
        state=state,
        since=START,
        created=START,
        wait_seconds=900,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the names of fields


def everywhere(holds: PublishedState) -> PublicationState:
    return PublicationState(
        holds, frozenset({holds}), {holds: 900 if holds is PublishedState.NOTHING else 3600}, negative_ttl=900
    )


def differing(*holds: PublishedState) -> PublicationState:
    return PublicationState(None, frozenset(holds), dict.fromkeys(holds, 3600), negative_ttl=900)


SILENCE = PublicationState(None)
SEEN = {"seen": START}

STEPS = [
    # state, what is seen, later, changes, the state after
    (KeyState.PENDING, everywhere(PublishedState.RECORD), 0 * HOUR, {}, KeyState.PUBLISHED),
    (KeyState.PENDING, everywhere(PublishedState.NOTHING), LONG, {}, KeyState.PENDING),
    (KeyState.PENDING, everywhere(PublishedState.OTHER), LONG, {}, KeyState.PENDING),
    (KeyState.PENDING, differing(PublishedState.RECORD, PublishedState.NOTHING), LONG, {}, KeyState.PENDING),
    (KeyState.PENDING, differing(PublishedState.RECORD), LONG, {}, KeyState.PENDING),
    (KeyState.PENDING, SILENCE, LONG, {}, KeyState.PENDING),
    (KeyState.PUBLISHED, everywhere(PublishedState.RECORD), timedelta(seconds=899), {}, KeyState.PUBLISHED),
    (KeyState.PUBLISHED, everywhere(PublishedState.RECORD), timedelta(seconds=900), {}, KeyState.ACTIVE),
    (KeyState.PUBLISHED, differing(PublishedState.RECORD), LONG, {}, KeyState.PUBLISHED),
    (KeyState.PUBLISHED, SILENCE, LONG, {}, KeyState.PUBLISHED),
    (KeyState.PUBLISHED, differing(PublishedState.RECORD, PublishedState.NOTHING), LONG, {}, KeyState.PENDING),
    (KeyState.PUBLISHED, everywhere(PublishedState.EMPTY), 0 * HOUR, {}, KeyState.PENDING),
    (KeyState.ACTIVE, SILENCE, LONG, {}, KeyState.ACTIVE),
    (KeyState.RETIRING, SILENCE, timedelta(days=13.9), {}, KeyState.RETIRING),
    (KeyState.RETIRING, SILENCE, timedelta(days=14), {}, KeyState.REVOKED),
    (KeyState.REVOKED, everywhere(PublishedState.EMPTY), timedelta(days=13.9), SEEN, KeyState.REVOKED),
    (KeyState.REVOKED, SILENCE, timedelta(days=14), SEEN, KeyState.REMOVED),
    (KeyState.REVOKED, SILENCE, LONG, {}, KeyState.REVOKED),
    (KeyState.REMOVED, SILENCE, LONG, SEEN, KeyState.REMOVED),
]


@pytest.mark.parametrize(("state", "standing", "later", "changes", "after"), STEPS)
def test_every_step(
    state: KeyState, standing: PublicationState, later: timedelta, changes: dict[str, object], after: KeyState
) -> None:
    assert advance(managed_key(state, **changes), standing, START + later, TERMS).state is after


@pytest.mark.parametrize("state", list(KeyState))
def test_a_step_sets_the_time_and_a_second_one_at_that_time_is_none(state: KeyState) -> None:
    now = START + LONG
    for holds in PublishedState:
        after = advance(managed_key(state, seen=START), everywhere(holds), now, TERMS, is_superseded=True)
        if after.state is not state:
            assert after.since == now
            if due(after, TERMS) is not None:
                assert advance(after, everywhere(WANTED[after.state]), now, TERMS).state is after.state


def test_only_a_superseded_key_retires() -> None:
    assert advance(managed_key(KeyState.ACTIVE), SILENCE, START, TERMS, is_superseded=True).state is KeyState.RETIRING


def test_what_caches_were_told_before_is_kept() -> None:
    before = managed_key(wait_seconds=0)
    waiting = advance(before, differing(PublishedState.OTHER, PublishedState.NOTHING), START, TERMS)
    assert (waiting.state, waiting.wait_seconds) == (KeyState.PENDING, 3600)
    assert advance(waiting, everywhere(PublishedState.NOTHING), START, TERMS).wait_seconds == 3600
    published = advance(waiting, everywhere(PublishedState.RECORD), START, TERMS)
    assert due(published, TERMS) == START + HOUR


def test_a_record_that_was_there_first_waits_for_the_negative_ttl_alone() -> None:
    published = advance(managed_key(wait_seconds=0), everywhere(PublishedState.RECORD), START, TERMS)
    assert due(published, TERMS) == START + timedelta(seconds=900)


@pytest.mark.parametrize("holds", [PublishedState.EMPTY, PublishedState.NOTHING])
def test_revoked_counts_from_when_every_server_says_so(holds: PublishedState) -> None:
    now = START + LONG
    revoked = managed_key(KeyState.REVOKED)
    assert due(revoked, TERMS) is None
    assert advance(revoked, everywhere(holds), now, TERMS).seen == now
    assert advance(revoked, differing(PublishedState.EMPTY, PublishedState.RECORD), now, TERMS).seen is None


def test_a_removed_key_is_over_when_no_server_has_the_record() -> None:
    removed = managed_key(KeyState.REMOVED)
    assert not advance(removed, everywhere(PublishedState.EMPTY), START, TERMS).is_over
    assert advance(removed, everywhere(PublishedState.NOTHING), START, TERMS).is_over


def test_a_key_at_once_revoked_still_waits_for_caches_before_its_removal() -> None:
    terms = RetentionPeriods(timedelta(0))
    revoked = advance(managed_key(KeyState.RETIRING), SILENCE, START, terms)
    waiting = advance(revoked, everywhere(PublishedState.RECORD), START, terms)
    assert due(replace(waiting, seen=START), terms) == START + HOUR


def test_younger_keys_of_the_same_type_supersede() -> None:
    old = managed_key(KeyState.ACTIVE)
    young = managed_key(KeyState.ACTIVE, selector=DomainName("s2"), since=START + HOUR)
    assert superseded(old, (old, young))
    assert not superseded(young, (old, young))
    assert [is_under_way(one, (old, young)) for one in (old, young)] == [True, False]
    assert not superseded(old, (old, replace(young, state=KeyState.PUBLISHED)))
    assert not superseded(old, (old, replace(young, key_type=KeyType.ED25519)))


def test_of_two_made_at_the_same_time_one_supersedes() -> None:
    pair = managed_key(KeyState.ACTIVE), managed_key(KeyState.ACTIVE, selector=DomainName("s2"))
    assert [superseded(one, pair) for one in pair] == [True, False]


def test_a_selector_is_never_used_twice() -> None:
    assert free_selector(KeyType.RSA, START, frozenset()) == "r20261124"
    assert free_selector(KeyType.ED25519, START, frozenset({"e20261124"})) == "e20261124b"


@pytest.mark.parametrize("state", list(KeyState))
@pytest.mark.parametrize("seen", [None, START])
def test_every_state_says_what_is_next(state: KeyState, seen: object) -> None:
    one = managed_key(state, seen=seen)
    when = due(one, TERMS)
    assert next_step(one, TERMS)
    assert when is None or f"{when:%Y-%m-%d %H:%M}" in next_step(one, TERMS)
    assert is_under_way(one, (one,)) is (state is not KeyState.ACTIVE and not one.is_over)
