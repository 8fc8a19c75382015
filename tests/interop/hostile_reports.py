"""Reports by somebody who tries to get a script, a link or a formula into the pages, as files for the real intake."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

PAYLOADS = (
    "<x-owned></x-owned><script>window.owned=1</script>",
    "\"'><img src=x class=owned onerror=window.owned=1><svg onload=window.owned=1>",
    "{{ 7*7 }}${7*7}</textarea></title></style><x-owned>",
    "javascript:window.owned=1//",
    "' onmouseover=window.owned=1 autofocus onfocus=window.owned=1 x='",
    '=HYPERLINK("https://evil.example")',
    "\u202e<b class=owned>gnp.exe\u2066",
)
P = "".join(PAYLOADS)
BEGIN = 1_795_000_000


def aggregate(number: int, payload: str) -> str:
    """All texts of it are hostile."""
    text = escape(payload)
    return f"""<?xml version="1.0"?>
<feedback><report_metadata><org_name>{text}</org_name><email>{text}@evil.example</email>
<extra_contact_info>{text}</extra_contact_info><report_id>{text}{number}</report_id>
<date_range><begin>{BEGIN}</begin><end>{BEGIN + 86_399}</end></date_range><error>{text}</error></report_metadata>
<policy_published><domain>victim.example</domain><adkim>{text}</adkim><p>{text}</p><sp>none</sp><pct>100</pct>
</policy_published>
<record><row><source_ip>192.0.2.{number}</source_ip><count>{100 + number}</count><policy_evaluated>
<disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>
<reason><type>other</type><comment>{text}</comment></reason></policy_evaluated></row>
<identifiers><header_from>victim.example</header_from><envelope_from>{text}</envelope_from></identifiers>
<auth_results><dkim><domain>{text}</domain><selector>{text}</selector><result>fail</result>
<human_result>{text}</human_result></dkim>
<spf><domain>{text}</domain><result>fail</result></spf></auth_results></record></feedback>
"""


def failure(payload: str) -> str:
    """A mail with a feedback report of a message that is hostile from top to end."""
    one = payload.replace("\n", " ")
    return f"""From: {one} <ruf@evil.example>
To: dmarc@victim.example
Subject: {one}
Message-ID: <{one}@evil.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

{one}

--b
Content-Type: message/feedback-report

Feedback-Type: auth-failure
User-Agent: {one}
Version: 1
Auth-Failure: dmarc
Reported-Domain: victim.example
Source-IP: 192.0.2.66
Original-Mail-From: <{one}@evil.example>
Delivery-Result: {one}
Identity-Alignment: none

--b
Content-Type: text/rfc822-headers

From: "{one}" <ceo@victim.example>
Subject: {one}
Message-ID: <{one}@victim.example>
Date: Tue, 24 Nov 2026 10:00:00 +0000

--b--
""".replace("\n", "\r\n")


def tls(payload: str) -> str:
    """Likewise."""
    return json.dumps(
        {
            "organization-name": payload,
            "date-range": {"start-datetime": "2026-11-18T00:00:00Z", "end-datetime": "2026-11-18T23:59:59Z"},
            "contact-info": payload,
            "report-id": payload,
            "policies": [
                {
                    "policy": {
                        "policy-type": "sts",
                        "policy-string": [payload],
                        "policy-domain": "victim.example",
                        "mx-host": [payload],
                    },
                    "summary": {"total-successful-session-count": 1, "total-failure-session-count": 2},
                    "failure-details": [
                        {
                            "result-type": payload,
                            "sending-mta-ip": "192.0.2.1",
                            "receiving-mx-hostname": payload,
                            "receiving-mx-helo": payload,
                            "failed-session-count": 2,
                            "additional-information": payload,
                            "failure-reason-code": payload,
                        }
                    ],
                }
            ],
        }
    )


def write(folder: Path) -> None:
    """Reports, reverse names, and files that are no reports and have a name of the same kind."""
    reports = folder / "reports"
    reports.mkdir()
    for number, payload in enumerate((*PAYLOADS, P), 1):
        (reports / f"{number}.xml").write_text(aggregate(number, payload), "utf-8")
        (reports / f"{number}.eml").write_bytes(failure(payload).encode())
        (reports / f"{number}.json").write_text(tls(payload), "utf-8")
        name = payload.replace("/", "_").encode()[:180].decode("utf-8", "ignore")
        (reports / f"{name}.xml").write_text(f"<feedback><{quoteattr(payload)}", "utf-8")
    lines = [f"192.0.2.{number}\t<script>window.owned=1<_script>.{number}.evil.example" for number in range(1, 20)]
    (folder / "ptr.tsv").write_text("\n".join(lines) + "\n", "utf-8")
