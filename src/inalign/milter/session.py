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

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter.frames import FrameBuffer
from inalign.milter.header import HeaderReader
from inalign.milter.limits import LIMITS, MilterLimits
from inalign.milter.macros import Macros
from inalign.milter.messages import (
    Aborted,
    BodyChunk,
    Command,
    Data,
    Disconnected,
    EndOfMessage,
    Event,
    ProtocolStep,
    Quit,
    decode_connect,
    decode_helo,
    decode_mail,
    decode_recipient,
    decode_unknown,
    malformed,
)
from inalign.milter.negotiation import NegotiatedFeatures, RequiredFeatures, agree, decode_offer
from inalign.milter.order import IN_MESSAGE, LEGAL_REPLIES, ORDER, SETTLES, ConnectionState, order_without
from inalign.milter.replies import CONTINUE, PROGRESS_FRAME, Edit, MilterReply, ReplyKind

# As plain numbers, since they are compared with every frame.
_MACRO = int(Command.MACRO)
_HEADER = int(Command.HEADER)
_MAIL = int(Command.MAIL)
_BODY = int(Command.BODY)
_END_OF_HEADER = int(Command.END_OF_HEADER)
_END_OF_MESSAGE = int(Command.END_OF_MESSAGE)
_NEW_CONNECTION = int(Command.NEW_CONNECTION)
_NEGOTIATE = int(Command.NEGOTIATE)

_DECODE: dict[int, Callable[[bytes], Event]] = {
    Command.CONNECT: decode_connect,
    Command.HELO: decode_helo,
    Command.MAIL: decode_mail,
    Command.RECIPIENT: decode_recipient,
    Command.DATA: lambda _: Data(),
    Command.UNKNOWN: decode_unknown,
    Command.BODY: BodyChunk,
    Command.END_OF_MESSAGE: lambda _: EndOfMessage(),
    Command.QUIT: lambda _: Quit(),
}
"""The commands whose event is in their payload alone."""

_ENDS_MESSAGE = frozenset(map(int, (Command.ABORT, Command.MAIL, Command.HELO, Command.NEW_CONNECTION, Command.QUIT)))
_KNOWN = frozenset(map(int, Command))
_ALWAYS_TOLD = frozenset({Command.END_OF_MESSAGE, Command.QUIT})


class MilterSession:
    """The protocol side of one milter connection."""

    def __init__(self, wanted: RequiredFeatures, limits: MilterLimits = LIMITS) -> None:
        self.macros = Macros()
        self.state = ConnectionState.START
        self.agreement: NegotiatedFeatures | None = None
        self.owed: Command | None = None
        """The command whose answer the filter owes."""
        self._told = frozenset(map(int, wanted.commands | _ALWAYS_TOLD))
        self._answered = frozenset(map(int, wanted.replies | {Command.END_OF_MESSAGE}))
        self._owed: frozenset[int] = frozenset()
        self._wanted = wanted
        self._max_macro_bytes = limits.macro_bytes
        self._frames = FrameBuffer(limits.frame_bytes)
        self._header = HeaderReader(limits, wanted.watched)
        self._order = ORDER
        self._output: list[bytes] = []

    @property
    def buffered(self) -> int:
        """How many octets wait to be read."""
        return len(self._frames)

    @property
    def unfinished(self) -> object:
        """Stands for the frame that has begun to come and is not complete; None where there is none."""
        return self._frames.unfinished

    def is_waiting(self) -> bool:
        """Whether nothing is read on before the filter has answered."""
        return self.owed is not None

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
        if self.is_waiting():
            return
        macros = self.macros
        row = self._order[self.state]
        for command, payload in self._frames.frames():
            if command == _MACRO and payload == macros.latest:
                continue
            following = row.get(command)
            if following is None:
                raise self._out_of_order(command)
            if command == _HEADER:
                self._fields(payload)
                if following is not self.state:
                    self.state = following
                    row = self._order[following]
            elif command == _MACRO:
                self._macro(payload)
            else:
                earlier = self._event_before(command, payload)
                event = self._event_of(command, payload)
                self.state = following
                if earlier is not None:
                    yield earlier
                self._settle_reply(command)
                if event is not None:
                    yield event
                if self.owed is not None:
                    return
                row = self._order[self.state]  # as an answer or the negotiation left it

    def answer(self, reply: MilterReply, edits: Sequence[Edit] = ()) -> None:
        """Answer the command that is owed an answer; at the end of the message with edits, all in one piece.

        What an MTA received of edits stays even where the final reply never comes, so they are never sent alone.
        """
        command = self.owed
        agreement = self.agreement
        if command is None or agreement is None:
            raise LocalProtocolError("no command waits for an answer")
        if reply.kind not in LEGAL_REPLIES[command]:
            raise LocalProtocolError(f"{reply.kind.name} is no answer to {command.name}")
        if reply.kind is ReplyKind.SKIP and not agreement.steps & ProtocolStep.SKIP:
            raise LocalProtocolError("the MTA did not offer SKIP")
        if edits and command is not Command.END_OF_MESSAGE:
            raise LocalProtocolError(f"a message can be edited at its end, not at {command.name}")
        for edit in edits:
            if not int(edit.action) & agreement.actions:
                raise LocalProtocolError(f"{edit.action.name} was not negotiated")
        leading_space = agreement.leading_space
        self._output += [edit.wire(leading_space=leading_space) for edit in edits]
        self._output.append(reply.wire)
        self.owed = None
        if command is Command.END_OF_MESSAGE or reply.kind in SETTLES.get(command, ()):
            self.state = ConnectionState.CONNECTED
            self.macros.end_message()
            self._header.clear()

    def progress(self) -> None:
        """Tell the MTA, which waits for the end of a message to be answered, to wait on."""
        if self.owed is not Command.END_OF_MESSAGE:
            raise LocalProtocolError("progress can be told at the end of a message alone")
        self._output.append(PROGRESS_FRAME)

    def _fields(self, payload: bytes) -> None:
        """Take a header field and, where none of them is answered, those that come right behind it."""
        if _HEADER in self._owed:
            self._header.add((payload,))
            self._output.append(CONTINUE.wire)
        else:
            self._header.add((payload, *self._frames.run(_HEADER, self.macros.frame_of_latest())))

    def _macro(self, payload: bytes) -> None:
        if not payload:
            raise malformed(Command.MACRO, "no command that it belongs to")
        if len(payload) > self._max_macro_bytes:
            raise RemoteProtocolError(
                f"macros of {len(payload)} octets are longer than the limit of {self._max_macro_bytes}"
            )
        self.macros.put(payload[0], payload)

    def _event_before(self, command: int, payload: bytes) -> Event | None:
        """What a command brings besides its own event: the end of a message undecided, the last piece of a body."""
        if command == _END_OF_MESSAGE and payload and _BODY in self._told:
            return BodyChunk(payload)
        if command not in _ENDS_MESSAGE:
            return None
        if command == _MAIL:
            self.macros.begin_message()
        if self.state not in IN_MESSAGE:
            return None
        if command != _MAIL:
            self.macros.end_message()
        self._header.clear()
        return Aborted()

    def _event_of(self, command: int, payload: bytes) -> Event | None:
        """What a command means."""
        decode = _DECODE.get(command)
        if decode is not None:
            return decode(payload) if command in self._told else None
        if command == _END_OF_HEADER:
            return self._header.end()
        if command == _NEW_CONNECTION:
            self.macros.end_connection()
            return Disconnected() if self.state is not ConnectionState.NEGOTIATED else None
        if command == _NEGOTIATE:
            self._negotiate(agree(self._wanted, decode_offer(payload)))
        return None

    def _settle_reply(self, command: int) -> None:
        """Let the filter owe the answer, or give it, or do nothing where the MTA waits for none."""
        if command in self._owed:
            if command in self._answered:
                self.owed = Command(command)
            else:
                self._output.append(CONTINUE.wire)

    def _negotiate(self, agreement: NegotiatedFeatures) -> None:
        self.agreement = agreement
        self._order = order_without(agreement.steps)
        self._owed = agreement.owed
        self._header.has_leading_space = agreement.leading_space
        self._output.append(agreement.answer)

    def _out_of_order(self, command: int) -> RemoteProtocolError:
        name = Command(command).name if command in _KNOWN else f"unknown command {command:#04x}"
        return RemoteProtocolError(f"{name} in state {self.state.name}")
