"""Mail of our own is handed to a relay; what the relay does not take is told, and nobody has to guess."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from inalign.net.smtp import MailError, Relay, send_mail
from tests.mail_server import mail_server

MESSAGE = b"From: inalign@example.org\r\nTo: a@example.org\r\nSubject: x\r\n\r\n.dot\r\nHello\r\n"
SENDER = "inalign@example.org"


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


async def failure(message: bytes, recipients: list[str], relay: Relay) -> MailError:
    with pytest.raises(MailError) as told:
        await send_mail(message, SENDER, recipients, relay)
    return told.value


def test_message_arrives_as_it_was() -> None:
    async def go() -> None:
        async with mail_server() as server:
            await send_mail(MESSAGE, SENDER, ["a@example.org", "b@example.org"], local(server.port))
            (mail,) = server.taken
            assert (mail.sender, mail.recipients) == (SENDER, ["a@example.org", "b@example.org"])
            assert mail.content == MESSAGE

    run(go())


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_over_tls_and_with_a_login(certificate: Path, tls: str) -> None:
    async def go() -> None:
        login = (b"us", b"secret")
        async with mail_server(certificate, implicit=tls == "tls", login=login) as server:
            relay = Relay(
                host="localhost",
                port=server.port,
                tls="tls" if tls == "tls" else "starttls",
                ca_file=certificate,
                user="us",
                password="secret",
            )
            await send_mail(MESSAGE, SENDER, ["a@example.org"], relay)
            assert server.taken[0].tls
            assert server.taken[0].login == b"us"

    run(go())


def test_unknown_certificate_is_refused(certificate: Path) -> None:
    async def go() -> None:
        async with mail_server(certificate, implicit=True) as server:
            problem = await failure(MESSAGE, ["a@example.org"], Relay(host="localhost", port=server.port, tls="tls"))
            assert "cannot be reached" in str(problem)
            assert not problem.is_final
            assert not server.taken

    run(go())


def test_starttls_is_never_left_out() -> None:
    async def go() -> None:
        async with mail_server() as server:
            relay = Relay(host="127.0.0.1", port=server.port, tls="starttls", user="us", password="secret")
            problem = await failure(MESSAGE, ["a@example.org"], relay)
            assert "STARTTLS" in str(problem)
            assert not server.taken

    run(go())


def test_wrong_password_is_told_without_it(certificate: Path) -> None:
    async def go() -> None:
        async with mail_server(certificate, login=(b"us", b"other")) as server:
            relay = Relay(host="localhost", port=server.port, ca_file=certificate, user="us", password="secret")
            problem = await failure(MESSAGE, ["a@example.org"], relay)
            assert "refuses the login of us" in str(problem)
            assert "secret" not in str(problem) + repr(relay)

    run(go())


def test_refused_recipients_are_named() -> None:
    async def go() -> None:
        async with mail_server() as server:
            server.refuse = {"b@example.org": "550 5.1.1 nobody", "c@example.org": "451 4.3.0 later"}
            relay = local(server.port)
            some = await failure(MESSAGE, ["a@example.org", "b@example.org"], relay)
            assert some.refused == ("b@example.org",)
            assert some.is_final
            assert len(server.taken) == 1
            everybody = await failure(MESSAGE, ["b@example.org", "c@example.org"], relay)
            assert everybody.refused == ()
            assert not everybody.is_final  # one of them is worth another try

    run(go())


@pytest.mark.parametrize(("reply", "is_final"), [("554 5.7.1 no", True), ("451 4.3.0 later", False)])
def test_refused_data(reply: str, is_final: bool) -> None:
    async def go() -> None:
        async with mail_server() as server:
            server.after_data = reply
            problem = await failure(MESSAGE, ["a@example.org"], local(server.port))
            assert reply[4:] in str(problem)
            assert problem.is_final is is_final

    run(go())


def test_address_beyond_ascii_needs_smtputf8() -> None:
    async def go() -> None:
        async with mail_server() as server:
            await send_mail(MESSAGE, SENDER, ["用户@例え.jp"], local(server.port))
            assert server.taken[0].recipients == ["用户@例え.jp"]
            assert "SMTPUTF8" in server.taken[0].options
        async with mail_server(utf8=False) as server:
            problem = await failure(MESSAGE, ["用户@例え.jp"], local(server.port))
            assert problem.is_final
            assert "SMTPUTF8" in str(problem)

    run(go())


def test_octets_beyond_ascii_are_announced() -> None:
    async def go() -> None:
        async with mail_server() as server:
            await send_mail(MESSAGE + "週報\r\n".encode(), SENDER, ["a@example.org"], local(server.port))
            assert server.taken[0].options == ["BODY=8BITMIME"] or "BODY=8BITMIME" in server.taken[0].options
            assert "SMTPUTF8" not in server.taken[0].options

    run(go())


def test_line_breaks_in_addresses_are_refused() -> None:
    async def go() -> None:
        async with mail_server() as server:
            for hostile in ("a@example.org>\r\nRCPT TO:<b@example.org", "a@example.org\nDATA"):
                await failure(MESSAGE, [hostile], local(server.port))
            assert not [mail for mail in server.taken if len(mail.recipients) != 1 or "\n" in mail.recipients[0]]

    run(go())


def test_nobody_there() -> None:
    async def go() -> None:
        async with mail_server() as server:
            port = server.port
        problem = await failure(MESSAGE, ["a@example.org"], local(port))
        assert "cannot be reached" in str(problem)
        assert not problem.is_final

    run(go())


def test_silent_server_is_given_up() -> None:
    async def go() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        relay = Relay(host="127.0.0.1", port=port, tls="none", timeout=0.2)
        problem = await failure(MESSAGE, ["a@example.org"], relay)
        assert "cannot be reached" in str(problem)
        server.close()

    run(go())


def test_hostile_words_of_a_relay_stay_on_one_line() -> None:
    async def go() -> None:
        async with mail_server() as server:
            server.after_data = "554 \x1b[31mred " + "x" * 400
            problem = await failure(MESSAGE, ["a@example.org"], local(server.port))
            assert str(problem).isprintable()
            assert len(str(problem)) < 400

    run(go())


def local(port: int) -> Relay:
    return Relay(host="127.0.0.1", port=port, tls="none")
