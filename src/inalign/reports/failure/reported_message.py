"""The reported message of a failure or abuse report, as far as a report of it is read (RFC 5965 section 2, part d)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inalign.mail.author import author_domains
from inalign.mail.domain import DomainError, parse_domain
from inalign.mail.fields import make_field
from inalign.reports.fields import fields_of, one_line, shown
from inalign.reports.flaw import FlawCode, Flaws
from inalign.reports.limits import FeedbackLimits

_EMPTY_LINE = re.compile(rb"\r\n[ \t]*\r\n|\n[ \t]*\r?\n|\r\r")
_FIRST_LINE = re.compile(rb">?From [^\r\n]*[\r\n]+")
_DOMAIN = re.compile(r"@([\w.-]{1,253})")
_COMMENT = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a reported message says of itself; texts are empty where it says nothing."""

    header: str = ""
    """The header block, decoded for showing."""
    body_octets: int = 0
    header_from: str = ""
    display_name: str = ""
    subject: str = ""
    message_id: str = ""
    message_date: str = ""


def read_sample(octets: bytes | None, limits: FeedbackLimits, flaws: Flaws) -> Sample:
    """Read it. `octets` is the message or its header; without any, or with no field in it, all is empty."""
    octets = (octets or b"").lstrip(b" \t\r\n\0\xef\xbb\xbf")
    first = _FIRST_LINE.match(octets[:1000])
    octets = octets[first.end() :] if first else octets
    end = _EMPTY_LINE.search(octets)
    header, body_octets = (octets[: end.start()], len(octets) - end.end()) if end else (octets, 0)
    if len(header) > limits.header:
        flaws.tell(FlawCode.CUT, f"the header of the reported message: {len(header)} octets")
        header = header[: limits.header]
    lines: list[str] = []
    values: dict[str, str] = {}
    raw_from: list[bytes] = []
    names = 0
    for number, (name, value) in enumerate(fields_of(header)):
        if number >= limits.fields:
            flaws.tell(FlawCode.CUT, f"the header of the reported message: more than {limits.fields} fields")
            break
        text = shown(value, flaws)
        lines.append(f"{name}: {text}" if name else text)
        names += bool(name)
        if name.lower() == "from":
            raw_from.append(value)
        values.setdefault(name.lower(), one_line(text))
    if not names:
        return Sample(body_octets=len(octets))
    author = values.get("from", "")
    return Sample(
        header="\n".join(lines),
        body_octets=body_octets,
        header_from=_author_domain(raw_from, author),
        display_name=_display_name(author),
        subject=values.get("subject", ""),
        message_id=values.get("message-id", ""),
        message_date=values.get("date", ""),
    )


def _author_domain(values: list[bytes], text: str) -> str:
    """The first author domain; of a From outside the grammar the last domain that is written in it."""
    found = author_domains([make_field(b"From", value) for value in values]).domains
    return found[0] if found else domain_in(text)


def domain_in(text: str) -> str:
    """The last domain of an address in a text, or the text itself where it is a domain; empty where there is none."""
    for candidate in [*reversed(_DOMAIN.findall(text[-2000:])), text.strip(" \t<>;,.")]:
        try:
            name = parse_domain(candidate.strip("."))
        except DomainError:
            continue
        if "." in name:
            return name
    return ""


def _display_name(text: str) -> str:
    """The name in front of the address, or the comment behind it (RFC 5322 section 3.4)."""
    before, bracket, _ = text.rpartition("<")
    if bracket:
        name = before.strip(" \t")
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        return name
    comment = _COMMENT.search(text) if "@" in text else None
    return comment[1].strip() if comment else ""
