"""Milters in a row before real mail servers: each canonicalization arrives as it was signed, by both kinds of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

import pytest

from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.fields import parse_message
from tests.differential.dkim_peers import PEERS, DkimPeer
from tests.interop.milter_chain import BEHIND, FORMS, SELECTORS, Row
from tests.interop.senders import message
from tests.interop.signing import BODIES, HEADERS, SigningSite
from tests.interop.smtp import Client

MESSAGES = {name: message(body=body) for name, body in BODIES.items()}
MESSAGES |= {name: message(fields=fields) for name, fields in HEADERS.items()}
SIGNERS = [("reject.example", selector) for selector in SELECTORS]


class Arrived(NamedTuple):
    """A server, and what came through it of each message."""

    site: SigningSite
    texts: Mapping[str, bytes]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Arrived]]:
    row = Row(tmp_path_factory.mktemp("row"))

    @cache
    def started(name: str) -> Arrived:
        server, sink = row.server(name)
        site = SigningSite(server, (), row.zone, sink, SIGNERS)
        return Arrived(site, {name: site.exchange(text, options=["BODY=8BITMIME"]) for name, text in MESSAGES.items()})

    try:
        yield started
    finally:
        row.stop()


@pytest.fixture
def arrived(server_name: str, sites: Callable[[str], Arrived]) -> Arrived:
    return sites(server_name)


def told_behind(text: bytes) -> dict[str, str]:
    """What the last milter found, by selector."""
    fields = [field.value for field in parse_message(text).fields if field.key == b"authentication-results"]
    (found,) = [parsed for parsed in map(parse_authentication_results, fields) if parsed.authserv_id == BEHIND]
    return {selector: each.result for each in found.results for selector in each.values("header", "s")}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_form_arrives_as_it_was_signed(arrived: Arrived, name: str) -> None:
    text = arrived.texts[name]
    assert arrived.site.holding(text) == SIGNERS
    forms = [result.canonicalization for result in arrived.site.verified(text)]
    assert forms == [form for form in reversed(FORMS.values()) for _ in range(2)] + ["relaxed/simple"]


def test_last_milter_verifies_what_those_before_it_signed(arrived: Arrived) -> None:
    assert told_behind(arrived.texts["text"]) == dict.fromkeys(SELECTORS, "pass")


@pytest.mark.parametrize("peer", PEERS, ids=[peer.name for peer in PEERS])
def test_other_verifiers_accept_every_form_that_arrives(arrived: Arrived, peer: DkimPeer) -> None:
    if peer.missing():
        pytest.skip(str(peer.missing()))
    texts = [text for name, text in arrived.texts.items() if name not in {"bytes", "blanks"}]
    asked = [name for name in SELECTORS if peer.name != "Mail::DKIM" or not name.startswith("ed25519")]
    answers = [{name: each.get(name) for name in asked} for each in arrived.site.judged(texts, peer)]
    assert answers == [dict.fromkeys(asked, "pass")] * len(texts)


def test_mail_of_strangers_is_signed_by_none(arrived: Arrived) -> None:
    stranger = Client(ip="203.0.113.77", helo="home.example", name=None)
    text = arrived.site.exchange(message(), client=stranger)
    assert b"DKIM-Signature" not in text
    assert told_behind(text) == {}
