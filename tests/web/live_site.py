"""The pages on a real socket, with a store of a few reports, and a browser of few words."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from inalign.assessment.views import all_views
from inalign.reports.report import Report
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.spool.deliveries import Delivery, QuarantineReason, Spool
from inalign.spool.provenance import Provenance
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.load.reports import Arrival
from inalign.store.state.accounts import Accounts, Role, User
from inalign.store.state.control import Control
from inalign.web.access.passwords import hash_password
from inalign.web.app import WebOptions, make_app
from inalign.web.server import WebServer
from inalign.wiring.assessment import make_assessment_cache
from tests.store.material import NOW, aggregate, failure, record, store, tls

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from inalign.net.oidc import Provider

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@dataclass
class Site:
    """What is served, and its inside."""

    port: int
    control: Control
    spool: Spool
    engine: Engine
    app: ASGIApp | None = None
    now: list[float] = field(default_factory=lambda: [NOW.timestamp()])

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.control)

    def user(self, name: str, role: Role = Role.READER, domains: tuple[str, ...] | None = None) -> None:
        self.accounts.write_user(User(name=name, role=role, domains=domains, password=HASH))


@dataclass
class Page:
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def to(self) -> str:
        return self.headers.get("Location", "")


@dataclass
class Browser:
    """Keeps cookies; says where its forms come from, as browsers do."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str | bytes | None = None
    ) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        fields = ({} if not self.cookies else fields) | (headers or {})
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        page = Page(answer.status, answer.headers, answer.read().decode(errors="replace"))
        connection.close()
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return page

    def get(self, path: str, **headers: str) -> Page:
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Page:
        own = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
        }
        return self.ask("POST", path, own | (headers or {}), urlencode(fields))

    def sign_in(self, user: str, password: str = PASSWORD, back: str = "/") -> Page:
        return self.post("/sign-in", user=user, password=password, back=back)


def reports() -> list[Report]:
    """Two owners, and a reporter who is called names."""
    made: list[Report] = [
        aggregate(
            record("192.0.2.1", 900 + day),
            record("198.51.100.7", 90, dkim=False, spf=True),
            record("203.0.113.9", 30 + day, dkim=False, disposition="quarantine", header_from="x.example.com"),
            day=day,
            report_id=str(day),
        )
        for day in range(14)
    ]
    made += [
        aggregate(
            record("192.0.2.200", 55, header_from="example.net"),
            domain="example.net",
            org="secret.example",
            report_id="n",
        ),
        aggregate(record("192.0.2.3", 1), org=HOSTILE, report_id=HOSTILE),
        failure(subject=HOSTILE, display_name=HOSTILE, message_id=HOSTILE),
        tls(),
    ]
    return made


@contextmanager
def serve(
    folder: Path,
    options: WebOptions | None = None,
    *,
    more: Sequence[Report | Arrival] = (),
    usual: bool = True,
    raws: Sequence[bytes] = (),
    provider: Provider | None = None,
    listener: socket.socket | None = None,
) -> Iterator[Site]:
    engine = DuckDbEngine(folder / "store.duckdb")
    engine.migrate()
    store(engine, folder, *(reports() if usual else ()), *more, raws=raws)
    control, spool = Control(folder / "control.sqlite"), Spool(folder / "spool")
    name = spool.put(Delivery(content=b"?", provenance=Provenance(name=HOSTILE, source="imap", received=NOW)))
    spool.refuse(name, [QuarantineReason("no_report", HOSTILE)])
    listener = listener or socket.create_server(("127.0.0.1", 0))
    site = Site(listener.getsockname()[1], control, spool, engine)
    app = make_app(
        engine,
        all_views(lambda asked: make_assessment_cache(Config(Settings()), asked, control, offline=True)),
        control,
        spool,
        options or WebOptions(),
        provider=provider,
        clock=lambda: site.now[0],
    )
    site.app = app
    server = WebServer(app, [listener])
    thread = threading.Thread(target=lambda: asyncio.run(server.run()))
    thread.start()
    try:
        yield site
    finally:
        server.end()
        thread.join(20)
        listener.close()
        control.close()
        engine.close()
