"""The control state: read by several, written by several, told when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.store.state.control import RESULT_SECONDS, Control, ControlError
from inalign.store.state.intake_sources import SourceRecord


def test_what_is_written_is_read_by_another(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    one, two = Control(path), Control(path)
    one.write_source(SourceRecord(name="b", kind="imap"))
    two.write_source(SourceRecord(name="a", kind="folder"))
    two.write_source(SourceRecord(name="b", kind="folder"))
    assert [(each.name, each.kind) for each in one.sources()] == [("a", "folder"), ("b", "folder")]
    assert one.read_source("b") == SourceRecord(name="b", kind="folder")
    assert one.read_source("'; --") is None
    assert path.stat().st_mode & 0o777 == 0o600
    one.close()
    two.close()


def test_receipts_are_forgotten_after_a_day(tmp_path: Path) -> None:
    control = Control(tmp_path / "control.sqlite")
    control.write_results({str(number): b"{}" for number in range(1200)}, 1000.0)
    assert len(control.read_results([str(number) for number in range(2000)])) == 1200
    control.write_results({"new": b"[]"}, 1001.0 + RESULT_SECONDS)
    assert control.read_results(["1", "new"]) == {"new": b"[]"}
    control.close()


def test_newer_form_other_files_and_missing_folders_are_told(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    control = Control(path)
    control._connection.execute("PRAGMA user_version = 99")
    control.close()
    with pytest.raises(ControlError, match="newer version of Inalign"):
        Control(path)
    (tmp_path / "other").write_bytes(b"no database at all" * 100)
    for place in (tmp_path / "other", tmp_path / "nowhere" / "x", tmp_path):
        with pytest.raises(ControlError):
            Control(place)
    with pytest.raises(ControlError):
        control.sources()
    with pytest.raises(ControlError):
        control.write_source(SourceRecord(name="a", kind="imap"))


def test_backup_is_a_whole_copy_of_what_is_open(tmp_path: Path) -> None:
    control = Control(tmp_path / "control.sqlite")
    control.write_source(SourceRecord(name="a", kind="imap"))
    control.backup(tmp_path / "copy.sqlite")
    with pytest.raises(ControlError):
        control.backup(tmp_path / "nowhere" / "copy")
    control.close()
    copy = Control(tmp_path / "copy.sqlite")
    assert [each.name for each in copy.sources()] == ["a"]
    copy.close()
