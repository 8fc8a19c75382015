"""A webhook is posted to once, within bounds, and never somewhere else; its address stays a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from inalign.errors import ParseError, TransportError
from inalign.net.http import MAX_ANSWER_OCTETS, PostLimits, parse_hook_url, post
from tests.webhook_server import hook_server


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


def test_body_arrives_as_it_is() -> None:
    async def go() -> None:
        async with hook_server() as server:
            reply = await post(f"http://127.0.0.1:{server.port}/secret/path?key=1", '{"a": "週"}'.encode())
            assert (reply.status, reply.body) == (200, b"ok")
            (taken,) = server.taken
            assert taken.line == "POST /secret/path?key=1 HTTP/1.1"
            assert taken.fields["content-type"] == "application/json"
            assert taken.body == '{"a": "週"}'.encode()

    run(go())


@pytest.mark.parametrize(
    "status", ["302 Found\r\nLocation: http://127.0.0.1:1/", "404 Not Found", "500 No", "429 Slow"]
)
def test_everything_but_2xx_is_a_failure_and_nobody_is_followed(status: str) -> None:
    async def go() -> None:
        async with hook_server(status) as server:
            with pytest.raises(TransportError, match=f"127.0.0.1 refuses: {status[:3]} ok") as told:
                await post(f"http://127.0.0.1:{server.port}/secret", b"{}")
            assert "secret" not in str(told.value)
            assert len(server.taken) == 1

    run(go())


def test_answers_without_end_are_cut() -> None:
    async def go() -> None:
        async with hook_server(answer=b"x" * (4 * MAX_ANSWER_OCTETS)) as server:
            reply = await post(f"http://127.0.0.1:{server.port}/", b"{}")
            assert len(reply.body) == MAX_ANSWER_OCTETS

    run(go())


def test_dripping_servers_are_given_up() -> None:
    async def go() -> None:
        async with hook_server(drip=0.05) as server:
            with pytest.raises(TransportError, match="cannot be reached"):
                await post(f"http://127.0.0.1:{server.port}/", b"{}", limits=PostLimits(timeout=5, whole=0.4))

    run(go())


def test_nobody_there_is_told_without_the_address() -> None:
    async def go() -> None:
        async with hook_server() as server:
            port = server.port
        with pytest.raises(TransportError, match=r"127\.0\.0\.1 cannot be reached") as told:
            await post(f"http://127.0.0.1:{port}/secret", b"{}")
        assert "secret" not in str(told.value)

    run(go())


def test_certificate_is_checked(certificate: Path) -> None:
    async def go() -> None:
        async with hook_server(certificate=certificate) as server:
            url = f"https://localhost:{server.port}/"
            with pytest.raises(TransportError, match="cannot be reached"):
                await post(url, b"{}")
            reply = await post(url, b"{}", limits=PostLimits(ca_file=certificate))
            assert reply.status == 200

    run(go())


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/secret",
        "ftp://hooks.example/secret",
        "file:///etc/passwd",
        "https://",
        "https://user:password@hooks.example/secret",
        "https://hooks.example/a b/secret",
        "https://hooks.example/secret\r\nX: y",
        "https://[::1/secret",
        "https://hooks.example:port/secret",
        "https://例え.jp/secret",
        "",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ParseError) as told:
        parse_hook_url(url)
    assert "secret" not in str(told.value)
