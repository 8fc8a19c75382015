"""Whatever reports and DNS hold, a domain is judged: nothing raises, nothing is lost, the answer repeats itself."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from inalign.insight.classify import judge_domain
from inalign.insight.context import SourceContext
from inalign.insight.directory import own_directory
from inalign.insight.dns_questions import wanted_lookups
from inalign.insight.facts import DomainFacts, ReportedSignature, SourceFacts, SourceMail, SpfIdentity
from inalign.insight.lookups import domain_lookups
from inalign.insight.plan import plan_domain
from inalign.insight.records import record_findings
from inalign.insight.rows import plan_row, source_rows

NAMES = st.sampled_from(
    [
        "a.example",
        "x.a.example",
        "b.example",
        "gmail.com",
        "sendgrid.net",
        "",
        ".",
        "..",
        "localhost",
        "_spf.google.com",
    ]
) | st.text(max_size=12)
WORDS = st.sampled_from(["pass", "fail", "none", "softfail", "permerror", ""])
ADDRESSES = st.ip_addresses().map(str)
DAYS = st.dictionaries(st.integers(1, 60), st.integers(1, 500), min_size=1, max_size=8).map(
    lambda found: tuple(sorted(found.items()))
)
MAILS = st.builds(
    SourceMail,
    NAMES,
    st.booleans(),
    st.booleans(),
    st.lists(st.builds(ReportedSignature, NAMES, st.sampled_from(["", "s1", "s2"]), WORDS), max_size=3).map(tuple),
    st.lists(st.builds(SpfIdentity, NAMES, st.booleans(), WORDS), max_size=2).map(tuple),
    st.sampled_from([(), ("arc",), ("forwarded", "mailing_list")]),
    DAYS,
)
SOURCES = st.dictionaries(ADDRESSES, st.lists(MAILS, min_size=1, max_size=4, unique=True).map(tuple), max_size=6)
VALUES = st.lists(
    NAMES | st.sampled_from(["v=spf1 include:b.example a mx -all", "v=spf1 redirect=a.example"]), max_size=3
)
ZONES = st.dictionaries(
    NAMES | st.sampled_from(["_dmarc.a.example", "s1._domainkey.a.example", "b.example"]),
    st.fixed_dictionaries({}, optional={"TXT": VALUES, "A": VALUES, "MX": VALUES, "CNAME": NAMES}),
    max_size=6,
)


@given(SOURCES, st.none() | ZONES, st.data())
def test_any_domain_is_judged(
    sources: dict[str, tuple[SourceMail, ...]], zone: Mapping[str, Mapping[str, object]] | None, data: st.DataObject
) -> None:
    known = sorted(sources)
    hosts = data.draw(st.dictionaries(st.sampled_from(known), NAMES)) if known else {}
    days = sorted({day for mails in sources.values() for mail in mails for day, _ in mail.days})
    facts = DomainFacts(
        "a.example",
        tuple(SourceFacts(address, mails) for address, mails in sources.items()),
        (("r.example", 1), ("s.example", 2)),
        tuple(days),
    )
    lookups = domain_lookups("a.example", zone)
    first, second = (judge_domain(facts, lookups, own_directory(), SourceContext(hosts)) for _ in range(2))
    assert first.sources == second.sources
    assert sum(source.messages for source in first.sources) == sum(
        mail.messages for mails in sources.values() for mail in mails
    )
    plan = plan_domain(first, own_directory())
    assert plan == plan_domain(second, own_directory())
    assert not (plan.ready and plan.blocking)
    plan_row(plan)
    assert len(list(source_rows(first))) == len(sources)
    record_findings(first)
    wanted_lookups(facts, zone or {}, set())
