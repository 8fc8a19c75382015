"""Domain names as values: lower case, A-labels, no trailing dot.

RFC 1035 section 2.3.4 (sizes), RFC 5890 to 5892 (IDNA), RFC 8616 (U-labels in mail). A label may hold letters,
digits, hyphens and underscores: names with an underscore are no host names, yet mail and DNS carry them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

import idna

from inalign.errors import ParseError

DomainName = NewType("DomainName", str)
"""A checked name: A-labels in lower case, 1 to 253 octets, no trailing dot. Made by `parse_domain` alone."""

MAX_NAME_OCTETS = 253  # RFC 1035 section 2.3.4: 255 on the wire, less the first length octet and the root
MAX_LABEL_OCTETS = 63  # RFC 1035 section 2.3.4

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)


class DomainError(ParseError):
    """The text is not a domain name."""


@lru_cache(maxsize=8192)
def parse_domain(text: str) -> DomainName:
    """Read a name in A-label or U-label form, of any case, with or without one trailing dot.

    Raises `DomainError` for everything else: empty labels, labels over 63 or names over 253 octets, address
    literals, blanks, control characters and U-labels that IDNA2008 refuses.
    """
    if len(text) > 4 * MAX_NAME_OCTETS:
        raise DomainError(f"a domain name of {len(text)} characters is too long (RFC 1035 section 2.3.4)")
    name = text.lower()
    if not name.isascii():
        name = _to_a_labels(name)
    name = name.removesuffix(".")
    if not name or len(name) > MAX_NAME_OCTETS:
        raise DomainError(f"{text!r} is empty or longer than 253 octets (RFC 1035 section 2.3.4)")
    for label in name.split("."):
        if not _LABEL.fullmatch(label):
            raise DomainError(f"{label[:70]!r} in {text[:260]!r} is not a label of a domain name")
    return DomainName(name)


def _to_a_labels(name: str) -> str:
    try:
        # RFC 8616 section 3: U-labels are converted before anything is looked up or compared. They are mapped as
        # mail programs map them (case, width, the dots of other scripts), so one name has one form. An ASCII label
        # beside them stays: a name below a U-label may well begin with an underscore.
        labels = idna.uts46_remap(name, std3_rules=False, transitional=False).split(".")
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in labels)
    except (idna.IDNAError, UnicodeError) as problem:
        raise DomainError(f"{name[:260]!r} is not a valid internationalised name: {problem}") from None


def to_unicode(name: DomainName) -> str:
    """The name for human eyes: A-labels that are valid become U-labels, the others stay."""
    if "xn--" not in name:
        return name
    return ".".join(_u_label(label) for label in name.split("."))


def _u_label(label: str) -> str:
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def is_same_or_below(name: DomainName, ancestor: DomainName) -> bool:
    """Whether `name` is `ancestor` or lies under it."""
    return name == ancestor or name.endswith("." + ancestor)


def parent(name: DomainName) -> DomainName | None:
    """The name without its leftmost label, None above a top-level name."""
    _, dot, rest = name.partition(".")
    return DomainName(rest) if dot else None


@dataclass(frozen=True, slots=True)
class DomainList:
    """Domains as a setting lists them: `example.org` is that name alone, `.example.org` every name below it."""

    names: frozenset[DomainName] = frozenset()
    parents: frozenset[DomainName] = frozenset()

    def __contains__(self, name: str) -> bool:
        """Whether a name, as `parse_domain` makes them, is listed."""
        if name in self.names:
            return True
        labels = name.split(".")
        return bool(self.parents) and any(".".join(labels[start:]) in self.parents for start in range(1, len(labels)))

    def __bool__(self) -> bool:
        return bool(self.names or self.parents)


NO_DOMAINS = DomainList()


def parse_domain_list(entries: Iterable[str]) -> DomainList:
    """The list of a setting. Raises `DomainError` for what is no domain name."""
    listed = list(entries)
    return DomainList(
        frozenset(parse_domain(entry) for entry in listed if not entry.startswith(".")),
        frozenset(parse_domain(entry[1:]) for entry in listed if entry.startswith(".")),
    )
