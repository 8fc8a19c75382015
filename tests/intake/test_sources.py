"""All sources side by side: what fails is noted and tried again, and hinders no other."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest

from inalign.errors import TransportError
from inalign.intake import sources as module
from inalign.intake.folder import Folder, FolderOptions
from inalign.intake.imap import ImapSource
from inalign.intake.imap_session import ImapOptions
from inalign.intake.listener import Listener, ListenerOptions
from inalign.intake.source import FIRST_DELAY, MOST_DELAY, Desk, IntakeSource, delay_after
from inalign.intake.sources import Sources
from inalign.spool.deliveries import Delivery
from inalign.spool.provenance import Provenance
from inalign.store.state.intake_sources import SourceRecord
from tests.helpers import NOW
from tests.intake.material import ListSpool, MemoryState, until


class Scripted:
    """Does what it is told in each run."""

    kind = "imap"

    def __init__(self, name: str, *runs: Callable[[Desk], None]) -> None:
        self.name = name
        self.runs = list(runs)
        self.count = 0

    async def test(self) -> list[str]:
        return []

    async def run(self, desk: Desk) -> None:
        desk.begin()
        self.count += 1
        await desk.take(Delivery(content=b"x", provenance=Provenance(name="x", source=self.name, received=NOW)))
        if self.runs:
            self.runs.pop(0)(desk)
        desk.end()
        await asyncio.Event().wait()


def broken(problem: Exception) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        raise problem

    return run


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "delay_after", lambda failures: 0.05 * failures)


def test_each_runs_by_itself_and_its_record_outlives_it() -> None:
    async def case() -> None:
        state, spool = MemoryState(), ListSpool()
        state.write_source(SourceRecord(name="good", kind="imap", taken=7, cursor="here"))
        state.write_source(SourceRecord(name="bad", kind="folder", taken=9))  # it was another kind then
        good = Scripted("good")
        bad = Scripted("bad", broken(TransportError("no answer")), broken(ValueError("a bug")), broken(OSError("gone")))
        runner = Sources([good, bad], spool.accept, state)
        task = asyncio.create_task(runner.run())
        await until(lambda: bad.count == 4 and good.count == 1)
        first, second = runner.records()
        assert (first.phase, first.taken, first.cursor, first.last_error) == ("waiting", 8, "here", "")
        assert (second.phase, second.taken, second.failures, second.last_error) == ("waiting", 4, 0, "gone")
        assert second.last_success is not None
        assert second.last_error_at is not None
        assert second.last_success > second.last_error_at
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {record.name: record.phase for record in state.records.values()} == {"good": "stopped", "bad": "stopped"}
        assert state.records["good"].taken == 8

    asyncio.run(case())


def test_a_source_that_waits_for_its_next_try_says_when() -> None:
    async def case() -> None:
        bad = Scripted("bad", *[broken(TransportError("x" * 1000))] * 100)
        runner = Sources([bad], ListSpool().accept, MemoryState())
        task = asyncio.create_task(runner.run())
        await until(lambda: bool(runner.records()) and runner.records()[0].failures == 3)
        (record,) = runner.records()
        assert record.phase == "failed"
        assert record.next_run is not None
        assert len(record.last_error) == 500
        task.cancel()

    asyncio.run(case())


def test_state_that_cannot_be_read_or_written_stops_nothing() -> None:
    class Broken(MemoryState):
        def read_source(self, name: str) -> SourceRecord | None:
            raise OSError("locked")

        def write_source(self, record: SourceRecord) -> None:
            raise OSError("locked")

    async def case() -> None:
        good, spool = Scripted("good"), ListSpool()
        task = asyncio.create_task(Sources([good], spool.accept, Broken()).run())
        await until(lambda: len(spool.taken) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(case())


def test_real_ones_of_all_kinds_run_beside_one_that_cannot(tmp_path: Path) -> None:
    async def case() -> None:
        spool, inbox = ListSpool(), tmp_path / "inbox"
        inbox.mkdir()
        listener = Listener(ListenerOptions(smtp=("inet:127.0.0.1:0",), addresses=("dmarc@example.net",)))
        sources: list[IntakeSource] = [
            listener,
            Folder(FolderOptions(name="inbox", path=inbox, poll_seconds=0.05, settle_seconds=0.02)),
            Folder(FolderOptions(name="missing", path=tmp_path / "missing")),
            ImapSource(
                ImapOptions(name="refused", host="127.0.0.1", port=1, tls="none", user="u", password="env:HOME")
            ),
        ]
        runner = Sources(sources, spool.accept, MemoryState())
        task = asyncio.create_task(runner.run())
        await until(lambda: [each.phase for each in runner.records()] == ["waiting", "waiting", "failed", "failed"])
        (inbox / "a").write_bytes(b"from a folder")
        where = listener.bound[0]
        assert isinstance(where, tuple)
        await asyncio.to_thread(send, where[1])
        await until(lambda: len(spool.taken) == 2)
        assert {each.provenance.source for each in spool.taken} == {"listener", "inbox"}
        missing, refused = runner.records()[2:]
        assert "missing" in missing.last_error
        assert "refused" in refused.last_error
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {each.phase for each in runner.records()} == {"stopped"}

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as client:
            client.sendmail("a@b.example", ["dmarc@example.net"], b"From: a@b.example\r\n\r\nhello\r\n")

    asyncio.run(case())


def test_delays_grow_and_differ() -> None:
    assert all(FIRST_DELAY / 2 <= delay_after(1) <= FIRST_DELAY for _ in range(50))
    assert all(MOST_DELAY / 2 <= delay_after(1000) <= MOST_DELAY for _ in range(50))
    assert len({delay_after(3) for _ in range(50)}) > 40
