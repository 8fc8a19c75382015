"""The evaluation beyond the vectors: reasons, what is asked, limits, and several authors."""

from __future__ import annotations

import json

import pytest

from inalign.dmarc.evaluate import MAX_AUTHOR_DOMAINS, evaluate_authors, evaluate_dmarc
from inalign.dmarc.identifiers import MAX_IDENTIFIERS
from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
from inalign.mail.author import AuthorProblem, Authors, author_domains
from inalign.mail.domain import parse_domain
from inalign.mail.fields import make_field
from inalign.resolver import Answer, Outcome, txt
from tests.dmarc.material import Recorder
from tests.helpers import VECTORS, run_now

NONE, QUARANTINE, REJECT = (f"v=DMARC1; p={policy}" for policy in Policy)


def evaluate(
    author: str, dkim: list[str], resolver: Recorder, *, spf: str | None = None, undecided: tuple[str, ...] = ()
) -> DmarcResult:
    return run_now(evaluate_dmarc(author, spf, dkim, resolver, undecided=undecided))


def authors(*domains: str, fields: int = 1) -> Authors:
    return Authors(tuple(parse_domain(name) for name in domains), None, len(domains), fields)


def evaluate_from(who: Authors, resolver: Recorder, *dkim: str, undecided: tuple[str, ...] = ()) -> DmarcResult:
    return run_now(evaluate_authors(who, None, dkim, resolver, undecided=undecided))


# --- what is asked


def test_the_walks_of_author_and_identifiers_are_named_ahead() -> None:
    resolver = Recorder({"example.com": REJECT})
    evaluate("example.com", ["mail.example.com", "example.net"], resolver)
    assert resolver.expected == [
        txt("_dmarc.example.com"),
        txt("_dmarc.com"),
        txt("_dmarc.mail.example.com"),
        txt("_dmarc.example.com"),
        txt("_dmarc.com"),
    ]


def test_all_is_asked_once_and_discovery_tells_it() -> None:
    resolver = Recorder({"example.com": REJECT})
    result = evaluate(
        "a.example.com", ["b.example.com", "c.example.com", "b.example.com"], resolver, spf="a.example.com"
    )
    assert resolver.asked == list(result.discovery)
    assert len(set(resolver.asked)) == len(resolver.asked)


@pytest.mark.parametrize(
    ("record", "dkim", "is_asked"),
    [
        ("v=DMARC1; p=none; np=reject", [], True),
        ("v=DMARC1; p=none; np=reject", ["example.com"], False),  # a pass
        ("v=DMARC1; p=none; sp=reject; np=reject", [], False),  # no difference
        ("v=DMARC1; p=none; sp=reject", [], False),  # no np
    ],
)
def test_existence_is_asked_only_where_it_decides(record: str, dkim: list[str], is_asked: bool) -> None:
    resolver = Recorder({"example.com": record})
    result = evaluate("gone.example.com", dkim, resolver)
    assert ("gone.example.com" in resolver.asked) is is_asked
    assert "gone.example.com" not in result.discovery


def test_existence_is_not_asked_with_a_record_of_ones_own() -> None:
    resolver = Recorder({"mail.example.com": "v=DMARC1; p=none; np=reject"})
    evaluate("mail.example.com", [], resolver)
    assert "mail.example.com" not in resolver.asked


def test_no_more_identifiers_than_the_limit_are_looked_at() -> None:
    resolver = Recorder({"example.com": REJECT})
    identifiers = [f"x{number}.example.com" for number in range(MAX_IDENTIFIERS + 10)]
    result = evaluate("example.com", identifiers, resolver, undecided=tuple(f"u.{name}" for name in identifiers))
    assert result.aligned_domains == tuple(identifiers[:MAX_IDENTIFIERS])
    assert len(resolver.asked) == 2 + MAX_IDENTIFIERS


def test_the_author_domain_itself_passes_behind_any_number_of_others() -> None:
    resolver = Recorder({"example.com": REJECT})
    identifiers = [f"x{number}.test" for number in range(1000)]
    assert evaluate("example.com", [*identifiers, "example.com"], resolver).dkim_aligned


# --- fields of the result


def test_all_fields_of_a_fail() -> None:
    resolver = Recorder({"example.com": "v=DMARC1; p=none; sp=reject; t=y"})
    result = evaluate("mail.example.com", ["other.com"], resolver, spf="example.net")
    assert result == DmarcResult(
        result=DmarcStatus.FAIL,
        reason=DmarcReason.NOT_ALIGNED,
        author_domain="mail.example.com",
        organizational_domain="example.com",
        policy_domain="example.com",
        policy=Policy.REJECT,
        applied_policy=Policy.QUARANTINE,
        testing=True,
        discovery=("_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com"),
        disposition=Policy.QUARANTINE,
        record="v=DMARC1; p=none; sp=reject; t=y",
        detail="no authenticated identifier is aligned with mail.example.com",
    )


class Signed(Recorder):
    """A recorder whose DMARC answers DNSSEC vouched for."""

    async def txt(self, name: str) -> Answer[bytes]:
        answer = await super().txt(name)
        return Answer(answer.outcome, answer.records, dnssec_validated=answer.outcome is Outcome.FOUND)


def test_dnssec_of_the_record_in_force_is_told() -> None:
    assert evaluate("mail.example.com", [], Signed({"example.com": REJECT})).secure
    assert not evaluate("mail.example.com", [], Recorder({"example.com": REJECT})).secure


def test_the_mode_of_each_mechanism_is_its_own() -> None:
    resolver = Recorder({"example.com": REJECT + "; adkim=s"})
    result = evaluate("mail.example.com", ["example.com"], resolver, spf="example.com")
    assert (result.spf_aligned, result.dkim_aligned) == (True, False)
    assert result.aligned_domains == ("example.com",)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a b", "user@example.com", "[::1]", "\x00", "\udcff", "-.com", "x" * 5000]
)
def test_any_text_is_taken(text: str) -> None:
    resolver = Recorder({"example.com": REJECT})
    assert evaluate(text, [text], resolver, spf=text, undecided=(text,)).reason is DmarcReason.NO_DOMAIN
    result = evaluate("example.com", [text], resolver, spf=text, undecided=(text,))
    assert result.reason is DmarcReason.NOT_ALIGNED


# --- several authors


def test_no_author_is_permerror() -> None:
    result = evaluate_from(author_domains([]), Recorder({}), "example.com")
    assert (result.result, result.reason) == (DmarcStatus.PERMERROR, DmarcReason.NO_AUTHOR)
    assert result.detail


def test_authors_without_a_domain_and_without_a_problem_are_no_author() -> None:
    assert evaluate_from(Authors((), None), Recorder({})).reason is DmarcReason.NO_AUTHOR


def test_an_ambiguous_author_is_permerror() -> None:
    who = Authors((), AuthorProblem.AMBIGUOUS_AUTHOR, field_count=1, detail="why")
    result = evaluate_from(who, Recorder({"example.com": REJECT}), "example.com")
    assert (result.result, result.reason) == (DmarcStatus.PERMERROR, DmarcReason.AMBIGUOUS_AUTHOR)
    assert (result.detail, result.author_domain, result.disposition) == ("why", None, Policy.NONE)


def test_one_author_is_evaluated_as_by_evaluate_dmarc() -> None:
    records = {"example.com": REJECT, "com": NONE}
    one = evaluate_from(authors("mail.example.com"), Recorder(records), "example.com")
    assert one == evaluate("mail.example.com", ["example.com"], Recorder(records))


def test_several_addresses_of_one_domain_are_one_author_domain() -> None:
    who = author_domains([make_field(b"From", b" a@example.com, b@EXAMPLE.com")])
    assert evaluate_from(who, Recorder({"example.com": REJECT}), "example.com").result is DmarcStatus.PASS


@pytest.mark.parametrize(
    ("record", "dkim", "result", "reason"),
    [
        (REJECT, "example.com", "permerror", "several_authors"),
        (REJECT, "example.net", "fail", "not_aligned"),
        ("v=DMARC1", "example.com", "permerror", "record_unusable"),
        ("none of DMARC", "example.com", "none", "no_record"),
    ],
)
def test_two_from_fields_of_one_domain_never_pass(record: str, dkim: str, result: str, reason: str) -> None:
    got = evaluate_from(authors("example.com", fields=2), Recorder({"example.com": record}), dkim)
    assert (got.result, got.reason, got.author_domain) == (result, reason, "example.com")


# records of a.example, b.example and so on, signing domains -> result, reason, author domain, policy, disposition
SEVERAL: dict[str, tuple[list[str | None], list[str], tuple[str, str, str | None, str | None, str]]] = {
    "all pass": ([REJECT, REJECT], ["a", "b"], ("permerror", "several_authors", "a", "reject", "none")),
    "one fails": ([REJECT, QUARANTINE], ["a"], ("fail", "not_aligned", "b", "quarantine", "quarantine")),
    "the strictest that fails": ([QUARANTINE, REJECT, NONE], [], ("fail", "not_aligned", "b", "reject", "quarantine")),
    "a pass is no stricter": ([REJECT, NONE], ["a"], ("fail", "not_aligned", "b", "none", "none")),
    "the first of equals": ([REJECT, REJECT], [], ("fail", "not_aligned", "a", "reject", "quarantine")),
    "test mode weakens": (
        [REJECT + "; t=y", REJECT],
        [],
        ("fail", "not_aligned", "b", "reject", "quarantine"),
    ),
    "applied policies are compared first": (
        [QUARANTINE + "; t=y", NONE],
        [],
        ("fail", "not_aligned", "a", "quarantine", "none"),
    ),
    "none has a record": ([None, None], [], ("none", "no_record", "a", None, "none")),
    "one has no record, one passes": ([None, REJECT], ["b"], ("permerror", "several_authors", "a", None, "none")),
    "one has no record, one fails": ([None, REJECT], [], ("fail", "not_aligned", "b", "reject", "quarantine")),
    "one is unusable": (["v=DMARC1", None], [], ("permerror", "several_authors", "a", None, "none")),
    "five, the fifth would fail": (
        [REJECT] * 5,
        ["a", "b", "c", "d"],
        ("permerror", "several_authors", "a", "reject", "none"),
    ),
    "five without a record": ([None] * 5, [], ("permerror", "several_authors", "a", None, "none")),
    "five, one of the four fails": ([None, None, None, NONE, None], [], ("fail", "not_aligned", "d", "none", "none")),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_author_domains(case: str) -> None:
    published, dkim, expected = SEVERAL[case]
    names = [f"{letter}.example" for letter in "abcde"[: len(published)]]
    resolver = Recorder({name: text for name, text in zip(names, published, strict=True) if text})
    got = evaluate_from(authors(*names), resolver, *(f"{letter}.example" for letter in dkim))
    domain = expected[2] and f"{expected[2]}.example"
    assert (got.result, got.reason, got.author_domain, got.policy, got.disposition) == (
        *expected[:2],
        domain,
        *expected[3:],
    )
    assert list(got.discovery) == resolver.asked
    assert len([name for name in resolver.asked if name.count(".") == 2]) <= MAX_AUTHOR_DOMAINS


def test_a_fail_of_one_author_wins_over_a_temperror_of_another() -> None:
    resolver = Recorder({"b.example": REJECT}, {"_dmarc.a.example": {"error": "timeout"}})
    assert evaluate_from(authors("a.example", "b.example"), resolver).author_domain == "b.example"


def test_a_temperror_of_one_author_wins_over_none_and_pass() -> None:
    resolver = Recorder({"b.example": REJECT}, {"_dmarc.c.example": {"error": "timeout"}})
    got = evaluate_from(authors("a.example", "b.example", "c.example"), resolver, "b.example")
    assert (got.result, got.reason, got.author_domain) == ("temperror", "dns_failed", "c.example")


def test_an_undecided_identifier_of_one_author_is_a_temperror() -> None:
    resolver = Recorder({"a.example": REJECT, "b.example": REJECT})
    got = evaluate_from(authors("a.example", "b.example"), resolver, "a.example", undecided=("b.example",))
    assert (got.result, got.reason, got.author_domain) == ("temperror", "identifier_undecided", "b.example")


# --- the reasons


def test_every_reason_has_a_case() -> None:
    lines = (VECTORS / "dmarc" / "rfc9989.jsonl").read_text(encoding="utf-8").splitlines()
    in_vectors = {json.loads(line)["expect"].get("reason") for line in lines}
    in_this_file = {
        DmarcReason.ALIGNED,
        DmarcReason.NO_AUTHOR,
        DmarcReason.AMBIGUOUS_AUTHOR,
        DmarcReason.SEVERAL_AUTHORS,
    }
    assert in_vectors | in_this_file >= set(DmarcReason)


def test_an_aligned_pass_says_so() -> None:
    result = evaluate("example.com", ["example.com"], Recorder({"example.com": REJECT}))
    assert (result.result, result.reason) == (DmarcStatus.PASS, DmarcReason.ALIGNED)
