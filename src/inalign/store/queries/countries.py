"""Messages by address, with the country of it: what the question about countries is put together from."""

from __future__ import annotations

from typing import NamedTuple, cast

from inalign.store.engine import Engine
from inalign.store.queries.filters import Filters, counted
from inalign.store.queries.headlines import PASSED


class Placed(NamedTuple):
    """What came from an address in the name of a policy domain."""

    domain: str
    source_ip: str
    country: str
    messages: int
    passed: int


def placed(engine: Engine, filters: Filters) -> list[Placed]:
    """All that are meant."""
    where, parameters = counted(engine, filters)
    asked = engine.query(
        "SELECT t.domain, t.source_ip, max(t.country), sum(t.count), "
        f"sum(CASE WHEN {PASSED} THEN t.count ELSE 0 END) FROM records AS t WHERE {where} "
        "GROUP BY t.domain, t.source_ip",
        parameters,
    )
    rows = cast("list[tuple[str, str, str, int, int]]", asked)
    return [Placed(domain, ip, country, int(messages), int(passed)) for domain, ip, country, messages, passed in rows]
