"""DuckDB alone: one process, one file, whatever happens to either."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inalign.store.engine import duckdb
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import StoreBusy, StoreError, count
from inalign.store.engine.lock import StoreLock
from inalign.store.load.reports import LoadOutcome
from inalign.store.maintenance import Retention, forget
from inalign.store.schema.tables import COUNTERS
from tests.store.material import NOW, aggregate, record, store

SUM = " + ".join(f"sum({name})" for name in COUNTERS)
ROOT = str(Path(__file__).parents[3])


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[DuckDbEngine]:
    engine = DuckDbEngine(tmp_path / "store.duckdb", memory_mb=128)
    engine.migrate()
    yield engine
    engine.close()


def _child(code: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, cwd=ROOT)


OPENING = """
import sys
from pathlib import Path
from inalign.store.engine.duckdb import DuckDbEngine
engine = DuckDbEngine(Path(sys.argv[1]))
engine.migrate()
sys.stdout.write("open\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def test_store_that_is_open_elsewhere_names_the_process(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    child = subprocess.Popen(
        [sys.executable, "-c", OPENING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    try:
        with pytest.raises(StoreBusy, match=f"PID {child.pid}, .*inalign serve.*inalign ingest"):
            DuckDbEngine(path)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    DuckDbEngine(path).close()


def test_store_that_is_open_here_is_busy_and_stays_so(duck: DuckDbEngine, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(StoreBusy):
            DuckDbEngine(tmp_path / "store.duckdb")
    duck.close()
    again = DuckDbEngine(tmp_path / "store.duckdb")
    duck.close()  # once more lets go of nothing that is another's
    with pytest.raises(StoreBusy):
        StoreLock(tmp_path / "store.duckdb.lock")
    again.close()


def test_file_of_others_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "blocks.duckdb"
    path.write_bytes(b"lock" * 5000)
    with pytest.raises(StoreError) as caught:
        DuckDbEngine(path)
    assert not isinstance(caught.value, StoreBusy)
    assert path.read_bytes() == b"lock" * 5000
    with pytest.raises(StoreError):
        DuckDbEngine(tmp_path / "nowhere" / "store.duckdb")


def test_file_that_was_hardly_begun_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").touch()
    (tmp_path / "store.duckdb.compacting").write_bytes(b"half")
    engine = DuckDbEngine(tmp_path / "store.duckdb")
    engine.migrate()
    engine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store.duckdb", "store.duckdb.lock"]
    assert (tmp_path / "store.duckdb").stat().st_mode & 0o777 == 0o600


def test_closed_store_says_so(duck: DuckDbEngine) -> None:
    duck.close()
    for deed in (lambda: duck.query("SELECT 1"), duck.migrate, duck.compact):
        with pytest.raises(StoreError):
            deed()


def test_answer_that_is_too_long_is_refused(duck: DuckDbEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "MAX_ROWS", 10)
    assert len(duck.query("SELECT i FROM range(10) AS r(i)")) == 10
    with pytest.raises(StoreError, match="more than 10 rows"):
        duck.query("SELECT i FROM range(11) AS r(i)")


def test_query_that_needs_more_memory_fails_alone(duck: DuckDbEngine, tmp_path: Path) -> None:
    small = DuckDbEngine(tmp_path / "small.duckdb", memory_mb=16)
    small._connection.execute("SET max_temp_directory_size = '1MB'")
    with pytest.raises(StoreError):
        small.query(
            "SELECT max(length(x)) FROM (SELECT string_agg(md5(i::VARCHAR), '') AS x FROM range(3000000) AS r(i))"
        )
    assert small.query("SELECT 1") == [(1,)]
    small.close()


def test_full_disk_is_told_and_got_over(duck: DuckDbEngine, tmp_path: Path) -> None:
    store(duck, tmp_path, aggregate(record(count=3)))
    many = aggregate(
        *[record(f"10.{n >> 8}.{n & 255}.1", header_from=f"{n}.example") for n in range(20_000)], report_id="m"
    )
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))  # as a disk on which no more fits
    try:
        with pytest.raises((StoreError, OSError)):
            store(duck, tmp_path, many)
        assert count(duck, "SELECT sum(count) FROM records") == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert store(duck, tmp_path, many) == [LoadOutcome.STORED]
    assert count(duck, "SELECT sum(count) FROM records") == 20_003


def _grow_and_shrink(engine: DuckDbEngine, folder: Path) -> None:
    many = [record(f"10.{n >> 8}.{n & 255}.1", header_from=f"{n}.example") for n in range(15_000)]
    store(engine, folder, aggregate(*many, report_id="many", day=100), aggregate(record(count=5)))
    forget(engine, Retention(records=50, rollups=50), NOW, folder)


def test_compact_gives_room_back_and_keeps_all(duck: DuckDbEngine, tmp_path: Path) -> None:
    _grow_and_shrink(duck, tmp_path)
    duck._connection.execute("CHECKPOINT store")
    before = duck.size()
    duck.compact()
    assert duck.size() < before
    assert count(duck, "SELECT sum(count) FROM records") == 5
    assert store(duck, tmp_path, aggregate(record(count=5))) == [LoadOutcome.DUPLICATE]
    assert store(duck, tmp_path, aggregate(report_id="new")) == [LoadOutcome.STORED]
    duck.close()
    again = DuckDbEngine(tmp_path / "store.duckdb")
    again.migrate()
    assert count(again, "SELECT sum(count) FROM records") == 6
    again.close()


def test_readers_go_on_while_the_file_is_written_anew(duck: DuckDbEngine, tmp_path: Path) -> None:
    _grow_and_shrink(duck, tmp_path)
    ends = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not ends.is_set():
            try:
                wrong.extend([1] if count(duck, "SELECT sum(count) FROM records") != 5 else [])
            except StoreError as problem:
                wrong.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(3):
        duck.compact()
    ends.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_compact_gives_up_where_a_query_does_not_end(duck: DuckDbEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "EXCHANGE_SECONDS", 0.05)
    with duck._cursor(), pytest.raises(StoreError, match="does not end"):
        duck.compact()
    duck.compact()


def test_compact_that_fails_leaves_the_store_as_it_was(
    duck: DuckDbEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path, __: Path) -> Path:
        raise OSError(28, "No space left on device")

    store(duck, tmp_path, aggregate(record(count=5)))
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StoreError, match="No space left"):
        duck.compact()
    assert count(duck, "SELECT sum(count) FROM records") == 5
    assert not (tmp_path / "store.duckdb.compacting").exists()


COMPACTING = """
import sys
from pathlib import Path
from inalign.store.engine.duckdb import DuckDbEngine
engine = DuckDbEngine(Path(sys.argv[1]))
sys.stdout.write("open\\n")
sys.stdout.flush()
while True:
    engine.compact()
"""


def test_store_survives_a_compaction_that_is_killed(duck: DuckDbEngine, tmp_path: Path) -> None:
    _grow_and_shrink(duck, tmp_path)
    duck.close()
    for _ in range(4):
        child = _child(COMPACTING, str(tmp_path / "store.duckdb"))
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(random.random() * 0.3)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        again = DuckDbEngine(tmp_path / "store.duckdb")
        assert count(again, "SELECT sum(count) FROM records") == 5
        again.close()


LOADING = """
import sys
from pathlib import Path
from inalign.store.engine.duckdb import DuckDbEngine
from tests.store.material import aggregate, record, store
engine = DuckDbEngine(Path(sys.argv[1]) / "store.duckdb")
for number in range(int(sys.argv[2]), 100_000):
    reports = [aggregate(record(count=2), record("192.0.2.2", 3), report_id=f"{number}/{each}") for each in range(20)]
    store(engine, Path(sys.argv[1]), *reports)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_what_was_stored_before_a_kill_is_there_once_and_nothing_half(duck: DuckDbEngine, tmp_path: Path) -> None:
    duck.close()
    stored = -1
    for _ in range(4):
        child = _child(LOADING, str(tmp_path), str(max(0, stored)))  # what was told is loaded again
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(random.random() * 0.2)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        stored = max([stored, *(int(line) for line in lines if line.endswith(b"\n"))])
        again = DuckDbEngine(tmp_path / "store.duckdb")
        reports = count(again, "SELECT count(*) FROM reports")
        assert reports % 20 == 0
        assert reports // 20 in (stored + 1, stored + 2)  # a batch may be stored and not told of
        for sums in ("sum(count) FROM records", f"{SUM} FROM domain_rollups", "sum(messages) FROM reports"):
            assert count(again, f"SELECT {sums}") == 5 * reports
        again.close()
