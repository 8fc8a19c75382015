"""What the settings say of judging report data: the map of known senders, and whether DNS is asked."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterable

from inalign.assessment.assess import AssessmentCache, Assessor, NoLookUps
from inalign.assessment.dns_lookups import look_up
from inalign.errors import ParseError
from inalign.insight.data import texts
from inalign.insight.directory import Directory, own_directory, read_directory
from inalign.insight.facts import DomainFacts
from inalign.net.dns import LiveResolver
from inalign.net.run import run
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.store.engine.interface import Engine
from inalign.store.folders import FOLDER_MODE, Folders
from inalign.store.state.answers import has_files, look_ups, write_looked_up
from inalign.store.state.control import Control
from inalign.version import __version__
from inalign.wiring.alerts import make_alerts
from inalign.wiring.store import store_folder

LOOK_UP_SECONDS = 86_400.0
"""How long answers about a domain are good enough; records change by the day at most, and are shown with their time."""
FAILED_SECONDS = 600.0
"""The same where its own records gave no answer."""


def make_assessment_cache(
    config: Config, engine: Engine, control: Control, *, offline: bool = False
) -> AssessmentCache:
    """All that judging needs. Raises `SettingsError` for a map that cannot be read."""
    folders = Folders(base=store_folder(config))
    folders.work.mkdir(FOLDER_MODE, exist_ok=True)
    return AssessmentCache(
        engine, make_assessor(config, control, offline=offline), host=host_of(config.settings), folder=folders.work
    )


def make_assessor(config: Config, control: Control, *, offline: bool = False) -> Assessor:
    """All of it but the store. Raises `SettingsError`."""
    directory, digest = _directory(config)
    look_ups = NoLookUps() if offline or not config.settings.insight.look_up else LiveLookUps(config.settings, control)
    return Assessor(control, directory, look_ups, digest, make_alerts(config, control).on_assessed)


def host_of(settings: Settings) -> str:
    """Whose judgements ours are: of several hosts that share a store each has its own control state."""
    return socket.gethostname() if settings.store.url else ""


def make_directory(config: Config) -> Directory:
    """The user's maps before our own. Raises `SettingsError`."""
    return _directory(config)[0]


def _directory(config: Config) -> tuple[Directory, str]:
    """With what tells it from others."""
    if not config.settings.insight.maps:
        return own_directory(), _digest(texts())
    tomls: list[str] = []
    csvs: list[str] = []
    for name in config.settings.insight.maps:
        try:
            text = config.relative(name).read_text("utf-8-sig")
            of_csv = name.lower().endswith(".csv")
            read_directory([] if of_csv else [text], csv_texts=[text] if of_csv else [])
        except (OSError, UnicodeDecodeError, ParseError) as problem:
            raise config.error("insight.maps", f"{config.relative(name)}: {problem}") from None
        (csvs if of_csv else tomls).append(text)
    return read_directory([*tomls, *texts()], csv_texts=csvs), _digest([*tomls, *texts(), *csvs])


def _digest(found: Iterable[str]) -> str:
    made = hashlib.blake2b(__version__.encode(), digest_size=8)
    for text in found:
        made.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return made.hexdigest()


class LiveLookUps:
    """Asks DNS about a domain where that is due, and keeps the answers."""

    def __init__(self, settings: Settings, control: Control) -> None:
        self._control = control
        self._servers = settings.dns.servers or None
        self._timeout = settings.dns.exchange_timeout_seconds

    def due(self, domains: Iterable[str]) -> set[str]:
        """Those that were not asked about for long."""
        if has_files(self._control):
            return set()
        asked, oldest = look_ups(self._control), time.time() - LOOK_UP_SECONDS
        return {domain for domain in domains if asked.get(domain, 0.0) <= oldest}

    def look_up(self, facts: DomainFacts) -> None:
        """Ask, where it is due."""
        if not self.due([facts.domain]):
            return
        at = time.time()
        asked, answers = run(look_up(LiveResolver(servers=self._servers, timeout=self._timeout), facts))
        is_whole = "error" not in answers.get(facts.domain, {})
        good_from = at if is_whole else at - LOOK_UP_SECONDS + FAILED_SECONDS
        write_looked_up(self._control, facts.domain, asked, answers, now=good_from)


def open_assessor(config: Config) -> Assessor:
    """A judge with a control state of its own. Raises `SettingsError`, `ControlError`."""
    return make_assessor(config, Control(Folders(base=store_folder(config)).control))
