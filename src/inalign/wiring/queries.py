"""A question of a command: asked of the store itself, or of the report process that has it open."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from inalign.assessment.assess import AssessmentCache
from inalign.assessment.views import all_views
from inalign.errors import ParseError
from inalign.settings.config import Config
from inalign.store.engine.interface import Engine, StoreBusy, StoreError
from inalign.store.folders import Folders, become_owner
from inalign.store.queries.filters import SPELLED, Filters
from inalign.store.queries.snapshot import Snapshot
from inalign.store.queries.view import AFTER, View, ViewAnswer
from inalign.store.state.control import Control
from inalign.wiring.assessment import make_assessment_cache
from inalign.wiring.store import open_store, store_folder

TIMEOUT = 120.0
"""Of one question, however large the store is."""


class _Problem(msgspec.Struct):
    detail: str = ""


Ask = Callable[[View, Filters], ViewAnswer[msgspec.Struct]]


@contextmanager
def open_questions(config: Config, *, offline: bool = False) -> Iterator[Ask]:
    """What answers questions; `path` is the file of the settings. Raises `SettingsError`, `StoreError`.

    `offline`: DNS is asked nothing for judging.
    """
    folders = Folders(base=store_folder(config))
    if not config.settings.store.url and not folders.store.exists():
        raise StoreError(f"{folders.store}: there is no store yet; `inalign ingest` makes it")
    become_owner(folders.base)
    try:
        engine = open_store(config)
    except StoreBusy:
        yield partial(ask_reportd, folders.socket)
        return
    with ExitStack() as stack:
        stack.callback(engine.close)
        made: list[AssessmentCache] = []

        def judging(asked: Engine) -> AssessmentCache:
            if not made:
                control = Control(folders.control)
                stack.callback(control.close)
                made.append(make_assessment_cache(config, asked, control, offline=offline))
            return made[0]

        views = all_views(judging)
        snapshot = Snapshot(engine)
        yield lambda view, filters: views[view.name].ask(snapshot, filters)


def ask_reportd(where: Path, view: View, filters: Filters) -> ViewAnswer[msgspec.Struct]:
    """The answer of the report process, by its socket. Raises `StoreError`, `ParseError`."""
    defaults = Filters()
    asked = {
        SPELLED[name]: str(value)
        for name in Filters.__struct_fields__
        if (value := getattr(filters, name)) != getattr(defaults, name)
    }
    connection = _UnixConnection(where)
    try:
        connection.request("GET", f"/api/v1/{view.name}?{urlencode(asked)}", headers={"Host": "localhost"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as problem:
        raise StoreError(
            f"the process that has the store open does not answer at {where}: {str(problem) or repr(problem)}"
        ) from None
    finally:
        connection.close()
    if response.status == http.HTTPStatus.OK:
        rows = msgspec.json.decode(body, type=list[view.row])  # type: ignore[name-defined]  # known when it runs
        return ViewAnswer(rows, response.headers.get(AFTER, ""))
    detail = _detail(body)
    raise (ParseError if response.status == http.HTTPStatus.BAD_REQUEST else StoreError)(detail)


def _detail(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Problem).detail
    except msgspec.DecodeError:
        return body[:200].decode("utf-8", "replace")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
