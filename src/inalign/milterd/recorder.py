"""Records of verified messages, from the milter to the spool: one line a message, before it is answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from inalign.spool.evaluation_record import EvaluationRecord, encode
from inalign.spool.evaluations import SegmentWriter, run_sync
from inalign.telemetry import Counters

SYNC_SECONDS = 1.0
"""Between two fsyncs: a power cut loses the records of this time at most."""


class Recorder:
    """Writes records into the spool; one that cannot be written is dropped and counted, and its message goes on."""

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._counted = (0, 0)

    def write(self, record: EvaluationRecord) -> None:
        """Append a record to the open segment; it survives the death of this process at once."""
        self._writer.append(encode(record))

    def gather(self, counters: Counters) -> None:
        """Add the records that were written or dropped since the last call to the counters."""
        now = (self._writer.written, self._writer.dropped)
        for outcome, count, counted in zip(("written", "dropped"), now, self._counted, strict=True):
            if count != counted:
                counters.add(f'inalign_evaluations_total{{outcome="{outcome}"}}', count - counted)
        self._counted = now

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sync the lines to the disk once a second while the context is open, and close the segment at its end."""
        ends = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._sync_until(ends))
        try:
            yield
        finally:
            ends.set()
            await task
            self._writer.close()

    async def _sync_until(self, ends: asyncio.Event) -> None:
        """Run one sync a second in a thread; in place where no thread can be started."""
        while not ends.is_set():
            pending = self._writer.start_sync()
            try:
                result = await asyncio.to_thread(run_sync, pending)
            except RuntimeError:
                result = run_sync(pending)
            self._writer.finish_sync(result)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ends.wait(), SYNC_SECONDS)
