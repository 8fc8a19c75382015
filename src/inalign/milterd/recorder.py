"""Records of judged messages, from the milter to the spool: one line a message, before it is answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from inalign.spool.evaluation_record import EvaluationRecord, encode
from inalign.spool.evaluations import SegmentWriter
from inalign.telemetry import Counters

ERRAND_SECONDS = 1.0
"""Between two fsyncs: what a power cut may take."""


class Recorder:
    """Writes records; what keeps one from being written never keeps its message."""

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._counted = (0, 0)

    def write(self, record: EvaluationRecord) -> None:
        """Write a record down."""
        self._writer.append(encode(record))

    def gather(self, counters: Counters) -> None:
        """Count what is new."""
        now = (self._writer.written, self._writer.dropped)
        for outcome, count, counted in zip(("written", "dropped"), now, self._counted, strict=True):
            if count != counted:
                counters.add(f'inalign_evaluations_total{{outcome="{outcome}"}}', count - counted)
        self._counted = now

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While it is used: what was written is brought to the disk every second, and at the end."""
        ends = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._run_errands(ends))
        try:
            yield
        finally:
            ends.set()
            await task
            self._writer.close()

    async def _run_errands(self, ends: asyncio.Event) -> None:
        while not ends.is_set():
            errand = self._writer.errand()
            try:
                await asyncio.to_thread(errand.run)
            except RuntimeError:  # no thread can be had
                errand.run()
            self._writer.done(errand)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ends.wait(), ERRAND_SECONDS)
