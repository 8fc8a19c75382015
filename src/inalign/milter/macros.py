"""The macros of a milter connection: values that the MTA sends ahead of its commands.

Each stage has its own list and a newer list replaces the older one of that stage. A value holds until its stage is
told anew or its scope ends: Sendmail sends the queue id at MAIL and never again, Postfix only after the first
recipient and then before every command, so a name is looked for in the latest stage first and then backwards. The
connection's own values (CONNECT, HELO) outlive a message, all others end with it.
"""

from __future__ import annotations

from inalign.milter.frames import encode_frame
from inalign.milter.messages import Command, text_of

_LATEST_FIRST = tuple(
    int(command)
    for command in (
        Command.END_OF_MESSAGE,
        Command.BODY,
        Command.END_OF_HEADER,
        Command.HEADER,
        Command.DATA,
        Command.RECIPIENT,
        Command.MAIL,
        Command.UNKNOWN,
        Command.HELO,
        Command.CONNECT,
    )
)
_STAGES = frozenset(_LATEST_FIRST)
_OF_CONNECTION = frozenset({int(Command.CONNECT), int(Command.HELO)})
_AT_MAIL = _OF_CONNECTION | {int(Command.MAIL)}


class Macros:
    """The values in force now. Names are taken with or without braces: `i`, `{auth_authen}`, `auth_authen`."""

    __slots__ = ("_lists", "_read", "latest")

    def __init__(self) -> None:
        self.latest: bytes | None = None
        """The list put last, as long as it is in force: Postfix sends the same one before each header field."""
        self._lists: dict[int, bytes] = {}
        self._read: dict[int, dict[str, str]] = {}

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of a macro in the latest stage that has it."""
        name = _bare(name)
        octets = name.encode()
        for stage in _LATEST_FIRST:
            payload = self._lists.get(stage)
            if payload is not None and octets in payload:  # which saves reading most lists
                values = self._read.get(stage)
                if values is None:
                    values = self._read[stage] = _pairs(payload)
                if name in values:
                    return values[name]
        return default

    def frame_of_latest(self) -> bytes:
        """The frame by which the MTA would send the list put last once more; empty where there is none."""
        return b"" if self.latest is None else encode_frame(Command.MACRO, self.latest)

    def put(self, stage: int, payload: bytes) -> None:
        """Replace the list of a stage; `payload` is the whole payload of the packet, the stage octet included.

        A stage that has no macros is forgotten at once: two hundred such lists would be megabytes that nobody asks for.
        """
        self.latest = payload
        if stage in _STAGES:
            self._lists[stage] = payload
            self._read.pop(stage, None)

    def begin_message(self) -> None:
        """Forget what an earlier message left; the list of MAIL came ahead of it and belongs to the new one."""
        self._keep(_AT_MAIL)

    def end_message(self) -> None:
        """Forget what belongs to the message; the connection's values stay."""
        self._keep(_OF_CONNECTION)

    def end_connection(self) -> None:
        """Forget all."""
        self._keep(frozenset())

    def _keep(self, stages: frozenset[int]) -> None:
        self.latest = None
        for stage in [stage for stage in self._lists if stage not in stages]:
            del self._lists[stage]
            self._read.pop(stage, None)


def _pairs(payload: bytes) -> dict[str, str]:
    strings = text_of(payload[1:].removesuffix(b"\0")).split("\0")
    return {_bare(name): value for name, value in zip(strings[::2], strings[1::2], strict=False)}


def _bare(name: str) -> str:
    return name[1:-1] if name[:1] == "{" and name[-1:] == "}" else name
