"""A provider of OpenID Connect on loopback: real HTTP, strict about codes and PKCE, and false where a test says so."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "inalign", "our secret"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "next", "use": "sig"})

Json = dict[str, object]


@dataclass
class Fake:
    """What it says, and how it may be made to lie."""

    port: int = 0
    key: RSAKey = field(default_factory=lambda: KEY)
    broken: bool = False
    person: Json = field(default_factory=lambda: {"sub": "1", "email": "alice@example.com", "email_verified": True})
    codes: dict[str, Json] = field(default_factory=dict)
    described: Json = field(default_factory=dict)
    """Changes to the description."""
    forge: Callable[[Json], Json] = lambda claims: claims
    """Changes to the claims."""
    sign: Callable[[Json], str] | None = None
    """In place of an honest signature."""
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def authorize(self, query: Mapping[str, str]) -> str:
        """Whoever comes is signed in at once; where he is sent back to."""
        assert (query["client_id"], query["response_type"]) == (CLIENT, "code")
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(query)
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"], "iss": self.issuer})

    def token(self, form: Mapping[str, str], authorization: str) -> Json | None:
        """An ID token for a code, once."""
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:our+secret".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        if (
            asked is None
            or authorization not in (f"Basic {basic}", f"Basic {plain}")
            or challenge != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            self.refused.append(form.get("code", ""))
            return None
        now = int(time.time())
        claims: Json = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = self.forge(claims | self.person)
        signed = self.sign(claims) if self.sign else self.honest(claims)
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": signed}

    def honest(self, claims: Json, key: RSAKey | None = None, kid: str = "one") -> str:
        return jwt.encode({"alg": "RS256", "kid": kid}, dict(claims), key or self.key)

    def unsigned(self, claims: Json) -> str:
        return _packed({"alg": "none"}) + "." + _packed(claims) + "."

    def by_public_key(self, claims: Json) -> str:
        """The public key of the provider as a shared secret."""
        signed = _packed({"alg": "HS256", "kid": "one"}) + "." + _packed(claims)
        digest = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
        return signed + "." + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def description(self) -> Json:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        } | self.described


def _packed(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def provider() -> Iterator[Fake]:
    """It runs until the end of the block."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            fake.asked.append(where.path)
            if where.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", fake.authorize(dict(parse_qsl(where.query))))
                self.end_headers()
            elif where.path == "/keys":
                self._answer({"keys": [fake.key.as_dict(private=False)]})
            else:
                self._answer(fake.description())

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            token = fake.token(form, self.headers.get("Authorization", ""))
            self._answer(token or {"error": "invalid_grant"}, 502 if fake.broken else 200 if token else 400)

        def _answer(self, value: object, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()
