"""A running report process: commands ask it by its socket, reports are pushed, and mail arrives over LMTP."""

from __future__ import annotations

import json
import smtplib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import Filters
from inalign.wiring.queries import ask_reportd
from tests.cli.test_ingest import Served, messages, report_mail
from tests.programs import free_port, wait_until
from tests.reports.material import report_xml, write_reports

TOKEN = "long-and-secret"


def ask(folder: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "inalign", "reports", "--config", str(folder / "inalign.toml"), *words],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


class Everything(Served):
    def __init__(self, folder: Path) -> None:
        self.push_port, self.lmtp_port = free_port(), free_port()
        (folder / "token").write_text(f"{TOKEN}\n")
        self.socket = folder / "store/reportd.sock"
        super().__init__(
            folder,
            f"""
[intake.push]
listen = "inet:127.0.0.1:{self.push_port}"
tokens = ["file:{folder}/token"]
max_bytes = 20000

[intake.listener]
lmtp = ["inet:127.0.0.1:{self.lmtp_port}"]
addresses = ["dmarc@example.com"]

[dns]
servers = ["127.0.0.1:1"]
exchange_timeout_seconds = 0.2
""",
        )

    def push(self, content: bytes, token: str = TOKEN) -> tuple[int, dict[str, object]]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.push_port}/api/v1/reports?name=r.xml",
            data=content,
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own URL
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, json.load(problem)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Everything]:
    made = Everything(tmp_path)
    wait_until(made.socket.exists, "the report process", 20.0)
    for port in (made.push_port, made.lmtp_port):
        wait_until(partial(answers, port), f"port {port}", 20.0)
    yield made
    made.end()


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_reports_are_asked_of_the_keeper_as_of_the_store(served: Everything, tmp_path: Path) -> None:
    write_reports(tmp_path / "in", range(3), messages=4)
    assert ingest_into(tmp_path)["messages"] == 12
    views = [name for name, view in VIEWS.items() if "key" not in view.filters or "domain" in view.filters]
    views.remove("sources")  # judged: tests/cli/test_judged.py
    by_keeper = {view: ask_reportd(served.socket, VIEWS[view], Filters()).rows for view in views}
    first = ask(tmp_path, "reports", "--limit", "2", "--json")
    with pytest.raises(AssertionError, match="neither an address nor a network"):
        ask(tmp_path, "sources", "--source", "x")
    served.end()
    engine = DuckDbEngine(tmp_path / "store/store.duckdb")
    by_store = {view: VIEWS[view].ask(engine, Filters()).rows for view in views}
    engine.close()
    assert by_keeper == by_store
    assert first == ask(tmp_path, "reports", "--limit", "2", "--json")
    assert {view for view in views if not by_store[view]} == EMPTY
    assert json.loads(ask(tmp_path, "domains", "--json"))[0]["messages"] == 12
    served.start()


EMPTY = {
    "conflicts", "evaluation-minutes", "evaluation-rules", "evaluation-slow", "evaluations", "failure-reports",
    "failures", "forged", "overrides", "subdomains", "tls", "tls-days", "tls-failures",
}  # fmt: skip


def ingest_into(folder: Path) -> dict[str, object]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "inalign",
            "ingest",
            "--config",
            str(folder / "inalign.toml"),
            "--json",
            str(folder / "in"),
        ],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_report_is_pushed_once_and_only_with_a_token(served: Everything, tmp_path: Path) -> None:
    assert served.push(report_xml(1, messages=3), "wrong")[0] == 401
    assert served.push(b"")[0] == 400
    assert served.push(b"<" * 30_000)[0] == 413
    for _ in range(2):
        status, told = served.push(report_xml(1, messages=3))
        assert (status, list(told)) == (202, ["id"])
    wait_until(lambda: not list((tmp_path / "store/spool/waiting").iterdir()), "an empty spool", 20.0)
    served.end()
    assert messages(tmp_path) == 3
    served.start()


def test_mail_over_lmtp_is_in_the_store_and_what_is_no_report_in_quarantine(served: Everything, tmp_path: Path) -> None:
    with smtplib.LMTP("127.0.0.1", served.lmtp_port) as client:
        client.sendmail("bounce@reporter.example", ["dmarc@example.com"], report_mail(5, messages=9))
        client.sendmail("someone@example.net", ["dmarc@example.com"], b"Subject: hello\r\n\r\nwords\r\n")
    wait_until(lambda: not list((tmp_path / "store/spool/waiting").iterdir()), "an empty spool", 20.0)
    (row,) = json.loads(ask(tmp_path, "reports", "--json"))
    assert (row["messages"], row["source"], row["carrier"]) == (9, "listener", "unverified")
    assert len([path for path in (tmp_path / "store/spool/refused").iterdir() if path.suffix == ".json"]) == 1
    assert "refused=" in served.log.read_text()
