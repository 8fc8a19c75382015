"""Whether an authenticated identifier is aligned with the author domain: RFC 9989 sections 3.2.10 and 4.10.2."""

from __future__ import annotations

from enum import Enum, auto

from inalign.dmarc.discovery import Discovery
from inalign.dmarc.record import AlignmentMode
from inalign.mail.domain import DomainName, is_same_or_below


class Alignment(Enum):
    """What two domains are to each other."""

    ALIGNED = auto()
    UNALIGNED = auto()
    UNKNOWN = auto()
    """DNS gave no answer on which it depends."""


async def check_alignment(
    author: DomainName, identifier: DomainName, mode: AlignmentMode, discovery: Discovery
) -> Alignment:
    """Compare an identifier with the author domain. Which of the two comes first changes nothing.

    An organizational domain is the name itself or one above it. So an identifier that is not under the organizational
    domain of the author cannot have the same, and its own need not be looked for: a stranger who signs with a domain
    whose name servers give no answer is unaligned, not unknown.
    """
    if author == identifier:
        return Alignment.ALIGNED
    if mode is AlignmentMode.STRICT or not _have_a_common_ancestor(author, identifier):
        return Alignment.UNALIGNED
    of_author = (await discovery.walk(author)).possible
    if not any(is_same_or_below(identifier, organization) for organization in of_author):
        return Alignment.UNALIGNED
    of_identifier = (await discovery.walk(identifier)).possible
    if of_author.isdisjoint(of_identifier):
        return Alignment.UNALIGNED
    return Alignment.ALIGNED if len(of_author) == len(of_identifier) == 1 else Alignment.UNKNOWN


def _have_a_common_ancestor(one: DomainName, other: DomainName) -> bool:
    return one.rpartition(".")[2] == other.rpartition(".")[2]
