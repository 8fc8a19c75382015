"""Every action behind real mail servers, and the mark of a quarantined message before a real Sieve interpreter.

One milter shows them all: p=reject is refused, p=quarantine held, author problems are discarded, temperrors deferred,
SPF fail and lists quarantined.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.citations import ROOT
from tests.interop.conftest import each_started
from tests.interop.inalign import Inalign
from tests.interop.mail import LOCAL_CLIENT, RELAY, SENDER, STRANGER, Mail
from tests.interop.received import Received
from tests.interop.senders import BROKEN, KEY_ONLY, Senders, message
from tests.interop.server import MailServer
from tests.interop.smtp import Client, Reply
from tests.nameserver import NameServer
from tests.programs import wait_until

POLICY = f"""
[policy]
mode = "enforce"
dmarc_reject = "reject"
dmarc_quarantine = "hold"
dmarc_temperror = "tempfail"
author_problem = "discard"
spf_fail = "quarantine"
trusted_sealers = ["{KEY_ONLY}"]
except_domains = ["testing.example"]
"""
AUTHOR = "ann@reject.example"
MARK = "X-Inalign-Action"
FORGED = b"X-Inalign-Action: quarantine; rule=dmarc_reject"


@pytest.fixture(scope="module")
def acting_milter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inalign, Senders, NameServer]]:
    """A milter that acts."""
    senders = Senders()
    with NameServer(senders.zone()) as name_server:
        inalign = Inalign(tmp_path_factory.mktemp("acting"), name_server.port, more=POLICY)
        try:
            yield inalign, senders, name_server
        finally:
            inalign.stop()


@pytest.fixture(scope="module")
def acting_servers(acting_milter: tuple[Inalign, Senders, NameServer]) -> Iterator[Callable[[str], MailServer]]:
    """By name: a real server before it."""
    yield from each_started(acting_milter[0])


@pytest.fixture
def acting(
    server_name: str,
    acting_milter: tuple[Inalign, Senders, NameServer],
    acting_servers: Callable[[str], MailServer],
) -> Mail:
    return Mail(acting_servers(server_name), *acting_milter)


def answered(mail: Mail, octets: bytes, author: str = AUTHOR) -> Reply:
    """What a stranger hears at the end of this message."""
    with mail.server.session(STRANGER, strict=True) as session:
        return session.send(octets, author, mail.recipient)


def override(found: Received) -> str | None:
    ours = [value for value in found.values("Authentication-Results") if "policy.override" in value]
    return re.findall(r"policy\.override=([a-z_]+)", ours[0])[0] if ours else None


def test_the_client_sees_the_text_of_a_refusal(acting: Mail) -> None:
    reply = answered(acting, message())
    assert (reply.code, reply.text) == (
        550,
        "5.7.26 Refused per DMARC policy of reject.example: neither SPF nor DKIM is aligned",
    )


def test_what_passes_is_delivered_without_a_mark(acting: Mail) -> None:
    found = acting.exchange(acting.senders.signed(message()))
    assert found.results()["dmarc"][0].word == "pass"
    assert not found.values(MARK)


@pytest.mark.parametrize("field", [b"List-Id: <announce.reject.example>", b"List-Post: NO", b"Precedence: list"])
def test_a_list_is_marked_and_never_refused(acting: Mail, field: bytes) -> None:
    assert answered(acting, message(fields=[field])).code == 250
    found = acting.next()
    assert found.values(MARK) == ["quarantine; rule=mailing_list"]
    assert override(found) == "mailing_list"


def test_quarantine_is_delivered_with_one_mark_of_ours(acting: Mail) -> None:
    author = "ann@mail.example.org"  # has SPF and no DMARC
    assert answered(acting, message(author, fields=[FORGED, FORGED]), author).code == 250
    found = acting.next()
    assert found.values(MARK) == ["quarantine; rule=spf_fail"]
    assert [name for name, _ in found.header[:3]] == ["Authentication-Results", MARK, "Received"]


@pytest.mark.parametrize("client", [SENDER, LOCAL_CLIENT])
def test_forged_marks_are_removed(acting: Mail, client: Client) -> None:
    octets = acting.senders.signed(message(fields=[FORGED, b"x-inalign-action: accept", FORGED]))
    assert not acting.exchange(octets, client=client).values(MARK)


def test_marks_of_a_trusted_relay_are_kept(acting: Mail) -> None:
    octets = acting.senders.signed(message(fields=[FORGED]))
    assert acting.exchange(octets, client=RELAY).values(MARK) == ["quarantine; rule=dmarc_reject"]


def test_hold_lies_in_the_hold_queue(acting: Mail) -> None:
    author = "ann@quarantine.example"
    assert answered(acting, message(author), author).code == 250
    assert acting.server.held(acting.recipient)


def test_tempfail_asks_the_client_to_try_again(acting: Mail) -> None:
    author = f"ann@{BROKEN}"
    reply = answered(acting, message(author), author)
    assert (reply.code, reply.text) == (
        451,
        f"4.7.0 DMARC of {BROKEN} cannot be checked now: DNS gives no answer",
    )


def test_discard_says_yes_and_logs_the_envelope(acting: Mail) -> None:
    assert answered(acting, message(author=None), "eve@evil.example").code == 250
    wait_until(lambda: acting.recipient in acting.inalign.log(), "a line of the discard")
    (line,) = (line for line in acting.inalign.log().splitlines() if f"to=<{acting.recipient}>" in line)
    for part in (" WARNING ", "action=discard", "from=<eve@evil.example>", "rule=author_problem"):
        assert part in line
    if acting.server.per(postfix=True, sendmail=False):  # it answers first and logs then
        wait_until(lambda: "milter-discard" in acting.server.log(), "Postfix's own line")
    else:
        assert "milter-discard" not in acting.server.log()


def test_a_trusted_sealer_is_believed(acting: Mail) -> None:
    """The author's signature is broken by the list that says it was good."""
    seen = f"Authentication-Results: {KEY_ONLY}; dmarc=pass header.from=reject.example\r\n".encode()
    sealed = acting.senders.sealed(seen + message(body=b"changed\r\n"))
    assert answered(acting, sealed, f"list@{KEY_ONLY}").code == 250
    found = acting.next()
    assert override(found) == "trusted_arc"
    assert not found.values(MARK)
    assert found.results()["dmarc"][0].word == "fail"


def test_an_excepted_author_is_accepted(acting: Mail) -> None:
    author = "ann@testing.example"  # t=y makes quarantine of p=reject
    assert answered(acting, message(author), author).code == 250
    assert override(acting.next()) == "except_domain"


def test_observing_delivers_what_would_be_refused(mail: Mail) -> None:
    octets = message(fields=[FORGED])
    found = mail.exchange(octets, client=STRANGER)
    assert [name for name, _ in found.header[:2]] == ["Authentication-Results", "Received"]
    plain = message().replace(b"\r\n", b"\n")
    assert found.body == plain.partition(b"\n\n")[2]
    names = [name for name, _ in found.header[2:]]
    assert names == [line.partition(":")[0] for line in re.split(r"\n(?![ \t])", plain.partition(b"\n\n")[0].decode())]
    line = mail.inalign.log().splitlines()[-1]
    assert "action=accept rule=observe would=quarantine would_rule=dmarc_reject" in line


# Sieve


def sieve_script() -> str:
    """The script of docs/operations.md."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    return page.partition("```sieve\n")[2].partition("```")[0]


@pytest.mark.parametrize(
    ("field", "folder"),
    [
        (b"X-Inalign-Action: quarantine; rule=dmarc_reject\n", "Junk"),
        (b"x-inalign-action: quarantine; rule=mailing_list\n", "Junk"),
        (b"", "INBOX"),
        (b"X-Inalign: quarantine; rule=x\n", "INBOX"),
    ],
)
def test_sieve_files_what_is_marked_as_junk(field: bytes, folder: str) -> None:
    if shutil.which("sieve-test") is None:
        pytest.skip("Pigeonhole is not installed: apt-get install dovecot-sieve")
    with tempfile.TemporaryDirectory(prefix="inalign-sieve-") as name:
        path = Path(name)
        path.chmod(0o777)  # sieve-test leaves root for the user of the configuration
        (path / "junk.sieve").write_text(sieve_script())
        (path / "message.eml").write_bytes(b"Authentication-Results: x; none\n" + field + b"From: a@b.example\n\nx\n")
        user, group = ("nobody", "nogroup") if os.geteuid() == 0 else (os.getuid(), os.getgid())
        (path / "dovecot.conf").write_text(
            f"mail_location = maildir:{path}/mail\nmail_uid = {user}\nmail_gid = {group}\n"
        )
        command = ["sieve-test", "-c", str(path / "dovecot.conf"), str(path / "junk.sieve"), str(path / "message.eml")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert f"store message in folder: {folder}" in done.stdout
