"""Access tokens from a made-up endpoint: both grants, what is kept, and what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from inalign.errors import ParseError, TransportError
from inalign.intake.imap_session import ImapOptions, ImapSession
from inalign.intake.oauth import OAuthOptions, Tokens, parse_token_url
from inalign.settings.secret import read_secret
from tests.intake.token_server import TokenServer


def options(
    server: TokenServer,
    grant: Literal["client_credentials", "refresh_token"] = "client_credentials",
    *,
    client_secret: str = "",
    refresh_token: str = "",
) -> OAuthOptions:
    return OAuthOptions(
        token_url=f"{server.url}/token",
        grant=grant,
        client_id="inalign",
        client_secret=client_secret or "env:CLIENT_SECRET",
        refresh_token=refresh_token,
        scope="https://mail.example.net/.default",
    )


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "hush")


def test_a_token_is_used_until_a_minute_before_its_end() -> None:
    clock = [0.0]
    with TokenServer(life=3600) as server:
        tokens = Tokens(options(server), lambda: clock[0])
        assert tokens.token() == "token-0"
        clock[0] = 3539.0
        assert tokens.token() == "token-0"
        clock[0] = 3540.0
        assert tokens.token() == "token-1"
        tokens.forget()
        assert tokens.token() == "token-2"
    assert server.requests[0] == {
        "grant_type": "client_credentials",
        "client_id": "inalign",
        "client_secret": "hush",
        "scope": "https://mail.example.net/.default",
    }


@pytest.mark.parametrize(("life", "asked"), [("3600", 1), (None, 1), ("soon", 1), (0, 1), (30, 2)])
def test_a_life_that_is_no_number_or_none_counts_as_a_short_one(life: object, asked: int) -> None:
    with TokenServer(life=life) as server:
        tokens = Tokens(options(server), lambda: 0.0)
        tokens.token()
        tokens.token()
    assert len(server.requests) == asked


def test_a_new_refresh_token_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "refresh-token"
    path.write_text("refresh-0\n")
    with TokenServer(life=30) as server:
        tokens = Tokens(options(server, "refresh_token", refresh_token=f"file:{path}"))
        tokens.token()
        tokens.token()
        assert path.read_text() == "refresh-2\n"
        assert Tokens(options(server, "refresh_token", refresh_token=f"file:{path}")).token() == "token-2"
    assert [each["refresh_token"] for each in server.requests] == ["refresh-0", "refresh-1", "refresh-2"]


def test_one_from_the_environment_goes_on_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRESH", "refresh-0")
    with TokenServer(life=30) as server:
        tokens = Tokens(options(server, "refresh_token", refresh_token="env:REFRESH"))
        tokens.token()
        tokens.token()
    assert [each["refresh_token"] for each in server.requests] == ["refresh-0", "refresh-1"]


def test_what_the_endpoint_refuses_is_told_in_its_words() -> None:
    with TokenServer() as server:
        server.status = 503
        with pytest.raises(TransportError, match="503 temporarily_unavailable later"):
            Tokens(options(server)).token()
        server.status = 200
        for body in (b"<html>", b"[]", b'{"token": 1}', b" " * 100_000):
            server.body = body
            with pytest.raises(TransportError, match="gives no token"):
                Tokens(options(server)).token()
    with pytest.raises(TransportError, match="gives no token"):
        Tokens(options(server)).token()  # it is gone


def test_secrets_go_over_tls_or_not_out_of_the_host() -> None:
    for good in ("https://login.example.com/token", "http://127.0.0.1:8/token", "http://[::1]:8/", "http://localhost/"):
        assert parse_token_url(good).hostname
    for bad in ("http://login.example.com/token", "ftp://localhost/", "login.example.com", "https://", "https://[x/"):
        with pytest.raises(ParseError):
            parse_token_url(bad)
    with pytest.raises(ParseError, match="without TLS"):
        ImapSession(ImapOptions(name="a", host="imap.example.net", tls="none", user="b", password="env:C"), None)


def test_secrets_are_read_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_text("one\ntwo\n")
    assert read_secret(f"file:{path}") == "one"
    monkeypatch.setenv("HERE", " a b ")
    assert read_secret("env:HERE") == " a b "
    path.write_bytes(b"\n")
    for missing in (f"file:{path}", f"file:{path}.no", "env:NOT_HERE"):
        with pytest.raises(TransportError):
            read_secret(missing)
    with pytest.raises(ParseError):
        read_secret("hunter2")
