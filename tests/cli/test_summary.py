"""`inalign summary`, from the command line to text, HTML, PDF and mail."""

from __future__ import annotations

import asyncio
import email
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from email import policy
from pathlib import Path

import pytest

from inalign.insight.period import PeriodKind, period_of
from inalign.summary import pdf
from inalign.summary.pdf_process import LIBRARIES
from tests.cli.test_judged import STORIES, Host
from tests.insight.vectors import FIRST_DAY
from tests.mail_server import MailServer, mail_server

DAY = date.fromordinal(FIRST_DAY + 45)
MONTH = period_of(DAY, PeriodKind.MONTH).name
WEEK = period_of(DAY, PeriodKind.WEEK).name
DOMAIN = "kazami-rei.co.jp"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = Host(tmp_path_factory.mktemp("summary"))
    made.load(STORIES["kazami-rei"], STORIES["suzume-rei"])
    return made


@contextmanager
def relay() -> Iterator[MailServer]:
    """A mail server in a thread: the command has an event loop of its own."""
    told: list[MailServer] = []
    ready, ends = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with mail_server() as server:
            told.append(server)
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield told[0]
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(20)
        loop.close()


def test_text_is_printed(host: Host) -> None:
    done = host.run("summary", DOMAIN, "--month", MONTH, "--language", "ja", "--offline")
    assert done.exit_code == 0
    assert "メール認証 月次報告書" in done.stdout
    assert f"\n{DOMAIN} [" in done.stdout
    assert "suzume" not in done.stdout


def test_a_week_of_all_domains(host: Host) -> None:
    done = host.run("summary", "--week", WEEK, "--language", "en", "--time-zone", "Asia/Tokyo", "--offline")
    assert done.exit_code == 0
    assert "E-mail authentication: weekly report" in done.stdout
    assert f"week {int(WEEK[-2:])})" in done.stdout
    assert "Asia/Tokyo" in done.stdout
    assert "suzume-rei.jp" in done.stdout


def test_html_and_pdf_go_to_files_or_standard_output(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "report.html"
    assert host.run("summary", DOMAIN, "--month", MONTH, "--html", str(page)).exit_code == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert (
        host.run("summary", DOMAIN, "--month", MONTH, "--html", "-").stdout.strip() == page.read_text("utf-8").strip()
    )
    monkeypatch.setattr(pdf, "make_pdf", lambda _: b"%PDF-1.7 made")
    made = tmp_path / "report.pdf"
    assert host.run("summary", DOMAIN, "--month", MONTH, "--pdf", str(made)).exit_code == 0
    assert made.read_bytes() == b"%PDF-1.7 made"
    assert host.run("summary", DOMAIN, "--month", MONTH, "--pdf", str(tmp_path / "no" / "x.pdf")).exit_code == 1


def test_what_is_missing_for_pdf_is_told(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> bytes:
        raise pdf.PdfError(pdf.INSTALL[LIBRARIES])

    monkeypatch.setattr(pdf, "make_pdf", missing)
    done = host.run("summary", DOMAIN, "--month", MONTH, "--pdf", str(tmp_path / "report.pdf"))
    assert done.exit_code == 2
    assert "apt install libpango-1.0-0" in done.stderr
    assert not (tmp_path / "report.pdf").exists()


def test_mail_is_handed_to_the_relay(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "make_pdf", lambda _: b"%PDF-1.7 made")
    before = host.config.read_text("utf-8")
    try:
        with relay() as server:
            host.config.write_text(
                f'{before}[mail]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\nsender = "r@example.com"\n',
                "utf-8",
            )
            done = host.run("summary", DOMAIN, "--month", MONTH, "--mail", "boss@example.com", "--attach-pdf")
            assert done.exit_code == 0
            assert done.stdout == f"127.0.0.1 took the report of {MONTH} for boss@example.com.\n"
            (taken,) = server.taken
            assert (taken.sender, taken.recipients) == ("r@example.com", ["boss@example.com"])
            message = email.message_from_bytes(taken.content, policy=policy.default)
            assert [each.get_content_type() for each in message.walk()] == [
                "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
            ]  # fmt: skip
            server.refuse["no@example.com"] = "550 no such user"
            done = host.run("summary", DOMAIN, "--month", MONTH, "--mail", "no@example.com")
            assert done.exit_code == 2
            assert "550 no such user" in done.stderr
    finally:
        host.config.write_text(before, "utf-8")


def test_mail_wants_a_relay(host: Host) -> None:
    done = host.run("summary", DOMAIN, "--mail", "boss@example.com")
    assert done.exit_code == 2
    assert "mail.host" in done.stderr


def test_nothing_reported_is_a_finding(host: Host) -> None:
    done = host.run("summary", DOMAIN, "--month", "1999-01", "--language", "en")
    assert done.exit_code == 1
    assert "No reports came in for this time." in done.stdout
    last = period_of(date.today() - timedelta(40), PeriodKind.MONTH)  # noqa: DTZ011 - roughly
    assert last.name < MONTH or host.run("summary", DOMAIN).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--month", "2026-W01"),
        ("--week", "2026-01"),
        ("--month", "2026-13"),
        ("--month", "2026-01", "--week", "2026-W01"),
        ("--html", "-", "--pdf", "-"),
        ("--attach-pdf",),
        ("--time-zone", "Mars/Olympus"),
        ("--language", "fr"),
    ],
)
def test_wrong_usage_is_told(host: Host, words: tuple[str, ...]) -> None:
    done = host.run("summary", *words)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr
