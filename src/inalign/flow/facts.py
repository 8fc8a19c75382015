"""Facts of a message that a decision depends on, next to the verdict and the local policy."""

from __future__ import annotations

from typing import NamedTuple

from inalign.dkim.canonical import Header
from inalign.dmarc.result import DmarcStatus
from inalign.flow.trusted_arc import SealerStatement, sealer_statements
from inalign.flow.verdict import Verdict
from inalign.mail.author import Authors


class Facts(NamedTuple):
    """Facts about one message that `decide` needs next to its verdict."""

    author_domains: tuple[str, ...] = ()
    from_fields: int = 0
    is_list: bool = False
    """Whether the message says itself that a mailing list sent it."""
    can_hold: bool = False
    """Whether the MTA can hold the message in its queue."""
    sealers: tuple[SealerStatement, ...] = ()
    """What the sealers of a valid ARC chain state about the author, oldest first; see `sealers_of`."""


NO_FACTS = Facts()
"""Facts about a message that was not verified."""


def facts_of_message(header: Header, authors: Authors, verdict: Verdict, *, is_whole: bool, can_hold: bool) -> Facts:
    """Read the facts from a header, its authors and the verdict.

    With `is_whole` false, fields beyond the limits were not read. One of them may be that of a mailing list, so the
    message counts as list mail, which is the milder treatment.
    """
    is_list = not is_whole or is_list_mail(header)
    sealers = sealers_of(verdict, authors.domains, authors.field_count)
    return Facts(authors.domains, authors.field_count, is_list, can_hold, sealers)


def sealers_of(verdict: Verdict, author_domains: tuple[str, ...], from_fields: int) -> tuple[SealerStatement, ...]:
    """Read the statements of the ARC sealers, where they can change a decision.

    That is where DMARC fails, and the message has one author domain in one From field: a sealer vouches for one author.
    """
    if verdict.dmarc.result is not DmarcStatus.FAIL or len(author_domains) != 1 or from_fields != 1:
        return ()
    return sealer_statements(verdict.arc, author_domains[0])


def is_list_mail(header: Header) -> bool:
    """Return whether a header has List-Id, List-Post or `Precedence: list`."""
    if header.count(b"list-id") or header.count(b"list-post"):
        return True
    return any(field.value.strip().lower() == b"list" for field in header.named(b"precedence"))
