"""A private Postfix. Nothing of an installed instance is read or touched. It needs root, since Postfix' master does.

Three SMTP services stand before the same milter: `port` goes on without a milter that is missing or broken
(`default_action=accept`), `strict_port` answers 451 then (`default_action=tempfail`), and `originating_port` says of
its mail that it is our own. Mail from the local `sendmail` command passes the milter as `non_smtpd_milters` have it.
Clients are whom XCLIENT names.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence

from tests.interop.server import DELIVERY_SECONDS, DOMAIN, HOST, Delivered, MailServer
from tests.interop.smtp import Client, SmtpSession
from tests.programs import STOP_SECONDS, Program, free_port, is_bound, wait_until

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = {host}
inet_interfaces = 127.0.0.1
# IPv6 only so that XCLIENT takes such addresses.
inet_protocols = all
mynetworks = 127.0.0.0/8
# By network and not, as is the default, by interface: then a client named by XCLIENT counts as what it is named.
local_header_rewrite_clients = permit_mynetworks
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_mailbox_limit = 0
message_size_limit = 20971520
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
# The tests of bare LF are about what reaches a milter, so the server must let it in.
smtpd_forbid_bare_newline = no
notify_classes =
in_flow_delay = 0
smtpd_milters = {{ {milter}, default_action=accept }}
non_smtpd_milters = {{ {milter}, default_action=accept }}
milter_protocol = 6
milter_connect_timeout = 5s
milter_command_timeout = 10s
milter_content_timeout = 20s
"""

MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{strict_port} inet n - n - - smtpd
    -o smtpd_milters={{{milter},default_action=tempfail}}
127.0.0.1:{originating_port} inet n - n - - smtpd
    -o milter_macro_daemon_name=ORIGINATING
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
lmtp      unix - - n - - lmtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

RELAYING = """\
virtual_mailbox_domains =
relay_domains = {domain}
relay_transport = relay:[127.0.0.1]:{port}
smtp_bind_address = {address}
smtpd_milters =
non_smtpd_milters =
"""

DELIVERY_FIELDS = (b"Return-Path:", b"X-Original-To:", b"Delivered-To:")
"""What the mailbox delivery writes above the message; a milter has nothing to do with it."""


def relaying_to(port: int, address: str) -> str:
    """What main.cf needs beside `MAIN_CF` to hand everything on to another instance, coming from this address."""
    return RELAYING.format(domain=DOMAIN, port=port, address=address)


def missing_part() -> str | None:
    """Why no private Postfix can be had here, in words that tell what to do; None when it can."""
    if shutil.which("postfix") is None:
        return "Postfix is not installed: apt-get install postfix"
    if os.geteuid() != 0:
        return "a private Postfix needs root (its master process does): run the tests as root"
    return None


class Postfix(MailServer):
    """One running instance."""

    name = "postfix"

    def __init__(self, milter: str, *, more: str = "") -> None:
        super().__init__(milter)
        self.port = free_port()
        self.strict_port = free_port()
        self.originating_port = free_port()
        self._program: Program | None = None
        try:
            self._write(more)
            self._start()
        except BaseException:
            self.stop()
            raise

    def _write(self, more: str) -> None:
        postfix, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        for name in ("conf", "queue", "data", "log", "mail"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", postfix.pw_uid, postfix.pw_gid)
        os.chown(self.folder / "mail", nobody.pw_uid, nobody.pw_gid)
        conf = self.folder / "conf"
        main_cf = MAIN_CF.format(folder=self.folder, host=HOST, domain=DOMAIN, nobody=nobody.pw_uid, milter=self.milter)
        (conf / "main.cf").write_text(_overridden(main_cf, more))
        ports = {"port": self.port, "strict_port": self.strict_port, "originating_port": self.originating_port}
        (conf / "master.cf").write_text(MASTER_CF.format(milter=self.milter, **ports))

    def _start(self) -> None:
        # start-fg: the master is our own child, so its end is seen, and it ends with its group.
        command = ["postfix", "-c", str(self.folder / "conf"), "start-fg"]
        self._program = Program(command, self.folder / "log" / "start")
        try:
            self._program.wait_ready(lambda: is_bound(self.port) and is_bound(self.strict_port))
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.log()[-4000:]}") from None

    def stop(self) -> None:
        if self._program is not None:
            # The master leads a process group of its own; it ends all that it started, and then our child ends.
            master = self._master()
            for number in (signal.SIGTERM, signal.SIGKILL):
                if master is not None and not self._program.ended(0 if number is signal.SIGTERM else STOP_SECONDS):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(master, number)
            self._program.stop()
            self._program = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _master(self) -> int | None:
        try:
            return int((self.folder / "queue" / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return None

    def session(self, client: Client | None = None, *, strict: bool = False, greet: bool = True) -> SmtpSession:
        return self.session_at(self.strict_port if strict else self.port, client, greet=greet)

    def session_at(self, port: int, client: Client | None, *, greet: bool = True) -> SmtpSession:
        """A connection to this port of it."""
        session = SmtpSession(port)
        if client is not None and session.greeting.code == 220:
            session.greet(client.helo)
            session.greeting = session.command(_xclient(client))
        if greet:
            session.greet(client.helo if client else "localhost")
        return session

    def client_ip(self, client: Client) -> str:
        return client.ip

    def sendmail(self, message: bytes, mail_from: str, rcpt_to: str | Sequence[str]) -> None:
        recipients = [rcpt_to] if isinstance(rcpt_to, str) else list(rcpt_to)
        command = ["sendmail", "-C", str(self.folder / "conf"), "-i", "-f", mail_from, "--", *recipients]
        subprocess.run(command, input=message.replace(b"\r\n", b"\n"), check=True, timeout=30)

    def all_delivered(self, recipient: str) -> list[bytes]:
        """All messages to this address, oldest first, once nothing waits in the queue any more."""
        wait_until(lambda: not self.queue(), "an empty queue", DELIVERY_SECONDS)
        self._collect()
        return [each.message for each in self._mailboxes.pop(recipient, ())]

    def _collect(self) -> None:
        new = self.folder / "mail" / "inbox" / "new"
        if not new.is_dir():
            return
        for path in sorted(new.iterdir(), key=lambda path: path.stat().st_mtime_ns):
            delivered = _delivered(path.read_bytes())
            path.unlink()
            self._mailboxes[delivered.recipient].append(delivered)

    def log(self) -> str:
        path = self.folder / "log" / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def queue(self) -> list[str]:
        """The queue as `postqueue -j` lists it, one JSON text for each message."""
        command = ["postqueue", "-c", str(self.folder / "conf"), "-j"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return listed.stdout.splitlines()

    def flush(self) -> None:
        """Try again now what was deferred."""
        subprocess.run(["postqueue", "-c", str(self.folder / "conf"), "-f"], check=True, timeout=30)

    def held(self, recipient: str) -> bool:
        queued = map(json.loads, self.queue())
        return [each["queue_name"] for each in queued if each["recipients"][0]["address"] == recipient] == ["hold"]


def _xclient(client: Client) -> str:
    address = f"IPV6:{client.ip}" if ":" in client.ip else client.ip
    words = [f"ADDR={address}", f"NAME={client.name or '[UNAVAILABLE]'}", f"HELO={client.helo}", "PROTO=ESMTP"]
    if client.login is not None:
        words.append(f"LOGIN={client.login}")
    return "XCLIENT " + " ".join(words)


def _overridden(main_cf: str, more: str) -> str:
    """The first with the settings of the second in place of its own.

    Every process of Postfix warns of a setting that stands there twice, and so many warnings at once fill the socket
    of postlogd before it reads: it waits for itself then, and the others for it.
    """
    names = {line.partition("=")[0].strip() for line in more.splitlines()}
    kept = [line for line in main_cf.splitlines() if line.partition("=")[0].strip() not in names]
    return "\n".join([*kept, more])


def _delivered(stored: bytes) -> Delivered:
    """Split what the delivery wrote from what it delivered."""
    noted: dict[bytes, str] = {}
    while stored.startswith(DELIVERY_FIELDS):
        line, _, stored = stored.partition(b"\n")
        name, _, value = line.partition(b":")
        noted[name] = value.strip().decode("latin-1")
    return Delivered(noted[b"Return-Path"].strip("<>"), noted[b"Delivered-To"], stored)
