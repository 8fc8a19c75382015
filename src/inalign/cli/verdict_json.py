"""The verdict on one message as JSON: other programs depend on these names, so they never change."""

from __future__ import annotations

from inalign.dkim.result import DkimResult
from inalign.flow.verdict import Verdict
from inalign.spf.result import SpfResult


def verdict_json(file: str, verdict: Verdict) -> dict[str, object]:
    """The object that `inalign verify --json` prints for one file."""
    arc = verdict.arc
    dmarc = verdict.dmarc
    return {
        "file": file,
        "authentication_results": str(verdict.authentication_results),
        "spf": _spf(verdict.spf),
        "spf_helo": None if verdict.spf_helo is None else _spf(verdict.spf_helo),
        "dkim": [_dkim(result) for result in verdict.dkim],
        "arc": {
            "result": arc.result,
            "instances": arc.instances,
            "reason": arc.reason,
            "sealers": list(arc.sealers),
        },
        "dmarc": {
            "result": dmarc.result,
            "author_domain": dmarc.author_domain,
            "organizational_domain": dmarc.organizational_domain,
            "policy_domain": dmarc.policy_domain,
            "policy": dmarc.policy,
            "applied_policy": dmarc.applied_policy,
            "testing": dmarc.testing,
            "discovery": list(dmarc.discovery),
            "spf_aligned": dmarc.spf_aligned,
            "dkim_aligned": dmarc.dkim_aligned,
            "reason": dmarc.reason,
            "disposition": dmarc.disposition,
        },
    }


def _spf(result: SpfResult) -> dict[str, object]:
    return {
        "result": result.result,
        "scope": result.scope,
        "domain": _clean(result.domain),
        "reason": result.reason,
        "explanation": _clean(result.explanation),
        "lookups": result.lookups,
        "void_lookups": result.void_lookups,
        "matched": _clean(result.matched),
    }


def _dkim(result: DkimResult) -> dict[str, object]:
    return {
        "result": result.result,
        "domain": _clean(result.domain),
        "selector": _clean(result.selector),
        "algorithm": _clean(result.algorithm),
        "identity": _clean(result.identity),
        "key_bits": result.key_bits,
        "reason": result.reason,
        "testing": result.testing,
        "body_length": result.body_length,
        "unsigned_octets": result.unsigned_octets,
    }


def _clean(text: str | None) -> str | None:
    """JSON has no place for octets that are no UTF-8: each becomes U+FFFD."""
    return None if text is None else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
