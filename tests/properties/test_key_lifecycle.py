"""However servers and time play, a key signs only when it may."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from inalign.dkim.algorithm import KeyType
from inalign.keys.lifecycle.publication import Holds, Standing
from inalign.keys.lifecycle.state import Life, State, Terms, advance
from inalign.keys.lifecycle.zone_text import Change, strings, zone_text
from inalign.mail.domain import DomainName
from inalign.resolver.master_file import parse_master_file
from tests.keys.lifecycle.material import DOMAIN, START

FORWARD = list(State)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    holds = draw(st.frozensets(st.sampled_from(list(Holds))))
    is_whole = draw(st.booleans()) and len(holds) == 1
    return Standing(
        next(iter(holds)) if is_whole else None,
        holds,
        {each: draw(st.integers(0, 86_400)) for each in sorted(holds)},
        negative_ttl=draw(st.integers(0, 86_400)),
    )


@given(st.lists(st.tuples(standings(), st.integers(0, 30 * 86_400), st.booleans()), max_size=30))
def test_a_key_signs_only_after_every_server_had_it_for_long_enough(
    plays: list[tuple[Standing, int, bool]],
) -> None:
    life = Life(
        domain=DOMAIN,
        selector=DomainName("s"),
        key_type=KeyType.RSA,
        bits=2048,
        state=State.PENDING,
        since=START,
        created=START,
    )
    now, told, everywhere_since = START, 0, None
    for standing, seconds, is_superseded in plays:
        now += timedelta(seconds=seconds)
        after = advance(life, standing, now, Terms(), is_superseded=is_superseded)
        told = max(told, standing.longest_ttl_but(Holds.RECORD)) if life.state is State.PENDING else told
        if after.state is not life.state:
            step = FORWARD.index(after.state) - FORWARD.index(life.state)
            assert step == 1 or (life.state, after.state) == (State.PUBLISHED, State.PENDING)
            if after.state is State.PUBLISHED:
                told, everywhere_since = max(told, standing.negative_ttl), now
            if after.state is State.ACTIVE:
                assert standing.everywhere is Holds.RECORD
                assert everywhere_since is not None
                assert now - everywhere_since >= timedelta(seconds=told)
            if after.state is State.REVOKED:
                assert now - life.since >= timedelta(days=14)
        life = after


@given(st.text(alphabet="ABab01+/=;: ", min_size=1, max_size=2000))
def test_a_record_reads_back_from_its_zone_file(record: str) -> None:
    (read,) = parse_master_file(zone_text(Change("s._domainkey.example.org", record)))
    assert read.value == record.encode()
    assert "".join(strings(record)) == record
