"""Where reports go: one URI of `rua` or `ruf`.

RFC 3986 (URIs), RFC 6068 section 2 (mailto), RFC 9989 section 4.8 (which characters have to be encoded here). Any
scheme is a URI; of `mailto` the address must be one, too, since nothing could be sent otherwise.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from inalign.mail.domain import DomainError, DomainName, parse_domain

MAX_LOCAL_PART_OCTETS = 64  # RFC 5321 section 4.5.3.1.1


class ReportUri(NamedTuple):
    """One destination of reports."""

    uri: str
    """As written, without the obsolete size."""
    scheme: str
    """In lower case. `mailto` is the one that a sender of reports has to support (RFC 9989 section 4.7)."""
    host: DomainName | None
    """Whose consent is asked (RFC 9990 section 4): of mailto the domain of the address, else the host of the URI."""
    address: str | None
    """Of mailto: the address, with its percent-encoding undone."""


# RFC 3986 appendix B cuts, appendix A checks. The comma, the exclamation mark (RFC 9989 section 4.8) and the
# semicolon, which ends the tag, are not among the characters.
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?:\#(?P<fragment>.*))?",
    re.ASCII | re.DOTALL,
)
_PATH = re.compile(r"(?:[A-Za-z0-9\-._~$&'()*+=:@/]|%[0-9A-Fa-f]{2})*", re.ASCII)
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~$&'()*+=:@/?]|%[0-9A-Fa-f]{2})*", re.ASCII)
_AUTHORITY = re.compile(
    r"(?:(?:[A-Za-z0-9\-._~$&'()*+=:]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:(?P<name>(?:[A-Za-z0-9\-._~$&'()*+=]|%[0-9A-Fa-f]{2})*)|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?",
    re.ASCII,
)

# RFC 5322 section 3.2.3 and section 3.2.4, without the obsolete forms; RFC 6068 section 2 has these two as local part
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_QUOTED_STRING = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"', re.ASCII)


def parse_report_uri(text: str) -> ReportUri | None:
    """Read one URI, blanks around it gone; None where it is none. Never raises."""
    uri = _URI.fullmatch(text)
    if (
        uri is None
        or not _PATH.fullmatch(uri["path"])
        or not _QUERY.fullmatch(uri["query"] or "")
        or not _QUERY.fullmatch(uri["fragment"] or "")
    ):
        return None
    scheme = uri["scheme"].lower()
    if scheme == "mailto":
        return _mailto(text, uri["path"]) if uri["authority"] is None else None
    authority = _AUTHORITY.fullmatch(uri["authority"] or "")
    if authority is None:
        return None
    return ReportUri(text, scheme, _domain(unquote(authority["name"] or "")), None)


def _mailto(text: str, path: str) -> ReportUri | None:
    address = unquote(path, errors="surrogateescape")
    local_part, at, domain = address.rpartition("@")
    if not at or len(local_part) > MAX_LOCAL_PART_OCTETS:
        return None
    if not (_DOT_ATOM.fullmatch(local_part) or _QUOTED_STRING.fullmatch(local_part)):
        return None
    # RFC 8616 section 6 leaves report addresses in ASCII: A-labels, no U-labels. An address literal has no zone that
    # could consent to anything.
    host = _domain(domain) if domain.isascii() else None
    return ReportUri(text, "mailto", host, address) if host else None


def _domain(name: str) -> DomainName | None:
    try:
        return parse_domain(name)
    except DomainError:
        return None
