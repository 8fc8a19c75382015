"""The questions by name: pages, the API and `inalign reports` ask the same ones."""

from __future__ import annotations

from inalign.insight.window import Window
from inalign.store.queries import addresses, events, headlines, health, milter, published, quality, reports, tls, window
from inalign.store.queries.view import View

_SPAN = ("domain", "since", "until", "reporter")
_ALL = (*_SPAN, "source")
_MESSAGES = ("domain", "since", "until", "source", "action", "dmarc")

VIEWS = {
    view.name: view
    for view in (
        View("reporters", "Who reports, how much and how late", headlines.ReporterRow, _ALL, headlines.reporters),
        View(
            "reporter-quality",
            "The same, with why they did not follow the policy and how good their reports are",
            quality.ReporterQualityRow,
            _ALL,
            quality.reporter_quality,
        ),
        View("sources", "The addresses that send as the domains", addresses.SourceRow, _ALL, addresses.sources),
        View(
            "sources-groups",
            "The same by AS, else by network",
            addresses.SourceGroupRow,
            _ALL,
            addresses.source_groups,
        ),
        View("domains", "The domains that reports are about", headlines.DomainRow, _ALL, headlines.domains),
        View(
            "subdomains",
            "From domains below them, also those without a record of their own",
            headlines.SubdomainRow,
            _ALL,
            headlines.subdomains,
        ),
        View("window", "The last 30 complete report days: what is called 30 days", Window, (), window.window),
        View("days", "Messages by day", headlines.DayRow, _ALL, headlines.days),
        View(
            "overrides",
            "Why reporters did not do what the policy asks",
            health.OverrideReasonRow,
            _ALL,
            health.overrides,
        ),
        View("published", "DMARC records as reporters saw them", published.PublishedRow, _SPAN, published.published),
        View(
            "record-history",
            "When the DMARC records changed, as reporters saw them",
            published.RecordHistoryRow,
            ("domain", "since", "until"),
            published.record_histories,
        ),
        View("reports", "The reports of all kinds, newest first", reports.ReportRow, _SPAN, reports.reports),
        View("report", "One report with its records, by key", reports.ReportDetail, ("key",), reports.report),
        View("raw", "What was delivered, of one report, by key", reports.RawRow, ("key",), reports.raw),
        View("failures", "Failure reports, grouped", events.FailureGroupRow, _ALL, events.failures),
        View(
            "failure-reports",
            "Failure reports one by one, newest first",
            events.FailureRow,
            (*_ALL, "key"),
            events.failure_reports,
        ),
        View("tls", "TLS sessions by domain, policy and result", events.TlsRow, _SPAN, events.tls),
        View("tls-days", "TLS sessions by day", tls.TlsDayRow, _SPAN, tls.tls_days),
        View("tls-failures", "TLS sessions that failed, by host", tls.TlsFailureRow, _SPAN, tls.tls_failures),
        View("health", "How regularly reporters report", health.HealthRow, _SPAN, health.health),
        View("conflicts", "Other contents under the key of a report", reports.ConflictRow, _SPAN, reports.conflicts),
        View("forged", "Reports in forged mail, which do not count", reports.ReportRow, _SPAN, reports.forged),
        View(
            "evaluations", "What the milter judged, newest first", events.EvaluationRow, _MESSAGES, events.evaluations
        ),
        View("evaluation-minutes", "The same by minute, newest first", milter.MinuteRow, _MESSAGES, milter.minutes),
        View("evaluation-rules", "The same by action and rule", milter.RuleRow, _MESSAGES, milter.rules),
        View("evaluation-slow", "The slowest of them first", milter.SlowRow, _MESSAGES, milter.slowest),
    )
}
