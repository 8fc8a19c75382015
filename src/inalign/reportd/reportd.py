"""The report process, which owns the store: it runs the intake sources, loads the spool and the records of the milter,
maintains the store, and answers on its sockets.

Nothing here is on the way of mail. What the store does not take now stays in the spool and is tried again; until the
spool is full, whoever brings reports notices nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from inalign.alerts.service import Alerts
from inalign.backoff import Backoff
from inalign.errors import Error
from inalign.ingest.counts import load_result
from inalign.ingest.loader import ItemOutcome, Loader
from inalign.ingest.spooled import load_items, spooled_items
from inalign.intake.source import IntakeSource
from inalign.intake.sources import Sources
from inalign.reportd.dnsbl import DnsblClient, ListLimits
from inalign.reportd.reverse_dns import NameLimits, resolve_names
from inalign.resolver import Resolver
from inalign.spool.deliveries import Delivery, Spool
from inalign.store.assessments import sweep
from inalign.store.engine.interface import Engine
from inalign.store.folders import Folders
from inalign.store.load.evaluations import load_evaluations, take_evaluations
from inalign.store.load.geoip import Places
from inalign.store.load.monthly import sum_months
from inalign.store.maintenance import Retention, forget
from inalign.store.state.answers import move_hosts
from inalign.store.state.changes import InputRevisions, note
from inalign.store.state.control import Control
from inalign.store.state.dnsbl import forget_listings

log = logging.getLogger("inalign")

LOOK_SECONDS = 0.5
"""Between two looks into the spool that found nothing; a report takes no longer to be seen."""
MOST_ITEMS = 5_000
"""Of the spool in one round; then evaluation records have their turn."""
RECORDS_SECONDS = 2.0
"""Between two looks for records of the milter."""
RETRY_SECONDS = (1.0, 60.0)
"""After the store failed: at first, and at most."""
UPKEEP_SECONDS = 3_600.0
NAMES_SECONDS = 60.0
"""Between two runs of the look-ups of reverse names."""
LISTS_SECONDS = 600.0
"""Between two runs of questions to DNSBLs: with a hundred in each, some ten thousand a day."""
REPORT_SECONDS = 15.0
"""Between two looks for alerts to tell; these wait for minutes, so that several go together."""
INTAKE_SECONDS = 600.0
"""Between two looks at how reports come."""
ASSESS_SECONDS = 10.0
"""Between two looks for what is to be judged."""
PARENT_SECONDS = 1.0
"""How often it is looked whether the supervisor is still there."""


@dataclass(slots=True, kw_only=True)
class ReportDaemon:
    """All that is kept open; `run` works with it until it is told to end."""

    folders: Folders
    engine: Engine
    control: Control
    spool: Spool
    loader: Loader
    places: Places
    sources: Sequence[IntakeSource] = ()
    retention: Retention = field(default_factory=Retention)
    refused_days: int = 90
    resolver: Resolver | None = None
    """For reverse names and DNSBLs; None: nothing is looked up."""
    has_names: bool = True
    """Whether reverse names are looked up."""
    dnsbl: DnsblClient = field(default_factory=lambda: DnsblClient(()))
    serve: Callable[[ReportDaemon], Sequence[Awaitable[None]]] = lambda _: ()
    """The servers of its sockets, which run until they are cancelled."""
    alerts: Alerts | None = None
    """None: nothing is watched."""
    assess: Callable[[], int] | None = None
    """Judges what is stale, and returns how many domains that were; None: they are judged when somebody asks."""
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when work is to end, for what does not look at the loop."""
    trouble: str = ""
    """What keeps the store from taking anything; empty while it does."""

    async def run(self, ends: asyncio.Event) -> None:
        """Work until told to end; what is under way is finished."""
        sources = Sources(self.sources, self.accept, self.control)
        # The intake ends first, then the loading of what it took, as far as that comes.
        intake = [asyncio.ensure_future(work) for work in (sources.run(), *self.serve(self))]
        work = [
            asyncio.ensure_future(each(ends))
            for each in (
                self._load_reports,
                self._load_records,
                self._upkeep,
                self._find_names,
                self._query_dnsbl,
                self._assess,
                self._alert,
            )
        ]
        end = asyncio.ensure_future(ends.wait())
        try:
            done, _ = await asyncio.wait((*intake, *work, end), return_when=asyncio.FIRST_COMPLETED)
            for task in done - {end}:
                task.result()  # a bug, or a socket that cannot be had: better replaced than lame
        finally:
            ends.set()
            self.ending.set()
            for task in intake:
                task.cancel()
            await asyncio.gather(*intake, *work, return_exceptions=True)
            end.cancel()

    async def accept(self, delivery: Delivery) -> str:
        """Put a delivery into the spool; it is on the disk when this returns. Raises `SpoolUnavailable`."""
        return await asyncio.to_thread(self.spool.put, delivery)

    async def _load_reports(self, ends: asyncio.Event) -> None:
        failures = 0
        while not ends.is_set():
            try:
                loaded = await asyncio.to_thread(self.load_spool, ends)
            except Exception as failure:
                if not isinstance(failure, Error):
                    log.exception("reports cannot be loaded")
                self._note_trouble(str(failure) or repr(failure))
                failures += 1
                await _pause(ends, Backoff(*RETRY_SECONDS).seconds(failures))
                continue
            self._note_trouble("")
            failures = 0
            if not loaded:
                await _pause(ends, LOOK_SECONDS)

    def load_spool(self, ends: asyncio.Event) -> int:
        """One round: what waits now, in batches; returns how many items are done. Raises `StoreError`."""
        names = self.spool.waiting()[:MOST_ITEMS]
        done: list[ItemOutcome] = []

        def finish(outcome: ItemOutcome) -> None:
            self.finish(outcome)
            done.append(outcome)

        items = itertools.takewhile(lambda _: not ends.is_set(), spooled_items(self.spool, names))
        for missing, reason in load_items(self.loader, self.spool, items, finish):
            log.error("%s in the spool: %s", missing.spooled, reason)
        return len(done)

    def finish(self, outcome: ItemOutcome) -> None:
        """Write the load result of an item, for the command that waits for it, and log an item that is refused."""
        name = outcome.item.spooled
        self.control.write_results({name: msgspec.json.encode(load_result(outcome))}, time.time())
        if outcome.refused:
            log.warning(
                "refused=%s source=%s name=%s reason=%s",
                name,
                outcome.item.provenance.source,
                outcome.item.provenance.name or "-",
                "; ".join(f"{each.code}: {each.detail}" for each in outcome.refused),
            )

    async def _load_records(self, ends: asyncio.Event) -> None:
        load = partial(load_evaluations, self.engine, places=self.places, folder=self.folders.work)
        while not ends.is_set():
            try:
                if self.folders.evaluations.is_dir():
                    taken = await asyncio.to_thread(take_evaluations, self.folders.evaluations, load)
                    if taken.torn:
                        log.warning("%d records of messages were not written whole and are left out", taken.torn)
            except (Error, OSError) as problem:
                log.error("records of messages stay in the spool: %s", problem)
                await _pause(ends, RETRY_SECONDS[1])
            await _pause(ends, RECORDS_SECONDS)

    async def _upkeep(self, ends: asyncio.Event) -> None:
        while not ends.is_set():
            try:
                await asyncio.to_thread(self.tidy, ends.is_set)
            except (Error, OSError) as problem:
                log.error("what is old cannot be deleted: %s", problem)
            await _pause(ends, UPKEEP_SECONDS)

    async def _find_names(self, ends: asyncio.Event) -> None:
        """Never on the way of a report: what takes long takes long here."""
        if self.resolver is None or not self.has_names:
            await ends.wait()  # whoever returns ends the report process
            return
        while not ends.is_set():
            await _pause(ends, NAMES_SECONDS)
            if ends.is_set():
                return
            try:
                work = self.folders.work
                await resolve_names(self.engine, self.resolver, NameLimits(), now=datetime.now(UTC), folder=work)
            except (Error, OSError) as problem:
                log.error("reverse names cannot be looked up: %s", problem)

    async def _query_dnsbl(self, ends: asyncio.Event) -> None:
        """Query the configured DNSBLs in the background."""
        if self.resolver is None or not self.dnsbl.names:
            await ends.wait()
            return
        while not ends.is_set():
            await _pause(ends, LISTS_SECONDS)
            if ends.is_set():
                return
            try:
                await self.dnsbl.ask(
                    self.engine,
                    self.control,
                    self.resolver,
                    ListLimits(),
                    now=datetime.now(UTC),
                    is_ending=ends.is_set,
                )
            except (Error, OSError) as problem:
                log.error("DNSBLs cannot be asked: %s", problem)

    async def _alert(self, ends: asyncio.Event) -> None:
        """Look at the intake now and then, and tell what is due; what is judged is looked at where it is judged."""
        if self.alerts is None:
            await ends.wait()
            return
        looked = 0.0
        await _pause(ends, REPORT_SECONDS)
        while not ends.is_set():
            try:
                if time.monotonic() - looked >= INTAKE_SECONDS or not looked:
                    looked = time.monotonic()
                    await asyncio.to_thread(self.alerts.look_at_intake, self.engine, self.trouble)
                    await asyncio.to_thread(self.alerts.tidy)
                await self.alerts.deliver()
            except (Error, OSError) as problem:
                log.error("alerts: %s", problem)
            await _pause(ends, REPORT_SECONDS)

    async def _assess(self, ends: asyncio.Event) -> None:
        """Never on the way of a report, nor of a page."""
        if self.assess is None:
            await ends.wait()
            return
        while not ends.is_set():
            try:
                await asyncio.to_thread(self.assess)
            except Exception as failure:
                if not isinstance(failure, Error | OSError):
                    log.exception("a domain cannot be judged")
                elif not ends.is_set():
                    log.error("domains cannot be judged: %s", failure)
                await _pause(ends, RETRY_SECONDS[1])
            await _pause(ends, ASSESS_SECONDS)

    def tidy(self, is_ending: Callable[[], bool] = lambda: False) -> None:
        """Delete what is older than it is kept, sum the months that are over. Raises `StoreError`, `OSError`."""
        now = datetime.now(UTC)
        move_hosts(self.engine, self.control, now=now.timestamp(), folder=self.folders.work)
        for domain in forget(self.engine, self.retention, now, self.folders.work):
            with self.control.change() as change:
                note(change, InputRevisions.RECORDS, domain)
        forget_listings(self.control, self.dnsbl.names, now)
        sweep(self.engine, now.timestamp())
        sum_months(self.engine, now.date(), is_ending)
        self.spool.clear_unfinished()
        self.spool.forget_refused(self.refused_days, now)

    def _note_trouble(self, problem: str) -> None:
        """Once for each kind of trouble, until it is over."""
        if problem and problem != self.trouble:
            log.error("the store takes nothing, reports wait in the spool: %s", problem)
        elif self.trouble and not problem:
            log.info("the store takes reports again")
        self.trouble = problem


async def run_until_ended(daemon: ReportDaemon) -> None:
    """Run until SIGTERM or SIGINT, or until the process that started us is gone."""
    ends = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ends.set)
    watch = asyncio.ensure_future(_watch_parent(os.getppid(), ends))
    try:
        await daemon.run(ends)
    finally:
        watch.cancel()


async def _watch_parent(parent: int, ends: asyncio.Event) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(PARENT_SECONDS)
    log.error("the supervisor is gone: the report process ends")
    ends.set()


async def _pause(ends: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ends.wait(), seconds)


def bind_local(path: Path) -> socket.socket:
    """Bind the socket for commands of the own user, and remove what an older process left there. Raises `OSError`."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener
