"""What the background work of the report process and the commands that repair a store ask of the tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from inalign.store.counts import PASSES
from inalign.store.engine.interface import Engine, Parameter, domain_parameters, same_or_below, whole


class ReporterMails(NamedTuple):
    """Reports of one reporter with one reason for their authenticity."""

    reporter: str
    reason: str
    reports: int


def reporter_mails(engine: Engine, organization: str, reasons: Iterable[str]) -> list[ReporterMails]:
    """Count the reports of a domain and those below it, by reporter and by each of `reasons`. Raises `StoreError`."""
    parameters: dict[str, Parameter] = {f"reason_{number}": reason for number, reason in enumerate(sorted({*reasons}))}
    listed = ", ".join(f":{name}" for name in parameters)
    rows = engine.query(
        f"SELECT reporter, carrier_reason, count(*) FROM reports WHERE {same_or_below('reporter')} "
        f"AND carrier_reason IN ({listed}) GROUP BY reporter, carrier_reason",
        domain_parameters(organization) | parameters,
    )
    return [ReporterMails(str(reporter), str(reason), whole(number)) for reporter, reason, number in rows]


def addresses_to_name(engine: Engine, since: date, *, names_since: int, misses_since: int, limit: int) -> list[str]:
    """List addresses in records since a day whose reverse name is not known, those with the most messages first.

    A name is known if it was looked up since `names_since`, that there is none if since `misses_since` (seconds).
    """
    rows = engine.query(
        "SELECT source_ip, sum(count) AS messages FROM records WHERE day >= :since AND source_ip <> '' "
        "AND source_ip NOT IN (SELECT source_ip FROM names "
        "WHERE (name <> '' AND asked_at >= :names) OR (name = '' AND asked_at >= :misses)) "
        f"GROUP BY source_ip ORDER BY messages DESC, source_ip LIMIT {limit:d}",
        {"since": since, "names": names_since, "misses": misses_since},
    )
    return [str(address) for address, _ in rows]


def addresses_that_never_pass(engine: Engine, since: date, *, limit: int) -> list[str]:
    """List addresses of which no record since a day passes DMARC, those with the most messages first."""
    rows = engine.query(
        "SELECT t.source_ip, sum(t.count) AS messages FROM records AS t WHERE t.day >= :since AND t.source_ip <> '' "
        f"GROUP BY t.source_ip HAVING max(CASE WHEN {PASSES} THEN 1 ELSE 0 END) = 0 "
        f"ORDER BY messages DESC, t.source_ip LIMIT {limit:d}",
        {"since": since},
    )
    return [str(address) for address, _ in rows]


def last_arrival(engine: Engine) -> int:
    """Return the seconds at which the newest counted report was received; 0 where there is none."""
    ((seconds,),) = engine.query("SELECT max(received_at) FROM reports WHERE is_counted")
    return whole(seconds or 0)


class ConflictingContent(NamedTuple):
    """Another content under the key of a report, and the delivery that held it, if that is stored."""

    raw_digest: str
    source: str
    received_at: int
    carrier: str
    carrier_reason: str
    name: str = ""
    form: str = ""
    content: str | None = None


def conflicting_content(engine: Engine, key: str, digest: str) -> ConflictingContent | None:
    """Look up a content of the report `key` by its digest; None where there is none. Raises `StoreError`."""
    rows = engine.query(
        "SELECT raw_digest, source, received_at, carrier, carrier_reason FROM conflicts"
        " WHERE report_key = :key AND content_digest = :digest",
        {"key": key, "digest": digest},
    )
    if not rows:
        return None
    raw_digest, source, received_at, carrier, reason = rows[0]
    found = ConflictingContent(str(raw_digest), str(source), whole(received_at), str(carrier), str(reason))
    raw = engine.query("SELECT name, form, content FROM raw WHERE raw_digest = :raw", {"raw": raw_digest})
    if not raw:
        return found
    name, form, content = raw[0]
    return found._replace(name=str(name), form=str(form), content=str(content))
