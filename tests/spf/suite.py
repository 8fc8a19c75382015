"""Reads the zones of the RFC 7208 test suite as a resolver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inalign.resolver import ZoneResolver
from tests.helpers import zone


def suite_zone(names: Mapping[str, Sequence[object]]) -> ZoneResolver:
    """The suite's conventions: SPF stands for TXT unless TXT is there too, `"TIMEOUT"` fails what is not listed.

    A code point below 256 stands for that octet: the suite was written in octets.
    """
    return zone({name: _entry(records) for name, records in names.items()})


def _entry(records: Sequence[object]) -> dict[str, object]:
    entry: dict[str, list[object]] = {}
    error = False
    for record in records:
        if record == "TIMEOUT":
            error = True
            continue
        assert isinstance(record, list)
        kind, value = record
        if kind == "MX":
            entry.setdefault("MX", []).append([int(value[0]), value[1]])
        elif kind in ("TXT", "SPF"):
            text = "".join(value) if isinstance(value, list) else value
            entry.setdefault(kind, []).append(text.encode("latin-1"))
        else:
            entry.setdefault(kind, []).append(value)
    spf = entry.pop("SPF", [])
    if "TXT" not in entry:
        entry["TXT"] = spf
    done: dict[str, object] = {
        kind: [v for v in values if v not in ("NONE", b"NONE")] for kind, values in entry.items()
    }
    if "CNAME" in entry:
        done["CNAME"] = entry["CNAME"][0]
    if not done.get("TXT"):
        done.pop("TXT", None)
    if error:
        done["error"] = "timeout"
    return done
