"""A small scripted name server for tests: UDP and TCP on one loopback port, in a thread of its own.

    with NameServer({"example.org": {"TXT": ["v=spf1 -all"]}, "slow.example": {"error": "timeout"}}) as server:
        resolver = LiveResolver([server.address])

The zone is what `ZoneResolver.from_json` reads. What a zone cannot say, a script says: a function
from a `Question` to the `Step`s that follow, registered with `on`. `server.questions` lists what was asked, in order.
dnspython builds and reads the messages, so that no line of ours judges itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Literal, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

TTL = 300


@dataclass(frozen=True)
class Question:
    """One query as it came."""

    message: dns.message.Message
    name: str
    """In lower case, without the trailing dot."""
    kind: str
    transport: Literal["udp", "tcp"]
    times: int
    """How often this name and type was asked before, over either transport."""
    port: int
    """The client's port."""


@dataclass(frozen=True)
class Step:
    """Send these octets after so many seconds; over UDP `from_elsewhere`, over TCP `half` of them and then the end."""

    octets: bytes
    after: float = 0.0
    from_elsewhere: Literal["", "port", "address"] = ""
    half: bool = False


Script = Callable[[Question], Sequence[Step]]
Zone = Mapping[str, Mapping[str, object]]


def records(name: str, kind: str, *texts: str, ttl: int = TTL) -> dns.rrset.RRset:
    """An RRset from master file texts, as `records("example.org", "MX", "10 mail.example.org.")`."""
    return dns.rrset.from_text(dns.name.from_text(name), ttl, "IN", kind, *texts)


def txt(name: str, *values: str | bytes, ttl: int = TTL) -> dns.rrset.RRset:
    """TXT records with these values, cut into character-strings of 255 octets."""
    strings = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values]
    data = [
        TXT(dns.rdataclass.IN, dns.rdatatype.TXT, [each[at : at + 255] for at in range(0, len(each), 255)] or [b""])
        for each in strings
    ]
    return dns.rrset.from_rdata_list(dns.name.from_text(name), ttl, data)


def soa(zone: str, *, ttl: int = TTL, minimum: int = 60) -> dns.rrset.RRset:
    return records(zone, "SOA", f"ns.invalid. hostmaster.invalid. 1 3600 600 86400 {minimum}", ttl=ttl)


def reply(
    question: Question,
    *answer: dns.rrset.RRset,
    authority: Iterable[dns.rrset.RRset] = (),
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    flags: int = 0,
) -> dns.message.Message:
    """A right reply, to be sent as it is (`say`) or to be spoilt first. `flags` are added: AD, AA, TC."""
    message = dns.message.make_response(question.message, recursion_available=True)
    for rrset in answer:  # one by one, for dnspython shuffles what is in one RRset
        message.answer.extend(dns.rrset.from_rdata(rrset.name, rrset.ttl, rdata) for rdata in rrset)
    message.authority.extend(authority)
    message.set_rcode(rcode)
    message.flags |= flags
    return message


def say(
    question: Question,
    *answer: dns.rrset.RRset,
    authority: Iterable[dns.rrset.RRset] = (),
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    flags: int = 0,
    after: float = 0.0,
) -> list[Step]:
    """One step that sends a right reply."""
    message = reply(question, *answer, authority=authority, rcode=rcode, flags=flags)
    return [Step(message.to_wire(max_size=65535), after)]


def silence(_question: Question) -> list[Step]:
    """No answer."""
    return []


def refuse(rcode: dns.rcode.Rcode) -> Script:
    """A script that answers everything with this code."""
    return lambda question: say(question, rcode=rcode)


def later(seconds: float, script: Script) -> Script:
    """The same, so many seconds later."""

    def delayed(question: Question) -> list[Step]:
        return [replace(step, after=step.after + seconds) for step in script(question)]

    return delayed


@dataclass
class NameServer:
    """Starts with `with`, listens on `address` ("127.0.0.1:port"), and stops at the end of it."""

    zone: Zone = field(default_factory=dict, repr=False)
    flags: int = 0
    """Added to every reply out of the zone, as `dns.flags.AD`."""
    ttl: int = TTL
    listens_on_tcp: bool = True
    questions: list[Question] = field(default_factory=list, repr=False)
    port: int = 0

    def __post_init__(self) -> None:
        self._scripts: dict[tuple[str, str], Script] = {}
        self._problems: list[Exception] = []
        self._times: Counter[tuple[str, str]] = Counter()
        self._zone = {name.lower().removesuffix("."): entry for name, entry in self.zone.items()}
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="name server", daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def on(self, name: str, kind: str, script: Script) -> None:
        """Let a script answer for a name and a type; "*" stands for every name, every type."""
        self._scripts[name.lower(), kind] = script

    def asked(self, name: str, kind: str = "TXT") -> int:
        """How often this was asked."""
        return self._times[name, kind]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10), "the name server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if self._problems and problem is None:  # a script that fails would pass for one that is silent
            raise self._problems[0]

    # the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._udp.close()
        for transport in self._elsewhere.values():
            transport.close()
        if self._tcp is not None:
            self._tcp.close()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.001))  # what was closed tells its protocol so
        self._loop.close()

    async def _listen(self) -> None:
        self._tcp = None
        port = 0
        for _ in range(50):
            self._udp, _ = await self._loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
            )
            self._udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            port = self._udp.get_extra_info("sockname")[1]
            if not self.listens_on_tcp:
                break
            try:
                self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", port)
            except OSError:  # taken for TCP: another port
                self._udp.close()
                continue
            break
        self.port = port
        self._elsewhere = {
            where: (await self._loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=address))[0]
            for where, address in (("port", ("127.0.0.1", 0)), ("address", ("127.0.0.2", port)))
        }

    def datagram(self, octets: bytes, client: tuple[str, int]) -> None:
        for step in self._steps(octets, "udp", client[1]):
            transport = self._elsewhere.get(step.from_elsewhere, self._udp)
            if step.after:
                self._loop.call_later(step.after, transport.sendto, step.octets, client)
            else:
                transport.sendto(step.octets, client)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
                while True:
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    octets = await reader.readexactly(length)
                    for step in self._steps(octets, "tcp", writer.get_extra_info("peername")[1]):
                        await asyncio.sleep(step.after)
                        octets = step.octets[: len(step.octets) // 2] if step.half else step.octets
                        writer.write(len(step.octets).to_bytes(2, "big") + octets)
                        await writer.drain()
                        if step.half:
                            return
        finally:
            writer.transport.abort()

    def _steps(self, octets: bytes, transport: Literal["udp", "tcp"], port: int) -> Sequence[Step]:
        message = dns.message.from_wire(octets)
        name = message.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(message.question[0].rdtype)
        question = Question(message, name, kind, transport, self.asked(name, kind), port)
        self.questions.append(question)
        self._times[name, kind] += 1
        for key in ((name, kind), (name, "*"), ("*", kind), ("*", "*")):
            if key in self._scripts:
                try:
                    return self._scripts[key](question)
                except Exception as problem:
                    self._problems.append(problem)
                    raise
        return self._from_zone(question)

    def _from_zone(self, question: Question) -> list[Step]:
        answer: list[dns.rrset.RRset] = []
        name = question.name
        for _ in range(20):
            entry = self._zone.get(name)
            if entry is None:
                exists = any(key.endswith("." + name) for key in self._zone)
                rcode = dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN
                return self._out_of_zone(question, answer, rcode, authority=[soa(name.rpartition(".")[2])])
            texts = _texts(entry, question.kind)
            if texts:
                answer.append(records(name, question.kind, *texts, ttl=self.ttl))
                return self._out_of_zone(question, answer, dns.rcode.NOERROR)
            if "CNAME" in entry:
                target = str(entry["CNAME"]).lower().removesuffix(".")
                answer.append(records(name, "CNAME", target + ".", ttl=self.ttl))
                name = target
                continue
            error = entry.get("error") if question.kind not in entry else None
            if error == "timeout":
                return []
            rcode = {"servfail": dns.rcode.SERVFAIL, "nxdomain": dns.rcode.NXDOMAIN}.get(str(error), dns.rcode.NOERROR)
            authority = [] if error == "servfail" else [soa(name.rpartition(".")[2])]
            return self._out_of_zone(question, answer, rcode, authority=authority)
        return say(question, rcode=dns.rcode.SERVFAIL)

    def _out_of_zone(
        self,
        question: Question,
        answer: Sequence[dns.rrset.RRset],
        rcode: dns.rcode.Rcode,
        authority: Sequence[dns.rrset.RRset] = (),
    ) -> list[Step]:
        message = reply(question, *answer, authority=authority, rcode=rcode, flags=self.flags)
        octets = message.to_wire(max_size=65535)
        if question.transport == "udp" and len(octets) > max(512, question.message.payload):
            octets = reply(question, rcode=rcode, flags=self.flags | dns.flags.TC).to_wire()
        return [Step(octets)]


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.datagram(data, addr)


def _texts(entry: Mapping[str, object], kind: str) -> list[str]:
    values = entry.get(kind)
    if isinstance(values, str):
        values = [values]
    if not isinstance(values, Sequence):
        return []
    if kind == "TXT":
        return [_txt_text(value) for value in values]
    if kind == "MX":
        return [f"{preference} {_absolute(exchange)}" for preference, exchange in values]
    if kind == "PTR":
        return [_absolute(value) for value in values]
    return [str(value) for value in values]


def _absolute(name: str) -> str:
    return name.removesuffix(".") + "."


def _txt_text(value: str | bytes) -> str:
    octets = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    strings = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in string) + '"' for string in strings)
