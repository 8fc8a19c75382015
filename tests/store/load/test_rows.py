"""Reports as rows: what makes a content the same, and how much memory a forger may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.reports.report import AggregateRecord
from inalign.store.engine.interface import Engine, count
from inalign.store.load.geoip import GeoLocation, Places
from inalign.store.load.reports import LoadOutcome
from inalign.store.load.rows import AggregateRows
from tests.store import material
from tests.store.material import PLACES, aggregate, arrival, record, store


class Elsewhere(Places):
    """A database that knows another network for each address."""

    def _find(self, address: str | None) -> GeoLocation:
        return GeoLocation("", "", "JP", 64500, "Example")


def digest(*portions: list[AggregateRecord], places: Places = PLACES) -> str:
    rows = AggregateRows(places, Path())
    for portion in portions:
        rows(portion)
    return rows.digest.hexdigest()


SOME = [record(f"192.0.2.{number}", number) for number in range(6)]


def test_same_content_in_other_portions_is_the_same() -> None:
    assert digest(SOME) == digest(SOME[:1], SOME[1:4], SOME[4:])


def test_what_is_known_of_an_address_is_no_content() -> None:
    assert digest(SOME) == digest(SOME, places=Elsewhere())


def test_other_count_is_other_content() -> None:
    assert digest(SOME) != digest([*SOME[:5], record("192.0.2.5", 6)])


def test_other_cut_between_records_is_other_content() -> None:
    assert digest([record(header_from="a")] * 2) != digest([record(header_from="a")])


def test_report_is_a_duplicate_when_its_networks_have_other_names(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store(engine, tmp_path, aggregate(*SOME)) == [LoadOutcome.STORED]
    monkeypatch.setattr(material, "PLACES", Elsewhere())
    assert store(engine, tmp_path, aggregate(*SOME)) == [LoadOutcome.DUPLICATE]


def test_names_beyond_the_limit_are_summed_together(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inalign.store.load.rows.MAX_FROM_DOMAINS", 10)
    store(engine, tmp_path, aggregate(*[record(header_from=f"d{n}.example", count=n) for n in range(40)]))
    assert count(engine, "SELECT count(*) FROM domain_rollups") == 11
    assert count(engine, "SELECT sum(dkim_none) FROM domain_rollups") == sum(range(40))
    assert count(engine, "SELECT sum(dkim_none) FROM domain_rollups WHERE header_from = ''") == sum(range(10, 40))
    assert count(engine, "SELECT count(DISTINCT header_from) FROM records") == 40


def test_the_organization_of_a_domain_goes_by_the_public_suffix_list() -> None:
    for domain, expected in (
        ("www.city.shinjuku.tokyo.jp", "city.shinjuku.tokyo.jp"),
        ("mail.city.kawasaki.jp", "city.kawasaki.jp"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("github.io", "github.io"),
        ("no domain name", "no domain name"),
    ):
        rows = arrival(aggregate(record(), domain=domain)).rows
        assert rows.row["org_domain"] == expected
        rows.close()
