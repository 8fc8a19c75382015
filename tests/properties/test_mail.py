"""Properties of the mail package: nothing raises but ParseError, nothing is lost, nothing can be smuggled in."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.errors import ParseError
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.author import author_domains
from inalign.mail.authserv_id import claims_authserv_id
from inalign.mail.domain import parse_domain, to_unicode
from inalign.mail.fields import make_field, parse_message
from inalign.mail.mailbox import _MailboxReader, parse_mailboxes
from inalign.mail.results import AuthenticationResults, MethodResult, Property, fold_authentication_results
from inalign.mail.reverse_path import parse_reverse_path
from inalign.mail.tag_list import parse_tag_list

OCTETS = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"From", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"a@b.example", b"<", b">", b'"', b"\\", b"(",
                     b")",
                     b",", b";", b"=", b"mx.example.net", b"spf=pass", b"\0", b"\xff", b"@", b"."]),
    max_size=25,
).map(b"".join)  # fmt: skip
TEXT = st.text(max_size=60)
KEYWORD = st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z]", fullmatch=True)
WORD = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs")), max_size=30)


@given(OCTETS)
def test_parsers_raise_parse_errors_alone(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    for parse in (
        lambda: parse_authentication_results(octets),
        lambda: parse_authentication_results(octets, lenient=True),
        lambda: parse_tag_list(octets),
        lambda: parse_domain(text),
        lambda: parse_reverse_path(text),
    ):
        with contextlib.suppress(ParseError):
            parse()


@given(OCTETS)
def test_reading_a_message_never_raises(octets: bytes) -> None:
    parsed = parse_message(octets)
    authors = author_domains(parsed.fields)
    assert (authors.problem is None) == bool(authors.domains)
    assert isinstance(claims_authserv_id(octets, ["mx.example.net"]), bool)


@given(st.lists(st.tuples(KEYWORD, OCTETS), max_size=5), OCTETS)
def test_fields_and_body_are_the_message(parts: list[tuple[str, bytes]], body: bytes) -> None:
    fields = [b"%b:%b\r\n" % (name.encode(), value.replace(b"\n", b"").replace(b"\r", b"")) for name, value in parts]
    message = b"".join(fields) + b"\r\n" + body
    parsed = parse_message(message)
    assert [field.raw for field in parsed.fields] == fields
    assert parsed.body == body
    for field in parsed.fields:
        assert make_field(field.name, field.value) == field


@given(OCTETS)
def test_no_second_from_is_ever_the_sole_author(octets: bytes) -> None:
    message = b"From: a@victim.example\r\n" + b"From: " + octets.replace(b"\n", b"").replace(b"\r", b"") + b"\r\n\r\n"
    assert author_domains(parse_message(message).fields).sole_domain is None


PIECES = [
    '"',
    "\\",
    "<",
    ">",
    "@",
    ".",
    ",",
    ":",
    ";",
    "[",
    "(c)",
    " ",
    "\t",
    "a",
    "=?utf-8?q?a?=",
    "Some Name",
    '"A, B" ',
    "a.b",
    "example",
    ".org",
    "<a@b.example>",
]
NAMES = ["", '"A (B), c@d" ', "Some Name ", "J. R. ", "=?utf-8?q?a?= ", ", ", '"\\"" ']


@given(st.one_of(st.lists(st.sampled_from(PIECES)), st.tuples(st.sampled_from(NAMES), st.just("<a.b@example.org>"))))
def test_the_short_way_to_a_mailbox_leads_where_the_long_one_does(pieces: list[str]) -> None:
    value = "".join(pieces).encode()
    reader = _MailboxReader(value.decode())
    try:
        reader.read_list()
    except ParseError:
        with pytest.raises(ParseError):
            parse_mailboxes(value)
    else:
        assert parse_mailboxes(value) == tuple(reader.mailboxes)


@given(TEXT)
def test_domain_in_its_own_form_is_itself(text: str) -> None:
    with contextlib.suppress(ParseError):
        name = parse_domain(text)
        assert parse_domain(name) == name
        assert parse_domain(to_unicode(name)) == name


RESULTS = st.builds(
    AuthenticationResults,
    authserv_id=st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True),
    version=st.integers(1, 9),
    results=st.lists(
        st.builds(
            MethodResult,
            method=KEYWORD.filter(lambda word: word != "none"),
            version=st.integers(1, 9),
            result=KEYWORD,
            reason=st.none() | WORD,
            properties=st.lists(
                st.builds(Property, st.sampled_from(["smtp", "header", "policy"]), KEYWORD, WORD.filter(bool)),
                max_size=3,
            ).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
)


@given(RESULTS)
def test_printed_results_read_back_the_same(results: AuthenticationResults) -> None:
    assert parse_authentication_results(str(results).encode()) == results


HOSTILE = st.builds(
    AuthenticationResults,
    authserv_id=TEXT,
    version=st.integers(0, 10**9),
    results=st.lists(
        st.builds(
            MethodResult,
            method=TEXT,
            result=TEXT,
            reason=st.none() | TEXT,
            comment=st.none() | TEXT,
            properties=st.lists(st.builds(Property, TEXT, TEXT, TEXT), max_size=3).map(tuple),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(HOSTILE)
def test_nothing_that_is_printed_adds_a_result(results: AuthenticationResults) -> None:
    printed = str(results)
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in printed)
    with contextlib.suppress(ParseError):
        read = parse_authentication_results(printed.encode())
        assert len(read.results) == len(results.results)


@given(HOSTILE)
def test_folding_adds_line_ends_alone(results: AuthenticationResults) -> None:
    printed = str(results)
    folded = fold_authentication_results(printed)
    assert folded.replace("\n", "") == printed
    assert all(line.startswith(" ") for line in folded.split("\n")[1:])
    assert all(len(line.encode()) <= 998 for line in folded.split("\n"))
