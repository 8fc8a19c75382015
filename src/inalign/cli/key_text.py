"""What `inalign key` prints, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from inalign.keys.lifecycle.check import Checked, Subject
from inalign.keys.lifecycle.rotate import Progress
from inalign.keys.lifecycle.state import ManagedKey, RetentionPeriods, due, next_step
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


def list_lines(managed_keys: Sequence[ManagedKey], named: Sequence[Subject], terms: RetentionPeriods) -> Iterator[str]:
    """The table of `list`; `named` are keys that no life is kept for."""
    head = ("domain", "selector", "key", "state", "since (UTC)", "next")
    rows = [
        (
            managed_key.domain,
            managed_key.selector,
            f"{managed_key.key_type}-{managed_key.bits}",
            str(managed_key.state),
            moment(managed_key.since),
        )
        for managed_key in managed_keys
    ] + [(one.domain, one.selector, _kind(one), NAMED, "") for one in named]
    nexts = [next_step(managed_key, terms) for managed_key in managed_keys] + [
        f"as long as {one.place} names it" for one in named
    ]
    widths = [max(map(len, column)) for column in zip(head[:-1], *rows, strict=True)]
    for row, last in zip((head[:-1], *rows), (head[-1], *nexts), strict=True):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join([*cells, last])


def managed_key_json(managed_key: ManagedKey, terms: RetentionPeriods) -> dict[str, object]:
    """A key for `list --json`."""
    return {
        "domain": managed_key.domain,
        "selector": managed_key.selector,
        "key_type": managed_key.key_type,
        "bits": managed_key.bits,
        "state": managed_key.state,
        "since": managed_key.since,
        "created": managed_key.created,
        "seen": managed_key.seen,
        "next": next_step(managed_key, terms),
        "next_at": due(managed_key, terms),
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
    state = f", {subject.managed_key.state}" if subject.managed_key else ""
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
        "state": subject.managed_key.state if subject.managed_key else None,
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


def progress_lines(progress: Progress, terms: RetentionPeriods, *, as_script: bool) -> Iterator[str]:
    """What a run of `rotate` did with a key, and what is next."""
    managed_key = progress.managed_key
    name = f"{managed_key.selector}._domainkey.{managed_key.domain}"
    for deed in progress.actions:
        yield f"{name}: {deed}"
    yield f"{name}: {managed_key.state} since {moment(managed_key.since)} UTC; {next_step(managed_key, terms)}"
    if progress.problem:
        yield f"  {progress.problem}"
    for flaw in progress.flaws:
        yield f"  {flaw.finding}: {flaw}"
    if progress.manual_change:
        yield "  Publish:" if progress.manual_change.record else "  Take away:"
        yield change_text(progress.manual_change, as_script=as_script)
