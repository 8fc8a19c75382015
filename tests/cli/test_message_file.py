"""A saved message is read whole or refused; nothing of it is cut off silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from inalign.cli import main, message_file

MESSAGE = b"From: ann@example.org\r\n\r\nHello.\r\n"


@pytest.mark.parametrize("command", [["verify"], ["sign", "--domain", "example.org", "--selector", "s", "--key", "k"]])
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_what_is_too_large_is_refused(
    command: list[str], way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_file, "MAX_MESSAGE_BYTES", len(MESSAGE) - 1)
    file = tmp_path / "message.eml"
    file.write_bytes(MESSAGE)
    argument, given = (str(file), b"") if way == "file" else ("-", MESSAGE)
    outcome = CliRunner().invoke(main, [*command, argument], input=given)
    assert outcome.exit_code == 3
    assert outcome.stdout == ""
    assert f"{argument}: larger than" in outcome.stderr


def test_the_largest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_file, "MAX_MESSAGE_BYTES", len(MESSAGE))
    file = tmp_path / "message.eml"
    file.write_bytes(MESSAGE)
    assert message_file.read_message(file) == MESSAGE
