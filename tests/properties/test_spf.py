"""SPF under text that nobody would write: it ends, within its limits, in a result."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from inalign.spf import LIMITS, SpfReason, SpfRecordError, SpfStatus, check_helo, parse_spf_record
from inalign.spf.macros import MAX_EXPLANATION_OCTETS, MacroError, parse_domain_spec
from tests.differential.zones import CLIENTS, HOSTS, record, zone
from tests.helpers import run_now
from tests.spf.material import AskingResolver, check

# The first record, ten terms, each of an MX and ten addresses, the names of the client, and the explanation.
MOST_QUESTIONS = 1 + LIMITS.terms * (1 + LIMITS.exchanges) + 1 + LIMITS.reverse_names + 1

records = st.randoms(use_true_random=False).map(record)
zones = st.randoms(use_true_random=False).map(zone)
words = ["v=spf1", "a", "mx", "ptr", "all", "ip4", "ip6", "include", "exists", "redirect", "exp", "example.com"]
pieces = st.sampled_from([*words, "1.2.3.4", "::", "%{d}", *" =:/%{}.-+~?_\tdlpr0124"])
almost_records = st.lists(pieces, max_size=30).map(lambda some: "v=spf1 " + "".join(some))
any_text = st.text(st.characters(), max_size=80)
zone_text = st.text(st.characters(codec="utf-8") | st.sampled_from(["\udc80", "\udcff"]), max_size=80)
"""What a TXT value of a zone may be: UTF-8 and escaped octets; other surrogates are refused."""
identities = (
    st.none()
    | any_text
    | st.sampled_from(["", "@", "joe@example.com", "joe@N1.Example.com.", "é@example.com", "joe@é.example"])
    | any_text.map("{}@example.com".format)
)


@given(records)
def test_print_then_parse_gives_the_same_record(text: str) -> None:
    try:
        record = parse_spf_record(text)
    except SpfRecordError:
        return
    printed = str(record)
    assert parse_spf_record(printed) == record
    assert str(parse_spf_record(printed)) == printed


@given(almost_records | any_text | st.binary(max_size=80).map(lambda octets: b"v=spf1 " + octets))
def test_parse_raises_record_error_or_nothing(text: str | bytes) -> None:
    try:
        record = parse_spf_record(text)
    except SpfRecordError as problem:
        assert re.fullmatch(r"[ -~]*", str(problem))  # noqa: PT017 - most texts raise, some do not
    else:
        assert parse_spf_record(str(record)) == record


@given(almost_records.map(lambda text: text[7:]) | any_text)
def test_a_domain_spec_prints_as_written(text: str) -> None:
    try:
        spec = parse_domain_spec(text)
    except MacroError:
        return
    assert str(spec) == text


@settings(deadline=None)
@given(
    zones,
    st.lists(almost_records | zone_text, max_size=4),
    identities,
    identities,
    st.sampled_from([*CLIENTS, "?", ""]),
)
def test_a_check_ends_within_its_limits(
    names: dict[str, dict[str, object]], texts: list[str], mail_from: str | None, helo: str | None, ip: str
) -> None:
    for host, text in zip(HOSTS, texts, strict=False):
        names[host]["TXT"] = [text]
    resolver = AskingResolver(names)
    result = check(resolver, ip=ip, mail_from=mail_from, helo=helo)
    assert result.result in SpfStatus
    assert result.reason in SpfReason
    assert len(resolver.asked) <= MOST_QUESTIONS
    assert len(result.trace) == len(resolver.asked)
    assert result.lookups <= LIMITS.terms + 1
    assert result.void_lookups == sum(lookup.is_void for lookup in result.trace) <= LIMITS.void_lookups + 1
    assert re.fullmatch(r"[ -~]*", result.detail)
    assert result.explanation is None or re.fullmatch(f"[ -~]{{0,{MAX_EXPLANATION_OCTETS}}}", result.explanation)
    assert (result.explanation is None) or result.result is SpfStatus.FAIL


@settings(deadline=None)
@given(zones, identities, st.sampled_from(CLIENTS))
def test_the_helo_check_is_the_null_reverse_path_check(
    names: dict[str, dict[str, object]], helo: str | None, ip: str
) -> None:
    alone = run_now(check_helo(ip, helo, AskingResolver(names)))
    as_mail_from = check(names, ip=ip, mail_from="", helo=helo)
    if alone is None:
        assert as_mail_from.reason is SpfReason.NO_DOMAIN
    else:
        assert (alone.result, alone.reason, alone.trace) == (
            as_mail_from.result,
            as_mail_from.reason,
            as_mail_from.trace,
        )
