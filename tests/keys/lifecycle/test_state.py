from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.keys.lifecycle.publication import Holds, Standing
from inalign.keys.lifecycle.state import (
    WANTED,
    Life,
    State,
    Terms,
    advance,
    due,
    free_selector,
    is_under_way,
    next_step,
    superseded,
)
from inalign.mail.domain import DomainName
from tests.keys.lifecycle.material import DOMAIN, START

TERMS = Terms()
HOUR = timedelta(hours=1)
LONG = timedelta(days=400)


def life(state: State = State.PENDING, **changes: object) -> Life:
    made = Life(
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


def everywhere(holds: Holds) -> Standing:
    return Standing(holds, frozenset({holds}), {holds: 900 if holds is Holds.NOTHING else 3600}, negative_ttl=900)


def differing(*holds: Holds) -> Standing:
    return Standing(None, frozenset(holds), dict.fromkeys(holds, 3600), negative_ttl=900)


SILENCE = Standing(None)
SEEN = {"seen": START}

STEPS = [
    # state, what is seen, later, changes, the state after
    (State.PENDING, everywhere(Holds.RECORD), 0 * HOUR, {}, State.PUBLISHED),
    (State.PENDING, everywhere(Holds.NOTHING), LONG, {}, State.PENDING),
    (State.PENDING, everywhere(Holds.OTHER), LONG, {}, State.PENDING),
    (State.PENDING, differing(Holds.RECORD, Holds.NOTHING), LONG, {}, State.PENDING),
    (State.PENDING, differing(Holds.RECORD), LONG, {}, State.PENDING),
    (State.PENDING, SILENCE, LONG, {}, State.PENDING),
    (State.PUBLISHED, everywhere(Holds.RECORD), timedelta(seconds=899), {}, State.PUBLISHED),
    (State.PUBLISHED, everywhere(Holds.RECORD), timedelta(seconds=900), {}, State.ACTIVE),
    (State.PUBLISHED, differing(Holds.RECORD), LONG, {}, State.PUBLISHED),
    (State.PUBLISHED, SILENCE, LONG, {}, State.PUBLISHED),
    (State.PUBLISHED, differing(Holds.RECORD, Holds.NOTHING), LONG, {}, State.PENDING),
    (State.PUBLISHED, everywhere(Holds.EMPTY), 0 * HOUR, {}, State.PENDING),
    (State.ACTIVE, SILENCE, LONG, {}, State.ACTIVE),
    (State.RETIRING, SILENCE, timedelta(days=13.9), {}, State.RETIRING),
    (State.RETIRING, SILENCE, timedelta(days=14), {}, State.REVOKED),
    (State.REVOKED, everywhere(Holds.EMPTY), timedelta(days=13.9), SEEN, State.REVOKED),
    (State.REVOKED, SILENCE, timedelta(days=14), SEEN, State.REMOVED),
    (State.REVOKED, SILENCE, LONG, {}, State.REVOKED),
    (State.REMOVED, SILENCE, LONG, SEEN, State.REMOVED),
]


@pytest.mark.parametrize(("state", "standing", "later", "changes", "after"), STEPS)
def test_every_step(
    state: State, standing: Standing, later: timedelta, changes: dict[str, object], after: State
) -> None:
    assert advance(life(state, **changes), standing, START + later, TERMS).state is after


@pytest.mark.parametrize("state", list(State))
def test_a_step_sets_the_time_and_a_second_one_at_that_time_is_none(state: State) -> None:
    now = START + LONG
    for holds in Holds:
        after = advance(life(state, seen=START), everywhere(holds), now, TERMS, is_superseded=True)
        if after.state is not state:
            assert after.since == now
            if due(after, TERMS) is not None:
                assert advance(after, everywhere(WANTED[after.state]), now, TERMS).state is after.state


def test_only_a_superseded_key_retires() -> None:
    assert advance(life(State.ACTIVE), SILENCE, START, TERMS, is_superseded=True).state is State.RETIRING


def test_what_caches_were_told_before_is_kept() -> None:
    before = life(wait_seconds=0)
    waiting = advance(before, differing(Holds.OTHER, Holds.NOTHING), START, TERMS)
    assert (waiting.state, waiting.wait_seconds) == (State.PENDING, 3600)
    assert advance(waiting, everywhere(Holds.NOTHING), START, TERMS).wait_seconds == 3600
    published = advance(waiting, everywhere(Holds.RECORD), START, TERMS)
    assert due(published, TERMS) == START + HOUR


def test_a_record_that_was_there_first_waits_for_the_negative_ttl_alone() -> None:
    published = advance(life(wait_seconds=0), everywhere(Holds.RECORD), START, TERMS)
    assert due(published, TERMS) == START + timedelta(seconds=900)


@pytest.mark.parametrize("holds", [Holds.EMPTY, Holds.NOTHING])
def test_revoked_counts_from_when_every_server_says_so(holds: Holds) -> None:
    now = START + LONG
    revoked = life(State.REVOKED)
    assert due(revoked, TERMS) is None
    assert advance(revoked, everywhere(holds), now, TERMS).seen == now
    assert advance(revoked, differing(Holds.EMPTY, Holds.RECORD), now, TERMS).seen is None


def test_a_removed_key_is_over_when_no_server_has_the_record() -> None:
    removed = life(State.REMOVED)
    assert not advance(removed, everywhere(Holds.EMPTY), START, TERMS).is_over
    assert advance(removed, everywhere(Holds.NOTHING), START, TERMS).is_over


def test_a_key_at_once_revoked_still_waits_for_caches_before_its_removal() -> None:
    terms = Terms(timedelta(0))
    revoked = advance(life(State.RETIRING), SILENCE, START, terms)
    waiting = advance(revoked, everywhere(Holds.RECORD), START, terms)
    assert due(replace(waiting, seen=START), terms) == START + HOUR


def test_younger_keys_of_the_same_type_supersede() -> None:
    old = life(State.ACTIVE)
    young = life(State.ACTIVE, selector=DomainName("s2"), since=START + HOUR)
    assert superseded(old, (old, young))
    assert not superseded(young, (old, young))
    assert [is_under_way(one, (old, young)) for one in (old, young)] == [True, False]
    assert not superseded(old, (old, replace(young, state=State.PUBLISHED)))
    assert not superseded(old, (old, replace(young, key_type=KeyType.ED25519)))


def test_of_two_made_at_the_same_time_one_supersedes() -> None:
    pair = life(State.ACTIVE), life(State.ACTIVE, selector=DomainName("s2"))
    assert [superseded(one, pair) for one in pair] == [True, False]


def test_a_selector_is_never_used_twice() -> None:
    assert free_selector(KeyType.RSA, START, frozenset()) == "r20261124"
    assert free_selector(KeyType.ED25519, START, frozenset({"e20261124"})) == "e20261124b"


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("seen", [None, START])
def test_every_state_says_what_is_next(state: State, seen: object) -> None:
    one = life(state, seen=seen)
    when = due(one, TERMS)
    assert next_step(one, TERMS)
    assert when is None or f"{when:%Y-%m-%d %H:%M}" in next_step(one, TERMS)
    assert is_under_way(one, (one,)) is (state is not State.ACTIVE and not one.is_over)
