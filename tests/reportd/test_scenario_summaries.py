"""A report process that runs sends the report for people by itself, once, also when it is started again."""

from __future__ import annotations

import asyncio
import email
import subprocess
import sys
from datetime import date, timedelta
from email import policy
from pathlib import Path

from inalign.insight.period import PeriodKind, last_whole
from inalign.store.state.control import Control
from inalign.store.state.summaries import sent_summaries
from inalign.summary.scheduler import DELAY_DAYS
from tests.cli.test_ingest import Served, ingest
from tests.mail_server import MailServer, mail_server
from tests.reports.material import report_xml

SETTINGS = """[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "reports@example.com"
[[summaries]]
to = ["boss@example.com"]
domains = ["example.com"]
language = "ja"
"""


PROGRAM = """
import sys, inalign.summary.scheduler as each, inalign.cli
each.FIRST_SECONDS, each.LOOK_SECONDS, each.RETRY_SECONDS = 0, 0.5, (0.5, 1)
sys.exit(inalign.cli.main())
"""
"""`inalign`, without its patience."""


class Impatient(Served):
    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-c", PROGRAM, "serve", "--config", str(self.settings)]
            self.process = subprocess.Popen(command, stderr=log)


async def taken(server: MailServer, number: int) -> None:
    async with asyncio.timeout(30):
        while len(server.taken) < number:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)


def noted(folder: Path) -> list[str]:
    control = Control(folder / "store" / "control.sqlite")
    try:
        return [each.period for each in sent_summaries(control)]
    finally:
        control.close()


def test_it_is_sent_once(tmp_path: Path) -> None:
    middle = last_whole(date.today(), PeriodKind.MONTH, delay=DELAY_DAYS).since + timedelta(14)  # noqa: DTZ011 - roughly
    report = tmp_path / "report.xml"
    report.write_bytes(report_xml((middle - date(2025, 11, 20)).days, messages=1234))
    ingest(tmp_path, str(report))

    async def go() -> None:
        async with mail_server() as server:
            running = await asyncio.to_thread(Impatient, tmp_path, SETTINGS.format(port=server.port))
            try:
                await taken(server, 1)
                async with asyncio.timeout(20):
                    while not noted(tmp_path):  # noqa: ASYNC110 - likewise
                        await asyncio.sleep(0.05)
            finally:
                await asyncio.to_thread(running.end)
            await asyncio.to_thread(running.start)
            await asyncio.sleep(2)
            await asyncio.to_thread(running.end)
            (mail,) = server.taken
            message = email.message_from_bytes(mail.content, policy=policy.default)
            assert mail.recipients == ["boss@example.com"]
            assert "example.com メール認証 月次報告書" in message["Subject"]
            assert "1,234" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
            assert "the report of" in (tmp_path / "serve.log").read_text("utf-8")

    asyncio.run(go())
