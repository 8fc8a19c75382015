"""What Inalign tells of itself: the log, one line a message, and the counters that /metrics shows.

A log is read by programs, and its values come from outside: no value can end a line or begin another pair, in any of
the three formats. Counters are named as Prometheus writes them, labels and all; the labels come from finite lists.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

_PLAIN = re.compile(r"[\x21\x23-\x3c\x3e-\x7e]+")  # printable ASCII without blank, quote and equals sign

SYSLOG_SOCKET = "/dev/log"
_FACILITY_MAIL = 2  # of syslog(3)
_SEVERITIES = MappingProxyType({logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3})
MAX_SYSLOG_OCTETS = 8192
"""Of one datagram: what rsyslog takes by default."""


class Pairs:
    """A log message of names and values; names may be repeated, and a value of None is left out."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[tuple[str, object]]) -> None:
        self.items = [(name, value) for name, value in items if value is not None]

    def __str__(self) -> str:
        return pairs(self.items)


def pairs(items: Iterable[tuple[str, object]]) -> str:
    """`name=value` for every value that is not None; what is no plain word is quoted and escaped."""
    known = [(name, str(value)) for name, value in items if value is not None]
    words = [word for _, word in known]
    if _PLAIN.fullmatch("".join(words)) and "" not in words:  # one look at all of them
        return " ".join([f"{name}={word}" for name, word in known])
    return " ".join([f"{name}={_word(word)}" for name, word in known])


def _word(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.encode("unicode_escape").decode("ascii").replace('"', "\\x22")
    return f'"{escaped}"'


class _PlainFormatter(logging.Formatter):
    """Time, level and message, on each line of standard error."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._second = -1
        self._time = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The time of the host, down to milliseconds; written out once a second."""
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._time},{int(record.msecs):03d}"


class _OneLine(logging.Formatter):
    """Text in one line a record, a traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


_REPEATED = frozenset({"dkim", "to", "signed", "by"})
"""Names that have an array even where there is one value."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line; a name that is repeated has an array."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "pid": record.process,
        }
        if isinstance(record.msg, Pairs):
            repeated: dict[str, list[object]] = {}
            for name, value in record.msg.items:
                repeated.setdefault(name, []).append(value if isinstance(value, int | float) else str(value))
            line |= {
                name: values if len(values) > 1 or name in _REPEATED else values[0] for name, values in repeated.items()
            }
        else:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


class SyslogHandler(logging.Handler):
    """Datagrams to the syslog daemon of this host. A daemon that does not keep up costs lines, not mail."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._socket: socket.socket | None = None

    def emit(self, record: logging.LogRecord) -> None:
        priority = _FACILITY_MAIL * 8 + _SEVERITIES.get(record.levelno, 3)
        now = time.strftime("%b %e %H:%M:%S", time.localtime(record.created))
        text = f"<{priority}>{now} inalign[{record.process}]: {self.format(record)}"
        octets = text.encode("utf-8", "backslashreplace")[:MAX_SYSLOG_OCTETS]
        for _ in range(2):  # once more with a new socket: the daemon may have been started again
            try:
                self._connected().send(octets)
            except BlockingIOError:
                return
            except OSError:
                self._forget()
            else:
                return

    def close(self) -> None:
        self._forget()
        super().close()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.connect(self._path)
        return self._socket

    def _forget(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None


def configure_logging(level: str, style: str = "plain") -> None:
    """Write the log to standard error, where systemd and containers take it, or to the syslog daemon."""
    handler: logging.Handler
    if style == "syslog":
        handler = SyslogHandler(SYSLOG_SOCKET)
        handler.setFormatter(_OneLine("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter() if style == "json" else _PlainFormatter())
    root = logging.getLogger("inalign")
    for old in root.handlers:
        old.close()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False


METRICS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "inalign_messages_total": ("counter", "Messages decided, by why they were not verified (empty: they were)."),
        "inalign_origins_total": ("counter", "Messages by relays and gateways, by from where the client is known."),
        "inalign_results_total": (
            "counter",
            "Results by method and RFC 8601 word; a message may have several of DKIM.",
        ),
        "inalign_actions_total": (
            "counter",
            "What was done with messages, by which rule, and what would have been done without that rule.",
        ),
        "inalign_forged_fields_removed_total": (
            "counter",
            "Fields from outside that claimed to be ours: Authentication-Results and X-Inalign-Action.",
        ),
        "inalign_signatures_total": ("counter", "DKIM signatures made, by algorithm."),
        "inalign_unsigned_total": ("counter", "Messages of our own that were not signed, by why."),
        "inalign_keys_not_in_dns_total": ("counter", "Keys that were not used, since DNS does not have them."),
        "inalign_seals_total": ("counter", "Messages that were to be sealed with ARC, by what came of it."),
        "inalign_own_domain_total": (
            "counter",
            "Messages from outside whose author we sign for, and which did not pass DMARC.",
        ),
        "inalign_evaluations_total": (
            "counter",
            "Records of verified messages, by outcome: written, or dropped (no room, or the disk fails).",
        ),
        "inalign_message_seconds": ("histogram", "How long the MTA waited at the end of a message that was verified."),
        "inalign_dns_questions_total": ("counter", "Questions of the engines."),
        "inalign_dns_cache_hits_total": ("counter", "Questions answered out of the cache."),
        "inalign_dns_lookups_total": ("counter", "Questions asked of name servers."),
        "inalign_dns_failures_total": ("counter", "Lookups that ended without an answer."),
        "inalign_connections_total": ("counter", "Milter connections accepted."),
        "inalign_connections_refused_total": ("counter", "Milter connections closed at once: milter.max_connections."),
        "inalign_connections_silent_total": ("counter", "Milter connections closed because the peer said nothing."),
        "inalign_connections_open": ("gauge", "Milter connections now."),
        "inalign_protocol_errors_total": ("counter", "Milter connections ended because the peer broke the protocol."),
        "inalign_filter_failures_total": ("counter", "Bugs caught: the message got milter.failure_action."),
        "inalign_worker_restarts_total": ("counter", "Workers replaced after they died."),
        "inalign_workers": ("gauge", "Workers that serve now."),
        "inalign_worker_resident_bytes": ("gauge", "Resident memory of a worker, what it shares with others included."),
        "inalign_reloads_total": ("counter", "Configurations read on SIGHUP, by result."),
    }
)
"""Every metric: its type and its meaning."""

BUCKETS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Upper ends in seconds: from all answers in the cache to the budget of a message."""
_BUCKET_SAMPLES = tuple((end, f'inalign_message_seconds_bucket{{le="{end:g}"}}') for end in BUCKETS)
_ALL_BUCKETS = 'inalign_message_seconds_bucket{le="+Inf"}'


class Counters(dict[str, float]):
    """Sums by sample, such as `inalign_results_total{method="spf",result="pass"}`."""

    def add(self, sample: str, amount: float = 1) -> None:
        """Add to a counter."""
        self[sample] = self.get(sample, 0) + amount

    def add_all(self, samples: Mapping[str, float]) -> None:
        """Count what somebody else counted."""
        for sample, amount in samples.items():
            self.add(sample, amount)

    def observe_message(self, seconds: float) -> None:
        """Put a duration into the histogram of messages."""
        for end, sample in _BUCKET_SAMPLES:
            if seconds <= end:
                self.add(sample)
        self.add(_ALL_BUCKETS)
        self.add("inalign_message_seconds_count")
        self.add("inalign_message_seconds_sum", seconds)


def _place(item: tuple[str, float]) -> tuple[str, float, str]:
    """By name, buckets of a histogram by size."""
    name, _, labels = item[0].partition("{")
    return name, float(labels[4:-2]) if labels.startswith("le=") else 0.0, labels


def exposition(samples: Mapping[str, float]) -> str:
    """The text format of Prometheus, version 0.0.4: every metric of `METRICS` with its samples."""
    by_metric: dict[str, list[str]] = {name: [] for name in METRICS}
    for sample, value in sorted(samples.items(), key=_place):
        name = sample.partition("{")[0]
        if name not in by_metric:
            name = re.sub("_(bucket|sum|count)$", "", name)
        by_metric[name].append(f"{sample} {value:.15g}")
    lines = []
    for name, (kind, meaning) in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *by_metric[name]]
    return "\n".join(lines) + "\n"
