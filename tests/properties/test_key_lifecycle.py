"""However servers and time play, a key signs only when it may."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from inalign.dkim.algorithm import KeyType
from inalign.keys.lifecycle.publication import PublicationState, PublishedState
from inalign.keys.lifecycle.state import KeyState, ManagedKey, RetentionPeriods, advance
from inalign.keys.lifecycle.zone_text import KeyRecordChange, strings, zone_text
from inalign.mail.domain import DomainName
from inalign.resolver.master_file import parse_master_file
from tests.keys.lifecycle.material import DOMAIN, START

FORWARD = list(KeyState)


@st.composite
def standings(draw: st.DrawFn) -> PublicationState:
    holds = draw(st.frozensets(st.sampled_from(list(PublishedState))))
    is_whole = draw(st.booleans()) and len(holds) == 1
    return PublicationState(
        next(iter(holds)) if is_whole else None,
        holds,
        {each: draw(st.integers(0, 86_400)) for each in sorted(holds)},
        negative_ttl=draw(st.integers(0, 86_400)),
    )


@given(st.lists(st.tuples(standings(), st.integers(0, 30 * 86_400), st.booleans()), max_size=30))
def test_a_key_signs_only_after_every_server_had_it_for_long_enough(
    plays: list[tuple[PublicationState, int, bool]],
) -> None:
    life = ManagedKey(
        domain=DOMAIN,
        selector=DomainName("s"),
        key_type=KeyType.RSA,
        bits=2048,
        state=KeyState.PENDING,
        since=START,
        created=START,
    )
    now, told, everywhere_since = START, 0, None
    for standing, seconds, is_superseded in plays:
        now += timedelta(seconds=seconds)
        after = advance(life, standing, now, RetentionPeriods(), is_superseded=is_superseded)
        told = max(told, standing.longest_ttl_but(PublishedState.RECORD)) if life.state is KeyState.PENDING else told
        if after.state is not life.state:
            step = FORWARD.index(after.state) - FORWARD.index(life.state)
            assert step == 1 or (life.state, after.state) == (KeyState.PUBLISHED, KeyState.PENDING)
            if after.state is KeyState.PUBLISHED:
                told, everywhere_since = max(told, standing.negative_ttl), now
            if after.state is KeyState.ACTIVE:
                assert standing.everywhere is PublishedState.RECORD
                assert everywhere_since is not None
                assert now - everywhere_since >= timedelta(seconds=told)
            if after.state is KeyState.REVOKED:
                assert now - life.since >= timedelta(days=14)
        life = after


@given(st.text(alphabet="ABab01+/=;: ", min_size=1, max_size=2000))
def test_a_record_reads_back_from_its_zone_file(record: str) -> None:
    (read,) = parse_master_file(zone_text(KeyRecordChange("s._domainkey.example.org", record)))
    assert read.value == record.encode()
    assert "".join(strings(record)) == record
