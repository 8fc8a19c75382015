"""Any octets -> the reports in them, what was mended, and what was refused with the reason. Nothing is raised.

What something is, its octets say: labels and names of mails and archives are hints for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from email.utils import parseaddr

from inalign.reports.aggregate.read import AggregateReader
from inalign.reports.containers.chunks import Chunks, Meter, RefusedError
from inalign.reports.containers.mime import MimePart
from inalign.reports.containers.walk import Payload, payloads
from inalign.reports.failure.plain import read_plain_failure
from inalign.reports.failure.read import read_feedback
from inalign.reports.flaw import Flaw, RefusalCode
from inalign.reports.limits import CONTAINER_LIMITS, ContainerLimits
from inalign.reports.report import AggregateRecord, ReadOutcome, Refusal, Report
from inalign.reports.tls.read import read_tls_reports

Sink = Callable[[Sequence[AggregateRecord]], None]
MakeSink = Callable[[], Sink]
Found = tuple[Report, Sink | None]
"""A report, and the sink that its records went to."""

# In an archive, of its top folder alone: office documents are archives of XML files, too.
_REPORT_NAME = re.compile(r"[^/\[][^/]*\.(?:xml|json|gz|zip|tgz|tar)", re.IGNORECASE)
_NONE = Refusal(RefusalCode.NO_REPORT.value, "no report is in it")


def read_reports(data: bytes, name: str | None = None) -> ReadOutcome:
    """Read everything that is in some octets: a report, or a mail, an archive, any nesting of them.

    `name` is that of the file, for messages. Never raises; `reports` and `refused` are never both empty.
    """
    found, flaws, refused = read_pieces([data], name)
    return ReadOutcome(tuple(report for report, _ in found), flaws, refused)


def read_pieces(
    pieces: Iterable[bytes],
    name: str | None = None,
    make_sink: MakeSink | None = None,
    limits: ContainerLimits = CONTAINER_LIMITS,
) -> tuple[list[Found], tuple[Flaw, ...], tuple[Refusal, ...]]:
    """The same for octets in pieces, with flat memory: the records of each aggregate report go to a sink of its own.

    What the pieces raise is passed on.
    """
    meter = Meter(limits)
    reader = _PayloadReader(make_sink, limits)
    try:
        for item in payloads(iter(pieces), name or "", meter):
            if isinstance(item, Refusal):
                reader.refuse(item)
            else:
                reader.read(item)
    except OSError:
        raise
    except Exception as problem:  # noqa: BLE001 - a bug of ours costs what is left of one input, and says so
        reader.refuse(Refusal(RefusalCode.INTERNAL.value, f"{name or ''}: {problem!r}"[:200]))
    return reader.found, tuple(meter.flaws), reader.told(name or "it")


class _PayloadReader:
    """Reads one payload after the other."""

    def __init__(self, make_sink: MakeSink | None, limits: ContainerLimits) -> None:
        self._make_sink = make_sink
        self._limits = limits
        self.found: list[Found] = []
        self._refused: list[Refusal] = []
        self._nothing: Refusal | None = None

    def refuse(self, refusal: Refusal, name: str = "") -> None:
        """Note a refusal, the same one once. What is no report, and is not called one, counts only where nothing else
        can be told: mails have texts and pictures beside their reports."""
        if refusal.code == RefusalCode.NO_REPORT.value and not _REPORT_NAME.fullmatch(name):
            self._nothing = refusal
        elif refusal not in self._refused and len(self._refused) < self._limits.outcomes:
            self._refused.append(refusal)

    def told(self, name: str) -> tuple[Refusal, ...]:
        """What was refused, and at least one thing where nothing was read."""
        if self._refused or self.found:
            return tuple(self._refused)
        return (self._nothing or Refusal(RefusalCode.NO_REPORT.value, f"{name}: no report is in it"[:200]),)

    def read(self, payload: Payload) -> None:
        """Read a payload; what is wrong with it costs nothing else."""
        try:
            refusal = self._read(payload)
        except RefusedError as refused:
            refusal = refused.refusal
        except OSError:
            raise
        except Exception as problem:  # noqa: BLE001 - a bug of ours costs one item, and says so
            refusal = Refusal(RefusalCode.INTERNAL.value, repr(problem))
        if refusal is not None:
            name = f"{payload.name}: " if payload.name and payload.name not in refusal.detail else ""
            self.refuse(Refusal(refusal.code, (name + refusal.detail)[:200]), payload.name)

    def _read(self, payload: Payload) -> Refusal | None:
        match payload.kind:
            case "xml":
                return self._xml(payload)
            case "json":
                return self._json(payload)
            case "feedback":
                return self._feedback(payload)
            case "words":
                return self._words(payload)
        return _NONE

    def _xml(self, payload: Payload) -> Refusal | None:
        sink = self._make_sink() if self._make_sink is not None else None
        reader = AggregateReader(sink=sink)
        for piece in payload.pieces:
            reader.feed(piece)
        report = reader.close()
        if isinstance(report, Refusal):
            return report
        self.found.append((report, sink))
        return None

    def _json(self, payload: Payload) -> Refusal | None:
        data = Chunks(payload.pieces).everything(self._limits.document_bytes, "a TLS report")
        reports = read_tls_reports(data)
        if isinstance(reports, Refusal):
            return reports
        if reports is None:
            return _NONE
        self.found += [(report, None) for report in reports]
        return None

    def _feedback(self, payload: Payload) -> Refusal | None:
        """A report in the form of RFC 5965 section 2: its second part says what it is."""
        data = Chunks(payload.pieces).everything(self._limits.document_bytes, "a feedback report")
        mail = payload.mail
        subject = mail.value("subject") if mail else ""
        report = read_feedback(
            data, payload.sample, reporter=_address(mail), text=_text(payload.text), received_subject=subject
        )
        if isinstance(report, Refusal):
            return report
        self.found.append((report, None))
        return None

    def _words(self, payload: Payload) -> Refusal | None:
        report = read_plain_failure(
            _text(b"\n".join(payload.pieces)), reporter=_address(payload.mail), sample=payload.sample
        )
        if report is None:
            subject = payload.mail.value("subject")[:100] if payload.mail else ""
            return Refusal(RefusalCode.NO_REPORT.value, f"a mail ({subject}) without a report")
        self.found.append((report, None))
        return None


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _address(mail: MimePart | None) -> str:
    """The address of the From field."""
    return parseaddr(mail.value("from"))[1][:320] if mail is not None else ""
