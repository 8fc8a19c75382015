"""How an engine asks DNS: the seam, the resolver that answers from text, and the cache. No socket in here."""

from inalign.resolver.interface import (
    Answer,
    IPAddress,
    MailExchange,
    Outcome,
    Question,
    Resolver,
    addresses,
    mx,
    ptr,
    txt,
)
from inalign.resolver.zone import ZoneError, ZoneResolver

__all__ = [
    "Answer",
    "IPAddress",
    "MailExchange",
    "Outcome",
    "Question",
    "Resolver",
    "ZoneError",
    "ZoneResolver",
    "addresses",
    "mx",
    "ptr",
    "txt",
]
