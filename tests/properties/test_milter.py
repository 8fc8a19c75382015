"""The milter protocol whatever comes: frames survive any cut, and an MTA causes nothing but a RemoteProtocolError."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter import replies
from inalign.milter.frames import FrameBuffer, encode_frame
from inalign.milter.limits import MilterLimits
from inalign.milter.messages import (
    Action,
    Command,
    Connected,
    Family,
    Helo,
    MailFrom,
    Recipient,
    decode_connect,
    decode_helo,
    decode_mail,
    decode_recipient,
    mailbox_of,
)
from inalign.milter.negotiation import RequiredFeatures, agree, decode_offer
from inalign.milter.session import MilterSession
from tests.milter import mta

SMALL = MilterLimits(frame_bytes=4096, header_bytes=256, header_fields=4, macro_bytes=64)
NAMES = st.from_regex(rb"[\x21-\x39\x3b-\x7e]{1,20}", fullmatch=True)
TEXTS = st.binary(max_size=40).map(lambda octets: octets.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=80)), max_size=12)
COMMANDS = st.lists(
    st.one_of(
        st.sampled_from(list(mta.SAMPLES.values())),
        st.builds(mta.frame, st.sampled_from(list(Command)), st.binary(max_size=60)),
    ),
    max_size=25,
).map(b"".join)
WANTED = st.builds(
    RequiredFeatures,
    actions=st.sampled_from([Action(0), Action.ADD_HEADER]),
    events=st.frozensets(st.sampled_from(list(RequiredFeatures().events))),
    replies=st.frozensets(st.sampled_from(sorted(RequiredFeatures().events - {Command.HEADER}))),
    watched=st.just(frozenset({b"subject"})),
)


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in pairwise(at)]


def story(wanted: RequiredFeatures, pieces: list[bytes]) -> tuple[list[str], bytes, str | None]:
    """The events, the output and the error of a session whose filter lets everything pass."""
    session = MilterSession(wanted, SMALL)
    events: list[str] = []
    output = b""
    try:
        for piece in pieces:
            session.receive(piece)
            for event in session.events():
                events.append(repr(event))
                if session.is_waiting():
                    session.answer(replies.CONTINUE)
            output += session.data_to_send()
    except RemoteProtocolError as error:
        return events, output + session.data_to_send(), str(error)
    return events, output, None


@given(FRAMES, st.lists(st.integers(0, 2000), max_size=6))
def test_frames_survive_any_cut(frames: list[tuple[int, bytes]], places: list[int]) -> None:
    buffer = FrameBuffer()
    found: list[tuple[int, bytes]] = []
    for piece in cut(b"".join(encode_frame(*frame) for frame in frames), places):
        buffer.receive(piece)
        found += buffer.frames()
    assert found == frames
    assert len(buffer) == 0


@given(WANTED, st.binary(max_size=300))
def test_any_octets_raise_nothing_but_the_one_error(wanted: RequiredFeatures, octets: bytes) -> None:
    story(wanted, [octets])
    story(wanted, [mta.offer() + octets])


@given(WANTED, st.integers(0, mta.ALL_STEPS), COMMANDS)
def test_any_commands_raise_nothing_but_the_one_error(wanted: RequiredFeatures, steps: int, commands: bytes) -> None:
    story(wanted, [mta.offer(steps=steps) + mta.connect() + commands])


@given(WANTED, st.integers(0, mta.ALL_STEPS), COMMANDS, st.lists(st.integers(0, 2000), max_size=6))
def test_a_conversation_does_not_depend_on_its_cuts(
    wanted: RequiredFeatures, steps: int, commands: bytes, places: list[int]
) -> None:
    wire = mta.offer(steps=steps) + mta.connect() + mta.mail() + commands
    assert story(wanted, cut(wire, places)) == story(wanted, [wire])


@given(WANTED, st.integers(0, mta.ALL_STEPS))
def test_a_whole_message_passes_whatever_was_agreed(wanted: RequiredFeatures, steps: int) -> None:
    events, output, error = story(wanted, [mta.offer(steps=steps) + mta.connect() + mta.MESSAGE * 2 + mta.QUIT])
    assert error is None
    assert events.count("EndOfMessage()") == 2
    assert events[-1] == "Quit()"
    owed = agree(wanted, decode_offer(mta.offer(steps=steps)[5:])).owed
    answered = [command for command in (Command.CONNECT, *mta.MESSAGE_COMMANDS * 2) if command in owed]
    assert [letter for letter, _ in mta.replies(output)] == ["O", *"c" * len(answered)]


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3), st.integers(0, 65535))
def test_what_an_mta_encodes_is_what_is_decoded(host: str, path: str, parameters: list[str], port: int) -> None:
    where = mta.connect(host, "4", port, path)[5:]
    assert decode_connect(where) == Connected(host, Family.INET, path, port)
    assert decode_helo(mta.helo(host)[5:]) == Helo(host)
    assert decode_mail(mta.mail(path, *parameters)[5:]) == MailFrom(path, tuple(parameters))
    assert decode_recipient(mta.recipient(path, *parameters)[5:]) == Recipient(path, tuple(parameters))


@given(TEXTS)
def test_a_mailbox_keeps_no_outer_brackets_of_a_path(text: str) -> None:
    mailbox = mailbox_of(f"<{text}>")
    assert mailbox in text or mailbox == ""
    assert mailbox_of(mailbox_of(f"<{text}>")) in mailbox


@given(NAMES, st.binary(max_size=60), st.booleans())
def test_a_field_that_can_be_made_is_one_field(name: bytes, value: bytes, leading_space: bool) -> None:
    try:
        edit = replies.add_header(name, value)
    except LocalProtocolError:
        return
    ((letter, payload),) = mta.replies(edit.wire(leading_space=leading_space))
    assert letter == "h"
    sent_name, sent_value, rest = payload.split(b"\0")
    assert (sent_name, rest) == (name, b"")
    blank = b" " if leading_space and value else b""
    assert sent_value == blank + value.replace(b"\r\n", b"\n")
    assert all(line[:1] in (b" ", b"\t") for line in sent_value.split(b"\n")[1:])


@given(st.integers(400, 599), st.text(max_size=80))
def test_a_reply_that_can_be_made_can_be_read_back(code: int, text: str) -> None:
    enhanced = f"{code // 100}.7.1"
    try:
        reply = replies.reply_code(code, enhanced, text)
    except LocalProtocolError:
        return
    ((letter, payload),) = mta.replies(reply.wire)
    assert letter == "y"
    lines = payload.removesuffix(b"\0").decode("ascii").replace("%%", "%").split("\r\n")
    assert [line[3] for line in lines] == ["-"] * (len(lines) - 1) + [" "]
    assert "\n".join(line[4:].removeprefix(f"{enhanced} ") for line in lines) == text
