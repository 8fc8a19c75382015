"""What a decision depends on beside the verdict and the local policy; all of it is in the message or its connection."""

from __future__ import annotations

from typing import NamedTuple

from inalign.dkim.canonical import Header
from inalign.mail.author import Authors


class Facts(NamedTuple):
    """About one message."""

    author_domains: tuple[str, ...] = ()
    from_fields: int = 0
    is_list: bool = False
    """Whether a mailing list sent it, as far as it says so itself."""
    can_hold: bool = False
    """Whether the MTA offers to keep it in its queue."""


NO_FACTS = Facts()
"""Of a message that was not verified."""


def facts_of_header(header: Header, authors: Authors, *, is_whole: bool, can_hold: bool) -> Facts:
    """`is_whole`: all fields were read; one that was not might be a list's, and the milder handling is due then."""
    return Facts(authors.domains, authors.field_count, not is_whole or is_list_mail(header), can_hold)


def is_list_mail(header: Header) -> bool:
    """Whether it has List-Id, List-Post or `Precedence: list`."""
    if header.count(b"list-id") or header.count(b"list-post"):
        return True
    return any(field.value.strip().lower() == b"list" for field in header.named(b"precedence"))
