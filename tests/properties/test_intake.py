"""The data of a mail, however it is cut: what a client stuffed is what is kept, and what follows it is left."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from inalign.intake.addresses import ReportAddresses
from inalign.intake.gate import ConnectionGate, GateLimits
from inalign.intake.smtp_session import ListenerContext, SmtpConnection, _unstuffed
from inalign.intake.source import Desk
from inalign.mail.networks import Networks
from inalign.store.state.intake_sources import SourceRecord
from tests.intake.material import ListSpool, MemoryState

LINES = st.lists(
    st.lists(st.sampled_from([b".", b"..", b"\r", b"\n", b"a", b"\0", b" ", b"\xff", b"x" * 100]), max_size=6).map(
        b"".join
    ),
    max_size=8,
)
FOLLOWING = b"NOOP\r\n"


def stuffed(content: bytes) -> bytes:
    """As RFC 5321 section 4.5.2 has it."""
    lines = content.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def read(octets: bytes, cuts: list[int], limit: int) -> tuple[str, bytes, bytes, ConnectionGate]:
    """The reply that is due, the data and what is left of the octets, which come in these pieces."""

    async def case() -> tuple[str, bytes, bytes, ConnectionGate]:
        loop = asyncio.get_running_loop()
        gate = ConnectionGate(GateLimits(message_bytes=limit), Networks())
        desk = Desk(SourceRecord(name="x", kind="listener"), ListSpool().accept, MemoryState())
        recipients = ReportAddresses(["@example.net"])
        session = SmtpConnection(
            ListenerContext(desk=desk, hostname="x", recipients=recipients, gate=gate, idle_seconds=60), loop
        )
        reader = session._reader = asyncio.StreamReader(limit=64, loop=loop)
        data = bytearray()
        reading = asyncio.create_task(session._read_data(data))
        start = 0
        for end in [*sorted(cuts), len(octets)]:
            reader.feed_data(octets[start:end])
            start = max(start, end)
            await asyncio.sleep(0)
        refusal = await asyncio.wait_for(reading, 10)
        assert session._timeout_handle is not None
        session._timeout_handle.cancel()
        reader.feed_eof()
        return refusal, bytes(data), await reader.read(), gate

    return asyncio.run(case())


@given(LINES, st.lists(st.integers(0, 400), max_size=6))
def test_data_is_what_was_stuffed_in_whatever_pieces_it_comes(lines: list[bytes], cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in b"\r\n".join(lines).split(b"\r\n"))
    octets = stuffed(content) + b".\r\n" + FOLLOWING
    refusal, data, left, gate = read(octets, [min(cut, len(octets)) for cut in cuts], 1 << 20)
    assert (refusal, left) == ("", FOLLOWING)
    assert _unstuffed(data.removesuffix(b".\r\n")) == content
    assert gate._under_way == len(data)


@given(LINES, st.integers(0, 50), st.lists(st.integers(0, 400), max_size=6))
def test_what_is_too_large_is_read_to_its_end_and_dropped(lines: list[bytes], limit: int, cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in b"\r\n".join(lines).split(b"\r\n"))
    octets = stuffed(content) + b".\r\n" + FOLLOWING
    refusal, data, left, gate = read(octets, [min(cut, len(octets)) for cut in cuts], limit)
    assert left == FOLLOWING
    assert bool(refusal) == (len(stuffed(content)) > limit)
    assert gate._under_way == len(data)
    assert not refusal or not data
