"""The JSON face over a real socket: it says what the command says, and takes any question."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette

from inalign.cli import main
from inalign.settings.config import Config
from inalign.settings.store import StoreSettings
from inalign.settings.tables import Settings
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.queries import VIEWS
from inalign.store.queries.view import AFTER
from inalign.web.api import routes
from inalign.web.openapi import openapi
from inalign.web.server import WebServer
from inalign.wiring.queries import open_questions
from tests.store.material import aggregate, failure, record, store, tls


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    engine = DuckDbEngine(folder / "store.duckdb")
    engine.migrate()
    reports = [
        aggregate(record(None, 2), record("192.0.2.1", 3), report_id=f"=r{number}", day=number) for number in range(5)
    ]
    store(engine, folder, *reports, failure(subject="\x1b[31m=1+1"), tls())
    engine.close()
    path = folder / "inalign.toml"
    path.write_text('[store]\nfolder = "."\n')
    return path


class Client:
    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, target: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


@pytest.fixture
def client(config: Path) -> Iterator[Client]:
    with open_questions(Config(Settings(store=StoreSettings(folder=".")), config)) as ask, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = WebServer(Starlette(routes=routes(ask)), [listening])
        thread = threading.Thread(target=lambda: asyncio.run(server.run()))
        thread.start()
        try:
            yield Client(listening.getsockname()[1])
        finally:
            server.end()
            thread.join(20)


def command(config: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["reports", *arguments, "--config", str(config)])
    return result.exit_code, result.stdout


def test_api_says_what_the_command_says(config: Path, request: pytest.FixtureRequest) -> None:
    key = json.loads(command(config, "reports", "--json", "--limit", "1")[1])[0]["report_key"]
    wanted = {}
    for view in VIEWS.values():
        more = ["--key", key] if "key" in view.filters else []
        code, output = command(config, view.name, "--json", *more)
        wanted[view.name] = json.loads(output)
        assert code == (0 if wanted[view.name] else 1)
    client: Client = request.getfixturevalue("client")
    for name, rows in wanted.items():
        target = f"/api/v1/{name}" + (f"?key={key}" if "key" in VIEWS[name].filters else "")
        status, fields, body = client.get(target)
        assert (status, fields["Content-Type"]) == (200, "application/json")
        assert json.loads(body) == rows


def test_pages_follow_the_field(client: Client) -> None:
    seen = []
    after = ""
    while True:
        _, fields, body = client.get("/api/v1/reports?" + urlencode({"limit": 2, "after": after}))
        seen += [row["report_key"] for row in json.loads(body)]
        if not (after := fields.get(AFTER, "")):
            break
    assert len(seen) == len(set(seen)) == 7


def test_description_names_every_view_and_its_types(client: Client) -> None:
    status, _, body = client.get("/api/v1/openapi.json")
    described = json.loads(body)
    assert (status, described["openapi"]) == (200, "3.1.0")
    assert set(described["paths"]) == {f"/api/v1/{name}" for name in (*VIEWS, "openapi.json")}
    for name, view in VIEWS.items():
        get = described["paths"][f"/api/v1/{name}"]["get"]
        assert {each["name"] for each in get["parameters"]} == {*view.filters, "zone", "limit", "after"}
        items = get["responses"]["200"]["content"]["application/json"]["schema"]["items"]
        schema = described["components"]["schemas"][items["$ref"].rpartition("/")[2]]
        assert set(schema["properties"]) == set(view.row.__struct_fields__)
    assert described == json.loads(json.dumps(openapi(VIEWS)))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=1e400", "limit=" + "9" * 400, "since=2026-02-30", "since=x",
        "until=0000-00-00", "source=1.2.3", "source='%20OR%201=1", "after=AAAA", "after=" + "A" * 9000, "unknown=1",
        "domain=a&domain=b", "zone=Mars", "zone=utc", "key=1", "__proto__=1", "after=%00", "source=%ff%fe",
        "action=reject",
    ],
)  # fmt: skip
def test_hostile_question_is_refused(client: Client, query: str) -> None:
    status, fields, body = client.get(f"/api/v1/sources?{query}")
    assert (status, fields["Content-Type"]) == (400, "application/problem+json")
    problem = json.loads(body)
    assert problem["status"] == 400
    assert problem["detail"]


@pytest.mark.parametrize(
    "text", ["' OR ''='", "\x00", "%", "_", "\\", "é" * 500, "a" * 5000, ":domain", "$1", "{x:String}"]
)
def test_hostile_text_is_a_value(client: Client, text: str) -> None:
    for name in ("domain", "reporter"):
        status, _, body = client.get(f"/api/v1/reporters?{name}={quote(text)}")
        assert (status, body) == (200, b"[]")


def test_only_get_is_answered(client: Client) -> None:
    assert client.get("/api/v1/sources", "DELETE")[0] == 405
    assert client.get("/api/v1/absent")[0] == 404


def test_csv_is_safe_for_spreadsheets(config: Path) -> None:
    code, output = command(config, "failure-reports", "--csv")
    assert code == 0
    assert output.startswith("\ufeffreport_key,kind,")
    assert "'=r0" in command(config, "reports", "--csv")[1]


def test_table_shows_control_characters(config: Path) -> None:
    code, output = command(config, "failure-reports")
    assert code == 0
    assert "\x1b" not in output


def test_exit_codes_and_problems(config: Path, tmp_path: Path) -> None:
    assert command(config, "sources")[0] == 0
    assert command(config, "sources", "--domain", "absent.example")[0] == 1
    for wrong in (["absent"], ["tls", "--source", "192.0.2.1"], ["sources", "--json", "--csv"], ["report"]):
        assert command(config, *wrong)[0] == 2
    assert command(config, "sources", "--source", "nonsense")[0] == 2
    empty = tmp_path / "inalign.toml"
    empty.write_text("[store]\nfolder = 'new'\n")
    result = CliRunner().invoke(main, ["reports", "days", "--config", str(empty)])
    assert (result.exit_code, "there is no store yet" in result.output) == (2, True)


def test_command_says_how_to_go_on(config: Path) -> None:
    result = CliRunner().invoke(main, ["reports", "reports", "--limit", "2", "--json", "--config", str(config)])
    after = result.stderr.rpartition(" ")[2].strip()
    first = json.loads(result.stdout)
    _, output = command(config, "reports", "--limit", "2", "--json", "--after", after)
    assert not {row["report_key"] for row in first} & {row["report_key"] for row in json.loads(output)}
