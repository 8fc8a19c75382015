"""What the user says of a source, for good: by address, by network (/24 or /64) or by the name of a sender."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from msgspec import Struct

from inalign.errors import ParseError
from inalign.insight.classify import Override
from inalign.insight.names import is_same_or_below, network_of
from inalign.insight.result import SourceClass
from inalign.store.state.changes import InputRevisions, note
from inalign.store.state.control import Control

MAX_SENDER = 253
"""Characters of the name of a sender."""


class SourceOverrideRow(Struct, frozen=True):
    """An override, as it is shown."""

    domain: str
    source: str
    source_class: SourceClass
    service: str
    at: float
    who: str = ""
    """The user who set it; empty: by a command on the server."""


def source_of(text: str) -> str:
    """An address, a network or a sender in the form in which it is compared. Raises `ParseError`."""
    text = text.strip()
    try:
        if "/" not in text:
            return str(ip_address(text))
        network = ip_network(text, strict=False)
    except ValueError:
        if not text or len(text) > MAX_SENDER or not text.isprintable() or "/" in text:
            raise ParseError(f"{text[:80]!r} is no address, no network and no name of a sender") from None
        return text
    if network.prefixlen != (24 if network.version == 4 else 64):
        raise ParseError(f"{network}: networks are /24, or /64 of IPv6")
    return network_of(str(network.network_address))


def write_override(control: Control, row: SourceOverrideRow) -> None:
    """Set it in place of what was said before. Raises `ControlError`."""
    with control.change() as change:
        change.execute(
            "INSERT OR REPLACE INTO overrides (domain, source, class, service, at, who) VALUES (?, ?, ?, ?, ?, ?)",
            (row.domain, row.source, str(row.source_class), row.service, row.at, row.who),
        )
        note(change, InputRevisions.OVERRIDES, row.domain)


def remove_override(control: Control, domain: str, source: str) -> bool:
    """Take it back; False where there is none. Raises `ControlError`."""
    with control.change() as change:
        found = change.execute("DELETE FROM overrides WHERE domain = ? AND source = ?", (domain, source))
        if found.rowcount:
            note(change, InputRevisions.OVERRIDES, domain)
    return found.rowcount > 0


def overrides(control: Control, domain: str | None = None) -> list[SourceOverrideRow]:
    """All, or those of a domain. Raises `ControlError`."""
    sql = "SELECT domain, source, class, service, at, who FROM overrides "
    if domain is None:
        rows = control.ask(sql + "ORDER BY domain, source")
    else:
        rows = control.ask(sql + "WHERE domain = ? ORDER BY source", [domain])
    return [SourceOverrideRow(each[0], each[1], SourceClass(each[2]), *each[3:]) for each in rows]


def overrides_of(control: Control, domain: str) -> dict[str, Override]:
    """Those of a domain and of names below it, as `judge_domain` takes them; those of the domain itself count first."""
    rows = sorted(overrides(control), key=lambda row: row.domain == domain)
    return {
        row.source: Override(row.source_class, row.service or None)
        for row in rows
        if is_same_or_below(row.domain, domain)
    }
