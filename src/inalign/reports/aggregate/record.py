"""The values of one `record` element -> `AggregateRecord`s."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inalign.reports import values as read
from inalign.reports.aggregate import schema
from inalign.reports.aggregate.layout import RecordLayout, RowLayout
from inalign.reports.flaw import FlawCode
from inalign.reports.report import AggregateRecord, DkimAuth, Extension, OverrideReason, SpfAuth

Tell = Callable[[FlawCode, str], None]
_ALIGNED = {"pass": True, "fail": False}


def build(plan: RecordLayout, values: Sequence[str], tell: Tell) -> list[AggregateRecord]:
    """The records (one, but for odd ones with several rows) of values at the places of a plan."""
    at: list[str | None] = [*values, None, ""]
    for code, detail in plan.flaws:
        tell(code, detail)
    dkim = tuple([_dkim(at, places, tell) for places in plan.dkim])
    spf = tuple([_spf(at, places, tell) for places in plan.spf])
    extensions = tuple([Extension(path, space, at[text] or "") for path, space, text in plan.extensions])
    header_from, envelope_from, envelope_to = at[plan.header_from] or "", at[plan.envelope_from], at[plan.envelope_to]
    return [
        AggregateRecord(
            _source(at[row.source_ip], tell), _count(at[row.count], tell),
            _word(at[row.disposition], schema.DISPOSITIONS, "disposition", tell),
            _aligned(at[row.dkim], "dkim", tell), _aligned(at[row.spf], "spf", tell),
            header_from, envelope_from, envelope_to, dkim, spf,
            _reasons(row, at, tell) if row.reasons else (), extensions,
        )
        for row in plan.rows
    ]  # fmt: skip


def _dkim(at: Sequence[str | None], places: tuple[int, int, int, int], tell: Tell) -> DkimAuth:
    domain, selector, result, human = places
    word = at[result]
    if word not in schema.DKIM_RESULTS:
        word = _word(word, schema.DKIM_RESULTS, "dkim", tell)
    return DkimAuth(at[domain] or "", at[selector] or "", word or "", at[human] or "")


def _spf(at: Sequence[str | None], places: tuple[int, int, int, int], tell: Tell) -> SpfAuth:
    domain, scope, result, human = places
    word, where = at[result], at[scope]
    if word not in schema.SPF_RESULTS:
        word = _word(word, schema.SPF_RESULTS, "spf", tell)
    if where and where not in schema.SCOPES:
        where = _word(where, schema.SCOPES, "scope", tell)
    return SpfAuth(at[domain] or "", where or "", word or "", at[human] or "")


def _source(text: str | None, tell: Tell) -> str | None:
    if text is None:
        return None
    found, mended = read.address(text)
    if mended:
        tell(FlawCode.ADDRESS, f"source_ip {text[:60]!r} was read as {found}")
    return found


def _count(text: str | None, tell: Tell) -> int:
    if text is None:
        return 0
    number, mended = read.count(text)
    if mended:
        tell(FlawCode.COUNT, f"count {text[:60]!r} was read as {number}")
    return number


def _word(text: str | None, known: frozenset[str], name: str, tell: Tell) -> str:
    """A word that must be there, in lower case."""
    if text in known:
        return text or ""
    if text is None:
        return ""
    word = text.lower().strip()
    if word not in known:
        tell(FlawCode.WORD, f"{name} {word[:60]!r}")
    return word


def _aligned(text: str | None, name: str, tell: Tell) -> bool | None:
    if text is None:
        return None
    found = _ALIGNED.get(text)
    if found is None:
        word = text.lower().strip()
        found = _ALIGNED.get(word)
        if found is None:
            found = False if word in schema.NOT_ALIGNED else None
            tell(FlawCode.WORD, f"{name} of policy_evaluated {word[:60]!r} was read as {found}")
    return found


def _reasons(row: RowLayout, at: Sequence[str | None], tell: Tell) -> tuple[OverrideReason, ...]:
    found = []
    for kind, comment, text in row.reasons:
        word, words = at[kind] or "", at[comment] or at[text] or ""
        if not word and (at[text] or "").lower() in schema.REASONS:
            word, words = at[text] or "", at[comment] or ""
        if word or at[kind] is not None:
            word = _word(word, schema.REASONS, "type of a reason", tell)
        found.append(OverrideReason(word, words))
    return tuple(found)
