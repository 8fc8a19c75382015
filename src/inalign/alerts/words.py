"""Incidents in words, for messages, pages and commands: whatever outsiders wrote stands on one line, and cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from inalign.insight.result import Value
from inalign.insight.texts import Catalogue
from inalign.store.state.incidents import Event, Incident
from inalign.store.state.outbox import Waiting

MAX_VALUE = 200
"""Characters of one value in a sentence; names and records of real domains are mostly shorter."""
MAX_SUBJECT = 150
MAX_DOMAINS = 3
"""Named in the subject of a message about several incidents."""


class IncidentLine(NamedTuple):
    """One incident in a message."""

    number: int
    event: Event
    mark: str
    """New, over or still open, in words."""
    where: str
    """The domain, or the intake."""
    sentence: str
    since: str


def line_of(told: Waiting, say: Catalogue) -> IncidentLine:
    """In words."""
    incident = told.incident
    sentence = sentence_of(incident, say)
    if told.event is Event.CLOSED:
        sentence = f"{say.say('watch_over', str(incident.code))} – {sentence}"
    day = f"{datetime.fromtimestamp(incident.opened, UTC):%Y-%m-%d}"
    return IncidentLine(
        incident.number,
        told.event,
        say.say("alert", str(told.event)),
        where_of(incident.domain, say),
        sentence,
        say.say("alert", "since", {"day": day}),
    )


def sentence_of(incident: Incident, say: Catalogue) -> str:
    """What it is about."""
    return say.say("watch", str(incident.code), clean_values(incident.values))


def where_of(domain: str, say: Catalogue) -> str:
    """The domain, or that it is of all."""
    return one_line(domain) or say.say("alert", "intake")


def subject_of(lines: Sequence[IncidentLine], say: Catalogue) -> str:
    """One line for all of them."""
    if len(lines) == 1:
        values: dict[str, Value] = {"where": lines[0].where, "sentence": f"{lines[0].mark} – {lines[0].sentence}"}
        return one_line(say.say("alert", "one", values), MAX_SUBJECT)
    places = list(dict.fromkeys(line.where for line in lines))
    where = ", ".join(places[:MAX_DOMAINS]) + (" …" if len(places) > MAX_DOMAINS else "")
    return one_line(say.say("alert", "many", {"count": len(lines), "where": where}), MAX_SUBJECT)


def clean_values(values: dict[str, Value]) -> dict[str, Value]:
    """Values fit for a sentence."""
    return {name: one_line(value) if isinstance(value, str) else value for name, value in values.items()}


def one_line(text: str, longest: int = MAX_VALUE) -> str:
    """Without line ends, controls and marks that turn the direction of text."""
    plain = " ".join("".join(each if each.isprintable() else " " for each in text[: 4 * longest]).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
