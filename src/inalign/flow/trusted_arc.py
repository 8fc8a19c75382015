"""What sealers that we trust had found before the message was changed on its way (RFC 8617 section 7.2.1).

A valid chain proves who sealed what, not that it is true: whoever seals last can put a chain of others below his own
set and write any message. So the sets are read from the newest back, as far as each sealer is trusted, and only what
these say counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inalign.arc.result import ArcResult, ArcStatus
from inalign.errors import ParseError
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.domain import DomainList, parse_domain
from inalign.mail.results import MethodResult


class SealerStatement(NamedTuple):
    """What one set of a valid ARC chain states about the author domain."""

    sealer: str
    """The domain of the ARC-Seal (`d=`)."""
    vouches: bool
    """Whether its ARC-Authentication-Results say that the author domain was authenticated."""


def sealer_statements(arc: ArcResult, author: str) -> tuple[SealerStatement, ...]:
    """Read what each sealer of a valid chain states about an author domain, oldest first; empty for any other chain."""
    if arc.result is not ArcStatus.PASS:
        return ()
    return tuple(
        [
            SealerStatement(sealer, says_authentic(results, author))
            for sealer, results in zip(arc.sealers, arc.results, strict=True)
        ]
    )


def vouching_sealer(statements: Sequence[SealerStatement], trusted: DomainList) -> str | None:
    """Return the newest trusted sealer that vouches for the author; None if there is none before an untrusted one."""
    for sealer, vouches in reversed(statements):
        if sealer not in trusted:
            return None
        if vouches:
            return sealer
    return None


def says_authentic(said: bytes, author: str) -> bool:
    """DMARC passed for the author; without a DMARC result, DKIM or SPF passed for exactly the author's domain.

    That a domain is aligned without being the same is the sealer's to say: it takes DNS as it was then.
    """
    try:
        results = parse_authentication_results(said, lenient=True).results
    except ParseError:
        return False
    dmarc = [result for result in results if result.method == "dmarc"]
    if dmarc:
        return all(result.result == "pass" and _names(result, author, ("header", "from")) for result in dmarc)
    return any(
        result.result == "pass"
        and (
            (result.method == "dkim" and _names(result, author, ("header", "d")))
            or (result.method == "spf" and _names(result, author, ("smtp", "mailfrom")))
        )
        for result in results
    )


def _names(result: MethodResult, author: str, where: tuple[str, str]) -> bool:
    """Whether this property is there once and is the author's domain, or an address of it."""
    values = result.values(*where)
    try:
        return len(values) == 1 and parse_domain(values[0].rpartition("@")[2]) == author
    except ParseError:
        return False
