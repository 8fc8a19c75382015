"""What was delivered, as a person reads it: the documents in it unpacked, each as text, indented, and no longer than a
page bears.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from inalign.reports.containers.chunks import Meter, RefusedError
from inalign.reports.containers.walk import payloads
from inalign.reports.limits import CONTAINER_LIMITS
from inalign.reports.report import Refusal

MAX_DOCUMENTS = 10
MAX_OCTETS = 100_000
"""Of a document; the whole of it is downloaded."""
_BETWEEN = re.compile(r">\s*<")


class RawDocument(NamedTuple):
    """One of them."""

    name: str
    kind: str
    """xml, json, feedback or words."""
    text: str
    is_cut: bool


def documents(content: bytes, name: str) -> list[RawDocument]:
    """Those in a delivery; none where nothing can be unpacked."""
    found: list[RawDocument] = []
    try:
        for item in payloads(iter([content]), name, Meter(CONTAINER_LIMITS)):
            if isinstance(item, Refusal) or item.kind == "none":
                continue
            octets = item.text
            for piece in item.pieces:
                if len(octets) <= MAX_OCTETS:
                    octets += piece
            octets += item.sample or b""
            text = octets[:MAX_OCTETS].decode("utf-8", "replace")
            found.append(RawDocument(item.name, item.kind, _pretty(item.kind, text), len(octets) > MAX_OCTETS))
            if len(found) == MAX_DOCUMENTS:
                break
    except RefusedError:
        pass
    return found


def _pretty(kind: str, text: str) -> str:
    if kind == "json":
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            return text
    return _indented(text) if kind == "xml" else text


def _indented(text: str) -> str:
    """Elements one a line, each by its depth; nothing of it is parsed, so that damaged ones are shown as they are."""
    lines = []
    depth = 0
    for line in _BETWEEN.sub(">\n<", text.strip()).split("\n"):
        stripped = line.strip()
        closes = stripped.startswith("</")
        depth = max(0, depth - closes)
        lines.append("  " * min(depth, 20) + stripped)
        opens = stripped.startswith("<") and not closes and not stripped.startswith(("<?", "<!"))
        depth += opens and not stripped.endswith("/>") and "</" not in stripped
    return "\n".join(lines)
