"""Counts of messages and of DNS look-ups, by the names of `telemetry.METRICS`."""

from __future__ import annotations

from typing import Final

from inalign.flow.outcome import MessageOutcome
from inalign.flow.send import Sent
from inalign.flow.verdict import Verdict
from inalign.net.dns import LiveResolver
from inalign.telemetry import Counters

_VERIFIED: Final = 'inalign_messages_total{skipped=""}'


def count_outcome(counters: Counters, outcome: MessageOutcome) -> None:
    """Count a message by its decision, its results, and how it was signed or sealed."""
    add = counters.add
    decision = outcome.decision
    overridden = decision.overridden.disposition if decision.overridden is not None else ""
    add(f'inalign_actions_total{{action="{decision.disposition}",rule="{decision.rule}",would="{overridden}"}}')
    if outcome.forged:
        add("inalign_forged_fields_removed_total", len(outcome.forged))
    if outcome.origin is not None:
        add(f'inalign_origins_total{{source="{outcome.origin.source}"}}')
    if outcome.sent is not None:
        _count_sent(counters, outcome.sent)
    if outcome.own_rule is not None:
        add("inalign_own_domain_total")
    if outcome.sealed.status is not None:
        add(f'inalign_seals_total{{outcome="{outcome.sealed.status}"}}')
    if outcome.verdict is None:
        add(f'inalign_messages_total{{skipped="{outcome.skipped or "other"}"}}')
    else:
        _count_verdict(counters, outcome.verdict)
        counters.observe_message(outcome.held_seconds)


def _count_verdict(counters: Counters, verdict: Verdict) -> None:
    """Count the result of each method."""
    add = counters.add
    add(_VERIFIED)
    add(f'inalign_results_total{{method="spf",result="{verdict.spf.result}"}}')
    for signature in verdict.dkim:
        add(f'inalign_results_total{{method="dkim",result="{signature.result}"}}')
    if not verdict.dkim:
        add('inalign_results_total{method="dkim",result="none"}')
    add(f'inalign_results_total{{method="arc",result="{verdict.arc.result}"}}')
    add(f'inalign_results_total{{method="dmarc",result="{verdict.dmarc.result}"}}')
    if verdict.iprev is not None:
        add(f'inalign_results_total{{method="iprev",result="{verdict.iprev.result}"}}')


def _count_sent(counters: Counters, sent: Sent) -> None:
    """Count how a message of our own was signed."""
    for choice in sent.choices:
        counters.add(f'inalign_signatures_total{{algorithm="{choice.key.algorithm}"}}')
    if sent.unsigned is not None:
        counters.add(f'inalign_unsigned_total{{reason="{sent.unsigned}"}}')
    if sent.unpublished:
        counters.add("inalign_keys_not_in_dns_total", len(sent.unpublished))


class DnsCounts:
    """Turns the totals of a resolver, which only grow, into increments of our counters."""

    def __init__(self, resolver: LiveResolver) -> None:
        self._resolver = resolver
        self._counted: dict[str, int] = {}

    def gather(self, counters: Counters) -> None:
        """Add what the totals have grown by since the last call."""
        resolver = self._resolver
        now = {
            "inalign_dns_questions_total": resolver.questions,
            "inalign_dns_cache_hits_total": resolver.cache_hits,
            "inalign_dns_lookups_total": resolver.lookups,
            "inalign_dns_failures_total": resolver.failures,
        }
        for name, value in now.items():
            if value != self._counted.get(name, 0):
                counters.add(name, value - self._counted.get(name, 0))
        self._counted = now
