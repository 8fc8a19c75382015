"""The table of docs/insight.md: the rules that classify the sources of a domain."""

from __future__ import annotations

from collections.abc import Iterator

from inalign.insight.rules.rule import Rule
from inalign.insight.rules.table import GROUPS
from tests.house.architecture import BEGIN, END


def fill_rules(page: str) -> str:
    """Return the page with the text between the marks of the rules replaced."""
    begin, end = BEGIN.format(name="rules"), END.format(name="rules")
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([before + begin, "", *rule_lines(), "", end]) + after


def rule_lines() -> Iterator[str]:
    """Yield a table for each group of rules, in the order in which the rules are asked."""
    for number, group in enumerate(GROUPS, 1):
        yield from [""] if number > 1 else []
        yield f"{number}. {group.title}:"
        yield ""
        yield "| rule | condition | class | evidence |"
        yield "| --- | --- | --- | --- |"
        yield from map(_row, group.rules)


def _row(rule: Rule) -> str:
    because = ", ".join(each.__name__ for each in rule.because)
    return f"| `{rule.name}` | {rule.condition} | `{rule.source_class}` | {because} |"
