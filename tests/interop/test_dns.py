"""The live resolver against real name servers: Knot DNS signs and serves a zone, Unbound validates in front of it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import pytest

from inalign.net.dns import LiveResolver
from inalign.resolver import MailExchange, Outcome, txt
from tests.net.loops import on_each_loop

pytestmark = pytest.mark.interop

ZONE = """
$ORIGIN example.org.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
@ TXT "v=spf1 mx -all"
@ MX 10 mail
@ MX 0 .
ns A 127.0.0.1
mail A 192.0.2.1
mail AAAA 2001:db8::1
alias CNAME mail
alias2 CNAME alias
loop1 CNAME loop2
loop2 CNAME loop1
dangling CNAME nowhere
*.wild TXT "any"
below.there A 192.0.2.1
big TXT {big}
sub NS ns.nowhere.invalid.
"""
BIG = b"".join(bytes((65 + number % 26,)) * 255 for number in range(200))


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], folder: Path, is_ready: Callable[[], bool]) -> Iterator[None]:
    """A server for as long as it is needed, from when it answers."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 20
            while not is_ready():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, f"{command[0]} does not answer: {(folder / 'log').read_text()}"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(10)


def ask(port: int, name: str, kind: str) -> dns.message.Message | None:
    query = dns.message.make_query(name, kind)
    with contextlib.suppress(OSError, dns.exception.DNSException):
        return dns.query.udp(query, "127.0.0.1", port=port, timeout=0.5)
    return None


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Knot DNS that serves example.org, signed."""
    knotd = program("knotd")
    folder, port = tmp_path_factory.mktemp("knot"), free_port()
    strings = " ".join(f'"{BIG[at : at + 255].decode()}"' for at in range(0, len(BIG), 255))
    (folder / "example.org.zone").write_text(ZONE.format(big=strings))
    (folder / "knot.conf").write_text(
        f"""
server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
database:
    storage: {folder}
zone:
  - domain: example.org
    storage: {folder}
    file: example.org.zone
    zonefile-sync: -1
    journal-content: none
    dnssec-signing: on
"""
    )
    with running([knotd, "-c", str(folder / "knot.conf")], folder, lambda: has_keys(port)):
        yield port


def has_keys(port: int) -> bool:
    reply = ask(port, "example.org", "DNSKEY")
    return reply is not None and bool(reply.answer)


@pytest.fixture(scope="module")
def unbound(knot: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Unbound that resolves example.org over that Knot, and validates."""
    command = program("unbound")
    folder, port = tmp_path_factory.mktemp("unbound"), free_port()
    keys = ask(knot, "example.org", "DNSKEY")
    assert keys is not None
    anchors = "\n    ".join(
        f'trust-anchor: "example.org. DNSKEY {rdata.to_text()}"' for rrset in keys.answer for rdata in rrset
    )
    (folder / "unbound.conf").write_text(
        f"""
server:
    interface: 127.0.0.1@{port}
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    do-not-query-localhost: no
    do-daemonize: no
    module-config: "validator iterator"
    target-fetch-policy: "0 0 0 0 0"
    {anchors}
remote-control:
    control-enable: no
stub-zone:
    name: example.org
    stub-addr: 127.0.0.1@{knot}
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{free_port()}
"""
    )
    with running(
        [command, "-d", "-c", str(folder / "unbound.conf")], folder, lambda: ask(port, "example.org", "SOA") is not None
    ):
        yield f"127.0.0.1:{port}"


@on_each_loop
async def test_a_validating_resolver_answers_and_vouches(unbound: str) -> None:
    async with LiveResolver([unbound]) as resolver:
        resolver.prefetch(txt("example.org"), txt("x.wild.example.org"))
        spf = await resolver.txt("Example.org")
        assert (spf.outcome, spf.records, spf.dnssec_validated) == (Outcome.FOUND, (b"v=spf1 mx -all",), True)
        assert 0 < spf.ttl <= 300
        found = await resolver.mx("example.org")
        assert set(found.records) == {MailExchange(10, "mail.example.org"), MailExchange(0, "")}
        assert (await resolver.addresses("alias2.example.org", 4)).records == (ip_address("192.0.2.1"),)
        assert (await resolver.addresses("alias.example.org", 6)).records == (ip_address("2001:db8::1"),)
        assert (await resolver.txt("x.wild.example.org")).records == (b"any",)


@on_each_loop
async def test_denials_of_a_real_resolver_are_told_apart(unbound: str) -> None:
    async with LiveResolver([unbound]) as resolver:
        for name, outcome in (
            ("nowhere.example.org", Outcome.NXDOMAIN),
            ("dangling.example.org", Outcome.NXDOMAIN),
            ("mail.example.org", Outcome.NODATA),
            ("alias.example.org", Outcome.NODATA),
            ("there.example.org", Outcome.NODATA),
        ):
            found = await resolver.txt(name)
            assert (found.outcome, found.dnssec_validated) == (outcome, True), name
            assert 0 < found.ttl <= 60, name
    async with LiveResolver([unbound], timeout=1) as resolver:
        names = ("loop1.example.org", "x.sub.example.org", "example.net")
        resolver.prefetch(*map(txt, names))
        for name in names:
            assert (await resolver.txt(name)).outcome is Outcome.FAILED, name


@on_each_loop
async def test_fifty_kilobytes_come_over_tcp(unbound: str) -> None:
    async with LiveResolver([unbound]) as resolver:
        assert (await resolver.txt("big.example.org")).records == (BIG,)


@on_each_loop
async def test_an_authoritative_server_answers_for_its_zone_alone(knot: int) -> None:
    async with LiveResolver([f"127.0.0.1:{knot}"]) as resolver:
        found = await resolver.txt("example.org")
        assert (found.records, found.dnssec_validated) == ((b"v=spf1 mx -all",), False)
        assert (await resolver.addresses("alias2.example.org", 4)).records == (ip_address("192.0.2.1"),)
        assert (await resolver.txt("big.example.org")).records == (BIG,)
        assert (await resolver.txt("nowhere.example.org")).outcome is Outcome.NXDOMAIN
        assert (await resolver.txt("alias.example.org")).outcome is Outcome.NODATA
        assert (await resolver.txt("loop1.example.org")).outcome is Outcome.FAILED
        assert (await resolver.txt("x.sub.example.org")).detail.endswith("a referral, not an answer")
        assert (await resolver.txt("example.net")).detail.endswith("REFUSED")
