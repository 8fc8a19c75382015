"""All sources, side by side: each with its own state; what fails is noted, and tried again, and hinders no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from inalign.errors import Error
from inalign.intake.source import Accept, Desk, IntakeSource, SourceState, delay_after
from inalign.store.state.intake_sources import SourceRecord

log = logging.getLogger(__name__)

SAVE_SECONDS = 2.0
"""How old what is written of a source may be while it runs."""


class Sources:
    """Runs sources until it is cancelled."""

    def __init__(self, sources: Sequence[IntakeSource], accept: Accept, state: SourceState) -> None:
        self._sources = list(sources)
        self._accept = accept
        self._state = state
        self._desks: dict[str, Desk] = {}

    def records(self) -> list[SourceRecord]:
        """How each source stands now, in the order of the settings."""
        return [self._desks[source.name].record for source in self._sources if source.name in self._desks]

    async def run(self) -> None:
        """Run all until cancelled; then each has stopped, and its record is written."""
        await asyncio.gather(*[self._open(source) for source in self._sources])
        tasks = [asyncio.create_task(self._keep(source), name=f"source {source.name}") for source in self._sources]
        tasks.append(asyncio.create_task(self._save_now_and_then(), name="records of sources"))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for desk in self._desks.values():
                desk.stop()
            await self._save()

    async def _open(self, source: IntakeSource) -> None:
        try:
            known = await asyncio.to_thread(self._state.read_source, source.name)
        except Exception:
            log.exception("the state of source %s cannot be read", source.name)
            known = None
        record = known if known is not None and known.kind == source.kind else None
        record = record or SourceRecord(name=source.name, kind=source.kind)
        self._desks[source.name] = Desk(msgspec.structs.replace(record, phase="starting"), self._accept, self._state)

    async def _keep(self, source: IntakeSource) -> None:
        """Run one source again and again."""
        desk = self._desks[source.name]
        while True:
            try:
                await source.run(desk)
                error = "it ended"
            except (Error, OSError) as problem:
                error = str(problem) or type(problem).__name__
            except Exception as problem:
                log.exception("source %s", source.name)
                error = f"{type(problem).__name__}: {problem}"
            delay = delay_after(desk.record.failures + 1)
            desk.fail(error, delay)
            log.info("source %s: again in %.0f s", source.name, delay)
            await asyncio.sleep(delay)

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self._save()

    async def _save(self) -> None:
        for name, desk in self._desks.items():
            try:
                await desk.save()
            except Exception:
                log.exception("the state of source %s cannot be written", name)
