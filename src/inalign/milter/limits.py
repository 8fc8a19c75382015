"""How much one milter connection may hold, whatever the MTA or the mail sends."""

from __future__ import annotations

from dataclasses import dataclass

from inalign.milter.frames import MAX_FRAME_BYTES


@dataclass(frozen=True, slots=True)
class MilterLimits:
    """The limits of one milter connection."""

    frame_bytes: int = MAX_FRAME_BYTES
    header_bytes: int = 1 << 20
    """Of one message. Sendmail stops at 32,768 (MaxHeadersLength), Postfix at 102,400 a field; beyond this, fields are
    dropped and counted, for mail must flow."""
    header_fields: int = 5_000
    """Of one message; by an octet limit alone a field could cost fifty times its size in memory."""
    macro_bytes: int = 65_536
    """Of one stage. A list holds a dozen values, the longest of them addresses of at most some 300 octets."""


LIMITS = MilterLimits()
