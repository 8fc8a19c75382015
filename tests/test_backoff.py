"""The pause doubles with each failure in a row, and has a limit."""

from __future__ import annotations

from inalign.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=0.1, longest=1.0)
    assert [backoff.seconds(failures) for failures in range(1, 7)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_without_a_failure_there_is_no_pause() -> None:
    assert Backoff(5, 900).seconds(0) == 0


def test_any_number_of_failures_has_the_longest_pause() -> None:
    assert Backoff(5, 900).seconds(10**9) == 900
