"""A private Sendmail, unpacked beside the installed mail server by packaging/test-parts. It needs root.

The services are daemons of one process before the same milter, each with another answer to a milter that is missing or
broken: none, `F=T`, `F=R` and `F=4`. There is no XCLIENT, so a client is what its address is: 192.0.2.7 becomes
127.0.2.7, every IPv6 address ::1. What is accepted goes to a sink; the `sendmail` command goes by SMTP, as is usual.
"""

from __future__ import annotations

import base64
import os
import platform
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.interop.server import DOMAIN, HOST, Delivered, MailServer
from tests.interop.sink import Sink
from tests.interop.smtp import Client, SmtpSession
from tests.programs import Program, free_port, has_ipv6, is_bound

UNPACKED = Path("/var/cache/inalign-test-parts/sendmail")
BINARY = UNPACKED / "usr/libexec/sendmail/sendmail"
NAMES = "libnss_wrapper.so"
"""Gives a program a hosts file of its own. Without it Sendmail asks DNS who its clients are, and sleeps for a minute
where this host has a name without a dot."""
HOSTS = """\
127.0.0.1 localhost
::1 localhost
127.0.1.1 {host} {node}
127.0.2.7 mail.example.org
"""
LOGIN = "dave"
PASSWORD = "secret"
WITHOUT_MILTER = {"pass": "", "defer": ", F=T", "reject": ", F=R", "close": ", F=4"}
"""Services by what they do without their milter, and how that is written."""

COMMON_MC = """\
divert(0)dnl
define(`_CF_DIR_',`{cf}/')dnl
include(`{cf}/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME',`{host}')dnl
define(`STATUS_FILE',`{folder}/statistics')dnl
define(`confSERVICE_SWITCH_FILE',`{folder}/service.switch')dnl
define(`confTO_IDENT',`0')dnl
define(`confDONT_BLAME_SENDMAIL',`GroupWritableDirPathSafe,AssumeSafeChown,TrustStickyBit')dnl
define(`confDONT_PROBE_INTERFACES',`true')dnl
"""

SERVER_MC = """\
define(`QUEUE_DIR',`{folder}/mqueue')dnl
define(`HELP_FILE',`{unpacked}/etc/mail/helpfile')dnl
define(`confPID_FILE',`{folder}/sendmail.pid')dnl
define(`confCW_FILE',`{folder}/local-host-names')dnl
define(`ALIAS_FILE',`')dnl
define(`confDEF_USER_ID',`65534:65534')dnl
define(`confDELIVERY_MODE',`background')dnl
define(`confQUEUE_LA',`1000')dnl
define(`confREFUSE_LA',`1000')dnl
define(`confDELAY_LA',`1000')dnl
define(`confMAX_MESSAGE_SIZE',`20971520')dnl
define(`ESMTP_MAILER_ARGS',`TCP $h {sink}')dnl
define(`SMART_HOST',`esmtp:[127.0.0.1]')dnl
define(`confAUTH_MECHANISMS',`PLAIN')dnl
define(`confAUTH_OPTIONS',`')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
RELAY_DOMAIN(`{domain}')dnl
{daemons}
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_CONFIG
ESASL_CONF_PATH={folder}/sasl
"""

SUBMIT_MC = """\
define(`__OSTYPE__',`')dnl
define(`confDELIVERY_MODE',`interactive')dnl
define(`confUSE_MSP',`True')dnl
define(`MSP_QUEUE_DIR',`{folder}/clientmqueue')dnl
define(`confPID_FILE',`{folder}/submit.pid')dnl
define(`confRUN_AS_USER',`nobody')dnl
define(`confTRUSTED_USER',`nobody')dnl
define(`RELAY_MAILER_ARGS',`TCP $h {port}')dnl
FEATURE(`msp',`[127.0.0.1]')dnl
"""


@cache
def missing_part() -> str | None:
    """Why no private Sendmail can be had here, in words that tell what to do; None when it can."""
    if not BINARY.exists() or shutil.which("m4") is None or not any(Path("/usr/lib").glob(f"*/{NAMES}")):
        return "Sendmail is not unpacked beside Postfix, or m4 or libnss-wrapper is missing: run packaging/test-parts"
    if os.geteuid() != 0:
        return "a private Sendmail needs root (its daemon does): run the tests as root"
    return None


class Sendmail(MailServer):
    """One running instance."""

    name = "sendmail"

    def __init__(self, milter: str, *, timeouts: str = "C:5s;S:10s;R:10s;E:20s", line: str = "") -> None:
        """`line` is one more of sendmail.mc; the service `own line` then has the filters that such lines name."""
        super().__init__(milter)
        self._timeouts = timeouts
        self._line = line
        self.ports = {service: free_port() for service in [*WITHOUT_MILTER, *["own line"] * bool(line)]}
        self.sink = Sink()
        self._collected = 0
        self._environment = {"LD_PRELOAD": NAMES, "NSS_WRAPPER_HOSTS": str(self.folder / "hosts")}
        self._program: Program | None = None
        try:
            self._write()
            self._start()
        except BaseException:
            self.stop()
            raise

    def _write(self) -> None:
        for name in ("mqueue", "clientmqueue", "sasl"):
            (self.folder / name).mkdir(mode=0o700)
        nobody = pwd.getpwnam("nobody")
        os.chown(self.folder / "clientmqueue", nobody.pw_uid, nobody.pw_gid)
        (self.folder / "service.switch").write_text("hosts files\naliases files\n")
        (self.folder / "local-host-names").write_text("")
        (self.folder / "hosts").write_text(HOSTS.format(host=HOST, node=platform.node()))
        (self.folder / "sasl" / "Sendmail.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\nsasldb_path: {self.folder}/sasldb2\n"
        )
        self._make_cf("sendmail", SERVER_MC)
        self._make_cf("submit", SUBMIT_MC)
        if shutil.which("saslpasswd2"):
            self._add_login()

    def _add_login(self) -> None:
        command = ["saslpasswd2", "-p", "-c", "-f", str(self.folder / "sasldb2"), "-u", HOST, LOGIN]
        subprocess.run(command, input=PASSWORD.encode(), check=True, timeout=30)
        (self.folder / "sasldb2").chmod(0o600)

    def _make_cf(self, name: str, own: str) -> None:
        values = {
            "cf": UNPACKED / "usr/share/sendmail/cf",
            "unpacked": UNPACKED,
            "folder": self.folder,
            "host": HOST,
            "domain": DOMAIN,
            "sink": self.sink.port,
            "port": self.ports["pass"],
            "daemons": "\n".join(self._daemons()),
        }
        made = subprocess.run(
            ["m4"], input=(COMMON_MC + own).format(**values), capture_output=True, text=True, check=True, timeout=30
        )
        (self.folder / f"{name}.cf").write_text(made.stdout)

    def _daemons(self) -> list[str]:
        lines = []
        for service, flag in WITHOUT_MILTER.items():
            lines.append(f"MAIL_FILTER(`{service}',`S={socket_name(self.milter)}{flag}, T={self._timeouts}')dnl")
            for family, bound in [("inet", "127.0.0.1"), ("inet6", "::1")][: 1 + has_ipv6()]:
                options = f"Name={service}, Family={family}, Addr={bound}, Port={self.ports[service]}"
                lines.append(f"DAEMON_OPTIONS(`{options}, InputMailFilters={service}')dnl")
        if self._line:
            lines += [
                f"DAEMON_OPTIONS(`Name=own, Family=inet, Addr=127.0.0.1, Port={self.ports['own line']}')dnl",
                self._line,
            ]
        return lines

    def _start(self) -> None:
        # The loader by its name, so that the memory which Sendmail fills with its title does not hold our environment.
        loader = re.search(rb"/[\w/.-]+/ld-[\w.-]+", BINARY.read_bytes())
        assert loader is not None, BINARY
        command: list[str | Path] = [loader[0].decode(), "--argv0", "sendmail", "--preload", NAMES, BINARY]
        self._program = Program(
            [*command, "-C", self.folder / "sendmail.cf", "-bD"], self.folder / "start", self._environment
        )
        self._program.wait_ready(lambda: all(map(is_bound, self.ports.values())))

    def stop(self) -> None:
        if self._program is not None:
            self._program.stop()
            self._program = None
        self.sink.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def session(
        self, client: Client | None = None, *, strict: bool = False, greet: bool = True, without_milter: str = "pass"
    ) -> SmtpSession:
        port = self.ports["defer" if strict else without_milter]
        if client is None:
            session = SmtpSession(port)
        elif ":" in client.ip:
            if not has_ipv6():
                pytest.skip("this host has no IPv6")
            session = SmtpSession(port, host="::1")
        else:
            session = SmtpSession(port, source=self.client_ip(client))
        if greet:
            session.greet(client.helo if client else "localhost")
        if client is not None and client.login is not None:
            if not shutil.which("saslpasswd2"):
                pytest.skip("sasl2-bin is not installed: run packaging/test-parts")
            secret = base64.b64encode(f"\0{client.login}\0{PASSWORD}".encode()).decode()
            reply = session.command(f"AUTH PLAIN {secret}")
            assert reply.code == 235, reply
        return session

    def client_ip(self, client: Client) -> str:
        return "::1" if ":" in client.ip else "127." + client.ip.partition(".")[2]

    def sendmail(self, message: bytes, mail_from: str, rcpt_to: str | Sequence[str]) -> None:
        recipients = [rcpt_to] if isinstance(rcpt_to, str) else list(rcpt_to)
        self._run("submit", "-i", "-f", mail_from, "--", *recipients, octets=message.replace(b"\r\n", b"\n"))

    def log(self) -> str:
        """Its log goes to syslog alone; the queue tells what did not leave and why."""
        return self._run("sendmail", "-bp", "-v")

    def run_queue(self) -> None:
        """Try again what was deferred."""
        self._run("sendmail", "-q")

    def quarantined(self) -> str:
        """The list of messages that are held."""
        return self._run("sendmail", "-bp", "-qQ")

    def held(self, recipient: str) -> bool:
        return f"<{recipient}>" in self.quarantined() and f"<{recipient}>" not in self.log()

    def _run(self, cf: str, *words: str, octets: bytes = b"") -> str:
        command = [str(BINARY), "-C", str(self.folder / f"{cf}.cf"), *words]
        done = subprocess.run(
            command, input=octets, capture_output=True, check=True, timeout=30, env={**os.environ, **self._environment}
        )
        return done.stdout.decode("utf-8", "replace")

    def _collect(self) -> None:
        while self._collected < len(self.sink.taken):
            taken = self.sink.taken[self._collected]
            self._collected += 1
            for recipient in taken.rcpt_to:
                self._mailboxes[recipient].append(
                    Delivered(taken.mail_from, recipient, taken.message.replace(b"\r\n", b"\n"))
                )


def socket_name(milter: str) -> str:
    """The address as Sendmail writes it."""
    kind, _, address = milter.partition(":")
    host, _, port = address.rpartition(":")
    if kind == "unix":
        return f"local:{address}"
    return f"{'inet6' if ':' in host else 'inet'}:{port}@{host.strip('[]')}"
