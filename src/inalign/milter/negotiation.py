"""The negotiation that opens a milter connection.

The MTA offers a version, actions and protocol steps; the filter takes what it needs of them. All that a filter can
do without is waived: each reply is a round trip between two processes, and two dozen of them cost more than checking
a signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import pack, unpack_from
from typing import NamedTuple

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter.frames import encode_frame
from inalign.milter.messages import VERSION, Action, Command, ProtocolStep, malformed
from inalign.milter.order import NO_REPLY, OMISSIONS

MACRO_LISTS = {
    Command.CONNECT: 0,
    Command.HELO: 1,
    Command.MAIL: 2,
    Command.RECIPIENT: 3,
    Command.DATA: 4,
    Command.END_OF_MESSAGE: 5,
    Command.END_OF_HEADER: 6,
}
"""The numbers of the stages that have a macro list of their own."""

_NO_ACTION = Action(0)
_ALWAYS_WELCOME = ProtocolStep.SKIP | ProtocolStep.LEADING_SPACE


class MacroList(NamedTuple):
    """The macros that shall come with a command, in the place of the MTA's own list."""

    command: Command
    names: tuple[str, ...]
    """As the MTA names them: `i`, `{auth_type}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredFeatures:
    """What a filter needs of the MTA."""

    actions: Action = _NO_ACTION
    """All of them must be on offer."""
    welcome: Action = _NO_ACTION
    """Those that are taken where they are on offer."""
    events: frozenset[Command] = frozenset(OMISSIONS)
    """The commands that the filter is told of; the end of the message always is. The fields of the header come with
    its end, so HEADER stands for both."""
    replies: frozenset[Command] = frozenset()
    """The commands that the filter answers itself, besides the end of the message. The fields of the header are told
    and answered together, at END_OF_HEADER."""
    macros: tuple[MacroList, ...] = ()
    watched: frozenset[bytes] = frozenset()
    """Lower-case names of header fields that are counted even where they are not kept (see `EndOfHeader.unread`)."""

    def __post_init__(self) -> None:
        """Refuse what this protocol side cannot do."""
        if Command.HEADER in self.replies:
            raise LocalProtocolError("header fields are answered together, at END_OF_HEADER")

    @property
    def commands(self) -> frozenset[Command]:
        """The commands that the MTA must send."""
        needed = self.events | self.replies
        return needed | {Command.END_OF_HEADER} if Command.HEADER in needed else needed


class NegotiatedFeatures(NamedTuple):
    """What was agreed upon for one milter connection."""

    actions: int
    steps: int
    owed: frozenset[int]
    """The commands that get a reply."""
    leading_space: bool
    """Whether blanks behind the colon of a header field cross as they are."""
    answer: bytes
    """The frame that says so to the MTA."""


class Offer(NamedTuple):
    """What the MTA offers."""

    version: int
    actions: int
    steps: int


def decode_offer(payload: bytes) -> Offer:
    """Three numbers of four octets. What a newer version may add behind them is left alone."""
    if len(payload) < 12:
        raise malformed(Command.NEGOTIATE, f"{len(payload)} octets where 12 are the least")
    return Offer(*unpack_from(">III", payload))


@lru_cache(maxsize=64)
def agree(wanted: RequiredFeatures, offer: Offer) -> NegotiatedFeatures:
    """Take of the offer what is wanted; refuse with `RemoteProtocolError` an MTA that cannot give it."""
    if offer.version < VERSION:
        raise RemoteProtocolError(
            f"the MTA speaks milter protocol version {offer.version}; version {VERSION} is needed"
            " (in Postfix: milter_protocol = 6)"
        )
    missing = wanted.actions & ~Action(offer.actions & sum(Action))
    if missing:
        names = ", ".join(action.name or "" for action in missing)
        raise RemoteProtocolError(f"the MTA does not offer what the filter needs: {names}")
    actions = int(wanted.actions) | (int(wanted.welcome) & offer.actions)
    lists = wanted.macros if offer.actions & Action.SET_MACROS else ()
    if lists:
        actions |= Action.SET_MACROS
    steps = offer.steps & _welcome(wanted)
    owed = {int(command) for command, step in NO_REPLY.items() if not steps & step} | {int(Command.END_OF_MESSAGE)}
    payload = pack(">III", VERSION, actions, steps) + b"".join(
        pack(">I", MACRO_LISTS[command]) + " ".join(names).encode("ascii") + b"\0" for command, names in lists
    )
    leading_space = bool(steps & ProtocolStep.LEADING_SPACE)
    return NegotiatedFeatures(actions, steps, frozenset(owed), leading_space, encode_frame(Command.NEGOTIATE, payload))


def _welcome(wanted: RequiredFeatures) -> int:
    """Every step that the filter can live with."""
    steps = int(_ALWAYS_WELCOME)
    needed = wanted.commands
    for command, step in OMISSIONS.items():
        if command not in needed:
            steps |= step
    for command, step in NO_REPLY.items():
        if command not in wanted.replies:
            steps |= step
    return steps
