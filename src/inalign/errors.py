"""The exception tree of Inalign, on one screen.

What mail or DNS can do is a result, never an exception; what a programmer or an operator did is one of these.
Parsers (`parse_*`) raise `ParseError`; nothing else raises for anything that comes from outside.
"""


class Error(Exception):
    """The root: every exception that Inalign raises on purpose."""


class ParseError(Error, ValueError):
    """Text from outside is not in its grammar, or over a limit. The text says what, where and which rule."""


class LimitError(ParseError):
    """A size, depth, ratio or count is beyond the limit that the text names."""


class ProtocolError(Error):
    """The milter protocol was broken."""


class LocalProtocolError(ProtocolError):
    """We tried to do what the protocol does not allow here: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol; its connection cannot go on."""


class SettingsError(Error):
    """A setting is wrong. The text is made of the attributes: `LOCATION: KEY: PROBLEM`."""

    def __init__(self, problem: str, *, key: str = "", location: str = "") -> None:
        """`problem` says what was found and what was expected; `location` is `FILE:LINE`."""
        super().__init__(": ".join(part for part in (location, key, problem) if part))
        self.problem = problem
        self.key = key
        self.location = location


class TransportError(Error):
    """A socket that we open outward, or listen on, cannot be had."""
