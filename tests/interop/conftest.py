"""The real parts of these tests, each started once a session, and skipped by name where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.postfix import Postfix, missing_part
from tests.interop.recorder import Recorder
from tests.interop.wire import Wire


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a real part."""
    for item in items:
        if "interop" in item.path.parts:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def recorded_postfix() -> Iterator[tuple[Postfix, Recorder]]:
    """A real Postfix before the recording milter."""
    missing = missing_part()
    if missing:
        pytest.skip(f"Postfix: {missing}")
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
