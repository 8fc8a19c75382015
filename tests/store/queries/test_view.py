"""Questions: sums as plain Python has them over the same records, on both engines, and pages that lose nothing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from inalign.errors import ParseError
from inalign.reports.report import AggregateRecord, AggregateReport, OverrideReason
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import Filters
from inalign.store.queries.view import ViewAnswer
from tests.store.material import NOW, aggregate, arrival, digest_of, failure, record, store, tls

Fact = tuple[AggregateReport, AggregateRecord]
ADDRESSES = ("192.0.2.1", "192.0.2.200", "198.51.100.7", "2001:db8::1", None)
DOMAINS = ("example.com", "sub.example.com", "example.net")
REPORTERS = ("a.example", "b.example", "c.example")
LAST = (NOW - timedelta(days=1)).date()


def made_reports() -> list[AggregateReport]:
    """All combinations, with counts that tell every sum apart."""
    numbers = itertools.count(1)
    alignments = itertools.cycle([(True, True), (True, False), (False, True), (False, False), (None, None)])
    dispositions = itertools.cycle(["none", "quarantine", "reject", "pass"])
    reasons = itertools.cycle(
        [(), (OverrideReason("mailing_list", "=1+1"),), (OverrideReason("forwarded", ""), OverrideReason("other", "x"))]
    )
    return [
        aggregate(
            *[
                record(
                    address,
                    next(numbers),
                    dkim=alignment[0],
                    spf=alignment[1],
                    disposition=next(dispositions),
                    header_from=name,
                    reasons=next(reasons),
                )
                for address, name, alignment in zip(
                    ADDRESSES, itertools.cycle([domain, f"x.{domain}"]), alignments, strict=False
                )
            ],
            domain=domain,
            org=org,
            day=day,
        )
        for domain, org, day in itertools.product(DOMAINS, REPORTERS, range(4))
    ]


REPORTS = made_reports()
FACTS: list[Fact] = [(report, each) for report in REPORTS for each in report.records]


@pytest.fixture(scope="module", params=["duckdb", "clickhouse"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("queries")
    engine: Engine
    if request.param == "duckdb":
        engine = DuckDbEngine(folder / "store.duckdb")
    else:
        engine = ClickHouseEngine(f"{request.getfixturevalue('clickhouse_url')}/queries")
    engine.migrate()
    spoiled = arrival(aggregate(record(count=10_000), report_id="spoiled"), carrier="forged")
    others = [aggregate(record(count=77_777), domain=DOMAINS[0], org=REPORTERS[0])]
    store(engine, folder, *REPORTS, failure(), failure(subject="again"), tls(), spoiled, *others)
    yield engine
    engine.close()


def ask(engine: Engine, view: str, **filters: object) -> ViewAnswer[Struct]:
    return VIEWS[view].ask(engine, Filters(**filters))  # type: ignore[arg-type] # the tests know them


def rows(engine: Engine, view: str, **filters: object) -> list[dict[str, object]]:
    return [{name: getattr(row, name) for name in row.__struct_fields__} for row in ask(engine, view, **filters).rows]


def is_meant(filters: Filters) -> Callable[[Fact], bool]:
    def check(fact: Fact) -> bool:
        report, each = fact
        assert report.begin is not None
        day = report.begin.date()
        is_there = not filters.source or (
            each.source_ip is not None and ip_address(each.source_ip) in ip_network(filters.source, strict=False)
        )
        return (
            is_there
            and (not filters.domain or report.domain == filters.domain or report.domain.endswith(f".{filters.domain}"))
            and (not filters.reporter or report.org_name == filters.reporter)
            and (filters.since is None or day >= filters.since)
            and (filters.until is None or day <= filters.until)
        )

    return check


FILTERS = st.builds(
    Filters,
    domain=st.sampled_from(["", *DOMAINS, "com", "absent.example"]),
    reporter=st.sampled_from(["", *REPORTERS, "absent.example"]),
    source=st.sampled_from(["", "192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0", "203.0.113.1"]),
    since=st.none() | st.integers(-1, 5).map(lambda days: LAST - timedelta(days)),
    until=st.none() | st.integers(-1, 5).map(lambda days: LAST - timedelta(days)),
)
KEYS: dict[str, Callable[[Fact], object]] = {
    "reporters": lambda fact: (fact[0].org_name,),
    "domains": lambda fact: (fact[0].domain,),
    "days": lambda fact: (fact[0].begin.date() if fact[0].begin else None,),
    "sources": lambda fact: (fact[0].domain, fact[1].source_ip or ""),
}
NAMES = {"reporters": ("reporter",), "domains": ("domain",), "days": ("day",), "sources": ("domain", "source_ip")}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters=FILTERS)
def test_sums_are_those_of_the_records(filled: Engine, filters: Filters) -> None:
    facts = list(filter(is_meant(filters), FACTS))
    for view, key in KEYS.items():
        wanted: defaultdict[object, list[int]] = defaultdict(lambda: [0] * 5)
        for fact in facts:
            _, each = fact
            sums = wanted[key(fact)]
            sums[0] += each.count
            sums[1] += each.count if each.dkim_aligned or each.spf_aligned else 0
            place = {"quarantine": 3, "reject": 4}.get(each.disposition, 2)
            sums[place] += each.count
        found = {
            tuple(getattr(row, name) for name in NAMES[view]): [
                getattr(row, name) for name in ("messages", "passed", "none", "quarantine", "reject")
            ]
            for row in VIEWS[view].ask(filled, filters).rows
        }
        assert found == wanted


def test_percentages_are_of_messages(filled: Engine) -> None:
    for view in KEYS:
        for row in rows(filled, view):
            assert row["passed_percent"] == pytest.approx(100 * row["passed"] / row["messages"])  # type: ignore[operator]


def test_groups_have_the_sum_of_their_sources(filled: Engine) -> None:
    found = {row["place"]: (row["addresses"], row["messages"]) for row in rows(filled, "sources-groups")}
    alone = rows(filled, "sources")
    assert found == {
        place: (
            len({row["source_ip"] for row in alone if row["network"] == place}),
            sum(row["messages"] for row in alone if row["network"] == place),  # type: ignore[misc]
        )
        for place in {row["network"] for row in alone}
    }


def test_addresses_of_a_64_are_one_sender_until_it_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    addresses = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2", None)
    many = [record(address, 10**place) for place, address in enumerate(addresses)]
    store(engine, tmp_path, aggregate(*many), aggregate(record("2001:db8::1", 500), org="b.example"))
    found = {row["source_ip"]: (row["addresses"], row["messages"], row["reporters"]) for row in rows(engine, "sources")}
    assert found == {
        "2001:db8::/64": (2, 511, 2),
        "2001:db8:0:1::1": (1, 100, 1),
        "192.0.2.1": (1, 1000, 1),
        "192.0.2.2": (1, 10_000, 1),
        "": (1, 100_000, 1),
    }
    for source in ("2001:db8::/64", "2001:db8::/126"):
        alone = {row["source_ip"]: row["messages"] for row in rows(engine, "sources", source=source)}
        assert alone == {"2001:db8::1": 501, "2001:db8::2": 10}
    (one,) = rows(engine, "sources", source="2001:db8::2")
    assert (one["source_ip"], one["addresses"], one["network"]) == ("2001:db8::2", 1, "2001:db8::/64")
    wide = {row["source_ip"] for row in rows(engine, "sources", source="2001:db8::/32")}
    assert wide == {"2001:db8::/64", "2001:db8:0:1::1"}


def test_subdomains_are_those_below_the_domain(filled: Engine) -> None:
    found = rows(filled, "subdomains", domain="example.com")
    assert {(row["header_from"], row["domain"]) for row in found} == {
        ("x.example.com", "example.com"),
        ("sub.example.com", "sub.example.com"),
        ("x.sub.example.com", "sub.example.com"),
    }


def test_days_tell_what_was_aligned(filled: Engine) -> None:
    for row in rows(filled, "days") + rows(filled, "days", source="0.0.0.0/0"):
        parts = [row[name] for name in ("by_both", "by_dkim", "by_spf", "by_neither")]
        assert sum(parts) == row["messages"]  # type: ignore[arg-type]
        assert sum(parts[:3]) == row["passed"]  # type: ignore[arg-type]


def test_overrides_have_type_and_comment(filled: Engine) -> None:
    wanted: defaultdict[tuple[str, str], int] = defaultdict(int)
    for _, each in FACTS:
        for reason in each.reasons:
            wanted[reason.type, reason.comment] += each.count
    assert {(row["type"], row["comment"]): row["messages"] for row in rows(filled, "overrides")} == wanted


def test_delay_is_from_the_end_of_the_span(filled: Engine) -> None:
    (row,) = rows(filled, "reporters", reporter="a.example", since=LAST, until=LAST)
    assert row["delay_hours"] == pytest.approx(12, abs=0.01)
    assert row["first_day"] == row["last_day"] == LAST


def test_forged_reports_and_conflicts_are_shown_apart(filled: Engine) -> None:
    assert [row["report_id"] for row in rows(filled, "forged")] == ["spoiled"]
    (conflict,) = rows(filled, "conflicts")
    assert conflict["messages"] == 77_777
    assert rows(filled, "conflicts", until=NOW.date()) == [conflict]
    assert rows(filled, "conflicts", since=NOW.date() + timedelta(1)) == []


def test_one_report_has_its_records_and_conflicts(filled: Engine) -> None:
    (conflict,) = rows(filled, "conflicts")
    (report,) = rows(filled, "report", key=conflict["report_key"])
    assert report["messages"] == sum(each.count for each in report["rows"])  # type: ignore[attr-defined]
    assert [each.messages for each in report["conflicts"]] == [77_777]  # type: ignore[attr-defined]
    first = ask(filled, "report", key=conflict["report_key"], limit=2)
    rest = ask(filled, "report", key=conflict["report_key"], after=first.after)
    assert [*first.rows[0].rows, *rest.rows[0].rows] == list(report["rows"])  # type: ignore[attr-defined, call-overload]
    assert rows(filled, "report", key="absent") == []


def test_raw_text_is_what_was_delivered(engine: Engine, tmp_path: Path) -> None:
    for content, text, octets in (
        (b"<feedback/>\r\n", "<feedback/>\r\n", b""),
        (b"\x1f\x8b\x00\xff", "", b"\x1f\x8b\x00\xff"),
    ):
        made = arrival(aggregate(report_id=text or "binary"), raw=digest_of(content))
        store(engine, tmp_path, made, raws=[content])
        (row,) = rows(engine, "raw", key=made.rows.key)
        assert (row["text"], row["content"], row["octets"]) == (text, octets, len(content))


def test_failures_are_grouped_and_shown_alone(filled: Engine) -> None:
    (group,) = rows(filled, "failures", source="192.0.2.9", domain="example.com")
    assert (group["reports"], group["incidents"], group["auth_failure"]) == (2, 2, "dmarc")
    assert {row["subject"] for row in rows(filled, "failure-reports")} == {"こんにちは", "again"}


def test_tls_sessions_are_by_result(filled: Engine) -> None:
    found = {(row["policy_type"], row["result_type"]): row["sessions"] for row in rows(filled, "tls")}
    assert found == {("sts", "successful"): 97, ("sts", "certificate-expired"): 3}


def test_health_tells_rhythm_and_silence(engine: Engine, tmp_path: Path) -> None:
    steady = [aggregate(org="steady.example", day=day) for day in range(10)]
    silent = [aggregate(org="silent.example", day=day) for day in (6, 7, 8)]
    store(engine, tmp_path, *steady, *silent)
    found = {row["reporter"]: row for row in rows(engine, "health")}
    assert (found["steady.example"]["rhythm_days"], found["steady.example"]["is_silent"]) == (1.0, False)
    assert (found["silent.example"]["silent_days"], found["silent.example"]["is_silent"]) == (6, True)


@pytest.mark.parametrize("view", [name for name, view in VIEWS.items() if "key" not in view.filters])
def test_pages_are_the_whole(filled: Engine, view: str) -> None:
    whole = ask(filled, view).rows
    parts: list[Struct] = []
    after = ""
    while True:
        answer = ask(filled, view, limit=3, after=after)
        parts += answer.rows
        if not (after := answer.after):
            break
        assert len(answer.rows) == 3
    assert parts == list(whole)


@pytest.mark.parametrize("view", ["sources", "sources-groups", "subdomains", "days"])
@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize(
    "filters", [{"domain": "com"}, {"domain": "example.com", "since": LAST - timedelta(9)}], ids=str
)
def test_pages_of_a_domain_are_the_whole(filled: Engine, view: str, limit: int, filters: dict[str, object]) -> None:
    whole = ask(filled, view, **filters).rows
    assert whole
    parts: list[Struct] = []
    after = ""
    while not parts or after:
        answer = ask(filled, view, limit=limit, after=after, **filters)
        parts += answer.rows
        after = answer.after
    assert parts == list(whole)


@pytest.mark.parametrize("since", [None, LAST - timedelta(9)])
def test_sources_tell_the_rest_of_what_their_records_say(filled: Engine, since: date | None) -> None:
    meant = list(filter(is_meant(Filters(domain="example.com")), FACTS))
    found = rows(filled, "sources", domain="example.com", since=since)
    assert {(row["domain"], row["source_ip"]) for row in found} == {(a.domain, b.source_ip or "") for a, b in meant}
    for row in found:
        mine = [(a, b) for a, b in meant if (a.domain, b.source_ip or "") == (row["domain"], row["source_ip"])]
        days = [a.begin.date() for a, _ in mine if a.begin]
        assert (row["reporters"], row["first_day"], row["last_day"]) == (len(REPORTERS), min(days), max(days))
        dkim = sum(b.count for _, b in mine if b.dkim_aligned)
        assert row["dkim_percent"] == pytest.approx(100 * dkim / sum(b.count for _, b in mine))
        assert row["network"] in {"192.0.2.0/24", "198.51.100.0/24", "2001:db8::/64", ""}
        assert bool(row["network"]) == bool(row["source_ip"])
    for group in rows(filled, "sources-groups", domain="example.com", since=since):
        inside = [row for row in found if row["network"] == group["place"]]
        assert group["addresses"] == len({row["source_ip"] for row in inside})
        assert group["reporters"] == len(REPORTERS)


def test_reports_that_come_while_paging_repeat_and_hide_nothing(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, *[aggregate(report_id=f"old{number}", day=number % 3) for number in range(9)])
    before = {row["report_id"] for row in rows(engine, "reports")}
    seen: list[object] = []
    after = ""
    for number in itertools.count():
        answer = ask(engine, "reports", limit=2, after=after)
        seen += [row.report_id for row in answer.rows]  # type: ignore[attr-defined]
        if not (after := answer.after):
            break
        store(engine, tmp_path, aggregate(report_id=f"new{number}", day=number % 3))
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_empty_store_has_no_rows(engine: Engine) -> None:
    for name, view in VIEWS.items():
        if name == "window":
            continue  # it is there without reports, too
        answer = view.ask(engine, Filters(key="k" if "key" in view.filters else ""))
        assert (list(answer.rows), answer.after) == ([], "")


def test_filter_that_is_not_honoured_is_refused(filled: Engine) -> None:
    for view, filters in (("tls", {"source": "192.0.2.1"}), ("reports", {"key": "k"}), ("days", {"dmarc": "fail"})):
        with pytest.raises(ParseError, match=next(iter(filters))):
            ask(filled, view, **filters)


@pytest.mark.parametrize(
    "filters",
    [
        {"source": "192.0.2.300"}, {"source": "192.0.2.0/33"}, {"source": "x' OR 1=1"}, {"limit": 0}, {"limit": 10_001},
        {"after": "%%%"}, {"after": "bm9uc2Vuc2U"}, {"after": "x" * 100_000}, {"after": "W10"}, {"after": "é"},
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused(filled: Engine, filters: dict[str, object]) -> None:
    with pytest.raises(ParseError):
        ask(filled, "sources", **filters)


def test_cursor_of_another_question_is_refused(filled: Engine) -> None:
    cursor = ask(filled, "sources", limit=1).after
    for view in ("domains", "reports", "health", "overrides"):
        with pytest.raises(ParseError, match="another question"):
            ask(filled, view, after=cursor)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30), day=st.dates())
def test_any_text_and_day_are_answered(filled: Engine, text: str, day: date) -> None:
    for filters in (Filters(domain=text, since=day), Filters(reporter=text, until=day)):
        VIEWS["reporters"].ask(filled, filters)
        VIEWS["conflicts"].ask(filled, filters)
    VIEWS["report"].ask(filled, Filters(key=text or "k"))
    VIEWS["evaluations"].ask(filled, Filters(action=text, dmarc=text))
