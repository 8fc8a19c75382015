"""What name servers said, kept for as long as they allow, within a bound of memory.

RFC 2181 section 8 (TTL), RFC 2308 section 5 (denials), RFC 9520 section 3.2 (failures). Pure: the time is an
argument, in seconds of any steady clock.

Two generations make eviction cheap: new answers, and old ones that are used again, live in the young generation;
when that is full it becomes the old one, and what was old and not used in the meantime is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from inalign.resolver.interface import Answer, MailExchange, Outcome, Question


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much is kept, and for how long."""

    entries: int = 50_000
    """A message asks about ten questions, most of them those of other messages."""
    octets: int = 16 * 1024 * 1024
    """By estimate, and of each worker process. A TXT answer over TCP may have 64 kB."""
    most_seconds: int = 86_400
    """RFC 2181 section 8 lets a client lower a TTL; a day after a change at the latest it is seen."""
    least_seconds: int = 1
    """RFC 1035 section 3.2.1: a TTL of zero is for the transaction at hand; a message is one, and asks twice."""
    denial_seconds: int = 10_800
    """RFC 2308 section 5: one to three hours."""
    failure_seconds: int = 5
    """The first time; each failure that follows it holds twice as long (RFC 9520 section 3.2)."""
    failure_most_seconds: int = 30
    """RFC 9520 section 3.2 allows five minutes. Half a minute spares a dead domain as well, and is over before a sender
    tries again: when the domain is back, so is its mail."""


LIMITS = CacheLimits()

_ENTRY_OCTETS = 400  # measured: key, tuple, Answer and the place in the dictionary
_RECORD_OCTETS = 100  # measured: the object around the octets of a record


class AnswerCache:
    """Answers by question. The name of a question is in the form of `canonical_name`."""

    __slots__ = ("_limits", "_octets", "_old", "_young")

    def __init__(self, limits: CacheLimits = LIMITS) -> None:
        self._limits = limits
        self._young: dict[Question, tuple[float, Answer[object]]] = {}
        self._old: dict[Question, tuple[float, Answer[object]]] = {}
        self._octets = 0

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, question: Question, now: float) -> Answer[object] | None:
        """The answer that still holds, or None."""
        entry = self._young.get(question)
        if entry is None:
            entry = self._old.get(question)
            if entry is None or entry[0] <= now:
                return None
            del self._old[question]
            self._put_young(question, entry)
            return entry[1]
        return entry[1] if entry[0] > now else None

    def put(self, question: Question, answer: Answer[object], now: float, *, is_outage: bool = False) -> None:
        """Keep an answer for the time that it may be kept.

        `is_outage`: it failed because no name server answers anything. That says nothing of the name, so it holds as
        shortly as RFC 9520 section 3.2 allows, and all is well as soon as a name server is back.
        """
        if answer.outcome is Outcome.FAILED:
            lifetime = self._limits.least_seconds if is_outage else self._failure_lifetime(question, now)
            answer = replace(answer, ttl=lifetime)
        else:
            lifetime = self._lifetime(answer)
        self._put_young(question, (now + lifetime, answer))

    def clear(self) -> None:
        """Remove all answers from the cache."""
        self._young, self._old, self._octets = {}, {}, 0

    def _put_young(self, question: Question, entry: tuple[float, Answer[object]]) -> None:
        octets = _size(question, entry[1])
        limits = self._limits
        # Each generation has half of the room. What is put twice is counted twice, which errs on the safe side.
        if 2 * (self._octets + octets) > limits.octets or 2 * (len(self._young) + 1) > limits.entries:
            self._young, self._old, self._octets = {}, self._young, 0
        self._young[question] = entry
        self._octets += octets

    def _lifetime(self, answer: Answer[object]) -> int:
        limits = self._limits
        most = limits.most_seconds if answer.outcome is Outcome.FOUND else limits.denial_seconds
        return max(limits.least_seconds, min(answer.ttl, most))

    def _failure_lifetime(self, question: Question, now: float) -> int:
        """RFC 9520 section 3.2: longer each time, as long as one failure follows the other."""
        limits = self._limits
        last = self._young.get(question) or self._old.get(question)
        if last is None or last[1].outcome is not Outcome.FAILED or now - last[0] > limits.failure_most_seconds:
            return limits.failure_seconds
        return max(limits.failure_seconds, min(2 * last[1].ttl, limits.failure_most_seconds))


def _size(question: Question, answer: Answer[object]) -> int:
    octets = _ENTRY_OCTETS + len(question[1])
    for record in answer.records:
        octets += _RECORD_OCTETS
        if isinstance(record, bytes | str):
            octets += len(record)
        elif isinstance(record, MailExchange):
            octets += len(record.exchange)
    return octets
