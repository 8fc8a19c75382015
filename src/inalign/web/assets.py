"""Styles and scripts of the package. Each has the hash of its content in its name, so that browsers may cache it."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from inalign.charts.palette import style_sheet

if TYPE_CHECKING:
    from starlette.requests import Request

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@cache
def _all() -> dict[str, tuple[str, bytes]]:
    """Return the name and the content of each file by its path; the colours of charts are one of them."""
    contents = {file.name: file.read_bytes() for file in (files("inalign.web") / "static").iterdir()}
    contents["palette.css"] = style_sheet().encode()
    found = {}
    for name, content in contents.items():
        stem, _, kind = name.rpartition(".")
        if kind in KINDS:
            found[f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{kind}"] = (name, content)
    return found


@cache
def asset(name: str) -> str:
    """Return the address of a file by its name."""
    return next(f"/static/{path}" for path, (own, _) in _all().items() if own == name)


async def serve(request: Request) -> Response:
    """Answer with one of these files, and with no other."""
    path = request.path_params["name"]
    if path not in _all():
        return PlainTextResponse("Not found.\n", 404)
    _, content = _all()[path]
    return Response(content, media_type=KINDS[path.rpartition(".")[2]], headers={"Cache-Control": FOREVER})
