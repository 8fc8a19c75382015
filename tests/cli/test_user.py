"""`inalign user`."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner, Result

from inalign.cli import main
from inalign.store.state.accounts import Accounts, Role
from inalign.store.state.control import Control
from inalign.web.access.passwords import is_password

PASSWORD = "correct horse battery"


def run(folder: Path, *arguments: str, text: str = "") -> Result:
    config = folder / "inalign.toml"
    config.write_text('store.folder = "store"\nweb.url = "https://reports.example.org/"\n')
    return CliRunner().invoke(main, ["user", *arguments, "--config", str(config)], input=text)


def accounts(folder: Path) -> Accounts:
    return Accounts(Control(folder / "store/control.sqlite"))


def test_a_user_is_added_with_a_password(tmp_path: Path) -> None:
    asked = run(tmp_path, "add", "bob", "--domain", "Example.ORG", text=f"{PASSWORD}\n{PASSWORD}\n")
    assert asked.exit_code == 0, asked.output
    assert PASSWORD not in asked.output
    user = accounts(tmp_path).user("bob")
    assert user is not None
    assert (user.role, user.domains) == (Role.READER, ("example.org",))
    assert is_password(user.password, PASSWORD)
    assert "bob: reader of example.org" in run(tmp_path, "list").output


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "add", "bob", text="short\nshort\n").exit_code == 2
    assert accounts(tmp_path).user("bob") is None


def test_a_link_is_printed(tmp_path: Path) -> None:
    told = run(tmp_path, "add", "alice", "--role", "admin", "--link").output
    match = re.fullmatch(r"https://reports\.example\.org/link/(\S+)\n", told)
    assert match
    assert accounts(tmp_path).linked(match[1], 0.0) == "alice"
    run(tmp_path, "link", "alice")
    assert accounts(tmp_path).linked(match[1], 0.0) == ""


def test_a_token_is_printed_once(tmp_path: Path) -> None:
    run(tmp_path, "add", "alice", "--link")
    secret = run(tmp_path, "token", "alice", "weekly export").output.strip()
    assert accounts(tmp_path).token(secret, 0.0) is not None
    assert secret not in run(tmp_path, "list").output


def test_who_is_not_there_is_told(tmp_path: Path) -> None:
    for command in ("password", "remove", "link"):
        told = run(tmp_path, command, "nobody")
        assert told.exit_code == 2
        assert "no such user" in told.output


def test_a_removed_user_is_gone(tmp_path: Path) -> None:
    run(tmp_path, "add", "alice", "--link")
    assert run(tmp_path, "remove", "alice").exit_code == 0
    assert accounts(tmp_path).none_yet()
