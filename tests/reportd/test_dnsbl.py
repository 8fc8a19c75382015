"""DNSBLs (RFC 5782): asked about what never passes, believed while their test entries are right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from inalign.reportd.dnsbl import DnsblClient, ListLimits, question
from inalign.resolver import Answer
from inalign.resolver.zone import ZoneResolver
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.state.changes import Changes
from inalign.store.state.control import Control
from inalign.store.state.dnsbl import forget_listings
from tests.store.material import NOW, aggregate, record, store

NAME = "bl.example"
RIGHT = {f"2.0.0.127.{NAME}": {"A": ["127.0.0.2"]}, NAME: {"TXT": ["a list"]}}
BAD, GOOD, CLEAN, BAD6 = "45.9.9.9", "8.8.8.8", "9.9.9.9", "2a00:1450::9"


class Asked(ZoneResolver):
    """Keeps what it was asked."""

    names: list[str]

    async def addresses(self, name: str, version: int) -> Answer:  # type: ignore[type-arg]  # of addresses
        self.names.append(name)
        return await super().addresses(name, version)  # type: ignore[arg-type]  # 4 or 6


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "control.sqlite")


@pytest.fixture
def filled(tmp_path: Path) -> Engine:
    engine = DuckDbEngine(tmp_path / "store.duckdb")
    engine.migrate()
    never = {BAD: 50, CLEAN: 40, BAD6: 30, "10.1.1.1": 99}
    records = [record(address, count, dkim=False) for address, count in never.items()]
    store(engine, tmp_path, aggregate(*records, record(GOOD, 90)))
    return engine


def ask(
    engine: Engine,
    control: Control,
    zone: Mapping[str, object],
    *,
    days: float = 0,
    lists: DnsblClient | None = None,
    **limits: int,
) -> list[str]:
    resolver = Asked.from_json(zone)  # type: ignore[arg-type]  # as JSON has it
    assert isinstance(resolver, Asked)
    resolver.names = []
    now = NOW + timedelta(days=days)
    asyncio.run((lists or DnsblClient([NAME])).ask(engine, control, resolver, ListLimits(**limits), now=now))
    return resolver.names


def listed(control: Control) -> dict[str, bool]:
    return {address: bool(on) for address, on in control.ask("SELECT address, listed FROM listings")}


def test_names_are_asked_from_the_last_part_to_the_first() -> None:
    assert question(NAME, ip_address("192.0.2.99")) == "99.2.0.192.bl.example"
    assert question(NAME, ip_address("2001:db8::1")) == "1.0.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2.bl.example"


def test_only_what_never_passes_is_asked_for_and_kept(filled: Engine, control: Control) -> None:
    zone = {**RIGHT, question(NAME, ip_address(BAD)): {"A": ["127.0.0.4"]}}
    asked = ask(filled, control, zone)
    assert question(NAME, ip_address(GOOD)) not in asked
    assert question(NAME, ip_address("10.1.1.1")) not in asked  # nobody else has it
    assert listed(control) == {BAD: True, CLEAN: False}
    assert ask(filled, control, zone, days=6) == [  # the list has no IPv6, which is looked at each time
        question(NAME, ip_address("::ffff:7f00:2")),
        question(NAME, ip_address("::ffff:7f00:1")),
    ]
    assert question(NAME, ip_address(BAD)) in ask(filled, control, zone, days=8)


def test_ipv6_is_asked_where_the_list_has_it(filled: Engine, control: Control) -> None:
    zone = RIGHT | {
        question(NAME, ip_address("::ffff:7f00:2")): {"A": ["127.0.0.2"]},
        question(NAME, ip_address(BAD6)): {"A": ["127.0.0.3"]},
    }
    ask(filled, control, zone)
    assert listed(control)[BAD6]


def test_failed_answer_is_asked_for_again(filled: Engine, control: Control) -> None:
    ask(filled, control, {**RIGHT, question(NAME, ip_address(BAD)): {"error": "timeout"}})
    assert listed(control) == {CLEAN: False}


@pytest.mark.parametrize(
    "zone",
    [
        {},
        {f"2.0.0.127.{NAME}": {"A": ["203.0.113.9"]}},  # the name was sold
        {f"2.0.0.127.{NAME}": {"A": ["127.255.255.254"]}},  # asked through a public resolver
        {**RIGHT, f"1.0.0.127.{NAME}": {"A": ["127.0.0.2"]}},  # everybody is listed
        {f"2.0.0.127.{NAME}": {"error": "servfail"}},
    ],
)
def test_list_whose_test_entries_are_wrong_is_not_used(
    filled: Engine, control: Control, zone: Mapping[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ask(filled, control, {**zone, question(NAME, ip_address(BAD)): {"A": ["127.0.0.4"]}})
    assert not listed(control)
    assert "is not used" in caplog.text


def test_refusal_among_answers_is_told_and_lists_nobody(
    filled: Engine, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ask(filled, control, {**RIGHT, question(NAME, ip_address(BAD)): {"A": ["127.255.255.255"]}})
    assert listed(control) == {CLEAN: False}
    assert "refuses our questions" in caplog.text


def test_run_asks_for_those_with_most_messages(filled: Engine, control: Control) -> None:
    ask(filled, control, RIGHT, addresses=1)
    assert listed(control) == {BAD: False}


def test_domains_are_judged_anew_where_an_answer_changed(filled: Engine, control: Control) -> None:
    before = Changes(control).others("example.com")
    ask(filled, control, RIGHT)
    assert Changes(control).others("example.com") == before
    ask(filled, control, {**RIGHT, question(NAME, ip_address(BAD)): {"A": ["127.0.0.4"]}}, days=8)
    changed = Changes(control).others("example.com")
    assert changed != before
    forget_listings(control, [], NOW)
    assert Changes(control).others("example.com") != changed
    assert not listed(control)


def test_list_that_refuses_is_asked_no_further_and_left_alone(
    filled: Engine, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    zone, lists = {**RIGHT, question(NAME, ip_address(BAD)): {"A": ["127.255.255.255"]}}, DnsblClient([NAME])
    with caplog.at_level(logging.INFO):
        assert question(NAME, ip_address(CLEAN)) not in ask(filled, control, zone, lists=lists, at_once=1)
        assert not ask(filled, control, zone, lists=lists, days=0.5 / 24)
        assert ask(filled, control, zone, lists=lists, days=1.1 / 24)
        assert caplog.text.count("refuses our questions") == 1  # not each time
        ask(filled, control, RIGHT, lists=lists, days=3 / 24)
    assert "is used again" in caplog.text
    assert listed(control) == {BAD: False, CLEAN: False}


def test_dead_questions_keep_no_other_from_its_turn(filled: Engine, control: Control) -> None:
    zone, lists = {**RIGHT, question(NAME, ip_address(BAD)): {"error": "timeout"}}, DnsblClient([NAME])
    ask(filled, control, zone, lists=lists, addresses=1)
    assert not listed(control)
    ask(filled, control, zone, lists=lists, addresses=1, days=0.1 / 24)
    assert listed(control) == {CLEAN: False}
    assert question(NAME, ip_address(BAD)) in ask(filled, control, zone, lists=lists, days=1.1 / 24)


def test_list_without_ipv6_is_asked_about_what_stands_behind_it(tmp_path: Path, control: Control) -> None:
    engine = DuckDbEngine(tmp_path / "other.duckdb")
    engine.migrate()
    store(engine, tmp_path, aggregate(record(BAD6, 99, dkim=False), record(BAD, 1, dkim=False)))
    ask(engine, control, RIGHT, addresses=1)
    assert listed(control) == {BAD: False}


def test_silent_list_is_left_alone(filled: Engine, control: Control, caplog: pytest.LogCaptureFixture) -> None:
    dead = {question(NAME, ip_address(address)): {"error": "timeout"} for address in (BAD, CLEAN)}
    lists = DnsblClient([NAME])
    with caplog.at_level(logging.WARNING):
        ask(filled, control, {**RIGHT, **dead}, lists=lists)
    assert "does not answer" in caplog.text
    assert not ask(filled, control, {**RIGHT, **dead}, lists=lists, days=0.5 / 24)


def test_run_ends_when_the_keeper_does(filled: Engine, control: Control) -> None:
    resolver = Asked.from_json(RIGHT)
    assert isinstance(resolver, Asked)
    resolver.names = []
    lists = DnsblClient([NAME])
    asyncio.run(lists.ask(filled, control, resolver, ListLimits(), now=NOW, is_ending=lambda: True))
    assert not resolver.names
