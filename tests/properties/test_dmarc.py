"""DMARC for whatever a stranger may publish or send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inalign.dmarc.alignment import check_alignment
from inalign.dmarc.discovery import MAX_WALK_QUERIES, Discovery, walk_names
from inalign.dmarc.evaluate import MAX_AUTHOR_DOMAINS, evaluate_authors, evaluate_dmarc
from inalign.dmarc.identifiers import MAX_IDENTIFIERS
from inalign.dmarc.record import AlignmentMode, DmarcRecordError, is_dmarc_record, parse_dmarc_record
from inalign.dmarc.report_uri import parse_report_uri
from inalign.dmarc.result import DmarcStatus, Policy
from inalign.mail.author import Authors
from inalign.mail.domain import DomainName, is_same_or_below
from inalign.resolver import Outcome
from tests.dmarc.material import Recorder
from tests.helpers import run_now

LABELS = st.sampled_from(["a", "b", "x1", "mail", "example", "com"])
NAMES = st.lists(LABELS, min_size=1, max_size=11).map(lambda labels: DomainName(".".join(labels)))
# Few labels, so that names meet each other.
NEAR_NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=9).map(lambda labels: DomainName(".".join(labels)))

KEYWORDS = st.sampled_from(["none", "quarantine", "REJECT", "r", "s", "y", "n", "u", "0", "1", "1:d:s", "", "bogus"])
URIS = st.sampled_from(
    ["mailto:a@b.example", "mailto:c@d.example!10m", "https://x.example/y", "junk", "", "mailto:%C3"]
)
VALUES = KEYWORDS | st.lists(URIS, max_size=3).map(" , ".join) | st.text(max_size=8)
TAGS = st.sampled_from(
    ["p", "sp", "np", "adkim", "aspf", "psd", "t", "fo", "rua", "ruf", "pct", "v", "P", "x", "1", ""]
)
RECORDS = st.lists(st.tuples(TAGS, VALUES), max_size=8).map(
    lambda tags: "; ".join(["v=DMARC1", *(f"{tag}={value}" for tag, value in tags)])
)
ZONES = st.dictionaries(NEAR_NAMES, RECORDS | st.none(), max_size=6)


def resolver_of(published: dict[DomainName, str | None]) -> Recorder:
    """None stands for a name that gives no answer."""
    records: dict[str, str] = {name: text for name, text in published.items() if text is not None}
    failures = {f"_dmarc.{name}": {"error": "timeout"} for name, text in published.items() if text is None}
    return Recorder(records, failures)


@given(st.text() | st.binary() | st.text().map("v=DMARC1;".__add__) | RECORDS)
def test_a_record_parses_or_is_none(text: str | bytes) -> None:
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        record = parse_dmarc_record(text)
    except DmarcRecordError:
        assert not is_dmarc_record(octets)
    else:
        assert is_dmarc_record(octets)
        assert (record.domain_policy is not None) == record.is_usable


@given(RECORDS | st.text().map("v=DMARC1;".__add__))
def test_what_is_printed_reads_back_as_the_same_record(text: str) -> None:
    record = parse_dmarc_record(text)
    again = parse_dmarc_record(str(record))
    assert again == record
    assert str(again) == str(record)


@given(st.text())
def test_a_report_uri_is_read_or_not(text: str) -> None:
    for start in ("", "mailto:", "https://"):
        uri = parse_report_uri(start + text)
        assert uri is None or uri.uri == start + text


@given(NAMES, ZONES)
def test_a_walk_asks_eight_names_at_most(name: DomainName, published: dict[DomainName, str | None]) -> None:
    resolver = resolver_of(published)
    walk = run_now(Discovery(resolver).walk(name))
    assert len(resolver.asked) <= MAX_WALK_QUERIES
    assert len(walk_names(name)) <= MAX_WALK_QUERIES
    assert all(is_same_or_below(name, organization) for organization in walk.possible)
    assert (walk.failure is not None) or len(walk.possible) == 1


@given(NEAR_NAMES, NEAR_NAMES, ZONES, st.sampled_from(AlignmentMode))
def test_alignment_is_symmetric(
    one: DomainName, other: DomainName, published: dict[DomainName, str | None], mode: AlignmentMode
) -> None:
    there = run_now(check_alignment(one, other, mode, Discovery(resolver_of(published))))
    back = run_now(check_alignment(other, one, mode, Discovery(resolver_of(published))))
    assert there is back


@given(NEAR_NAMES, NEAR_NAMES, ZONES, NEAR_NAMES)
def test_no_answer_is_known_to_be_what_any_answer_could_change(
    one: DomainName, other: DomainName, published: dict[DomainName, str | None], silent: DomainName
) -> None:
    """What is said although a name gave no answer is what would be said whatever the answer were."""
    known = {name: text for name, text in published.items() if text is not None and name != silent}
    said = run_now(check_alignment(one, other, AlignmentMode.RELAXED, Discovery(resolver_of({**known, silent: None}))))
    if said.name == "UNKNOWN":
        return
    answers = [{}, *({silent: f"v=DMARC1; p=none; psd={flag}"} for flag in "uyn")]
    for answer in answers:
        discovery = Discovery(resolver_of({**known, **answer}))
        assert run_now(check_alignment(one, other, AlignmentMode.RELAXED, discovery)) is said


@given(
    st.text(), st.none() | st.text(), st.lists(st.text() | NAMES, max_size=4), st.lists(st.text(), max_size=3), ZONES
)
def test_evaluation_takes_any_text(
    author: str, spf: str | None, dkim: list[str], undecided: list[str], published: dict[DomainName, str | None]
) -> None:
    run_now(evaluate_dmarc(author, spf, dkim, resolver_of(published), undecided=undecided))


@given(NEAR_NAMES, st.none() | NEAR_NAMES, st.lists(NEAR_NAMES, max_size=4), st.lists(NEAR_NAMES, max_size=2), ZONES)
def test_an_evaluation_agrees_with_itself(
    author: DomainName,
    spf: str | None,
    dkim: list[DomainName],
    undecided: list[DomainName],
    published: dict[DomainName, str | None],
) -> None:
    resolver = resolver_of(published)
    result = run_now(evaluate_dmarc(author, spf, dkim, resolver, undecided=undecided))
    assert (result.result is DmarcStatus.PASS) == (result.spf_aligned or result.dkim_aligned)
    assert (result.result is DmarcStatus.PASS) == bool(result.aligned_domains)
    assert result.disposition is Policy.NONE or result.result is DmarcStatus.FAIL
    assert result.disposition is not Policy.REJECT
    assert len(set(result.discovery)) == len(result.discovery)
    assert len(resolver.asked) <= MAX_WALK_QUERIES * (1 + MAX_IDENTIFIERS) + 1
    assert all(name.startswith("_dmarc.") for name in result.discovery)


@given(st.lists(NEAR_NAMES, min_size=2, max_size=6, unique=True), st.lists(NEAR_NAMES, max_size=4), ZONES)
def test_several_authors_never_pass(
    domains: list[DomainName], dkim: list[DomainName], published: dict[DomainName, str | None]
) -> None:
    resolver = resolver_of(published)
    result = run_now(evaluate_authors(Authors(tuple(domains), None), None, dkim, resolver))
    assert result.result is not DmarcStatus.PASS
    assert len(resolver.asked) <= (MAX_WALK_QUERIES + 1) * MAX_AUTHOR_DOMAINS + MAX_WALK_QUERIES * len(dkim)


@given(st.binary(max_size=40))
def test_no_octets_in_dns_raise(octets: bytes) -> None:
    resolver = Recorder({}, {"_dmarc.example.com": {"TXT": [b"v=DMARC1;" + octets, octets]}})
    assert run_now(resolver.txt("_dmarc.example.com")).outcome is Outcome.FOUND
    run_now(evaluate_dmarc("example.com", None, ["example.com"], resolver))
