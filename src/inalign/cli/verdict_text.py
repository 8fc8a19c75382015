"""The verdict on one message as a picture in words: what was asked, what each method found, what decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from inalign.arc.result import ArcResult, ArcStatus
from inalign.dkim.result import DkimResult
from inalign.dmarc.result import DmarcResult, DmarcStatus
from inalign.flow.verdict import Envelope, Verdict
from inalign.resolver import Outcome
from inalign.resolver.recorder import RecordedExchange
from inalign.spf.result import SpfResult, SpfScope

MAX_ANSWER_SHOWN = 96  # characters of an answer; a key record is long and says little to the eye

_OUTCOMES = {
    Outcome.NODATA: "no such record",
    Outcome.NXDOMAIN: "no such name",
    Outcome.FAILED: "no answer",
}


def verdict_text(file: str, envelope: Envelope, verdict: Verdict, exchanges: Sequence[RecordedExchange]) -> str:
    """Several lines, the summary first and last what was asked of DNS."""
    return "\n".join(_safe(line) for line in _lines(file, envelope, verdict, exchanges))


def _lines(file: str, envelope: Envelope, verdict: Verdict, exchanges: Sequence[RecordedExchange]) -> Iterator[str]:
    dmarc = verdict.dmarc
    yield f"{file}: dmarc={dmarc.result} for {dmarc.author_domain or 'no author domain'}"
    yield ""
    yield from _spf("SPF", verdict.spf, envelope)
    if verdict.spf_helo is not None and verdict.spf.scope is not SpfScope.HELO:
        yield from _spf("SPF of HELO", verdict.spf_helo, envelope)
    yield from _dkim(verdict.dkim)
    yield from _arc(verdict.arc)
    yield from _dmarc(dmarc)
    yield ""
    yield "DNS"
    yield from _dns(exchanges)
    yield ""
    yield f"Authentication-Results: {verdict.authentication_results}"
    yield ""


def _spf(title: str, spf: SpfResult, envelope: Envelope) -> Iterator[str]:
    yield f"{title:<12} {spf.result}  ({spf.reason})  domain {spf.domain or '-'}, client {envelope.client_ip or '-'}"
    if spf.record is not None:
        yield f"             record   {spf.record}"
    if spf.matched is not None:
        yield f"             matched  {spf.matched}"
    for lookup in spf.trace:
        void = " (void)" if lookup.is_void else ""
        term = lookup.term or "the record"
        yield f"             asked    {lookup.kind} {lookup.name}  {lookup.outcome}{void}  for {term}"
    if spf.lookups or spf.void_lookups:
        yield f"             cost     {spf.lookups} of 10 look-ups, {spf.void_lookups} of 2 void ones"
    yield from _detail(spf.detail)
    if spf.explanation:
        yield f"             {spf.domain} says: {spf.explanation}"


def _dkim(results: Iterable[DkimResult]) -> Iterator[str]:
    is_signed = False
    for dkim in results:
        is_signed = True
        bits = f", {dkim.key_bits} bits" if dkim.key_bits else ""
        where = f"{dkim.selector}._domainkey.{dkim.domain}" if dkim.selector and dkim.domain else dkim.domain or "-"
        yield f"DKIM         {dkim.result}  ({dkim.reason})  {where}, {dkim.algorithm or '-'}{bits}"
        if dkim.testing:
            yield "             the key says t=y: its owner is testing"
        if dkim.body_length is not None:
            yield f"             l={dkim.body_length}: {dkim.unsigned_octets} octets of the body are unsigned"
        if dkim.added_fields:
            yield f"             not all covered by the signature: {', '.join(dkim.added_fields)}"
        yield from _detail(dkim.detail)
    if not is_signed:
        yield "DKIM         none  no DKIM-Signature field"


def _arc(arc: ArcResult) -> Iterator[str]:
    if arc.result is ArcStatus.NONE and not arc.instances:
        yield "ARC          none  no ARC sets"
        return
    chain = " > ".join(arc.sealers) or "-"
    yield f"ARC          {arc.result}  ({arc.reason})  {arc.instances} sets, sealed by {chain}"
    yield from _detail(arc.detail)


def _dmarc(dmarc: DmarcResult) -> Iterator[str]:
    yield f"DMARC        {dmarc.result}  ({dmarc.reason})"
    if dmarc.discovery:
        yield f"             walk     {' > '.join(dmarc.discovery)}"
    if dmarc.record is not None:
        yield f"             record   {dmarc.record}  at _dmarc.{dmarc.policy_domain}"
    if dmarc.organizational_domain is not None:
        yield f"             organizational domain  {dmarc.organizational_domain}"
    if dmarc.policy is not None:
        test = ", one step lower by t=y" if dmarc.testing and dmarc.applied_policy != dmarc.policy else ""
        yield f"             policy   {dmarc.policy}{test}"
    if dmarc.result in {DmarcStatus.PASS, DmarcStatus.FAIL}:
        aligned = ", ".join(dmarc.aligned_domains) or "nothing"
        yield f"             aligned  {aligned}  (SPF {_yes(dmarc.spf_aligned)}, DKIM {_yes(dmarc.dkim_aligned)})"
        yield f"             the standard alone would do: {_disposition(dmarc)}"
    yield from _detail(dmarc.detail)


def _disposition(dmarc: DmarcResult) -> str:
    return "nothing" if dmarc.disposition == "none" else f"{dmarc.disposition} (RFC 9989 section 5.4)"


def _dns(exchanges: Sequence[RecordedExchange]) -> Iterator[str]:
    if not exchanges:
        yield "  nothing was asked"
    for question, answer in exchanges:
        secure = "  (DNSSEC)" if answer.dnssec_validated else ""
        said = _OUTCOMES.get(answer.outcome, "")
        if answer.detail and answer.outcome is Outcome.FAILED:
            said += f": {answer.detail}"
        yield f"  {question.kind:<4} {question.name}  {said}{secure}".rstrip()
        for record in answer.records:
            shown = _record(record)
            cut = shown if len(shown) <= MAX_ANSWER_SHOWN else shown[:MAX_ANSWER_SHOWN] + "…"
            yield f"         {cut}"


def _record(record: object) -> str:
    if isinstance(record, bytes):
        return record.decode("utf-8", "backslashreplace")
    return " ".join(str(part) for part in record) if isinstance(record, tuple) else str(record)


def _detail(detail: str) -> Iterator[str]:
    if detail:
        yield f"             {detail}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _safe(line: str) -> str:
    """What mail and DNS say must not move the cursor of a terminal."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in line
    )
