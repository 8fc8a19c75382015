"""From reports to a mail and a webhook that arrive; and the settings that name them."""

from __future__ import annotations

import asyncio
import email
import json
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from msgspec.structs import replace as changed

from inalign.alerts.service import Alerts
from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.cli import main
from inalign.errors import SettingsError
from inalign.insight.detection import AlertCode, Detection
from inalign.insight.directory import own_directory
from inalign.reportd import reportd
from inalign.reports.report import DkimAuth
from inalign.settings.config import Config
from inalign.settings.file import parse_config, parse_settings
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.state import outbox
from inalign.store.state.control import Control
from inalign.store.state.incidents import DAY, incidents, note_findings
from inalign.store.state.intake_sources import SourceRecord
from inalign.store.state.outbox import BATCH_SECONDS, channels, read_channel
from inalign.wiring.alerts import check_alerts, make_alerts, try_channels
from tests.mail_server import mail_server
from tests.store.material import NOW, aggregate, record, store
from tests.webhook_server import hook_server

T0 = NOW.timestamp()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDbEngine]:
    made = DuckDbEngine(tmp_path / "store.duckdb")
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path / "control.sqlite")
    yield made
    made.close()


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


def report(*records: Any, day: int, org: str = "reporter.example") -> Any:
    return aggregate(*records, day=day, report_id=f"{org} {day} {len(records)}", org=org)


def own(count: int = 200) -> Any:
    return record("192.0.2.1", count)


def with_selector(name: str, count: int = 40) -> Any:
    return changed(record("192.0.2.1", count), dkim=(DkimAuth("example.com", name, "pass"),))


def judge(engine: DuckDbEngine, control: Control, alerts: Alerts) -> None:
    judging = AssessmentCache(engine, Assessor(control, own_directory()))
    for judgement in judging.judgements():
        alerts.on_assessed(judgement)


def configured(**changes: str) -> str:
    return "\n".join(
        [
            "[mail]",
            f'host = "127.0.0.1"\nport = {changes["mail"]}\ntls = "none"\nsender = "inalign@example.org"',
            "[web]",
            'url = "https://reports.example.org"',
            "[[alerts.to]]",
            'name = "team"\nmail = ["alice@example.org"]\nlanguage = "ja"',
            "[[alerts.to]]",
            f'name = "chat"\nurl = "{changes["url"]}"\nform = "slack"\ndomains = ["example.com"]',
        ]
    )


def test_new_selector_is_told_once_by_mail_and_webhook(
    engine: DuckDbEngine, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with mail_server() as mails, hook_server() as hooks:
            monkeypatch.setenv("HOOK", f"http://127.0.0.1:{hooks.port}/services/secret")
            settings = parse_settings(configured(mail=str(mails.port), url="env:HOOK"))
            clock = Clock()
            alerts = replace(make_alerts(Config(settings), control), clock=clock)
            store(engine, tmp_path, *(report(own(), day=day) for day in range(5, 60)))
            judge(engine, control, alerts)
            assert incidents(control) == []
            fresh = [report(own(), with_selector("s2"), day=day) for day in range(5)]
            store(engine, tmp_path, *fresh)
            for _ in range(3):
                judge(engine, control, alerts)
                await alerts.deliver()
                clock.now += BATCH_SECONDS
            (incident,) = incidents(control)
            assert (incident.code, incident.subject) == (AlertCode.NEW_SELECTOR, "s2._domainkey.example.com")
            (mail,) = mails.taken
            found = email.message_from_bytes(mail.content, policy=default)
            assert (
                found["Subject"]
                == "example.com：新規 – 新しい DKIM 鍵が使われています：s2._domainkey.example.com（200 通が認証成功）"
            )
            (posted,) = hooks.taken
            assert posted.line == "POST /services/secret HTTP/1.1"
            assert "s2._domainkey.example.com" in json.loads(posted.body)["text"]
            # two weeks later it is known; nobody hears of that
            clock.now += 20 * DAY
            alerts.tidy()
            judge(engine, control, alerts)
            clock.now += DAY
            await alerts.deliver()
            assert incidents(control)[0].closed
            assert len(mails.taken) == len(hooks.taken) == 1

    run(go())


def test_archive_read_in_pieces_is_no_storm(engine: DuckDbEngine, control: Control, tmp_path: Path) -> None:
    alerts = Alerts(control=control, clock=Clock())
    for month in range(6, 0, -1):
        first = 30 * month
        news = with_selector(f"s{month}")
        store(engine, tmp_path, *(report(own(), news, day=day) for day in range(first, first + 30)))
        judge(engine, control, alerts)
    assert incidents(control) == []


def test_first_reports_of_a_new_domain_are_no_storm(engine: DuckDbEngine, control: Control, tmp_path: Path) -> None:
    clock = Clock()
    alerts = Alerts(control=control, clock=clock)
    for day in range(10, 0, -1):
        clock.now = T0 - day * DAY
        sender = record(f"198.51.{100 + day}.7", 300, header_from=f"n{day}.example.com")
        store(engine, tmp_path, report(own(), sender, with_selector(f"s{day}"), day=day))
        judge(engine, control, alerts)
    assert incidents(control) == []


def test_intake_that_fails_is_told_and_its_end_is(engine: DuckDbEngine, control: Control, tmp_path: Path) -> None:
    async def go() -> None:
        async with mail_server() as mails:
            settings = parse_settings(configured(mail=str(mails.port), url="env:NOT_SET"))
            clock = Clock()
            alerts = replace(make_alerts(Config(settings), control), clock=clock)
            store(engine, tmp_path, report(own(), day=0))
            failing = SourceRecord(
                name="box", kind="imap", phase="failed", failures=4, last_error="no such\r\nuser", last_error_at=NOW
            )
            control.write_source(failing)
            alerts.look_at_intake(engine)
            clock.now += 600
            await alerts.deliver()
            control.write_source(SourceRecord(name="box", kind="imap", phase="waiting", last_success=NOW))
            alerts.look_at_intake(engine)
            clock.now += 2 * 3_600
            alerts.tidy()
            clock.now += 600
            await alerts.deliver()
            subjects = [email.message_from_bytes(each.content, policy=default)["Subject"] for each in mails.taken]
            opened, closed = subjects
            told = "レポートの取り込み元「box」が 4 回続けて失敗しています：no such user"
            assert opened == f"レポートの取り込み：新規 – {told}"
            assert closed == f"レポートの取り込み：終了 – 取り込み元は復旧しました – {told}"
            # the channel of one domain heard of neither
            assert read_channel(control, "chat").failed == 0

    run(go())


def test_nothing_arrives_and_store_fails(engine: DuckDbEngine, control: Control, tmp_path: Path) -> None:
    clock = Clock()
    alerts = Alerts(control=control, clock=clock)
    store(engine, tmp_path, report(own(), day=0))
    alerts.look_at_intake(engine)
    clock.now += 2 * DAY
    alerts.look_at_intake(engine, "disk full")
    assert incidents(control) == []
    clock.now += DAY
    alerts.look_at_intake(engine, "disk full")
    assert {each.code for each in incidents(control)} == {AlertCode.NOTHING_ARRIVES, AlertCode.STORE_FAILS}


def test_trouble_with_a_channel_is_seen_and_the_other_is_told(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with mail_server() as mails, hook_server("500 No") as hooks:
            monkeypatch.setenv("HOOK", f"http://127.0.0.1:{hooks.port}/services/secret")
            settings = parse_settings(configured(mail=str(mails.port), url="env:HOOK"))
            clock = Clock()
            alerts = replace(make_alerts(Config(settings), control), clock=clock)
            wave = Detection(AlertCode.SPOOF_WAVE, "", firm=True, values={"messages": 700, "usual": 30})
            alerts._tell(note_findings(control, "example.com", [wave], T0), T0)
            clock.now += BATCH_SECONDS
            await alerts.deliver()
            assert len(mails.taken) == 1
            chat, team = channels(control)
            assert (team.sent, team.failed) == (1, 0)
            assert (chat.sent, chat.failed, chat.last_error) == (0, 1, "127.0.0.1 refuses: 500 ok")
            hooks.status = "200 OK"
            clock.now += 60
            await alerts.deliver()
            assert len(hooks.taken) == 2
            assert not channels(control)[0].is_failing
            assert len(mails.taken) == 1

    run(go())


def test_some_refused_recipients_are_trouble_and_nobody_gets_it_twice(control: Control) -> None:
    async def go() -> None:
        async with mail_server() as mails:
            mails.refuse = {"gone@example.org": "550 5.1.1 nobody"}
            text = configured(mail=str(mails.port), url="env:NOT_SET").replace(
                '["alice@example.org"]', '["alice@example.org", "gone@example.org"]'
            )
            clock = Clock()
            alerts = replace(make_alerts(parse_config(text), control), clock=clock)
            found = Detection(AlertCode.STORE_FAILS, "", firm=True, values={"error": "x"})
            alerts._tell(note_findings(control, "", [found], T0), T0)
            for _ in range(3):
                clock.now += BATCH_SECONDS
                await alerts.deliver()
            assert len(mails.taken) == 1
            record = read_channel(control, "team")
            assert (record.sent, record.failed, record.is_failing) == (1, 1, False)
            assert "gone@example.org" in record.last_error

    run(go())


def test_test_messages_tell_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with mail_server() as mails:
            monkeypatch.delenv("HOOK", raising=False)
            settings = parse_settings(configured(mail=str(mails.port), url="env:HOOK"))
            team, chat = await try_channels(Config(settings))
            assert (team.name, team.to, team.error) == ("team", "alice@example.org", "")
            assert (chat.name, chat.to) == ("chat", "slack")
            assert chat.error == "the environment variable HOOK is not set"
            assert len(mails.taken) == 1
            assert [each.name for each in await try_channels(Config(settings), ["chat"])] == ["chat"]
            with pytest.raises(SettingsError, match="there is no channel 'other'"):
                await try_channels(Config(settings), ["other"])

    run(go())


def test_keeper_looks_and_tells(
    engine: DuckDbEngine, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        monkeypatch.setattr(reportd, "REPORT_SECONDS", 0.05)
        monkeypatch.setattr(outbox, "BATCH_SECONDS", 0.0)
        async with mail_server() as mails:
            settings = parse_settings(configured(mail=str(mails.port), url="env:NOT_SET"))
            store(engine, tmp_path, report(own(), day=0))
            failing = SourceRecord(name="box", kind="imap", phase="failed", failures=3, last_error="no")
            control.write_source(failing)
            # of all that a report process is, this task needs these alone
            running = SimpleNamespace(alerts=make_alerts(Config(settings), control), engine=engine, trouble="")
            ends = asyncio.Event()
            task = asyncio.ensure_future(reportd.ReportDaemon._alert(cast("reportd.ReportDaemon", running), ends))
            while not mails.taken:  # noqa: ASYNC110 - what is waited for is another program
                await asyncio.sleep(0.05)
            ends.set()
            await task
            assert [each.name for each in channels(control)] == ["chat", "team"]

    run(go())


TO = '[mail]\nhost = "mx"\nsender = "a@example.org"\n[[alerts.to]]\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[alerts.to]]\nmail = ["a@example.org"]', "name: it is required"),
        ('[[alerts.to]]\nname = "a"', "it needs either mail or url"),
        ('[[alerts.to]]\nname = "a"\nurl = "env:X"\nmail = ["a@example.org"]', "it needs either mail or url"),
        ('[[alerts.to]]\nname = "a"\nmail = ["a@example.org"]', "mail.host is required"),
        (TO + 'name = "a"\nmail = ["a@example.org, b@example.org"]', "is not a mail address"),
        (TO + 'name = "a"\nmail = ["Alice <a@example.org>"]', "is not a mail address"),
        (TO + 'name = "a"\nmail = ["a@example.org\\r\\nBcc: b@example.org"]', "is not a mail address"),
        (TO + 'name = "a"\nmail = ["a@example.org"]\ndomains = ["not a domain"]', "alerts.to[0].domains"),
        (TO + 'name = "a"\nurl = "env:X"\n[[alerts.to]]\nname = "a"\nurl = "env:Y"', "2 of them are called 'a'"),
    ],
)
def test_settings_that_cannot_be_right(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as problem:
        check_alerts(parse_config(text))
    assert told in str(problem.value)


def test_address_of_a_webhook_is_never_in_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"alerts\.to"):
        parse_settings('[[alerts.to]]\nname = "a"\nurl = "https://hooks.example/secret"')


# Commands


def test_commands(tmp_path: Path) -> None:
    config = tmp_path / "inalign.toml"
    config.write_text('[store]\nfolder = "store"\n')
    (tmp_path / "store").mkdir(mode=0o700)
    control = Control(tmp_path / "store/control.sqlite")
    wave = Detection(AlertCode.SPOOF_WAVE, "", firm=True, values={"messages": 700, "usual": 30})
    note_findings(control, "example.com", [wave], T0)
    note_findings(control, "", [Detection(AlertCode.NOTHING_ARRIVES, "", firm=True, values={"days": 4})], T0)
    control.close()

    def call(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(main, ["alerts", *arguments, "--config", str(config)])
        return found.exit_code, found.output

    code, output = call("list", "--lang", "en")
    assert code == 1
    assert "example.com: a wave of forged mail: 700 messages in three days, where 30 would be usual" in output
    assert "intake of reports: no report has come for 4 days" in output
    code, output = call("list", "--json")
    assert [each["number"] for each in json.loads(output)] == [2, 1]
    assert call("mute", "1")[0] == 0
    assert call("mute", "2", "--acknowledge")[0] == 0
    code, output = call("list", "--lang", "ja")
    assert code == 0
    assert "muted" in output
    assert "acknowledged" in output
    assert call("mute", "9") == (2, "Error: there is no incident 9\n")
    assert call("test")[0] == 1


def test_command_sends_test_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with mail_server() as mails, hook_server("404 no_service") as hooks:
            monkeypatch.setenv("HOOK", f"http://127.0.0.1:{hooks.port}/services/secret")
            config = tmp_path / "inalign.toml"
            config.write_text(configured(mail=str(mails.port), url="env:HOOK"))
            call = CliRunner().invoke
            found = await asyncio.to_thread(call, main, ["alerts", "test", "--config", str(config)])
            assert found.exit_code == 1
            told = "team (alice@example.org): sent\nchat (slack): not sent: 127.0.0.1 refuses: 404 ok\n"
            assert found.output == told
            assert len(mails.taken) == 1
            found = await asyncio.to_thread(call, main, ["alerts", "test", "team", "--config", str(config)])
            assert found.exit_code == 0

    run(go())
