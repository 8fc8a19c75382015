"""An aggregate report (RFC 9990, RFC 7489) as octets in portions -> `AggregateReport`, or why not.

Any octets are taken; nothing is raised. Records go to a sink in batches as they are met, so memory stays flat.
Records whose shape (all but the values) was met before are read without looking at their tags again: the values are
put where the careful reading of that shape found them, so both ways give the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from inalign.reports.aggregate.elements import BLANKS, Element
from inalign.reports.aggregate.head import policy, read_head, span
from inalign.reports.aggregate.layout import RecordLayout, plan
from inalign.reports.aggregate.record import build
from inalign.reports.aggregate.scan import Scanner, XmlRefusedError
from inalign.reports.aggregate.schema import NAMESPACE, ONLY_9990
from inalign.reports.flaw import FlawCode, Flaws, RefusalCode
from inalign.reports.limits import XML_LIMITS, XmlLimits
from inalign.reports.report import AggregateRecord, AggregateReport, Refusal
from inalign.reports.text import Decoder

Sink = Callable[[Sequence[AggregateRecord]], None]

_END = "</record>"
_VALUE = re.compile(r">([^<>&\x00-\x20\x7f][^<>&\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*)</")
_MAX_SHAPE = 4096  # characters; a record with ten signatures has some 2,000 without its values
_MAX_PIECE = 16_384


class AggregateReader:
    """Reads one report. Without a sink its records are in the report; with one, a `Refusal` undoes what it got."""

    def __init__(self, limits: XmlLimits = XML_LIMITS, *, sink: Sink | None = None, batch: int = 1000) -> None:
        self._limits, self._sink, self._size = limits, sink, batch
        self._flaws = Flaws()
        self._decoder = Decoder(self._flaws)
        self._scanner = Scanner(limits, self._flaws, self._record)
        self._records: list[AggregateRecord] = []
        self._count = self._messages = self._octets = 0
        self._refusal: Refusal | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next octets."""
        self._octets += len(chunk)
        if self._refusal is None and self._octets > self._limits.octets:
            self._refusal = Refusal(RefusalCode.TOO_LARGE.value, f"more than {self._limits.octets} octets")
        if self._refusal is None:
            try:
                for text in self._decoder.feed(chunk):
                    self._text(text)
            except XmlRefusedError as refused:
                self._refusal = Refusal(refused.code.value, refused.detail)

    def close(self) -> AggregateReport | Refusal:
        """The octets have ended."""
        try:
            if self._refusal is None:
                for text in self._decoder.close():
                    self._text(text)
                self._scanner.close()
                return self._report()
        except XmlRefusedError as refused:
            self._refusal = Refusal(refused.code.value, refused.detail)
        return self._refusal

    def _text(self, text: str) -> None:
        """Give whole records of a known shape to `build`, all else to the scanner."""
        scanner = self._scanner
        pieces = text.split(_END)
        rest = pieces.pop()
        for piece in pieces:
            if len(piece) <= _MAX_PIECE and scanner.between_records and self._swift(piece):
                continue
            scanner.scan(piece + _END)
        if rest:
            scanner.scan(rest)

    def _swift(self, piece: str) -> bool:
        parts = _VALUE.split(piece)
        shape = "\0".join(parts[::2])
        if len(shape) > _MAX_SHAPE or "\0" in piece:
            return False
        planned = _plan_of(shape, self._limits)
        values = [value.strip(BLANKS) for value in parts[1::2]]
        if planned is None or "" in values:
            return False
        self._build(planned, values)
        return True

    def _record(self, element: Element) -> None:
        self._build(*plan(element, self._limits.extensions))

    def _build(self, planned: RecordLayout, values: Sequence[str]) -> None:
        records = build(planned, values, self._tell)
        self._records += records
        self._count += len(records)
        for record in records:
            self._messages += record.count
        if self._count > self._limits.records:
            raise XmlRefusedError(RefusalCode.TOO_MANY, f"more than {self._limits.records} records")
        if self._sink is not None and len(self._records) >= self._size:
            batch, self._records = self._records, []
            self._sink(batch)

    def _tell(self, code: FlawCode, detail: str) -> None:
        self._flaws.tell(code, f"record {self._count + 1}: {detail}")

    def _report(self) -> AggregateReport | Refusal:
        feedback, flaws = self._scanner.elements.feedback, self._flaws
        if feedback is None:
            return Refusal(RefusalCode.NO_REPORT.value, "no element of an aggregate report is in it")
        head = read_head(feedback, flaws, self._limits.extensions)
        if head.empty and not self._count:
            return Refusal(RefusalCode.MALFORMED.value, "neither metadata nor a policy nor a record is in it")
        published = policy(head, flaws)
        begin, end = span(head, flaws)
        if self._sink is not None and self._records:
            batch, self._records = self._records, []
            self._sink(batch)
        value = head.values.get
        return AggregateReport(
            org_name=value("org_name", ""), email=value("email", ""),
            extra_contact_info=value("extra_contact_info", ""), report_id=value("report_id", ""),
            domain=published.domain, begin=begin, end=end, policy=published, records=tuple(self._records),
            flaws=flaws.told(), version=value("version", ""), generator=value("generator", ""),
            namespace=feedback.space, rfc9990=feedback.space == NAMESPACE or not ONLY_9990.isdisjoint(head.values),
            errors=tuple(head.errors), extensions=tuple(head.extensions), record_count=self._count,
            messages=self._messages,
        )  # fmt: skip


def read_aggregate(data: bytes, limits: XmlLimits = XML_LIMITS) -> AggregateReport | Refusal:
    """Read a whole report."""
    reader = AggregateReader(limits)
    reader.feed(data)
    return reader.close()


@lru_cache(maxsize=512)
def _plan_of(shape: str, limits: XmlLimits) -> RecordLayout | None:
    """Where the values stand in a record of this shape; None: not to be known from the record alone.

    The shape is the record without its closing tag, its values and the `>` and `</` around them, joined by zeros.
    """
    if ":" in shape or "xmlns" in shape:
        return None  # a namespace could be declared above
    parts = shape.split("\0")
    marks = [f"\u00b6{number}\u00b6" for number in range(len(parts) - 1)]
    text = parts[0] + "".join(f">{mark}</{part}" for mark, part in zip(marks, parts[1:], strict=True))
    flaws = Flaws()
    found: list[tuple[RecordLayout, list[str]]] = []
    scanner = Scanner(limits, flaws, lambda element: found.append(plan(element, limits.extensions)))
    try:
        scanner.scan("<feedback>")
        scanner.scan(text + _END)
    except XmlRefusedError:
        return None
    if flaws or len(found) != 1 or not scanner.between_records:
        return None
    planned, values = found[0]
    # What is kept of the root (its text, its other children) must be nothing.
    root = scanner.elements.feedback
    if values != marks or planned.extensions or root is None or root.children or root.value:
        return None
    return planned
