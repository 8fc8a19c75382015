"""A zone with a real primary that takes dynamic updates, and a secondary that follows when it is told (Knot DNS)."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rdatatype
import pytest

from tests.nameserver import NameServer
from tests.programs import Program, free_port, wait_until

ZONE = """\
$ORIGIN example.org.
$TTL 300
@ SOA ns1 hostmaster 1 86400 86400 864000 60
@ NS ns1
@ NS ns2
ns1 A 127.0.0.1
ns2 A 127.0.0.2
{more}
"""
KEY = 'key "inalign." {\n    algorithm hmac-sha256;\n    secret "c2VjcmV0IG9mIGEgdGVzdA==";\n};\n'

PRIMARY = """
server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
database:
    storage: {folder}
key:
  - id: inalign
    algorithm: hmac-sha256
    secret: c2VjcmV0IG9mIGEgdGVzdA==
acl:
  - id: update
    key: inalign
    action: update
    update-type: TXT
    update-owner: name
    update-owner-match: sub
    update-owner-name: _domainkey
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: example.org
    storage: {folder}
    file: example.org.zone
    acl: [update, transfer]
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"""
SECONDARY = """
server:
    listen: 127.0.0.2@{port}
    rundir: {folder}
database:
    storage: {folder}
remote:
  - id: primary
    address: 127.0.0.1@{port}
acl:
  - id: notify
    address: 127.0.0.0/8
    action: notify
zone:
  - domain: example.org
    storage: {folder}
    file: secondary.zone
    master: primary
    acl: notify
"""
ADDRESSES = ("127.0.0.1", "127.0.0.2")


class Knots:
    """Both servers, on one port, and a name server that stands for the caches of the world."""

    def __init__(self, folder: Path, *, more: str = "") -> None:
        knotd = shutil.which("knotd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if knotd is None:
            pytest.skip("knotd is not installed")
        self.port = free_port()
        self.tsig_file = folder / "inalign.key"
        self.tsig_file.touch(0o600)
        self.tsig_file.write_text(KEY)
        self._programs = []
        self.cache = NameServer(
            {
                "example.org": {
                    "SOA": ["ns1.example.org. hostmaster.example.org. 1 86400 86400 864000 60"],
                    "NS": ["ns1.example.org.", "ns2.example.org."],
                },
                "ns1.example.org": {"A": [ADDRESSES[0]]},
                "ns2.example.org": {"A": [ADDRESSES[1]]},
            }
        )
        for name, config, address in zip(("primary", "secondary"), (PRIMARY, SECONDARY), ADDRESSES, strict=True):
            own = folder / name
            own.mkdir()
            (own / "example.org.zone").write_text(ZONE.format(more=more))
            (own / "knot.conf").write_text(config.format(folder=own, port=self.port))
            program = Program([knotd, "-c", own / "knot.conf"], own / "log")
            self._programs.append(program)
            program.wait_ready(partial(self.answers, address))
        self.cache.__enter__()

    def stop(self) -> None:
        self.cache.__exit__(None, None, None)
        for program in self._programs:
            program.stop()

    def ask(self, address: str, name: str, kind: str) -> dns.message.Message | None:
        query = dns.message.make_query(name, kind)
        with contextlib.suppress(OSError, dns.exception.DNSException):
            return dns.query.udp_with_fallback(query, address, port=self.port, timeout=1)[0]
        return None

    def answers(self, address: str) -> bool:
        return self.serial(address) is not None

    def serial(self, address: str) -> int | None:
        reply = self.ask(address, "example.org", "SOA")
        return next((rdata.serial for rrset in reply.answer for rdata in rrset), None) if reply else None

    def texts(self, name: str, address: str = ADDRESSES[0]) -> list[str]:
        """The TXT records, each with its strings joined."""
        reply = self.ask(address, name, "TXT")
        assert reply is not None
        return [b"".join(rdata.strings).decode() for rrset in reply.answer for rdata in rrset]

    def follow(self) -> None:
        """Tell the secondary, and wait until it has what the primary has."""
        notify = dns.message.make_query("example.org", "SOA")
        notify.set_opcode(dns.opcode.NOTIFY)
        notify.flags = dns.opcode.to_flags(dns.opcode.NOTIFY) | dns.flags.AA
        dns.query.udp(notify, ADDRESSES[1], port=self.port, timeout=5)
        wait_until(lambda: self.serial(ADDRESSES[1]) == self.serial(ADDRESSES[0]), "the transfer")

    def nsupdate(self, script: str) -> None:
        """Run a script as a person does."""
        nsupdate = shutil.which("nsupdate")
        if nsupdate is None:
            pytest.skip("nsupdate is not installed")
        lines = f"server 127.0.0.1 {self.port}\n{script}\n"
        subprocess.run([nsupdate, "-k", self.tsig_file], input=lines.encode(), check=True, timeout=30)


def names(servers: NameServer) -> Sequence[str]:
    """What the cache was asked for."""
    return [question.name for question in servers.questions]
