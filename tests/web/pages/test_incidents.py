"""The page of incidents: who sees which, who may change them, and that hostile words stay words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inalign.insight.detection import AlertCode, Detection
from inalign.insight.texts import catalogue
from inalign.store.state.accounts import Role
from inalign.store.state.incidents import DAY, incidents, note_findings
from inalign.store.state.outbox import Reach, note_failed, queue, take
from inalign.web.pages.incidents import open_lines
from tests.store.material import NOW
from tests.web.live_site import HOSTILE, Browser, Site

T0 = NOW.timestamp()


@pytest.fixture
def full(site: Site) -> Site:
    """alice is an admin, editor of all, narrow of example.net, reader of all."""
    site.user("editor", Role.EDITOR)
    site.user("narrow", Role.EDITOR, ("example.net",))
    site.user("reader", Role.READER)
    wave = Detection(AlertCode.SPOOF_WAVE, "", firm=True, values={"messages": 700, "usual": 30})
    source = Detection(
        AlertCode.NEW_SOURCE,
        HOSTILE,
        firm=True,
        values={"sender": HOSTILE, "class": "unknown", "messages": 90, "failing": 3, "percent": 12},
    )
    nothing = Detection(AlertCode.NOTHING_ARRIVES, "", firm=True, values={"days": 4})
    changed = note_findings(site.control, "example.com", [wave, source], T0)
    changed += note_findings(site.control, "example.net", [wave], T0)
    changed += note_findings(site.control, "", [nothing], T0)
    queue(site.control, [Reach("chat", None)], changed, T0)
    note_failed(site.control, "chat", take(site.control, "chat", T0 + DAY), HOSTILE, T0 + DAY)
    note_findings(site.control, "old.example.com", [source], T0)
    note_findings(site.control, "old.example.com", [], T0 + 1)
    return site


def browser(site: Site, name: str) -> Browser:
    made = Browser(site.port)
    assert made.sign_in(name).status == 303
    return made


def test_admin_sees_all_of_it(full: Site) -> None:
    page = browser(full, "alice").get("/incidents")
    assert page.status == 200
    assert "a wave of forged mail: 700 messages in three days" in page.text
    assert "no report has come for 4 days" in page.text
    assert "⚠ fails" in page.text
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert page.text.index('id="open-title"') < page.text.index('id="over-title"')


def test_page_is_in_japanese(full: Site) -> None:
    page = browser(full, "alice").get("/incidents", Accept_Language="ja")
    assert "なりすましメールが急増しています" in page.text
    assert "確認済みにする" in page.text


def test_scope_hides_others_and_what_is_of_all(full: Site) -> None:
    page = browser(full, "narrow").get("/incidents")
    assert "example.net" in page.text
    assert "example.com" not in page.text
    assert "no report has come" not in page.text
    assert "chat" not in page.text
    rows = json.loads(browser(full, "narrow").get("/api/v1/incidents").text)
    assert [row["domain"] for row in rows] == ["example.net"]
    assert browser(full, "narrow").get("/csv/incidents.csv").text.count("example.com") == 0


def test_scope_holds_for_changes(full: Site) -> None:
    theirs = next(each for each in incidents(full.control) if each.domain == "example.com")
    ours = next(each for each in incidents(full.control) if each.domain == "example.net")
    narrow = browser(full, "narrow")
    for number in (theirs.number, 999):
        page = narrow.post("/incidents/change", number=str(number), do="acknowledge")
        assert page.status == 400
        assert "there is no such incident" in page.text
    assert narrow.post("/incidents/change", number=str(ours.number), do="acknowledge").status == 303
    assert [each.acknowledged for each in incidents(full.control) if each.acknowledged] == ["narrow"]


def test_editor_mutes_and_takes_it_back(full: Site) -> None:
    editor = browser(full, "editor")
    number = str(next(each for each in incidents(full.control) if each.domain == "").number)
    assert editor.post("/incidents/change", number=number, do="mute", days="30").status == 303
    assert next(each for each in incidents(full.control) if not each.domain).muted_until == T0 + 30 * DAY
    assert "muted" in editor.get("/incidents").text
    assert editor.post("/incidents/change", number=number, do="unmute").status == 303
    assert not next(each for each in incidents(full.control) if not each.domain).muted_until
    assert [each.act for each in full.accounts.audit() if each.act.startswith("incident")] == [
        "incident: unmute",
        "incident: mute",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"number": "1", "do": "mute", "days": "31"},
        {"number": "1", "do": "mute"},
        {"number": "1", "do": "close"},
        {"number": "-1", "do": "acknowledge"},
        {"number": "9" * 40, "do": "acknowledge"},
        {"number": "１", "do": "acknowledge"},
        {"do": "acknowledge"},
    ],
)
def test_changes_that_make_no_sense(full: Site, fields: dict[str, str]) -> None:
    assert browser(full, "editor").post("/incidents/change", None, **fields).status == 400


def test_reader_and_strangers_change_nothing(full: Site) -> None:
    assert "Acknowledge" not in browser(full, "reader").get("/incidents").text
    assert browser(full, "reader").post("/incidents/change", number="1", do="acknowledge").status == 403
    assert Browser(full.port).post("/incidents/change", number="1", do="acknowledge").status == 303  # to sign in
    other = {"Origin": "https://evil.example"}
    assert browser(full, "editor").post("/incidents/change", other, number="1", do="acknowledge").status == 403
    assert not any(each.acknowledged for each in incidents(full.control))


def test_api_tells_codes_and_values(full: Site) -> None:
    rows = json.loads(browser(full, "reader").get("/api/v1/incidents?domain=example.com").text)
    assert [(row["code"], row["state"]) for row in rows] == [
        ("new_source", "open"),
        ("spoof_wave", "open"),
        ("new_source", "closed"),
    ]
    assert rows[1]["values"] == {"messages": 700, "usual": 30}


def test_csv_of_hostile_words_runs_no_formula(full: Site) -> None:
    note_findings(full.control, "example.com", [Detection(AlertCode.NEW_NAME, "=cmd()", firm=True, values={})], T0)
    text = browser(full, "reader").get("/csv/incidents.csv").text
    assert "'=cmd()" in text
    assert ",=cmd" not in text


def test_first_page_and_that_of_a_domain_tell_what_is_open(full: Site) -> None:
    page = browser(full, "reader").get("/domains?since=2026-10-01")
    assert "no report has come for 4 days" in page.text
    assert "Open incidents: 3" in page.text  # a new source that judging does not find is no news any more
    assert "<script>alert" not in page.text
    domain = browser(full, "reader").get("/domain?domain=example.net&since=2026-10-01").text
    assert "Open incidents: 1" in domain
    assert "no report has come" not in domain


def test_first_page_tells_of_no_other_scope(full: Site) -> None:
    assert "Open incidents: 1" in browser(full, "narrow").get("/domains?since=2026-10-01").text
    assert "Open incidents" not in browser(full, "narrow").get("/domain?domain=example.com&since=2026-10-01").text


def test_lines_for_other_pages(full: Site, tmp_path: Path) -> None:
    say = catalogue("en")
    assert [each.where for each in open_lines(full.control, None, T0, say)] == [
        "intake of reports",
        "example.net",
        "example.com",
        "example.com",
    ]
    assert [each.link for each in open_lines(full.control, ("example.net",), T0, say)] == ["/domain?domain=example.net"]
