"""The mail: what mail programs and lists need, and that it arrives as it was made."""

from __future__ import annotations

import asyncio
import email
import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest

from inalign.errors import SettingsError
from inalign.net.smtp import Relay, send_mail
from inalign.summary.html import for_mail
from inalign.summary.mail import make_mail
from inalign.summary.text import as_text
from tests.mail_server import mail_server
from tests.summary.vectors import document

NOW = datetime(2026, 11, 3, 7, 0, tzinfo=UTC)
SENDER = "reports@example.co.jp"


def make(name: str = "month", language: str = "ja", recipient: str = "boss@example.co.jp", **more: bytes) -> bytes:
    return make_mail(
        document(name, language), sender=SENDER, recipient=recipient, now=NOW, period="2026-10", pdf=more.get("pdf")
    )


def parsed(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=policy.default)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_text_and_html_are_alternatives(language: str) -> None:
    message = parsed(make(language=language))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == as_text(document("month", language))
    assert html.get_content().replace("\r\n", "\n").rstrip("\n") == for_mail(document("month", language)).rstrip("\n")
    assert message["Subject"] == document("month", language).subject
    assert message["Content-Language"] == language


def test_fields_say_that_a_program_wrote_it() -> None:
    message = parsed(make())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<summary.inalign.example.co.jp>"
    assert message["From"].addresses[0].addr_spec == SENDER
    assert message["To"].addresses[0].addr_spec == "boss@example.co.jp"
    assert message["Date"].datetime == NOW
    assert re.fullmatch(r"<summary-2026-10-[0-9a-f]{24}@example\.co\.jp>", message["Message-ID"])


def test_the_same_report_to_the_same_person_has_the_same_id() -> None:
    ids = [parsed(each)["Message-ID"] for each in (make(), make(), make(recipient="b@example.co.jp"), make("week"))]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_it_needs_no_extension_and_no_long_lines() -> None:
    octets = make(pdf=b"%PDF-1.7 " + bytes(range(256)) * 10)
    assert octets.isascii()
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert max(map(len, octets.split(b"\r\n"))) <= 78  # RFC 5322 section 2.1.1


def test_pdf_is_attached() -> None:
    content = b"%PDF-1.7 " + bytes(range(256))
    message = parsed(make(pdf=content))
    assert message.get_content_type() == "multipart/mixed"
    (attached,) = message.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", "inalign-2026-10.pdf")
    assert attached.get_content() == content
    body = message.get_body(("html",))
    assert body is not None
    assert body.get_content_type() == "text/html"


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b", "a b@c", "x\r\nBcc: y@z.example", "a@b\nc", "<a@b>", "a@b, c@d", "é@b.example"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        make(recipient=address)


def test_it_arrives_as_it_was_made() -> None:
    octets = make(pdf=b"%PDF-1.7 x")

    async def go() -> bytes:
        async with mail_server() as server:
            relay = Relay(host="127.0.0.1", port=server.port, tls="none")
            await send_mail(octets, SENDER, ["boss@example.co.jp"], relay)
            return server.taken[0].content

    assert asyncio.run(asyncio.wait_for(go(), 20)) == octets
