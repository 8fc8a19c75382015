"""Reading a delivered message as the next program would: its fields, and our Authentication-Results among them.

The field is parsed by `authres`, another implementation of RFC 8601 and a strict one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import authres

AUTHSERV_ID = "mx.example.net"


@dataclass(frozen=True)
class Result:
    """One method's result."""

    word: str
    properties: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Received:
    """A delivered message: its header as (name, value) with LF folds, and its body."""

    header: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.header if key.lower() == name.lower()]

    def results(self) -> dict[str, list[Result]]:
        """Our results by method. There is one field of ours, on top of all, and the server's Received below it."""
        assert [name for name, _ in self.header[:2]] == ["Authentication-Results", "Received"], self.header[:3]
        ours = [value for value in self.values("Authentication-Results") if claims_our_id(value)]
        assert ours == [self.header[0][1]], ours
        parsed = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {ours[0]}")
        assert parsed.authserv_id == AUTHSERV_ID
        found: dict[str, list[Result]] = {}
        for result in parsed.results:
            properties = {f"{each.type}.{each.name}": each.value for each in result.properties}
            found.setdefault(result.method, []).append(Result(result.result, properties, result.reason))
        return found


def received(message: bytes) -> Received:
    """Split a message with LF line ends."""
    header, _, body = message.partition(b"\n\n")
    fields = []
    for line in re.split(r"\n(?![ \t])", header.decode("utf-8", "surrogateescape")):
        name, _, value = line.partition(":")
        fields.append((name.rstrip(), value.strip()))
    return Received(tuple(fields), body)


def claims_our_id(value: str) -> bool:
    """Whether any reader could take this value for one of ours: comments and quotes gone, the id in any case."""
    without = re.sub(r"\((?:[^()\\]|\\.)*\)", " ", re.sub(r"\((?:[^()\\]|\\.)*\)", " ", value))
    plain = re.sub(r'[\s"\\]', " ", without).strip().lower()
    return re.match(rf"{re.escape(AUTHSERV_ID)}(?:[\s;/]|$)", plain) is not None


def word(results: dict[str, list[Result]], method: str) -> str:
    (result,) = results[method]
    return result.word


def words(results: dict[str, list[Result]]) -> tuple[str, str, str]:
    """SPF of the reverse-path, the one signature, DMARC."""
    return mailfrom(results).word, word(results, "dkim"), word(results, "dmarc")


def mailfrom(results: dict[str, list[Result]]) -> Result:
    (result,) = (each for each in results["spf"] if "smtp.mailfrom" in each.properties)
    return result
