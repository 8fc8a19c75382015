"""The settings of the store and of what goes into it, one class a table."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where what is known of mail is kept."""

    folder: Annotated[
        str,
        Meta(
            description="The folder of the store and of what waits for it, on a local disk, made where it is missing. "
            "Relative paths begin where this file is. Empty: nothing is kept."
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(
            description="A ClickHouse server in place of the file of DuckDB: clickhouse://USER:PASSWORD@HOST:8123/NAME,"
            " clickhouses:// for TLS. Then any number of hosts write (docs/scale-out.md)."
        ),
    ] = ""
    memory_mb: Annotated[int, Meta(ge=64, le=1 << 20, description="Memory that DuckDB may take.")] = 512
    threads: Annotated[int, Meta(ge=1, le=256, description="Threads of DuckDB.")] = 2
    keep_raw_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long deliveries are kept as they came. 0: for ever.")
    ] = 400
    keep_records_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="How long records of aggregate reports are kept; their days keep their sums. 0: for ever.",
        ),
    ] = 800
    keep_rollups_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long these sums are kept. 0: for ever.")
    ] = 0
    keep_failures_days: Annotated[
        int,
        Meta(ge=0, le=36_500, description="How long failure reports are kept. 0: for ever. They hold parts of mail."),
    ] = 90
    keep_tls_days: Annotated[int, Meta(ge=0, le=36_500, description="How long TLS reports are kept. 0: for ever.")] = (
        800
    )
    keep_evaluations_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long records of messages are kept. 0: for ever.")
    ] = 30
    keep_refused_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long what was refused stays in quarantine. 0: for ever.")
    ] = 90
    readers: Annotated[
        int,
        Meta(ge=0, le=256, description="Processes that read reports. 0: one a core; they rest when there are none."),
    ] = 0
    reverse_names: Annotated[
        bool,
        Meta(
            description="Look up the reverse names of the addresses that send most, in the background; they tell who "
            "sends."
        ),
    ] = True
    asn_database: Annotated[
        str,
        Meta(
            description="A file in MaxMind's format that names the autonomous system of an address. Relative paths "
            "begin where this file is. Empty: networks are not named."
        ),
    ] = ""


class EvaluationsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records of verified messages: identifiers, results, policy, decision; no content, no recipient."""

    record: Annotated[
        bool,
        Meta(description="Whether the milter writes them; only where store.folder is set. Mail never waits for it."),
    ] = True
    recipient_domains: Annotated[
        bool,
        Meta(
            description="Keep the domains of the recipients, too, for envelope_to of aggregate reports (RFC 9990 "
            "section 3.1.1.10), where it is optional."
        ),
    ] = False
    max_spool_bytes: Annotated[
        int,
        Meta(
            ge=1 << 20,
            description="Of records that wait for the store, about 1 kB each. Beyond it they are dropped and counted.",
        ),
    ] = 1 << 30
