"""The listener as a client sees it: real sockets, the replies, and what stands in the spool behind a 250."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inalign.errors import ParseError, TransportError
from inalign.intake.addresses import ReportAddresses
from inalign.intake.gate import ConnectionGate, GateLimits
from inalign.intake.listener import Listener, ListenerOptions
from inalign.mail.networks import Networks
from inalign.spool.deliveries import SpoolFull, SpoolUnavailable
from tests.intake.material import ListSpool, running

MAIL = b"From: reports@example.com\r\nSubject: a report\r\n\r\nhello\r\n"


class Client:
    """A client that says what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 10)).decode()
            lines.append(line.strip())
            if line[3:4] != "-":
                return "\n".join(lines)

    async def say(self, command: str) -> str:
        self.writer.write(command.encode() + b"\r\n")
        return await self.reply()

    async def data(self, content: bytes) -> str:
        assert (await self.say("DATA"))[:3] == "354"
        self.writer.write(content + b".\r\n")
        return await self.reply()

    async def mail(
        self, content: bytes = MAIL, recipient: str = "dmarc@example.net", sender: str = "a@b.example"
    ) -> str:
        assert (await self.say(f"MAIL FROM:<{sender}>"))[:3] == "250"
        reply = await self.say(f"RCPT TO:<{recipient}>")
        return await self.data(content) if reply.startswith("250") else reply


@asynccontextmanager
async def connect(where: object, greeting: str = "EHLO client.example") -> AsyncIterator[Client]:
    if isinstance(where, str):
        reader, writer = await asyncio.open_unix_connection(where)
    else:
        assert isinstance(where, tuple)
        reader, writer = await asyncio.open_connection(*where[:2])
    client = Client(reader, writer)
    try:
        assert (await client.reply())[:3] == "220"
        if greeting:
            await client.say(greeting)
        yield client
    finally:
        writer.close()


def options(
    *,
    lmtp: tuple[str, ...] = (),
    smtp: tuple[str, ...] = (),
    addresses: tuple[str, ...] = ("dmarc@example.net", "tls@example.net"),
    trusted: Networks | None = None,
    limits: GateLimits | None = None,
    idle_seconds: float = 30,
    certificate: Path | None = None,
) -> ListenerOptions:
    return ListenerOptions(
        lmtp=lmtp,
        smtp=smtp,
        addresses=addresses,
        trusted=trusted or Networks(),
        limits=limits or GateLimits(),
        idle_seconds=idle_seconds,
        certificate=certificate,
        hostname="mx.example.net",
    )


SMTP = ("inet:127.0.0.1:0",)


def test_a_mail_is_answered_with_250_once_the_spool_has_it() -> None:
    async def case() -> None:
        spool = ListSpool()
        spool.slow = asyncio.Event()
        listener = Listener(options(smtp=SMTP))
        async with running(listener, spool), connect(listener.bound[0]) as client:
            sending = asyncio.create_task(client.mail())
            await asyncio.wait_for(spool.arrived.wait(), 10)
            await asyncio.sleep(0.05)
            assert not sending.done()
            spool.slow.set()
            assert await sending == "250 2.0.0 Kept as item-1"
        (delivery,) = spool.taken
        assert delivery.content == MAIL
        assert (delivery.provenance.client_ip, delivery.provenance.helo) == ("127.0.0.1", "client.example")
        assert (delivery.provenance.mail_from, delivery.provenance.recipient) == ("a@b.example", "dmarc@example.net")
        assert delivery.provenance.source == "listener"

    asyncio.run(case())


def test_only_the_report_addresses_are_taken() -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(smtp=SMTP))
        async with running(listener, spool), connect(listener.bound[0]) as client:
            assert (await client.say("MAIL FROM:<>"))[:3] == "250"
            assert (await client.say("RCPT TO:<postmaster@example.net>")).startswith("550 5.1.1")
            assert (await client.say("DATA"))[:3] == "503"
            assert (await client.say("RCPT TO:<DMARC@Example.NET>"))[:3] == "250"
            assert (await client.say("RCPT TO:<tls@example.net>"))[:3] == "250"
            assert (await client.data(MAIL))[:3] == "250"
        assert len(spool.taken) == 1
        assert spool.taken[0].provenance.mail_from == ""

    asyncio.run(case())


def test_over_lmtp_a_second_recipient_is_asked_to_come_again() -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(lmtp=SMTP))
        async with running(listener, spool), connect(listener.bound[0], "") as client:
            assert (await client.say("EHLO client.example"))[:3] == "500"
            assert (await client.say("LHLO client.example"))[:3] == "250"
            await client.say("MAIL FROM:<a@b.example>")
            assert (await client.say("RCPT TO:<dmarc@example.net>"))[:3] == "250"
            assert (await client.say("RCPT TO:<tls@example.net>")).startswith("452 4.5.3")
            assert (await client.say("RCPT TO:<nobody@example.net>")).startswith("550")
            assert (await client.data(MAIL))[:3] == "250"
            assert (await client.mail(recipient="tls@example.net"))[:3] == "250"
        assert [each.provenance.recipient for each in spool.taken] == ["dmarc@example.net", "tls@example.net"]

    asyncio.run(case())


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (SpoolFull("1 GB"), "452 4.3.1"),
        (SpoolUnavailable("read-only"), "451 4.3.0"),
        (ValueError("a bug"), "451 4.3.0"),
    ],
)
def test_while_the_spool_does_not_take_it_the_sender_is_asked_to_come_again(problem: Exception, code: str) -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(smtp=SMTP))
        async with running(listener, spool) as desk, connect(listener.bound[0]) as client:
            spool.refuse = lambda _: problem
            assert (await client.mail()).startswith(code)
            assert str(problem) in desk.record.last_error
            spool.refuse = lambda _: None
            assert (await client.mail()).startswith("250")

    asyncio.run(case())


def test_a_mail_over_the_limit_is_refused_and_the_next_one_taken() -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(smtp=SMTP, limits=GateLimits(message_bytes=10_000)))
        async with running(listener, spool), connect(listener.bound[0]) as client:
            assert (await client.say("MAIL FROM:<a@b.example> SIZE=10001")).startswith("552")
            assert (await client.mail(b"x" * 300_000 + b"\r\n")).startswith("552 5.3.4")
            assert (await client.mail(b"y" * 9_998 + b"\r\n")).startswith("250")
        assert [each.content for each in spool.taken] == [b"y" * 9_998 + b"\r\n"]

    asyncio.run(case())


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (b"..\r\n", b".\r\n"),
        (b"a\r\n..b\r\n", b"a\r\n.b\r\n"),
        (b"a.\r\nb.\r\n", b"a.\r\nb.\r\n"),
        (b"a\n.\r\nb\r\n", b"a\n.\r\nb\r\n"),  # a bare LF does not end a line, so this dot ends nothing
        (b"a\n.\nb\r\n", b"a\n.\nb\r\n"),
        (b"long " * 100_000 + b"\r\n", b"long " * 100_000 + b"\r\n"),
        (b"\0\xff\r\n", b"\0\xff\r\n"),
    ],
)
def test_data_arrives_as_it_was_sent(sent: bytes, kept: bytes) -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(smtp=SMTP))
        async with running(listener, spool), connect(listener.bound[0]) as client:
            assert (await client.mail(sent)).startswith("250")
        assert spool.taken[0].content == kept

    asyncio.run(case())


def test_commands_behind_the_data_are_still_there() -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(smtp=SMTP))
        async with running(listener, spool), connect(listener.bound[0]) as client:
            await client.say("MAIL FROM:<a@b.example>")
            await client.say("RCPT TO:<dmarc@example.net>")
            client.writer.write(b"DATA\r\n" + MAIL + b".\r\nNOOP\r\nQUIT\r\n")
            assert [(await client.reply())[:3] for _ in range(4)] == ["354", "250", "250", "221"]

    asyncio.run(case())


def test_one_client_cannot_take_all_connections_or_send_without_end() -> None:
    async def case() -> None:
        spool = ListSpool()
        limits = GateLimits(connections=3, connections_a_client=2, mails_a_minute=2)
        listener = Listener(options(smtp=SMTP, limits=limits))
        async with running(listener, spool) as desk:
            where = listener.bound[0]
            async with connect(where) as client, connect(where):
                assert isinstance(where, tuple)
                reader, writer = await asyncio.open_connection(*where)
                assert (await reader.readline()).startswith(b"421 4.7.0")
                assert await reader.read() == b""
                writer.close()
                assert "too many connections" in desk.record.last_error
                assert (await client.mail())[:3] == "250"
                assert (await client.mail())[:3] == "250"
                assert (await client.say("MAIL FROM:<a@b.example>")).startswith("451 4.7.1")
            await asyncio.sleep(0.05)
            async with connect(where):  # both have left
                pass

    asyncio.run(case())


def test_an_idle_connection_is_ended() -> None:
    async def case() -> None:
        listener = Listener(options(smtp=SMTP, idle_seconds=0.2))
        async with running(listener, ListSpool()), connect(listener.bound[0]) as client:
            assert await asyncio.wait_for(client.reader.read(), 10) == b""

    asyncio.run(case())


def test_our_own_server_is_not_taken_for_the_sender() -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(lmtp=SMTP, trusted=Networks(["127.0.0.0/8"])))
        async with running(listener, spool), connect(listener.bound[0], "LHLO mx.example.net") as client:
            assert (await client.mail())[:3] == "250"
            assert (await client.say("XFORWARD NAME=out.example ADDR=192.0.2.7 HELO=out+2Eexample PROTO=ESMTP"))[
                :3
            ] == "250"
            assert (await client.say("XFORWARD SOURCE=REMOTE"))[:3] == "250"
            assert (await client.mail())[:3] == "250"
            assert (await client.mail())[:3] == "250"
            assert (await client.say("XFORWARD ADDR=IPV6:2001:db8::7 HELO=[UNAVAILABLE]"))[:3] == "250"
            assert (await client.mail())[:3] == "250"
            assert (await client.say("XFORWARD EVIL=1"))[:3] == "501"
        assert [(each.provenance.client_ip, each.provenance.helo) for each in spool.taken] == [
            (None, None),
            ("192.0.2.7", "out.example"),
            (None, None),
            ("2001:db8::7", None),
        ]

    asyncio.run(case())


def test_a_stranger_cannot_say_who_he_is() -> None:
    async def case() -> None:
        listener = Listener(options(smtp=SMTP))
        async with running(listener, ListSpool()), connect(listener.bound[0], "") as client:
            assert "XFORWARD" not in await client.say("EHLO client.example")
            assert (await client.say("XFORWARD ADDR=192.0.2.7"))[:3] == "550"
            assert (await client.say("AUTH PLAIN AAAA"))[:1] == "5"

    asyncio.run(case())


def test_a_unix_socket_serves_and_goes_with_the_listener(tmp_path: Path) -> None:
    async def case() -> None:
        spool = ListSpool()
        path = tmp_path / "lmtp.sock"
        listener = Listener(options(lmtp=(f"unix:{path}",)))
        async with running(listener, spool), connect(str(path), "LHLO mx.example.net") as client:
            assert (await client.mail())[:3] == "250"
        assert spool.taken[0].provenance.client_ip is None
        assert not path.exists()

    asyncio.run(case())


def test_a_mail_under_way_gets_its_reply_when_the_listener_ends() -> None:
    async def case() -> None:
        spool = ListSpool()
        spool.slow = asyncio.Event()
        listener = Listener(options(smtp=SMTP))
        where: object
        async with running(listener, spool):
            where = listener.bound[0]
            context = connect(where)
            client = await context.__aenter__()
            sending = asyncio.create_task(client.mail())
            await asyncio.wait_for(spool.arrived.wait(), 10)
            asyncio.get_running_loop().call_later(0.1, spool.slow.set)
        assert (await sending).startswith("250")
        await context.__aexit__(None, None, None)

    asyncio.run(case())


def test_what_all_connections_hold_is_bounded() -> None:
    gate = ConnectionGate(GateLimits(message_bytes=100), Networks())
    assert gate.hold(400)
    assert not gate.hold(1)
    gate.release(400)
    assert gate.hold(400)


def test_addresses_may_be_those_of_a_whole_domain() -> None:
    addresses = ReportAddresses(["@rua.example.net", "dmarc@bücher.example"])
    assert "anything@RUA.example.net" in addresses
    assert "dmarc@xn--bcher-kva.example" in addresses
    assert "x@example.net" not in addresses
    assert "@" not in addresses
    with pytest.raises(ParseError):
        ReportAddresses(["example.net"])


def test_a_port_that_is_taken_is_told() -> None:
    async def case() -> None:
        listener = Listener(options(smtp=SMTP))
        async with running(listener, ListSpool()):
            where = listener.bound[0]
            assert isinstance(where, tuple)
            other = Listener(options(smtp=(f"inet:127.0.0.1:{where[1]}",)))
            with pytest.raises(TransportError):
                await other.run(ListSpool().desk(other))

    asyncio.run(case())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_starttls_with_a_certificate(certificate: Path, loop: str) -> None:
    async def case() -> None:
        spool = ListSpool()
        listener = Listener(options(smtp=SMTP, certificate=certificate))
        async with running(listener, spool), connect(listener.bound[0], "") as client:
            assert "STARTTLS" in await client.say("EHLO client.example")
            assert (await client.say("STARTTLS"))[:3] == "220"
            context = ssl.create_default_context(cafile=str(certificate))
            await client.writer.start_tls(context, server_hostname="localhost")
            assert "AUTH" not in await client.say("EHLO client.example")
            assert (await client.mail())[:3] == "250"
            await client.say("QUIT")
        assert spool.taken[0].content == MAIL

    factory = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(case())
