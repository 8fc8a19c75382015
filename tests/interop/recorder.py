"""A milter that does nothing of ours: it writes down what the mail server says and answers by a script.

Plain sockets and the packet layout of libmilter's version 6, so that a test of what Postfix sends and obeys does not
lean on Inalign's own reading of the protocol.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.programs import wait_until

COMMANDS = {
    "O": "OPTNEG",
    "D": "MACRO",
    "C": "CONNECT",
    "H": "HELO",
    "M": "MAIL",
    "R": "RCPT",
    "T": "DATA",
    "L": "HEADER",
    "N": "EOH",
    "B": "BODY",
    "E": "BODYEOB",
    "A": "ABORT",
    "Q": "QUIT",
    "K": "QUIT_NC",
    "U": "UNKNOWN",
}
NO_ANSWER = {"MACRO", "ABORT", "QUIT", "QUIT_NC"}

# Protocol bits that an offer has and an answer may take.
RCPT_REJ = 0x800
HDR_LEADSPC = 0x100000
SKIP = 0x400
NO_REPLY = {
    "CONNECT": 0x1000,
    "HELO": 0x2000,
    "MAIL": 0x4000,
    "RCPT": 0x8000,
    "DATA": 0x10000,
    "UNKNOWN": 0x20000,
    "HEADER": 0x80,
    "EOH": 0x40000,
    "BODY": 0x80000,
}
ALL_ACTIONS = 0x1FF

CONTINUE = b"c"
ACCEPT = b"a"
REJECT = b"r"
TEMPFAIL = b"t"
DISCARD = b"d"
PROGRESS = b"p"
DIE = b""
"""No reply at all: the connection is closed."""


def reply_code(text: str | bytes) -> bytes:
    """SMFIR_REPLYCODE: code, enhanced code and text in one."""
    return b"y" + (text.encode() if isinstance(text, str) else text) + b"\0"


def add_header(name: str, value: bytes) -> bytes:
    return b"h" + name.encode() + b"\0" + value + b"\0"


def insert_header(index: int, name: str, value: bytes) -> bytes:
    return b"i" + struct.pack(">I", index) + name.encode() + b"\0" + value + b"\0"


def change_header(index: int, name: str, value: bytes) -> bytes:
    """An empty value deletes."""
    return b"m" + struct.pack(">I", index) + name.encode() + b"\0" + value + b"\0"


def quarantine(reason: str) -> bytes:
    return b"q" + reason.encode() + b"\0"


def replace_body(octets: bytes) -> bytes:
    return b"b" + octets


@dataclass(frozen=True)
class Script:
    """What the milter asks for and how it answers."""

    protocol: int = 0
    """Bits to take of those offered (Postfix offers all); none: every event comes and is answered."""
    actions: int = ALL_ACTIONS
    answers: dict[str, bytes] = field(default_factory=dict)
    """By command name, in place of CONTINUE."""
    edits: tuple[bytes, ...] = ()
    """Sent at the end of the message, before the final answer."""
    final: bytes = CONTINUE
    unasked: dict[str, bytes] = field(default_factory=dict)
    """Answers to events that want none, as a broken milter gives them."""
    macros: dict[int, str] = field(default_factory=dict)
    """SETSYMLIST: what to ask for, by stage number."""
    late: dict[str, float] = field(default_factory=dict)
    """Seconds before the answer, by command name."""
    signs_of_life: int = 0
    """How often to wait so long at the end of a message, with a sign of progress after each."""

    def answers_to(self, command: str, data: bytes) -> tuple[bytes, ...]:
        """The packets to send back."""
        if command == "OPTNEG":
            version, actions, offered = struct.unpack(">III", data[:12])
            answer = struct.pack(">III", version, self.actions & actions, self.protocol & offered)
            for stage, names in self.macros.items():
                answer += struct.pack(">I", stage) + names.encode() + b"\0"
            return (b"O" + answer,)
        if command in self.unasked:
            return (self.unasked[command],)
        if command in NO_ANSWER or self.protocol & NO_REPLY.get(command, 0):
            return ()
        if command == "BODYEOB":
            return (*self.edits, self.final)
        return (self.answers.get(command, CONTINUE),)


@dataclass
class Conversation:
    """All packets of one connection, in order, as (command name, data)."""

    packets: list[tuple[str, bytes]] = field(default_factory=list)
    ended: bool = False

    @property
    def commands(self) -> list[str]:
        """The command names without the macros."""
        return [command for command, _ in self.packets if command != "MACRO"]

    def all(self, command: str) -> list[bytes]:
        return [data for name, data in self.packets if name == command]

    def one(self, command: str) -> bytes:
        (data,) = self.all(command)
        return data

    def macros(self, stage: str, occurrence: int = 0) -> dict[str, str] | None:
        """What the macro packet for the nth command of that name says; None when there was none right before it."""
        seen = -1
        for before, (command, _) in zip([("", b""), *self.packets], self.packets, strict=False):
            seen += command == stage
            if command == stage and seen == occurrence:
                name, data = before
                if name != "MACRO" or COMMANDS[chr(data[0])] != stage:
                    return None
                words = [word.decode("utf-8", "surrogateescape") for word in data[1:].split(b"\0")[:-1]]
                return dict(zip(words[::2], words[1::2], strict=True))
        raise AssertionError(f"{occurrence + 1} times {stage} did not come: {self.commands}")

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(data.split(b"\0")[0], data.split(b"\0")[1]) for data in self.all("HEADER")]

    def header(self, name: bytes) -> bytes:
        (value,) = (value for key, value in self.headers() if key == name)
        return value

    def body(self) -> bytes:
        return b"".join(self.all("BODY"))


class Recorder:
    """The listening milter; set `script` before a session, read `conversations` after it."""

    def __init__(self) -> None:
        self.script = Script()
        self._conversations: list[Conversation] = []
        # A UNIX socket: on TCP, Nagle's algorithm makes Sendmail wait some 40 ms before the second of two small writes.
        self._folder = tempfile.TemporaryDirectory(prefix="inalign-recorder-")
        path = Path(self._folder.name) / "milter.sock"
        path.parent.chmod(0o755)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._socket.listen(64)
        self.address = f"unix:{path}"
        """As Postfix writes it."""
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def reset(self, script: Script | None = None) -> None:
        """Forget what was said, and answer by this script from now on."""
        self.script = script or Script()
        self._conversations = []

    def conversations(self, count: int) -> list[Conversation]:
        """All conversations since the reset; waits until so many have ended."""
        wait_until(lambda: sum(each.ended for each in self._conversations) >= count, f"{count} ended milter sessions")
        return self._conversations

    def conversation(self) -> Conversation:
        """The last one, when all have ended (before it, XCLIENT lets one begin as another client)."""
        self.conversations(1)
        wait_until(lambda: all(each.ended for each in self._conversations), "end of all milter sessions")
        return self._conversations[-1]

    def so_far(self) -> Conversation:
        """The last one, as long as it goes on."""
        return self._conversations[-1]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            conversation = Conversation()
            self._conversations.append(conversation)
            threading.Thread(target=self._converse, args=(connection, conversation, self.script), daemon=True).start()

    @staticmethod
    def _converse(connection: socket.socket, conversation: Conversation, script: Script) -> None:
        # A server that hangs up in the middle is an end like any other.
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while head := stream.read(4):
                (length,) = struct.unpack(">I", head)
                packet = stream.read(length)
                command, data = COMMANDS[chr(packet[0])], packet[1:]
                conversation.packets.append((command, data))
                answers = script.answers_to(command, data)
                for _ in range(script.signs_of_life if command == "BODYEOB" else 0):
                    time.sleep(script.late[command])
                    connection.sendall(struct.pack(">I", len(PROGRESS)) + PROGRESS)
                time.sleep(script.late.get(command, 0))
                if octets := b"".join(struct.pack(">I", len(answer)) + answer for answer in answers if answer != DIE):
                    connection.sendall(octets)
                if DIE in answers:
                    break
        conversation.ended = True
