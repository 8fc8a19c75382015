"""What the settings say of judging report data: the map of known senders, and whether DNS is asked."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from inalign.errors import ParseError, SettingsError
from inalign.flow.judge import Judging
from inalign.flow.look_up import look_up
from inalign.insight.data import texts
from inalign.insight.directory import Directory, own_directory, read_directory
from inalign.insight.facts import DomainFacts
from inalign.settings import Settings
from inalign.settings_file import place
from inalign.store.control import Control
from inalign.store.engine import Engine
from inalign.store.surroundings import has_files, looked_up_at, write_looked_up
from inalign.transport.dns import LiveResolver
from inalign.transport.run import run

LOOK_UP_SECONDS = 86_400.0
"""How long answers about a domain are good enough; records change by the day at most, and are shown with their time."""
FAILED_SECONDS = 600.0
"""The same where its own records gave no answer."""


def make_judging(
    settings: Settings, path: Path | None, engine: Engine, control: Control, *, offline: bool = False
) -> Judging:
    """All that judging needs. Raises `SettingsError` for a map that cannot be read."""
    judging = Judging(engine, control, make_directory(settings, path))
    if offline or not settings.insight.look_up:
        return judging
    return replace(judging, look_up=_Lookups(settings, control))


def make_directory(settings: Settings, path: Path | None) -> Directory:
    """The user's maps before our own. Raises `SettingsError`."""
    if not settings.insight.maps:
        return own_directory()
    base = path.absolute().parent if path is not None else Path.cwd()
    tomls: list[str] = []
    csvs: list[str] = []
    for name in settings.insight.maps:
        try:
            text = (base / name).read_text("utf-8-sig")
            of_csv = name.lower().endswith(".csv")
            read_directory([] if of_csv else [text], csv_texts=[text] if of_csv else [])
        except (OSError, UnicodeDecodeError, ParseError) as problem:
            raise SettingsError(f"{place(path, 'insight.maps')}: insight.maps: {base / name}: {problem}") from None
        (csvs if of_csv else tomls).append(text)
    return read_directory([*tomls, *texts()], csv_texts=csvs)


class _Lookups:
    """Asks DNS about a domain where that is due, and keeps the answers."""

    def __init__(self, settings: Settings, control: Control) -> None:
        self._control = control
        self._has_files = has_files(control)
        self._servers = settings.dns.servers or None
        self._timeout = settings.dns.exchange_timeout_seconds

    def __call__(self, facts: DomainFacts) -> None:
        at = time.time()
        if self._has_files or at - looked_up_at(self._control, facts.domain) < LOOK_UP_SECONDS:
            return
        asked, answers = run(look_up(LiveResolver(servers=self._servers, timeout=self._timeout), facts))
        is_whole = "error" not in answers.get(facts.domain, {})
        write_looked_up(self._control, asked, answers, now=at if is_whole else at - LOOK_UP_SECONDS + FAILED_SECONDS)
