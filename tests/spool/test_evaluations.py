"""Segments: what was written is there whoever dies, is taken by one at a time, and trouble costs lines and not mail."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inalign.spool import evaluations
from inalign.spool.evaluations import (
    Segment,
    SegmentError,
    SegmentLimits,
    SegmentWriter,
    make_segment_folder,
    measure,
    run_sync,
    take_closed,
)
from tests.process.milter_service import SOURCE

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


def sync(writer: SegmentWriter) -> None:
    writer.finish_sync(run_sync(writer.start_sync()))


def taken(folder: Path) -> list[bytes]:
    """All lines of closed segments, which stay."""
    found = []
    for segment in take_closed(folder):
        with segment:
            found += [octets for _, octets in segment.lines()]
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is logged."""
    found: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    log, keeper = logging.getLogger("inalign"), Keeper()
    level = log.level
    log.addHandler(keeper)
    log.setLevel(logging.INFO)
    yield found
    log.removeHandler(keeper)
    log.setLevel(level)


def test_lines_are_there_before_anything_else_happens(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    for number in range(3):
        assert writer.append(line(number))
    (path,) = files(tmp_path)
    assert path.read_bytes() == line(0) + line(1) + line(2)
    assert path.stat().st_mode & 0o777 == 0o600
    writer.close()


def test_a_segment_is_taken_only_when_its_writer_has_left_it(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(line(1))
    sync(writer)
    assert taken(tmp_path) == []
    writer.close()
    assert taken(tmp_path) == [line(1)]


def test_names_of_lines_are_the_same_whenever_they_are_taken(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    for number in range(3):
        writer.append(line(number))
    writer.close()
    names = []
    for _ in range(2):
        (segment,) = take_closed(tmp_path)
        with segment:
            names.append([name for name, _ in segment.lines()])
    assert names[0] == names[1]
    assert len(set(names[0])) == 3


def test_one_at_a_time_takes_a_segment(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(line(1))
    writer.close()
    with next(take_closed(tmp_path)) as first:
        assert list(take_closed(tmp_path)) == []
        first.remove()
    assert files(tmp_path) == []


def test_segments_come_oldest_first(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, SegmentLimits(segment_octets=1))
    for number in range(5):
        writer.append(line(number))
        time.sleep(0.002)
    writer.close()
    assert taken(tmp_path) == [line(number) for number in range(5)]
    assert measure(tmp_path) == (5, 5 * len(line(0)))


def test_a_segment_ends_by_size(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, SegmentLimits(segment_octets=2 * len(line(0))))
    for number in range(5):
        writer.append(line(number))
    sync(writer)
    assert taken(tmp_path) == [line(number) for number in range(4)]
    writer.close()


def test_a_segment_ends_by_age(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, SegmentLimits(segment_seconds=0.0))
    writer.append(line(1))
    sync(writer)
    assert taken(tmp_path) == [line(1)]
    writer.append(line(2))
    writer.close()
    assert len(files(tmp_path)) == 2


def test_where_nobody_takes_them_segments_are_fewer(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, SegmentLimits(segment_seconds=0.0, many=2, measure_seconds=0.0))
    for number in range(6):
        writer.append(line(number))
        sync(writer)
    assert len(files(tmp_path)) == 3
    writer.close()


def test_without_lines_there_is_no_segment(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    sync(writer)
    writer.close()
    assert files(tmp_path) == []


@pytest.mark.parametrize("cut", [1, 2, len(line(2)) - 1])
def test_a_torn_last_line_is_skipped_and_counted(tmp_path: Path, cut: int) -> None:
    writer = SegmentWriter(tmp_path)
    for number in range(3):
        writer.append(line(number))
    writer.close()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    with next(take_closed(tmp_path)) as segment:
        assert [octets for _, octets in segment.lines()] == [line(0), line(1)]
        assert segment.torn == 1


def test_zeros_that_a_power_cut_leaves_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "1.ndjson").write_bytes(line(1) + bytes(3 * evaluations.MAX_LINE_OCTETS))
    with next(take_closed(tmp_path)) as segment:
        assert [octets for _, octets in segment.lines()] == [line(1)]
        assert segment.torn == 1


def test_lines_behind_one_that_is_far_too_long_keep_their_places(tmp_path: Path) -> None:
    long = b"x" * (3 * evaluations.MAX_LINE_OCTETS) + b"\n"
    (tmp_path / "1.ndjson").write_bytes(long + line(1))
    with next(take_closed(tmp_path)) as segment:
        assert list(segment.lines()) == [(f"1-{len(long)}", line(1))]
        assert segment.torn == 1


WRITER = """
import sys
from pathlib import Path
from inalign.spool.evaluations import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]))
number = 0
while True:
    assert writer.append(b'{"n":%d}\\n' % number)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(SOURCE)}) as process:
        assert process.stdout is not None
        last = [int(process.stdout.readline()) for _ in range(500)][-1]
        assert taken(tmp_path) == []  # it lives
        process.kill()
        last = max([last, *(int(word) for word in process.stdout.read().split()[:-1])])
    found = taken(tmp_path)
    assert found == [line(number) for number in range(len(found))]
    assert len(found) > last


def test_a_new_segment_that_is_taken_for_a_left_one_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its making and its lock, whoever looks for segments sees an empty one that nobody holds."""
    real = os.open

    def open_and_be_overtaken(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        if flags & os.O_CREAT and len(files(tmp_path)) == 1:
            monkeypatch.setattr(os, "open", real)
            assert list(take_closed(tmp_path)) == []
            assert files(tmp_path) == []
        return descriptor

    monkeypatch.setattr(os, "open", open_and_be_overtaken)
    writer = SegmentWriter(tmp_path)
    assert writer.append(line(1))
    writer.close()
    assert taken(tmp_path) == [line(1)]


def test_many_writers_and_a_taker_lose_nothing(tmp_path: Path) -> None:
    found: list[bytes] = []
    is_over = threading.Event()

    def take() -> None:
        while not is_over.is_set() or files(tmp_path):
            for segment in take_closed(tmp_path):
                with segment:
                    found.extend(octets for _, octets in segment.lines())
                    segment.remove()

    def write(first: int) -> None:
        writer = SegmentWriter(tmp_path, SegmentLimits(segment_octets=40))
        for number in range(first, first + 300):
            assert writer.append(line(number))
            if number % 7 == 0:
                sync(writer)
        writer.close()

    taker = threading.Thread(target=take)
    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1000, 2000)]
    taker.start()
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    is_over.set()
    taker.join()
    assert sorted(found) == sorted(line(first + number) for first in (0, 1000, 2000) for number in range(300))


def test_a_full_disk_costs_lines_and_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(line(0))

    def full(descriptor: int, octets: bytes) -> int:
        raise NO_SPACE

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        for number in range(1, 10):
            assert not writer.append(line(number))
            if number % 3 == 0:
                sync(writer)
    assert len(logged) == 1
    assert "No space left on device; mail goes on without them" in logged[0]
    sync(writer)
    assert writer.append(line(10))
    assert logged[1:] == ["records of messages are written again; 9 were dropped so far"]
    assert (writer.written, writer.dropped) == (2, 9)
    writer.close()
    assert taken(tmp_path) == [line(0), line(10)]
    assert len(files(tmp_path)) == 2  # of the segments that held nothing, nothing is left


def test_a_disk_that_is_full_is_not_asked_for_every_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def full(descriptor: int, octets: bytes) -> int:
        asked.append(octets)
        raise NO_SPACE

    monkeypatch.setattr(os, "write", full)
    writer = SegmentWriter(tmp_path)
    for number in range(100):
        writer.append(line(number))
    assert len(asked) == 1
    sync(writer)
    writer.append(line(1))
    assert len(asked) == 2


def test_a_line_that_is_written_in_part_ends_its_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(line(0))
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, octets: real(descriptor, octets[:4]))
        assert not writer.append(line(1))
    sync(writer)
    assert writer.append(line(2))
    writer.close()
    assert taken(tmp_path) == [line(0), line(2)]


def test_a_folder_that_vanished_costs_lines(tmp_path: Path, logged: list[str]) -> None:
    folder = tmp_path / "gone"
    writer = SegmentWriter(folder)
    assert not writer.append(line(1))
    sync(writer)
    make_segment_folder(folder)
    assert writer.append(line(2))
    writer.close()
    assert taken(folder) == [line(2)]
    assert len(logged) == 2


def test_an_fsync_that_fails_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(line(1))

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        sync(writer)
    assert [words.partition(": ")[2] for words in logged] == ["Input/output error; mail goes on without them"]
    writer.close()


def test_every_second_lines_are_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - no path
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    writer = SegmentWriter(tmp_path)
    writer.append(line(1))
    sync(writer)
    (path,) = files(tmp_path)
    assert synced == [str(path), str(tmp_path)]  # its name, too
    sync(writer)
    assert len(synced) == 2  # nothing new
    writer.append(line(2))
    sync(writer)
    assert synced[2:] == [str(path)]
    writer.close()
    assert synced[3:] == [str(path)]


def test_beyond_the_limit_of_the_folder_lines_are_dropped(tmp_path: Path, logged: list[str]) -> None:
    writer = SegmentWriter(
        tmp_path, SegmentLimits(folder_octets=3 * len(line(0)), measure_seconds=0.0, segment_seconds=0)
    )
    for number in range(3):
        assert writer.append(line(number))
    sync(writer)
    assert not writer.append(line(3))
    sync(writer)
    assert not writer.append(line(4))
    assert writer.dropped == 2
    assert len(logged) == 1
    for segment in take_closed(tmp_path):
        with segment:
            segment.remove()
    sync(writer)
    assert writer.append(line(5))
    assert logged[1:] == ["records of messages are written again; 2 were dropped so far"]
    writer.close()


def test_a_line_that_is_too_long_is_dropped(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    assert not writer.append(b"x" * (evaluations.MAX_LINE_OCTETS + 1))
    assert writer.append(line(1))
    writer.close()


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x")
    (tmp_path / "link.ndjson").symlink_to(tmp_path / "README")
    assert list(take_closed(tmp_path)) == []
    assert (tmp_path / "README").read_text() == "x"


def test_the_folder_is_made_with_those_above(tmp_path: Path) -> None:
    make_segment_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    make_segment_folder(tmp_path / "a" / "b")


def test_a_file_in_its_place_is_logged(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(SegmentError, match="not a folder"):
        make_segment_folder(tmp_path / "a")
    with pytest.raises(SegmentError, match="a/b"):
        make_segment_folder(tmp_path / "a" / "b")


def test_an_empty_segment_of_the_dead_is_removed(tmp_path: Path) -> None:
    (tmp_path / "1.ndjson").touch()
    assert list(take_closed(tmp_path)) == []
    assert files(tmp_path) == []


def test_a_segment_may_be_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "1.ndjson").write_bytes(line(1))
    for _ in range(2):
        with next(take_closed(tmp_path)) as segment:
            assert isinstance(segment, Segment)
            assert [octets for _, octets in segment.lines()] == [line(1)]
