"""A provider of OpenID Connect is asked who somebody is: authorization code flow with PKCE.

Authlib, its joserfc and httpx2 are imported here alone (extra `oidc`), and this module only where a provider is set.
All of it blocks. What the provider or its keys cannot vouch for raises `ParseError`; a provider that cannot be reached,
`TransportError`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2 import OAuth2Error
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from inalign.errors import ParseError, TransportError

TIMEOUT = 10.0
MAX_ANSWER_OCTETS = 1_048_576
"""Of the provider: descriptions, keys and tokens of the large ones stay below 50 kB."""
CACHE_SECONDS = 3_600.0
"""How long a description counts. Keys are asked for at each sign-in: they change when it matters."""
LEEWAY_SECONDS = 60
"""Between the clocks of the provider and of this host."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Of ID tokens: signatures that the provider alone can make. Never `none`, and no shared secret."""
K = TypeVar("K")
VERIFIER_LENGTH = 64  # RFC 7636 section 4.1: 43 to 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """Who vouches, and what we are there."""

    issuer: str
    client_id: str
    client_secret: str = ""
    scope: str = "openid email"
    ca_file: Path | None = None


class Begun(msgspec.Struct, frozen=True):
    """A sign-in that was sent to the provider: what its answer must fit."""

    url: str
    nonce: str
    verifier: str


class Claims(msgspec.Struct, frozen=True):
    """What the provider says of somebody."""

    sub: str
    email: str = ""
    email_verified: bool = False
    others: Mapping[str, object] = {}


class _Description(msgspec.Struct, frozen=True):
    """OpenID Connect Discovery 1.0 section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Provider:
    """One provider; may be used from several threads."""

    def __init__(self, options: ProviderOptions, *, clock: Callable[[], float] = time.time) -> None:
        """Raises `ParseError` for an issuer that is not https, or http on this host."""
        self._options = options
        self._clock = clock
        self._cached: tuple[float, _Description] | None = None
        try:
            self._tls = ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)
        except OSError as problem:
            raise ParseError(f"{options.ca_file}: {problem}") from None
        _safe(options.issuer)

    @property
    def issuer(self) -> str:
        """As it calls itself."""
        return self._options.issuer

    def begin(self, redirect_uri: str, state: str) -> Begun:
        """Where the browser is sent."""
        described = self._description()
        nonce, verifier = generate_token(43), generate_token(VERIFIER_LENGTH)
        with self._client(described) as client:
            url, _ = client.create_authorization_url(
                described.authorization_endpoint,
                state=state,
                code_verifier=verifier,
                nonce=nonce,
                redirect_uri=redirect_uri,
            )
        return Begun(str(url), nonce, verifier)

    def finish(self, begun: Begun, redirect_uri: str, code: str, issuer: str) -> Claims:
        """Who it was. `issuer` is what the answer names, empty where it names none (RFC 9207 section 2.4)."""
        described = self._description()
        if (issuer or described.authorization_response_iss_parameter_supported) and issuer != described.issuer:
            raise ParseError("the answer is of another issuer")
        try:
            with self._client(described) as client:
                token = client.fetch_token(
                    described.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=redirect_uri,
                    code_verifier=begun.verifier,
                )
        except (OAuth2Error, OAuthError) as problem:
            raise ParseError(f"the provider does not take the code: {problem}") from None
        except (httpx2.HTTPError, ValueError) as problem:
            raise TransportError(f"{described.token_endpoint}: {problem}") from None
        return self._claims(described, token, begun.nonce)

    def _claims(self, described: _Description, token: Mapping[str, object], nonce: str) -> Claims:
        """OpenID Connect Core 1.0, 3.1.3.7."""
        keys = _decoded(self._ask(described.jwks_uri), dict[str, object], described.jwks_uri)
        client_id = self._options.client_id
        try:
            usable = [key for key in msgspec.convert(keys.get("keys"), list[dict[str, object]]) if _is_for_us(key)]
            read = jwt.decode(str(token.get("id_token", "")), KeySet.import_key_set({"keys": usable}), ALGORITHMS)  # type: ignore[typeddict-item]  # it checks them
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": described.issuer},
                    "aud": {"essential": True, "value": client_id},
                },
                {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
            )
            claims.validate(int(self._clock()), LEEWAY_SECONDS)
            found = msgspec.convert(dict(claims), _ProviderAnswer)
        except (JoseError, ValueError, TypeError, KeyError) as problem:
            raise ParseError(f"the ID token does not hold: {problem!r}") from None
        return Claims(
            found.sub,
            found.email if isinstance(found.email, str) else "",
            found.email_verified is True,
            dict(claims),
        )

    def _description(self) -> _Description:
        cached, now = self._cached, self._clock()
        if cached is not None and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        url = self._options.issuer.rstrip("/") + "/.well-known/openid-configuration"
        described = _decoded(self._ask(url), _Description, url)
        if described.issuer != self._options.issuer:  # OpenID Connect Discovery 1.0, 4.3
            raise ParseError(f"{url}: it is the description of another issuer")
        for each in (described.authorization_endpoint, described.token_endpoint, described.jwks_uri):
            _safe(each)
        self._cached = (now, described)
        return described

    def _client(self, described: _Description) -> OAuth2Client:
        options = self._options
        methods = described.token_endpoint_auth_methods_supported
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return OAuth2Client(
            options.client_id,
            options.client_secret or None,
            token_endpoint_auth_method=method if options.client_secret else "none",
            scope=options.scope,
            code_challenge_method="S256",
            transport=_Bounded(verify=self._tls),
            timeout=TIMEOUT,
            trust_env=False,
        )

    def _ask(self, url: str) -> bytes:
        with httpx2.Client(transport=_Bounded(verify=self._tls), timeout=TIMEOUT, trust_env=False) as client:
            try:
                response = client.get(url, headers={"Accept": "application/json"})
                response.raise_for_status()
            except httpx2.HTTPError as problem:
                raise TransportError(f"{url}: {problem!r}") from None
            return response.content


class _ProviderAnswer(msgspec.Struct, frozen=True):
    sub: str
    email: object = ""
    email_verified: object = False


class _Counted(httpx2.SyncByteStream):
    """A body that ends where it is too long."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for piece in self._stream:
            read += len(piece)
            if read > MAX_ANSWER_OCTETS:
                raise httpx2.ReadError(f"more than {MAX_ANSWER_OCTETS} octets")
            yield piece

    def close(self) -> None:
        self._stream.close()


class _Bounded(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # Nothing that unpacks to more than it is.
        request.headers["Accept-Encoding"] = "identity"
        response = super().handle_request(request)
        if "content-encoding" in response.headers:
            response.close()
            raise httpx2.ReadError("the answer is packed, which was not asked for")
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Counted(response.stream)
        return response


def _is_for_us(key: Mapping[str, object]) -> bool:
    """Of the keys of a provider those that sign, and only with its own half of the key."""
    return key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC", "OKP")


def _safe(url: str) -> None:
    where = urlsplit(url)
    try:
        is_here = where.hostname == "localhost" or ip_address(where.hostname or "").is_loopback
    except ValueError:
        is_here = False
    if where.scheme != "https" and not (where.scheme == "http" and is_here):
        raise ParseError(f"{url[:200]!r}: only https, or http on this host")


def _decoded(content: bytes, kind: type[K], url: str) -> K:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as problem:
        raise ParseError(f"{url}: {problem}") from None
