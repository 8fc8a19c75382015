"""What is counted of a message and of DNS, by the names of `telemetry.METRICS`."""

from __future__ import annotations

from typing import Final

from inalign.flow.decision import Decision
from inalign.flow.origin import OriginSource
from inalign.flow.send import Sent
from inalign.flow.verdict import Verdict
from inalign.net.dns import LiveResolver
from inalign.telemetry import Counters

_VERIFIED: Final = 'inalign_messages_total{skipped=""}'


def count_message(  # noqa: PLR0917 - what there is to count
    counters: Counters, verdict: Verdict | None, decision: Decision, skipped: str | None, removed: int, seconds: float
) -> None:
    """Count a message that was decided `seconds` after its end."""
    add = counters.add
    would = decision.overridden.disposition if decision.overridden is not None else ""
    add(f'inalign_actions_total{{action="{decision.disposition}",rule="{decision.rule}",would="{would}"}}')
    if removed:
        add("inalign_forged_fields_removed_total", removed)
    if verdict is None:
        add(f'inalign_messages_total{{skipped="{skipped or "other"}"}}')
        return
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
    counters.observe_message(seconds)


def count_origin(counters: Counters, source: OriginSource) -> None:
    """Count a message that a relay or a gateway handed in."""
    counters.add(f'inalign_origins_total{{source="{source}"}}')


def count_sent(counters: Counters, sent: Sent) -> None:
    """Count how a message of our own was signed."""
    for choice in sent.choices:
        counters.add(f'inalign_signatures_total{{algorithm="{choice.key.algorithm}"}}')
    if sent.unsigned is not None:
        counters.add(f'inalign_unsigned_total{{reason="{sent.unsigned}"}}')
    if sent.unpublished:
        counters.add("inalign_keys_not_in_dns_total", len(sent.unpublished))


def count_own_domain(counters: Counters) -> None:
    """Count a message from outside in the name of one of our authors."""
    counters.add("inalign_own_domain_total")


def count_seal(counters: Counters, outcome: str) -> None:
    """Count a message that was to be sealed."""
    counters.add(f'inalign_seals_total{{outcome="{outcome}"}}')


class DnsCounts:
    """The counts of a resolver, which only grow, as what came since the last time."""

    def __init__(self, resolver: LiveResolver) -> None:
        self._resolver = resolver
        self._told: dict[str, int] = {}

    def gather(self, counters: Counters) -> None:
        """Count what is new."""
        resolver = self._resolver
        now = {
            "inalign_dns_questions_total": resolver.questions,
            "inalign_dns_cache_hits_total": resolver.cache_hits,
            "inalign_dns_lookups_total": resolver.lookups,
            "inalign_dns_failures_total": resolver.failures,
        }
        for name, value in now.items():
            if value != self._told.get(name, 0):
                counters.add(name, value - self._told.get(name, 0))
        self._told = now
