"""A token endpoint that is made up: it hands out tokens for a secret, and says of a token whose it is."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


class TokenServer:
    """On loopback, in a thread."""

    def __init__(self, *, life: object = 3600) -> None:
        self.user = "reports@example.net"
        self.life = life
        self.requests: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.refresh_tokens = ["refresh-0"]
        self.status = 200
        self.body: bytes | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                octets = self.rfile.read(int(self.headers["Content-Length"]))
                form = {name: values[0] for name, values in parse_qs(octets.decode()).items()}
                outer.requests.append(form)
                self._answer(*outer.grant(form))

            def do_GET(self) -> None:
                token = parse_qs(urlsplit(self.path).query).get("access_token", [""])[0]
                known = token in outer.tokens
                self._answer(200 if known else 401, {"email": outer.user, "active": "true"} if known else {})

            def _answer(self, status: int, document: dict[str, object]) -> None:
                body = json.dumps(document).encode() if outer.body is None else outer.body
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def grant(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        if self.status != 200:
            return self.status, {"error": "temporarily_unavailable", "error_description": "later"}
        grant = form.get("grant_type")
        if grant == "client_credentials" and form.get("client_secret") != "hush":
            return 401, {"error": "invalid_client"}
        if grant == "refresh_token" and form.get("refresh_token") != self.refresh_tokens[-1]:
            return 400, {"error": "invalid_grant", "error_description": "this one was used"}
        token = f"token-{len(self.tokens)}"
        self.tokens.append(token)
        answer: dict[str, object] = {"access_token": token, "token_type": "Bearer", "expires_in": self.life}
        if grant == "refresh_token":
            self.refresh_tokens.append(f"refresh-{len(self.refresh_tokens)}")
            answer["refresh_token"] = self.refresh_tokens[-1]
        return 200, answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
