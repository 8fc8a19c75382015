from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from inalign import durable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def lax_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_and_folders_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path, lax_umask: object) -> None:
    folder = tmp_path / "keys" / "example.org"
    durable.make_folder(folder)
    durable.write_new(folder / "a.pem", b"x")
    durable.write_over(folder / "a.json", b"x")
    assert [mode(path) for path in (folder.parent, folder, folder / "a.pem", folder / "a.json")] == [0o700] * 2 + [
        0o600
    ] * 2


def test_no_moment_shows_a_file_to_others(tmp_path: Path, lax_umask: object, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        seen.extend(mode(path) for path in tmp_path.iterdir())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    durable.write_new(tmp_path / "a.pem", b"x")
    durable.rename(tmp_path / "a.pem", tmp_path / "b.pem")
    assert seen
    assert set(seen) == {0o600}


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    durable.write_new(tmp_path / "a.pem", b"first")
    with pytest.raises(FileExistsError):
        durable.write_new(tmp_path / "a.pem", b"second")
    assert (tmp_path / "a.pem").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.pem"]


def test_what_a_crash_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".a.json.new").write_bytes(b"half of wh")
    durable.write_over(tmp_path / "a.json", b"whole")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.json", b"whole")]


def test_a_link_in_the_place_of_the_draft_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / ".a.pem.new").symlink_to(tmp_path / "elsewhere")
    durable.write_new(tmp_path / "a.pem", b"secret")
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"


def test_one_program_at_a_time(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from inalign.durable import locked\n"
            "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(durable.__file__).parents[1])},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(durable.BusyError, match="another inalign"), durable.locked(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with durable.locked(tmp_path):  # it went with the process
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    durable.make_folder(tmp_path / "example.org")
    durable.write_new(tmp_path / "example.org" / "a.pem", b"x")
    status = (tmp_path / "example.org" / "a.pem").stat()
    assert (status.st_uid, status.st_gid) == (12345, 12346)
