"""The milter in front of a real Unbound that stops, hangs and comes back while mail is coming in."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from tests.nameserver import NameServer
from tests.process.milter_service import OUTSIDE, Service
from tests.programs import Program, free_port, wait_until
from tests.scenarios.site import PASS, commands, fresh, words_of
from tests.senders import TEXT, records

DOMAINS = [f"d{number}.example" for number in range(8)]
"""Senders, each new to all caches until its first message."""
TEMPERROR = dict.fromkeys(PASS, "temperror")


def zone() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for domain in DOMAINS:
        own = {name: entry for name, entry in records().items() if name.endswith("example.org")}
        found |= {name.replace("example.org", domain): entry for name, entry in own.items()}
    return found


class Unbound:
    """Resolves everything by asking one name server, and keeps its port when it is started again."""

    def __init__(self, folder: Path, upstream: int) -> None:
        command = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if command is None:
            pytest.skip("unbound is not installed")
        self.port = free_port()
        self._log = folder / "unbound.log"
        config = folder / "unbound.conf"
        config.write_text(
            f"""
server:
    interface: 127.0.0.1@{self.port}
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    do-not-query-localhost: no
    do-daemonize: no
    num-threads: 1
    module-config: "iterator"
    qname-minimisation: no
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{upstream}
"""
        )
        self._words = [command, "-d", "-c", str(config)]
        self.start()

    def start(self) -> None:
        self.program = Program(self._words, self._log)
        self.program.wait_ready(self._answers)

    def stop(self) -> None:
        self.program.stop()

    def _answers(self) -> bool:
        query = dns.message.make_query("example.", "SOA")
        try:
            dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.5)
        except (OSError, dns.exception.DNSException):
            return False
        return True


@pytest.fixture(scope="module")
def unbound() -> Iterator[Unbound]:
    with tempfile.TemporaryDirectory() as folder, NameServer(zone()) as upstream:
        started = Unbound(Path(folder), upstream.port)
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture(scope="module")
def service(unbound: Unbound, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("milter"), dns_port=unbound.port, milter="iprev = false") as service:
        yield service


def deliver(service: Service, domain: str) -> dict[str, str]:
    """The words for a message of the domain, on a connection of its own."""
    with service.peer(OUTSIDE) as peer:
        octets = fresh(TEXT.replace("example.org", domain), domain)
        return words_of(peer.greet().deliver(b"".join(commands(octets, f"alice@{domain}"))))


def passes(service: Service, domain: str) -> None:
    """Until it does: a failure is known for a second (RFC 9520 section 3.2)."""
    wait_until(lambda: deliver(service, domain) == PASS, f"{domain} passes", 5.0)


def test_resolver_that_is_stopped_and_started_again(unbound: Unbound, service: Service) -> None:
    """What is known goes on to pass, what is not is temperror, and both pass as soon as it is back."""
    for _ in range(6):  # so that every worker knows the first domain
        assert deliver(service, DOMAINS[0]) == PASS
    unbound.stop()
    try:
        for domain in DOMAINS[1:4]:
            assert deliver(service, domain) == TEMPERROR
        assert PASS in [deliver(service, DOMAINS[0]) for _ in range(6)]
    finally:
        unbound.start()
    assert deliver(service, DOMAINS[4]) == PASS
    for domain in DOMAINS[1:4]:
        passes(service, domain)


def test_resolver_that_hangs_and_goes_on(unbound: Unbound, service: Service) -> None:
    assert deliver(service, DOMAINS[5]) == PASS
    unbound.program.signal(signal.SIGSTOP)
    try:
        assert deliver(service, DOMAINS[6]) == TEMPERROR
    finally:
        unbound.program.signal(signal.SIGCONT)
    assert deliver(service, DOMAINS[7]) == PASS
    passes(service, DOMAINS[6])
