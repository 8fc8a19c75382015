"""A row of milters before one mail server: OpenDKIM that signs, four of ours that do, OpenDKIM that verifies them all.

Ours have a canonicalization each, and both kinds of keys. So it is while a server moves from OpenDKIM, and what one
adds the next ones see.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.interop.inalign import LOCAL_NETWORKS, Inalign
from tests.interop.senders import Senders
from tests.interop.sendmail import Sendmail, socket_name
from tests.interop.server import MailServer
from tests.interop.signing import postfix_before
from tests.interop.sink import WITH_UTF8, Sink
from tests.interop.smtp import Client, SmtpSession
from tests.nameserver import NameServer
from tests.programs import Program, free_port, listens

DOMAIN = "reject.example"
FORMS = {"ss": "simple/simple", "sr": "simple/relaxed", "rs": "relaxed/simple", "rr": "relaxed/relaxed"}
OLD = "old"
"""The selector of OpenDKIM."""
SELECTORS = [f"{algorithm}-{name}" for name in reversed(FORMS) for algorithm in ("rsa", "ed25519")] + [OLD]
"""From the top, as the last milter sees them."""
BEHIND = "behind.example.net"
"""As whom OpenDKIM reports."""

SIGN = """
[sign]
canonicalization = "{form}"
"""
KEY = """
[[sign.key]]
domain = "{domain}"
selector = "{algorithm}-{name}"
file = "{folder}/{algorithm}.pem"
"""


class _Part(Protocol):
    def stop(self) -> None: ...


PartT = TypeVar("PartT", bound=_Part)


class OpenDkim:
    """The program of that name, on a port."""

    def __init__(self, folder: Path, name: str, lines: Sequence[str]) -> None:
        opendkim = shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if opendkim is None:
            pytest.skip("opendkim is not installed: run packaging/test-parts")
        port = free_port()
        self.address = f"inet:127.0.0.1:{port}"
        conf = folder / f"{name}.conf"
        conf.write_text("\n".join([*lines, "Syslog no", "RequireSafeKeys no", ""]))
        command: list[str | Path] = [opendkim, "-f", "-x", conf, "-p", f"inet:{port}@127.0.0.1"]
        self._program = Program(command, folder / f"{name}.log")
        self._program.wait_ready(lambda: listens(port))

    def stop(self) -> None:
        self._program.signal(signal.SIGKILL)  # libmilter takes five seconds to end by itself
        self._program.stop()


class FilteredSendmail(Sendmail):
    """With filters in a row, which Sendmail has where a service names none."""

    def __init__(self, addresses: Sequence[str]) -> None:
        lines = [
            f"INPUT_MAIL_FILTER(`row{place}', `S={socket_name(address)}, F=T, T=C:5s;S:10s;R:10s;E:20s')dnl"
            for place, address in enumerate(addresses)
        ]
        super().__init__(addresses[0], line="\n".join(lines))

    def session(
        self,
        client: Client | None = None,
        *,
        strict: bool = False,
        greet: bool = True,
        without_milter: str = "own line",
    ) -> SmtpSession:
        return super().session(client, strict=False, greet=greet, without_milter=without_milter)


class Row:
    """All of it, and what DNS says; `stop` in every case."""

    def __init__(self, folder: Path) -> None:
        senders = Senders()
        names = {name: dict(entry) for name, entry in senders.zone().items()}
        for selector in SELECTORS:
            kind = "ed25519" if selector.startswith("ed25519") else "rsa"
            names[f"{selector}._domainkey.{DOMAIN}"] = names[f"{kind}._domainkey.{DOMAIN}"]
        self.zone: dict[str, dict[str, object]] = names
        self._folder = folder
        self._stack = ExitStack()
        try:
            for kind in ("rsa", "ed25519"):
                (folder / f"{kind}.pem").touch(0o600)
                (folder / f"{kind}.pem").write_bytes(senders.private_key_file("rsa" if kind == "rsa" else "ed25519"))
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        port = self._stack.enter_context(NameServer(self.zone)).port
        before = self._started(OpenDkim(self._folder, "before", self._signing()))
        ours = [self._started(self._ours(name, form, port)) for name, form in FORMS.items()]
        behind = self._started(OpenDkim(self._folder, "behind", self._verifying()))
        self.addresses = [before.address, *[each.addresses["inet"] for each in ours], behind.address]
        self._sink = Sink(WITH_UTF8)
        self._stack.callback(self._sink.close)

    def _started(self, part: PartT) -> PartT:
        self._stack.callback(part.stop)
        return part

    def _signing(self) -> list[str]:
        key = self._folder / "rsa.pem"
        (self._folder / "internal").write_text("\n".join(LOCAL_NETWORKS))
        lines = ["Mode s", "Canonicalization relaxed/simple", f"InternalHosts {self._folder}/internal"]
        return [*lines, f"Domain {DOMAIN}", f"Selector {OLD}", f"KeyFile {key}"]

    def _verifying(self) -> list[str]:
        records = [
            f"{name} {text}" for name, entry in self.zone.items() if "_domainkey" in name for text in _texts(entry)
        ]
        (self._folder / "records").write_text("\n".join(records) + "\n")
        lines = ["Mode v", f"TestDNSData {self._folder}/records", "Nameservers 127.0.0.1", "DNSTimeout 1"]
        return [*lines, "AlwaysAddARHeader yes", f"AuthservID {BEHIND}", "MaximumSignaturesToVerify 20"]

    def _ours(self, name: str, form: str, dns_port: int) -> Inalign:
        own = self._folder / name
        own.mkdir()
        keys = [KEY.format(domain=DOMAIN, name=name, folder=self._folder, algorithm=a) for a in ("rsa", "ed25519")]
        return Inalign(own, dns_port, more=SIGN.format(form=form) + "".join(keys))

    def server(self, name: str) -> tuple[MailServer, Sink]:
        """A mail server before the row, and where its mail goes."""
        if name == "sendmail":
            sendmail = self._started(FilteredSendmail(self.addresses))
            return sendmail, sendmail.sink
        return self._started(postfix_before(self.addresses, self._sink)), self._sink

    def stop(self) -> None:
        self._stack.close()


def _texts(entry: Mapping[str, object]) -> list[str]:
    texts = entry.get("TXT")
    return [str(text) for text in texts] if isinstance(texts, list) else []
