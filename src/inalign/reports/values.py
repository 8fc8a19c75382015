"""The values of an aggregate report that are no texts: addresses, numbers, instants. What is odd is mended or None.

Each gives the value and whether it had to be mended; a value that is None always counts as mended.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

MAX_COUNT = 10**12  # messages of one record; all mail of a year in the world is some 10**14
MAX_VALUE = 100  # characters of an address, number or date; a longer one is none

_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_PADDED = re.compile(r"0*(\d{1,3})\.0*(\d{1,3})\.0*(\d{1,3})\.0*(\d{1,3})", re.ASCII)
_DRESSED = re.compile(r"(?:ipv[46]:)?\[?(?:ipv6:)?([0-9a-f.:]+)(?:%[^\]\[/]*)?\]?(?:/(?:32|128))?", re.ASCII)
_WITH_PORT = re.compile(r"(?:\[([0-9a-f.:]+)\]|([0-9.]+)):\d{1,5}", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:[,'_ \u00a0\u2009\u202f]\d{3})+")
_WHOLE = re.compile(r"\+?(\d{1,18})(?:\.0{0,9})?")
_EPOCH = re.compile(r"\d{1,11}", re.ASCII)
_NUMBER = re.compile(r"(\d{1,20})(?:[.,]\d{0,20})?", re.ASCII)
_UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))


@lru_cache(maxsize=16_384)
def address(text: str) -> tuple[str | None, bool]:
    """A source address in canonical text (RFC 5952 section 4), a mapped IPv4 address unmapped."""
    if _IPV4.fullmatch(text):
        return text, False
    if len(text) > MAX_VALUE:
        return None, True
    bare = text.lower().strip()
    mended = False
    found = _address(bare)
    if found is None:
        mended = True
        ported, dressed, padded = _WITH_PORT.fullmatch(bare), _DRESSED.fullmatch(bare), _PADDED.fullmatch(bare)
        if padded:
            found = _address(".".join(padded.groups()))
        elif ported:
            found = _address(ported[1] or ported[2])
        elif dressed:
            found = _address(dressed[1])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped), True
    return (str(found), mended) if found is not None else (None, True)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def count(text: str) -> tuple[int, bool]:
    """A number of messages; 0 where there is none that makes sense, since any other would be invented."""
    if len(text) <= 12 and text.isascii() and text.isdigit():
        return int(text), False
    if len(text) > MAX_VALUE:
        return 0, True
    text = text.strip()
    if _GROUPED.fullmatch(text):
        text = re.sub(r"\D", "", text)
    whole = _WHOLE.fullmatch(text)
    number = int(whole[1]) if whole else 0
    return (number if number <= MAX_COUNT else 0), True


def instant(text: str) -> tuple[datetime | None, bool]:
    """`begin` or `end`: seconds since 1970 (RFC 9990 section 3.1.1.4), or what is written for them."""
    if _EPOCH.fullmatch(text):
        return _moment(int(text)), False
    number = _NUMBER.fullmatch(text)
    if number:
        seconds = int(number[1])
        for least, unit in _UNITS:
            if seconds >= least:
                return _moment(seconds // unit), True
        return _moment(seconds), True
    return (_written(text) if len(text) <= MAX_VALUE else None), True


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _written(text: str) -> datetime | None:
    """A date in words: ISO 8601 or RFC 5322 section 3.3; without a zone it is taken for UTC."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text.removesuffix(" UTC").replace(" +", "+") if read is datetime.fromisoformat else text)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None
