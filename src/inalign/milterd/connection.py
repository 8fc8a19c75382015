"""One milter connection: octets from the MTA become events for the filter, and its replies become octets.

The filter gets its events synchronously and in order. Only the end of a message may wait, and while it waits the
connection reads ahead no more than `HELD_BYTES`. All edits and the final reply of a message leave in one write, since
an MTA applies the edits that it has even where the reply never comes.

An error of the filter is caught here, once: it is logged with the queue id and answered with the failure reply. An MTA
that breaks the protocol loses its connection, and no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from typing import Protocol, cast

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.flow.eager import start_eagerly
from inalign.milter.messages import (
    Aborted,
    BodyChunk,
    Connected,
    Data,
    Disconnected,
    EndOfHeader,
    EndOfMessage,
    Event,
    Helo,
    MailFrom,
    Quit,
    Recipient,
    UnknownCommand,
)
from inalign.milter.negotiation import RequiredFeatures
from inalign.milter.order import LEGAL_REPLIES, ConnectionState
from inalign.milter.replies import CONTINUE, MilterReply, Response
from inalign.milter.session import MilterSession
from inalign.milterd.interface import Filter, FilterFactory, ServerOptions
from inalign.telemetry import Counters

log = logging.getLogger("inalign.milter")

HELD_BYTES = 65_536
"""What is read ahead of an answer. An MTA that waits for one sends nothing, so this is slack and not a buffer."""

IDLE_SECONDS = 0.5
"""While draining, a milter connection without an SMTP connection is closed after so much quiet. One that has just come
is not: its MTA is about to send, and would take the close for a failure."""

BETWEEN_SECONDS = 2.0
"""While the service stops, an SMTP connection without a message under way is closed after so much quiet. Its client may
hold it open for minutes, and a client that has a next message sends it sooner."""

NEGOTIATION_SECONDS = 30.0
"""From the connection to a complete option negotiation. An MTA sends it at once; Postfix waits as long for ours."""

QUICK_ACKNOWLEDGEMENT: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Whether the system has the socket option; Linux has it."""

SILENCE_SECONDS = 7210.0
"""Without an octet from the MTA between the commands of an SMTP connection, which may take their time: libmilter's
time. A host that is gone is found earlier, by TCP keep-alive."""

FRAME_SECONDS = 60.0
"""From the beginning of a frame to its end. An MTA writes a frame in one piece, of at most 64 kB in practice."""


class ConnectionHost(Protocol):
    """What a connection needs of the server that accepted it."""

    factory: FilterFactory
    wanted: RequiredFeatures
    options: ServerOptions
    counters: Counters
    keeps_sessions: bool
    is_exhausted: bool

    def came(self, connection: Connection) -> None:
        """Add a connection to those that are open."""

    def gone(self, connection: Connection) -> None:
        """Remove a connection that is closed."""

    def watch(self) -> None:
        """Call `Connection.tick` of all connections from now on, until no decision is pending."""


class Connection(asyncio.Protocol):
    """The protocol of one milter connection: octets to events, replies to octets."""

    __slots__ = (
        "_asked",
        "_failed",
        "_filter",
        "_heard",
        "_is_broken",
        "_is_over",
        "_is_paused",
        "_peer_is_slow",
        "_server",
        "_session",
        "_since",
        "_task",
        "_ticks",
        "_transport",
        "_unfinished",
        "_unfinished_since",
    )

    def __init__(self, server: ConnectionHost) -> None:
        self._server = server
        self._session = MilterSession(server.wanted, server.options.limits)
        self._filter: Filter | None = None
        self._failed = False  # at the present message
        self._is_broken = False  # for this SMTP connection
        self._is_over = False
        self._is_paused = False
        self._peer_is_slow = False
        self._task: asyncio.Task[Response] | None = None
        self._asked = 0.0  # when it began
        self._ticks = 0
        self._unfinished: object = None  # the frame that was incomplete when this was last looked at
        self._unfinished_since = 0.0
        self._transport: asyncio.Transport

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a new connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._since = self._heard = time.monotonic()
        self._server.came(self)

    def data_received(self, data: bytes) -> None:
        """Read on, or hold what comes while an answer is pending."""
        self._session.receive(data)
        self._heard = time.monotonic()
        if self._task is None:
            self._advance(self._session.events())
        else:
            self._regulate()

    def connection_lost(self, exc: Exception | None) -> None:
        """The MTA is gone: nothing that was under way matters any more."""
        self._is_over = True
        if isinstance(exc, MemoryError):
            self._server.is_exhausted = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._advance(iter((Disconnected(),)))
        self._server.gone(self)

    def pause_writing(self) -> None:
        """The MTA does not read what it is sent; it is not read either, then."""
        self._peer_is_slow = True
        self._regulate()

    def resume_writing(self) -> None:
        """The MTA reads again."""
        self._peer_is_slow = False
        self._regulate()

    # What the server calls

    def end_if_idle(self, now: float) -> None:
        """Close unless a message, or an SMTP connection that may go on, is under way or may be about to begin."""
        state = self._session.state
        is_between = (
            state is ConnectionState.CONNECTED and not self._session.is_waiting() and not self._server.keeps_sessions
        )
        quiet = now - self._heard
        if (state <= ConnectionState.NEGOTIATED and quiet >= IDLE_SECONDS) or (is_between and quiet >= BETWEEN_SECONDS):
            self._transport.close()

    def end_if_silent(self, now: float) -> None:
        """Close where the peer is overdue; while an answer of ours is pending it is not."""
        if self._session.state < ConnectionState.NEGOTIATED:
            is_overdue = now - self._since > NEGOTIATION_SECONDS
        elif self._task is not None:
            is_overdue = False
        else:
            is_overdue = now - self._heard > SILENCE_SECONDS or self._frame_is_overdue(now)
        if is_overdue:
            self._server.counters.add("inalign_connections_silent_total")
            self._transport.abort()

    def _frame_is_overdue(self, now: float) -> bool:
        """Whether the same frame has been incomplete for too long; it is looked at every now and then."""
        unfinished = self._session.unfinished
        if unfinished is None or unfinished is not self._unfinished:
            self._unfinished, self._unfinished_since = unfinished, now
            return False
        return now - self._unfinished_since > FRAME_SECONDS

    def cut_off(self) -> None:
        """Close whatever is under way."""
        self._transport.abort()

    def tick(self, now: float) -> bool:
        """Half of the time between two signs of progress is over; returns whether a decision is still pending."""
        if self._task is None:
            return False
        if now - self._asked > self._server.options.decision_seconds:
            self._give_up()
            return self._task is not None
        self._ticks += 1
        if self._ticks % 2 == 0:
            self._session.progress()
            self._write()
        return True

    # Events to the filter, decisions to the session

    def _advance(self, events: Iterator[Event], decided: asyncio.Task[Response] | None = None) -> None:
        """Send a decision if there is one, then handle all events up to the next that must wait."""
        while True:
            try:
                if decided is not None:
                    task, decided = decided, None
                    self._session.answer(*task.result())
                for event in events:
                    self._handle(event)
            except RemoteProtocolError as error:
                log.warning("milter connection ended: %s", error)
                self._server.counters.add("inalign_protocol_errors_total")
                self._is_over = True
            except Exception as error:  # noqa: BLE001 - the one place where a bug in a filter is caught
                self._fail(error)
                continue
            break
        self._write()
        if self._is_over:
            self._transport.close()

    def _write(self) -> None:
        output = self._session.data_to_send()
        if output and not self._transport.is_closing():
            self._transport.write(output)
            self._acknowledge_at_once()

    def _acknowledge_at_once(self) -> None:
        """Have the kernel acknowledge what comes next as it is read, not 40 ms later.

        Sendmail writes macros and command apart and without TCP_NODELAY, and none of both is answered: its second write
        would wait for our acknowledgement of the first. Each write of ours switches the kernel back.
        """
        if QUICK_ACKNOWLEDGEMENT is None:
            return
        connected = self._transport.get_extra_info("socket")
        if connected is not None and connected.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):  # it may be gone
                connected.setsockopt(socket.IPPROTO_TCP, QUICK_ACKNOWLEDGEMENT, 1)

    def _handle(self, event: Event) -> None:
        session = self._session
        if isinstance(event, Quit):
            self._is_over = True
            return
        if isinstance(event, Disconnected):
            self._close_filter()
            return
        if self._failed and isinstance(event, MailFrom | Aborted):
            self._failed = False
            if isinstance(event, MailFrom) and not self._is_broken:
                self._call_filter(Aborted())  # so that nothing of the message that failed is left
        is_lame = self._failed or self._is_broken
        if isinstance(event, EndOfMessage):
            if is_lame:
                session.answer(self._server.options.failure_reply)
            else:
                self._end_message()
            return
        reply = None if is_lame else self._call_filter(event)
        if session.owed is not None:
            session.answer(reply or CONTINUE)
        elif reply is not None:
            raise LocalProtocolError(f"the filter did not say that it answers {type(event).__name__}")

    def _call_filter(self, event: Event) -> MilterReply | None:
        the_filter = self._open_filter()
        match event:
            case BodyChunk():
                return the_filter.body(event.data)
            case EndOfHeader():
                return the_filter.header(event)
            case MailFrom():
                return the_filter.mail(event)
            case Connected():
                return the_filter.connected(event)
            case Helo():
                return the_filter.helo(event)
            case Recipient():
                return the_filter.recipient(event)
            case Data():
                return the_filter.data(event)
            case UnknownCommand():
                return the_filter.unknown(event)
            case Aborted():
                the_filter.aborted()
        return None

    def _open_filter(self) -> Filter:
        if self._filter is None:
            self._filter = self._server.factory(self._session.macros)
            agreement = self._session.agreement
            self._filter.actions = agreement.actions if agreement is not None else 0
        return self._filter

    def _close_filter(self) -> None:
        self._failed = self._is_broken = False
        the_filter, self._filter = self._filter, None
        if the_filter is not None:
            the_filter.closed()

    def _end_message(self) -> None:
        """Ask for the decision; one that is not there at once becomes a task."""
        decision = self._open_filter().end_of_message()
        outcome = decision if isinstance(decision, Response) else start_eagerly(decision)
        if isinstance(outcome, Response):
            self._session.answer(*outcome)
            return
        self._task = outcome
        self._task.add_done_callback(self._decided)
        self._asked = time.monotonic()
        self._ticks = 0
        self._server.watch()

    def _decided(self, task: asyncio.Task[Response]) -> None:
        if task is not self._task:
            return  # the MTA went away first
        self._task = None
        if task.cancelled():
            self.cut_off()
            return
        self._heard = time.monotonic()  # the MTA's turn begins
        self._advance(self._session.events(), task)
        self._regulate()

    def _give_up(self) -> None:
        """The decision does not come: answer without it, and read on."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._heard = time.monotonic()
        self._fail(TimeoutError(f"no decision within {self._server.options.decision_seconds:g} s"))
        self._advance(self._session.events())
        self._regulate()

    def _fail(self, error: Exception) -> None:
        """Put a bug on record, and see to it that the mail it struck gets the failure reply."""
        session = self._session
        if isinstance(error, MemoryError):
            self._server.is_exhausted = True  # before anything else that may need memory
        self._server.counters.add("inalign_filter_failures_total")
        queue_id = session.macros.get("i", "-")
        log.error("%s: the milter filter failed: %r", queue_id, error, exc_info=error)
        if session.in_message:
            self._failed = True
        elif self._filter is not None:
            self._is_broken = True  # it does not know the connection, so no message on it can be judged
        if session.owed is not None:
            reply = self._server.options.failure_reply
            session.answer(reply if reply.kind in LEGAL_REPLIES[session.owed] else CONTINUE)

    def _regulate(self) -> None:
        """Read no further while the MTA does not read, or has sent too much ahead of an answer."""
        is_full = self._task is not None and self._session.buffered > HELD_BYTES
        should_pause = self._peer_is_slow or is_full
        if should_pause == self._is_paused or self._transport.is_closing():
            return
        self._is_paused = should_pause
        if should_pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
