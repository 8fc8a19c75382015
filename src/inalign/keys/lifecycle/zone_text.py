"""Key records as text for a zone: a line of a master file (RFC 1035 section 5), or commands for nsupdate."""

from __future__ import annotations

from dataclasses import dataclass

from inalign.resolver.master_file import MAX_STRING_OCTETS

RECORD_TTL = 3600
"""Long enough for caches to be of use, short enough that a mistake is over within the hour."""


@dataclass(frozen=True, slots=True)
class KeyRecordChange:
    """What the name of a key shall hold from now on."""

    name: str
    """Without the trailing dot."""
    record: str | None
    """The text of the one TXT record; None for none at all."""


def empty_record(key_type: str) -> str:
    """The record of a revoked key (RFC 6376 section 3.6.1, `p=`)."""
    return f"v=DKIM1; k={key_type}; p="


def strings(record: str) -> tuple[str, ...]:
    """The record as character-strings, each as long as one can be."""
    return tuple(record[at : at + MAX_STRING_OCTETS] for at in range(0, len(record), MAX_STRING_OCTETS)) or ("",)


def zone_text(change: KeyRecordChange, ttl: int = RECORD_TTL) -> str:
    """The record as a master file holds it; a comment where there shall be none."""
    if change.record is None:
        return f"; take away: {change.name}. IN TXT"
    quoted = [f'"{string}"' for string in strings(change.record)]
    if len(quoted) == 1:
        return f"{change.name}. {ttl} IN TXT {quoted[0]}"
    return "\n".join([f"{change.name}. {ttl} IN TXT (", *(f"    {string}" for string in quoted), ")"])


def nsupdate_script(changes: tuple[KeyRecordChange, ...], server: str | None = None, ttl: int = RECORD_TTL) -> str:
    """The commands for nsupdate, which ends at the first that the server refuses."""
    lines = [f"server {server}"] if server else []
    for change in changes:
        lines.append(f"update delete {change.name}. TXT")
        if change.record is not None:
            quoted = " ".join(f'"{string}"' for string in strings(change.record))
            lines.append(f"update add {change.name}. {ttl} TXT {quoted}")
    return "\n".join([*lines, "send"])
