"""`docs/milter-wire.md` says what the code does: its tables are those of the enumerations."""

from __future__ import annotations

import re
from pathlib import Path

from inalign.milter import replies
from inalign.milter.messages import Action, Command, ProtocolStep
from inalign.milter.negotiation import MACRO_LISTS
from inalign.milter.replies import Edit, ReplyKind

DOCUMENT = (Path(__file__).parents[2] / "docs" / "milter-wire.md").read_text("utf-8")

EDITS: list[Edit] = [
    replies.add_header(b"X", b"y"),
    replies.insert_header(0, b"X", b"y"),
    replies.change_header(1, b"X", b"y"),
    *replies.delete_headers(b"X", [1]),
    replies.quarantine("x"),
    *replies.replace_body(b"x"),
    replies.add_recipient("x"),
    replies.add_recipient("x", "y"),
    replies.delete_recipient("x"),
    replies.change_sender("x"),
]


def table(head: str) -> list[list[str]]:
    """The rows of the table with this head."""
    (body,) = re.findall(rf"^\| {re.escape(head)} \|\n\|[ |-]*\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in body.splitlines()]


def test_commands() -> None:
    assert {row[0]: row[1] for row in table("letter | name | payload | reply")} == {
        chr(command): command.name for command in Command
    }


def test_actions() -> None:
    assert {int(row[0], 16): row[1] for row in table("bit | action")} == {int(bit): bit.name for bit in Action}


def test_steps() -> None:
    assert {int(row[0], 16): row[1] for row in table("bit | step")} == {int(bit): bit.name for bit in ProtocolStep}


def test_macro_lists() -> None:
    assert {row[1]: int(row[0]) for row in table("number | stage")} == {
        command.name: number for command, number in MACRO_LISTS.items()
    }


def test_replies() -> None:
    assert {row[0]: row[1] for row in table("letter | name | payload")} == {chr(kind): kind.name for kind in ReplyKind}


def test_edits() -> None:
    assert {row[0]: row[3] for row in table("letter | edit | payload | action")} == {
        chr(edit.letter): edit.action.name for edit in EDITS
    }
