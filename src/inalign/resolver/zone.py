"""The resolver that answers from text and nothing else, for tests, `--zone` and demonstrations.

Design section 10: names compare without case, a trailing dot is dropped, any text is a valid name; `CNAME` is
followed; `error` is the answer for every type that the name does not list; a name that is not there, nor above one
that is, does not exist. It never waits, so that its user needs no event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Literal

from inalign.errors import ParseError
from inalign.resolver.port import Answer, IPAddress, MailExchange, Outcome, Question

MAX_CNAMES = 8  # RFC 1034 section 3.6.2 says avoid chains; resolvers follow 8 to 16


class ZoneError(ParseError):
    """The zone text is not what `ZoneResolver` reads."""


class ZoneResolver:
    """Answers from a mapping of names to records; see `from_json`."""

    def __init__(self, names: Mapping[str, Mapping[str, object]]) -> None:
        self._names = {_key(name): entry for name, entry in names.items()}
        self._above: set[str] = set()
        for name in self._names:
            labels = name.split(".")
            self._above.update(".".join(labels[cut:]) for cut in range(len(labels)))

    @classmethod
    def from_json(cls, mapping: Mapping[str, Mapping[str, object]]) -> ZoneResolver:
        """From `{"name": {"TXT": [...], "A": [...], "AAAA": [...], "MX": [[10, "..."]], "PTR": [...], ...}}`."""
        return cls(mapping)

    async def txt(self, name: str) -> Answer[bytes]:
        found = self._ask("TXT", name)
        return Answer(found.outcome, tuple(_octets(text) for text in found.records), detail=found.detail)

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        found = self._ask("A" if version == 4 else "AAAA", name)
        return Answer(found.outcome, tuple(ip_address(str(text)) for text in found.records), detail=found.detail)

    async def mx(self, name: str) -> Answer[MailExchange]:
        found = self._ask("MX", name)
        return Answer(found.outcome, tuple(_exchange(record) for record in found.records), detail=found.detail)

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        found = self._ask("PTR", ip.reverse_pointer)
        return Answer(found.outcome, tuple(_key(str(text)) for text in found.records), detail=found.detail)

    def expect(self, *questions: Question) -> None:
        """Nothing to do: every answer is at hand."""

    def _ask(self, kind: str, name: str) -> Answer[object]:
        key = _key(name)
        for _ in range(MAX_CNAMES):
            entry = self._names.get(key)
            if entry is None:
                return Answer(Outcome.NO_DATA if key in self._above else Outcome.NO_NAME)
            records = entry.get(kind)
            if isinstance(records, Sequence) and not isinstance(records, str) and records:
                return Answer(Outcome.FOUND, tuple(records))
            if "CNAME" in entry:
                key = _key(str(entry["CNAME"]))
                continue
            error = entry.get("error")
            if error == "nxdomain":
                return Answer(Outcome.NO_NAME)
            if error is not None and records is None:
                return Answer(Outcome.FAILED, detail=str(error))
            return Answer(Outcome.NO_DATA)
        return Answer(Outcome.FAILED, detail="CNAME loop")


def _key(name: str) -> str:
    return name.removesuffix(".").lower()


def _octets(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogateescape")


def _exchange(record: object) -> MailExchange:
    if not isinstance(record, Sequence) or len(record) != 2:
        raise ZoneError(f"an MX record is [preference, exchange], not {record!r}")
    return MailExchange(int(record[0]), _key(str(record[1])))
