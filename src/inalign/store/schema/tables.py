"""The tables: one column map for both engines.

Columns are plain, so that one SQL text is right in both: text, whole numbers, truth, days. Lists are JSON in a text
column. There are no NULLs: text that is not there is empty, a time that is not there is 0. Times are seconds since
1970, UTC. A row is one and the same by its key, so that storing it twice stores it once.

`day` is the day in UTC of the middle of what is told of, and `slot` the quarter of an hour: the days of every time zone
follow from it, since zones differ by whole quarters. `day` says how rows lie together, and what is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple


class ColumnKind(Enum):
    """What a column holds: its type in DuckDB, and in ClickHouse."""

    TEXT = ("VARCHAR", "String")
    WORD = ("VARCHAR", "LowCardinality(String)")
    """Text of which there are few different ones."""
    WHOLE = ("BIGINT", "Int64")
    REAL = ("DOUBLE", "Float64")
    TRUTH = ("BOOLEAN", "Bool")
    DAY = ("DATE", "Date32")


SLOT_SECONDS = 900
"""Zones differ from UTC by whole quarters of an hour."""


def slot_of(seconds: int) -> int:
    """The quarter of an hour of a time."""
    return seconds - seconds % SLOT_SECONDS


def source_key(address: IPv4Address | IPv6Address) -> str:
    """An address as text that sorts as its number does: the version, then hexadecimal digits."""
    return f"{address.version}{address.packed.hex()}"


SENDER_LETTERS = 17
"""Of a `source_key`: all of IPv4, and the /64 of IPv6, which is what one sender has."""


class Table(NamedTuple):
    """A table: what it holds, and what makes a row one and the same."""

    name: str
    columns: Mapping[str, ColumnKind]
    key: tuple[str, ...]


def _columns(words: str) -> dict[str, ColumnKind]:
    """From `name:kind` words; text is the kind of those without one."""
    kinds = {
        "": ColumnKind.TEXT,
        "w": ColumnKind.WORD,
        "n": ColumnKind.WHOLE,
        "r": ColumnKind.REAL,
        "b": ColumnKind.TRUTH,
        "d": ColumnKind.DAY,
    }
    return {name: kinds[kind] for name, _, kind in (word.partition(":") for word in words.split())}


REPORTS = Table(
    "reports",
    _columns(
        "report_key kind:w reporter:w org_name:w email:w report_id domain:w org_domain:w begin_at:n end_at:n "
        "day:d slot:n received_at:n stored_at:n is_rfc9990:b version:w generator:w extra_contact_info:w "
        "p:w sp:w np:w adkim:w aspf:w fo:w pct:n testing:w discovery_method:w errors "
        "records:n messages:n passed:n none:n quarantine:n reject:n flaws flaw_count:n "
        "carrier:w carrier_reason:w carrier_detail content_digest raw_digest source:w is_counted:b"
    ),
    ("report_key",),
)
"""Every report that was read, of all kinds; `messages` of a TLS report are sessions. `none` counts `pass`, too.
`pct` is -1 where it was not told. Flaws are JSON: [[code, detail], …]."""

RECORDS = Table(
    "records",
    _columns(
        "report_key row:n domain:w org_domain:w day:d slot:n begin_at:n end_at:n reporter:w is_rfc9990:b "
        "source_ip source_key network:w country:w asn:n as_name:w count:n disposition:w dkim_aligned:w spf_aligned:w "
        "dmarc:w header_from:w envelope_from:w envelope_to:w dkim:w spf:w reasons:w"
    ),
    ("domain", "day", "report_key", "row"),
)
"""The records of aggregate reports that count. `dmarc`, `dkim_aligned`, `spf_aligned`: pass, fail, or empty where it
was not told (which is no pass). `source_key` sorts as addresses do. dkim: [[domain, selector, result], …]; spf:
[[domain, scope, result], …]; reasons: [[type, comment], …]."""

ROLLUPS = Table(
    "domain_rollups",
    _columns(
        "report_key day:d slot:n domain:w org_domain:w reporter:w header_from:w "
        "both_none:n both_quarantine:n both_reject:n dkim_none:n dkim_quarantine:n dkim_reject:n "
        "spf_none:n spf_quarantine:n spf_reject:n neither_none:n neither_quarantine:n neither_reject:n"
    ),
    ("day", "domain", "header_from", "reporter", "report_key", "slot"),
)
"""Messages of a report by From domain, in twelve counters: aligned by both, DKIM alone, SPF alone or
neither, by disposition. An alignment that was not reported counts as not aligned.
Rows of slots whose records are gone are put together, with an empty report key."""

CONFLICTS = Table(
    "conflicts",
    _columns(
        "report_key content_digest raw_digest reporter:w domain:w report_id received_at:n messages:n source:w "
        "carrier:w carrier_reason:w"
    ),
    ("report_key", "content_digest"),
)
"""Other contents under the key of a stored report: shown, never counted, and can take its place."""

FAILURES = Table(
    "failures",
    _columns(
        "report_key kind:w domain:w org_domain:w day:d slot:n arrived_at:n received_at:n reporter:w source_ip "
        "source_key network:w country:w asn:n as_name:w auth_failure:w failed:w delivery_result:w header_from:w "
        "envelope_from display_name subject message_id agent:w incidents:n sample"
    ),
    ("report_key",),
)
"""Failure reports, and abuse reports (by `kind`). `sample` is the header of the reported message."""

TLS_POLICIES = Table(
    "tls_policies",
    _columns(
        "report_key row:n domain:w org_domain:w day:d slot:n begin_at:n end_at:n reporter:w policy_type:w "
        "successful:n failed:n"
    ),
    ("report_key", "row"),
)
TLS_FAILURES = Table(
    "tls_failures",
    _columns(
        "report_key row:n place:n domain:w org_domain:w day:d slot:n reporter:w policy_type:w "
        "result_type:w sending_ip receiving_mx:w sessions:n reason_code"
    ),
    ("report_key", "row", "place"),
)

RAW = Table("raw", _columns("raw_digest name source:w received_at:n octets:n form:w content"), ("raw_digest",))
"""What was delivered, as base64; `form` is plain, or deflate where it was worth compressing."""

EVALUATIONS = Table(
    "evaluations",
    _columns(
        "id day:d slot:n seen_at:n host:w queue_id source_ip source_key network:w country:w asn:n as_name:w "
        "domain:w org_domain:w header_from:w envelope_from:w helo:w spf:w dkim:w arc:w dmarc:w dmarc_reason:w "
        "policy:w applied_policy:w disposition:w dkim_aligned:w spf_aligned:w action:w rule:w "
        "octets:n total_ms:r held_ms:r details"
    ),
    ("day", "id"),
)
"""What the milter judged; columns that `records` has, too, are of the same form, one row for one message. `domain` is
the policy domain, else the author domain. `disposition` is RFC 9989's alone, `action` what was done. `details` is the
whole record as JSON (`store.evaluation`), from which the message can be decided again."""

NAMES = Table("names", _columns("source_ip name asked_at:n"), ("source_ip",))
"""Reverse names, looked up in the background; an empty one was asked for and is not there."""

ASSESSMENTS = Table(
    "assessments",
    _columns(
        "host:w domain:w generation:n assessed_at:n seconds:r overrides_revision:n input_revision policy:w testing:b "
        "reporters:n first_day:d last_day:d plan findings"
    ),
    ("host", "domain"),
)
"""The assessment of each domain. Its row is written last, and its `generation` says which rows of the next two tables
belong to it; others are left over. `host` is the host that assessed it, empty where only one can.
`overrides_revision` and `input_revision` are the versions of what it is made from (`assessment.cache`); `plan` and
`findings` are JSON."""

ASSESSED_SOURCES = Table(
    "assessed_sources",
    _columns(
        "host:w domain:w generation:n source_ip source_key source_class:w service:w sender:w evidence messages:n "
        "failing:n classes first_day:d last_day:d"
    ),
    ("host", "domain", "generation", "source_key"),
)
"""Addresses with their class; `evidence` and `classes` (messages by class, where there are several) are JSON."""

ASSESSED_SLOTS = Table(
    "assessed_slots",
    _columns("host:w domain:w generation:n slot:n source_class:w passes:b none:n quarantine:n reject:n"),
    ("host", "domain", "generation", "slot", "source_class", "passes"),
)
"""Messages of an assessed domain and the names below it by slot, class of the mail, whether it passes, and
its disposition. The class is empty where no address or no span was told."""

OF_AN_ASSESSMENT = (ASSESSMENTS, ASSESSED_SOURCES, ASSESSED_SLOTS)
"""What can be made again from the others: not in backups."""

SOURCE_MONTHS = Table(
    "source_months",
    _columns(
        "month:d domain:w reporter:w sender source_key source_ip network:w country:w asn:n as_name:w "
        "messages:n passed:n dkim:n spf:n quarantine:n reject:n first_slot:n last_slot:n"
    ),
    ("month", "domain", "reporter", "source_key", "source_ip", "network", "country", "asn", "as_name"),
)
"""The records of a month in UTC, summed by source: what `store.months` makes of them, and can make again. In DuckDB
alone, and in no backup. `sender` is the address, or the first half of it for IPv6 (`sender_key`)."""

SUMMED_MONTHS = Table("summed_months", _columns("month:d"), ("month",))
"""The months whose sums are those of their records; whoever changes records of a month takes it out."""

TABLES = (
    REPORTS, RECORDS, ROLLUPS, CONFLICTS, FAILURES, TLS_POLICIES, TLS_FAILURES, RAW, EVALUATIONS, NAMES,
)  # fmt: skip
OF_A_REPORT = (RECORDS, ROLLUPS, FAILURES, TLS_POLICIES, TLS_FAILURES, REPORTS)
"""Where the rows of a report are; the one in `reports` is written last, and says that the others are whole."""

COUNTERS = tuple(
    f"{aligned}_{disposition}"
    for aligned in ("both", "dkim", "spf", "neither")
    for disposition in ("none", "quarantine", "reject")
)
