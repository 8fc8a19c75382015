"""What is kept of a message that the milter judged: identifiers, results with reasons, policy, decision, timings.

No content, no recipient, no local part of an address. One JSON object a line; fields may be added, with a default, and
are never renamed: lines of an older version wait in the spool when a newer one starts.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

MAX_HELO = 255
"""Characters; RFC 5321 section 4.5.3.1.2 allows a domain so many, and what is longer names nobody."""
MAX_RECORD = 4096
"""Characters of a DMARC record; longer ones hold nothing but more report addresses."""
MAX_AUTHORS = 100
"""Author domains of a message. Behind them stands an empty name where there are more: it is in no operator's list."""
MAX_NAMES = 32
"""Names asked for DMARC records; one author domain takes at most eight, each further identifier some more."""


class SpfCheck(Struct, frozen=True, gc=False):
    """An SPF result; words of `spf.result`."""

    scope: str
    result: str
    reason: str
    domain: str = ""
    """Empty where the identity is no domain name."""


class DkimCheck(Struct, frozen=True, gc=False):
    """The result of one signature; words of `dkim.result`."""

    result: str
    reason: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""


class ArcSetRecord(Struct, frozen=True, gc=False):
    """One set of a valid ARC chain."""

    sealer: str
    vouches: bool = False
    """Whether it says that the author is authentic; found out only where DMARC fails, and told of one author alone."""


class DecisionStep(Struct, frozen=True, gc=False):
    """What would have been done without the rule before it."""

    action: str
    rule: str


class EvaluationRecord(Struct, frozen=True, gc=False, omit_defaults=True):
    """One message; its names are those of the table, and of report records. Empty text: none, or not known."""

    seen_at: datetime
    """When MAIL came; aware, UTC."""
    host: str
    queue_id: str = ""
    source_ip: str = ""
    origin: str = ""
    """How the client is known behind a relay or a gateway; words of `flow.origin.Source`."""
    iprev: str = ""
    ptr: str = ""
    """The reverse name that leads back to the client, else the first that there is."""
    helo: str = ""
    envelope_from: str = ""
    """The domain of MAIL FROM; empty for the null reverse-path, too."""
    envelope_to: tuple[str, ...] = ()
    """Only where the operator wants them (`envelope_to` of RFC 9990 section 3.1.1.10)."""
    author_domains: tuple[str, ...] = ()
    from_fields: int = 0
    is_list: bool = False
    can_hold: bool = False
    """Whether the MTA offers its queue."""
    spf: tuple[SpfCheck, ...] = ()
    """That which DMARC uses first; behind it the one for HELO, where it was checked besides."""
    dkim: tuple[DkimCheck, ...] = ()
    """In the order of the header; without those that were too many to be checked."""
    signatures: int = 0
    arc: str = ""
    arc_reason: str = ""
    arc_sets: tuple[ArcSetRecord, ...] = ()
    """Oldest first; only of a chain that passes."""
    dmarc: str = ""
    dmarc_reason: str = ""
    header_from: str = ""
    """The author domain whose policy it is."""
    organizational_domain: str = ""
    policy_domain: str = ""
    policy: str = ""
    """What the record asks of this author domain, p, sp or np chosen, before `t`."""
    applied_policy: str = ""
    """After `t=y` (RFC 9989 section 4.7)."""
    is_testing: bool = False
    policy_record: str = ""
    """The record in force, from which all its tags can be read again."""
    discovery: tuple[str, ...] = ()
    """The names asked by the tree walk, in order."""
    spf_aligned: bool = False
    dkim_aligned: bool = False
    disposition: str = ""
    """What RFC 9989 alone would do."""
    changed_in_transit: bool = False
    action: str = ""
    rule: str = ""
    instead_of: tuple[DecisionStep, ...] = ()
    """What was decided before milder rules came in, the last one first."""
    is_sealed: bool = False
    forged_fields: int = 0
    octets: int = 0
    """Of header and body."""
    total_us: int = 0
    """Microseconds from MAIL to the decision, what the client took to send included."""
    held_us: int = 0
    """How long the MTA waited at the end; beyond a millisecond nearly all of it is waiting for DNS."""
    id: str = ""
    """Where the line stood in the spool: the same whenever it is taken. Not in the line itself."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(EvaluationRecord)


def encode(evaluation: EvaluationRecord) -> bytes:
    """A line, with its end."""
    try:
        return _ENCODER.encode(evaluation) + b"\n"
    except UnicodeEncodeError:  # octets that are no UTF-8, as a HELO or a DNS record may have them
        return _ENCODER.encode(_printable(msgspec.to_builtins(evaluation))) + b"\n"


def decode(line: bytes) -> EvaluationRecord:
    """Raises `msgspec.DecodeError` for what is no line of `encode`."""
    try:
        return _DECODER.decode(line)
    except UnicodeDecodeError as problem:
        raise msgspec.DecodeError(str(problem)) from None


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value
