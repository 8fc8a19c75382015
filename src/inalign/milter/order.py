"""The rules of order of the milter protocol, as tables.

`ORDER` says which command may come in which state and which state it leads to; what is not in it is an error of the
MTA. `LEGAL_REPLIES` says how a command may be answered: one common set, and exceptions that each have a reason.
`SETTLES` says after which answer nothing more of the message will come.

A few entries look odd, and each is something that an MTA does:

- RECIPIENT, DATA and MAIL come again where another milter behind the same MTA, or the MTA itself, refused the
  command that we let pass: the client may then try anew without RSET. A new MAIL is the end of the old message.
- HELO within a message is EHLO in mid-transaction, which resets it (RFC 5321 section 4.1.4). Postfix sends ABORT behind
  it, Sendmail none where MAIL gets no reply.
- ABORT is sent by Postfix after every message, also an accepted one, and once more before QUIT.
- DATA is left out by MTAs that speak an older version underneath, the header by a message without fields, the
  body by an empty one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType

from inalign.milter.messages import Command, ProtocolStep
from inalign.milter.replies import ReplyKind


class ConnectionState(IntEnum):
    """Where a milter connection stands."""

    START = 0
    """Nothing negotiated yet."""
    NEGOTIATED = 1
    """No SMTP connection yet, or no more."""
    CONNECTED = 2
    """An SMTP connection without a message in progress, greeted or not."""
    MAIL = 3
    """A message has begun."""
    RECIPIENTS = 4
    DATA = 5
    """DATA was let pass."""
    HEADER = 6
    """Within the header."""
    BODY = 7
    """The header is complete."""
    CLOSED = 8
    """After QUIT."""


IN_MESSAGE = frozenset(
    {
        ConnectionState.MAIL,
        ConnectionState.RECIPIENTS,
        ConnectionState.DATA,
        ConnectionState.HEADER,
        ConnectionState.BODY,
    }
)
"""The states in which ABORT ends a message."""

_TRANSACTION: Mapping[int, ConnectionState] = {
    Command.HELO: ConnectionState.CONNECTED,
    Command.MAIL: ConnectionState.MAIL,
    Command.RECIPIENT: ConnectionState.RECIPIENTS,
}
_CONTENT: Mapping[int, ConnectionState] = {
    Command.HEADER: ConnectionState.HEADER,
    Command.END_OF_HEADER: ConnectionState.BODY,
}
_ABORT: Mapping[int, ConnectionState] = {Command.ABORT: ConnectionState.CONNECTED}
_ANY_TIME: Mapping[int, ConnectionState] = {
    Command.QUIT: ConnectionState.CLOSED,
    Command.NEW_CONNECTION: ConnectionState.NEGOTIATED,
}


def _row(state: ConnectionState, *parts: Mapping[int, ConnectionState]) -> dict[int, ConnectionState]:
    row: dict[int, ConnectionState] = {Command.MACRO: state, **_ANY_TIME}
    for part in parts:
        row.update(part)
    return row


ORDER: Mapping[ConnectionState, Mapping[int, ConnectionState]] = MappingProxyType(
    {
        ConnectionState.START: {Command.NEGOTIATE: ConnectionState.NEGOTIATED, Command.QUIT: ConnectionState.CLOSED},
        ConnectionState.NEGOTIATED: _row(
            ConnectionState.NEGOTIATED,
            {Command.CONNECT: ConnectionState.CONNECTED, Command.ABORT: ConnectionState.NEGOTIATED},
        ),
        ConnectionState.CONNECTED: _row(
            ConnectionState.CONNECTED,
            _ABORT,
            {
                Command.HELO: ConnectionState.CONNECTED,
                Command.MAIL: ConnectionState.MAIL,
                Command.UNKNOWN: ConnectionState.CONNECTED,
            },
        ),
        ConnectionState.MAIL: _row(ConnectionState.MAIL, _ABORT, _TRANSACTION, {Command.UNKNOWN: ConnectionState.MAIL}),
        ConnectionState.RECIPIENTS: _row(
            ConnectionState.RECIPIENTS,
            _ABORT,
            _TRANSACTION,
            {Command.UNKNOWN: ConnectionState.RECIPIENTS, Command.DATA: ConnectionState.DATA},
            _CONTENT,
        ),
        ConnectionState.DATA: _row(
            ConnectionState.DATA,
            _ABORT,
            _TRANSACTION,
            {Command.UNKNOWN: ConnectionState.DATA, Command.DATA: ConnectionState.DATA},
            _CONTENT,
        ),
        ConnectionState.HEADER: _row(ConnectionState.HEADER, _ABORT, _CONTENT),
        ConnectionState.BODY: _row(
            ConnectionState.BODY,
            _ABORT,
            {Command.BODY: ConnectionState.BODY, Command.END_OF_MESSAGE: ConnectionState.CONNECTED},
        ),
        ConnectionState.CLOSED: {},
    }
)

OMISSIONS: Mapping[Command, ProtocolStep] = MappingProxyType(
    {
        Command.CONNECT: ProtocolStep.NO_CONNECT,
        Command.HELO: ProtocolStep.NO_HELO,
        Command.MAIL: ProtocolStep.NO_MAIL,
        Command.RECIPIENT: ProtocolStep.NO_RECIPIENT,
        Command.DATA: ProtocolStep.NO_DATA,
        Command.UNKNOWN: ProtocolStep.NO_UNKNOWN,
        Command.HEADER: ProtocolStep.NO_HEADER,
        Command.END_OF_HEADER: ProtocolStep.NO_END_OF_HEADER,
        Command.BODY: ProtocolStep.NO_BODY,
    }
)
"""The step by which a command is left out."""

NO_REPLY: Mapping[Command, ProtocolStep] = MappingProxyType(
    {
        Command.CONNECT: ProtocolStep.NO_REPLY_CONNECT,
        Command.HELO: ProtocolStep.NO_REPLY_HELO,
        Command.MAIL: ProtocolStep.NO_REPLY_MAIL,
        Command.RECIPIENT: ProtocolStep.NO_REPLY_RECIPIENT,
        Command.DATA: ProtocolStep.NO_REPLY_DATA,
        Command.UNKNOWN: ProtocolStep.NO_REPLY_UNKNOWN,
        Command.HEADER: ProtocolStep.NO_REPLY_HEADER,
        Command.END_OF_HEADER: ProtocolStep.NO_REPLY_END_OF_HEADER,
        Command.BODY: ProtocolStep.NO_REPLY_BODY,
    }
)
"""The step by which a command gets no reply. The end of the message always gets one, every other command none."""

_COMMON = frozenset(
    {
        ReplyKind.CONTINUE,
        ReplyKind.ACCEPT,
        ReplyKind.REJECT,
        ReplyKind.TEMPFAIL,
        ReplyKind.DISCARD,
        ReplyKind.REPLY_CODE,
        ReplyKind.SHUTDOWN,
    }
)

LEGAL_REPLIES: Mapping[Command, frozenset[ReplyKind]] = MappingProxyType(
    {
        **dict.fromkeys((*NO_REPLY, Command.END_OF_MESSAGE), _COMMON),
        # There is no message yet that could be discarded; only here can the connection be made to fail.
        Command.CONNECT: _COMMON - {ReplyKind.DISCARD} | {ReplyKind.CONNECTION_FAILED},
        Command.HELO: _COMMON - {ReplyKind.DISCARD},
        # The MTA refuses the command in any case; the filter can only say how.
        Command.UNKNOWN: _COMMON - {ReplyKind.DISCARD, ReplyKind.ACCEPT},
        # Both MTAs know it for body chunks alone.
        Command.BODY: _COMMON | {ReplyKind.SKIP},
    }
)
"""How each command that gets a reply may be answered."""

_TAKEN = frozenset({ReplyKind.ACCEPT, ReplyKind.DISCARD})
_REFUSED = frozenset({ReplyKind.REJECT, ReplyKind.TEMPFAIL, ReplyKind.REPLY_CODE, ReplyKind.SHUTDOWN})

SETTLES: Mapping[Command, frozenset[ReplyKind]] = MappingProxyType(
    {
        Command.MAIL: _TAKEN | _REFUSED,
        Command.RECIPIENT: _TAKEN,  # a refusal is that of one recipient
        Command.DATA: _TAKEN,  # after a refusal the client may try DATA again
        Command.HEADER: _TAKEN | _REFUSED,
        Command.END_OF_HEADER: _TAKEN | _REFUSED,
        Command.BODY: _TAKEN | _REFUSED,
    }
)
"""The replies after which the message is over for this filter. At the end of the message every reply is one."""


@lru_cache(maxsize=64)
def order_without(steps: int) -> Mapping[ConnectionState, Mapping[int, ConnectionState]]:
    """`ORDER` where the commands that these steps leave out may be missing: what may follow one may stand in its place.

    They may also come nevertheless; some MTAs send what a filter waived.
    """
    table: dict[ConnectionState, dict[int, ConnectionState]] = {state: dict(row) for state, row in ORDER.items()}
    omitted = [command for command, step in OMISSIONS.items() if steps & step]
    for _ in omitted:  # so that a whole run of commands may be missing
        for command in omitted:
            for row in table.values():
                if command in row:
                    for follower, state in table[row[command]].items():
                        row.setdefault(follower, state)
    return table
