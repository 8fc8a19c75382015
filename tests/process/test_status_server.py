"""What the service tells of itself: /metrics, /health, and the log in its three formats."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inalign.telemetry import METRICS, Counters, JsonFormatter, Pairs, SyslogHandler, configure_logging, exposition
from tests.milter import mta
from tests.nameserver import NameServer, Zone
from tests.process.milter_service import OUTSIDE, Service, kill
from tests.process.test_scenario_reload import FORGED
from tests.process.test_scenario_workers import delivers
from tests.programs import wait_until

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? [0-9.e+-]+')
ZONE: Zone = {
    "example.org": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]},
    "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
    "client.example": {"error": "servfail"},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with NameServer(ZONE) as server:
        port = int(server.address.rpartition(":")[2])
        with Service(tmp_path, dns_port=port, milter="helo_result = true") as started:
            yield started


def test_messages_are_counted_by_result(service: Service) -> None:
    with service.peer(OUTSIDE) as peer:
        peer.greet().deliver()
        peer.deliver()
    with service.peer() as peer:
        peer.greet().deliver()
    service.wait_for_metric('inalign_messages_total{skipped=""}', 2)
    service.wait_for_metric('inalign_messages_total{skipped="local_network"}', 1)
    metrics = service.metrics()
    assert metrics['inalign_results_total{method="spf",result="pass"}'] == 2
    assert metrics['inalign_results_total{method="dkim",result="none"}'] == 2
    assert metrics['inalign_results_total{method="arc",result="none"}'] == 2
    assert metrics['inalign_results_total{method="dmarc",result="pass"}'] == 2
    assert metrics['inalign_actions_total{action="accept",rule="dmarc_pass",would=""}'] == 2
    assert metrics['inalign_actions_total{action="accept",rule="skipped",would=""}'] == 1
    assert metrics["inalign_message_seconds_count"] == 2
    assert metrics['inalign_message_seconds_bucket{le="+Inf"}'] == 2
    assert metrics['inalign_message_seconds_bucket{le="30"}'] == 2
    assert metrics["inalign_connections_total"] == 2
    assert metrics["inalign_dns_questions_total"] > metrics["inalign_dns_cache_hits_total"] > 0
    assert metrics["inalign_dns_lookups_total"] > 0
    assert metrics["inalign_dns_failures_total"] >= 1  # the HELO name
    assert metrics["inalign_workers"] == 2
    assert metrics['inalign_worker_resident_bytes{worker="1"}'] > 1_000_000


def test_forged_fields_and_protocol_errors_are_counted(service: Service) -> None:
    with service.peer(OUTSIDE) as peer:
        peer.greet().deliver(FORGED.replace(b"other.example.net", b"mx.example.net\0\0\0"[:14] + b"   "))
    with service.peer() as peer:
        peer.greet().send(mta.frame("?"))
        assert peer.is_closed()
    service.wait_for_metric("inalign_protocol_errors_total", 1)


def test_what_a_worker_counted_stays_when_it_dies(service: Service) -> None:
    for _ in range(8):
        assert delivers(service)
    service.wait_for_metric("inalign_connections_total", 8)
    for worker in service.workers():
        kill(worker)
    service.wait_for_metric("inalign_worker_restarts_total", 2)
    assert service.metrics()["inalign_connections_total"] >= 8


def test_metrics_are_in_the_text_format(service: Service) -> None:
    assert delivers(service)
    status, text = service.get("/metrics")
    assert status == 200
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")] == list(METRICS)


def test_health_says_how_many_serve(service: Service) -> None:
    assert service.get("/health") == (200, '{"status": "ok", "workers": 2, "workers_wanted": 2}\n')


def test_other_paths_and_methods_are_refused(service: Service) -> None:
    assert service.get("/nothing")[0] == 404
    with socket.create_connection(("127.0.0.1", service.monitor_port), timeout=5) as client:
        client.sendall(b"POST /metrics HTTP/1.1\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.0 405 ")


def test_slow_and_noisy_monitors_do_not_hold_up_the_supervisor(service: Service) -> None:
    with ExitStack() as stack:
        where = ("127.0.0.1", service.monitor_port)
        noisy, *_ = [stack.enter_context(socket.create_connection(where, timeout=5)) for _ in range(30)]
        noisy.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 9000)
        with contextlib.suppress(ConnectionResetError):
            assert noisy.recv(100) == b""
        kill(service.workers()[0])
        wait_until(lambda: len(service.workers()) == 2, "the next worker", 2.0)
    wait_until(lambda: service.health()["status"] == "ok", "the monitor", 7.0)


def test_histogram_counts_from_the_smallest_bucket_that_fits() -> None:
    counters = Counters()
    counters.observe_message(0.02)
    counters.observe_message(99)
    text = exposition(counters)
    assert 'inalign_message_seconds_bucket{le="0.01"}' not in text
    lines = [line for line in text.splitlines() if line.startswith("inalign_message_seconds_bucket")]
    assert lines[0] == 'inalign_message_seconds_bucket{le="0.03"} 1'
    assert lines[-1] == 'inalign_message_seconds_bucket{le="+Inf"} 2'
    assert [line.rpartition(" ")[2] for line in lines] == ["1"] * 7 + ["2"]


# The log


def test_json_log_has_one_object_a_line(tmp_path: Path) -> None:
    with Service(tmp_path, log="format = 'json'", milter="trusted_relays = []") as service:
        assert delivers(service)
        service.wait_for_log('"client"')
    lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    line = next(line for line in lines if "client" in line)
    assert line["client"] == "127.0.0.1"
    assert line["skipped"] == "local_network"
    assert isinstance(line["ms"], float)
    assert line["level"] == "info"
    assert time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S")


def record(message: object, *, error: bool = False) -> logging.LogRecord:
    trace = None
    if error:
        try:
            raise ValueError("a\nb")
        except ValueError:
            trace = sys.exc_info()
    return logging.LogRecord("inalign", logging.INFO, "x", 1, message, None, trace)


def test_json_keeps_repeated_names_as_an_array() -> None:
    line = json.loads(
        JsonFormatter().format(record(Pairs([("dkim", "pass"), ("dkim", "fail"), ("a", 1), ("b", None)])))
    )
    assert line["dkim"] == ["pass", "fail"]
    assert line["a"] == 1
    assert "b" not in line
    assert json.loads(JsonFormatter().format(record(Pairs([("dkim", "none")]))))["dkim"] == ["none"]


def test_traceback_is_in_the_json_object() -> None:
    text = JsonFormatter().format(record("failed", error=True))
    assert "\n" not in text
    assert "ValueError" in json.loads(text)["trace"]


def test_syslog_daemon_gets_one_line_a_datagram_and_may_be_started_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    handler = SyslogHandler(str(path))
    handler.handle(record("lost: nobody listens"))
    for _ in range(2):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            daemon.settimeout(5)
            handler.handle(record("id=1"))
            assert re.fullmatch(rb"<22>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d inalign\[\d+\]: id=1", daemon.recv(9000))
        path.unlink()
    handler.close()


def test_syslog_daemon_that_does_not_keep_up_costs_lines_and_no_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(path))
        handler = SyslogHandler(str(path))
        begun = time.monotonic()
        for _ in range(2000):
            handler.handle(record("x" * 1000))
        assert time.monotonic() - begun < 2.0
        handler.close()


def test_a_line_break_from_outside_does_not_make_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    monkeypatch.setattr("inalign.telemetry.SYSLOG_SOCKET", str(path))
    log = logging.getLogger("inalign")
    before = log.handlers[:], log.level, log.propagate
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(path))
        daemon.settimeout(5)
        configure_logging("info", "syslog")
        try:
            log.warning("a\nb")
            assert daemon.recv(1000).endswith(b": a\\nb")
        finally:
            log.handlers[0].close()
            log.handlers[:], log.level, log.propagate = before
