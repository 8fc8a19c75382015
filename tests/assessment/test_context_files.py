"""Zones, reverse names and reputations from files: what is wrong is told with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from inalign.assessment import context_files
from inalign.assessment.context_files import (
    ContextError,
    Surrounding,
    read_ptr_files,
    read_reputation_files,
    read_surrounding,
    read_zone_files,
)
from inalign.insight.facts import DomainFacts
from inalign.insight.facts_builder import facts_from_reports
from inalign.store.engine.interface import Engine
from inalign.store.facts import facts_of
from inalign.store.state.answers import load_answers, load_context, move_hosts, write_answers, write_looked_up
from inalign.store.state.control import Control
from tests.store.conftest import clickhouse_url, engine
from tests.store.material import aggregate, record, store

__all__ = ["clickhouse_url", "engine"]


def test_a_folder_may_hold_all_three(tmp_path: Path) -> None:
    (tmp_path / "a.zone.json").write_text('{"A.example.": {"TXT": ["v=spf1 -all"], "other": 1}}')
    (tmp_path / "b.zone").write_text("$ORIGIN b.example.\n@ 60 IN MX 10 mx\nwww IN CNAME host.example.\n")
    (tmp_path / "ptr.tsv").write_text("::ffff:192.0.2.1\tMail.A.example.\n192.0.2.1\tother.example\n")
    (tmp_path / "reputation.tsv.gz").write_bytes(gzip.compress(b"# list\n2001:DB8::1\tlisted\n"))
    assert read_surrounding([tmp_path], [tmp_path], [tmp_path]) == Surrounding(
        {
            "a.zone.json": {"a.example": {"TXT": ["v=spf1 -all"]}},
            "b.zone": {"b.example": {"MX": [[10, "mx.b.example"]]}, "www.b.example": {"CNAME": "host.example"}},
        },
        {"192.0.2.1": "mail.a.example"},
        {"2001:db8::1": "listed"},
    )


def test_a_denied_name_is_left_out_and_a_failed_one_is_kept_as_failed(tmp_path: Path) -> None:
    file = tmp_path / "z.json"
    file.write_text('{"a.example": {"error": "nxdomain"}, "b.example": {"error": "timeout"}}')
    assert read_zone_files([file]) == {"z.json": {"b.example": {"error": "timeout"}}}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("z.json", '{"a.example": {"A": ["300.1.1.1"]}}', "A of 'a.example'"),
        ("z.zone", "a.example. IN A nonsense\n", "line 1"),
        ("ptr.tsv", "192.0.2.1\ta.example\nnonsense\ta.example\n", "ptr.tsv:2"),
        ("ptr.tsv", "192.0.2.1 a.example\n", "no tab"),
        ("reputation.tsv", "192.0.2.1\tbad\n", "neither dynamic nor listed"),
        ("reputation.tsv", "192.0.2.1\t" + "x" * 2000 + "\n", "longer than"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, name: str, text: str, told: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    read = {"z": read_zone_files, "p": read_ptr_files, "r": read_reputation_files}[name[0]]
    with pytest.raises(ContextError, match=told):
        read([file])


def test_bombs_and_empty_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_files, "MAX_ZONE_OCTETS", 1000)
    monkeypatch.setattr(context_files, "MAX_ADDRESSES", 2)
    with pytest.raises(ContextError, match="no ptr file"):
        read_ptr_files([tmp_path])
    (tmp_path / "z.json.gz").write_bytes(gzip.compress(b"{" + b" " * 2000))
    with pytest.raises(ContextError, match="unpacks to more"):
        read_zone_files([tmp_path])
    (tmp_path / "ptr.tsv").write_text("".join(f"192.0.2.{n}\ta.example\n" for n in range(4)))
    with pytest.raises(ContextError, match="more than 2 addresses"):
        read_ptr_files([tmp_path])


def names_in(engine: Engine) -> dict[str, str]:
    return {str(address): str(name) for address, name in engine.query("SELECT source_ip, name FROM names")}


def test_what_was_given_counts_before_what_was_looked_up(tmp_path: Path) -> None:
    facts = facts_from_reports([aggregate()])["example.com"]
    control = Control(tmp_path / "control.sqlite")
    write_looked_up(
        control, "example.com", ["example.com", "mx.example"], {"example.com": {"MX": [[5, "mx.example"]]}}, now=1.0
    )
    assert load_answers(control, facts) == {"example.com": {"MX": [[5, "mx.example"]]}}
    write_answers(control, "z.json", {"example.com": {"TXT": ["x"]}, "other.example": {}}, now=2.0)
    assert load_answers(control, facts) == {"example.com": {"TXT": ["x"]}}
    write_answers(control, "z.json", {}, now=3.0)
    write_looked_up(control, "example.com", ["example.com"], {}, now=4.0)
    assert load_answers(control, facts) == {}
    control.close()


def test_what_records_lead_to_is_loaded_with_them(tmp_path: Path) -> None:
    facts = facts_from_reports([aggregate()])["example.com"]
    control = Control(tmp_path / "control.sqlite")
    answers: dict[str, dict[str, object]] = {
        "example.com": {"TXT": ["v=spf1 include:spf.service.example -all"]},
        "s1._domainkey.example.com": {"CNAME": "key.service.example"},
        "spf.service.example": {"TXT": ["v=spf1 include:more.service.example -all"]},
        "more.service.example": {"CNAME": "last.example"},
        "last.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
        "key.service.example": {"TXT": ["p=\udcff"]},
        "stranger.example": {"TXT": ["x"]},
    }
    write_answers(control, "z.json", answers, now=1.0)
    assert set(load_answers(control, facts)) == set(answers) - {"stranger.example"}
    control.close()


def test_names_wait_in_the_control_state_for_the_store(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, aggregate(record("192.0.2.1"), record("192.0.2.2")))
    facts = facts_of(engine, "example.com")
    assert facts is not None
    control = Control(tmp_path / "control.sqlite")
    for name in ("old.example", "new.example"):
        Surrounding({}, {"192.0.2.1": name}, {"192.0.2.2": "listed"}).keep(control, now=1.0)
        expected = {"192.0.2.1": name}
        assert load_context(control, facts, names_in(engine)).hosts == expected
        assert move_hosts(engine, control, now=1.0, folder=tmp_path) == 1
        assert move_hosts(engine, control, now=1.0, folder=tmp_path) == 0
        found = load_context(control, facts, names_in(engine))
        assert (found.hosts, found.reputation) == (expected, {"192.0.2.2": "listed"})
    control.close()


def test_answers_of_another_organization_are_not_loaded(tmp_path: Path) -> None:
    control = Control(tmp_path / "control.sqlite")
    names = ("tokyo.jp", "city.shinjuku.tokyo.jp", "www.city.shinjuku.tokyo.jp", "www.city.shibuya.tokyo.jp")
    write_answers(control, "a", {name: {"A": ["192.0.2.1"]} for name in names}, now=1)
    found = load_answers(control, DomainFacts("www.city.shinjuku.tokyo.jp", (), (), (1,)))
    assert set(found) == {"city.shinjuku.tokyo.jp", "www.city.shinjuku.tokyo.jp"}
    control.close()
