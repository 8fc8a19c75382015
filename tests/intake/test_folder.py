"""A watched folder: what is taken from it, when, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Literal

import pytest

from inalign.intake.folder import Folder, FolderOptions
from inalign.spool.deliveries import SpoolFull
from tests.intake.material import ListSpool, running, until


def folder(path: Path, *, after: Literal["move", "delete"] = "move") -> Folder:
    return Folder(
        FolderOptions(name="inbox", path=path, after=after, poll_seconds=0.05, settle_seconds=0.05, max_bytes=1000)
    )


def test_files_are_taken_and_moved_away(tmp_path: Path) -> None:
    async def case() -> None:
        (tmp_path / "a.xml").write_bytes(b"one")
        spool = ListSpool()
        async with running(folder(tmp_path), spool) as desk:
            assert [(each.provenance.name, each.content) for each in spool.taken] == [("a.xml", b"one")]
            (tmp_path / "a.xml").write_bytes(b"two")
            await until(lambda: len(spool.taken) == 2 and not (tmp_path / "a.xml").exists())
            assert desk.record.taken == 2
        assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["a.xml", "a.xml.1"]

    asyncio.run(case())


def test_of_a_maildir_new_is_read_and_files_may_be_deleted(tmp_path: Path) -> None:
    async def case() -> None:
        for name in ("new", "cur", "tmp"):
            (tmp_path / name).mkdir()
        (tmp_path / "new" / "1.a.host").write_bytes(b"mail")
        (tmp_path / "cur" / "0.a.host:2,S").write_bytes(b"old")
        spool = ListSpool()
        async with running(folder(tmp_path, after="delete"), spool):
            assert [each.content for each in spool.taken] == [b"mail"]
        assert list((tmp_path / "new").iterdir()) == []

    asyncio.run(case())


def test_what_is_being_written_waits(tmp_path: Path) -> None:
    async def case() -> None:
        spool = ListSpool()
        source = folder(tmp_path)
        with (tmp_path / "a.xml").open("wb") as file:
            desk = spool.desk(source)
            task = asyncio.create_task(source.run(desk))
            for _ in range(20):
                file.write(b"x")
                file.flush()
                await asyncio.sleep(0.02)
                assert not spool.taken
        await until(lambda: len(spool.taken) == 1)
        assert spool.taken[0].content == b"x" * 20
        task.cancel()

    asyncio.run(case())


def test_names_of_unfinished_files_links_and_folders_are_passed_by(tmp_path: Path) -> None:
    async def case() -> None:
        for name in (".hidden", "a.tmp", "b.part"):
            (tmp_path / name).write_bytes(b"x")
        (tmp_path / "link").symlink_to("/etc/hostname")
        (tmp_path / "sub").mkdir()
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "good").write_bytes(b"good")
        spool = ListSpool()
        async with running(folder(tmp_path), spool):
            await until(lambda: bool(spool.taken))
        assert [each.provenance.name for each in spool.taken] == ["good"]

    asyncio.run(case())


def test_one_bad_file_is_told_once_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    async def case() -> None:
        (tmp_path / "large").write_bytes(b"x" * 2000)
        (tmp_path / "bug").write_bytes(b"bug")
        (tmp_path / "good").write_bytes(b"good")
        spool = ListSpool()
        spool.refuse = lambda delivery: ValueError("a bug") if delivery.provenance.name == "bug" else None
        tries: list[str] = []
        async with running(folder(tmp_path), spool) as desk:
            spool.refuse = lambda delivery: tries.append(delivery.provenance.name)
            assert [each.provenance.name for each in spool.taken] == ["good"]
            first = desk.record.last_run
            await until(lambda: desk.record.last_run != first and desk.record.phase == "waiting")
            assert desk.record.left == 2
            assert tries == []
            (tmp_path / "large").write_bytes(b"small now")
            await until(lambda: tries == ["large"])

    asyncio.run(case())


def test_while_the_spool_is_full_files_stay(tmp_path: Path) -> None:
    async def case() -> None:
        (tmp_path / "a").write_bytes(b"a")
        spool = ListSpool()
        spool.refuse = lambda _: SpoolFull("1 GB")
        source = folder(tmp_path)
        with pytest.raises(SpoolFull):
            await source.run(spool.desk(source))
        assert (tmp_path / "a").exists()
        assert await source.test() == [f"{tmp_path}: 1 files", "a"]

    asyncio.run(case())
