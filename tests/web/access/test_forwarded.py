"""Whose request a proxy hands in: listed proxies are believed, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.mail.networks import Networks
from inalign.store.state.accounts import Role
from inalign.web.access.forwarded import MAX_FIELD, MAX_HOPS, visitor_of
from inalign.web.access.throttle import ADDRESS_FAILURES, network_of_address
from inalign.web.app import WebOptions
from tests.web.live_site import Browser, Site, serve

PROXIES = Networks(["127.0.0.1", "::1", "10.0.0.0/8", "!10.9.9.9"])


@pytest.mark.parametrize(
    ("peer", "told", "visitor"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("127.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        ("127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "192.0.2.7, 10.1.2.3", "192.0.2.7"),
        # What stands left of a visitor he wrote himself.
        ("127.0.0.1", "203.0.113.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.1, 10.9.9.9", "10.9.9.9"),
        ("192.0.2.7", "203.0.113.1", "192.0.2.7"),
        ("10.9.9.9", "203.0.113.1", "10.9.9.9"),
        # Where a proxy names no address, it is itself who is known.
        ("127.0.0.1", "203.0.113.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.1, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.1,", "127.0.0.1"),
        ("127.0.0.1", "evil.example", "127.0.0.1"),
        ("127.0.0.1", "127.1", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7\r\nx", "127.0.0.1"),
        ("127.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("", "192.0.2.7", ""),
        ("127.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("127.0.0.1", "192.0.2.7," + " " * MAX_FIELD, "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7," + ",".join(["10.0.0.1"] * MAX_HOPS), "10.0.0.1"),
    ],
)
def test_proxies_are_believed_one_by_one(peer: str, told: str, visitor: str) -> None:
    assert visitor_of(peer, told, PROXIES) == visitor


def test_by_default_nobody_is_believed() -> None:
    assert visitor_of("127.0.0.1", "192.0.2.7", Networks()) == "127.0.0.1"


def _last(site: Site) -> str:
    return site.accounts.audit(1)[0].address


def test_the_audit_log_and_sessions_have_the_visitor(tmp_path: Path) -> None:
    options = WebOptions(url="http://127.0.0.1", proxies=Networks(["127.0.0.1"]))
    with serve(tmp_path, options) as site:
        site.user("alice", Role.ADMIN)
        browser = Browser(site.port)
        fields = {"X-Forwarded-For": "203.0.113.5, 192.0.2.7", "X-Forwarded-Host": "evil.example"}
        assert browser.post("/sign-in", fields, user="alice", password="wrong").status == 403
        assert _last(site) == "192.0.2.7"
        assert browser.sign_in("alice").status == 303
        assert _last(site) == "127.0.0.1"
        assert [session.address for session in site.accounts.sessions("alice")] == ["127.0.0.1"]


def test_failures_of_one_visitor_do_not_count_for_another(tmp_path: Path) -> None:
    with serve(tmp_path, WebOptions(url="http://127.0.0.1", proxies=Networks(["127.0.0.1"]))) as site:
        browser = Browser(site.port)

        def attempt(address: str, user: str) -> int:
            return browser.post("/sign-in", {"X-Forwarded-For": address}, user=user, password="x" * 1_001).status

        assert {attempt(f"2001:db8::{number:x}", f"u{number}") for number in range(ADDRESS_FAILURES)} == {403}
        assert attempt("2001:db8::ffff", "another") == 429  # of the same /64
        assert attempt("2001:db8:0:1::1", "another") == 403
        # He cannot choose another address himself.
        assert attempt("192.0.2.1, 2001:db8::ffff", "one more") == 429


def test_without_proxies_the_field_changes_nothing(users_site: Site) -> None:
    browser = Browser(users_site.port)
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"):
        assert browser.post("/sign-in", {name: "203.0.113.5"}, user="reader", password="wrong").status == 403
        assert _last(users_site) == "127.0.0.1"


def test_behind_a_proxy_nobody_reads_without_users(tmp_path: Path) -> None:
    with serve(tmp_path, WebOptions(proxies=Networks(["127.0.0.1"]))) as site:
        assert Browser(site.port).get("/domains").status == 403


@pytest.mark.parametrize(
    ("address", "site"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:0:1::7", "2001:db8:0:1::/64"), ("", ""), ("x", "x")],
)
def test_a_visitor_has_a_network(address: str, site: str) -> None:
    assert network_of_address(address) == site
