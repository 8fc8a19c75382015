"""`inalign store`, as it is typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inalign.cli import main
from inalign.settings.file import read_config
from inalign.spool.deliveries import Delivery, Spool
from inalign.spool.provenance import Provenance
from inalign.store.folders import become_owner
from inalign.wiring.store import open_store
from tests.store.material import NOW, aggregate, record, store


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "inalign.toml"
    path.write_text('[store]\nfolder = "kept"\n')
    engine = open_store(read_config(path))
    for domain in ("example.com", "bücher.example", "xn--bcher-kva.example"):
        store(engine, tmp_path, aggregate(record(header_from=domain, count=3), domain=domain))
    engine.close()
    return path


def inalign(config: Path, *words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["store", *words, "--config", str(config)], input=typed)


def test_stats(config: Path) -> None:
    shown = inalign(config, "stats")
    assert shown.exit_code == 0, shown.output
    assert "9 messages in aggregate reports, 2026-11-19 to 2026-11-19\n" in shown.output
    found = json.loads(inalign(config, "stats", "--json").output)
    assert (found["rows"]["reports"], found["messages"]) == (3, 9)


def test_backup_and_restore(config: Path, tmp_path: Path) -> None:
    made = inalign(config, "backup", str(tmp_path / "copy"))
    assert made.exit_code == 0, made.output
    assert made.output.startswith(f"Backed up to {tmp_path}/copy: 10 files, ")
    refused = inalign(config, "restore", str(tmp_path / "copy"))
    assert refused.exit_code == 2
    assert "not empty" in refused.output
    other = tmp_path / "other.toml"
    other.write_text('[store]\nfolder = "elsewhere"\n')
    restored = inalign(other, "restore", str(tmp_path / "copy"))
    assert restored.output.endswith(": 3 reports.\n")
    assert json.loads(inalign(other, "stats", "--json").output)["messages"] == 9


def test_compact(config: Path) -> None:
    done = inalign(config, "compact")
    assert done.exit_code == 0, done.output
    assert " before, " in done.output


def test_purge_asks_for_the_domain_again(config: Path) -> None:
    other = inalign(config, "purge", "example.com", typed="example.org\n")
    assert other.exit_code == 1
    assert "nothing was deleted" in other.output
    done = inalign(config, "purge", "example.com", typed="Example.COM\n")
    assert "Deleted 1 reports of example.com" in done.output
    assert json.loads(inalign(config, "stats", "--json").output)["rows"]["reports"] == 2


def test_purge_knows_both_forms_of_a_name_and_says_what_it_did_not_see(config: Path, tmp_path: Path) -> None:
    Spool(tmp_path / "kept" / "spool").put(Delivery(content=b"x", provenance=Provenance(source="test", received=NOW)))
    done = inalign(config, "purge", "Bücher.example", "--yes")
    assert "Deleted 2 reports of xn--bcher-kva.example" in done.output
    assert "1 items that wait to be loaded, 0 in quarantine" in done.output
    assert "bcher" not in str((tmp_path / "kept" / "store.duckdb").read_bytes())


def test_store_that_is_open_elsewhere_says_what_to_do(config: Path) -> None:
    engine = open_store(read_config(config))
    busy = inalign(config, "stats")
    engine.close()
    assert busy.exit_code == 2
    assert "has the store open" in busy.output


def test_name_that_is_none_is_refused(config: Path) -> None:
    assert inalign(config, "purge", "..", "--yes").exit_code == 2


def test_root_goes_on_as_whom_the_folder_belongs_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[object, ...]] = []
    for deed in ("chown", "setgroups", "setresgid", "setresuid"):
        monkeypatch.setattr(os, deed, lambda *words, deed=deed, **_: done.append((deed, *words)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    real = Path.stat
    owned = os.stat_result((0o40700, 1, 1, 1, 990, 991, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda path, **how: owned if path == tmp_path else real(path, **how))
    become_owner(tmp_path, tmp_path / "new")
    assert done == [
        ("chown", tmp_path / "new", 990, 991),
        ("setgroups", []),
        ("setresgid", 991, 991, 991),
        ("setresuid", 990, 990, 990),
    ]
    assert (tmp_path / "new").is_dir()
    done.clear()
    become_owner(tmp_path / "new")  # root's own
    assert done == [] or os.getuid() != 0
