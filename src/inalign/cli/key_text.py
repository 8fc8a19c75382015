"""What `inalign key` prints, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from inalign.keys.lifecycle.check import Checked, Subject
from inalign.keys.lifecycle.rotate import Progress
from inalign.keys.lifecycle.state import ManagedKey, Terms, due, next_step
from inalign.keys.lifecycle.zone_text import KeyRecordChange, nsupdate_script, zone_text

NAMED = "named"  # the state of a key that a line names, and nobody leads through a life
ED25519_NOTE = """\
Receivers that do not know Ed25519 yet, Gmail and Outlook among them, count its signature for nothing.
Their reports show dkim=fail, neutral or permerror for {selector} beside the pass of the RSA key: that is no fault."""


def moment(time: datetime) -> str:
    """A time as it is printed."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def change_text(change: KeyRecordChange, *, as_script: bool, server: str | None = None) -> str:
    """What to publish, for a zone file or for nsupdate."""
    return nsupdate_script((change,), server) if as_script else zone_text(change)


def list_lines(lives: Sequence[ManagedKey], named: Sequence[Subject], terms: Terms) -> Iterator[str]:
    """The table of `list`; `named` are keys that no life is kept for."""
    head = ("domain", "selector", "key", "state", "since (UTC)", "next")
    rows = [
        (life.domain, life.selector, f"{life.key_type}-{life.bits}", str(life.state), moment(life.since))
        for life in lives
    ] + [(one.domain, one.selector, _kind(one), NAMED, "") for one in named]
    nexts = [next_step(life, terms) for life in lives] + [f"as long as {one.place} names it" for one in named]
    widths = [max(map(len, column)) for column in zip(head[:-1], *rows, strict=True)]
    for row, last in zip((head[:-1], *rows), (head[-1], *nexts), strict=True):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join([*cells, last])


def life_json(life: ManagedKey, terms: Terms) -> dict[str, object]:
    """A key for `list --json`."""
    return {
        "domain": life.domain,
        "selector": life.selector,
        "key_type": life.key_type,
        "bits": life.bits,
        "state": life.state,
        "since": life.since,
        "created": life.created,
        "seen": life.seen,
        "next": next_step(life, terms),
        "next_at": due(life, terms),
    }


def _kind(subject: Subject) -> str:
    return f"{subject.key.key_type}-{subject.key.bits}" if subject.key else ""


def named_json(subject: Subject) -> dict[str, object]:
    """A key that no life is kept for, for `list --json`."""
    return {
        "domain": subject.domain,
        "selector": subject.selector,
        "key_type": subject.key.key_type if subject.key else None,
        "bits": subject.key.bits if subject.key else None,
        "state": NAMED,
        "place": subject.place,
    }


def checked_lines(checked: Checked) -> Iterator[str]:
    """What `check` found of a key."""
    subject = checked.subject
    state = f", {subject.life.state}" if subject.life else ""
    word = "in order" if not checked.flaws else f"{len(checked.flaws)} found"
    yield f"{subject.name} ({subject.place}{state}): {word}"
    for flaw in checked.flaws:
        yield f"  {flaw.finding}: {flaw}"


def checked_json(checked: Checked) -> dict[str, object]:
    """The same for `check --json`."""
    subject, publication = checked.subject, checked.publication
    return {
        "name": subject.name,
        "domain": subject.domain,
        "selector": subject.selector,
        "place": subject.place,
        "state": subject.life.state if subject.life else None,
        "findings": [
            {"finding": flaw.finding, "detail": flaw.detail, "servers": flaw.servers} for flaw in checked.flaws
        ],
        "zone": publication.zone if publication else None,
        "servers": [
            {
                "server": view.server,
                "address": view.address,
                "outcome": view.answer.outcome,
                "serial": view.serial,
                "detail": view.answer.detail,
            }
            for view in (publication.views if publication else ())
        ],
    }


def progress_lines(progress: Progress, terms: Terms, *, as_script: bool) -> Iterator[str]:
    """What a run of `rotate` did with a key, and what is next."""
    life = progress.life
    name = f"{life.selector}._domainkey.{life.domain}"
    for deed in progress.did:
        yield f"{name}: {deed}"
    yield f"{name}: {life.state} since {moment(life.since)} UTC; {next_step(life, terms)}"
    if progress.problem:
        yield f"  {progress.problem}"
    for flaw in progress.flaws:
        yield f"  {flaw.finding}: {flaw}"
    if progress.by_hand:
        yield "  Publish:" if progress.by_hand.record else "  Take away:"
        yield change_text(progress.by_hand, as_script=as_script)
