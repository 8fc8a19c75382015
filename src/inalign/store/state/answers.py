"""What stands around report data, kept with the store: DNS answers and reputations in the control state, where they
are small and change, reverse names in the table `names`, where questions join them.

Answers have an origin: the file they were read from, or `dns`, which is a look-up of ours. What was given by hand
counts before what was looked up.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from inalign.insight.context import Reputation, SourceContext
from inalign.insight.dns_questions import wanted_lookups
from inalign.insight.facts import DomainFacts
from inalign.insight.lookups import MAX_ALIASES, DomainLookups, domain_lookups
from inalign.mail.organization import registrable_domain
from inalign.store.engine.interface import Engine
from inalign.store.schema.tables import NAMES
from inalign.store.state.changes import InputRevisions, note
from inalign.store.state.control import Control

Answers = Mapping[str, Mapping[str, object]]
LOOKED_UP = "dns"
AT_ONCE = 500


def write_answers(control: Control, origin: str, answers: Answers, *, now: float) -> None:
    """Keep answers in place of those of the same origin. Raises `ControlError`."""
    with control.change() as change:
        change.execute("DELETE FROM answers WHERE origin = ?", (origin,))
        change.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", _rows(origin, answers, now))
        note(change, InputRevisions.ANSWERS)


def write_looked_up(control: Control, domain: str, asked: Iterable[str], answers: Answers, *, now: float) -> None:
    """Keep what was found for a domain, by the names that were asked; the others are not there any more."""
    rows = list(_rows(LOOKED_UP, answers, now))
    names = sorted(set(asked))
    before: dict[str, str] = {}
    for some in _portions(names):
        marks = ", ".join("?" * len(some))
        sql = f"SELECT name, answer FROM answers WHERE origin = ? AND name IN ({marks})"
        before |= dict(control.ask(sql, [LOOKED_UP, *some]))
    with control.change() as change:
        change.executemany("DELETE FROM answers WHERE origin = ? AND name = ?", [(LOOKED_UP, name) for name in names])
        change.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
        change.execute("INSERT OR REPLACE INTO look_ups VALUES (?, ?)", (domain, now))
        if before != {name: answer for _, name, answer, _ in rows}:
            note(change, InputRevisions.ANSWERS, domain)


def _rows(origin: str, answers: Answers, now: float) -> Iterator[tuple[str, str, str, float]]:
    # json, since a TXT record may be no UTF-8: surrogates become escapes
    return ((origin, name, json.dumps(listed), now) for name, listed in answers.items())


def has_files(control: Control) -> bool:
    """Whether DNS was given by files: then nothing is looked up."""
    return bool(control.ask("SELECT 1 FROM answers WHERE origin <> ? LIMIT 1", [LOOKED_UP]))


def look_ups(control: Control) -> dict[str, float]:
    """When DNS was last asked about each domain."""
    return dict(control.ask("SELECT domain, at FROM look_ups"))


class StoredAnswer(NamedTuple):
    """What is kept of a name."""

    answer: Mapping[str, object]
    origin: str
    at: float


def stored_answers(control: Control, name: str, *, below: bool = True) -> dict[str, StoredAnswer]:
    """What is kept of a name and, if wanted, of all below it: by name, of the origin that counts."""
    rows: list[tuple[str, str, str, float]] = control.ask(
        "SELECT name, answer, origin, at FROM answers WHERE name = ? OR (? AND substr(name, ?) = ?)",
        [name, below, -len(name) - 1, f".{name}"],
    )
    return {each[0]: StoredAnswer(json.loads(each[1]), each[2], each[3]) for each in sorted(rows, key=_rank)}


def load_answers(control: Control, facts: DomainFacts) -> dict[str, Mapping[str, object]]:
    """All that is kept of the domain's organisation, and what its records lead to."""
    name = registrable_domain(facts.domain)
    answers = answers_below(control, name)
    asked: set[tuple[str, str]] = set()
    while wanted := wanted_lookups(facts, answers, asked):  # type: ignore[arg-type] # kinds are texts here
        asked.update(wanted)
        names = {each for each, _ in wanted} | set(_aliases(answers))
        for _ in range(MAX_ALIASES):
            missing = names - answers.keys()
            if not missing:
                break
            more = _load(control, missing)
            answers |= more
            names = set(_aliases(more))
    return answers


def answers_below(control: Control, name: str) -> dict[str, Mapping[str, object]]:
    """What is kept of a name and all below it."""
    return _found(
        control.ask(
            "SELECT name, answer, origin FROM answers WHERE name = ? OR substr(name, ?) = ?",
            [name, -len(name) - 1, f".{name}"],
        )
    )


def _aliases(answers: Answers) -> Iterator[str]:
    for listed in answers.values():
        target = listed.get("CNAME")
        if isinstance(target, str):
            yield target.lower().rstrip(".")


def _load(control: Control, names: Iterable[str]) -> dict[str, Mapping[str, object]]:
    found: list[tuple[str, str, str]] = []
    for some in _portions(sorted(names)):
        marks = ", ".join("?" * len(some))
        found += control.ask(f"SELECT name, answer, origin FROM answers WHERE name IN ({marks})", some)
    return _found(found)


def _found(rows: Sequence[tuple[str, str, str]]) -> dict[str, Mapping[str, object]]:
    """By name, of the origin that counts."""
    return {name: json.loads(answer) for name, answer, _ in sorted(rows, key=_rank)}


def _rank(row: Sequence[object]) -> tuple[bool, str]:
    """Rows of one name in an order in which the last counts: of several files the last by its name, `dns` least."""
    return row[2] != LOOKED_UP, str(row[2])


def load_lookups(control: Control, facts: DomainFacts) -> DomainLookups:
    """What is published for a domain, as far as it was told or looked up."""
    answers = load_answers(control, facts)
    return domain_lookups(facts.domain, answers or None)


# Addresses


def write_hosts(control: Control, names: Mapping[str, str]) -> None:
    """Keep reverse names by address; whoever has the store open moves them to `names`. Raises `ControlError`."""
    with control.change() as change:
        change.executemany("INSERT OR REPLACE INTO hosts VALUES (?, ?)", names.items())


def move_hosts(engine: Engine, control: Control, *, now: float, folder: Path) -> int:
    """Move what waits to `names`; returns how many. Raises `StoreError`, `ControlError`, `OSError`."""
    names: dict[str, str] = dict(control.ask("SELECT address, name FROM hosts"))
    if not names:
        return 0
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".ndjson") as file:
        for address, name in names.items():
            file.write(msgspec.json.encode({"source_ip": address, "name": name, "asked_at": int(now)}) + b"\n")
        file.flush()
        with engine.change() as change:
            change.insert(NAMES, [Path(file.name)])
    with control.change() as done:
        done.executemany("DELETE FROM hosts WHERE address = ? AND name = ?", names.items())
    return len(names)


def write_reputation(control: Control, words: Mapping[str, Reputation]) -> None:
    """Keep this list in place of the one that was there."""
    with control.change() as change:
        change.execute("DELETE FROM reputation")
        change.executemany("INSERT INTO reputation VALUES (?, ?)", words.items())
        note(change, InputRevisions.REPUTATION)


def load_context(control: Control, facts: DomainFacts, names: Mapping[str, str]) -> SourceContext:
    """What is known of the addresses of a domain; `names` are their reverse names in the store."""
    addresses = [source.source_ip for source in facts.sources]
    hosts = dict(names)
    reputation: dict[str, Reputation] = {}
    for some in _portions(addresses):
        marks = ", ".join("?" * len(some))
        hosts |= dict(control.ask(f"SELECT address, name FROM hosts WHERE address IN ({marks})", some))
        # What a list of the user's says counts before what DNSBLs do.
        listed = control.ask(f"SELECT DISTINCT address FROM listings WHERE listed AND address IN ({marks})", some)
        reputation |= dict.fromkeys((str(address) for (address,) in listed), "listed")
        reputation |= dict(control.ask(f"SELECT address, word FROM reputation WHERE address IN ({marks})", some))
    return SourceContext(hosts, reputation)


def _portions(values: Iterable[str]) -> Iterator[list[str]]:
    left = iter(values)
    while some := list(islice(left, AT_ONCE)):
        yield some
