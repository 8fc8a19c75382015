"""From deliveries to rows in the store: read by a pool of processes, judged and stored by the one that has it open.

An item is done when its reports are in the store, or when it is in quarantine with its reasons. Until then it stays
where it is, so that whatever ends here is begun again: reports that were stored already are found to be duplicates.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from inalign.authenticity.assess import FAILURES, CarrierReason, History, judge_all
from inalign.authenticity.evidence import Trust
from inalign.ingest.read import Item, ItemRead, Tools, read_item
from inalign.mail.domain import DomainName
from inalign.mail.organization import is_same_organization
from inalign.net.run import run
from inalign.reports.flaw import RefusalCode
from inalign.reports.report import Refusal
from inalign.resolver import Resolver
from inalign.spool.deliveries import QuarantineReason
from inalign.store.engine.interface import Engine, RowsRefused
from inalign.store.load.geoip import Places
from inalign.store.load.reports import Arrival, LoadOutcome, Raw, load
from inalign.store.queries.upkeep import reporter_mails

log = logging.getLogger("inalign")

JOB_ITEMS = 40
JOB_OCTETS = 1 << 20
"""Of one job of a process: enough that handing it over costs nothing, and little enough to share the work."""
PARENT_SECONDS = 1.0
"""How often a reading process looks whether its parent is there."""
BATCH_REPORTS = 4_000
BATCH_RECORDS = 60_000
BATCH_OCTETS = 64 << 20
"""Of one transaction: large enough for the database, and small enough for memory, where rows wait for it; octets are
those of the deliveries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """What a reading process is made with; it goes to another process, so it holds no open thing."""

    make_resolver: Callable[[], Resolver | None]
    trust: Trust
    asn_database: Path | None = None


@dataclass(slots=True)
class ItemOutcome:
    """What became of an item."""

    item: Item
    stored: Counter[str] = field(default_factory=Counter)
    """Reports by kind that were stored and count."""
    forged: int = 0
    duplicates: int = 0
    conflicts: int = 0
    mended: int = 0
    """Reports with flaws."""
    records: int = 0
    messages: int = 0
    is_mail: bool = False
    refused: tuple[Refusal, ...] = ()
    """What in it holds no report."""

    @property
    def reasons(self) -> list[QuarantineReason]:
        """What the quarantine says of it."""
        return [QuarantineReason(each.code, each.detail) for each in self.refused]


_tools: Tools | None = None


def _begin(options: ReaderOptions, folder: Path) -> None:
    """In a new process of the pool."""
    global _tools  # noqa: PLW0603 - there is no other way from an initializer to a job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent tells us to end
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _tools = Tools(options.make_resolver(), Places(options.asn_database), options.trust, folder)


def _end_with(parent: int) -> None:
    """End when the process is gone that gives the work, also where it was killed."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


def _read(items: Sequence[Item]) -> list[ItemRead | str]:
    """A job: what each item held, or why it could not be had."""
    if _tools is None:
        raise RuntimeError("a process of the pool has not begun")
    return run(_read_all(items, _tools))


async def _read_all(items: Sequence[Item], tools: Tools) -> list[ItemRead | str]:
    found: list[ItemRead | str] = []
    for item in items:
        try:
            found.append(await read_item(item, tools, now=datetime.now(UTC)))
        except OSError as problem:
            found.append(problem.strerror or str(problem))
        except Exception as problem:  # a bug of ours costs one item, which is kept
            log.exception("%s", item.label)
            found.append(_refused(item, RefusalCode.INTERNAL, repr(problem)))
    return found


def _refused(item: Item, code: str, detail: str) -> ItemRead:
    return ItemRead(item, [], (Refusal(code, detail[:200]),), (), "", 0, is_mail=False, form="", raw=b"")


class Loader:
    """Loads items into a store; to be closed. Belongs to one thread."""

    def __init__(self, engine: Engine, folder: Path, options: ReaderOptions, *, processes: int) -> None:
        """`folder` is for files in between, and emptied."""
        self._engine = engine
        self._options = options
        self._processes = processes
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._pool: ProcessPoolExecutor | None = None

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def load(self, items: Iterable[Item], done: Callable[[ItemOutcome], None]) -> list[tuple[Item, str]]:
        """Load them all, and tell of each that is done, once it is. Returns those that could not be had, with the
        reason: they are not done. Raises `StoreError`; what was not told of is to be loaded again."""
        missing: list[tuple[Item, str]] = []
        batch: list[ItemRead] = []
        reports = records = octets = 0
        for read in self._read(items):
            if isinstance(read, tuple):
                missing.append(read)
                continue
            batch.append(read)
            reports += len(read.reads)
            records += sum(int(each.rows.row["records"]) for each in read.reads)
            octets += read.octets
            if reports >= BATCH_REPORTS or records >= BATCH_RECORDS or octets >= BATCH_OCTETS:
                self._store(batch, done)
                batch, reports, records, octets = [], 0, 0, 0
        self._store(batch, done)
        return missing

    def _store(self, batch: Sequence[ItemRead], done: Callable[[ItemOutcome], None]) -> None:
        try:
            self._store_or_split(batch, done)
        finally:
            for each in batch:
                each.close()

    def _store_or_split(self, batch: Sequence[ItemRead], done: Callable[[ItemOutcome], None]) -> None:
        """Store a batch; where the database refuses its rows, the halves of it, down to the item that is at fault."""
        if not batch:
            return
        try:
            outcomes = store_batch(self._engine, batch, now=datetime.now(UTC), folder=self._folder)
        except RowsRefused as problem:
            if len(batch) == 1:
                (item,) = batch
                log.error("%s: %s", item.item.label, problem)
                refusal = Refusal(RefusalCode.INTERNAL.value, f"the store refuses it: {problem}"[:200])
                done(ItemOutcome(item.item, is_mail=item.is_mail, refused=(refusal,)))
                return
            middle = len(batch) // 2
            self._store_or_split(batch[:middle], done)
            self._store_or_split(batch[middle:], done)
            return
        for outcome in outcomes:
            done(outcome)

    def _read(self, items: Iterable[Item]) -> Iterator[ItemRead | tuple[Item, str]]:
        """Read by the pool, in the order of the jobs, a few jobs ahead."""
        jobs = _jobs(items)
        waiting: list[tuple[list[Item], Future[list[ItemRead | str]]]] = []
        for job in jobs:
            waiting.append((job, self._submit(job)))
            if len(waiting) > 2 * self._processes:
                yield from self._collect(*waiting.pop(0))
        for job, future in waiting:
            yield from self._collect(job, future)

    def _submit(self, job: list[Item]) -> Future[list[ItemRead | str]]:
        try:
            return self._running().submit(_read, job)
        except BrokenProcessPool:
            self.close()
            return self._running().submit(_read, job)

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._options, self._folder),
            )
        return self._pool

    def _collect(self, job: list[Item], future: Future[list[ItemRead | str]]) -> Iterator[ItemRead | tuple[Item, str]]:
        try:
            found = future.result()
        except BrokenProcessPool:
            log.error("a process that reads reports ended; what it read is read again, one by one")
            for item in job:
                yield self._read_alone(item)
            return
        for item, read in zip(job, found, strict=True):
            yield (item, read) if isinstance(read, str) else read

    def _read_alone(self, item: Item) -> ItemRead | tuple[Item, str]:
        """An item that may have ended its process: where it does so again, it is kept apart."""
        self.close()
        future = self._submit([item])
        wait([future])
        try:
            (read,) = future.result()
        except BrokenProcessPool:
            self.close()
            return _refused(item, RefusalCode.INTERNAL, "the process that reads it ends; worth a bug report")
        return (item, read) if isinstance(read, str) else read


def _jobs(items: Iterable[Item]) -> Iterator[list[Item]]:
    job: list[Item] = []
    octets = 0
    for item in items:
        job.append(item)
        octets += _size(item)
        if len(job) >= JOB_ITEMS or octets >= JOB_OCTETS:
            yield job
            job, octets = [], 0
    if job:
        yield job


def _size(item: Item) -> int:
    if item.length is not None:
        return item.length
    try:
        return Path(item.path).stat().st_size
    except OSError:
        return 0


def store_batch(engine: Engine, batch: Sequence[ItemRead], *, now: datetime, folder: Path) -> list[ItemOutcome]:
    """Judge the carriers of all reports together, and store them in one transaction."""
    reads = [(item, read) for item in batch for read in item.reads]
    carriers = judge_all([(read.evidence, read.claim) for _, read in reads], partial(history_of, engine))
    arrivals = [
        Arrival(
            read.rows,
            item.item.provenance.source,
            item.item.provenance.received,
            item.digest,
            carrier.word,
            carrier.reason,
            carrier.detail,
        )
        for (item, read), carrier in zip(reads, carriers, strict=True)
    ]
    raws = [
        Raw(item.digest, origin.name, origin.source, origin.received, item.octets, item.form, item.raw)
        for item in batch
        for origin in (item.item.provenance,)
        if item.raw
    ]
    results = iter(load(engine, arrivals, raws, now=now, folder=folder))
    outcomes = []
    for item in batch:
        outcome = ItemOutcome(item.item, is_mail=item.is_mail, refused=item.refused)
        for read in item.reads:
            _count(outcome, read.rows.row, next(results))
        outcomes.append(outcome)
    return outcomes


def _count(outcome: ItemOutcome, row: dict[str, str | int | bool], result: LoadOutcome) -> None:
    if row["flaw_count"] and result in (LoadOutcome.STORED, LoadOutcome.FORGED):
        outcome.mended += 1
    if result is LoadOutcome.STORED:
        outcome.stored[str(row["kind"])] += 1
        if row["kind"] == "aggregate":
            outcome.records += int(row["records"])
            outcome.messages += int(row["messages"])
    elif result is LoadOutcome.DUPLICATE:
        outcome.duplicates += 1
    elif result is LoadOutcome.CONFLICT:
        outcome.conflicts += 1
    else:
        outcome.forged += 1


def history_of(engine: Engine, organization: DomainName) -> History:
    """What the store knows of the mails of the reporters of an organization."""
    passed = failed = 0
    for reporter, reason, number in reporter_mails(engine, organization, (CarrierReason.AUTHENTICATED, *FAILURES)):
        if not is_same_organization(reporter, organization):
            continue  # the organization is a public suffix, and the reporter another owner below it
        if reason == CarrierReason.AUTHENTICATED:
            passed += number
        else:
            failed += number
    return History(passed, failed)
