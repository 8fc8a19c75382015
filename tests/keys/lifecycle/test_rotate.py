"""Keys led through their whole life against two servers in memory, and ended at every write on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from inalign import durable
from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import load_private_key
from inalign.errors import Error
from inalign.keys.folder import FolderFinder
from inalign.keys.key_store import KeyStore
from inalign.keys.lifecycle.folder import KeyFolder, StateError
from inalign.keys.lifecycle.publication import KeyFinding, PublishedState, publication_state
from inalign.keys.lifecycle.rotate import DynamicUpdate, KeyExistsError, KeyRequest, Progress, Rotation, make_key
from inalign.keys.lifecycle.state import KeyState, ManagedKey, RetentionPeriods
from inalign.keys.lifecycle.zone_text import KeyRecordChange
from inalign.mail.domain import DomainName
from tests.keys.lifecycle.material import DOMAIN, NEGATIVE_TTL, START, TSIG, TwoServers

ED25519 = KeyRequest(KeyType.ED25519)
DAY = timedelta(days=1)
WAIT = timedelta(seconds=NEGATIVE_TTL)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    durable.make_folder(tmp_path / "keys" / DOMAIN)
    (tmp_path / "tsig").write_text(TSIG)
    (tmp_path / "tsig").chmod(0o600)
    return KeyFolder(tmp_path / "keys")


@pytest.fixture
def way(tmp_path: Path, folder: KeyFolder) -> DynamicUpdate:
    return DynamicUpdate("192.0.2.1", str(tmp_path / "tsig"))


def run(
    folder: KeyFolder,
    zones: TwoServers,
    days: float | timedelta = 0,
    every: timedelta | None = None,
    terms: RetentionPeriods | None = None,
) -> list[Progress]:
    later = days if isinstance(days, timedelta) else timedelta(days=days)
    return asyncio.run(Rotation(folder, zones, terms or RetentionPeriods(), START + later).domain(DOMAIN, every=every))


def states(folder: KeyFolder) -> dict[str, str]:
    return {managed_key.selector: str(managed_key.state) for managed_key in folder.managed_keys(DOMAIN)}


def signers(folder: KeyFolder) -> list[str]:
    return sorted(path.stem for path in (folder.path / DOMAIN).glob("*.pem"))


def test_a_key_from_pending_to_active(folder: KeyFolder) -> None:
    """Published by a person; the secondary is late."""
    zones = TwoServers(lags=True)
    managed_key = make_key(folder, DOMAIN, ED25519, START, None)
    (progress,) = run(folder, zones)
    assert progress.manual_change is not None
    assert progress.manual_change.name == "e20261124._domainkey.example.org"
    zones.publish(progress.manual_change)
    (progress,) = run(folder, zones, 1)
    assert (progress.managed_key.state, progress.manual_change) == (KeyState.PENDING, None)
    assert KeyFinding.LAGGING in {flaw.finding for flaw in progress.flaws}
    zones.follow()
    (progress,) = run(folder, zones, 2)
    assert progress.managed_key.state is KeyState.PUBLISHED
    run(folder, zones, 2 * DAY + WAIT - timedelta(seconds=1))
    assert signers(folder) == []
    run(folder, zones, 2 * DAY + WAIT)
    assert signers(folder) == [managed_key.selector]
    assert set(zones.asked) == {"e20261124._domainkey.example.org"}


def test_a_whole_rotation_with_updates(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers()
    old = make_key(folder, DOMAIN, ED25519, START, way)
    run(folder, zones)
    run(folder, zones, 1)
    assert states(folder) == {old.selector: "active"}
    assert run(folder, zones, 100)[0].actions == []  # nobody asked for another
    run(folder, zones, 200, every=180 * DAY)
    new = "e20270612"
    assert states(folder) == {old.selector: "active", new: "published"}
    run(folder, zones, 201, every=180 * DAY)
    assert states(folder) == {old.selector: "retiring", new: "active"}
    assert signers(folder) == [new]
    assert set(zones.primary) == {f"{old.selector}._domainkey.{DOMAIN}", f"{new}._domainkey.{DOMAIN}"}
    run(folder, zones, 214.9)
    assert states(folder)[old.selector] == "retiring"
    run(folder, zones, 215)
    assert states(folder)[old.selector] == "revoked"
    assert zones.primary[f"{old.selector}._domainkey.{DOMAIN}"] == "v=DKIM1; k=ed25519; p="
    run(folder, zones, 229)
    assert set(zones.primary) == {f"{new}._domainkey.{DOMAIN}"}
    assert states(folder) == {old.selector: "removed", new: "active"}
    assert sorted(path.name for path in (folder.path / DOMAIN).iterdir()) == [
        ".lock",
        f"{old.selector}.json",
        f"{new}.json",
        f"{new}.pem",
    ]


def test_a_run_that_has_nothing_to_do_changes_nothing(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers()
    make_key(folder, DOMAIN, ED25519, START, way)
    for days in (0, 1):
        run(folder, zones, days)
        before = {path: path.stat().st_mtime_ns for path in (folder.path / DOMAIN).glob("*.*")}
        sent = len(zones.sent)
        assert [progress.actions for progress in run(folder, zones, days)] == [[]]
        assert {path: path.stat().st_mtime_ns for path in (folder.path / DOMAIN).glob("*.*")} == before
        assert len(zones.sent) == sent


def test_a_key_laid_there_by_hand_is_followed(folder: KeyFolder) -> None:
    from inalign.dkim.crypto import generate_private_key

    path = folder.path / DOMAIN / "old.pem"
    durable.write_new(path, generate_private_key(KeyType.RSA, bits=1024).to_pem())
    os.utime(path, (START.timestamp(), START.timestamp()))  # from which its age counts
    zones = TwoServers()
    old, new = run(folder, zones, every=timedelta(0))
    assert (old.managed_key.selector, old.managed_key.state, new.managed_key.bits) == ("old", KeyState.ACTIVE, 2048)
    assert new.manual_change is not None
    zones.publish(new.manual_change)
    run(folder, zones, every=timedelta(0))
    run(folder, zones, 1, every=timedelta(0))
    assert states(folder)["old"] == "retiring"
    assert signers(folder) == [new.managed_key.selector]


def test_types_rotate_apart(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers()
    for wish in (KeyRequest(KeyType.RSA, 1024), ED25519):
        make_key(folder, DOMAIN, wish, START, way)
    run(folder, zones)
    run(folder, zones, 1)
    assert signers(folder) == ["e20261124", "r20261124"]
    run(folder, zones, 2, every=timedelta(0))
    run(folder, zones, 3)
    assert signers(folder) == ["e20261126", "r20261126"]


def test_a_server_that_falls_behind_takes_the_key_back_to_pending(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers()
    make_key(folder, DOMAIN, ED25519, START, way)
    run(folder, zones)
    zones.secondary.clear()
    zones.lags = True
    run(folder, zones, 1)
    assert list(states(folder).values()) == ["pending"]
    zones.follow()
    run(folder, zones, 2)
    assert signers(folder) == []
    run(folder, zones, 3)
    assert signers(folder) == ["e20261124"]


def test_a_silent_server_keeps_a_key_from_signing(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers(silent=True)
    make_key(folder, DOMAIN, ED25519, START, way)
    (progress,) = run(folder, zones)
    assert progress.managed_key.state is KeyState.PENDING
    assert [flaw.finding for flaw in progress.flaws] == [KeyFinding.DNS_FAILED]
    zones.silent = False
    run(folder, zones, 1)
    zones.silent = True
    (progress,) = run(folder, zones, 9)
    assert progress.managed_key.state is KeyState.PUBLISHED
    assert [flaw.finding for flaw in progress.flaws] == [KeyFinding.DNS_FAILED]


def test_a_record_that_is_not_ours_is_not_written_over(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers()
    zones.publish(KeyRecordChange("e20261124._domainkey.example.org", "v=DKIM1; k=ed25519; p=" + "A" * 43 + "="))
    make_key(folder, DOMAIN, ED25519, START, way)
    (progress,) = run(folder, zones)
    assert zones.sent == []
    assert [flaw.finding for flaw in progress.flaws] == [KeyFinding.DIFFERS]


def test_an_update_that_is_refused_is_told_and_tried_again(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers(refuses=True)
    make_key(folder, DOMAIN, ED25519, START, way)
    (progress,) = run(folder, zones)
    assert progress.problem.endswith("REFUSED")
    zones.refuses = False
    (progress,) = run(folder, zones, 1)
    assert (progress.managed_key.state, progress.problem) == (KeyState.PUBLISHED, "")


def test_a_tsig_file_that_is_gone_is_told(folder: KeyFolder, way: DynamicUpdate) -> None:
    make_key(folder, DOMAIN, ED25519, START, way)
    Path(way.tsig_file).unlink()
    (progress,) = run(folder, TwoServers())
    assert "No such file" in progress.problem


def test_a_stolen_key_is_revoked_at_once(folder: KeyFolder, way: DynamicUpdate) -> None:
    zones = TwoServers()
    make_key(folder, DOMAIN, ED25519, START, way)
    run(folder, zones)
    run(folder, zones, 1)
    at_once = RetentionPeriods(timedelta(0))
    run(folder, zones, 2, every=timedelta(0), terms=at_once)
    run(folder, zones, 2 * DAY + WAIT, terms=at_once)
    assert states(folder) == {"e20261124": "revoked", "e20261126": "active"}
    assert zones.secondary["e20261124._domainkey.example.org"].endswith("p=")


def test_a_selector_is_not_used_again(folder: KeyFolder) -> None:
    wish = KeyRequest(KeyType.ED25519, selector=DomainName("s"))
    make_key(folder, DOMAIN, wish, START, None)
    with pytest.raises(KeyExistsError):
        make_key(folder, DOMAIN, wish, START, None)


def test_one_domain_in_trouble_stops_no_other(folder: KeyFolder) -> None:
    bad = DomainName("bad.example")
    durable.make_folder(folder.path / bad)
    (folder.path / bad / "s.json").write_text("{}")
    make_key(folder, DOMAIN, ED25519, START, None)
    told: list[Progress] = []
    rotation = Rotation(folder, TwoServers(), RetentionPeriods(), START)
    problems = asyncio.run(rotation.all(every=None, report=told.extend))
    assert [progress.managed_key.domain for progress in told] == [DOMAIN]
    assert [str(bad) in str(problem) for problem in problems] == [True]


def test_a_domain_that_another_program_leads_on_is_left_alone(
    folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(folder, DOMAIN, ED25519, START, None)
    with durable.locked(folder.path / DOMAIN), pytest.raises(durable.BusyError):
        run(folder, TwoServers())


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"domain": "example.org"}', "[1]", '{"state": "dead"}'],
)
def test_a_state_that_cannot_be_read_is_named(folder: KeyFolder, text: str) -> None:
    (folder.path / DOMAIN / "s.json").write_text(text)
    with pytest.raises(StateError, match=r"example\.org/s\.json"):
        folder.managed_keys(DOMAIN)


def test_the_state_of_another_key_is_refused(folder: KeyFolder) -> None:
    make_key(folder, DOMAIN, ED25519, START, None)
    state = folder.path / DOMAIN / "e20261124.json"
    state.rename(state.with_name("copy.json"))
    with pytest.raises(StateError, match=r"copy\.json: holds the state of e20261124"):
        folder.managed_keys(DOMAIN)


class Crash(BaseException):
    """What no program catches: as if the process were gone."""


class Saboteur:
    """Ends the program before or after its n-th change of a disk or of DNS."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, zones: TwoServers, at: int) -> None:
        self.count = 0
        self._at = at
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # no power is cut here, and it takes long
        for name in ("write_new", "write_over", "rename", "remove", "_write_draft"):
            monkeypatch.setattr(durable, name, self._wrapped(getattr(durable, name)))
        publish = self._wrapped(zones.publish)
        monkeypatch.setattr(zones, "publish", publish)

    def _wrapped(self, real: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object) -> object:
            self._tick()
            result = real(*arguments)
            self._tick()
            return result

        return wrapper

    def _tick(self) -> None:
        self.count += 1
        if self.count == self._at:
            raise Crash


PLAY = (0.0, 1.0, 2.0, 3.0, 20.0, 40.0, 60.0)
"""Days on which the timer runs; on the third a rotation begins."""


def play(folder: KeyFolder, zones: TwoServers, way: DynamicUpdate) -> Iterator[float]:
    """A key, and its successor, from the first day to the last; a run that crashes is made again a minute later."""
    for day in PLAY:
        moment = timedelta(days=day)
        while True:
            try:
                if day == 0 and not folder.managed_keys(DOMAIN):
                    make_key(folder, DOMAIN, ED25519, START, way)
                run(folder, zones, moment, every=timedelta(0) if day in (2.0, 3.0) else None)
                break
            except Crash:
                moment += timedelta(minutes=1)
                yield moment / DAY
        yield moment / DAY


def check_safe(folder: KeyFolder, zones: TwoServers) -> None:
    """What signs is published everywhere and has a state; no file is open to others."""
    for path in (folder.path / DOMAIN).glob("*.pem"):
        key = load_private_key(path.read_bytes())
        seen = asyncio.run(TwoServers.publication(zones, f"{path.stem}._domainkey.{DOMAIN}"))
        assert publication_state(key, seen).everywhere is PublishedState.RECORD, path
        assert (folder.path / DOMAIN / f"{path.stem}.json").exists()
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder.path / DOMAIN).iterdir())


def ends(folder: KeyFolder, zones: TwoServers) -> tuple[object, ...]:
    managed_keys: tuple[ManagedKey, ...] = folder.managed_keys(DOMAIN)
    names = sorted(path.suffix for path in (folder.path / DOMAIN).iterdir() if path.name != ".lock")
    return (
        [managed_key.state for managed_key in managed_keys],
        [managed_key.is_over for managed_key in managed_keys],
        names,
        len(zones.secondary),
    )


def test_a_crash_at_every_step_changes_nothing_in_the_end(tmp_path: Path, way: DynamicUpdate) -> None:
    at = steps = 0
    while at <= steps:
        folder, zones = KeyFolder(tmp_path / f"play{at}"), TwoServers()
        durable.make_folder(folder.path / DOMAIN)
        with pytest.MonkeyPatch.context() as monkeypatch:
            saboteur = Saboteur(monkeypatch, zones, at)
            for day in play(folder, zones, way):
                check_safe(folder, zones)
                assert not signers(folder) or day >= 1, (at, day)
                assert signers(folder) or day < 2, (at, day)
            if at == 0:
                steps = saboteur.count
        assert ends(folder, zones) == (
            [KeyState.REMOVED, KeyState.ACTIVE],
            [True, False],
            [".json", ".json", ".pem"],
            1,
        ), at
        at += 1
    assert steps > 40


def test_a_broken_private_key_is_an_error_that_names_it(folder: KeyFolder) -> None:
    managed_key = make_key(folder, DOMAIN, ED25519, START, None)
    folder.key_path(managed_key).write_text("no key")
    with pytest.raises(Error, match=r"e20261124\.pending"):
        run(folder, TwoServers())


def test_the_folder_finder_signs_with_active_keys_alone(folder: KeyFolder, way: DynamicUpdate) -> None:
    def found() -> list[str]:
        finder = FolderFinder(folder.path, KeyStore(folder.access))
        return [str(choice.key.selector) for choice in asyncio.run(finder.find(f"alice@{DOMAIN}"))]

    zones = TwoServers()
    make_key(folder, DOMAIN, ED25519, START, way)
    assert found() == []
    run(folder, zones)
    assert found() == []
    run(folder, zones, 1)
    assert found() == ["e20261124"]
    run(folder, zones, 2, every=timedelta(0))
    assert found() == ["e20261124"]
    run(folder, zones, 3)
    assert found() == ["e20261126"]
