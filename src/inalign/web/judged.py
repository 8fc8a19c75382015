"""What is judged of senders, put into the words of a visitor: badges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from inalign.insight.rows import JudgedSource
from inalign.insight.texts import Catalogue


class Badge(Struct, frozen=True):
    """The class of a sender, and what spoke for it."""

    name: str
    word: str
    service: str
    evidence: tuple[str, ...] = ()


def make_badges(sources: Iterable[JudgedSource], say: Catalogue) -> Mapping[tuple[str, str], Badge]:
    """By domain and address."""
    return {(row.domain, row.source_ip): _badge(row, say) for row in sources}


def _badge(row: JudgedSource, say: Catalogue) -> Badge:
    evidence = tuple(say.say("evidence", str(each["code"]), each) for each in row.evidence)
    return Badge(row.source_class, say.say("class", row.source_class), row.service or "", evidence)
