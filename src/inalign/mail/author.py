"""The author domains of a message (RFC 9989 section 5.3.1), and who may not be believed (section 11.5).

Everything that DMARC protects hangs on one answer, so a From that readers would read in different ways is a problem
and never a domain: `problem` is set and `domains` is empty. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from inalign.errors import LimitError, ParseError
from inalign.mail.domain import DomainName, parse_domain
from inalign.mail.fields import Field
from inalign.mail.mailbox import AmbiguousError, Mailbox, parse_mailboxes


class AuthorProblem(StrEnum):
    """Why a message has no author domain."""

    NO_AUTHOR = "no_author"
    """No From field, no address in it, an address without a domain, or text outside the grammar."""
    AMBIGUOUS_AUTHOR = "ambiguous_author"
    """Readers would not agree on the author."""


@dataclass(frozen=True, slots=True)
class Authors:
    """Whom a message says it is from."""

    domains: tuple[DomainName, ...]
    """The domains of all author addresses of all From fields, in order, each once; empty where there is a problem."""
    problem: AuthorProblem | None
    address_count: int = 0
    field_count: int = 0
    """How many From fields there are. With more than one DMARC never passes, even where all name one domain."""
    detail: str = ""
    """For people: what is wrong, and where."""
    address: str | None = None
    """`local@domain` of the one author, the domain as in `domains`; None where there are several, or a problem."""

    @property
    def has_several_fields(self) -> bool:
        """Whether there is more than one From field (RFC 5322 section 3.6 allows one)."""
        return self.field_count > 1

    @property
    def sole_domain(self) -> DomainName | None:
        """The author domain of a message that can pass: one From field, one domain, no problem."""
        return self.domains[0] if len(self.domains) == 1 and not self.has_several_fields else None


def author_domains(fields: Sequence[Field]) -> Authors:
    """The author domains of a message with these header fields."""
    own = [field for field in fields if field.key == b"from"]
    hidden = _hidden_author(fields)
    if hidden:
        return _problem(AuthorProblem.AMBIGUOUS_AUTHOR, hidden, len(own))
    if not own:
        return _problem(AuthorProblem.NO_AUTHOR, "there is no From field (RFC 5322 section 3.6)", 0)
    if len(own) > 1 and any(field.is_blank_before_colon for field in own):
        return _problem(AuthorProblem.AMBIGUOUS_AUTHOR, "'From :' beside another From field", len(own))
    try:
        mailboxes = [mailbox for field in own for mailbox in parse_mailboxes(field.value)]
        domains = tuple(dict.fromkeys(_domain(mailbox) for mailbox in mailboxes))
    except (AmbiguousError, LimitError) as problem:
        return _problem(AuthorProblem.AMBIGUOUS_AUTHOR, f"From: {problem}", len(own))
    except ParseError as problem:
        return _problem(AuthorProblem.NO_AUTHOR, f"From: {problem}", len(own))
    if not domains:
        return _problem(AuthorProblem.NO_AUTHOR, "From names no address", len(own))
    address = f"{mailboxes[0].local_part}@{domains[0]}" if len(mailboxes) == 1 else None
    return Authors(domains, None, address_count=len(mailboxes), field_count=len(own), address=address)


def _problem(problem: AuthorProblem, detail: str, field_count: int) -> Authors:
    return Authors((), problem, field_count=field_count, detail=detail)


def _domain(mailbox: Mailbox) -> DomainName:
    if mailbox.domain.startswith("["):
        raise ParseError("an address literal is no author domain (RFC 9989 section 5.3.1)")
    return parse_domain(mailbox.domain)


_FROM_AND_COLON = re.compile(rb"from[ \t]*+:")
# What some reader takes for the end of a line: CR, LF, NUL, and the further line ends of str.splitlines.
_LINE_ENDS = frozenset(b"\r\n\0\x0b\x0c\x1c\x1d\x1e")
_BREAKS = _LINE_ENDS | frozenset(b" \t")
# `From:To:Subject;` on a line of its own is a piece of `h=` (RFC 6376 section 3.5), not a hidden field.
_FIELD_NAMES = re.compile(rb"[ \t]*+[^@<>\":; \t\r\n]++[ \t]*+[:;]")
# Fields that servers put on top: a message that begins with " From:" becomes their continuation on the way.
_TOP_FIELDS = frozenset(
    b"received x-received return-path delivered-to x-original-to envelope-to authentication-results received-spf"
    b" dkim-signature domainkey-signature arc-seal arc-message-signature arc-authentication-results".split()
)


def _hidden_author(fields: Sequence[Field]) -> str:
    """What shows another author to some readers and not to others; empty where nothing does."""
    if _is_ordinary(fields):
        return ""
    for key, raw in fields:
        if b"from" in key and key != b"from" and _printable(key) == b"from":
            return f"a field name {key[:40]!r} that some read as From"
        text = raw.lower()
        if text.find(b"from", len(key)) >= 0:
            for found in _FROM_AND_COLON.finditer(text, len(key)):
                place = _hiding_place(key, text, found)
                if place:
                    return f"'From:' {place} the field {key[:40]!r}"
    return ""


def _is_ordinary(fields: Sequence[Field]) -> bool:
    """Whether the one From field is all that could be taken for one: two searches that spare most mail the loop."""
    keys = [key for key, _ in fields]
    if keys.count(b"from") != 1 or b"\n".join(keys).count(b"from") != 1:
        return False
    header = b"".join([raw for _, raw in fields]).lower()
    # Where the field is the first one, what stands before it is the last octet, the end of a line as well.
    return [header[found.start() - 1] in _BREAKS for found in _FROM_AND_COLON.finditer(header)].count(True) == 1


def _hiding_place(key: bytes, text: bytes, found: re.Match[bytes]) -> str:
    start = found.start() - 1
    while start > 0 and text[start] in b" \t":
        start -= 1
    if text[start] not in _LINE_ENDS:
        return ""
    is_continuation = start + 1 < found.start() and text[start - 1 : start + 1] == b"\r\n"
    if not is_continuation:
        return f"behind {text[start : start + 1]!r} within"
    has_address = text.find(b"@", found.end(), text.find(b"\r\n", found.end())) >= 0
    if key in _TOP_FIELDS and has_address and not _FIELD_NAMES.match(text, found.end()):
        return "on a continuation line of"
    return ""


def _printable(key: bytes) -> bytes:
    return bytes(octet for octet in key if 0x21 <= octet <= 0x7E)
