"""The real parts of these tests, each started once a session, and skipped by name where it cannot be had.

A test that asks for `wire` or `mail` runs with every mail server; `only` names one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.interop import postfix, sendmail
from tests.interop.inalign import LISTED_RELAY, Inalign
from tests.interop.mail import Mail
from tests.interop.postfix import Postfix, relaying_to
from tests.interop.recorder import Recorder
from tests.interop.senders import Senders
from tests.interop.sendmail import Sendmail
from tests.interop.server import MailServer
from tests.interop.wire import Wire
from tests.nameserver import NameServer

SERVERS: dict[str, Callable[[str], MailServer]] = {"postfix": Postfix, "sendmail": Sendmail}
MISSING: dict[str, Callable[[], str | None]] = {
    "postfix": postfix.missing_part,
    "sendmail": sendmail.missing_part,
}
SOCKET = {"postfix": "inet", "sendmail": "unix"}
"""How each reaches our milter; the other kinds have tests of their own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a real part."""
    for item in items:
        if "interop" in item.path.parts:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def can_run_postfix() -> None:
    """Skips, by name, where no private Postfix can be had."""
    missing = postfix.missing_part()
    if missing:
        pytest.skip(missing)


@pytest.fixture(params=list(SERVERS))
def server_name(request: pytest.FixtureRequest) -> str:
    """Each mail server in turn; skips, by name, where no private instance of it can be had."""
    name: str = request.param
    missing = MISSING[name]()
    if missing:
        pytest.skip(missing)
    return name


@pytest.fixture(scope="session")
def recorded_servers() -> Iterator[Callable[[str], tuple[MailServer, Recorder]]]:
    """By name: a real server before a recording milter, started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def started(name: str) -> tuple[MailServer, Recorder]:
            recorder = Recorder()
            stack.callback(recorder.close)
            server = SERVERS[name](recorder.address)
            stack.callback(server.stop)
            return server, recorder

        yield started


@pytest.fixture
def wire(server_name: str, recorded_servers: Callable[[str], tuple[MailServer, Recorder]]) -> Wire:
    """The same, with nothing recorded yet and an answer of CONTINUE to everything."""
    server, recorder = recorded_servers(server_name)
    recorder.reset()
    return Wire(server, recorder)


@pytest.fixture(scope="session")
def inalign_milter(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Inalign, Senders, NameServer]]:
    """Our milter as an operator runs it, asking a name server that knows the senders."""
    senders = Senders()
    with NameServer(senders.zone()) as name_server:
        inalign = Inalign(tmp_path_factory.mktemp("inalign"), name_server.port)
        try:
            yield inalign, senders, name_server
        finally:
            inalign.stop()


def each_started(inalign: Inalign) -> Iterator[Callable[[str], MailServer]]:
    """For a fixture: by name, a real server before this milter, started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def started(name: str) -> MailServer:
            server = SERVERS[name](inalign.addresses[SOCKET[name]])
            stack.callback(server.stop)
            return server

        yield started


@pytest.fixture(scope="session")
def inalign_servers(inalign_milter: tuple[Inalign, Senders, NameServer]) -> Iterator[Callable[[str], MailServer]]:
    """By name: a real server before our milter."""
    yield from each_started(inalign_milter[0])


@pytest.fixture(scope="session")
def front_postfix(inalign_servers: Callable[[str], MailServer]) -> Iterator[Postfix]:
    """Another real Postfix in front of that one, without a milter: our other MX."""
    inner = inalign_servers("postfix")
    assert isinstance(inner, Postfix)
    front = Postfix("inet:127.0.0.1:1", more=relaying_to(inner.port, LISTED_RELAY))
    try:
        yield front
    finally:
        front.stop()


@pytest.fixture
def mail(
    server_name: str,
    inalign_milter: tuple[Inalign, Senders, NameServer],
    inalign_servers: Callable[[str], MailServer],
) -> Mail:
    """Both, with a mailbox that nobody has written to."""
    inalign, senders, name_server = inalign_milter
    return Mail(inalign_servers(server_name), inalign, senders, name_server)
