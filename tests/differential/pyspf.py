"""pyspf as an oracle: its check over the same zone, with its look-ups answered from text."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

from inalign.resolver import Answer, Outcome, ZoneResolver
from tests.helpers import run_now

with warnings.catch_warnings():
    # Python warns of a text of pyspf's whenever it has to compile it, which is where nobody has done so before.
    warnings.simplefilter("ignore", SyntaxWarning)  # from Python 3.12 on
    warnings.simplefilter("ignore", DeprecationWarning)
    import spf as pyspf

_Version: dict[str, Literal[4, 6]] = {"A": 4, "AAAA": 6}


class OracleAnswer(NamedTuple):
    """What pyspf says."""

    word: str
    explanation: str
    """On an error its message; the default explanation is `DEFAULT`."""


def ask_pyspf(names: Mapping[str, Mapping[str, object]], ip: str, mail_from: str, helo: str) -> OracleAnswer:
    """The answer of pyspf in its strict mode."""
    zone = ZoneResolver.from_json(names)

    def look_up(name: str, kind: str, *_: object) -> list[tuple[tuple[str, str], Any]]:
        return [((name, kind), record) for record in _records(zone, names, name, kind)]

    with patch.object(pyspf, "DNSLookup", look_up):
        query = pyspf.query(i=ip, s=mail_from, h=helo, strict=True)
        query.set_default_explanation("DEFAULT")
        word, _, explanation = query.check()
    return OracleAnswer(word, explanation)


def _records(zone: ZoneResolver, names: Mapping[str, Mapping[str, object]], name: str, kind: str) -> list[Any]:
    if kind == "TXT":
        return [(text,) for text in _answered(run_now(zone.txt(name)))]  # a record is a tuple of strings
    if kind == "MX":
        return [tuple(exchange) for exchange in _answered(run_now(zone.mx(name)))]
    if kind == "PTR":  # pyspf asks by the name in the reverse zone
        pointers = names.get(name.lower(), {}).get("PTR", [])
        assert isinstance(pointers, list)
        return pointers
    return [str(address) for address in _answered(run_now(zone.addresses(name, _Version[kind])))]


def _answered(answer: Answer[Any]) -> tuple[Any, ...]:
    if answer.outcome is Outcome.FAILED:
        raise pyspf.TempError("DNS", answer.detail)
    return answer.records
