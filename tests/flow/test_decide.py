"""What is done with a message: one row of a file each, under settings as an operator writes them; and the texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inalign.dkim.canonical import Header
from inalign.dmarc.result import DmarcReason, DmarcStatus, Policy
from inalign.errors import SettingsError
from inalign.flow.decide import MAX_REPLY_TEXT, LocalPolicy, decide
from inalign.flow.decision import Decision, DecisionRule, Disposition
from inalign.flow.facts import Facts, is_list_mail
from inalign.flow.results_field import with_override
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.fields import parse_message
from inalign.settings.file import parse_settings
from inalign.settings.tables import Settings
from inalign.spf.result import SpfStatus
from inalign.wiring.milter import make_policy
from inalign.wiring.run import warnings
from tests.flow.material import NO_CHAIN, chain, verdict, with_sealers
from tests.helpers import VECTORS, message

ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (VECTORS / "decide" / "decisions.jsonl").read_text("utf-8").splitlines()
]


def policy_of(settings: dict[str, Any]) -> LocalPolicy:
    return make_policy(msgspec.convert({"policy": settings}, Settings))


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_row(row: dict[str, Any]) -> None:
    word, _, reason = row["dmarc"].partition("/")
    authors = row.get("authors", ["example.org"])
    found = verdict(
        DmarcStatus(word),
        DmarcReason(reason),
        Policy(row["applied"]) if "applied" in row else None,
        author=authors[0] if authors else None,
        spf=SpfStatus(row.get("spf", "none")),
        arc=chain(*map(tuple, row["arc"])) if "arc" in row else NO_CHAIN,
        changed_in_transit=row.get("changed", False),
    )
    facts = with_sealers(
        found, Facts(tuple(authors), row.get("from_fields", 1), row.get("list", False), row.get("hold", True))
    )
    decision = decide(found, facts, policy_of(row["policy"]))
    told: dict[str, str] = {"action": decision.disposition, "rule": decision.rule}
    if decision.overridden is not None:
        told |= {"would": decision.overridden.disposition, "would_rule": decision.overridden.rule}
    if decision.refusal is not None:
        told["reply"] = " ".join(map(str, decision.refusal))
    assert told == row["expect"]


def test_every_rule_has_a_row() -> None:
    assert {row["expect"]["rule"] for row in ROWS} == set(DecisionRule) - {
        DecisionRule.SKIPPED,
        DecisionRule.KEY_UNAVAILABLE,
    }


def test_message_that_was_not_verified_is_accepted() -> None:
    policy = policy_of({"mode": "enforce", "author_problem": "reject"})
    assert decide(None, Facts(), policy) == Decision(Disposition.ACCEPT, DecisionRule.SKIPPED)


def test_defaults_observe() -> None:
    assert make_policy(Settings()) == LocalPolicy()
    assert not LocalPolicy().is_enforced


@pytest.mark.parametrize("domain", ["a\r\nb.example", "grüße.example", "a\0.example", "x\x7f.example", "a" * 5000])
def test_nothing_but_printable_ascii_gets_into_a_reply(domain: str) -> None:
    found = verdict(DmarcStatus.NONE, DmarcReason.NO_RECORD, spf=SpfStatus.FAIL, spf_domain=domain)
    for text in ("", "{domain}" * 25):
        policy = policy_of({"mode": "enforce", "spf_fail": "reject", "reject_text": text})
        refusal = decide(found, Facts(("example.org",), 1), policy).refusal
        assert refusal is not None
        assert refusal.text.isascii()
        assert refusal.text.isprintable()
        assert 0 < len(refusal.text) <= MAX_REPLY_TEXT


# Lists


@pytest.mark.parametrize(
    ("field", "is_list"),
    [
        ("List-Id: <announce.example.org>", True),
        ("LIST-ID: x", True),
        ("List-Post: NO", True),
        ("Precedence: list", True),
        ("precedence:  LIST ", True),
        ("Precedence: bulk", False),
        ("Precedence: listing", False),
        ("List-Unsubscribe: <https://example.org/u>", False),  # senders of bulk mail write it, too
        ("X-List-Id: x", False),
    ],
)
def test_list_mail_is_known_by_three_fields(field: str, is_list: bool) -> None:
    fields = parse_message(message(f"From: a@example.org\n{field}\n\nx\n")).fields
    assert is_list_mail(Header(fields)) is is_list


# The override in Authentication-Results


def test_override_is_named_beside_what_dmarc_found() -> None:
    field = parse_authentication_results(
        b"mx.example.net; spf=none; dmarc=fail header.from=example.org policy.dmarc=reject; iprev=pass"
    )
    decision = Decision(
        Disposition.QUARANTINE, DecisionRule.MAILING_LIST, Decision(Disposition.REJECT, DecisionRule.DMARC_REJECT)
    )
    results = with_override(field, decision).results
    assert [result.method for result in results] == ["spf", "dmarc", "iprev"]
    assert results[1].result == "fail"
    assert results[1].values("policy", "dmarc") == ("reject",)
    assert results[1].values("policy", "override") == ("mailing_list",)


@pytest.mark.parametrize("rule", [DecisionRule.OBSERVE, DecisionRule.DMARC_REJECT, DecisionRule.HOLD_UNAVAILABLE])
def test_other_rules_leave_the_field(rule: DecisionRule) -> None:
    field = verdict(DmarcStatus.FAIL).authentication_results
    assert with_override(field, Decision(Disposition.QUARANTINE, rule)) is field


# Settings


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("except_domains = ['exa mple.org']", "policy.except_domains: 'exa mple'"),
        ("trusted_sealers = ['']", "policy.trusted_sealers:"),
        ("trusted_sealers = ['..example.org']", "policy.trusted_sealers:"),
        ("reject_text = 'of {client}'", "policy.reject_text: braces are for {domain} and {rule} alone"),
        ("reject_text = '{'", "policy.reject_text: braces"),
        ("reject_text = 'grüße'", "policy.reject_text:"),
        ('reject_text = "a\\nb"', "policy.reject_text:"),
        ("dmarc_reject = 'tempfail'", "policy.dmarc_reject:"),
        ("dmarc_temperror = 'reject'", "policy.dmarc_temperror:"),
        ("mode = 'on'", "policy.mode:"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_their_place(line: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(f"[policy]\n{line}\n", Path("inalign.toml"))
    assert str(caught.value).startswith(f"inalign.toml:2: {words}")


def test_milder_for_reject_than_for_quarantine_is_a_warning() -> None:
    settings = parse_settings("[policy]\ndmarc_reject = 'accept'\n")
    assert any("policy.dmarc_reject = accept is milder" in problem for problem in warnings(settings))
    assert not any("milder" in problem for problem in warnings(Settings()))
