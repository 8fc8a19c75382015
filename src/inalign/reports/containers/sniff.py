"""What octets are, by themselves: types and names of the wild say little (Mimecast calls a zip a gzip)."""

from __future__ import annotations

import re
from enum import Enum, auto

PEEK = 4096
"""How much is looked at: a report shows what it is in its first lines."""


class ContentKind(Enum):
    """What octets seem to be."""

    GZIP = auto()
    ZLIB = auto()
    ZIP = auto()
    TAR = auto()
    OTHER_ARCHIVE = auto()
    MAIL = auto()
    FEEDBACK = auto()
    XML = auto()
    JSON = auto()
    BASE64 = auto()
    QUOTED_PRINTABLE = auto()
    UUENCODE = auto()
    UNKNOWN = auto()


OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"\x78\x9f\x3e\x22": "winmail.dat",
    b"%PDF-": "PDF",
}

_FIELD = rb"[!-9;-~]{1,80}[ \t]*:"
_HEADER = re.compile(rb"\s*(?:>?From [^\r\n]*\r?\n)?" + _FIELD)
_MAIL_FIELD = re.compile(
    rb"^(?:received|return-path|from|to|subject|date|message-id|mime-version|content-?type|delivered-to"
    rb"|dkim-signature|authentication-results|tls-report-domain)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_FEEDBACK_FIELD = re.compile(rb"^[ \t]*Feedback-Type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_REPORT_TAG = re.compile(
    rb"<(?:[\w-]{1,40}:)?(?:feedback|report_metadata|policy_published|record|auth_results)[\s/>]", re.IGNORECASE
)
_MARKUP = re.compile(rb"\s*(?:<!--[^-]{0,400}-->\s*)?<(?P<name>[!?]?[\w:.-]{0,60})", re.ASCII)
_HTML = frozenset(
    b"html head body div p table meta br span style font title center pre b i a img ul ol h1 h2 h3 link script".split()
)
_HTML_DOCTYPE = re.compile(rb"\s*<!DOCTYPE\s+html", re.IGNORECASE)
_ENCODED_STARTS = (b"H4sI", b"UEsDB", b"PD94bWwg", b"PGZlZWRiYWNr", b"PGZlZWRi", b"77u/PD94")
_QUOTED_XML = re.compile(rb"\s*<\?xml version=3D", re.IGNORECASE)
_UUENCODE = re.compile(rb"^begin [0-7]{3,4} [^\r\n]{1,255}\r?\n[ -`]", re.MULTILINE)


def kind_of(start: bytes) -> ContentKind:
    """What octets are that begin with `start` (`PEEK` octets of them, if there are as many)."""
    return _kind_of_packed(start) or _kind_of_text(_plain(start[:PEEK]))


def _kind_of_packed(start: bytes) -> ContentKind | None:
    if start.startswith(b"\x1f\x8b"):
        return ContentKind.GZIP
    if start.startswith((b"PK\x03\x04", b"PK00PK\x03\x04", b"PK\x07\x08PK", b"PK\x05\x06")):
        return ContentKind.ZIP
    if start.startswith(tuple(OTHER_ARCHIVES)):
        return ContentKind.OTHER_ARCHIVE
    if is_tar_header(start[:512]):
        return ContentKind.TAR
    # RFC 1950 section 2.2: deflate with a window of 32 kB, and a multiple of 31; text with such a start has no
    # control characters behind it.
    if start[:1] == b"\x78" and len(start) > 2 and int.from_bytes(start[:2], "big") % 31 == 0 and not start[1] & 32:
        return ContentKind.ZLIB if _has_controls(start[2:66]) else None
    return None


def _kind_of_text(text: bytes) -> ContentKind:
    stripped = text.lstrip()
    if stripped[:1] in (b"{", b"[") and (b'"' in stripped or len(stripped) < 3):
        return ContentKind.JSON
    if _QUOTED_XML.match(stripped):
        return ContentKind.QUOTED_PRINTABLE
    if stripped[:1] == b"<":
        return ContentKind.XML if not _is_html(stripped) or _REPORT_TAG.search(stripped) else ContentKind.UNKNOWN
    if stripped.startswith(_ENCODED_STARTS):
        return ContentKind.BASE64
    if _HEADER.match(text):
        mail, feedback = _MAIL_FIELD.search(text), _FEEDBACK_FIELD.search(text)
        if feedback is not None and (mail is None or feedback.start() < mail.start()):
            return ContentKind.FEEDBACK
        if mail is not None:
            return ContentKind.MAIL
    if _REPORT_TAG.search(text):
        return ContentKind.XML
    if _UUENCODE.search(text):
        return ContentKind.UUENCODE
    return ContentKind.ZIP if b"PK\x03\x04" in text else ContentKind.UNKNOWN  # with something in front


def _is_html(text: bytes) -> bool:
    markup = _MARKUP.match(text)
    return bool(_HTML_DOCTYPE.match(text)) or (markup is not None and markup["name"].lower() in _HTML)


def _plain(start: bytes) -> bytes:
    """The text as octets of ASCII: without a byte order mark, UTF-16 halved."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start[:1] == b"\0" or start[1:2] == b"\0":
        return start.replace(b"\xff\xfe", b"").replace(b"\xfe\xff", b"").replace(b"\0", b"")
    return start.removeprefix(b"\xef\xbb\xbf")


def _has_controls(octets: bytes) -> bool:
    return any(octet < 9 or 13 < octet < 32 or octet > 126 for octet in octets)


def is_tar_header(block: bytes) -> bool:
    """Whether 512 octets are the header of a tar entry: its checksum fits (POSIX.1, `ustar` interchange format)."""
    if len(block) < 512 or not block.strip(b"\0"):
        return False
    told = block[148:156].strip(b"\0 ")
    if not told or not all(octet in b"01234567" for octet in told):
        return False
    return int(told, 8) == sum(block) - sum(block[148:156]) + 8 * 32
