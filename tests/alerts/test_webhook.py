"""Alerts as mail and as JSON: whole in both languages, and nothing that outsiders wrote is markup or a header field."""

from __future__ import annotations

import email
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from inalign.alerts.mail import MailHead, alert_mail, trial_mail
from inalign.alerts.webhook import MAX_BLOCKS, Form, alert_body, trial_body
from inalign.insight.detection import AlertCode
from inalign.insight.texts import LANGUAGES, catalogue
from inalign.store.state.incidents import Event, Incident
from inalign.store.state.outbox import Waiting

HOSTILE = (
    "Evil\r\nBcc: victim@example.net\r\n\r\n<script>alert(1)</script> <!channel> <https://evil.example|here> "
    "[here](https://evil.example) *bold* `code` @everyone &amp; \u202etxt.exe\u2028\x00\x1b[31m " + "x" * 5_000
)
HEAD = MailHead(
    sender="inalign@example.org",
    recipients=["alice@example.org", "bob@example.net"],
    now=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    message_id="1@example.org",
    url="https://reports.example.org",
)
FIELDS = [
    "Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "List-Id", "MIME-Version", "Message-ID",
    "Subject", "To",
]  # fmt: skip
NUMBERS = ("percent", "before", "messages", "failing", "usual", "days", "failures")
WORDS = (
    "sender", "class", "name", "day", "old", "new", "seen", "published", "reporter", "kind", "source", "error",
)  # fmt: skip


def incident(code: AlertCode, domain: str = "example.org", text: str = HOSTILE, number: int = 7) -> Incident:
    values: dict[str, Any] = dict.fromkeys(NUMBERS, 12) | dict.fromkeys(WORDS, text)
    return Incident(
        number=number,
        code=code,
        domain=domain,
        subject=text,
        values=values,
        opened=1_790_000_000.0,
        seen=1_790_000_000.0,
    )


def told(*incidents: Incident, event: Event = Event.OPENED) -> list[Waiting]:
    return [Waiting(each, event, 0.0) for each in incidents]


def parsed(content: bytes) -> EmailMessage:
    assert content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    mail = email.message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def parts(mail: EmailMessage) -> tuple[str, str]:
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(page, EmailMessage)
    return text.get_content(), page.get_content()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("code", AlertCode)
def test_mail_of_hostile_words_is_one_mail_without_markup(code: AlertCode, event: Event, language: str) -> None:
    mail = parsed(alert_mail(told(incident(code), event=event), HEAD, catalogue(language)))
    assert sorted(mail.keys()) == FIELDS
    assert mail["To"] == "alice@example.org, bob@example.net"
    assert len(mail["Subject"]) <= 200
    text, page = parts(mail)
    assert "<script" not in page
    assert "<!channel" not in page
    assert "\u202e" not in text + page + mail["Subject"]
    assert "?" not in mail["Subject"].replace("?!", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_mail_tells_what_where_and_since_when(language: str) -> None:
    waiting = told(incident(AlertCode.SPOOF_WAVE), incident(AlertCode.NEW_SELECTOR, "example.net", "s2", 8))
    mail = parsed(alert_mail(waiting, HEAD, catalogue(language)))
    text, page = parts(mail)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Inalign <alerts.inalign.example.org>"
    assert mail["Content-Language"] == language
    assert mail["From"] == "Inalign <inalign@example.org>"
    assert "2" in mail["Subject"]
    for each in ("example.org", "example.net", "2026-09-21", "8"):
        assert each in text
        assert each in page
    assert "https://reports.example.org/incidents" in text
    assert f'lang="{language}"' in page


def test_what_is_of_all_domains_says_so() -> None:
    mail = parsed(alert_mail(told(incident(AlertCode.NOTHING_ARRIVES, "")), HEAD, catalogue("en")))
    assert mail["Subject"].startswith("intake of reports: New – no report has come")


def test_end_is_told_as_an_end() -> None:
    mail = parsed(alert_mail(told(incident(AlertCode.SPOOF_WAVE), event=Event.CLOSED), HEAD, catalogue("en")))
    assert mail["Subject"].startswith("example.org: Over – the wave is over")


def test_test_message_arrives_as_one() -> None:
    assert "test" in parsed(trial_mail(HEAD, catalogue("en")))["Subject"]
    assert "テスト" in parsed(trial_mail(HEAD, catalogue("ja")))["Subject"]
    for form in ("json", "slack", "teams"):
        assert json.loads(trial_body(form, "", catalogue("en")))


def strings(found: object) -> Iterator[str]:
    if isinstance(found, dict):
        for value in found.values():
            yield from strings(value)
    elif isinstance(found, list):
        for value in found:
            yield from strings(value)
    elif isinstance(found, str):
        yield found


@pytest.mark.parametrize("form", ["json", "slack", "teams"])
@pytest.mark.parametrize("code", AlertCode)
def test_hooks_have_no_controls_and_are_not_large(code: AlertCode, form: Form) -> None:
    waiting = told(*(incident(code, number=number) for number in range(50)))
    body = alert_body(waiting, form, "https://reports.example.org", catalogue("en"))
    assert all(each.isprintable() for each in strings(json.loads(body)))
    assert len(body) < (28_000 if form == "teams" else 200_000)


def test_slack_takes_outsiders_words_as_plain_text() -> None:
    body = json.loads(alert_body(told(incident(AlertCode.NEW_SOURCE)), "slack", "https://x.example", catalogue("en")))
    assert "<" not in body["text"]
    assert body["mrkdwn"] is False
    header, section, actions = body["blocks"]
    assert header["text"]["type"] == section["text"]["type"] == "plain_text"
    assert len(header["text"]["text"]) <= 150
    assert len(section["text"]["text"]) <= 3_000
    assert actions["elements"][0]["url"] == "https://x.example/incidents"


def test_slack_shows_so_many_blocks_and_tells_of_the_rest() -> None:
    waiting = told(*(incident(AlertCode.NEW_SOURCE, number=number) for number in range(MAX_BLOCKS + 5)))
    body = json.loads(alert_body(waiting, "slack", "", catalogue("en")))
    assert len(body["blocks"]) == MAX_BLOCKS + 2
    assert body["blocks"][-1]["text"]["text"] == "… +5"


def test_teams_takes_outsiders_words_as_runs_of_text() -> None:
    body = json.loads(alert_body(told(incident(AlertCode.NEW_SOURCE)), "teams", "https://x.example", catalogue("ja")))
    (attachment,) = body["attachments"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert {each["type"] for each in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for each in card["body"] for run in each["inlines"]} == {"TextRun"}
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "確認する", "url": "https://x.example/incidents"}]


def test_own_form_tells_codes_and_values() -> None:
    found = Incident(
        number=3,
        code=AlertCode.RATE_FALLS,
        domain="example.org",
        subject="Mail House",
        values={"sender": "Mail House", "percent": 70, "before": 99, "messages": 100, "failing": 30},
        opened=10.0,
        seen=20.0,
    )
    body = json.loads(alert_body(told(found), "json", "", catalogue("en")))
    assert body == {
        "subject": "example.org: New – only 70 % of the mail of Mail House passes; 99 % did before (30 of 100 messages "
        "in a week fail)",
        "url": None,
        "incidents": [
            {
                "number": 3,
                "event": "opened",
                "code": "rate_falls",
                "domain": "example.org",
                "subject": "Mail House",
                "values": {"sender": "Mail House", "percent": 70, "before": 99, "messages": 100, "failing": 30},
                "sentence": "only 70 % of the mail of Mail House passes; 99 % did before (30 of 100 messages in a week "
                "fail)",
                "opened": 10.0,
                "closed": None,
            }
        ],
    }
