"""Judgement and plan as plain values."""

from __future__ import annotations

from typing import Any

import msgspec

from inalign.insight.rows import plan_row, source_rows
from tests.insight.vectors import stories


def built(value: object) -> Any:  # Any: JSON
    """As JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


STORIES = {story.name: story for story in stories()}


def test_sources_have_the_words_of_the_interface() -> None:
    rows = built(list(source_rows(STORIES["own: a rental server and its neighbours"].judge())))
    (own,) = [row for row in rows if row["source_ip"] == "183.90.238.10"]
    assert own["class"] == "own"
    assert own["service"] == "Xserver"
    assert own["classes"] == {"own": 810, "hosting": 30}
    assert own["evidence"] == [
        {"code": "spf_aligned", "name": "sumire.example", "rule": "spf.own_server"},
        {"code": "named_by_include", "include": "spf.sender.xserver.jp", "rule": "spf.own_server"},
        {"code": "mail_exchange", "name": "sv10.xserver.jp", "rule": "spf.own_server"},
    ]


def test_a_plan_has_the_words_of_the_interface() -> None:
    row = built(plan_row(STORIES["approved: a selector without a key"].plan()))
    assert row["next"] == {
        "step": "fix",
        "record": None,
        "records": [],
        "why": [{"code": "senders_fail", "senders": 1}],
    }
    assert row["blocking"] == [
        {
            "source": "mailer.example",
            "service": None,
            "class": "approved",
            "header_from": "sumire.example",
            "messages": 900,
            "failing": 900,
            "addresses": ["192.0.2.10"],
            "remedy": "publish_key",
            "selectors": ["crm1"],
            "page": None,
            "since": "2024-06-23",
            "until": "2024-07-22",
        }
    ]
    assert row["policies"] == {
        "quarantine": {"approved": 2700},
        "reject": {"approved": 2700},
        "sp": {},
        "np": {},
        "strict": {},
        "relaxed": {},
    }


def test_a_parked_domain_gets_all_its_records() -> None:
    story = STORIES["plan: parked"]
    told = {**story.told, "zone": {**story.told["zone"], "sumire.example": {"TXT": ["v=spf1 -all"]}}}
    row = built(plan_row(type(story)("parked", told).plan()))
    assert row["next"] == {
        "step": "park",
        "record": "v=DMARC1; p=reject; rua=mailto:d@sumire.example",
        "records": [
            {"name": "sumire.example", "type": "MX", "value": "0 ."},
            {"name": "*._domainkey.sumire.example", "type": "TXT", "value": "v=DKIM1; p="},
        ],
        "why": [{"code": "parked", "messages": 75}],
    }
