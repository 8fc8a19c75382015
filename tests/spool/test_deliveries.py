"""The spool: what was accepted is there, whatever happens."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inalign.spool.deliveries import (
    Delivery,
    ItemUnreadable,
    QuarantineReason,
    Spool,
    SpoolFull,
    SpoolLimits,
    SpoolUnavailable,
)
from inalign.spool.provenance import Provenance
from tests.store.material import NOW

REASONS = [QuarantineReason("no_report", "nothing in it")]


def delivery(content: bytes = b"<feedback/>", **changes: str) -> Delivery:
    return Delivery(content=content, provenance=Provenance(source="test", received=NOW, **changes))


def test_item_comes_back_as_it_was_put(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    put = delivery(b"\n{}\0\r\n", name="r.xml", client_ip="192.0.2.1", helo="h", mail_from="", recipient="a@b")
    assert spool.read(spool.put(put)) == put
    assert list((tmp_path / "spool" / "new").iterdir()) == []


def test_first_line_is_the_provenance_and_an_unknown_name_in_it_is_ignored(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    line = b'{"name":"","source":"inbox","received":"2026-01-02T03:04:05Z","recipient":"a@b","later":1}\n'
    (tmp_path / "waiting" / "1-x").write_bytes(line + b"x\ny")
    received = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    expected = Provenance(source="inbox", received=received, recipient="a@b")
    assert spool.read("1-x") == Delivery(content=b"x\ny", provenance=expected)


def test_items_wait_in_the_order_they_came(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    names = [spool.put(delivery(b"%d" % number)) for number in range(5)]
    assert spool.waiting() == names
    spool.remove([names[0], "0-never-was"])
    assert spool.waiting() == names[1:]


@pytest.mark.parametrize("text", ["\0" * 5000, "\ud800\udfff" * 3000, "𝒳" * 5000, "\x1b[31m\n" * 900])
def test_hostile_envelope_is_kept_so_that_it_can_be_read(tmp_path: Path, text: str) -> None:
    spool = Spool(tmp_path)
    name = spool.put(delivery(b"x", name=text, helo=text, client_ip=text, mail_from=text, recipient=text))
    assert spool.read(name).content == b"x"
    spool.refuse(name, [QuarantineReason("no_report", text)])
    assert [each.id for each in spool.refused()] == [name]


@pytest.mark.parametrize("content", [b"", b"no json\nx", b'{"name": 1}\nx', b'{"name": "' + b"x" * 70_000])
def test_what_is_no_item_is_told_apart_from_a_disk_that_fails(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "waiting" / "1-x").write_bytes(content)
    with pytest.raises(ItemUnreadable):
        spool.read("1-x")
    spool.refuse("1-x", [QuarantineReason("spool", "unreadable")])
    (refused,) = spool.refused()
    assert (refused.id, refused.octets) == ("1-x", 0)
    spool.discard("1-x")
    assert list(spool.refused()) == []


def test_folder_among_the_items_is_no_item(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "waiting" / "1-x").mkdir()
    with pytest.raises(ItemUnreadable):
        spool.read("1-x")


def test_quarantine_is_shown_replayed_and_discarded(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    one, two = spool.put(delivery(name="one")), spool.put(delivery(name="two"))
    for name in (one, two):
        spool.refuse(name, REASONS)
    assert spool.waiting() == []
    assert [(each.name, each.reasons) for each in spool.refused()] == [("one", tuple(REASONS)), ("two", tuple(REASONS))]
    spool.replay(one)
    assert spool.waiting() == [one]
    assert spool.read(one).provenance.name == "one"
    spool.discard(two)
    assert list((tmp_path / "refused").iterdir()) == []
    for deed in (spool.replay, spool.discard):
        with pytest.raises(FileNotFoundError):
            deed(two)


@pytest.mark.parametrize("name", ["", ".", "..", "../waiting/1", "/etc/passwd", "a\0b", "x.json", "1 2"])
def test_name_from_a_user_is_a_name_of_the_quarantine_alone(tmp_path: Path, name: str) -> None:
    spool = Spool(tmp_path)
    for deed in (spool.replay, spool.discard):
        with pytest.raises(FileNotFoundError):
            deed(name)


def test_quarantine_is_forgotten_by_age_and_by_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolLimits(refused_octets=2500, free_octets=0))
    names = [spool.put(delivery(b"x" * 900)) for _ in range(4)]
    for name in names:
        spool.refuse(name, REASONS)
    now = datetime.now(UTC)
    assert spool.forget_refused(30, now) == 2  # the head of an item counts, too
    assert [each.id for each in spool.refused()] == names[2:]
    assert spool.forget_refused(0, now + timedelta(days=9999)) == 0
    assert spool.forget_refused(30, now + timedelta(days=31)) == 2


def test_full_spool_refuses_and_accepts_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolLimits(octets=1500, free_octets=0, look_seconds=0))
    name = spool.put(delivery(b"x" * 1000))
    for _ in range(3):
        with pytest.raises(SpoolFull):
            spool.put(delivery(b"x" * 1000))
    spool.remove([name])
    spool.put(delivery(b"x" * 1000))


def test_disk_that_is_nearly_full_is_left_to_the_store(tmp_path: Path) -> None:
    with pytest.raises(SpoolFull):
        Spool(tmp_path, SpoolLimits(free_octets=1 << 60)).put(delivery())


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "new").rmdir()
    with pytest.raises(SpoolUnavailable):
        spool.put(delivery())
    with pytest.raises(SpoolUnavailable):
        Spool(tmp_path / "waiting" / spool_file(tmp_path))


def spool_file(folder: Path) -> str:
    (folder / "waiting" / "file").touch()
    return "file"


def test_write_that_ends_in_the_middle_leaves_nothing_that_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolLimits(free_octets=0))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # as a disk on which no more fits
    try:
        with pytest.raises(SpoolFull):
            spool.put(delivery(b"x" * 20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert spool.waiting() == []
    assert list((tmp_path / "new").iterdir()) == []


def test_unfinished_items_are_cleared_when_they_are_old(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for name, age in (("old", 7200), ("young", 0)):
        (tmp_path / "new" / name).touch()
        os.utime(tmp_path / "new" / name, (time.time() - age,) * 2)
    assert spool.clear_unfinished() == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["young"]


PUTTING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from inalign.spool.deliveries import Delivery, Spool
spool = Spool(Path(sys.argv[1]))
while True:
    content = b"x" * 50_000
    name = spool.put(Delivery(content=content, provenance=Provenance(source="test", received=datetime.now(UTC))))
    sys.stdout.write(name + "\\n")
    sys.stdout.flush()
"""


def test_what_a_killed_process_acknowledged_is_there_whole(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", PUTTING, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(random.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        told += [line.decode().strip() for line in lines if line.endswith(b"\n")]
    spool = Spool(tmp_path)
    waiting = spool.waiting()
    assert set(told) <= set(waiting)
    assert all(len(spool.read(name).content) == 50_000 for name in waiting)  # those that were not told of, too
