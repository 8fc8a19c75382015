"""The report process judges in the background, and whoever asks reads what it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from inalign.store.assessments import cached_assessments
from inalign.store.engine.duckdb import DuckDbEngine
from tests.cli.test_ingest import Served, ingest
from tests.programs import wait_until
from tests.reportd.test_scenario_intake_and_queries import ask
from tests.reports.material import write_reports

DOMAIN = "example.com"


def set_class(folder: Path, source: str, name: str) -> None:
    command = [sys.executable, "-m", "inalign", "sender", "set", DOMAIN, source, name]
    subprocess.run([*command, "--config", str(folder / "inalign.toml")], check=True, capture_output=True)


def test_it_judges_what_was_loaded_and_an_override_is_in_the_next_answer(tmp_path: Path) -> None:
    write_reports(tmp_path / "in", range(3), messages=4)
    ingest(tmp_path, str(tmp_path / "in"))
    served = Served(tmp_path, "\n[insight]\nlook_up = false\n\n")

    def overview() -> dict[str, object]:
        (row,) = json.loads(ask(tmp_path, "overview", "--json"))
        assert row["messages"] == 12
        return dict(row)

    try:
        wait_until((tmp_path / "store/reportd.sock").exists, "the report process", 20.0)
        wait_until(lambda: bool(overview()["judged_at"]), "a judgement", 40.0)
        set_class(tmp_path, "192.0.2.1", "spoof")
        (row,) = json.loads(ask(tmp_path, "sources", "--source", "192.0.2.1", "--json"))
        assert row["class"] == "spoof"
    finally:
        served.end()
    assert served.process.returncode == 0
    assert "Traceback" not in served.log.read_text()
    engine = DuckDbEngine(tmp_path / "store" / "store.duckdb")
    assert list(cached_assessments(engine, "")) == [DOMAIN]
    engine.close()
