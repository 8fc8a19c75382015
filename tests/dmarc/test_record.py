"""Reading and printing DMARC records."""

from __future__ import annotations

import pytest

from inalign.dmarc.record import (
    MAX_CACHED_LENGTH,
    MAX_REPORT_URIS,
    MAX_TAGS,
    AlignmentMode,
    DmarcRecord,
    DmarcRecordError,
    PublicSuffix,
    RecordFlawCode,
    is_dmarc_record,
    parse_dmarc_record,
)
from inalign.dmarc.report_uri import ReportUri
from inalign.dmarc.result import Policy
from inalign.errors import Error, ParseError
from inalign.mail.domain import parse_domain


def codes(text: str) -> set[RecordFlawCode]:
    return {flaw.code for flaw in parse_dmarc_record(text).flaws}


def addresses(text: str) -> list[str | None]:
    return [uri.address for uri in parse_dmarc_record(text).rua]


# --- the version


@pytest.mark.parametrize(
    "text",
    ["v=DMARC1", "v=DMARC1;", "v = DMARC1 ; p=none", "\tv\t=\tDMARC1\t;p=none", " v=DMARC1;p=none", "V=DMARC1; p=none"],
)
def test_a_record_begins_with_the_version(text: str) -> None:
    parse_dmarc_record(text)
    assert is_dmarc_record(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ";",
        ";v=DMARC1",
        "v=dmarc1; p=none",
        "v=DMARC2",
        "v=DMARC11",
        "v=DMARC1 p=none",
        "v=DMARC1,p=none",
        "v=DMARC 1",
        "v=",
        "v",
        "p=none; v=DMARC1",
        "DMARC1; p=none",
        "v==DMARC1",
        '"v=DMARC1"',
        "\ufeffv=DMARC1",
        "v=DMARC1\n; p=none",
        "v=DMARC1\u00a0; p=none",
        "ｖ=DMARC1",
    ],
)
def test_anything_else_is_no_record(text: str) -> None:
    with pytest.raises(DmarcRecordError):
        parse_dmarc_record(text)
    assert not is_dmarc_record(text.encode())


def test_a_record_error_is_a_parse_error_and_a_value_error() -> None:
    with pytest.raises(ParseError) as caught:
        parse_dmarc_record("v=spf1 -all")
    assert isinstance(caught.value, Error)
    assert isinstance(caught.value, ValueError)


def test_a_second_version_is_ignored() -> None:
    record = parse_dmarc_record("v=DMARC1; p=reject; v=DMARC2")
    assert record.p is Policy.REJECT
    assert RecordFlawCode.REPEATED_TAG in codes("v=DMARC1; p=reject; v=DMARC2")


# --- tags


def test_all_tags_are_read() -> None:
    record = parse_dmarc_record(
        "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; psd=n; t=y; fo=1:d:s;"
        " rua=mailto:a@example.com; ruf=mailto:f@example.com"
    )
    assert record == DmarcRecord(
        p=Policy.REJECT,
        sp=Policy.QUARANTINE,
        np=Policy.NONE,
        adkim=AlignmentMode.STRICT,
        aspf=AlignmentMode.STRICT,
        psd=PublicSuffix.NO,
        testing=True,
        fo=("1", "d", "s"),
        rua=(ReportUri("mailto:a@example.com", "mailto", parse_domain("example.com"), "a@example.com"),),
        ruf=(ReportUri("mailto:f@example.com", "mailto", parse_domain("example.com"), "f@example.com"),),
    )
    assert record.flaws == ()


def test_the_defaults() -> None:
    assert parse_dmarc_record("v=DMARC1; p=none") == DmarcRecord(p=Policy.NONE)
    record = DmarcRecord(p=Policy.NONE)
    assert (record.adkim, record.aspf) == (AlignmentMode.RELAXED, AlignmentMode.RELAXED)
    assert (record.psd, record.testing, record.fo) == (PublicSuffix.UNDECLARED, False, ("0",))
    assert (record.sp, record.np, record.rua, record.ruf) == (None, None, (), ())


def test_octets_and_text_are_the_same_record() -> None:
    assert parse_dmarc_record(b"v=DMARC1; p=reject") == parse_dmarc_record("v=DMARC1; p=reject")


def test_the_text_is_kept_as_found() -> None:
    assert parse_dmarc_record(b" V=DMARC1;P=reject ;x=\xff").text == " V=DMARC1;P=reject ;x=\udcff"


@pytest.mark.parametrize("text", ["p=REJECT", "P=reject", "p = Reject ", "\tp\t=\treject\t", "sp=none;p=reject"])
def test_case_blanks_and_order_do_not_matter(text: str) -> None:
    assert parse_dmarc_record(f"v=DMARC1;{text}").p is Policy.REJECT


@pytest.mark.parametrize("text", ["p=rejects", "p=rej ect", "p=", "p", "p=ｒeject", "p=reject\n", "p=reject,", "p=n"])
def test_a_policy_is_one_of_three_words(text: str) -> None:
    assert parse_dmarc_record(f"v=DMARC1; {text}").p is None


def test_unknown_and_historic_tags_are_kept_and_ignored() -> None:
    record = parse_dmarc_record("v=DMARC1; p=reject; pct=20; ignore_me= true; rf=afrf; ri=x; foo=a=b")
    assert record.unknown == (("pct", "20"), ("ignore_me", "true"), ("rf", "afrf"), ("ri", "x"), ("foo", "a=b"))
    assert record.domain_policy is Policy.REJECT


@pytest.mark.parametrize("junk", ["", "  ", "=value", "tagonly", "1=2", "-=x", "ä=ö", "p reject=x", "sp"])
def test_what_is_no_tag_is_passed_over(junk: str) -> None:
    record = parse_dmarc_record(f"v=DMARC1; p=reject;{junk}; aspf=s")
    assert (record.domain_policy, record.aspf) == (Policy.REJECT, AlignmentMode.STRICT)


@pytest.mark.parametrize("tag", ["adkim", "aspf", "psd", "t", "fo"])
@pytest.mark.parametrize("value", ["", "x", "rs", "ÿ"])
def test_a_syntax_error_gives_the_default(tag: str, value: str) -> None:
    record = parse_dmarc_record(f"v=DMARC1; p=reject; {tag}={value}")
    assert record == DmarcRecord(p=Policy.REJECT, invalid=((tag, value),))
    assert record.domain_policy is Policy.REJECT


@pytest.mark.parametrize("value", ["0", "1", "d", "s", "0:d", "d:0", "1:d:s", "d:s", "s:1:d", "D:S:1", "1 : d"])
def test_failure_options(value: str) -> None:
    record = parse_dmarc_record(f"v=DMARC1; p=none; ruf=mailto:a@example.com; fo={value}")
    assert record.fo == tuple(value.lower().replace(" ", "").split(":"))
    assert record.flaws == ()


@pytest.mark.parametrize("value", ["0:1", "1:0:d:s", "d:d", "", ":", "1:", ":d", "x", "1,d", "0:d:s:0"])
def test_failure_options_outside_the_grammar(value: str) -> None:
    assert parse_dmarc_record(f"v=DMARC1; p=none; ruf=mailto:a@example.com; fo={value}").fo == ("0",)


# --- repeated tags


def test_a_tag_with_two_values_is_void() -> None:
    record = parse_dmarc_record("v=DMARC1; p=reject; p=none")
    assert record.p is None
    assert not record.is_usable
    assert record.invalid == (("p", "reject"), ("p", "none"))


def test_contradicting_policies_with_a_rua_are_none() -> None:
    assert parse_dmarc_record("v=DMARC1; p=reject; p=none; rua=mailto:a@b.example").domain_policy is Policy.NONE


def test_a_contradiction_in_another_tag_gives_its_default() -> None:
    assert parse_dmarc_record("v=DMARC1; p=reject; adkim=s; adkim=r").adkim is AlignmentMode.RELAXED
    assert parse_dmarc_record("v=DMARC1; p=reject; rua=mailto:a@b.example; rua=mailto:c@b.example").rua == ()


@pytest.mark.parametrize("text", ["p=reject; p=reject", "p=reject; P=Reject", "p=reject ;p= reject;p=REJECT"])
def test_repeats_that_say_the_same_count_once(text: str) -> None:
    assert parse_dmarc_record(f"v=DMARC1; {text}").domain_policy is Policy.REJECT
    assert RecordFlawCode.REPEATED_TAG in codes(f"v=DMARC1; {text}")


# --- RFC 9989 section 4.10.1


@pytest.mark.parametrize(
    "broken", ["", "p=bogus", "p=reject; sp=bogus", "p=reject; np=", "p=reject; sp=none; sp=reject"]
)
def test_without_a_valid_policy_the_rua_decides(broken: str) -> None:
    record = parse_dmarc_record(f"v=DMARC1; {broken}")
    assert not record.is_usable
    assert (record.domain_policy, record.subdomain_policy, record.nonexistent_policy) == (None, None, None)
    record = parse_dmarc_record(f"v=DMARC1; {broken}; rua=junk,mailto:a@example.com!10m")
    assert record.is_usable
    assert (record.domain_policy, record.subdomain_policy, record.nonexistent_policy) == (Policy.NONE,) * 3


def test_a_broken_ruf_or_fo_voids_nothing() -> None:
    assert parse_dmarc_record("v=DMARC1; p=reject; ruf=junk; fo=junk; rua=junk").domain_policy is Policy.REJECT


@pytest.mark.parametrize(
    ("text", "policies"),
    [
        ("p=reject", ("reject", "reject", "reject")),
        ("p=reject; sp=none", ("reject", "none", "none")),
        ("p=none; np=reject", ("none", "none", "reject")),
        ("p=none; sp=quarantine; np=reject", ("none", "quarantine", "reject")),
    ],
)
def test_np_falls_to_sp_and_sp_to_p(text: str, policies: tuple[str, ...]) -> None:
    record = parse_dmarc_record(f"v=DMARC1; {text}")
    assert (record.domain_policy, record.subdomain_policy, record.nonexistent_policy) == policies


# --- report URIs


def test_uris_are_split_at_commas_and_sizes_dropped() -> None:
    text = "v=DMARC1; rua=mailto:a@b.example , mailto:c@b.example!10m,mailto:d@b.example!5, mailto:e@b.example ! 2 G"
    assert addresses(text) == ["a@b.example", "c@b.example", "d@b.example", "e@b.example"]
    assert [uri.uri for uri in parse_dmarc_record(text).rua][1] == "mailto:c@b.example"


def test_one_broken_uri_does_not_silence_the_others() -> None:
    assert addresses("v=DMARC1; p=none; rua=mailto:a@b.example,c@b.example,,mailto:d@b.example!x") == ["a@b.example"]


def test_a_repeated_uri_counts_once() -> None:
    assert addresses("v=DMARC1; p=none; rua=mailto:a@b.example,mailto:a@b.example!1k") == ["a@b.example"]


def test_other_schemes_are_kept() -> None:
    record = parse_dmarc_record("v=DMARC1; rua=https://reports.example/dmarc")
    assert record.domain_policy is Policy.NONE
    assert [uri.scheme for uri in record.rua] == ["https"]


# --- flaws

FLAWS = {
    RecordFlawCode.BLANK_BEFORE_VERSION: " v=DMARC1; p=none",
    RecordFlawCode.UPPER_CASE_TAG: "v=DMARC1; P=none",
    RecordFlawCode.EMPTY_TAG: "v=DMARC1;; p=none",
    RecordFlawCode.NOT_A_TAG: "v=DMARC1; p=none; reject",
    RecordFlawCode.REPEATED_TAG: "v=DMARC1; p=none; p=none",
    RecordFlawCode.CONTRADICTING_TAG: "v=DMARC1; p=none; p=reject",
    RecordFlawCode.INVALID_VALUE: "v=DMARC1; p=none; adkim=x",
    RecordFlawCode.INVALID_URI: "v=DMARC1; p=none; rua=a@b.example",
    RecordFlawCode.OBSOLETE_SIZE: "v=DMARC1; p=none; rua=mailto:a@b.example!10m",
    RecordFlawCode.HISTORIC_TAG: "v=DMARC1; p=none; pct=100",
    RecordFlawCode.UNKNOWN_TAG: "v=DMARC1; p=none; x=y",
    RecordFlawCode.MISSING_POLICY: "v=DMARC1",
    RecordFlawCode.FO_WITHOUT_RUF: "v=DMARC1; p=none; fo=1",
    RecordFlawCode.TOO_MANY: "v=DMARC1; p=none" + "; x=y" * MAX_TAGS,
}


@pytest.mark.parametrize("code", RecordFlawCode)
def test_each_flaw_is_told(code: RecordFlawCode) -> None:
    assert code in codes(FLAWS[code])


def test_a_good_record_has_no_flaw() -> None:
    assert codes("v=DMARC1; p=none; rua=mailto:a@b.example;") == set()


# --- printing


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("v=DMARC1;p=none", "v=DMARC1; p=none"),
        (" V = DMARC1 ; NP=None; P=REJECT; t=Y; adkim=r; fo=0;", "v=DMARC1; p=reject; np=none; t=y"),
        (
            "v=DMARC1; p=none; rua=mailto:a@b.example!1m , mailto:c@d.example",
            "v=DMARC1; p=none; rua=mailto:a@b.example,mailto:c@d.example",
        ),
        ("v=DMARC1; p=x; sp=; pct=50", "v=DMARC1; p=x; sp=; pct=50"),
        ("v=DMARC1; psd=y; aspf=s; adkim=s; fo=d:1", "v=DMARC1; adkim=s; aspf=s; psd=y; fo=d:1"),
    ],
)
def test_a_record_prints_in_one_form(text: str, printed: str) -> None:
    record = parse_dmarc_record(text)
    assert str(record) == printed
    assert parse_dmarc_record(printed) == record


# --- hostile input


@pytest.mark.parametrize(
    "piece", [";", "p=none;", "x=y;", "=", "rua=", ",", "rua=mailto:a@b.example,", "!", "%", "\x00", " ", "é"]
)
def test_a_megabyte_is_read_as_far_as_the_limits(piece: str) -> None:
    record = parse_dmarc_record("v=DMARC1; p=reject; " + piece * (1_000_000 // len(piece)))
    assert len(record.flaws) <= 2 * MAX_TAGS + 3 * MAX_REPORT_URIS
    assert all(len(flaw.detail) <= 200 for flaw in record.flaws)


def test_a_megabyte_that_is_no_record() -> None:
    with pytest.raises(DmarcRecordError) as caught:
        parse_dmarc_record(" " * 1_000_000)
    assert len(str(caught.value)) < 300


def test_tags_behind_the_limit_are_not_read() -> None:
    assert parse_dmarc_record("v=DMARC1" + ";" * (MAX_TAGS - 1) + "p=reject").domain_policy is Policy.REJECT
    assert parse_dmarc_record("v=DMARC1" + ";" * MAX_TAGS + "p=reject").domain_policy is None


def test_uris_behind_the_limit_are_not_read() -> None:
    uris = ",".join(f"mailto:a{number}@b.example" for number in range(MAX_REPORT_URIS + 5))
    assert len(parse_dmarc_record(f"v=DMARC1; rua={uris}").rua) == MAX_REPORT_URIS


def test_a_long_record_is_not_kept() -> None:
    text = "v=DMARC1; p=none; x=" + "y" * MAX_CACHED_LENGTH
    assert parse_dmarc_record(text) is not parse_dmarc_record(text)
    assert parse_dmarc_record("v=DMARC1; p=none; x=y") is parse_dmarc_record("v=DMARC1; p=none; x=y")
