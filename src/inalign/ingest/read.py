"""One delivery, from octets to rows: unpacked, read, its carrier examined. Nothing is stored here, and nothing is lost:
what holds no report comes back with its reasons.

Runs in processes that have no store open; what comes back goes to the process that has.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from inalign.authenticity.assess import MailEvidence, ReporterClaim, claim_of
from inalign.authenticity.evidence import Trust, gather_evidence
from inalign.errors import ParseError
from inalign.mail.domain import parse_domain
from inalign.mail.fields import Message, parse_message
from inalign.reports.flaw import Flaw
from inalign.reports.read import read_pieces
from inalign.reports.report import AggregateReport, Refusal, Report, TlsReport
from inalign.resolver import Resolver
from inalign.spool.deliveries import MAX_HEAD_OCTETS, Delivery, read_provenance
from inalign.spool.provenance import Provenance
from inalign.store.load.geoip import Places
from inalign.store.load.rows import AggregateRows, ReportRows, rows_of

PIECE = 1 << 16
MAX_MAIL = 64 << 20
"""Octets of a mail whose signatures are checked; mail servers take 50 MB at most."""
MAX_RAW = 64 << 20
"""Packed octets of a delivery that are kept."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a file that holds a delivery: a file of the spool, or a piece of a file of the user's."""

    path: str
    start: int = 0
    length: int | None = None
    """None: to the end."""
    provenance: Provenance
    spooled: str = ""
    """Its name in the spool; empty for a piece of a file of the user's."""

    @property
    def label(self) -> str:
        """How logs and results name it: by its name, else by its path."""
        return self.provenance.name or self.path


@dataclass(slots=True)
class Read:
    """One report of an item."""

    rows: ReportRows
    evidence: MailEvidence | None
    claim: ReporterClaim


@dataclass(slots=True)
class ItemRead:
    """What an item held."""

    item: Item
    reads: list[Read]
    refused: tuple[Refusal, ...]
    flaws: tuple[Flaw, ...]
    digest: str
    octets: int
    is_mail: bool
    form: str
    raw: bytes
    """The octets to keep, as base64; empty where there is no report, or where they are too many."""

    def close(self) -> None:
        """Delete temporary files."""
        for read in self.reads:
            read.rows.close()


@dataclass(frozen=True, slots=True)
class Tools:
    """What reading needs beside the octets."""

    resolver: Resolver | None
    places: Places
    trust: Trust
    folder: Path
    """For files in between."""


class _Taken:
    """The octets of an item as they go by: counted, digested, and packed for keeping."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._digest = hashlib.blake2b(digest_size=16)
        self._packer = zlib.compressobj(6)
        self._packed: list[bytes] = []
        self._packed_octets = 0
        self.octets = 0
        self._mail: list[bytes] | None = []
        """The pieces, as long as they may be a mail that is small enough."""

    def pieces(self) -> Iterator[bytes]:
        """In order, once. Raises `OSError`."""
        with Path(self._item.path).open("rb") as file:
            file.seek(self._item.start)
            left = self._item.length
            while piece := file.read(PIECE if left is None else min(PIECE, left)):
                if left is not None:
                    left -= len(piece)
                self._take(piece)
                yield piece

    def _take(self, piece: bytes) -> None:
        self.octets += len(piece)
        if self._mail is not None and (self._mail or _looks_like_mail(piece)) and self.octets <= MAX_MAIL:
            self._mail.append(piece)
        else:
            self._mail = None
        self._digest.update(piece)
        if self._packed_octets <= MAX_RAW:
            packed = self._packer.compress(piece)
            self._packed_octets += len(packed)
            self._packed.append(packed)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def mail(self) -> Message | None:
        """The octets as a parsed mail; None where they do not begin as one, or are more than `MAX_MAIL`."""
        return parse_message(b"".join(self._mail)) if self._mail else None

    def raw(self) -> tuple[str, bytes]:
        """How it is kept, and its octets as base64."""
        if self._packed_octets > MAX_RAW:
            return "", b""
        return "deflate", base64.b64encode(b"".join([*self._packed, self._packer.flush()]))


async def read_item(item: Item, tools: Tools, *, now: datetime) -> ItemRead:
    """Read one item. Raises `OSError` where its octets, or files in between, cannot be had."""
    taken = _Taken(item)
    sinks: list[AggregateRows] = []

    def make_sink() -> AggregateRows:
        sinks.append(AggregateRows(tools.places, tools.folder))
        return sinks[-1]

    pieces = taken.pieces()
    found, flaws, refused = read_pieces(pieces, item.provenance.name or None, make_sink)
    for _ in pieces:  # what the reader had no need of belongs to the delivery, too
        pass
    reads = []
    evidence: dict[str, MailEvidence | None] = {}
    mail = taken.mail()
    submitter = _submitter(mail) if mail is not None else ""
    for report, sink in found:
        rows = rows_of(
            report,
            sink if isinstance(sink, AggregateRows) else AggregateRows(tools.places, tools.folder),
            places=tools.places,
            received=item.provenance.received,
        )
        kind = "tls" if report.kind == "tls" else "mail"
        if mail is not None and kind not in evidence:
            evidence[kind] = await _examine(mail, item.provenance, report, tools, now)
        reads.append(Read(rows, evidence.get(kind), claim_of(report, submitter)))
    form, raw = taken.raw() if reads else ("", b"")
    return ItemRead(item, reads, refused, flaws, taken.digest, taken.octets, mail is not None, form, raw)


def delivery_of(item: Item) -> Delivery:
    """Read the octets of an item into memory, to put them into the spool. Raises `OSError`."""
    with Path(item.path).open("rb") as file:
        file.seek(item.start)
        content = file.read() if item.length is None else file.read(item.length)
    return Delivery(content=content, provenance=item.provenance)


def _looks_like_mail(start: bytes) -> bool:
    """Whether octets begin with a header field."""
    name, colon, _ = start[:200].partition(b":")
    return bool(colon) and bool(name) and all(33 <= octet <= 126 for octet in name.rstrip(b" \t"))


def _submitter(mail: Message) -> str:
    """The value of the TLS-Report-Submitter field (RFC 8460 section 5.3)."""
    for field in mail.fields:
        if field.key == b"tls-report-submitter":
            return field.value.decode("ascii", "replace").strip()
    return ""


async def _examine(
    mail: Message, provenance: Provenance, report: Report, tools: Tools, now: datetime
) -> MailEvidence | None:
    trust = tools.trust
    if provenance.client_ip is None and not trust.authserv_ids:
        # A mail out of a file: the server of the reported domain took it in.
        domain = _domain_of(report)
        with contextlib.suppress(ParseError):
            trust = replace(trust, reported_domain=parse_domain(domain))
    return await gather_evidence(mail, provenance, report.kind, tools.resolver, now=now, trust=trust)


def _domain_of(report: Report) -> str:
    """The domain that a report is about."""
    if isinstance(report, AggregateReport):
        return report.domain
    if isinstance(report, TlsReport):
        return report.policies[0].policy_domain if report.policies else ""
    return report.reported_domain


def spooled_item(path: Path, name: str) -> Item:
    """The item of a file of the spool. Raises `OSError`, `SpoolUnavailable`."""
    with path.open("rb") as file:
        line = file.readline(MAX_HEAD_OCTETS)
        size = os.fstat(file.fileno()).st_size
    return Item(
        path=str(path), start=len(line), length=size - len(line), provenance=read_provenance(line), spooled=name
    )
