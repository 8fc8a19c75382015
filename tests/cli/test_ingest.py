"""`inalign ingest`, from the command line to the rows."""

from __future__ import annotations

import gzip
import json
import mailbox
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from inalign.authenticity.assess import History
from inalign.ingest.loader import history_of
from inalign.mail.domain import parse_domain
from inalign.spool.deliveries import Delivery, Spool
from inalign.spool.provenance import Provenance
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import count
from tests.reports.material import report_xml, write_reports
from tests.store.material import aggregate, arrival, record, store


def ingest(folder: Path, *words: str, stdin: bytes = b"", code: int = 0) -> dict[str, object]:
    settings = folder / "inalign.toml"
    settings.write_text('[store]\nfolder = "store"\nreaders = 1\n')
    done = subprocess.run(
        [sys.executable, "-m", "inalign", "ingest", "--config", str(settings), "--offline", "--json", *words],
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    told: dict[str, object] = json.loads(done.stdout)
    return told


def messages(folder: Path) -> int:
    engine = DuckDbEngine(folder / "store" / "store.duckdb")
    try:
        return count(engine, "SELECT coalesce(sum(count), 0) FROM records")
    finally:
        engine.close()


def report_mail(number: int, *, messages: int = 1) -> bytes:
    mail = EmailMessage()
    mail["From"] = "dmarc@reporter.example"
    mail["To"] = "dmarc@example.com"
    mail["Subject"] = f"Report Domain: example.com Submitter: reporter.example Report-ID: {number}"
    mail.set_content("An aggregate report.")
    mail.add_attachment(
        gzip.compress(report_xml(number, messages=messages)),
        maintype="application",
        subtype="gzip",
        filename="r.xml.gz",
    )
    return mail.as_bytes()


def test_files_of_a_folder_once(tmp_path: Path) -> None:
    write_reports(tmp_path / "in", range(3), messages=7)
    told = ingest(tmp_path, str(tmp_path / "in"))
    assert (told["files"], told["reports"], told["messages"]) == (
        3,
        {"aggregate": 3, "failure": 0, "tls": 0, "abuse": 0},
        21,
    )
    again = ingest(tmp_path, str(tmp_path / "in"))
    assert (again["duplicates"], again["messages"], again["reports"]) == (
        3,
        0,
        {"aggregate": 0, "failure": 0, "tls": 0, "abuse": 0},
    )
    assert messages(tmp_path) == 21


def test_mailboxes_of_both_kinds_and_standard_input(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    box.add(report_mail(1))
    box.add(report_mail(2))
    box.close()
    maildir = mailbox.Maildir(tmp_path / "Maildir")
    maildir.add(report_mail(3))
    told = ingest(tmp_path, str(tmp_path / "box"), str(tmp_path / "Maildir"), "-", stdin=report_mail(4))
    assert (told["files"], told["mails"], told["messages"]) == (3, 4, 4)


def test_what_is_no_report_is_refused_and_kept(tmp_path: Path) -> None:
    write_reports(tmp_path / "in", range(2))
    (tmp_path / "in" / "notes.txt").write_text("milk, bread\n")
    told = ingest(tmp_path, str(tmp_path / "in"), code=1)
    assert told["messages"] == 2
    refused = told["refused"]
    assert isinstance(refused, list)
    assert [each["file"] for each in refused] == [str(tmp_path / "in" / "notes.txt")]
    (kept,) = [path for path in (tmp_path / "store/spool/refused").iterdir() if path.suffix != ".json"]
    assert kept.read_bytes().endswith(b"milk, bread\n")


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = ingest(tmp_path, str(tmp_path / "nothing"), code=1)
    assert told["refused"] == [{"file": str(tmp_path / "nothing"), "reason": "unreadable: no such file or folder"}]


class Served:
    """`inalign serve`, with its store."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.settings = folder / "inalign.toml"
        pages = "" if "[web]" in more else '[web]\nlisten = ""\n'
        self.settings.write_text(f'[store]\nfolder = "store"\nreaders = 1\n{more}{pages}')
        self.log = folder / "serve.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "inalign", "serve", "--config", str(self.settings)], stderr=log
            )
        deadline = time.monotonic() + 20
        while not (self.folder / "store" / "control.sqlite").exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def test_with_a_keeper_it_goes_through_the_spool(tmp_path: Path) -> None:
    write_reports(tmp_path / "in", range(5), messages=2)
    (tmp_path / "in" / "notes.txt").write_text("milk, bread\n")
    served = Served(tmp_path)
    try:
        time.sleep(1.0)
        told = ingest(tmp_path, str(tmp_path / "in"), code=1)
    finally:
        served.end()
    assert (told["messages"], told["files"]) == (10, 6)
    assert messages(tmp_path) == 10


def test_keeper_goes_on_without_reverse_names(tmp_path: Path) -> None:
    served = Served(tmp_path, "reverse_names = false\n")
    try:
        time.sleep(1.5)
        assert served.process.poll() is None
    finally:
        served.end()


def test_second_keeper_says_who_has_the_store(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        time.sleep(1.0)
        second = subprocess.run(
            [sys.executable, "-m", "inalign", "serve", "--config", str(served.settings)],
            capture_output=True,
            check=False,
            timeout=30,
        )
    finally:
        served.end()
    assert second.returncode == 2
    assert f"PID {served.process.pid}" in second.stderr.decode()


@pytest.mark.parametrize(
    "pause", [pytest.param(0.05, marks=pytest.mark.long), 0.3, pytest.param(0.9, marks=pytest.mark.long)]
)
def test_keeper_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, pause: float) -> None:
    spool = Spool(tmp_path / "store" / "spool")
    accepted = 0
    served = Served(tmp_path)
    try:
        for round_ in range(4):
            for number in range(60):
                content = report_xml(round_ * 60 + number, messages=3)
                spool.put(Delivery(content=content, provenance=Provenance(source="test", received=datetime.now(UTC))))
                accepted += 3
            time.sleep(pause)
            served.process.kill()
            served.process.wait(10)
            served.start()
        deadline = time.monotonic() + 60
        while spool.waiting() and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        served.end()
    assert not spool.waiting()
    assert messages(tmp_path) == accepted
    assert list((tmp_path / "store/spool/refused").iterdir()) == []


def test_report_waits_while_the_store_cannot_be_reached(tmp_path: Path) -> None:
    """Nothing listens where the store should be: what comes stays in the spool, and the log says so once."""
    spool = Spool(tmp_path / "store" / "spool")
    spool.put(Delivery(content=report_xml(1), provenance=Provenance(source="test", received=datetime.now(UTC))))
    settings = tmp_path / "inalign.toml"
    settings.write_text('[store]\nfolder = "store"\nurl = "clickhouse://127.0.0.1:9/x"\n')
    ended = subprocess.run(
        [sys.executable, "-m", "inalign", "serve", "--config", str(settings)],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 2
    assert b"clickhouse://127.0.0.1:9/x" in ended.stderr
    assert len(spool.waiting()) == 1


def test_pipe_is_done_when_the_mail_is_in_the_spool_and_tried_again_else(tmp_path: Path) -> None:
    settings = tmp_path / "inalign.toml"
    settings.write_text('[store]\nfolder = "store"\n')
    words = [sys.executable, "-m", "inalign", "ingest", "--config", str(settings), "--pipe", "-"]
    assert subprocess.run(words, input=report_mail(1), check=False).returncode == 0
    assert len(Spool(tmp_path / "store/spool").waiting()) == 1
    settings.write_text('[store]\nfolder = "inalign.toml/below"\n')
    refused = subprocess.run(words, input=report_mail(1), check=False, capture_output=True)
    assert (refused.returncode, refused.stderr[:9]) == (75, b"try again")


def test_who_finds_the_store_busy_with_no_keeper_loads_it_in_the_end(tmp_path: Path) -> None:
    write_reports(tmp_path / "in", range(3), messages=2)
    (tmp_path / "store").mkdir(mode=0o700)
    file = tmp_path / "store" / "store.duckdb"
    holder = (
        "import time; from pathlib import Path; from inalign.store.engine.duckdb import DuckDbEngine; "
        f"engine = DuckDbEngine(Path({str(file)!r})); engine.migrate(); time.sleep(5)"
    )
    busy = subprocess.Popen([sys.executable, "-c", holder])
    time.sleep(1.5)
    told = ingest(tmp_path, str(tmp_path / "in"))
    busy.wait(20)
    assert told["messages"] == 6


def test_the_history_of_a_reporter_has_no_mails_of_another_organization(tmp_path: Path) -> None:
    engine = DuckDbEngine(tmp_path / "store.duckdb")
    engine.migrate()
    reasons = {
        "github.io": "no_signature",
        "stranger.github.io": "authenticated",
        "example.org": "authenticated",
        "mail.example.org": "authenticated",
        "lists.example.org": "no_signature",
    }
    arrivals = [
        arrival(aggregate(record(), org=org, report_id=org))._replace(carrier_reason=reason)
        for org, reason in reasons.items()
    ]
    store(engine, tmp_path, *arrivals)
    assert history_of(engine, parse_domain("github.io")) == History(passed=0, failed=1)
    assert history_of(engine, parse_domain("stranger.github.io")) == History(passed=1, failed=0)
    assert history_of(engine, parse_domain("example.org")) == History(passed=2, failed=1)
    assert history_of(engine, parse_domain("example.net")) == History()
    engine.close()
