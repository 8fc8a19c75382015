"""A spool that is a list, and a source that runs beside the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from inalign.intake.source import Desk, IntakeSource
from inalign.spool.deliveries import Delivery
from inalign.store.state.intake_sources import SourceRecord


class MemoryState:
    """Records that end with the process."""

    def __init__(self) -> None:
        self.records: dict[str, SourceRecord] = {}

    def read_source(self, name: str) -> SourceRecord | None:
        return self.records.get(name)

    def write_source(self, record: SourceRecord) -> None:
        self.records[record.name] = record


class ListSpool:
    """Takes deliveries; `refuse` is raised instead as long as it is set, `slow` is awaited before."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []
        self.refuse: Callable[[Delivery], Exception | None] = lambda _: None
        self.slow: asyncio.Event | None = None
        self.arrived = asyncio.Event()

    async def accept(self, delivery: Delivery) -> str:
        self.arrived.set()
        if self.slow is not None:
            await self.slow.wait()
        problem = self.refuse(delivery)
        if problem is not None:
            raise problem
        self.taken.append(delivery)
        return f"item-{len(self.taken)}"

    def desk(self, source: IntakeSource, cursor: str = "") -> Desk:
        return Desk(SourceRecord(name=source.name, kind=source.kind, cursor=cursor), self.accept, MemoryState())


@asynccontextmanager
async def running(source: IntakeSource, spool: ListSpool, cursor: str = "") -> AsyncIterator[Desk]:
    """The source runs until the block ends."""
    desk = spool.desk(source, cursor)
    task = asyncio.create_task(source.run(desk))
    try:
        await until(lambda: desk.record.phase != "stopped" and (desk.record.phase != "running" or task.done()))
        if task.done():
            task.result()
        yield desk
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of anything
            await asyncio.sleep(0.01)
