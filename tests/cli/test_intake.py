"""`inalign intake`: sources seen, the quarantine replayed and emptied, a conflict exchanged."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from inalign.cli import main
from inalign.spool.deliveries import Spool
from tests.cli.test_ingest import ingest, messages
from tests.reports.material import report_xml


def call(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--config", str(folder / "inalign.toml")])


def test_refused_item_is_listed_replayed_and_discarded(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("milk, bread\n")
    ingest(tmp_path, str(tmp_path / "notes.txt"), code=1)
    (kept,) = json.loads(call(tmp_path, "intake", "quarantine", "--json").output)
    assert kept["reasons"][0]["code"] == "no_report"
    status = call(tmp_path, "intake", "status")
    assert (status.exit_code, "1 are in quarantine" in status.output) == (1, True)
    again = call(tmp_path, "intake", "replay", "--all")
    assert (again.exit_code, "1 refused again" in again.output) == (1, True)
    # As after an upgrade: what was refused holds a report after all.
    place = tmp_path / "store/spool/refused" / kept["id"]
    place.write_bytes(place.read_bytes().replace(b"milk, bread\n", report_xml(1, messages=4)))
    assert call(tmp_path, "intake", "replay", kept["id"]).exit_code == 0
    assert messages(tmp_path) == 4
    ingest(tmp_path, str(tmp_path / "notes.txt"), code=1)
    (kept,) = json.loads(call(tmp_path, "intake", "quarantine", "--json").output)
    assert call(tmp_path, "intake", "discard", "../store.duckdb").exit_code == 2
    assert call(tmp_path, "intake", "discard", kept["id"]).exit_code == 0
    assert list(Spool(tmp_path / "store/spool").refused()) == []
    assert call(tmp_path, "intake", "status").exit_code == 0


def test_other_content_of_a_report_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for number in (5, 900):
        (tmp_path / "r.xml").write_bytes(report_xml(1, messages=number))
        ingest(tmp_path, str(tmp_path / "r.xml"))
    assert messages(tmp_path) == 5
    (conflict,) = json.loads(call(tmp_path, "reports", "conflicts", "--json").output)
    words = ("intake", "exchange", conflict["report_key"], conflict["content_digest"])
    assert call(tmp_path, *words).exit_code == 0
    assert messages(tmp_path) == 900
    gone = call(tmp_path, *words)
    assert (gone.exit_code, "there is no content" in gone.output) == (2, True)
