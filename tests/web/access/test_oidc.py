"""Signing in by OpenID Connect, against a provider on loopback: the way through, and every way round it."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from msgspec.structs import replace

from inalign.errors import ParseError, SettingsError, TransportError
from inalign.net.oidc import Provider, ProviderOptions
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.settings.web import GrantSettings, OidcSettings, WebSettings
from inalign.store.state.accounts import Role
from inalign.web.access.oidc import BEGUN_SECONDS, Grant, OidcOptions
from inalign.web.app import WebOptions
from inalign.wiring.web import make_provider, make_web_options
from tests.web.access.oidc_provider import CLIENT, OTHER_KEY, SECRET, Fake, provider
from tests.web.live_site import Browser, Page, Site, serve


@pytest.fixture(scope="module")
def honest() -> Iterator[Fake]:
    with provider() as made:
        yield made


@pytest.fixture
def fake(honest: Fake) -> Fake:
    """As new."""
    port = honest.port
    honest.__init__(port)  # type: ignore[misc]  # the server keeps it, and each test begins anew
    return honest


def _serve(folder: Path, fake: Fake, *grants: Grant) -> Iterator[Site]:
    listener = socket.create_server(("127.0.0.1", 0))
    options = WebOptions(url=f"http://127.0.0.1:{listener.getsockname()[1]}", oidc=OidcOptions(grants=grants))
    asked = Provider(ProviderOptions(issuer=fake.issuer, client_id=CLIENT, client_secret=SECRET))
    with serve(folder, options, provider=asked, listener=listener) as site:
        yield site


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, honest: Fake) -> Iterator[Site]:
    yield from _serve(tmp_path_factory.mktemp("oidc"), honest)


@pytest.fixture
def site(served: Site, fake: Fake) -> Site:
    """Without what another test left of its users."""
    served.user("alice@example.com", Role.EDITOR, ("example.net",))
    served.user("admin", Role.ADMIN)
    served.now[0] = time.time()
    return served


def _follow(url: str) -> str:
    """What the provider answers the browser with."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", where.port or 0, timeout=20)
    try:
        connection.request("GET", f"{where.path}?{where.query}")
        return connection.getresponse().headers["Location"]
    finally:
        connection.close()


def _answer(browser: Browser, back: str = "/reports") -> str:
    """The address that the browser comes back by."""
    begun = browser.get("/sign-in/oidc?" + urlencode({"back": back}))
    assert begun.status == 303
    return _follow(begun.to)


def _come_back(browser: Browser, url: str, **changes: str) -> Page:
    where = urlsplit(url)
    query = dict(parse_qsl(where.query)) | changes
    return browser.get(f"{where.path}?{urlencode({name: value for name, value in query.items() if value != '-'})}")


def _why(site: Site) -> str:
    entry = site.accounts.audit(1)[0]
    return entry.about if entry.act == "sign-in failed" else entry.act


def test_a_user_signs_in(site: Site) -> None:
    browser = Browser(site.port)
    assert "OpenID Connect" in browser.get("/sign-in").text
    page = _come_back(browser, _answer(browser, "/reports?domain=example.net"))
    assert (page.status, page.to) == (303, "/reports?domain=example.net")
    assert browser.get("/reports").status == 200
    assert "example.com" not in browser.get("/api/v1/domains").text  # the scope is that of here
    assert _why(site) == "sign-in by OpenID Connect"
    assert list(browser.cookies) == ["inalign"]  # the one of the way is gone
    browser.post("/sign-out")
    assert browser.get("/reports").status == 303


def test_the_subject_is_kept(site: Site, fake: Fake) -> None:
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser)).status == 303
    fake.person |= {"email": "alice.new@example.com"}
    assert _come_back(browser, _answer(browser)).status == 303  # the same person under a new address
    fake.person |= {"sub": "2", "email": "alice@example.com"}
    assert _come_back(browser, _answer(browser)).status == 403  # another one who got the old address
    assert "another's" in _why(site)


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "1"},
        {"sub": "1", "email": "alice@example.com"},
        {"sub": "1", "email": "alice@example.com", "email_verified": False},
        {"sub": "1", "email": "alice@example.com", "email_verified": "true"},
        {"sub": "1", "email": ["alice@example.com"], "email_verified": True},
        {"sub": "1", "email": "stranger@example.com", "email_verified": True},
        {"sub": "admin"},
        {"sub": "1", "email": "", "email_verified": True},
        {"sub": "", "email": "stranger@example.com"},
    ],
)
def test_who_is_no_user_here_is_refused(site: Site, fake: Fake, person: dict[str, object]) -> None:
    fake.person = person
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser)).status == 403
    assert "inalign" not in browser.cookies
    assert _why(site)


@pytest.mark.parametrize("changes", [{"state": "x"}, {"state": ""}, {"state": "-"}, {"state": "x" * 5_000}])
def test_a_wrong_state_is_refused(site: Site, fake: Fake, changes: dict[str, str]) -> None:
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser), **changes).status == 400
    assert "/token" not in fake.asked
    assert len(fake.codes) == 1  # the code was not even sent
    assert "inalign" not in browser.cookies


def test_an_answer_of_another_browser_is_refused(site: Site) -> None:
    """Else somebody could sign another in as himself."""
    attacker, victim = Browser(site.port), Browser(site.port)
    url = _answer(attacker)
    assert _come_back(victim, url).status == 400
    _answer(victim)
    assert _come_back(victim, url).status == 400
    assert "inalign" not in victim.cookies


def test_an_answer_counts_once(site: Site, fake: Fake) -> None:
    browser = Browser(site.port)
    url = _answer(browser)
    kept = dict(browser.cookies)
    assert _come_back(browser, url).status == 303
    browser.cookies = kept
    assert _come_back(browser, url).status == 400


def test_a_code_counts_once(site: Site, fake: Fake) -> None:
    """A code that was seen on the way, in an answer that the browser did ask for."""
    browser, other = Browser(site.port), Browser(site.port)
    code = dict(parse_qsl(urlsplit(_answer(browser)).query))["code"]
    assert _come_back(other, _answer(other), code=code).status == 403
    assert fake.refused == [code]  # by PKCE: it was asked for with another proof
    assert "inalign" not in other.cookies


def test_an_answer_that_comes_late_is_refused(site: Site) -> None:
    browser = Browser(site.port)
    url = _answer(browser)
    site.now[0] += BEGUN_SECONDS + 1
    assert _come_back(browser, url).status == 400


@pytest.mark.parametrize("iss", ["https://evil.example", "", "-", "http://127.0.0.1"])
def test_an_answer_of_another_issuer_is_refused(site: Site, fake: Fake, iss: str) -> None:
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser), iss=iss).status == 403
    assert len(fake.codes) == 1  # nobody was given the code
    assert "another issuer" in _why(site)


@pytest.mark.parametrize("changes", [{"error": "access_denied", "code": "-"}, {"code": "-"}, {"code": "x" * 5_000}])
def test_an_answer_without_a_code_is_refused(site: Site, changes: dict[str, str]) -> None:
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser), **changes).status == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": [CLIENT, "another"]},  # without azp
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"exp": "never"},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"sub": None},
        {"sub": 1},
        {"at_hash": "AAAA"},
    ],
)
def test_a_token_that_is_not_for_us_is_refused(site: Site, fake: Fake, claims: dict[str, object]) -> None:
    fake.forge = lambda honest: {name: value for name, value in (honest | claims).items() if value is not None}
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser)).status == 403
    assert "ID token" in _why(site)
    assert "inalign" not in browser.cookies


@pytest.mark.parametrize("way", ["none", "public key", "another key", "another kid", "changed", "rubbish", "empty"])
def test_a_token_of_nobody_is_refused(site: Site, fake: Fake, way: str) -> None:
    fake.sign = {
        "none": fake.unsigned,
        "public key": fake.by_public_key,
        "another key": lambda claims: fake.honest(claims, OTHER_KEY),
        "another kid": lambda claims: fake.honest(claims, OTHER_KEY, kid="two"),
        "changed": lambda claims: _changed(fake.honest(claims)),
        "rubbish": lambda _: "a.b.c",
        "empty": lambda _: "",
    }[way]
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser)).status == 403
    assert "ID token" in _why(site)
    assert "inalign" not in browser.cookies


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body[:-4]}AAAA.{signature}"


def test_a_new_key_of_the_provider_counts_at_once(site: Site, fake: Fake) -> None:
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser)).status == 303
    fake.key = OTHER_KEY
    fake.sign = lambda claims: fake.honest(claims, kid="next")
    assert _come_back(browser, _answer(browser)).status == 303


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere(site: Site, back: str) -> None:
    browser = Browser(site.port)
    assert _come_back(browser, _answer(browser, back)).to == "/"


def test_a_session_from_before_is_not_taken_over(site: Site) -> None:
    browser = Browser(site.port, {"inalign": "chosen-by-somebody-else"})
    assert _come_back(browser, _answer(browser)).status == 303
    assert browser.cookies["inalign"] != "chosen-by-somebody-else"


def test_grants_make_and_change_users(tmp_path: Path, fake: Fake) -> None:
    grants = (
        Grant("groups", "mail-admins", Role.ADMIN),
        Grant("groups", "staff", Role.READER, ("example.net",)),
    )
    for site in _serve(tmp_path, fake, *grants):
        site.now[0] = time.time()
        browser = Browser(site.port)
        fake.person = {"sub": "7", "email": "New@Example.com", "email_verified": True, "groups": ["x", "staff"]}
        assert _come_back(browser, _answer(browser)).status == 303
        made = site.accounts.user("new@example.com")
        assert made is not None
        assert (made.role, made.domains, made.password) == (Role.READER, ("example.net",), "")
        fake.person |= {"groups": ["mail-admins", "staff"]}
        other = Browser(site.port)
        assert _come_back(other, _answer(other)).status == 303
        assert other.get("/users").status == 200
        assert browser.get("/reports").status == 303  # what it was before counts no more
        for groups in ([], ["MAIL-ADMINS"], "mail-admins-not", None, {"mail-admins": 1}):
            fake.person |= {"groups": groups}
            assert _come_back(other, _answer(other)).status == 403
        fake.person = {"sub": "8", "groups": "staff"}
        assert _come_back(other, _answer(other)).status == 403  # nobody without a name


def test_a_provider_that_is_away_is_told(site: Site, fake: Fake) -> None:
    browser = Browser(site.port)
    fake.broken = True
    assert _come_back(browser, _answer(browser)).status == 503
    assert browser.get("/sign-in").status == 200


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": 7},
        {"x": "x" * 2_000_000},
    ],
)
def test_a_wrong_description_is_refused(fake: Fake, described: dict[str, object]) -> None:
    fake.described = described
    with pytest.raises((ParseError, TransportError)):
        Provider(ProviderOptions(issuer=fake.issuer, client_id=CLIENT)).begin("http://127.0.0.1/", "s")


@pytest.mark.parametrize("issuer", ["http://login.example.org", "ftp://x", "", "login.example.org"])
def test_an_issuer_is_reached_by_tls(issuer: str) -> None:
    with pytest.raises(ParseError):
        Provider(ProviderOptions(issuer=issuer, client_id=CLIENT))


def test_the_settings_of_it() -> None:
    told = OidcSettings(
        issuer="https://login.example.org", client_id="x", grants=[GrantSettings(value="a", domains=["*"])]
    )
    web = WebSettings(url="https://reports.example.org", oidc=told)
    assert make_provider(Config()) is None
    made = make_provider(Config(Settings(web=web)))
    assert made is not None
    assert made.issuer == "https://login.example.org"
    assert make_web_options(Settings(web=web), loopback=True).oidc.grants == (Grant("groups", "a", Role.READER, None),)
    for wrong in (
        replace(web, url=""),
        replace(web, oidc=replace(told, client_id="")),
        replace(web, oidc=replace(told, issuer="http://login.example.org")),
        replace(web, oidc=replace(told, grants=[GrantSettings()])),
        replace(web, oidc=replace(told, client_secret="env:NOT_SET_ANYWHERE")),
        replace(web, oidc=replace(told, ca_file="/nowhere.pem")),
    ):
        with pytest.raises(SettingsError, match="oidc"):
            make_provider(Config(Settings(web=wrong)))


def test_without_the_extra_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "inalign.net.oidc")
    monkeypatch.setitem(sys.modules, "httpx2", None)
    web = WebSettings(url="https://reports.example.org", oidc=OidcSettings(issuer="https://login.example.org"))
    with pytest.raises(SettingsError, match=r"inalign\[oidc\]"):
        make_provider(Config(Settings(web=web)))
