"""The real parts of these tests, each started once a session, and skipped by name where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.inalign import LISTED_RELAY, Inalign
from tests.interop.mail import Mail
from tests.interop.postfix import Postfix, missing_part, relaying_to
from tests.interop.recorder import Recorder
from tests.interop.senders import Senders
from tests.interop.wire import Wire
from tests.nameserver import NameServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a real part."""
    for item in items:
        if "interop" in item.path.parts:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def can_run_postfix() -> None:
    """Skips, by name, where no private Postfix can be had."""
    missing = missing_part()
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="session")
def recorded_postfix(can_run_postfix: None) -> Iterator[tuple[Postfix, Recorder]]:
    """A real Postfix before the recording milter."""
    recorder = Recorder()
    try:
        postfix = Postfix(recorder.address)
        try:
            yield postfix, recorder
        finally:
            postfix.stop()
    finally:
        recorder.close()


@pytest.fixture
def wire(recorded_postfix: tuple[Postfix, Recorder]) -> Wire:
    """The same, with nothing recorded yet and an answer of CONTINUE to everything."""
    postfix, recorder = recorded_postfix
    recorder.reset()
    return Wire(postfix, recorder)


@pytest.fixture(scope="session")
def inalign_milter(
    can_run_postfix: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Inalign, Senders, NameServer]]:
    """Our milter as an operator runs it, asking a name server that knows the senders."""
    senders = Senders()
    with NameServer(senders.zone()) as name_server:
        inalign = Inalign(tmp_path_factory.mktemp("inalign"), name_server.port)
        try:
            yield inalign, senders, name_server
        finally:
            inalign.stop()


@pytest.fixture(scope="session")
def inalign_postfix(inalign_milter: tuple[Inalign, Senders, NameServer]) -> Iterator[Postfix]:
    """A real Postfix before our milter."""
    postfix = Postfix(inalign_milter[0].address)
    try:
        yield postfix
    finally:
        postfix.stop()


@pytest.fixture(scope="session")
def front_postfix(inalign_postfix: Postfix) -> Iterator[Postfix]:
    """Another real Postfix in front of that one, without a milter: our other MX."""
    front = Postfix("inet:127.0.0.1:1", more=relaying_to(inalign_postfix.port, LISTED_RELAY))
    try:
        yield front
    finally:
        front.stop()


@pytest.fixture
def mail(inalign_milter: tuple[Inalign, Senders, NameServer], inalign_postfix: Postfix) -> Mail:
    """Both, with a mailbox that nobody has written to."""
    inalign, senders, name_server = inalign_milter
    return Mail(inalign_postfix, inalign, senders, name_server)
