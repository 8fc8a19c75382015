"""The identifiers of a message that SPF and DKIM authenticated, and which of them are aligned.

RFC 9989 sections 3.2.1 (authenticated identifiers), 4.4.1 and 4.4.2 (what DKIM and SPF give), 5.3.4 (the alignment
checks). Beside them stand the undecided ones: domains whose check ended in temperror, so that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from inalign.dmarc.alignment import Alignment, check_alignment
from inalign.dmarc.discovery import Discovery
from inalign.dmarc.record import AlignmentMode, DmarcRecord
from inalign.mail.domain import DomainError, DomainName, parse_domain

# Identifiers other than the author domain that are looked at, each for a walk of up to 8 questions. Verifiers check
# no more signatures of a message than that.
MAX_IDENTIFIERS = 16


class Identifiers(NamedTuple):
    """What was authenticated, as far as it is a domain name, each once."""

    spf: DomainName | None
    dkim: tuple[DomainName, ...]
    undecided: tuple[DomainName, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that could be aligned."""
        return self.spf is None and not self.dkim and not self.undecided

    def apart_from(self, author: DomainName) -> list[DomainName]:
        """Those that are not the author domain itself, up to `MAX_IDENTIFIERS`."""
        domains = dict.fromkeys(
            [*self.dkim, *self.undecided] if self.spf is None else [self.spf, *self.dkim, *self.undecided]
        )
        return [domain for domain in domains if domain != author][:MAX_IDENTIFIERS]

    def modes(self, author: DomainName, record: DmarcRecord) -> set[AlignmentMode]:
        """The modes in which names other than the author domain are compared with it."""
        modes = set()
        if self.spf is not None and self.spf != author:
            modes.add(record.aspf)
        if any(domain != author for domain in self.dkim):
            modes.add(record.adkim)
        if any(domain != author for domain in self.undecided):
            modes.add(looser_mode(record))
        return modes


class Alignments(NamedTuple):
    """Which identifiers are aligned, and which might be."""

    spf: bool
    dkim: bool
    domains: tuple[DomainName, ...]
    """The authenticated domains that are aligned."""
    unknown: tuple[DomainName, ...]
    """Authenticated, but a question on which the alignment depends had no answer."""
    undecided: tuple[DomainName, ...]
    """Undecided, and aligned or of unknown alignment: a later check may give an aligned pass."""


def read_identifiers(spf: str | None, dkim: Iterable[str], undecided: Iterable[str]) -> Identifiers:
    """Identifiers from any text; what is no domain name is never aligned, so it is left out."""
    return Identifiers(next(iter(_domains(() if spf is None else (spf,))), None), _domains(dkim), _domains(undecided))


def _domains(texts: Iterable[str]) -> tuple[DomainName, ...]:
    domains: dict[DomainName, None] = {}
    for text in texts:
        try:
            domains[parse_domain(text)] = None
        except DomainError:
            continue
    return tuple(domains)


def looser_mode(record: DmarcRecord) -> AlignmentMode:
    """The mode for an undecided domain, which may come of SPF or of a signature."""
    return AlignmentMode.RELAXED if AlignmentMode.RELAXED in (record.adkim, record.aspf) else AlignmentMode.STRICT


async def align(author: DomainName, identifiers: Identifiers, record: DmarcRecord, discovery: Discovery) -> Alignments:
    """Check every identifier against the author domain (RFC 9989 section 5.3.4)."""
    others = identifiers.apart_from(author)
    if not others:  # as in most mail; a domain is aligned with itself in either mode
        aligned_domains = () if identifiers.spf is None and not identifiers.dkim else (author,)
        return Alignments(
            identifiers.spf is not None, bool(identifiers.dkim), aligned_domains, (), identifiers.undecided
        )
    allowed = {author, *others}
    aligned: dict[DomainName, None] = {}
    unknown: dict[DomainName, None] = {}

    async def is_aligned(domain: DomainName, mode: AlignmentMode) -> bool:
        alignment = await check_alignment(author, domain, mode, discovery)
        if alignment is Alignment.ALIGNED:
            aligned[domain] = None
        elif alignment is Alignment.UNKNOWN:
            unknown[domain] = None
        return alignment is Alignment.ALIGNED

    spf = identifiers.spf is not None and await is_aligned(identifiers.spf, record.aspf)
    # RFC 9989 section 4.4.1: one aligned signature is enough; the others are told, too
    dkim = [await is_aligned(domain, record.adkim) for domain in identifiers.dkim if domain in allowed]
    undecided = [
        domain
        for domain in identifiers.undecided
        if domain in allowed
        and await check_alignment(author, domain, looser_mode(record), discovery) is not Alignment.UNALIGNED
    ]
    return Alignments(spf, any(dkim), tuple(aligned), tuple(unknown), tuple(undecided))
