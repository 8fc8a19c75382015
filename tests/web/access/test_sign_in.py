"""Signing in and out, sessions, links, tokens, roles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inalign.store.state.accounts import Role, Token
from inalign.web.access.throttle import USER_FAILURES, WINDOW_SECONDS
from inalign.web.access.visitor import IDLE_SECONDS, LONGEST_SECONDS
from inalign.web.app import WebOptions
from tests.web.live_site import PASSWORD, Browser, Site, serve


def test_without_users_this_host_reads_and_changes_nothing(open_site: Site) -> None:
    browser = Browser(open_site.port)
    assert browser.get("/domains").status == 200
    assert browser.get("/users").status == 403
    assert browser.post("/intake/again", name="x").status == 403
    assert browser.post("/users/add", name="eve", role="admin", domains="*").status == 403


@pytest.mark.parametrize("options", [WebOptions(loopback=False), WebOptions(url="https://localhost")])
def test_without_users_others_read_nothing(tmp_path: Path, options: WebOptions) -> None:
    with serve(tmp_path, options) as site:
        for path in ("/domains", "/api/v1/domains", "/csv/domains.csv", "/raw?key=x"):
            answer = Browser(site.port).get(path)
            assert answer.status in (401, 403)
            assert "example.com" not in answer.text


def test_with_users_strangers_are_sent_to_sign_in(users_site: Site) -> None:
    browser = Browser(users_site.port)
    assert browser.get("/sources?domain=example.com").to == "/sign-in?back=%2Fsources%3Fdomain%3Dexample.com"
    assert browser.get("/api/v1/sources").status == 401
    assert browser.get("/csv/sources.csv").status == 303
    assert browser.sign_in("reader", back="/sources?domain=example.com").to == "/sources?domain=example.com"
    assert browser.get("/sources").status == 200


def test_the_cookie_is_out_of_reach(tmp_path: Path) -> None:
    with serve(tmp_path, WebOptions(url="https://localhost")) as site:
        site.user("alice")
        origin = {"Origin": f"https://127.0.0.1:{site.port}"}
        answer = Browser(site.port).post("/sign-in", origin, user="alice", password=PASSWORD)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-inalign=")
        assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_wrong_passwords_and_unknown_users_look_alike(users_site: Site) -> None:
    browser = Browser(users_site.port)
    answers = [browser.sign_in(name, "wrong password!!") for name in ("reader", "nobody", "' OR 1=1 --")]
    assert {answer.status for answer in answers} == {403}
    assert len({re.sub(r'value="[^"]*"|autofocus', "", answer.text) for answer in answers}) == 1
    assert not browser.cookies


def test_a_user_without_a_password_cannot_sign_in(site: Site) -> None:
    from inalign.store.state.accounts import User

    site.accounts.write_user(User(name="new", role=Role.ADMIN))
    for password in ("", "nobody has this password"):
        assert Browser(site.port).sign_in("new", password).status == 403


def test_too_many_attempts_wait(site: Site) -> None:
    browser = Browser(site.port)
    for _ in range(USER_FAILURES):
        assert browser.sign_in("alice", "wrong").status == 403
    assert browser.sign_in("alice").status == 429
    site.now[0] += WINDOW_SECONDS + 1
    assert browser.sign_in("alice").status == 303


@pytest.mark.parametrize(("steps", "step"), [(1, IDLE_SECONDS + 1), (20, LONGEST_SECONDS / 19)])
def test_sessions_end(site: Site, alice: Browser, steps: int, step: float) -> None:
    for _ in range(steps):
        assert alice.get("/settings").status == 200
        site.now[0] += step
    assert alice.get("/settings").status == 303
    assert not site.accounts.sessions("alice")


def test_a_session_that_was_left_counts_no_more(alice: Browser) -> None:
    kept = dict(alice.cookies)
    assert alice.post("/sign-out").to == "/sign-in"
    alice.cookies = kept
    assert alice.get("/settings").status == 303


def test_a_removed_or_changed_user_is_out_at_once(site: Site, alice: Browser) -> None:
    site.user("bob", Role.ADMIN)
    bob = Browser(site.port)
    bob.sign_in("bob")
    assert bob.get("/users").status == 200
    assert alice.post("/users/change", name="bob", role="reader", domains="*", do="keep").status == 303
    assert bob.get("/users").status == 303
    bob.sign_in("bob")
    assert bob.get("/users").status == 403
    assert alice.post("/users/remove", name="bob").status == 303
    assert bob.get("/domains").status == 303


def test_the_last_admin_stays(site: Site, alice: Browser) -> None:
    assert alice.post("/users/remove", name="alice").status == 400
    assert alice.post("/users/change", name="alice", role="reader", domains="*", do="keep").status == 400
    assert alice.post("/users/change", name="alice", role="admin", domains="example.com", do="keep").status == 400
    assert site.accounts.user("alice") is not None


def test_secrets_are_kept_as_hashes(tmp_path: Path, site: Site, alice: Browser) -> None:
    link = site.accounts.make_link("alice", site.now[0])
    token = site.accounts.make_token(_token(site))
    site.control.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("control.sqlite*"))
    for secret in (link, token, PASSWORD, *alice.cookies.values()):
        assert secret.encode() not in kept


def test_a_link_works_once(site: Site, alice: Browser) -> None:
    page = alice.post("/users/add", name="carol", role="reader", domains="example.net").text
    (secret,) = re.findall(r"/link/([\w-]+)", page)
    carol = Browser(site.port)
    assert "carol" in carol.get(f"/link/{secret}").text
    assert carol.post(f"/link/{secret}", password="short", again="short").status == 400
    assert carol.post(f"/link/{secret}", password=PASSWORD, again=PASSWORD + "x").status == 400
    assert carol.post(f"/link/{secret}", password=PASSWORD, again=PASSWORD).status == 303
    assert carol.get("/domains").status == 200
    assert Browser(site.port).post(f"/link/{secret}", password=PASSWORD, again=PASSWORD).status == 404
    assert Browser(site.port).sign_in("carol").status == 303


def test_a_link_gets_old(site: Site) -> None:
    secret = site.accounts.make_link("alice", site.now[0])
    site.now[0] += 86_401
    assert Browser(site.port).get(f"/link/{secret}").status == 404


def test_a_new_password_ends_other_sessions(site: Site, alice: Browser) -> None:
    other = Browser(site.port)
    other.sign_in("alice")
    new = "another long password"
    assert alice.post("/settings/password", old="wrong", password=new, again=new).status == 400
    assert alice.post("/settings/password", old=PASSWORD, password=new, again=new).status == 303
    assert alice.get("/settings").status == 200
    assert other.get("/settings").status == 303
    assert other.sign_in("alice").status == 403


def _token(site: Site, **changes: object) -> Token:
    from msgspec.structs import replace

    made = Token(name="t", user="alice", role=Role.READER, made=site.now[0], expires=site.now[0] + 1000)
    return replace(made, **changes)


def test_tokens_read_until_they_expire(site: Site) -> None:
    browser = Browser(site.port)
    bearer = f"Bearer {site.accounts.make_token(_token(site))}"
    assert browser.get("/api/v1/domains", Authorization=bearer).status == 200
    assert browser.get("/users", Authorization=bearer).status == 403
    assert browser.get("/api/v1/domains", Authorization=bearer + "x").status == 401
    site.now[0] += 1000
    assert browser.get("/api/v1/domains", Authorization=bearer).status == 401


def test_a_token_can_do_no_more_than_its_user(site: Site) -> None:
    site.user("bob", Role.READER, ("example.net",))
    bearer = f"Bearer {site.accounts.make_token(_token(site, user='bob', role=Role.ADMIN, domains=None))}"
    browser = Browser(site.port)
    assert browser.get("/users", Authorization=bearer).status == 403
    assert "example.com" not in browser.get("/api/v1/domains", Authorization=bearer).text
    site.accounts.remove_user("bob")
    assert browser.get("/api/v1/domains", Authorization=bearer).status == 401


def test_what_was_done_is_kept(site: Site, alice: Browser) -> None:
    Browser(site.port).sign_in("alice", "wrong")
    alice.post("/users/add", name="carol", role="reader", domains="example.net")
    acts = [(entry.who, entry.act) for entry in site.accounts.audit()]
    assert acts[:3] == [("alice", "user added"), ("alice", "sign-in failed"), ("alice", "sign-in")]


def test_the_quarantine_is_read_again_by_editors(site: Site, alice: Browser) -> None:
    (item,) = site.spool.refused()
    site.user("bob")
    site.user("eve", Role.EDITOR, ("example.net",))
    for name in ("bob", "eve"):
        browser = Browser(site.port)
        browser.sign_in(name)
        assert browser.post("/intake/again", name=item.id).status in (400, 403)
    assert alice.post("/intake/again", name="../../control.sqlite").status == 400
    assert alice.post("/intake/again", name=item.id).status == 303
    assert site.spool.waiting() == [item.id]
