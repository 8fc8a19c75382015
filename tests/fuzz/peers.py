"""The milter protocol, and the settings file."""

from __future__ import annotations

import contextlib

from inalign.errors import SettingsError
from inalign.milter.negotiation import RequiredFeatures
from inalign.settings.file import parse_settings
from inalign.settings.tables import Settings
from tests.milter import mta
from tests.properties.test_milter import cut, story

CUTS: tuple[list[int], ...] = ([], [1, 4, 5, 6], list(range(0, 512, 7)))


def milter_session(data: bytes) -> None:
    """What an MTA sends: one error and no other, and the same story however the octets are cut."""
    for start in (b"", mta.offer(steps=0) + mta.connect() + mta.mail()):
        wire = start + data
        told = [story(RequiredFeatures(), cut(wire, places)) for places in CUTS]
        assert told[0] == told[1] == told[2]


def settings(data: bytes) -> None:
    """The settings file: settings, or an error that says what is wrong."""
    with contextlib.suppress(SettingsError, UnicodeDecodeError):
        assert isinstance(parse_settings(data.decode("utf-8")), Settings)
