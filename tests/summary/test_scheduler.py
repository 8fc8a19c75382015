"""What is due when, on a clock of the test; once to each person, over restarts and trouble."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inalign.errors import SettingsError
from inalign.insight.overview import OverviewRow
from inalign.insight.period import Period, PeriodKind, parse_period
from inalign.insight.rows import NextRow
from inalign.net.smtp import MailError
from inalign.settings.config import Config
from inalign.settings.mail import MailSettings
from inalign.settings.summaries import SummarySettings
from inalign.settings.tables import Settings
from inalign.store.engine.interface import StoreError
from inalign.store.queries.view import View, ViewAnswer
from inalign.store.state.control import Control
from inalign.store.state.summaries import read_sent, sent_summaries
from inalign.summary import scheduler as summaries_module
from inalign.summary.document import SummaryDocument
from inalign.summary.pdf import PdfError
from inalign.summary.scheduler import DELAY_DAYS, HOUR, MOST_LATE, RETRY_SECONDS, Subscription, SummaryScheduler, due
from inalign.wiring.summaries import check_summaries, make_summaries
from tests.summary.vectors import document


def names(sent: str, kind: PeriodKind, today: str) -> list[str]:
    return [each.name for each in due(sent, kind, date.fromisoformat(today))]


@pytest.mark.parametrize(
    ("today", "week", "month"),
    [
        ("2026-11-01", "2026-W43", "2026-09"),  # a Sunday; October ended yesterday
        ("2026-11-02", "2026-W43", "2026-09"),
        ("2026-11-03", "2026-W43", "2026-10"),
        ("2026-11-04", "2026-W44", "2026-10"),
        ("2026-12-31", "2026-W52", "2026-11"),
        ("2027-01-03", "2026-W52", "2026-12"),
        ("2027-01-06", "2026-W53", "2026-12"),
    ],
)
def test_newest_period_with_two_whole_days_behind_it_is_due(today: str, week: str, month: str) -> None:
    assert DELAY_DAYS == 2
    assert names("", PeriodKind.WEEK, today) == [week]
    assert names("", PeriodKind.MONTH, today) == [month]


def test_what_was_sent_is_not_due_again() -> None:
    assert names("2026-10", PeriodKind.MONTH, "2026-11-30") == []
    assert names("2027-01", PeriodKind.MONTH, "2026-11-30") == []  # the clock went back


def test_missed_periods_are_made_good_as_far_as_anybody_wants_them() -> None:
    assert names("2026-08", PeriodKind.MONTH, "2026-11-30") == ["2026-09", "2026-10"]
    assert names("2019-12", PeriodKind.MONTH, "2026-11-30") == ["2026-08", "2026-09", "2026-10"]
    assert len(names("2019-W01", PeriodKind.WEEK, "2026-11-30")) == MOST_LATE


class Post:
    """A report process's reports, with a clock and a relay of the test."""

    def __init__(self, folder: Path, *wanted: Subscription, zone: str = "Asia/Tokyo") -> None:
        self.now = datetime(2026, 11, 3, 0, 0, tzinfo=UTC).timestamp()  # 09:00 in Tokyo
        self.made: list[tuple[str, str]] = []
        self.sent: list[tuple[str, bytes]] = []
        self.trouble: Exception | None = None
        self.is_empty = False
        self.path = folder / "control.sqlite"
        self.control = Control(self.path)
        self.wanted = wanted
        self.zone = zone

    def make(self, wanted: Subscription, period: Period, today: date) -> SummaryDocument:
        assert abs(today - datetime.fromtimestamp(self.now, UTC).date()) <= timedelta(1)
        self.made.append((wanted.subject, period.name))
        return replace(document("month", wanted.language), is_empty=self.is_empty)

    async def send(self, message: bytes, recipient: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append((recipient, message))

    def look(self) -> int:
        """One look at what is due."""
        made = SummaryScheduler(
            subscriptions=self.wanted,
            make=self.make,
            send=self.send,
            sender="reports@example.com",
            control=self.control,
            zone=self.zone,
            clock=lambda: self.now,
        )
        return asyncio.run(made.send_due())

    def restart(self) -> None:
        self.control.close()
        self.control = Control(self.path)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by).total_seconds()


def wanted(
    *to: str, kind: PeriodKind = PeriodKind.MONTH, pdf: bool = False, domains: tuple[str, ...] = ()
) -> Subscription:
    return Subscription(to=to or ("a@example.com",), domains=domains, kind=kind, language="ja", pdf=pdf)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Callable[..., Post]]:
    made: list[Post] = []

    def open_post(*each: Subscription, zone: str = "Asia/Tokyo") -> Post:
        made.append(Post(tmp_path, *each, zone=zone))
        return made[-1]

    yield open_post
    for one in made:
        one.control.close()


def test_once_a_period_to_each_person_over_restarts(post: Callable[..., Post]) -> None:
    mine = post(wanted("a@example.com", "b@example.com"))
    assert mine.look() == 2
    assert [who for who, _ in mine.sent] == ["a@example.com", "b@example.com"]
    mine.restart()
    assert mine.look() == 0
    mine.later(days=27)
    assert mine.look() == 0
    mine.later(days=4)
    mine.restart()
    assert mine.look() == 2
    assert [period for _, period in mine.made] == ["2026-10", "2026-10", "2026-11", "2026-11"]
    assert {b"To: a@example.com" in message for who, message in mine.sent if who == "a@example.com"} == {True}


@pytest.mark.parametrize(("zone", "hour"), [("Asia/Tokyo", 22), ("UTC", 7), ("America/New_York", 12)])
def test_it_goes_out_in_the_morning_of_the_zone(post: Callable[..., Post], zone: str, hour: int) -> None:
    mine = post(wanted(), zone=zone)
    day = 2 if hour > 12 else 3  # the day of UTC on which the third morning of the zone begins
    mine.now = datetime(2026, 11, day, hour, 0, tzinfo=UTC).timestamp() - 1
    assert HOUR == 7
    assert mine.look() == 1
    assert mine.made == [(mine.wanted[0].subject, "2026-09")]
    mine.later(seconds=1)
    assert mine.look() == 1
    assert mine.made[1:] == [(mine.wanted[0].subject, "2026-10")]


def test_a_new_recipient_gets_his_own_and_nobody_a_second_one(post: Callable[..., Post]) -> None:
    mine = post(wanted("a@example.com"))
    assert mine.look() == 1
    mine.wanted = (wanted("a@example.com", "c@example.com"), wanted("a@example.com", domains=("x.example",)))
    assert mine.look() == 2
    assert [who for who, _ in mine.sent] == ["a@example.com", "c@example.com", "a@example.com"]


@pytest.mark.parametrize("trouble", [MailError("relay is away"), StoreError("busy"), SettingsError("none")])
def test_trouble_is_noted_and_tried_again_ever_later(
    post: Callable[..., Post], caplog: pytest.LogCaptureFixture, trouble: Exception
) -> None:
    mine = post(wanted())
    mine.trouble = trouble
    caplog.set_level(logging.ERROR, "inalign")
    assert mine.look() == 0
    (record,) = sent_summaries(mine.control)
    assert (record.problem, record.failures, record.period) == (str(trouble), 1, "")
    assert str(trouble) in caplog.text
    assert mine.look() == 0
    assert len(mine.made) == 1  # not before its time
    mine.restart()
    mine.later(seconds=RETRY_SECONDS[0])
    assert mine.look() == 0
    assert len(mine.made) == 2
    mine.trouble = None
    mine.later(seconds=RETRY_SECONDS[0])
    assert mine.look() == 0
    mine.later(seconds=RETRY_SECONDS[0])
    assert mine.look() == 1
    (record,) = sent_summaries(mine.control)
    assert (record.problem, record.failures, record.period, record.sent_at) == ("", 0, "2026-10", mine.now)


def test_what_is_refused_for_good_waits_longest_and_holds_up_nobody(post: Callable[..., Post]) -> None:
    mine = post(wanted("no@example.com"), wanted("yes@example.com"))

    async def send(message: bytes, recipient: str) -> None:
        if recipient.startswith("no"):
            raise MailError("550 no such user", is_final=True)
        mine.sent.append((recipient, message))

    mine.send = send  # type: ignore[method-assign]  # a relay with an opinion
    assert mine.look() == 1
    record = read_sent(mine.control, "no@example.com", mine.wanted[0].subject)
    assert record.due_at == mine.now + RETRY_SECONDS[1]


def test_a_bug_is_told_and_does_not_end_the_keeper(post: Callable[..., Post], caplog: pytest.LogCaptureFixture) -> None:
    mine = post(wanted())
    mine.trouble = ZeroDivisionError("a bug")
    assert mine.look() == 0
    assert "Traceback" in caplog.text


def test_late_reports_go_out_oldest_first(post: Callable[..., Post]) -> None:
    mine = post(wanted(kind=PeriodKind.WEEK))
    assert mine.look() == 1
    mine.later(days=15)
    assert mine.look() == 3
    assert [period for _, period in mine.made] == ["2026-W43", "2026-W44", "2026-W45", "2026-W46"]


def test_without_pdf_it_goes_all_the_same_and_says_so(
    post: Callable[..., Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: SummaryDocument) -> bytes:
        raise PdfError("PDF needs Pango")

    monkeypatch.setattr("inalign.summary.scheduler.make_pdf", missing)
    mine = post(wanted(pdf=True))
    assert mine.look() == 1
    (record,) = sent_summaries(mine.control)
    assert (record.period, record.problem) == ("2026-10", "PDF needs Pango")
    assert b"application/pdf" not in mine.sent[0][1]


def test_the_pdf_is_attached_where_it_is_wanted(post: Callable[..., Post], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inalign.summary.scheduler.make_pdf", lambda _: b"%PDF-1.7 made")
    mine = post(wanted(pdf=True))
    assert mine.look() == 1
    assert b"application/pdf" in mine.sent[0][1]


def test_nothing_to_tell_is_no_first_report_but_later_it_is_news(post: Callable[..., Post]) -> None:
    mine = post(wanted())
    mine.is_empty = True
    assert mine.look() == 0
    assert not sent_summaries(mine.control)
    mine.is_empty = False
    assert mine.look() == 1
    mine.is_empty = True
    mine.later(days=31)
    assert mine.look() == 1


def test_it_runs_until_it_is_cancelled(post: Callable[..., Post], monkeypatch: pytest.MonkeyPatch) -> None:
    assert summaries_module.FIRST_SECONDS > 0  # what came while nobody was here is read first
    monkeypatch.setattr(summaries_module, "FIRST_SECONDS", 0.0)
    mine = post(wanted())
    summaries = SummaryScheduler(
        subscriptions=mine.wanted, make=mine.make, send=mine.send, sender="r@example.com", control=mine.control,
        zone="UTC", clock=lambda: mine.now,
    )  # fmt: skip

    async def go() -> None:
        gone = asyncio.Event()

        async def send(message: bytes, recipient: str) -> None:
            mine.sent.append((recipient, message))
            gone.set()

        task = asyncio.ensure_future(replace(summaries, send=send).run())
        await gone.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(go())
    assert len(mine.sent) == 1


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


MAIL = MailSettings(host="localhost", tls="none", sender="r@example.com")


def test_settings_that_could_never_send_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(each: SummarySettings, mail: MailSettings = MAIL) -> str:
        with pytest.raises(SettingsError) as told:
            check_summaries(Config(Settings(summaries=[each], mail=mail), tmp_path / "inalign.toml"))
        return str(told.value)

    assert "summaries[0].to" in refused(SummarySettings())
    assert "'a b@c.example'" in refused(SummarySettings(to=["a b@c.example"]))
    assert "mail.host" in refused(SummarySettings(to=["a@example.com"]), MailSettings())
    monkeypatch.setattr("inalign.wiring.summaries.find_spec", lambda _: None)
    assert "inalign[pdf]" in refused(SummarySettings(to=["a@example.com"], pdf=True))
    check_summaries(Config(Settings(summaries=[SummarySettings(to=["a@example.com"])], mail=MAIL)))


def test_what_is_not_judged_yet_is_not_sent(post: Callable[..., Post]) -> None:
    """As long as the report process judges, own mail is not told from that of others."""
    mine = post()
    row = unjudged_row("example.com")
    view = View("overview", "", OverviewRow, ("domain", "since", "until"), lambda _engine, _filters: ViewAnswer([row]))
    nothing = View("x", "", OverviewRow, ("domain", "since", "until"), lambda _engine, _filters: ViewAnswer([]))
    views = {"overview": view, "plan": nothing, "record-history": nothing}
    chosen = Settings(summaries=[SummarySettings(to=["a@b.example"])], mail=MAIL)
    engine: Any = None
    made = make_summaries(Config(chosen), views, engine, mine.control)
    assert made is not None
    with pytest.raises(StoreError, match=r"example\.com: .* not judged yet"):
        made.make(made.subscriptions[0], parse_period("2026-10"), date(2026, 11, 3))


def unjudged_row(domain: str) -> OverviewRow:
    day = date(2026, 10, 31)
    return OverviewRow(
        domain=domain, state="collecting", policy="", testing=False, messages=5, own_messages=0, own_passed=0,
        own_percent=0.0, forwarded=0, forwarded_failing=0, unwanted=0, unwanted_delivered=0, reporters=1,
        first_day=day, last_day=day, trend=(), trend_since=day, trend_until=day,
        ready=False, parked=False, next=NextRow("collect", None, (), ()),
        blocking=0, judged_at=None,
    )  # fmt: skip


def test_nobody_wants_one_by_default(post: Callable[..., Post]) -> None:
    mine = post()
    nothing: Any = None
    assert make_summaries(Config(Settings()), {}, nothing, mine.control) is None
    chosen = Settings(summaries=[SummarySettings(to=["a@b.example"] * 2, period="weekly", pdf=True)], mail=MAIL)
    made = make_summaries(Config(chosen), {}, nothing, mine.control)
    assert made is not None
    (each,) = made.subscriptions
    assert (each.to, each.kind, each.pdf, each.subject) == (("a@b.example",), PeriodKind.WEEK, True, "week en")
    assert parse_period("2026-W47").kind is each.kind
