"""The senders as a tree for a page: a group a class, in it the senders, each opening into networks and addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from inalign.flow.senders import LISTED, UNTOLD, SenderAddressRow, SenderRow
from inalign.insight.texts import Catalogue
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.queries.view import Answer
from inalign.web.drawing import spark
from inalign.web.tables import Dispositions
from inalign.web.words import Words

TOP = 8
"""Senders of a class where all classes are shown."""
PAGE = 50
"""The same where one class is."""
ADDRESSES = 100
"""Of a sender on a page."""
Questions = Callable[[str, Filters], Answer[Struct]]
"""Answers a question by its name (`ViewPages.ask`)."""


class Line(Struct, frozen=True):
    """A sender, a network or an address with its numbers."""

    name: str
    row: SenderRow | SenderAddressRow
    share: float
    """Of all messages that are shown."""
    split: Dispositions
    spark: str
    to: str


class Group(Struct, frozen=True):
    """A class."""

    name: str
    word: str
    senders: int
    messages: int
    share: float
    passed_percent: float
    lines: tuple[Line, ...]
    to: str
    """The class alone; empty where it is alone already."""
    left: int
    """Senders that are not shown."""


class Tree(Struct, frozen=True):
    """All of it."""

    groups: tuple[Group, ...]
    messages: int
    senders: int
    whole: str
    """The page of the senders of this domain, where they are filtered and searched."""
    csv: str
    json: str
    more: str = ""
    """The page with the senders that follow, where one class is shown."""


def make_tree(ask: Questions, filters: Filters, words: Words, say: Catalogue, page: int = 1) -> Tree:
    """The tree of what the filters mean; `page` counts within one class."""
    found = ask("senders", replace(filters, limit=MAX_PAGE_ROWS, after=""))
    rows = [row for row in found.rows if isinstance(row, SenderRow)]
    messages = sum(row.messages for row in rows)
    groups = []
    for name in LISTED:
        of_class = [row for row in rows if row.source_class == name]
        if of_class:
            groups.append(_group(of_class, messages, filters, _Ways(words, say, page)))
    query = query_of(filters)
    has_more = bool(filters.source_class) and len(rows) > page * PAGE
    return Tree(
        tuple(groups),
        messages,
        len(rows),
        f"/sources?{query}",
        f"/csv/senders.csv?{query}",
        f"/api/v1/senders?{query}",
        f"/sources?{query}&page={page + 1}" if has_more else "",
    )


class _Ways(NamedTuple):
    """How it is shown."""

    words: Words
    say: Catalogue
    page: int

    def word(self, name: str) -> str:
        return self.say.say("class", name) if name != UNTOLD else self.words("senders.untold")


def _group(rows: Sequence[SenderRow], whole: int, filters: Filters, ways: _Ways) -> Group:
    name, alone = rows[0].source_class, bool(filters.source_class)
    shown = rows[(ways.page - 1) * PAGE : ways.page * PAGE] if alone else rows[:TOP]
    messages = sum(row.messages for row in rows)
    return Group(
        name,
        ways.word(name),
        len(rows),
        messages,
        share_of(messages, whole),
        share_of(sum(row.passed for row in rows), messages),
        tuple(_line(row, whole, filters, ways.words) for row in shown),
        "" if alone or not name else f"/sources?{query_of(filters, source_class=name)}",
        len(rows) - len(shown),
    )


OWN_SERVERS = "own servers "


def sender_name(name: str, words: Words) -> str:
    """In words, where it is no name of anybody's."""
    if name.startswith(OWN_SERVERS):
        return words("senders.own_servers", network=name.removeprefix(OWN_SERVERS))
    return name


def _line(row: SenderRow, whole: int, filters: Filters, words: Words) -> Line:
    to = f"/sources?{query_of(filters, source_class=row.source_class, sender=row.sender)}" if row.sender else ""
    return Line(sender_name(row.sender, words), row, share_of(row.messages, whole), split_of(row), spark(row.trend), to)


def address_lines(rows: Sequence[SenderAddressRow], filters: Filters, page: int = 1) -> list[tuple[str, list[Line]]]:
    """Addresses by network, in their order, one page of them."""
    whole = sum(row.messages for row in rows)
    networks: dict[str, list[Line]] = {}
    for row in rows[(page - 1) * ADDRESSES : page * ADDRESSES]:
        query = query_of(Filters(domain=row.domain, source=row.source_ip, since=filters.since, until=filters.until))
        to = f"/source?{query}" if row.source_ip else ""
        line = Line(row.source_ip, row, share_of(row.messages, whole), split_of(row), spark(row.trend), to)
        networks.setdefault(row.network, []).append(line)
    return list(networks.items())


def share_of(part: int, whole: int) -> float:
    """In percent; of nothing, nothing."""
    return 100.0 * part / whole if whole else 0.0


def split_of(row: SenderRow | SenderAddressRow) -> Dispositions:
    """What was done with its messages."""
    return Dispositions(*(share_of(getattr(row, name), row.messages) for name in Dispositions._fields))


_ASKED = ("domain", "since", "until", "source", "source_class", "sender", "search")


def query_of(filters: Filters, **changes: object) -> str:
    """The query of an address of these pages."""
    values = {name: changes.get(name, getattr(filters, name)) for name in _ASKED}
    spelled = {"class" if name == "source_class" else name: value for name, value in values.items() if value}
    return urlencode({name: str(value) for name, value in spelled.items()})
