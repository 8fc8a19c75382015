"""Which name servers are asked."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from inalign.net.dns import LiveResolver
from inalign.net.dns_servers import MAX_SERVERS, ServerAddressError, parse_server, system_servers


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        (" 192.0.2.1:5353 ", ("192.0.2.1", 5353)),
        ("[192.0.2.1]:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53, 0, 0)),
        ("[2001:db8::1]", ("2001:db8::1", 53, 0, 0)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353, 0, 0)),
    ],
)
def test_an_address_with_or_without_port(text: str, address: tuple[object, ...]) -> None:
    server = parse_server(text)
    assert server.address == address
    assert server.family == (socket.AF_INET if len(address) == 2 else socket.AF_INET6)


@pytest.mark.parametrize(
    "text",
    [
        *("", "ns.example.org", "localhost", "192.0.2", "127.1", "\0", "[]", "x" * 300, "\ud800", "2001:db8::g"),
        *("192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "192.0.2.1:-1", "192.0.2.1:٣"),
        *("[2001:db8::1", "[2001:db8::1]5353", "[2001:db8::1]:", "[2001:db8::1]:x", "fe80::1%nowhere0"),
    ],
)
def test_what_is_no_address_is_a_settings_error(text: str) -> None:
    with pytest.raises(ServerAddressError):
        parse_server(text)


@pytest.mark.parametrize(
    ("text", "trusted"),
    [("127.0.0.1", True), ("127.0.0.53:53", True), ("::1", True), ("192.0.2.1", False), ("2001:db8::1", False)],
)
def test_the_ad_flag_is_believed_from_this_host(text: str, *, trusted: bool) -> None:
    assert parse_server(text).is_trusted is trusted
    assert parse_server(text, trust_ad=True).is_trusted


def resolv_conf(folder: Path, text: str) -> list[tuple[str, bool]]:
    path = folder / "resolv.conf"
    path.write_text(text, "utf-8", "surrogateescape")
    return [(server.text, server.is_trusted) for server in system_servers(path)]


def test_resolv_conf_names_the_servers_in_their_order(tmp_path: Path) -> None:
    text = "# comment\nsearch example.org\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 # x\nnameserver 127.0.0.1\n"
    assert resolv_conf(tmp_path, text) == [("192.0.2.1", False), ("2001:db8::1", False), ("127.0.0.1", True)]


def test_resolv_conf_says_whether_the_ad_flag_is_believed(tmp_path: Path) -> None:
    assert resolv_conf(tmp_path, "nameserver 192.0.2.1\noptions edns0 trust-ad\n") == [("192.0.2.1", True)]


def test_resolv_conf_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    text = "nameserver\nnameserver ns.example\nnameserver 192.0.2.1\n\udcff\0\nnameserver 192.0.2.2"
    assert [server for server, _ in resolv_conf(tmp_path, text)] == ["192.0.2.1", "192.0.2.2"]


def test_without_a_server_the_local_host_is_asked(tmp_path: Path) -> None:
    assert resolv_conf(tmp_path, "search example.org\n") == [("127.0.0.1", True)]
    assert [server.text for server in system_servers(tmp_path / "none")] == ["127.0.0.1"]
    assert [server.text for server in system_servers(tmp_path)] == ["127.0.0.1"]


def test_the_servers_have_a_limit(tmp_path: Path) -> None:
    assert len(resolv_conf(tmp_path, "nameserver 192.0.2.1\n" * 100)) == MAX_SERVERS


def test_a_new_resolver_reads_resolv_conf_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker makes its own, so SIGHUP is enough when the name servers have changed."""
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr("inalign.net.dns.system_servers", lambda: system_servers(path))
    for server in ("192.0.2.1", "192.0.2.2"):
        path.write_text(f"nameserver {server}\n")
        assert [one.text for one in LiveResolver()._addresses] == [server]


def test_other_options_of_resolv_conf_are_passed_over(tmp_path: Path) -> None:
    text = "options timeout:1 attempts:9 rotate edns0 ndots:5 use-vc no-aaaa\nsortlist 10.0.0.0\nnameserver 192.0.2.1\n"
    assert resolv_conf(tmp_path, text) == [("192.0.2.1", False)]
