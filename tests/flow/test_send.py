"""One message of our own: who signs it, and every reason why nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from inalign.dkim.canonical import Canonicalization
from inalign.dkim.sign import FieldSelection, SigningKey, SigningOptions
from inalign.errors import ParseError
from inalign.flow.key_dns import PublishedKeys
from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.flow.send import (
    AuthorAgreement,
    DnsCheck,
    Sending,
    SendingOptions,
    Sent,
    Submission,
    Unsigned,
    own_domain_rule,
)
from inalign.mail.fields import parse_message
from inalign.mail.recipients import Recipients
from inalign.resolver import ZoneResolver
from tests.dkim.material import ED25519, PLAIN, RSA, ZONE, verify
from tests.helpers import NOW, message, zone

BOTH = (Choice(ED25519, "a:1"), Choice(RSA, "a:2"))


class Finder:
    """Knows the choices for example.com, or cannot say."""

    def __init__(self, choices: Iterable[Choice] = BOTH, problem: str = "") -> None:
        self.choices = tuple(choices)
        self.problem = problem
        self.asked: list[str] = []

    async def find(self, author: str) -> tuple[Choice, ...]:
        self.asked.append(author)
        if self.problem:
            raise KeyLookupError(self.problem)
        return self.choices if author.endswith("example.com") else ()

    async def aclose(self) -> None: ...


def send(
    text: bytes = PLAIN,
    *,
    finder: Finder | None = None,
    options: SendingOptions | None = None,
    submission: Submission | None = None,
    dropped: int = 0,
    names: dict[str, dict[str, object]] | None = None,
) -> Sent:
    async def go() -> Sent:
        parts = parse_message(text)
        sending = Sending(parts.fields, options or SendingOptions(), now=NOW, dropped_fields=dropped)
        await sending.find_keys(finder or Finder())
        for octet in parts.body:
            sending.body(bytes([octet]))
        resolver = zone(ZONE if names is None else names) if names != {} else ZoneResolver.from_json({})
        return await sending.sent(submission or Submission(mail_from="author@example.com"), PublishedKeys(), resolver)

    return asyncio.run(go())


def test_every_key_signs_the_rsa_ones_first() -> None:
    sent = send()
    assert sent.unsigned is None
    assert [(choice.rule, choice.key.selector) for choice in sent.choices] == [("a:2", "rsa"), ("a:1", "ed")]
    assert [result.result for result in verify(b"".join(sent.fields) + PLAIN)] == ["pass", "pass"]
    assert all(field.startswith(b"DKIM-Signature: ") and field.endswith(b"\r\n") for field in sent.fields)


def test_each_rule_has_its_own_identity() -> None:
    sent = send(finder=Finder([Choice(RSA, "a", "ann@example.com"), Choice(ED25519, "b")]))
    assert [b"i=ann@example.com;" in field for field in sent.fields] == [True, False]


def test_finder_is_asked_for_the_address_of_the_author() -> None:
    finder = Finder()
    send(message("From: Ann <Ann@EXAMPLE.com>\n\nx\n"), finder=finder)
    assert finder.asked == ["Ann@example.com"]


TWO = "From: a@example.com, b@example.com\n\nx\n"


@pytest.mark.parametrize(
    ("text", "unsigned"),
    [
        ("From: a@example.net\n\nx\n", Unsigned.NO_RULE),
        ("Subject: x\n\nx\n", Unsigned.NO_AUTHOR),
        (TWO, Unsigned.NO_AUTHOR),
        ("From: a@example.com\nFrom: a@example.com\n\nx\n", Unsigned.NO_AUTHOR),
        ("From: a@[192.0.2.1]\n\nx\n", Unsigned.NO_AUTHOR),
    ],
)
def test_author_that_nobody_signs_for(text: str, unsigned: Unsigned) -> None:
    sent = send(message(text))
    assert (sent.unsigned, sent.fields, sent.choices) == (unsigned, (), ())


def test_header_that_was_not_read_whole_is_not_signed() -> None:
    assert send(dropped=1).unsigned is Unsigned.UNREAD_HEADER


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb\r\n", b"x\r"])
def test_bare_line_ends_are_not_signed(body: bytes) -> None:
    assert send(b"From: a@example.com\r\nX: y\r\n\r\n" + body).unsigned is Unsigned.BARE_LINE_END


def test_keys_that_cannot_be_had_are_told() -> None:
    sent = send(finder=Finder(problem="the database is down"))
    assert (sent.unsigned, sent.detail) == (Unsigned.KEY_UNAVAILABLE, "the database is down")


@pytest.mark.parametrize(
    ("agreement", "submission", "unsigned"),
    [
        ("login", Submission(login="ann@example.com"), None),
        ("login", Submission(login="ann@com"), None),
        ("login", Submission(login="ann@sub.example.com"), Unsigned.LOGIN_DIFFERS),
        ("login", Submission(login="ann@notexample.com"), Unsigned.LOGIN_DIFFERS),
        ("login", Submission(login="ann"), Unsigned.LOGIN_DIFFERS),
        ("login", Submission(), None),  # not authenticated: of our networks
        ("envelope", Submission(mail_from="x@example.com"), None),
        ("envelope", Submission(mail_from="x@bounces.example.com"), None),
        ("envelope", Submission(mail_from=""), None),
        ("envelope", Submission(mail_from="x@example.net"), Unsigned.ENVELOPE_DIFFERS),
        ("envelope", Submission(mail_from=None), Unsigned.ENVELOPE_DIFFERS),
    ],
)
def test_login_and_envelope_can_be_required_to_agree(
    agreement: str, submission: Submission, unsigned: Unsigned | None
) -> None:
    options = SendingOptions(agreements=frozenset({AuthorAgreement(agreement)}))
    assert send(options=options, submission=submission).unsigned is unsigned
    assert send(submission=submission).unsigned is None


def test_excepted_recipients() -> None:
    assert send(submission=Submission(is_excepted=True)).unsigned is Unsigned.EXCEPTED_RECIPIENT


def test_key_that_dns_lacks_is_not_used_where_that_is_required() -> None:
    only_rsa = {RSA.key_name: ZONE[RSA.key_name]}
    require = SendingOptions(dns_check=DnsCheck.REQUIRE)
    sent = send(options=require, names=only_rsa)
    assert [choice.key for choice in sent.choices] == [RSA]
    assert [choice.key for choice, _ in sent.unpublished] == [ED25519]
    assert send(options=require, names={}).unsigned is Unsigned.KEY_NOT_PUBLISHED
    assert len(send(names={}).fields) == 2


def test_every_reason_is_met_here() -> None:
    met = {Unsigned.NO_RULE, Unsigned.NO_AUTHOR, Unsigned.UNREAD_HEADER, Unsigned.BARE_LINE_END}
    met |= {Unsigned.KEY_UNAVAILABLE, Unsigned.LOGIN_DIFFERS, Unsigned.ENVELOPE_DIFFERS}
    met |= {Unsigned.EXCEPTED_RECIPIENT, Unsigned.KEY_NOT_PUBLISHED}
    assert met == set(Unsigned)


def signed_names(selection: FieldSelection, text: bytes = PLAIN) -> list[str]:
    options = SendingOptions(
        signing=SigningOptions(selection=selection, header_canonicalization=Canonicalization.SIMPLE)
    )
    sent = send(text, finder=Finder([Choice(RSA, "a")]), options=options)
    (result,) = verify(sent.fields[0] + text)
    assert result.result == "pass"
    return list(result.signed_fields)


def test_fields_to_sign_can_be_chosen() -> None:
    text = b"X-A: 1\r\nX-B: 1\r\n" + PLAIN
    names = signed_names(
        FieldSelection(
            signed=frozenset({b"x-a", b"reply-to"}),
            oversigned=frozenset({b"x-b"}),
            excluded=frozenset({b"date", b"from"}),
        ),
        text,
    )
    assert [names.count(name) for name in ("x-a", "x-b", "reply-to", "date", "from")] == [1, 2, 0, 0, 2]


def test_fields_that_servers_add_are_not_guarded_where_they_are_missing() -> None:
    text = message("From: a@example.com\n\nx\n")
    names = signed_names(FieldSelection(), text)
    assert not {"date", "message-id"} & set(names)
    sent = send(text, finder=Finder([Choice(RSA, "a")]))
    (result,) = verify(b"Date: x\r\nMessage-ID: <x@y>\r\n" + sent.fields[0] + text)
    assert result.result == "pass"


def test_list_fields_are_guarded_where_they_are() -> None:
    names = signed_names(FieldSelection(), b"List-Id: <x>\r\nIn-Reply-To: <y>\r\n" + PLAIN)
    assert (names.count("list-id"), names.count("in-reply-to"), names.count("list-post")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("author", "choices", "rule"),
    [
        ("a@example.com", BOTH, "a:1"),
        ("a@sub.example.com", BOTH, "a:1"),
        ("a@example.net", BOTH, None),
        (None, BOTH, None),
    ],
)
def test_author_that_is_one_of_ours(author: str | None, choices: tuple[Choice, ...], rule: str | None) -> None:
    assert asyncio.run(own_domain_rule(author, Finder(choices))) == rule


def test_who_signs_for_everybody_owns_nobody() -> None:
    other = Choice(SigningKey.load("esp.example", "s", b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="), "all")
    assert asyncio.run(own_domain_rule("a@example.com", Finder([other]))) is None
    assert asyncio.run(own_domain_rule("a@example.com", Finder(problem="down"))) is None


def test_list_of_recipients() -> None:
    listed = Recipients(["bob@example.net", "example.org", ".below.example"])
    for address in ("BOB@Example.NET", "x@example.org", "x@a.below.example"):
        assert address in listed
    for address in ("carol@example.net", "x@a.example.org", "x@below.example", "bob", "", "x@"):
        assert address not in listed
    assert not Recipients()
    with pytest.raises(ParseError):
        Recipients(["bob@"])
