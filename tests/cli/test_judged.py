"""`inalign reports sources | plan | override` on a store with a story in it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec import Struct
from starlette.applications import Starlette

from inalign.assessment.context_files import Surrounding
from inalign.assessment.views import QUESTIONS, all_views
from inalign.cli import main
from inalign.cli.configuration import load
from inalign.reportd.reportd import bind_local
from inalign.store.folders import Folders
from inalign.store.queries.filters import Filters
from inalign.store.state.control import Control
from inalign.web.api import routes
from inalign.web.openapi import openapi
from inalign.web.server import WebServer
from inalign.wiring.assessment import make_assessment_cache
from inalign.wiring.queries import ask_reportd
from inalign.wiring.store import open_store
from tests.insight.vectors import Story, scenarios
from tests.store.material import store
from tests.store.test_facts import reports_of

STORIES = {story.name: story for story in scenarios()}


class Host:
    """A configuration with a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "inalign.toml"
        self.config.write_text('[store]\nfolder = "store"\n[insight]\nlook_up = false\n')

    def load(self, *stories: Story) -> None:
        engine = open_store(load(self.config))
        control = Control(self.folder / "store" / "control.sqlite")
        try:
            for story in stories:
                store(engine, self.folder, *reports_of(story))
                told = story.told
                zones = {told["domain"]: told["zone"]} if "zone" in told else {}
                Surrounding(zones, told.get("ptr", {}), {}).keep(control, now=1.0)
        finally:
            control.close()
            engine.close()

    def run(self, *words: str) -> Result:
        tail = ["--config", str(self.config)]
        result = CliRunner().invoke(main, [*words, *tail])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("reports", *words, "--json").stdout)
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.load(STORIES["kazami-rei"], STORIES["suzume-rei"])
    return made


def test_sources_and_plan_are_those_of_the_story(host: Host) -> None:
    story = STORIES["kazami-rei"]
    rows = host.rows("sources", "--domain", story.told["domain"])
    assert {row["source_ip"]: row["class"] for row in rows}.keys() == story.expect["classes"].keys()
    assert set(rows[0]) >= {"domain", "source_ip", "class", "service", "evidence", "messages"}
    (row,) = host.rows("plan", "--domain", story.told["domain"])
    assert row["next"]["step"] in (
        [story.expect["step"]] if isinstance(story.expect["step"], str) else story.expect["step"]
    )
    assert row["ready"] is story.expect["ready"]
    assert set(row) >= {"domain", "ready", "next", "policies", "policies_last30", "blocking", "confidence"}


def test_all_domains_are_asked_where_none_is_named(host: Host) -> None:
    assert [row["domain"] for row in host.rows("plan")] == ["kazami-rei.co.jp", "suzume-rei.jp"]
    assert host.rows("plan", "--domain", "example.net") == []
    assert host.rows("plan", "--until", "1999-01-01") == []


def test_an_override_lasts_changes_the_plan_and_is_taken_back(host: Host) -> None:
    domain = "kazami-rei.co.jp"
    (before,) = host.rows("plan", "--domain", domain)
    blocked = before["blocking"][0]["addresses"]
    for address in blocked:
        host.run("sender", "set", domain, address, "spoof")
    rows = {row["source_ip"]: row for row in host.rows("sources", "--domain", domain)}
    assert {rows[address]["class"] for address in blocked} == {"spoof"}
    assert rows[blocked[0]]["evidence"][0] == {"code": "overridden"}
    (after,) = host.rows("plan", "--domain", domain)
    assert blocked[0] not in [each for found in after["blocking"] for each in found["addresses"]]
    assert len(json.loads(host.run("sender", "list", domain, "--json").stdout)) == len(blocked)
    for address in blocked:
        assert host.run("sender", "remove", domain, address).exit_code == 0
    assert host.run("sender", "remove", domain, blocked[0]).exit_code == 1
    assert host.rows("plan", "--domain", domain) == [before]


def test_tables_and_csv_speak_the_language(host: Host) -> None:
    japanese = host.run("reports", "plan", "--lang", "ja", "--csv").stdout
    (first, *_) = csv.DictReader(io.StringIO(japanese.removeprefix("\ufeff")))
    assert first["next"] == "失敗している送信元を直す"
    assert "put the failing senders in order" in " ".join(
        host.run("reports", "plan", "--lang", "en", "--csv").stdout.split()
    )
    assert "自社" in host.run("reports", "sources", "--lang", "ja").stdout


def test_the_overview_speaks_the_language_and_tells_all_to_programs(host: Host) -> None:
    rows = host.rows("overview")
    assert [row["state"] for row in rows] == ["needs_work", "collecting"] or rows[0]["state"] == "no_data"
    assert all(len(row["trend"]) == 30 and row["judged_at"] for row in rows)
    assert "failing senders" in host.run("reports", "overview", "--lang", "en").stdout
    assert "失敗している送信元を直す" in host.run("reports", "overview", "--lang", "ja").stdout
    days = host.rows("classes", "--domain", rows[0]["domain"])
    assert sum(day["messages"] for day in days) == rows[0]["messages"]


def test_a_keeper_gives_the_rows_of_the_command(host: Host) -> None:
    words = [("sources",), ("plan",), ("sources", "--limit", "7"), ("plan", "--until", "1999-01-01")]
    alone = [host.rows(*each) for each in words]
    config = load(host.config)
    folders = Folders(base=host.folder / "store")
    engine, control = open_store(config), Control(folders.control)
    views = all_views(lambda asked: make_assessment_cache(config, asked, control))
    server = WebServer(
        Starlette(routes=routes(lambda view, filters: view.ask(engine, filters), views)), [bind_local(folders.socket)]
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.run()))
    thread.start()
    try:
        assert [host.rows(*each) for each in words] == alone
        assert host.run("reports", "plan", "--source", "192.0.2.1").exit_code == 2
        pages: list[Struct] = []
        after = ""
        while not pages or after:
            answer = ask_reportd(folders.socket, QUESTIONS["sources"], Filters(limit=7, after=after))
            pages += list(answer.rows)
            after = answer.after
        assert json.loads(msgspec.json.encode(pages)) == alone[0]
    finally:
        server.end()
        thread.join()
        control.close()
        engine.close()
    assert "class" in openapi(views)["components"]["schemas"]["AssessedSource"]["properties"]


def test_sources_are_narrowed_to_a_network(host: Host) -> None:
    address = host.rows("sources")[0]["source_ip"]
    assert {row["source_ip"] for row in host.rows("sources", "--source", address)} == {address}
    assert host.run("reports", "sources", "--source", "nonsense").exit_code == 2
