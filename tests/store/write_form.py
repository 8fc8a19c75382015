"""Write the store and the control state that `tests/vectors/store` holds of each form.

    python -m tests.store.write_form FOLDER

writes `store.duckdb.gz`, `control.sqlite.gz` and the answers to the questions of both into a folder. Run it with the
last code of a form, before a new form begins.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from inalign.alerts.rules import Known
from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.assessment.views import all_views
from inalign.insight.detection import AlertCode, Detection
from inalign.insight.directory import own_directory
from inalign.insight.result import SourceClass
from inalign.reports.report import OverrideReason, Report
from inalign.spool.evaluation_record import DkimCheck, EvaluationRecord, SpfCheck
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.load.evaluations import load_evaluations
from inalign.store.load.monthly import sum_months
from inalign.store.load.reports import Arrival
from inalign.store.maintenance import Retention, forget
from inalign.store.queries.filters import Filters
from inalign.store.state.accounts import Accounts, AuditEntry, Role, Token, User
from inalign.store.state.answers import write_hosts, write_looked_up, write_reputation
from inalign.store.state.control import Control
from inalign.store.state.dnsbl import fresh_listings, keep_listings
from inalign.store.state.incidents import acknowledge, incidents, note_findings, read_known, write_known
from inalign.store.state.intake_sources import SourceRecord
from inalign.store.state.outbox import Reach, channels, keep_channels, note_failed, queue, take
from inalign.store.state.overrides import SourceOverrideRow, overrides, write_override
from inalign.store.state.summaries import SentSummary, sent_summaries, write_sent
from tests.store.material import NOW, PLACES, aggregate, arrival, failure, record, store, tls

Answers = dict[str, list[dict[str, object]]]
QUESTIONS = ("overview", "addresses", "reporters", "failures", "tls", "evaluations")
DEPENDS_ON_TODAY = {"state", "next", "judged_at", "ready", "parked", "blocking", "trend"}
"""Fields of `overview` that are no sums: they depend on the day of the question and on the rules of the assessment."""
NEVER = datetime(1970, 1, 2, tzinfo=UTC)
AT = NOW.timestamp()


def reports() -> list[Report | Arrival]:
    """Reports of all kinds: of two domains, without a span, in the time zone of Japan, older than their records."""
    begin = datetime(2026, 11, 19, 15, tzinfo=UTC)
    days = [
        aggregate(
            record("192.0.2.1", 90 + day, spf=True),
            record("2001:db8::1", 40, header_from="news.example.com"),
            record("198.51.100.7", 30, dkim=False, disposition="reject"),
            record("203.0.113.9", 5, dkim=False, reasons=(OverrideReason("mailing_list", "list"),)),
            report_id=f"own-{day}",
            day=day,
            org="reporter.example" if day % 2 else "other.example",
        )
        for day in range(4)
    ]
    other = record("192.0.2.2", 12, dkim=None, spf=None, header_from="example.net", disposition="quarantine")
    return [
        *days,
        aggregate(other, report_id="net", domain="example.net", day=45),
        replace(aggregate(report_id="jst"), begin=begin, end=begin + timedelta(hours=23, minutes=59, seconds=58)),
        replace(aggregate(report_id="odd"), begin=begin, end=begin + timedelta(minutes=7, seconds=31)),
        replace(aggregate(report_id="open"), end=None),
        replace(aggregate(report_id="never"), begin=NEVER, end=NEVER),
        aggregate(record(count=8), report_id="summed", day=100),
        failure(arrival_date=NOW - timedelta(days=3, minutes=7)),
        failure(arrival_date=None, subject="unknown"),
        tls(),
        arrival(aggregate(record(count=10_000), report_id="forged"), carrier="forged"),
        aggregate(record(count=777), report_id="own-0", org="other.example"),
    ]


def messages() -> list[EvaluationRecord]:
    """A message that passes and one that is rejected."""
    return [
        EvaluationRecord(
            id="1",
            host="mx",
            seen_at=NOW + timedelta(seconds=1),
            header_from="example.com",
            source_ip="192.0.2.1",
            dmarc="pass",
            policy="none",
            dkim_aligned=True,
            dkim=(DkimCheck("pass", "", "example.com", "s1"),),
            action="accept",
            rule="pass",
            disposition="none",
            octets=900,
            total_us=1500,
        ),
        EvaluationRecord(
            id="2",
            host="mx",
            seen_at=NOW - timedelta(days=2),
            header_from="example.com",
            source_ip="198.51.100.7",
            dmarc="fail",
            policy="reject",
            spf=(SpfCheck("mfrom", "fail", "", "example.com"),),
            action="reject",
            rule="policy",
            disposition="reject",
            octets=500,
            total_us=2500,
        ),
    ]


def fill_store(engine: Engine, folder: Path) -> None:
    """Load the reports and messages, delete the records older than 90 days, sum the months."""
    store(engine, folder, *reports(), raws=[b"<feedback/>"])
    load_evaluations(engine, messages(), places=PLACES, folder=folder)
    forget(engine, Retention(records=90), NOW, folder)
    sum_months(engine, NOW.date())


def store_answers(engine: Engine, folder: Path) -> Answers:
    """The answers to the questions, as JSON gives them."""
    control = Control(folder / "control.sqlite")
    try:
        views = all_views(lambda asked: AssessmentCache(asked, Assessor(control, own_directory()), folder=folder))
        found = {name: _plain(views[name].ask(engine, Filters()).rows) for name in QUESTIONS}
    finally:
        control.close()
    for row in found["overview"]:
        for name in DEPENDS_ON_TODAY:
            row.pop(name)
    return found


def fill_control(control: Control) -> None:
    """Write something into each table of the control state that lasts."""
    control.write_source(SourceRecord(name="mailbox", kind="imap", phase="waiting", last_run=NOW, taken=12, cursor="7"))
    control.write_source(SourceRecord(name="drop", kind="folder", last_error="no such folder", failures=2))
    control.write_results({"item": b'["stored"]'}, AT)
    write_override(control, SourceOverrideRow("example.com", "192.0.2.1", SourceClass.OWN, "", AT, "alice"))
    write_override(control, SourceOverrideRow("example.com", "Mail House", SourceClass.FORWARDER, "", AT))
    write_hosts(control, {"192.0.2.1": "mx.example.com"})
    write_reputation(control, {"198.51.100.7": "listed"})
    write_looked_up(control, "example.com", ["_dmarc.example.com"], {"_dmarc.example.com": {}}, now=AT)
    keep_listings(control, "dnsbl.example", {"198.51.100.7": True, "192.0.2.1": False}, NOW)
    accounts = Accounts(control)
    accounts.write_user(User(name="alice", role=Role.ADMIN, password="$argon2id$", made=AT))
    accounts.write_user(User(name="bob", role=Role.READER, domains=("example.com",), made=AT))
    accounts.open_session("alice", AT, "192.0.2.1", longest=3600.0)
    accounts.make_token(Token(name="ci", user="alice", role=Role.READER, made=AT, expires=AT + 86_400))
    accounts.make_link("bob", AT)
    accounts.stored_secret("pages")
    accounts.note(AuditEntry(at=AT, who="alice", act="sign in", address="192.0.2.1"))
    wave = Detection(AlertCode.SPOOF_WAVE, "", firm=True, values={"messages": 700, "usual": 30})
    changed = [each for name in ("example.com", "example.net") for each in note_findings(control, name, [wave], AT)]
    acknowledge(control, 2, "alice")
    queue(control, [Reach("all", None)], changed, AT)
    keep_channels(control, ["all"], AT)
    note_failed(control, "all", take(control, "all", AT + 600), "refused", AT + 600)
    write_known(control, "example.com", Known(senders={"Mail House": 0}, rates={"Mail House": 0.9}), AT)
    write_sent(control, SentSummary(recipient="a@example.com", subject="week en", period="2026-W46", sent_at=AT))


def control_answers(control: Control) -> Answers:
    """What the control state holds, as JSON; secrets are left out."""
    accounts = Accounts(control)
    return {
        "sources": _plain(control.sources()),
        "overrides": _plain(overrides(control)),
        "users": _plain(accounts.users()),
        "sessions": _plain(accounts.sessions("alice")),
        "tokens": _plain([token for _, token in accounts.tokens()]),
        "audit": _plain(accounts.audit()),
        "incidents": _plain(incidents(control)),
        "known": _plain([read_known(control, "example.com", Known)]),
        "channels": _plain(channels(control)),
        "waiting": _plain([each.incident for each in take(control, "all", AT + 86_400)]),
        "summaries": _plain(sent_summaries(control)),
        "listings": [{"address": each} for each in sorted(fresh_listings(control, "dnsbl.example", NOW))],
    }


def write_answers(path: Path, answers: Mapping[str, list[dict[str, object]]]) -> None:
    """Write answers as JSON, a row a line."""
    parts = []
    for name, rows in answers.items():
        lines = ",\n    ".join(msgspec.json.encode(row).decode() for row in rows)
        parts.append(f'  "{name}": [\n    {lines}\n  ]')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _plain(rows: object) -> list[dict[str, object]]:
    return msgspec.json.decode(msgspec.json.encode(rows), type=list[dict[str, object]])


def main() -> None:
    """Write the files of the current form."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = DuckDbEngine(folder / "store.duckdb")
        engine.migrate()
        fill_store(engine, folder)
        write_answers(target / "answers.json", store_answers(engine, folder))
        engine.compact()
        engine.close()
        control = Control(folder / "filled.sqlite")
        fill_control(control)
        write_answers(target / "control.json", control_answers(control))
        control.backup(folder / "copy.sqlite")
        control.close()
        for source, packed in (("store.duckdb", "store.duckdb.gz"), ("copy.sqlite", "control.sqlite.gz")):
            (target / packed).write_bytes(gzip.compress((folder / source).read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
