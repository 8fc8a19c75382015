"""The examples of docs/api.md and of the README work."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from tests.api import examples

ALL = [value for _, value in inspect.getmembers(examples, inspect.isfunction)]


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.__name__)
def test_example_runs(example: Callable[[], None]) -> None:
    example()


def test_there_are_examples() -> None:
    assert len(ALL) >= 2
