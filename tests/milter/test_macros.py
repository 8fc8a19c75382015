"""Macros: the latest stage first, and no longer than their scope."""

from __future__ import annotations

from inalign.milter.macros import Macros
from inalign.milter.messages import Command


def put(macros: Macros, command: Command, *texts: str) -> None:
    macros.put(command, bytes((command,)) + b"".join(text.encode() + b"\0" for text in texts))


def test_a_name_is_found_with_and_without_braces() -> None:
    macros = Macros()
    put(macros, Command.MAIL, "i", "4B1", "{auth_authen}", "carol")
    assert [macros.get(name) for name in ("i", "{i}", "auth_authen", "{auth_authen}")] == [
        "4B1",
        "4B1",
        "carol",
        "carol",
    ]


def test_the_latest_stage_that_has_a_name_answers() -> None:
    macros = Macros()
    put(macros, Command.MAIL, "i", "early", "{mail_addr}", "a@b")
    put(macros, Command.END_OF_MESSAGE, "i", "late")
    assert (macros.get("i"), macros.get("mail_addr"), macros.get("msg_id"), macros.get("v", "?")) == (
        "late",
        "a@b",
        None,
        "?",
    )


def test_a_list_replaces_the_one_of_its_stage() -> None:
    macros = Macros()
    put(macros, Command.RECIPIENT, "{rcpt_addr}", "b@c", "i", "4B1")
    assert macros.get("i") == "4B1"
    put(macros, Command.RECIPIENT, "{rcpt_addr}", "d@e")
    assert (macros.get("rcpt_addr"), macros.get("i")) == ("d@e", None)


def test_the_end_of_a_message_leaves_the_values_of_the_connection() -> None:
    macros = Macros()
    put(macros, Command.CONNECT, "j", "mx")
    put(macros, Command.HELO, "{tls_version}", "TLSv1.3")
    put(macros, Command.MAIL, "i", "4B1")
    macros.end_message()
    assert (macros.get("j"), macros.get("tls_version"), macros.get("i")) == ("mx", "TLSv1.3", None)


def test_a_new_message_keeps_the_list_that_came_ahead_of_it() -> None:
    macros = Macros()
    put(macros, Command.RECIPIENT, "{rcpt_addr}", "old")
    put(macros, Command.MAIL, "i", "new")
    macros.begin_message()
    assert (macros.get("i"), macros.get("rcpt_addr")) == ("new", None)


def test_a_new_connection_has_none() -> None:
    macros = Macros()
    put(macros, Command.CONNECT, "j", "mx")
    macros.end_connection()
    assert macros.get("j") is None
    assert macros.latest is None


def test_odd_lists_do_no_harm() -> None:
    macros = Macros()
    put(macros, Command.HELO)
    put(macros, Command.MAIL, "i")
    macros.put(Command.DATA, b"Tj\0unended")
    macros.put(0, b"\0j\0of no stage\0")
    assert (macros.get("i"), macros.get("j")) == (None, "unended")


def test_a_stage_that_has_no_macros_is_not_kept() -> None:
    """Else two hundred stages of 64 kB each would be what one connection may hold."""
    macros = Macros()
    for stage in range(256):
        macros.put(stage, bytes((stage,)) + b"x\0y\0")
    assert len(macros._lists) == 10
    assert macros.get("x") == "y"
