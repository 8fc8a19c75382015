"""Access tokens for mailboxes that take no passwords: RFC 6749 with the two grants that need nobody at a browser.

`client_credentials` (section 4.4) is for an application that may read the mailbox by itself; `refresh_token`
(section 6) goes on with what somebody allowed once. Where the server gives a new refresh token with the access token,
it takes the place of the old one, in the file too that it came from.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec

from inalign.errors import ParseError, TransportError
from inalign.settings.secret import read_secret, replace_secret

log = logging.getLogger(__name__)

TIMEOUT = 30.0
MAX_ANSWER_OCTETS = 65_536
"""Of the server: the tokens of large providers stay below 5 kB."""
EARLY_SECONDS = 60.0
"""A token is not used so shortly before its end."""
DEFAULT_LIFE = 300.0
"""Of a token whose life the server does not tell (RFC 6749 section 5.1 only recommends it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthOptions:
    """Where tokens come from."""

    token_url: str
    grant: Literal["client_credentials", "refresh_token"] = "client_credentials"
    client_id: str
    client_secret: str = ""
    refresh_token: str = ""
    """References, as `secret` has them."""
    scope: str = ""
    ca_file: Path | None = None


class _TokenResponse(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None
    refresh_token: str | None = None


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class Tokens:
    """The tokens of one mailbox. All of it blocks."""

    def __init__(self, options: OAuthOptions, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `ParseError` for an URL that is not https, or http on this host."""
        self._options = options
        self._url = parse_token_url(options.token_url)
        self._clock = clock
        self._token = ""
        self._end = 0.0
        self._refresh = ""
        """The refresh token that took the place of the one in the settings."""

    def token(self) -> str:
        """A token that holds for a while. Raises `TransportError`."""
        if not self._token or self._clock() >= self._end:
            answer = self._ask()
            self._token = answer.access_token
            try:
                life = float(answer.expires_in or DEFAULT_LIFE)
            except ValueError:
                life = DEFAULT_LIFE
            self._end = self._clock() + max(0.0, life - EARLY_SECONDS)
            if answer.refresh_token and self._options.grant == "refresh_token":
                self._keep(answer.refresh_token)
        return self._token

    def forget(self) -> None:
        """The token was refused: the next one is a new one."""
        self._token = ""

    def _form(self) -> dict[str, str]:
        options = self._options
        form = {"grant_type": options.grant, "client_id": options.client_id}
        if options.client_secret:
            form["client_secret"] = read_secret(options.client_secret)
        if options.grant == "refresh_token":
            form["refresh_token"] = self._refresh or read_secret(options.refresh_token)
        if options.scope:
            form["scope"] = options.scope
        return form

    def _ask(self) -> _TokenResponse:
        url, host = self._url, self._url.hostname or ""
        connection: http.client.HTTPConnection
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=self._options.ca_file)
            connection = http.client.HTTPSConnection(host, url.port, timeout=TIMEOUT, context=context)
        else:
            connection = http.client.HTTPConnection(host, url.port, timeout=TIMEOUT)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.request("POST", target, urlencode(self._form()), headers)
            response = connection.getresponse()
            status, body = response.status, response.read(MAX_ANSWER_OCTETS + 1)
        except (OSError, http.client.HTTPException) as problem:
            raise TransportError(f"{host} gives no token: {str(problem) or type(problem).__name__}") from None
        finally:
            connection.close()
        try:
            if status != http.HTTPStatus.OK:
                refusal = msgspec.json.decode(body, type=_Refusal)
                raise TransportError(f"{host} gives no token: {status} {refusal.error} {refusal.error_description}")
            if len(body) > MAX_ANSWER_OCTETS:
                raise TransportError(f"{host} gives no token, but more than {MAX_ANSWER_OCTETS} octets")
            return msgspec.json.decode(body, type=_TokenResponse)
        except msgspec.DecodeError:
            raise TransportError(f"{host} gives no token: {status}, and an answer that is none of OAuth") from None

    def _keep(self, refresh_token: str) -> None:
        self._refresh = refresh_token
        try:
            is_kept = replace_secret(self._options.refresh_token, refresh_token)
        except OSError as problem:
            log.warning("the new refresh token cannot be written: %s", problem)
            return
        if not is_kept:
            log.warning("the new refresh token is lost when this process ends, since the old one is in no file")


def parse_token_url(text: str) -> SplitResult:
    """The URL of a token endpoint: https, or http on this host. Raises `ParseError`."""
    try:
        url = urlsplit(text)
        host = url.hostname
        _ = url.port
    except ValueError as problem:
        raise ParseError(f"{text!r}: {problem}") from None
    if not host or url.scheme not in ("https", "http"):
        raise ParseError(f"{text!r} is no https URL")
    if url.scheme == "http" and not is_loopback(host):
        # RFC 6749 section 3.2: secrets go over it, so TLS is needed
        raise ParseError(f"{text!r} would send secrets in the clear: use https")
    return url


def is_loopback(host: str) -> bool:
    """Whether the host is this one."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
