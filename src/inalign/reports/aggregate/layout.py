"""Where the values of a `record` element stand: what is the same for all records of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inalign.reports.aggregate import schema
from inalign.reports.aggregate.elements import Element
from inalign.reports.flaw import FlawCode

ABSENT, EMPTY = -2, -1  # places of None and "" behind the values

_ROW = ("source_ip", "count", "disposition", "dkim", "spf")
_IDENTIFIERS = frozenset({"header_from", "envelope_from", "envelope_to"})
_AUTH = ("domain", "selector", "scope", "result", "human_result")


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The places of the values of one `row`."""

    source_ip: int
    count: int
    disposition: int
    dkim: int
    spf: int
    reasons: tuple[tuple[int, int, int], ...]
    """Type, comment, text of its own."""


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """Where the values of a record stand. `flaws` are those of its shape."""

    rows: tuple[RowLayout, ...]
    header_from: int
    envelope_from: int
    envelope_to: int
    dkim: tuple[tuple[int, int, int, int], ...]
    spf: tuple[tuple[int, int, int, int], ...]
    extensions: tuple[tuple[str, str, int], ...]
    flaws: tuple[tuple[FlawCode, str], ...]


def plan(record: Element, most_extensions: int) -> tuple[RecordLayout, list[str]]:
    """Where the values of a record stand, and the values in their order."""
    planner = _Planner(most_extensions)
    planner.visit(record, "record")
    return planner.planned(), planner.values


class _Planner:
    def __init__(self, most_extensions: int) -> None:
        self.values: list[str] = []
        self._most_extensions = most_extensions
        self._flaws: list[tuple[FlawCode, str]] = []
        self._seen: set[str] = set()
        self._rows: list[dict[str, int]] = [{}]
        self._reasons: list[list[tuple[int, int, int]]] = [[]]
        self._names: dict[str, int] = {}
        self._auth: dict[str, list[tuple[int, int, int, int]]] = {"dkim": [], "spf": []}
        self._extensions: list[tuple[str, str, int]] = []

    def visit(self, parent: Element, path: str) -> None:
        for child in parent.children:
            name = child.name
            if child.opaque or name == "extension":
                self._extension(child, f"{path}/{name}")
                continue
            if parent.name not in schema.PARENTS[name]:
                self._flaws.append((FlawCode.SHAPE, f"{name} within {parent.name}"))
            if name == "reason":
                self._reason(child)
            elif name in {"dkim", "spf"} and not child.leaf:
                self._result(child)
            elif name in _ROW:
                self._keep(self._rows[-1], child)
            elif name in schema.LEAVES:
                self._keep(self._names, child)
            else:
                self._container(child, name)
                self.visit(child, f"{path}/{name}")

    def planned(self) -> RecordLayout:
        self._require_all()
        rows = [
            RowLayout(
                source_ip=row.get("source_ip", ABSENT),
                count=row.get("count", ABSENT),
                disposition=row.get("disposition", ABSENT),
                dkim=row.get("dkim", ABSENT),
                spf=row.get("spf", ABSENT),
                reasons=tuple(reasons),
            )
            for row, reasons in zip(self._rows, self._reasons, strict=True)
        ]
        for name in self._names.keys() - _IDENTIFIERS:
            self._flaws.append((FlawCode.SHAPE, f"{name} belongs elsewhere and was left out"))
        return RecordLayout(
            rows=tuple(rows),
            header_from=self._names.get("header_from", ABSENT),
            envelope_from=self._names.get("envelope_from", ABSENT),
            envelope_to=self._names.get("envelope_to", ABSENT),
            dkim=tuple(self._auth["dkim"]),
            spf=tuple(self._auth["spf"]),
            extensions=tuple(self._extensions),
            flaws=tuple(self._flaws),
        )

    def _container(self, element: Element, name: str) -> None:
        if name == "identities":
            self._flaws.append((FlawCode.SHAPE, "identities was read as identifiers"))
            name = "identifiers"
        if name in self._seen:
            self._flaws.append((FlawCode.SHAPE, f"several {name}"))
            if name == "row" and self._rows[-1]:
                self._rows.append({})
                self._reasons.append([])
        self._seen.add(name)

    def _keep(self, slots: dict[str, int], element: Element) -> None:
        place = self._place(element.value)
        inner = next((child for child in element.children if child.name == "result"), None)
        if place == EMPTY and inner is not None:
            self._flaws.append((FlawCode.SHAPE, f"{element.name} was read from the result in it"))
            place = self._place(inner.value)
        if element.name in slots:
            self._flaws.append((FlawCode.SHAPE, f"several {element.name}; the first counts"))
        slots.setdefault(element.name, place)

    def _place(self, value: str) -> int:
        if not value:
            return EMPTY
        self.values.append(value)
        return len(self.values) - 1

    def _parts(self, element: Element, names: Sequence[str]) -> dict[str, int]:
        slots: dict[str, int] = {}
        for child in element.children:
            if child.opaque or child.name not in names:
                self._extension(child, f"record/{element.name}/{child.name}")
            else:
                self._keep(slots, child)
        return slots

    def _reason(self, element: Element) -> None:
        slots = self._parts(element, ("type", "comment"))
        text = self._place(element.value)
        place = slots.get("type", ABSENT), slots.get("comment", ABSENT), text
        if text != EMPTY and place[0] < 0:
            self._flaws.append((FlawCode.SHAPE, "reason holds a text"))
        elif place[0] == ABSENT:
            self._missing("type of a reason")
        if max(place) >= 0:
            self._reasons[-1].append(place)
        elif place[0] == EMPTY:
            self._missing("type of a reason")

    def _result(self, element: Element) -> None:
        slots = self._parts(element, _AUTH)
        word = self._place(element.value)
        for name in ("domain", "result"):
            if name not in slots:
                self._missing(f"{name} of {element.name}")
        if slots or word != EMPTY:
            second = "selector" if element.name == "dkim" else "scope"
            result = slots.get("result", word)
            places = (slots.get("domain", EMPTY), slots.get(second, EMPTY), result, slots.get("human_result", EMPTY))
            self._auth[element.name].append(places)

    def _extension(self, element: Element, path: str) -> None:
        pending = [(element, path)]
        while pending:
            one, place = pending.pop()
            if one.value or not one.children:
                if len(self._extensions) >= self._most_extensions:
                    self._flaws.append((FlawCode.CUT, "more extensions than are kept"))
                    return
                self._extensions.append((place[:200], one.space[:200], self._place(one.value)))
            pending += [(child, f"{place}/{child.name}"[:1000]) for child in reversed(one.children)]

    def _require_all(self) -> None:
        row = self._rows[0]
        needed = [
            ("row", bool(row), ("source_ip", "count")),
            ("policy_evaluated", bool({"disposition", "dkim", "spf"} & set(row)), ("disposition", "dkim", "spf")),
            ("identifiers", "header_from" in self._names, ("header_from",)),
            ("auth_results", False, ()),
        ]
        have = {*row, *self._names, *self._seen}
        for container, present, names in needed:
            if container not in have and not present:
                self._missing(container)
                continue
            if container not in have:
                self._missing(container)
            for name in names:
                if name not in have:
                    self._missing(name)

    def _missing(self, what: str) -> None:
        self._flaws.append((FlawCode.MISSING, what))
