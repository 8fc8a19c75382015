"""One milter connection without its socket: octets in, events out; decisions in, octets out.

    session.receive(data)
    for event in session.events():
        ...                             # while an answer is owed: session.answer(reply, edits)
    transport.write(session.data_to_send())

`events` reads on only when it is asked for the next event, so `macros` are those of the event at hand. It stops
behind an event whose answer is owed, and is called again after the answer; commands that the filter does not answer
itself are answered with CONTINUE here. Whatever the MTA sends out of order, over a limit or malformed raises
`RemoteProtocolError` after the events before it, and ends this connection alone. What this side may not do raises
`LocalProtocolError` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter.frames import MAX_FRAME_BYTES, FrameBuffer
from inalign.milter.macros import Macros
from inalign.milter.messages import (
    Aborted,
    BodyChunk,
    Command,
    Disconnected,
    EndOfHeader,
    EndOfMessage,
    Event,
    HeaderField,
    Quit,
    Step,
    decode_connect,
    decode_data,
    decode_helo,
    decode_mail,
    decode_recipient,
    decode_unknown,
    malformed,
)
from inalign.milter.negotiation import Agreement, Wanted, agree, decode_offer
from inalign.milter.order import IN_MESSAGE, LEGAL_REPLIES, ORDER, SETTLES, State, order_without
from inalign.milter.replies import CONTINUE, PROGRESS_FRAME, Edit, Reply, ReplyKind


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one milter connection may hold."""

    frame_bytes: int = MAX_FRAME_BYTES
    header_bytes: int = 1 << 20
    """Of one message. Sendmail stops at 32,768 (MaxHeadersLength), Postfix at 102,400 a field; beyond this, fields are
    dropped and counted, for mail must flow."""
    header_fields: int = 5_000
    """Of one message; an octet limit alone would let a field cost fifty times its size in memory."""
    macro_bytes: int = 65_536
    """Of one stage. A list holds a dozen values, the longest of them addresses of at most some 300 octets."""


LIMITS = Limits()

# As plain numbers, since they are compared with every frame.
_MACRO = int(Command.MACRO)
_HEADER = int(Command.HEADER)
_BODY = int(Command.BODY)
_TOLD_ALWAYS = {Command.END_OF_MESSAGE, Command.QUIT, Command.NEW_CONNECTION}
_ENDS_MESSAGE = frozenset(map(int, (Command.ABORT, Command.MAIL, Command.HELO, Command.NEW_CONNECTION, Command.QUIT)))

_DECODE: dict[int, Callable[[bytes], Event]] = {
    Command.CONNECT: decode_connect,
    Command.HELO: decode_helo,
    Command.MAIL: decode_mail,
    Command.RECIPIENT: decode_recipient,
    Command.DATA: decode_data,
    Command.UNKNOWN: decode_unknown,
}


class Session:
    """The protocol side of one milter connection."""

    def __init__(self, wanted: Wanted, limits: Limits = LIMITS) -> None:
        self.macros = Macros()
        self.state = State.START
        self.agreement: Agreement | None = None
        self.owed: Command | None = None
        """The command whose answer the filter owes."""
        self._wanted = wanted
        self._told = frozenset(map(int, wanted.commands | _TOLD_ALWAYS))
        self._answered = frozenset(map(int, wanted.replies | {Command.END_OF_MESSAGE}))
        self._leading_space = False
        self._limits = limits
        self._frames = FrameBuffer(limits.frame_bytes)
        self._order = ORDER
        self._output: list[bytes] = []
        self._fields: list[HeaderField] = []
        self._header_bytes = 0
        self._dropped = 0
        self._unread: dict[bytes, int] = {}

    @property
    def buffered(self) -> int:
        """How many octets wait to be read."""
        return len(self._frames)

    @property
    def in_message(self) -> bool:
        """Whether a message has begun and is not settled."""
        return self.state in IN_MESSAGE or self.owed is Command.END_OF_MESSAGE

    def receive(self, data: bytes) -> None:
        """Take what a read gave."""
        self._frames.receive(data)

    def data_to_send(self) -> bytes:
        """What must be written now, all in one piece; it is handed over once."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    def events(self) -> Iterator[Event]:
        """Read on, up to an event whose answer is owed or the last complete frame."""
        if self.owed is not None:
            return
        for command, payload in self._frames.frames():
            following = self._order[self.state].get(command)
            if following is None:
                raise self._out_of_order(command)
            if command == _MACRO:
                self._macro(payload)
                continue
            if command == Command.NEGOTIATE:
                self._negotiate(payload)
                continue
            agreement = self.agreement
            is_owed = agreement is not None and command in agreement.owed
            if command == _HEADER:
                self.state = following
                self._field(payload)
                if is_owed:
                    self._output.append(CONTINUE.wire)
                continue
            events = self._events_of(command, payload)
            self.state = following
            if is_owed and command in self._answered:
                self.owed = Command(command)
            elif is_owed:
                self._output.append(CONTINUE.wire)
            yield from events
            if self.owed is not None:
                return

    def answer(self, reply: Reply, edits: Sequence[Edit] = ()) -> None:
        """Answer the command that is owed an answer; at the end of the message with edits, all in one piece.

        What an MTA received of edits stays even where the final reply never comes, so they are never sent alone.
        """
        command = self.owed
        agreement = self.agreement
        if command is None or agreement is None:
            raise LocalProtocolError("no command waits for an answer")
        if reply.kind not in LEGAL_REPLIES[command]:
            raise LocalProtocolError(f"{reply.kind.name} is no answer to {command.name}")
        if reply.kind is ReplyKind.SKIP and not agreement.steps & Step.SKIP:
            raise LocalProtocolError("the MTA did not offer SKIP")
        if edits and command is not Command.END_OF_MESSAGE:
            raise LocalProtocolError(f"a message can be edited at its end, not at {command.name}")
        for edit in edits:
            if not edit.action & agreement.actions:
                raise LocalProtocolError(f"{edit.action.name} was not negotiated")
        leading_space = agreement.leading_space
        self._output += [edit.wire(leading_space=leading_space) for edit in edits]
        self._output.append(reply.wire)
        self.owed = None
        if command is Command.END_OF_MESSAGE or reply.kind in SETTLES.get(command, ()):
            self.state = State.CONNECTED
            self._end_message()

    def progress(self) -> None:
        """Tell the MTA, which waits for the end of a message to be answered, to wait on."""
        if self.owed is not Command.END_OF_MESSAGE:
            raise LocalProtocolError("progress can be told at the end of a message alone")
        self._output.append(PROGRESS_FRAME)

    def _negotiate(self, payload: bytes) -> None:
        self.agreement = agree(self._wanted, decode_offer(payload))
        self._order = order_without(self.agreement.steps)
        self._leading_space = self.agreement.leading_space
        self._output.append(self.agreement.answer)
        self.state = State.NEGOTIATED

    def _macro(self, payload: bytes) -> None:
        if not payload:
            raise malformed(Command.MACRO, "no command that it belongs to")
        if len(payload) > self._limits.macro_bytes:
            raise RemoteProtocolError(
                f"macros of {len(payload)} octets are longer than the limit of {self._limits.macro_bytes}"
            )
        self.macros.put(payload[0], payload)

    def _field(self, payload: bytes) -> None:
        end = payload.find(b"\0")
        if end < 0 or end == len(payload) - 1 or payload[-1]:
            raise malformed(Command.HEADER, "not two strings")
        if _HEADER not in self._told:
            return
        self._header_bytes += len(payload)
        if self._header_bytes > self._limits.header_bytes or len(self._fields) >= self._limits.header_fields:
            self._drop(payload[:end])
            return
        value = payload[end + 1 : -1]
        if not self._leading_space and value and value[0] not in b"\t\n":
            value = b" " + value  # the MTA took one away, and `Name: value` is what nearly all mail has
        self._fields.append(HeaderField(payload[:end], value))

    def _drop(self, name: bytes) -> None:
        self._dropped += 1
        key = name.rstrip(b" \t").lower()
        if key in self._wanted.watched:
            self._unread[key] = self._unread.get(key, 0) + 1

    def _events_of(self, command: int, payload: bytes) -> list[Event]:
        """What a command means, after what it ends: a message in progress, a connection."""
        events: list[Event] = []
        if command in _ENDS_MESSAGE and self.state in IN_MESSAGE:
            self._end_message()
            events.append(Aborted())
        if command == Command.END_OF_MESSAGE and payload and _BODY in self._told:
            events.append(BodyChunk(payload))  # the last chunk may come with it
        event = self._event_of(command, payload)
        if event is not None and command in self._told:
            events.append(event)
        return events

    def _event_of(self, command: int, payload: bytes) -> Event | None:
        match command:
            case Command.BODY:
                return BodyChunk(payload)
            case Command.END_OF_MESSAGE:
                return EndOfMessage()
            case Command.END_OF_HEADER:
                event = EndOfHeader(tuple(self._fields), self._dropped, self._unread)
                self._forget_header()
                return event
            case Command.QUIT:
                return Quit()
            case Command.NEW_CONNECTION:
                self.macros.end_connection()
                return None if self.state is State.NEGOTIATED else Disconnected()
            case Command.ABORT:
                return None
            case Command.MAIL:
                self.macros.begin_message()
        return _DECODE[command](payload)

    def _end_message(self) -> None:
        self.macros.end_message()
        self._forget_header()

    def _forget_header(self) -> None:
        self._fields = []
        self._header_bytes = 0
        self._dropped = 0
        self._unread = {}

    def _out_of_order(self, command: int) -> RemoteProtocolError:
        known = {int(known): known.name for known in Command}
        return RemoteProtocolError(
            f"{known.get(command, f'unknown command {command:#04x}')} in state {self.state.name}"
        )
