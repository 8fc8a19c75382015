"""An alert as JSON for a webhook: our own form, and those of Slack and Teams.

What outsiders wrote (names of senders and reporters, records, errors) goes only into parts that know no markup, so that
it can neither link nor mention anybody there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from inalign.alerts.words import IncidentLine, clean_values, line_of, subject_of
from inalign.insight.texts import Catalogue
from inalign.store.state.outbox import Waiting

Form = Literal["json", "slack", "teams"]
MAX_BLOCKS = 20
"""Incidents that are shown one by one; Slack takes 50 blocks, Teams 28 kB."""
MAX_TEXT = 1_000


def alert_body(told: Sequence[Waiting], form: Form, url: str, say: Catalogue) -> bytes:
    """The body of the request. `url` of the pages may be empty."""
    lines = [line_of(each, say) for each in told]
    subject = subject_of(lines, say)
    if form == "json":
        return msgspec.json.encode(
            {
                "subject": subject,
                "url": f"{url}/incidents" if url else None,
                "incidents": [_object(each, line) for each, line in zip(told, lines, strict=True)],
            }
        )
    return _shaped(subject, lines, form, url, say)


def trial_body(form: Form, url: str, say: Catalogue) -> bytes:
    """A body that tells nothing but that messages arrive."""
    subject = say.say("alert", "test")
    if form == "json":
        return msgspec.json.encode({"subject": subject, "url": f"{url}/incidents" if url else None, "incidents": []})
    return _shaped(subject, [], form, url, say)


def _object(told: Waiting, line: IncidentLine) -> Mapping[str, object]:
    incident = told.incident
    return {
        "number": incident.number,
        "event": str(told.event),
        "code": str(incident.code),
        "domain": incident.domain or None,
        "subject": clean_values({"subject": incident.subject})["subject"],
        "values": clean_values(incident.values),
        "sentence": line.sentence,
        "opened": incident.opened,
        "closed": incident.closed or None,
    }


def _shaped(subject: str, lines: Sequence[IncidentLine], form: Form, url: str, say: Catalogue) -> bytes:
    texts = [f"{line.mark}: {line.where} – {line.sentence} ({line.since})"[:MAX_TEXT] for line in lines[:MAX_BLOCKS]]
    if len(lines) > MAX_BLOCKS:
        texts.append(f"… +{len(lines) - MAX_BLOCKS}")
    make = _slack if form == "slack" else _teams
    return msgspec.json.encode(make(subject, texts, f"{url}/incidents" if url else "", say.say("alert", "look")))


def _slack(subject: str, texts: Sequence[str], url: str, look: str) -> Mapping[str, object]:
    blocks: list[Mapping[str, object]] = [{"type": "header", "text": _plain(subject[:150])}]
    blocks += [{"type": "section", "text": _plain(text)} for text in texts]
    if url:
        blocks.append({"type": "actions", "elements": [{"type": "button", "text": _plain(look), "url": url}]})
    # `text` is what notifications show, and knows markup: <…> links and mentions, and nothing does without it.
    fallback = subject.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": fallback, "mrkdwn": False, "blocks": blocks, "unfurl_links": False}


def _plain(text: str) -> Mapping[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _teams(subject: str, texts: Sequence[str], url: str, look: str) -> Mapping[str, object]:
    """An Adaptive Card in the envelope that workflows take. Runs of a RichTextBlock know no Markdown."""
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_rich(subject, weight="bolder"), *(_rich(text) for text in texts)],
        "msteams": {"width": "Full"},
    }
    if url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": look, "url": url}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _rich(text: str, *, weight: str = "default") -> Mapping[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, "weight": weight}]}
