"""What this host is made of, as far as verdicts depend on it."""

from __future__ import annotations

import importlib.util
import platform
import ssl
import time
from dataclasses import dataclass

from inalign.dkim.crypto import library_version
from inalign.net.dns import LiveResolver
from inalign.resolver import Outcome

PROBE = "org"
"""What the name servers are asked: whether this signed zone has a TXT record. Every resolver that works can say, and
one that validates vouches for it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How the name servers took a question."""

    answered: bool
    secure: bool
    """Whether DNSSEC vouched for the answer, and the answer is believed to come from who says so."""
    milliseconds: float
    detail: str
    """Why there is no answer."""


def parts() -> dict[str, str]:
    """The libraries that the work rests on, and their versions."""
    return {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "signatures by": library_version(),
        "hashes by": ssl.OPENSSL_VERSION,
        "event loop": "uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
    }


async def probe(resolver: LiveResolver) -> Probe:
    """Ask one question that every working resolver can answer."""
    started = time.perf_counter()
    answer = await resolver.txt(PROBE)
    milliseconds = 1000 * (time.perf_counter() - started)
    return Probe(answer.outcome is not Outcome.FAILED, answer.dnssec_validated, milliseconds, answer.detail)
