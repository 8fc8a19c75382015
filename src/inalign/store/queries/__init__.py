"""The questions that the store answers: one function each, by name."""

from __future__ import annotations

from inalign.store.queries import single, summaries
from inalign.store.queries.views import View

VIEWS = {
    view.name: view
    for view in (
        View("domains", "Domains: messages, what passes, what became of them", summaries.DomainRow, summaries.domains),
        View(
            "reporters", "Reporters: messages, none / quarantine / reject", summaries.ReporterRow, summaries.reporters
        ),
        View(
            "addresses",
            "Addresses that send, with their sums",
            summaries.AddressRow,
            summaries.addresses,
        ),
        View("networks", "The same by network", summaries.NetworkRow, summaries.networks),
        View("subdomains", "From domains, known and unknown", summaries.SubdomainRow, summaries.subdomains),
        View("days", "Days, in UTC", summaries.DayRow, summaries.days),
        View("overrides", "Why dispositions were not the policy", summaries.OverrideRow, summaries.overrides),
        View("reports", "Reports, the newest first", single.ReportRow, single.reports),
        View(
            "conflicts",
            "Other contents of reports that are there; they do not count",
            single.ConflictRow,
            single.conflicts,
        ),
        View("forged", "Forged reports; they do not count", single.ReportRow, single.forged),
        View("failures", "Failure reports in groups", single.FailureGroup, single.failure_groups),
        View("failure-reports", "Failure and abuse reports, the newest first", single.FailureRow, single.failures),
        View("tls", "TLS sessions by result", single.TlsRow, single.tls),
        View("health", "Reporters and their rhythm; silent ones first", single.HealthRow, single.health),
        View(
            "evaluations", "Messages that the milter judged, the newest first", single.EvaluationRow, single.evaluations
        ),
    )
}
