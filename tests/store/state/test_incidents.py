"""Incidents open once, end by themselves, and are told once: from the findings to what waits for each channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.alerts.rules import Known
from inalign.errors import ParseError
from inalign.insight.detection import AlertCode, Detection
from inalign.store.state.control import Control
from inalign.store.state.incidents import (
    CALM_SECONDS,
    DAY,
    REOPEN_SECONDS,
    Event,
    IncidentChange,
    acknowledge,
    close_calm,
    incidents,
    mark_reported,
    mute,
    note_findings,
    open_incidents,
    read_known,
    write_known,
)
from inalign.store.state.outbox import (
    BATCH_SECONDS,
    GIVE_UP_SECONDS,
    REMIND_SECONDS,
    RETRY_SECONDS,
    Reach,
    due_reminders,
    keep_channels,
    note_failed,
    note_sent,
    queue,
    read_channel,
    take,
)

T0 = 20_718 * 86_400.0
WAVE = Detection(AlertCode.SPOOF_WAVE, "", firm=True, values={"messages": 700, "usual": 30})
EBBING = Detection(AlertCode.SPOOF_WAVE, "", firm=False, values={"messages": 80, "usual": 30})
SELECTOR = Detection(
    AlertCode.NEW_SELECTOR, "s2._domainkey.example.org", firm=True, values={"name": "s2", "messages": 9}
)
ALL = Reach("all", None)


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "control.sqlite")


def events(changed: list[IncidentChange]) -> list[Event]:
    return [each.event for each in changed]


def test_found_again_is_the_same_incident(control: Control) -> None:
    assert events(note_findings(control, "example.org", [WAVE], T0)) == [Event.OPENED]
    for hours in range(1, 60):
        assert note_findings(control, "example.org", [WAVE], T0 + 3_600 * hours) == []
    (only,) = incidents(control)
    assert (only.opened, only.seen, only.days, only.closed) == (T0, T0 + 3_600 * 59, 3, 0.0)


def test_what_is_not_firm_opens_nothing_but_keeps_open(control: Control) -> None:
    assert note_findings(control, "example.org", [EBBING], T0) == []
    note_findings(control, "example.org", [WAVE], T0)
    assert note_findings(control, "example.org", [EBBING], T0 + 3 * DAY) == []
    assert incidents(control)[0].values["messages"] == 80
    assert not incidents(control)[0].closed


def test_it_is_over_when_it_was_calm_for_long(control: Control) -> None:
    note_findings(control, "example.org", [WAVE], T0)
    assert note_findings(control, "example.org", [], T0 + 100) == []
    assert note_findings(control, "example.org", [WAVE], T0 + 200) == []  # back again: it was not over
    assert note_findings(control, "example.org", [], T0 + 300) == []
    assert close_calm(control, T0 + 300 + CALM_SECONDS - 1) == []
    assert events(close_calm(control, T0 + 300 + CALM_SECONDS)) == [Event.CLOSED]
    assert close_calm(control, T0 + 300 + 2 * CALM_SECONDS) == []


def test_what_comes_back_soon_is_the_same_incident_later_it_is_another(control: Control) -> None:
    note_findings(control, "example.org", [SELECTOR], T0)
    assert events(note_findings(control, "example.org", [], T0 + 1)) == [Event.CLOSED]
    (again,) = note_findings(control, "example.org", [SELECTOR], T0 + 2)
    assert again.incident.number == 1
    note_findings(control, "example.org", [], T0 + 3)
    (other,) = note_findings(control, "example.org", [SELECTOR], T0 + 4 + REOPEN_SECONDS)
    assert other.incident.number == 2


def test_domains_do_not_close_each_other(control: Control) -> None:
    note_findings(control, "example.org", [SELECTOR], T0)
    assert events(note_findings(control, "example.net", [SELECTOR], T0 + 1)) == [Event.OPENED]
    assert note_findings(control, "", [], T0 + 2) == []
    assert len(incidents(control, only_open=True)) == 2


def test_scope_is_domains_and_below(control: Control) -> None:
    for domain in ("example.org", "sub.example.org", "notexample.org", ""):
        note_findings(control, domain, [WAVE], T0)
    assert {each.domain for each in incidents(control, ("example.org",))} == {"example.org", "sub.example.org"}
    assert incidents(control, ()) == []
    assert len(incidents(control, None)) == 4


def test_muted_and_acknowledged_ones_are_not_shown_on_top(control: Control) -> None:
    for domain in ("a.example", "b.example", "c.example"):
        note_findings(control, domain, [WAVE], T0)
    acknowledge(control, 1, "alice")
    mute(control, 2, T0 + DAY)
    assert [each.domain for each in open_incidents(control, None, T0)] == ["c.example"]
    assert [each.domain for each in open_incidents(control, None, T0 + DAY)] == ["c.example", "b.example"]
    with pytest.raises(ParseError, match="there is no incident 3"):
        mute(control, 3, T0, ("a.example",))
    with pytest.raises(ParseError):
        acknowledge(control, 99, "alice")


def test_what_was_known_is_kept(control: Control) -> None:
    assert read_known(control, "example.org", Known) is None
    known = Known(senders={"Mail House": 0}, rates={"Mail House": 0.9}, open=("spoof_wave ",))
    write_known(control, "example.org", known, T0)
    assert read_known(control, "example.org", Known) == known


# Telling


def test_what_happens_together_is_one_message(control: Control) -> None:
    queue(control, [ALL], note_findings(control, "example.org", [WAVE, SELECTOR], T0), T0)
    queue(control, [ALL], note_findings(control, "example.net", [WAVE], T0 + 60), T0 + 60)
    assert take(control, "all", T0 + 100) == []
    waiting = take(control, "all", T0 + BATCH_SECONDS)
    assert len(waiting) == 3
    note_sent(control, "all", waiting, T0 + BATCH_SECONDS)
    assert take(control, "all", T0 + DAY) == []
    assert read_channel(control, "all").sent == 1


def test_a_channel_hears_of_its_domains_alone(control: Control) -> None:
    some = Reach("some", ("example.org",))
    for domain in ("sub.example.org", "example.net", ""):
        queue(control, [some, ALL], note_findings(control, domain, [WAVE], T0), T0)
    assert [each.incident.domain for each in take(control, "some", T0 + DAY)] == ["sub.example.org"]
    assert len(take(control, "all", T0 + DAY)) == 3


def test_what_ends_before_it_was_told_is_not_told(control: Control) -> None:
    queue(control, [ALL], note_findings(control, "", [Detection(AlertCode.STORE_FAILS, "", firm=True)], T0), T0)
    note_findings(control, "", [], T0 + 1)
    ended = close_calm(control, T0 + DAY)
    assert events(ended) == [Event.CLOSED]
    assert queue(control, [ALL], ended, T0 + DAY) == []
    assert take(control, "all", T0 + 2 * DAY) == []


def test_end_of_a_condition_is_told_that_of_an_event_is_not(control: Control) -> None:
    queue(control, [ALL], note_findings(control, "example.org", [WAVE, SELECTOR], T0), T0)
    note_sent(control, "all", take(control, "all", T0 + 400), T0 + 400)
    note_findings(control, "example.org", [], T0 + DAY)
    ended = close_calm(control, T0 + 3 * DAY)
    queue(control, [ALL], ended, T0 + 3 * DAY)
    assert [each.incident.code for each in take(control, "all", T0 + 4 * DAY)] == [AlertCode.SPOOF_WAVE]


def test_muted_ones_are_told_to_nobody(control: Control) -> None:
    queue(control, [ALL], note_findings(control, "example.org", [WAVE], T0), T0)
    mute(control, 1, T0 + 90 * DAY)
    assert take(control, "all", T0 + DAY) == []
    keep_channels(control, ["all"], T0 + DAY)
    note_findings(control, "example.org", [], T0 + DAY)
    assert queue(control, [ALL], close_calm(control, T0 + 3 * DAY), T0 + 3 * DAY) == []
    # it comes back long after, while it is muted: it is the same, and nobody hears of it
    again = note_findings(control, "example.org", [WAVE], T0 + 30 * DAY)
    assert queue(control, [ALL], again, T0 + 30 * DAY) == []
    assert len(incidents(control)) == 1


def test_one_reminder_in_a_long_while_and_none_where_somebody_knows(control: Control) -> None:
    for domain in ("a.example", "b.example"):
        note_findings(control, domain, [WAVE, SELECTOR], T0)
    mark_reported(control, [1, 2, 3, 4], T0)
    acknowledge(control, 1, "alice")
    assert due_reminders(control, T0 + REMIND_SECONDS - 1) == []
    (reminder,) = due_reminders(control, T0 + REMIND_SECONDS)
    assert (reminder.incident.domain, reminder.incident.code) == ("b.example", AlertCode.SPOOF_WAVE)
    mark_reported(control, [reminder.incident.number], T0 + REMIND_SECONDS)
    assert due_reminders(control, T0 + REMIND_SECONDS + DAY) == []


def test_failed_messages_are_tried_again_less_and_less_often_and_given_up(control: Control) -> None:
    queue(control, [ALL], note_findings(control, "example.org", [WAVE], T0), T0)
    now, tries = T0 + BATCH_SECONDS, 0
    while waiting := take(control, "all", now):
        note_failed(control, "all", waiting, "refused\n" * 100, now)
        tries += 1
        pause = RETRY_SECONDS[min(tries - 1, len(RETRY_SECONDS) - 1)]
        assert take(control, "all", now + pause - 1) == []
        now += pause
    record = read_channel(control, "all")
    assert (record.failed, record.lost, record.sent) == (tries, 1, 0)
    assert now - T0 > GIVE_UP_SECONDS
    assert 5 < tries < 40
    assert record.is_failing
    assert len(record.last_error) <= 300


def test_channel_that_works_again_is_well(control: Control) -> None:
    queue(control, [ALL], note_findings(control, "example.org", [WAVE], T0), T0)
    note_failed(control, "all", take(control, "all", T0 + 400), "no", T0 + 400)
    note_sent(control, "all", take(control, "all", T0 + 500), T0 + 500)
    record = read_channel(control, "all")
    assert (record.is_failing, record.last_error, record.sent) == (False, "no", 1)


def test_channels_that_are_not_set_any_more_are_forgotten(control: Control) -> None:
    queue(control, [ALL, Reach("old", None)], note_findings(control, "example.org", [WAVE], T0), T0)
    note_failed(control, "old", take(control, "old", T0 + 400), "no", T0 + 400)
    keep_channels(control, ["all"], T0 + 500)
    assert take(control, "old", T0 + 2 * DAY) == []
    assert read_channel(control, "old").failed == 0
    assert len(take(control, "all", T0 + 500)) == 1
