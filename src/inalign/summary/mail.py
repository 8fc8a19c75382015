"""A report as a mail: text and HTML in one, with the PDF where it is wanted; for people, from a program."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from inalign.errors import SettingsError
from inalign.summary.document import SummaryDocument
from inalign.summary.html import for_mail
from inalign.summary.text import as_text, visible

_POLICY = policy.SMTP.clone(cte_type="7bit")
"""No relay needs 8BITMIME for it."""


def make_mail(
    document: SummaryDocument, *, sender: str, recipient: str, now: datetime, period: str, pdf: bytes | None = None
) -> bytes:
    """The message. The same report to the same person has the same Message-ID: sent again after an interruption, it is
    the same mail. Raises `SettingsError` for what is no address."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(_POLICY)
    message["From"] = _address(sender, "Inalign")
    message["To"] = _address(recipient)
    message["Subject"] = visible(document.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{_identity(document, recipient, period)}@{domain}>"
    message["List-Id"] = f"<summary.inalign.{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: nobody's vacation notice answers it
    message.set_content(as_text(document), cte="base64")
    message.add_alternative(for_mail(document), subtype="html", cte="base64")
    if pdf is not None:
        message.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"inalign-{period}.pdf")
    message["Content-Language"] = document.language  # last: whoever sets a content takes such fields away
    return message.as_bytes()


def _address(text: str, name: str = "") -> Address:
    try:
        return Address(name, addr_spec=text)
    except (ValueError, IndexError, MessageError):
        raise SettingsError(f"{text[:100]!r} is no address of mail") from None


def _identity(document: SummaryDocument, recipient: str, period: str) -> str:
    parts = "\n".join((period, document.language, document.subject, recipient))
    return f"summary-{period.lower()}-{hashlib.sha256(parts.encode()).hexdigest()[:24]}"
