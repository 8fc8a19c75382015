"""Styles and scripts: in the package, served under a name with the hash of what they hold, and kept by browsers."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@cache
def _all() -> dict[str, tuple[str, bytes]]:
    """Path to name and content."""
    found = {}
    for file in (files("inalign.web") / "static").iterdir():
        stem, _, kind = file.name.rpartition(".")
        if kind in KINDS:
            content = file.read_bytes()
            found[f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{kind}"] = (file.name, content)
    return found


@cache
def asset(name: str) -> str:
    """The address of a file."""
    return next(f"/static/{path}" for path, (own, _) in _all().items() if own == name)


async def serve(request: Request) -> Response:
    """Those files, and nothing else."""
    path = request.path_params["name"]
    if path not in _all():
        return PlainTextResponse("Not found.\n", 404)
    _, content = _all()[path]
    return Response(content, media_type=KINDS[path.rpartition(".")[2]], headers={"Cache-Control": FOREVER})
