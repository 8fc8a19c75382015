"""The words of the pages: the same keys in each language, each of them used, and the language that is asked for."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

import pytest

from inalign.flow.decision import DecisionRule, Disposition
from inalign.insight.result import DomainState, PlanStep, SourceClass, WhyCode
from inalign.reports.flaw import FlawCode, RefusalCode
from inalign.web import tables, words
from inalign.web.pages.domain import SERIES
from inalign.web.pages.plan_card import REACHED, STAIRS
from inalign.web.pages.tables import FLAGS, PARTS
from tests.house.citations import ROOT

SOURCE = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "src/inalign/web").rglob("*")) if path.suffix in (".py", ".html")
)
_WAITING = (WhyCode.FEW_DAYS, WhyCode.FEW_MESSAGES, WhyCode.ONE_REPORTER, WhyCode.NOT_LOOKED_UP, WhyCode.NOT_JUDGED)
_STAYING = (WhyCode.ALL_PUBLISHED, WhyCode.FORWARDING, WhyCode.SHORT_AT_QUARANTINE)
"""What the plan says of the steps that tell nothing by themselves."""
CODES = (
    *Disposition, *DecisionRule, *FlawCode, *RefusalCode, *FLAGS, *PARTS, "imap", "folder", "listener",
    "forwarded", "sampled_out", "trusted_forwarder", "mailing_list",
    "local_policy", "policy_test_mode", "other", "yes", "no", "unknown", "own_record", "np", "sp", "p", "make",
    "nothing",
)  # fmt: skip
"""What is told in words by its code."""
MADE_UP = (
    "column", "table", "filter", "role", "phase", "intake", "audit", "menu", "about_class", "advice", "told", "in_dns",
    "policy_from", "suggestion", "flag", "about_flag", "reason", "handling", "rule", "flaw",
    "source_kind", "refusal",
)  # fmt: skip
"""Tables of which pages make the keys."""
_TOLD_BY_WHY = {PlanStep.COLLECT: _WAITING, PlanStep.HOLD: _STAYING}
OF_CODES = {
    *(f"{table}.{state}" for table in ("state", "summary") for state in DomainState),
    *(f"action.{step}" for step in PlanStep if step not in _TOLD_BY_WHY),
    *(f"action.{why}" for codes in _TOLD_BY_WHY.values() for why in codes),
    *(f"stair.{name}" for name in (*STAIRS, "done", "now", "next", "later")),
    *(f"impact.{name}" for name in REACHED),
    *(f"chart.{name}" for names in SERIES.values() for name in (*names, *SERIES, "count", "percent")),
    *(f"place.{name}" for name in ("own", "forwarded", "unwanted")),
    *(f"record.{name}" for name in ("same", "differs", "earlier")),
}
"""Keys that are made of codes, of each of which there must be one."""


def test_languages_have_the_same_keys() -> None:
    assert list(words.catalogue("en")) == list(words.catalogue("ja"))


@pytest.mark.parametrize("key", words.catalogue("en"))
def test_every_key_is_used(key: str) -> None:
    table, _, name = key.partition(".")
    made = table in MADE_UP and re.search(rf'"{name}"|=\W?{name}\b', SOURCE + _names())
    assert (
        f'"{key}"' in SOURCE
        or key.removesuffix("_one") in OF_CODES
        or f'"{key.removesuffix("_one")}"' in SOURCE
        or made
    )


@pytest.mark.parametrize("key", sorted(OF_CODES))
def test_every_code_has_its_word(key: str) -> None:
    assert key in words.catalogue("en")


def _names() -> str:
    return " ".join(f'"{name}"' for name in ("reader", "editor", "admin", *_phases(), *SourceClass, *CODES))


def _phases() -> tuple[str, ...]:
    return ("starting", "running", "waiting", "failed", "stopped")


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        ("handling", Disposition),
        ("rule", DecisionRule),
        ("flaw", FlawCode),
        ("refusal", RefusalCode),
        ("about_class", SourceClass),
        ("told", PARTS),
    ]
    + [(table, FLAGS) for table in ("flag", "about_flag")],
)
def test_every_code_has_a_word(table: str, codes: Iterable[str]) -> None:
    assert {f"{table}.{code}" for code in codes} <= set(words.catalogue("en"))


def test_every_column_has_a_word() -> None:
    all_tables = [value for value in vars(tables).values() if isinstance(value, tables.PageTable)]
    assert len(all_tables) > 10
    for table in (table for table in all_tables if table.columns):
        assert f"table.{table.view}" in words.catalogue("en")
        assert {f"column.{column.name}" for column in table.columns} <= set(words.catalogue("en"))


def test_translations_fill_in_the_same_names() -> None:
    for key, text in words.catalogue("en").items():
        names = [
            sorted(name for _, name, _, _ in string.Formatter().parse(each) if name)
            for each in (text, words.catalogue("ja")[key])
        ]
        assert names[0] == names[1], key


@pytest.mark.parametrize(
    ("kept", "accepted", "chosen"),
    [
        ("", "", "en"),
        ("", "ja", "ja"),
        ("", "ja-JP,en;q=0.5", "ja"),
        ("", "fr,en;q=0.8,ja;q=0.9", "ja"),
        ("", "ja;q=0,fr", "en"),
        ("", "ja;q=nan", "en"),
        ("en", "ja", "en"),
        ("xx", "ja", "ja"),
        ("", ",;q=," * 10_000, "en"),
    ],
)
def test_the_language_is_the_one_asked_for(kept: str, accepted: str, chosen: str) -> None:
    assert words.choose(kept, accepted) == chosen
