"""Regular expressions that every Python from 3.11.0 on reads alike.

Until 3.11.4, Debian 12's among them, `re` gives wrong answers where a possessive quantifier or an atomic group holds
more than one character and has to step back within. Over a single character they are right.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

import inalign

# Python's own parser of expressions; private, without type stubs, and the only one that knows what they mean.
codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

SINGLE = {codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN}


def expressions() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every compiled expression that a module of the package names, alone or in a list."""
    for module in pkgutil.walk_packages(inalign.__path__, "inalign."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(import_module(module.name)).items():
            values = (
                value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else [value]
            )
            for one in values:
                if isinstance(one, re.Pattern):
                    yield f"{module.name}.{name}", one


def unsafe(parsed: Any) -> bool:
    """Whether a possessive quantifier or an atomic group holds more than one character."""
    if not isinstance(parsed, parser.SubPattern):
        return any(unsafe(part) for part in parsed) if isinstance(parsed, tuple | list) else False
    for code, argument in parsed:
        if code is codes.ATOMIC_GROUP:
            return True
        if code is codes.POSSESSIVE_REPEAT:
            inner = list(argument[2])
            if len(inner) != 1 or inner[0][0] not in SINGLE:
                return True
        if unsafe(argument):
            return True
    return False


ALL = sorted({(name, one.pattern, one.flags) for name, one in expressions()}, key=repr)


@pytest.mark.parametrize(("name", "pattern", "flags"), ALL, ids=[name for name, *_ in ALL])
def test_possessive_quantifiers_are_for_single_characters(name: str, pattern: str | bytes, flags: int) -> None:
    assert not unsafe(parser.parse(pattern, flags)), name


def test_the_check_finds_what_it_is_for() -> None:
    assert len(ALL) > 50
    assert unsafe(parser.parse(r'"(?:[^"\\]++|\\.)*+"'))
    assert unsafe(parser.parse("(?>ab|a)c"))
    assert not unsafe(parser.parse(r"[ \t]*+x(?:y[a-z]++)*"))
