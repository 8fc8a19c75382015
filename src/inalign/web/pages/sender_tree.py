"""The senders as a tree for a page: a group a class, in it the senders, each opening into networks and addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from inalign.charts.model import Part, SparkPart, bar, sparkline
from inalign.insight.texts import Catalogue
from inalign.store.queries.filters import Filters
from inalign.store.queries.sender_rows import UNTOLD, ClassRow, SenderAddressRow, SenderRow
from inalign.store.queries.view import ViewAnswer
from inalign.web.words import Words

PAGE = 50
"""Senders where one class is shown."""
ADDRESSES = 100
"""Of a sender on a page."""
Questions = Callable[[str, Filters], ViewAnswer[Struct]]
"""Answers a question by its name (`ViewPages.ask`)."""


class SenderLine(Struct, frozen=True):
    """A sender, a network or an address with its numbers."""

    name: str
    row: SenderRow | SenderAddressRow
    share: float
    """Of all messages that are shown."""
    dispositions: tuple[Part, ...]
    spark: tuple[SparkPart, ...]
    to: str


class Group(Struct, frozen=True):
    """A class of senders with its largest senders."""

    name: str
    word: str
    senders: int
    messages: int
    share: float
    passed_percent: float
    lines: tuple[SenderLine, ...]
    to: str
    """The class alone; empty where it is alone already."""
    left: int
    """Senders that are not shown."""


class Tree(Struct, frozen=True):
    """The senders of a question, grouped by class."""

    groups: tuple[Group, ...]
    messages: int
    whole: str
    """The page of the senders of this domain, where they are filtered and searched."""
    csv: str
    json: str
    more: str = ""
    """The page with the senders that follow, where one class is shown."""


def make_tree(ask: Questions, filters: Filters, words: Words, say: Catalogue) -> Tree:
    """The tree of what the filters mean; of one class alone all senders, `filters.after` behind others."""
    classes = [row for row in ask("sender-classes", replace(filters, after="")).rows if isinstance(row, ClassRow)]
    whole = sum(row.messages for row in classes)
    query = query_of(filters)
    after = ""
    groups = []
    for row in classes:
        shown: Sequence[SenderRow] = row.top
        if filters.source_class:
            found = ask("senders", replace(filters, limit=PAGE))
            shown, after = [each for each in found.rows if isinstance(each, SenderRow)], found.after
        to = "" if filters.source_class or not row.source_class else query_of(filters, source_class=row.source_class)
        groups.append(
            Group(
                row.source_class,
                say.say("class", row.source_class) if row.source_class != UNTOLD else words("senders.untold"),
                row.senders,
                row.messages,
                share_of(row.messages, whole),
                row.passed_percent,
                tuple(_line(each, whole, filters, words) for each in shown),
                f"/sources?{to}" if to else "",
                row.senders - len(shown),
            )
        )
    more = f"/sources?{query}&{urlencode({'after': after})}" if after else ""
    view = "senders" if filters.source_class else "sender-classes"
    return Tree(tuple(groups), whole, f"/sources?{query}", f"/csv/senders.csv?{query}", f"/api/v1/{view}?{query}", more)


OWN_SERVERS = "own servers "


def sender_name(name: str, words: Words) -> str:
    """In words, where it is no name of anybody's."""
    if name.startswith(OWN_SERVERS):
        return words("senders.own_servers", network=name.removeprefix(OWN_SERVERS))
    return name


def _line(row: SenderRow, whole: int, filters: Filters, words: Words) -> SenderLine:
    to = f"/sources?{query_of(filters, source_class=row.source_class, sender=row.sender)}" if row.sender else ""
    return SenderLine(
        sender_name(row.sender, words), row, share_of(row.messages, whole), _dispositions(row), _spark(row.trend), to
    )


def address_lines(rows: Sequence[SenderAddressRow], filters: Filters) -> list[tuple[str, list[SenderLine]]]:
    """Addresses by network, in their order."""
    whole = sum(row.messages for row in rows)
    networks: dict[str, list[SenderLine]] = {}
    for row in rows:
        query = query_of(filters, domain=row.domain, source=row.source_ip, source_class="", sender="", search="")
        to = f"/source?{query}" if row.source_ip else ""
        line = SenderLine(row.source_ip, row, share_of(row.messages, whole), _dispositions(row), _spark(row.trend), to)
        networks.setdefault(row.network, []).append(line)
    return list(networks.items())


def share_of(part: int, whole: int) -> float:
    """In percent; of nothing, nothing."""
    return 100.0 * part / whole if whole else 0.0


def _dispositions(row: SenderRow | SenderAddressRow) -> tuple[Part, ...]:
    """Return the shares of the dispositions of a row, as the parts of a bar."""
    return bar([(name, getattr(row, name)) for name in ("none", "quarantine", "reject")], row.messages)


def _spark(trend: Sequence[int]) -> tuple[SparkPart, ...]:
    return sparkline(("messages",), [(messages,) for messages in trend])


_ASKED = ("domain", "since", "until", "source", "source_class", "sender", "search")


def query_of(filters: Filters, **changes: object) -> str:
    """The query of an address of these pages."""
    values = {name: changes.get(name, getattr(filters, name)) for name in _ASKED}
    if filters.zone != Filters().zone:
        values["zone"] = filters.zone
    spelled = {"class" if name == "source_class" else name: value for name, value in values.items() if value}
    return urlencode({name: str(value) for name, value in spelled.items()})
