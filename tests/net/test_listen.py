"""Listening: addresses in both notations, and one clear sentence where it cannot be."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from inalign.errors import ParseError, TransportError
from inalign.net import listen as listening
from inalign.net.listen import Address, InetAddress, UnixAddress, forget, listen, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("inet:127.0.0.1:8891", InetAddress("127.0.0.1", 8891)),
        ("inet:mx.example.net:8891", InetAddress("mx.example.net", 8891)),
        ("inet:[::1]:8891", InetAddress("::1", 8891)),
        ("inet:127.0.0.1:0", InetAddress("127.0.0.1", 0)),
        ("unix:/run/milter.sock", UnixAddress("/run/milter.sock")),
        ("unix:/run/a:b@c", UnixAddress("/run/a:b@c")),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not an address to listen on"),
        ("8891", "not an address to listen on"),
        ("/run/milter.sock", "not an address to listen on"),
        ("local:/run/milter.sock", "not an address to listen on"),
        ("tcp:127.0.0.1:8891", "not an address to listen on"),
        ("inet6:[::1]:8891", "not an address to listen on"),
        ("inet:8891", "names no host and port"),
        ("inet:8891@127.0.0.1", "names no host and port"),
        ("inet::8891", "names no host and port"),
        ("inet:::1:8891", "names no host and port"),
        ("inet:[127.0.0.1]:8891", "names no host and port"),
        ("inet:127.0.0.1:70000", "is not a port"),
        ("inet:127.0.0.1:smtp", "is not a port"),
        ("inet:127.0.0.1:-1", "is not a port"),
        ("inet:127.0.0.1:²", "is not a port"),
        ("inet:127.0.0.1:", "is not a port"),
        ("unix:milter.sock", "absolute path"),
        ("unix:", "absolute path"),
        ("unix:/" + "x" * 107, "longer than the 107 octets"),
        ("unix:/a\0b", "NUL"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(text: str, what: str) -> None:
    with pytest.raises(ParseError, match=what):
        parse_address(text)


def test_a_unix_socket_has_its_mode_and_takes_connections(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    with listen(UnixAddress(str(path)), mode=0o640), socket.socket(socket.AF_UNIX) as client:
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        client.connect(str(path))


def test_the_umask_of_the_process_is_left_as_it_was(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        listen(UnixAddress(str(tmp_path / "m.sock"))).close()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "m.sock"))
    listen(address).close()
    listen(address).close()


def test_a_live_socket_is_left_alone(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "m.sock"))
    with listen(address), socket.socket(socket.AF_UNIX) as client:
        with pytest.raises(TransportError, match=f"^cannot listen on {address}: another process listens there$"):
            listen(address)
        client.connect(address.path)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    path.write_text("precious")
    with pytest.raises(TransportError, match="exists and is no socket"):
        listen(UnixAddress(str(path)))
    assert path.read_text() == "precious"


def test_a_missing_directory_is_named_as_the_reason(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="the directory does not exist"):
        listen(UnixAddress(str(tmp_path / "none" / "m.sock")))


def test_a_port_that_is_taken_is_named_as_the_reason() -> None:
    with listen(InetAddress("127.0.0.1", 0)) as first:
        address = InetAddress("127.0.0.1", first.getsockname()[1])
        with pytest.raises(TransportError, match=f"^cannot listen on {address}: another process listens there$"):
            listen(address)


def test_an_address_of_another_host_is_named_as_the_reason() -> None:
    with pytest.raises(TransportError, match="this host has no such address"):
        listen(InetAddress("192.0.2.1", 0))


def test_a_host_name_that_is_none_is_named_as_the_reason() -> None:
    with pytest.raises(TransportError, match="the host name cannot be resolved"):
        listen(InetAddress("a..b", 0))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "this user may not"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "this user may not"),
        (OSError(errno.EMFILE, "Too many open files"), "[Errno 24] Too many open files"),
    ],
)
def test_other_reasons_are_said_too(error: OSError, reason: str) -> None:
    assert listening._reason(error) == reason


def test_the_file_of_a_unix_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "m.sock"))
    listen(address).close()
    forget(address)
    assert not Path(address.path).exists()
    forget(address)
    forget(InetAddress("127.0.0.1", 1))
