"""SIGHUP changes the configuration whole or not at all; SIGTERM and SIGINT finish what is under way."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.milter import mta
from tests.process.milter_service import Service
from tests.process.test_scenario_workers import HALF, REST, delivers
from tests.programs import free_port, wait_until

FORGED = (
    mta.mail()
    + mta.recipient()
    + mta.header(b"From", b" alice@example.org")
    + mta.header(b"Authentication-Results", b" other.example.net; spf=pass")
    + mta.end_of_header()
    + mta.end_of_message()
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, milter="trusted_relays = []") as started:
        yield started


def test_sighup_brings_the_new_configuration_and_new_workers(service: Service) -> None:
    with service.peer() as peer:
        assert len(peer.greet().deliver(FORGED)) == 1
    before = set(service.workers())
    text = (
        service.config.read_text().replace("mx.example.net", "other.example.net").replace("workers = 2", "workers = 3")
    )
    service.config.write_text(text)
    service.signal(signal.SIGHUP)
    service.wait_for_log("the new configuration is in force")
    wait_until(lambda: not before & set(service.workers()), "the end of the old workers", 3.0)
    assert len(service.workers()) == 3
    with service.peer() as peer:
        assert len(peer.greet().deliver(FORGED)) == 2  # the field is removed now
    assert service.metrics()['inalign_reloads_total{result="done"}'] == 1


def test_message_under_way_is_finished_by_the_old_worker(service: Service) -> None:
    with service.peer() as peer:
        peer.greet().send(HALF)
        service.signal(signal.SIGHUP)
        service.wait_for_log("the new configuration is in force")
        assert delivers(service)
        assert peer.deliver(REST)[-1][0] == "a"
    wait_until(lambda: len(service.workers()) == 2, "the end of the old workers", 3.0)


def test_no_connection_is_lost_by_a_reload(service: Service) -> None:
    for number in range(100):
        if number % 25 == 0:
            service.signal(signal.SIGHUP)
        assert delivers(service)
    service.wait_for_log("the new configuration is in force")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"milter": "lisen = []"}, "inalign.toml:7: milter.lisen: no such setting"),
        ({"listen": "inet:nowhere"}, "inalign.toml:4: milter.listen: 'inet:nowhere' names no host and port"),
        ({"dns_port": 99999}, "inalign.toml:10: dns.servers: "),
        ({"listen": "inet:192.0.2.1:8899"}, "this host has no such address"),
        ({"milter": "socket_group = 'nosuchgroup'"}, "inalign.toml:7: milter.socket_group: there is no group"),
    ],
)
def test_bad_configuration_keeps_the_old_one_and_says_where(
    service: Service, change: dict[str, object], words: str
) -> None:
    workers = service.workers()
    service.configure(**change)
    service.signal(signal.SIGHUP)
    service.wait_for_log("the new configuration is not used, the old one stays in force")
    assert words in service.log()
    assert service.workers() == workers
    assert delivers(service)
    assert service.metrics()['inalign_reloads_total{result="refused"}'] == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[web]\nlisten = '8897'\n", "web.listen: '8897' is not an address to listen on"),
        ("[web]\ntime_zone = 'Mars/Olympus'\n", "web.time_zone: 'Mars/Olympus' is not a time zone"),
        ("[insight]\nmaps = ['nope.toml']\n", "insight.maps: "),
        ("[insight]\ndnsbl = ['NOT A NAME']\n", "insight.dnsbl: 'NOT A NAME' is not a domain name"),
        ("[intake.push]\nlisten = 'inet:127.0.0.1:0'\n", "intake.push.listen: intake.push.tokens is empty"),
    ],
)
def test_a_reload_refuses_what_a_start_refuses(service: Service, table: str, words: str) -> None:
    service.config.write_text(f"{service.config.read_text()}\n{table}")
    service.signal(signal.SIGHUP)
    service.wait_for_log(words)
    assert delivers(service)


def test_new_user_needs_a_restart(service: Service) -> None:
    service.config.write_text('user = "nobody"\n' + service.config.read_text())
    service.signal(signal.SIGHUP)
    service.wait_for_log("inalign.toml:1: user: a change of user or group needs a restart")
    assert delivers(service)


def test_new_address_is_bound_and_the_old_one_left(service: Service) -> None:
    old, port = service.address, free_port()
    service.configure(listen=f"inet:127.0.0.1:{port}")
    service.signal(signal.SIGHUP)
    service.wait_for_log("the new configuration is in force")
    service.address = f"inet:127.0.0.1:{port}"
    assert delivers(service)
    service.address = old
    wait_until(lambda: not delivers(service), "the end of the old address", 3.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_message_under_way_is_finished_before_the_end(service: Service, number: signal.Signals) -> None:
    with service.peer() as peer:
        peer.greet().send(HALF)
        assert delivers(service)  # so that the first is accepted for sure
        service.signal(number)
        wait_until(lambda: not delivers(service), "the end of accepting", 2.0)
        assert service.health()["status"] == "stopping"
        assert peer.deliver(REST)[-1][0] == "a"
    assert service.program.ended(3.0)
    assert service.program.process.returncode == 0


def test_draining_ends_within_its_time(tmp_path: Path) -> None:
    with Service(tmp_path, drain_seconds=0.5) as service, service.peer() as peer:
        peer.greet().send(HALF)
        assert delivers(service)
        begun = time.monotonic()
        service.signal(signal.SIGTERM)
        assert peer.is_closed()
        assert service.program.ended(3.0)
        assert time.monotonic() - begun > 0.4
        assert "1 milter connections were cut off after 0.5 s" in service.log()


def test_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    with Service(tmp_path, drain_seconds=60) as service, service.peer() as peer:
        peer.greet().send(HALF)
        assert delivers(service)
        service.signal(signal.SIGTERM)
        service.wait_for_log("stopping")
        service.signal(signal.SIGTERM)
        assert service.program.ended(3.0)
        assert service.program.process.returncode == 0
