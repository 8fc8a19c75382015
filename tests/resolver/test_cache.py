"""How long an answer is kept, and how many."""

from __future__ import annotations

import pytest

from inalign.resolver import Answer, MailExchange, Outcome, mx, txt
from inalign.resolver.cache import AnswerCache, CacheLimits

FOUND = Outcome.FOUND
QUESTION = txt("a.example")


def found(ttl: int, *records: object) -> Answer[object]:
    return Answer(FOUND, records or (b"x",), ttl=ttl)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (found(300), 300),
        (found(0), 1),  # RFC 1035 section 3.2.1: for the transaction at hand
        (found(2**31 - 1), 86_400),
        (Answer(Outcome.NXDOMAIN, ttl=300), 300),
        (Answer(Outcome.NODATA, ttl=10**6), 10_800),  # RFC 2308 section 5: three hours
        (Answer(Outcome.NODATA), 1),
    ],
)
def test_an_answer_is_kept_for_its_time(answer: Answer[object], seconds: int) -> None:
    cache = AnswerCache()
    cache.put(QUESTION, answer, 1000.0)
    assert cache.get(QUESTION, 1000.0) is answer
    assert cache.get(QUESTION, 1000.0 + seconds - 0.001) is answer
    assert cache.get(QUESTION, 1000.0 + seconds) is None


def kept_failure(cache: AnswerCache, now: float, *, is_outage: bool = False) -> int:
    """For how many whole seconds a failure is kept that comes now."""
    cache.put(QUESTION, Answer(Outcome.FAILED, detail="no answer"), now, is_outage=is_outage)
    answer = cache.get(QUESTION, now)
    assert answer is not None
    assert cache.get(QUESTION, now + answer.ttl - 0.001) is answer
    assert cache.get(QUESTION, now + answer.ttl) is None
    return answer.ttl


def test_failures_in_a_row_are_kept_longer_and_longer() -> None:
    """RFC 9520 section 3.2: from one second to five minutes."""
    cache, now, kept = AnswerCache(), 1000.0, []
    for _ in range(6):
        kept.append(kept_failure(cache, now))
        now += kept[-1] + 1
    assert kept == [5, 10, 20, 30, 30, 30]
    cache.put(QUESTION, found(1), now)
    assert kept_failure(cache, now + 2) == 5, "an answer in between begins anew"
    assert kept_failure(cache, now + 100) == 5, "and so does time without a question"


def test_a_failure_that_is_the_name_servers_holds_a_second_only() -> None:
    cache = AnswerCache()
    assert [kept_failure(cache, now, is_outage=True) for now in (0.0, 2.0, 4.0, 6.0)] == [1, 1, 1, 1]
    assert kept_failure(cache, 8.0) == 5


def test_a_question_is_name_and_type() -> None:
    cache = AnswerCache()
    cache.put(QUESTION, found(300), 0.0)
    assert cache.get(mx("a.example"), 0.0) is None
    assert cache.get(txt("b.example"), 0.0) is None


def test_the_limit_of_entries_drops_what_is_old_and_not_used() -> None:
    cache = AnswerCache(CacheLimits(entries=100))
    for number in range(1000):
        cache.put(txt(f"n{number}"), found(300), 0.0)
        assert cache.get(txt("n0"), 0.0) is not None, "what is used again stays"
        assert len(cache) <= 100
    assert cache.get(txt("n999"), 0.0) is not None
    assert cache.get(txt("n500"), 0.0) is None


def test_the_limit_of_octets_counts_the_records() -> None:
    cache = AnswerCache(CacheLimits(octets=1_000_000))
    for number in range(100):
        cache.put(txt(f"n{number}"), found(300, b"x" * 64_000), 0.0)
    assert len(cache) <= 15
    many = CacheLimits(octets=100_000)
    for records in (tuple(MailExchange(number, "m" * 100) for number in range(100)), ("p" * 250,) * 100):
        cache = AnswerCache(many)
        for number in range(100):
            cache.put(txt(f"n{number}"), found(300, *records), 0.0)
        assert len(cache) <= 5


def test_what_is_put_again_replaces_also_in_the_old_generation() -> None:
    cache = AnswerCache(CacheLimits(entries=4))
    cache.put(QUESTION, found(300), 0.0)
    for number in range(2):
        cache.put(txt(f"n{number}"), found(300), 0.0)
    newer = found(300, b"newer")
    cache.put(QUESTION, newer, 1.0)
    for number in range(2, 4):
        assert cache.get(QUESTION, 1.0) is newer
        cache.put(txt(f"n{number}"), found(300), 1.0)
    assert cache.get(QUESTION, 1.0) is newer


def test_clear_forgets() -> None:
    cache = AnswerCache()
    cache.put(QUESTION, found(300), 0.0)
    cache.clear()
    assert cache.get(QUESTION, 0.0) is None
    assert len(cache) == 0
