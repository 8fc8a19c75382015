"""The negotiation: exactly what is needed, and all on offer that can be done without."""

from __future__ import annotations

from struct import pack

import pytest

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter.messages import Action, Command, ProtocolStep
from inalign.milter.negotiation import MacroList, Offer, RequiredFeatures, agree, decode_offer
from tests.milter import mta

FULL = Offer(6, mta.ALL_ACTIONS, mta.ALL_STEPS)
EVENTS = frozenset({Command.CONNECT, Command.HELO, Command.MAIL, Command.HEADER, Command.BODY})
FILTER = RequiredFeatures(actions=Action.ADD_HEADER | Action.CHANGE_HEADER, events=EVENTS)


def test_an_offer_is_three_numbers() -> None:
    assert decode_offer(pack(">III", 6, 0x1FF, 0x1FFFFF)) == FULL


def test_what_a_newer_version_adds_is_left_alone() -> None:
    assert decode_offer(pack(">III", 7, 1, 2) + b"more") == Offer(7, 1, 2)


@pytest.mark.parametrize("size", [0, 4, 11])
def test_a_shorter_offer_is_malformed(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed NEGOTIATE"):
        decode_offer(bytes(size))


def test_the_answer_says_version_actions_and_steps() -> None:
    agreement = agree(FILTER, FULL)
    assert mta.replies(agreement.answer) == [("O", pack(">III", 6, 0x11, agreement.steps))]


def test_all_that_can_be_waived_is_waived() -> None:
    steps = agree(FILTER, FULL).steps
    assert steps == (
        ProtocolStep.NO_RECIPIENT
        | ProtocolStep.NO_DATA
        | ProtocolStep.NO_UNKNOWN
        | ProtocolStep.NO_REPLY_CONNECT
        | ProtocolStep.NO_REPLY_HELO
        | ProtocolStep.NO_REPLY_MAIL
        | ProtocolStep.NO_REPLY_RECIPIENT
        | ProtocolStep.NO_REPLY_DATA
        | ProtocolStep.NO_REPLY_UNKNOWN
        | ProtocolStep.NO_REPLY_HEADER
        | ProtocolStep.NO_REPLY_END_OF_HEADER
        | ProtocolStep.NO_REPLY_BODY
        | ProtocolStep.SKIP
        | ProtocolStep.LEADING_SPACE
    )


def test_only_the_end_of_the_message_is_answered_then() -> None:
    assert agree(FILTER, FULL).owed == {Command.END_OF_MESSAGE}


def test_nothing_is_taken_that_is_not_on_offer() -> None:
    agreement = agree(FILTER, Offer(6, 0x11, int(ProtocolStep.NO_REPLY_HEADER)))
    assert agreement.steps == ProtocolStep.NO_REPLY_HEADER
    assert agreement.owed == set(map(int, Command)) - {
        Command.NEGOTIATE,
        Command.MACRO,
        Command.HEADER,
        Command.ABORT,
        Command.QUIT,
        Command.NEW_CONNECTION,
    }
    assert not agreement.leading_space


def test_a_command_that_the_filter_answers_is_neither_waived_nor_without_reply() -> None:
    steps = agree(RequiredFeatures(events=EVENTS, replies=frozenset({Command.RECIPIENT})), FULL).steps
    assert not steps & (ProtocolStep.NO_RECIPIENT | ProtocolStep.NO_REPLY_RECIPIENT)


def test_the_end_of_the_header_comes_with_its_fields() -> None:
    assert not agree(RequiredFeatures(events=frozenset({Command.HEADER})), FULL).steps & ProtocolStep.NO_END_OF_HEADER


def test_a_filter_that_wants_nothing_gets_the_end_of_the_message() -> None:
    agreement = agree(RequiredFeatures(events=frozenset()), FULL)
    assert agreement.steps == mta.ALL_STEPS & ~ProtocolStep.REJECTED_RECIPIENTS
    assert agreement.owed == {Command.END_OF_MESSAGE}


def test_internal_bits_of_an_mta_are_not_taken() -> None:
    assert agree(FILTER, Offer(6, 0xFFFFFFFF, 0xFFFFFFFF)) == agree(FILTER, FULL)


@pytest.mark.parametrize("version", [0, 2, 5])
def test_an_older_mta_is_refused(version: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"version {version}; version 6 is needed"):
        agree(FILTER, Offer(version, mta.ALL_ACTIONS, mta.ALL_STEPS))


def test_a_newer_mta_is_answered_with_our_version() -> None:
    assert agree(FILTER, FULL._replace(version=7)).answer == agree(FILTER, FULL).answer


def test_an_mta_that_cannot_do_what_is_needed_is_refused_by_name() -> None:
    with pytest.raises(RemoteProtocolError, match="needs: CHANGE_HEADER"):
        agree(FILTER, FULL._replace(actions=0x1EF))


def test_macro_lists_are_set_by_the_number_of_their_stage() -> None:
    wanted = RequiredFeatures(
        events=EVENTS,
        macros=(
            MacroList(Command.CONNECT, ("j", "{client_addr}")),
            MacroList(Command.END_OF_MESSAGE, ("i",)),
            MacroList(Command.END_OF_HEADER, ()),
        ),
    )
    agreement = agree(wanted, FULL)
    assert agreement.actions == Action.SET_MACROS
    assert mta.replies(agreement.answer) == [
        (
            "O",
            pack(">III", 6, 0x100, agreement.steps) + b"\0\0\0\0j {client_addr}\0" + b"\0\0\0\x05i\0" + b"\0\0\0\x06\0",
        )
    ]


def test_without_the_action_no_macro_list_is_sent() -> None:
    wanted = RequiredFeatures(events=EVENTS, macros=(MacroList(Command.CONNECT, ("j",)),))
    assert agree(wanted, FULL._replace(actions=0xFF)).answer == agree(RequiredFeatures(events=EVENTS), FULL).answer


def test_fields_cannot_be_answered_one_by_one() -> None:
    with pytest.raises(LocalProtocolError):
        RequiredFeatures(replies=frozenset({Command.HEADER}))


def test_what_is_welcome_is_taken_where_it_is_on_offer() -> None:
    wanted = RequiredFeatures(actions=Action.ADD_HEADER, welcome=Action.QUARANTINE)
    assert agree(wanted, Offer(6, 0x1FF, 0)).actions == Action.ADD_HEADER | Action.QUARANTINE
    assert agree(wanted, Offer(6, int(Action.ADD_HEADER), 0)).actions == Action.ADD_HEADER
