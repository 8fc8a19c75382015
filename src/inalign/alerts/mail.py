"""An alert as mail: text and HTML, in the language of who reads it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from inalign.alerts.words import IncidentLine, line_of, one_line, subject_of
from inalign.insight.texts import Catalogue
from inalign.store.state.incidents import Event
from inalign.store.state.outbox import Waiting

# Nothing beyond ASCII goes over the wire, so that every relay can take it.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_COLORS = {Event.OPENED: "#b3261e", Event.CLOSED: "#1b6e3c", Event.REMINDER: "#8a5a00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHead:
    """What stands around it."""

    sender: str
    recipients: Sequence[str]
    now: datetime
    message_id: str
    """Without angle brackets."""
    url: str = ""
    """Of the pages; empty: they are on the host alone."""


def alert_mail(told: Sequence[Waiting], head: MailHead, say: Catalogue) -> bytes:
    """The message."""
    lines = [line_of(each, say) for each in told]
    return _mail(subject_of(lines, say), _text(lines, head.url, say), _html(lines, head.url, say), head, say)


def trial_mail(head: MailHead, say: Catalogue) -> bytes:
    """A message that tells nothing but that messages arrive."""
    text = say.say("alert", "test")
    return _mail(text, text + "\n", _page(f"<p>{html.escape(text)}</p>", say), head, say)


def _mail(subject: str, text: str, page: str, head: MailHead, say: Catalogue) -> bytes:
    mail = EmailMessage(policy=_POLICY)
    domain = head.sender.rpartition("@")[2]
    mail["From"] = f"Inalign <{head.sender}>"
    mail["To"] = ", ".join(head.recipients)
    mail["Subject"] = one_line(subject)
    mail["Date"] = format_datetime(head.now)
    mail["Message-ID"] = f"<{head.message_id}>"
    mail["List-Id"] = f"Inalign <alerts.inalign.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    mail.add_alternative(page, subtype="html")
    mail["Content-Language"] = say.language  # set before, it would move into the first part
    return mail.as_bytes()


def _text(lines: Sequence[IncidentLine], url: str, say: Catalogue) -> str:
    parts = [
        f"{line.mark}: {line.where}\n{line.sentence}\n"
        f"({say.say('alert', 'number', {'number': line.number})}, {line.since})\n"
        for line in lines
    ]
    foot = [f"{say.say('alert', 'look')}: {url}/incidents"] if url else []
    return "\n".join([*parts, "-- ", *foot, say.say("alert", "mute"), ""])


def _html(lines: Sequence[IncidentLine], url: str, say: Catalogue) -> str:
    rows = "".join(
        f'<div style="margin:0 0 16px;padding:0 0 0 12px;border-left:4px solid {_COLORS[line.event]}">'
        f'<div style="color:{_COLORS[line.event]};font-weight:bold">{html.escape(line.mark)}: '
        f"{html.escape(line.where)}</div><div>{html.escape(line.sentence)}</div>"
        f'<div style="color:#555;font-size:13px">'
        f"{html.escape(say.say('alert', 'number', {'number': line.number}))}, {html.escape(line.since)}</div></div>"
        for line in lines
    )
    if url:
        address = html.escape(f"{url}/incidents", quote=True)
        rows += f'<p><a href="{address}">{html.escape(say.say("alert", "look"))}</a></p>'
    return _page(f'{rows}<p style="color:#555;font-size:13px">{html.escape(say.say("alert", "mute"))}</p>', say)


def _page(body: str, say: Catalogue) -> str:
    font = "font-family:system-ui,-apple-system,'Hiragino Sans','Noto Sans CJK JP',sans-serif"
    return (
        f'<!doctype html><html lang="{say.language}"><head><meta charset="utf-8"></head>'
        f'<body style="{font};font-size:15px;line-height:1.5;max-width:640px">{body}</body></html>\n'
    )
