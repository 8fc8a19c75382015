"""ClickHouse alone: a server that is away, late or no ClickHouse, and several that write at once."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.store.engine import clickhouse
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.interface import StoreError, count
from inalign.store.load.reports import LoadOutcome
from inalign.store.schema.migrations import FORM
from inalign.store.schema.tables import COUNTERS
from tests.store.material import aggregate, record, store

SUM = " + ".join(f"sum({name})" for name in COUNTERS)
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def _server(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _says(status: int, text: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length", "0")))
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    return answer


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://localhost:8123/",
        "clickhouse://",
        "clickhouse://host:99999/x",
        "clickhouse://host/a`b",
        "clickhouse://host/a/b",
        "clickhouse://[::1/x",
    ],
)
def test_url_that_is_none_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match=r"store\.url"):
        ClickHouseEngine(url)


def test_password_is_shown_nowhere() -> None:
    engine = ClickHouseEngine("clickhouse://user:se%2Fcret@127.0.0.1:1/mail")
    with pytest.raises(StoreError) as caught:
        engine.migrate()
    assert str(caught.value).startswith("clickhouse://127.0.0.1:1/mail: ")
    assert "cret" not in str(caught.value) + str(engine) + repr(engine)


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (401, b"Code: 516. DB::Exception: user: Authentication failed.\nUse a password", "Authentication failed. Use"),
        (403, b"Code: 497. DB::Exception: user: Not enough privileges.", "Not enough privileges"),
        (500, b"Code: 241. DB::Exception: Memory limit exceeded\x1b[31m\0", r"exceeded\[31m$"),
        (503, b"", "HTTP status 503"),
        (200, b"<html>It works!</html>", "no ClickHouse"),
        (200, b'{"meta":[{"name":"x","type":"Int64"}],"data":[[1]]\nCode: 159. DB::Exc', "no ClickHouse"),
        (200, b"\xff\xfe", "no ClickHouse"),
    ],
)
def test_what_the_server_says_is_told_in_one_line(status: int, text: bytes, told: str) -> None:
    with _server(_says(status, text)) as port, pytest.raises(StoreError, match=told) as caught:
        ClickHouseEngine(f"clickhouse://127.0.0.1:{port}/x").query("SELECT 1")
    assert "\n" not in str(caught.value)


def test_credentials_and_parameters_reach_the_server_apart_from_the_text() -> None:
    seen: list[tuple[str, str]] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append((request.path, request.headers["Authorization"]))
        _says(200, b'{"meta":[{"name":"x","type":"LowCardinality(Nullable(String))"}],"data":[["a"]]}')(request)

    with _server(answer) as port:
        engine = ClickHouseEngine(f"clickhouse://us%40er:pass@127.0.0.1:{port}/mail")
        assert engine.query("SELECT :word", {"word": "a\\'b\n&database=x"}) == [("a",)]
    ((path, authorization),) = seen
    assert "param_word=a%5C%5C%27b%5Cn%26database%3Dx" in path
    assert authorization == "Basic dXNAZXI6cGFzcw=="


def test_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clickhouse, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = ClickHouseEngine(f"clickhouse://127.0.0.1:{silent.getsockname()[1]}/x")
        with pytest.raises(StoreError, match="timed out"):
            engine.query("SELECT 1")


def test_connection_that_breaks_in_the_answer_is_an_error() -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"{")

    with _server(answer) as port, pytest.raises(StoreError):
        ClickHouseEngine(f"clickhouse://127.0.0.1:{port}/x").query("SELECT 1")


def test_answer_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clickhouse, "MAX_ANSWER_OCTETS", 10)
    with _server(_says(200, b"x" * 11)) as port, pytest.raises(StoreError, match="longer than 10"):
        ClickHouseEngine(f"clickhouse://127.0.0.1:{port}/x").query("SELECT 1")


def test_certificate_that_nobody_vouches_for_is_refused(tls_context: ssl.SSLContext) -> None:
    with _server(_says(200, b"{}"), tls_context) as port, pytest.raises(StoreError, match="certificate"):
        ClickHouseEngine(f"clickhouses://localhost:{port}/x").query("SELECT 1")


@pytest.fixture
def tls_context(tmp_path: Path) -> ssl.SSLContext:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def test_several_migrate_at_once(clickhouse_url: str) -> None:
    url = f"{clickhouse_url}/t{uuid.uuid4().hex}"
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: ClickHouseEngine(url).migrate(), range(4))) == {FORM}


def test_several_store_the_same_report_once(clickhouse_url: str, tmp_path: Path) -> None:
    url = f"{clickhouse_url}/t{uuid.uuid4().hex}"
    ClickHouseEngine(url).migrate()

    def write(_: int) -> list[LoadOutcome]:
        reports = [aggregate(record(count=2), record("192.0.2.2", 3), report_id=str(number)) for number in range(5)]
        return store(ClickHouseEngine(url), tmp_path, *reports, raws=[b"raw"])

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(write, range(4)))
    assert [LoadOutcome.STORED] * 5 in outcomes
    engine = ClickHouseEngine(url)
    for sums in ("sum(count) FROM records", f"{SUM} FROM domain_rollups", "sum(messages) FROM reports"):
        assert count(engine, f"SELECT {sums}") == 25
    assert count(engine, "SELECT count(*) FROM raw") == 1
    engine.compact()
    assert count(engine, "SELECT sum(count) FROM records") == 25
