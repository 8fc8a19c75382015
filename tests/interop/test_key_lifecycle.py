"""A rotation against a real primary with dynamic update and a real secondary that lags, killed at each step."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inalign import durable
from inalign.cli import key as key_command
from inalign.cli import main
from inalign.dkim.crypto import load_private_key
from inalign.keys.lifecycle.tsig import TsigKey
from inalign.keys.lifecycle.zone_servers import ZoneServers
from inalign.keys.lifecycle.zone_text import KeyRecordChange
from tests.helpers import NOW
from tests.interop.knot import ADDRESSES, PRIMARY, Knots, names

ROOT = Path(__file__).parents[2]
WILDCARD = '*.wild TXT "v=spf1 -all"\nbroken._domainkey TXT "v=DKIM1; k=rsa; t=y; p="\n'


@pytest.fixture(scope="module")
def knots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knots]:
    started = Knots(tmp_path_factory.mktemp("knot"), more=WILDCARD)
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def place(tmp_path: Path, knots: Knots, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of keys; the commands ask our servers."""
    (tmp_path / "inalign.toml").write_text(f'[dns]\nservers = ["{knots.cache.address}"]\n[sign]\nfolder = "keys"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(key_command, "ZoneServers", partial(ZoneServers, port=knots.port))
    knots.follow()
    return tmp_path / "keys"


def inalign(*words: str | Path, days: float | None = None) -> Result:
    when = ["--now", (NOW + timedelta(days=days)).isoformat()] if days is not None else []
    return CliRunner().invoke(main, ["key", *map(str, words), *when], catch_exceptions=False)


def signers(place: Path) -> list[Path]:
    return sorted(place.glob("example.org/*.pem"))


def check_safe(place: Path, knots: Knots) -> None:
    """What signs is held by every server."""
    for path in signers(place):
        public = load_private_key(path.read_bytes()).public_text()
        for address in ADDRESSES:
            (text,) = knots.texts(f"{path.stem}._domainkey.example.org", address)
            assert text.endswith(f"p={public}")


def test_a_rotation_from_the_first_day_to_the_last(place: Path, knots: Knots) -> None:
    update = ("--update", f"127.0.0.1:{knots.port}", "--tsig", knots.tsig_file)
    first = inalign("new", "example.org", "--ed25519", *update, days=0)
    assert first.exit_code == 1, first.output  # one of the servers has it yet
    assert "lagging" in first.output
    assert "ns2.example.org with serial" in first.output
    assert [len(knots.texts(f"{name}._domainkey.example.org")) for name in ("r20261124", "e20261124")] == [1, 1]

    knots.follow()
    assert inalign("rotate", "--all", days=1).exit_code == 0
    assert signers(place) == []
    assert inalign("rotate", "--all", days=1 + 301 / 86_400).exit_code == 0
    assert [path.stem for path in signers(place)] == ["e20261124", "r20261124"]
    assert inalign("check", "example.org").exit_code == 0

    second = inalign("rotate", "example.org", days=100)
    assert second.exit_code == 1
    inalign("rotate", "--all", days=101)
    assert [path.stem for path in signers(place)] == ["e20261124", "r20261124"]
    knots.follow()
    inalign("rotate", "--all", days=102)
    inalign("rotate", "--all", days=103)
    assert [path.stem for path in signers(place)] == ["e20270304", "r20270304"]
    check_safe(place, knots)
    table = inalign("list").output
    assert "retiring" in table
    assert "revoked from 2027-03-21 12:00 UTC on" in table

    inalign("rotate", "--all", days=117)
    assert knots.texts("r20261124._domainkey.example.org") == ["v=DKIM1; k=rsa; p="]
    assert inalign("check").exit_code == 1  # the secondary has the old record still
    knots.follow()
    inalign("rotate", "--all", days=118)
    inalign("rotate", "--all", days=132)
    assert knots.texts("r20261124._domainkey.example.org") == []
    knots.follow()
    inalign("rotate", "--all", days=133)
    assert inalign("check").exit_code == 0
    assert sorted(path.name for path in place.glob("example.org/[!.]*")) == [
        "e20261124.json",
        "e20270304.json",
        "e20270304.pem",
        "r20261124.json",
        "r20270304.json",
        "r20270304.pem",
    ]
    assert "_domainkey" not in " ".join(names(knots.cache))


def test_a_person_publishes_with_nsupdate(place: Path, knots: Knots) -> None:
    made = inalign("new", "example.org", "--selector", "byhand", "--bits", "4096", "--nsupdate", days=0)
    assert "update delete byhand._domainkey.example.org. TXT" in made.stdout
    knots.nsupdate(made.stdout)
    knots.follow()
    assert "byhand._domainkey.example.org: now published" in inalign("rotate", "example.org", days=0).output
    inalign("rotate", "example.org", days=1)
    check_safe(place, knots)
    assert [path.stem for path in signers(place)] == ["byhand"]


def test_a_record_that_another_made_stays(place: Path, knots: Knots) -> None:
    update = ("--update", "ns1.example.org", "--tsig", knots.tsig_file)
    assert inalign("new", "example.org", "--selector", "broken", *update, days=0).exit_code == 1
    assert knots.texts("broken._domainkey.example.org") == ["v=DKIM1; k=rsa; t=y; p="]


def test_a_wrong_tsig_key_is_named(place: Path, knots: Knots, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.touch(0o600)
    wrong.write_text("hmac-sha256:inalign.:d3Jvbmc=\n")
    result = inalign(
        "new", "example.org", "--update", f"127.0.0.1:{knots.port}", "--tsig", wrong, "--selector", "w", days=0
    )
    assert result.exit_code == 1
    assert "the update of w._domainkey.example.org failed" in result.output
    assert "d3Jvbmc" not in result.output


KILLER = """
import os, signal, sys
from functools import partial
from inalign.cli import key, main
from inalign import durable
from inalign.keys.lifecycle.zone_servers import ZoneServers

port, at = int(sys.argv[1]), int(sys.argv[2])
count = 0

def tick():
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)

def wrapped(real):
    def wrapper(*arguments):
        tick()
        result = real(*arguments)
        tick()
        return result
    return wrapper

for name in ("write_new", "write_over", "rename", "remove", "_write_draft"):
    setattr(durable, name, wrapped(getattr(durable, name)))

class Zones(ZoneServers):
    async def update(self, *arguments, **named):
        tick()
        await super().update(*arguments, **named)
        tick()

key.ZoneServers = partial(Zones, port=port)
main(sys.argv[3:])
"""


def test_the_acl_of_the_page_allows_nothing_but_records_of_keys(knots: Knots) -> None:
    page = (ROOT / "docs" / "keys.md").read_text("utf-8")
    (shown,) = re.findall(r"^    - id: inalign\n((?:      .+\n)+)", page, re.MULTILINE)
    assert all(f"    {line.strip()}\n" in PRIMARY for line in shown.splitlines())
    knots.nsupdate(
        'update add one._domainkey.example.org. 60 TXT "x"\nsend\nupdate delete one._domainkey.example.org. TXT\nsend'
    )
    for refused in ('www.example.org. 60 TXT "x"', "two._domainkey.example.org. 60 A 192.0.2.1"):
        with pytest.raises(subprocess.CalledProcessError):
            knots.nsupdate(f"update add {refused}\nsend")


class Crash(BaseException):
    """What no program catches: as if the process were gone."""


Attempt = Callable[[Sequence[str], int], bool]
"""Runs a command, for the n-th time, and ends it in its midst; whether it was ended."""


def killed(knots: Knots) -> Attempt:
    """By SIGKILL, in a process of its own, some steps later each time."""

    def attempt(words: Sequence[str], times: int) -> bool:
        at = 3 + 5 * times
        done = subprocess.run(
            [sys.executable, "-c", KILLER, str(knots.port), str(at), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1, -signal.SIGKILL), done.stderr.decode()
        assert b"ImportError" not in done.stderr, done.stderr.decode()
        return done.returncode == -signal.SIGKILL

    return attempt


def crashed(knots: Knots) -> Attempt:
    """By what no code catches, after the first change that no run before was ended by: so none is left out."""
    done: set[object] = set()

    def end(*change: object) -> None:
        if change not in done:
            done.add(change)
            raise Crash

    def wrapped(name: str) -> Callable[..., object]:
        real: Callable[..., object] = getattr(durable, name)

        def wrapper(path: Path, *arguments: object) -> object:
            result = real(path, *arguments)
            # a private key is another one each time that it is made
            end(name, path, *(arguments if path.suffix == ".json" else ()))
            return result

        return wrapper

    class Zones(ZoneServers):
        async def update(self, change: KeyRecordChange, server: str, tsig: TsigKey, *, is_new: bool) -> None:
            await super().update(change, server, tsig, is_new=is_new)
            end("update", change)

    def attempt(words: Sequence[str], times: int) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("write_new", "write_over", "rename", "remove", "_write_draft"):
                patch.setattr(durable, name, wrapped(name))
            patch.setattr(key_command, "ZoneServers", partial(Zones, port=knots.port))
            try:
                result = CliRunner().invoke(main, list(words), catch_exceptions=False)
            except Crash:
                return True
        assert result.exit_code in (0, 1), result.output
        return False

    return attempt


@pytest.mark.parametrize(("way", "least"), [(killed, 5), (crashed, 20)])
def test_ended_at_each_step_of_a_rotation(
    place: Path, knots: Knots, way: Callable[[Knots], Attempt], least: int
) -> None:
    """Each run comes further than the one before, until one comes to its end; on every day that matters."""
    attempt = way(knots)
    selector = f"first-{way.__name__}"
    knots.nsupdate("update delete r20261126._domainkey.example.org. TXT\nsend")
    made = inalign("new", "example.org", "--selector", selector, "--nsupdate", days=0)
    knots.nsupdate(made.stdout)
    knots.follow()
    inalign("rotate", "example.org", days=0)
    inalign("rotate", "example.org", days=1)
    update = ["--update", f"127.0.0.1:{knots.port}", "--tsig", str(knots.tsig_file)]
    ends = 0
    one = ["example.org"]
    for day, more in ((2, [*one, *update]), (3, one), (4, one), (20, ["--all"]), (21, ["--all"]), (40, ["--all"])):
        words = ["key", "rotate", *more, "--now", (NOW + timedelta(days=day)).isoformat()]
        for times in range(60):
            was_ended = attempt(words, times)
            check_safe(place, knots)
            assert signers(place), (day, times)
            if not was_ended:
                break
            ends += 1
        knots.follow()
    assert ends > least
    assert [path.stem for path in signers(place)] == ["r20261126"]
    assert knots.texts(f"{selector}._domainkey.example.org") == []
    inalign("rotate", "--all", days=41)
    assert sorted(path.name for path in place.glob("example.org/[!.]*")) == [
        f"{selector}.json",
        "r20261126.json",
        "r20261126.pem",
    ]
