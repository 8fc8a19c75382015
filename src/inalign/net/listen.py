"""Addresses to listen on, in the form that Postfix takes, and the sockets bound to them.

    inet:127.0.0.1:8891      inet:[::1]:8891      inet:mx.example.net:8891      unix:/run/inalign/milter.sock

A port without a host is refused: the milter would listen on every interface, and it trusts every client.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from inalign.errors import ParseError, TransportError

BACKLOG = 1024
"""Connections that may wait to be accepted; an MTA opens one for each SMTP session."""

MAX_UNIX_PATH_OCTETS = 107
"""What a socket address of Linux holds, its last NUL apart."""


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A UNIX socket to listen on, by its absolute path."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class InetAddress:
    """A TCP port on one host."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"inet:{host}:{self.port}"


Address = UnixAddress | InetAddress


FORM = "expected inet:HOST:PORT, such as inet:127.0.0.1:8891 or inet:[::1]:8891, or unix:/PATH"


def parse_address(text: str) -> Address:
    """Parse `inet:HOST:PORT` or `unix:/PATH`. Raises `ParseError`."""
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return _unix(text, rest)
    if kind != "inet":
        raise ParseError(f"{text!r} is not an address to listen on; {FORM}")
    host, colon, port = rest.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    if not colon or not host or "@" in rest or (":" in host) != is_bracketed:
        raise ParseError(f"{text!r} names no host and port; {FORM}")
    if not (port.isascii() and port.isdigit() and 0 <= int(port) <= 65535):
        raise ParseError(f"{port!r} in {text!r} is not a port; expected a number up to 65535")
    return InetAddress(host, int(port))


def _unix(text: str, path: str) -> UnixAddress:
    if not path.startswith("/"):
        raise ParseError(f"{text!r} needs an absolute path: unix:/PATH")
    if len(os.fsencode(path)) > MAX_UNIX_PATH_OCTETS:
        raise ParseError(
            f"the path in {text!r} is longer than the {MAX_UNIX_PATH_OCTETS} octets that a socket can have"
        )
    if "\0" in path:
        raise ParseError(f"the path in {text!r} has a NUL")
    return UnixAddress(path)


def listen(address: Address, *, mode: int = 0o660, backlog: int = BACKLOG) -> socket.socket:
    """A socket that listens there; `TransportError` says in one sentence why it cannot.

    `mode` is that of a UNIX socket: the MTA must be able to write to it. A socket file that nobody listens on any more
    is replaced.
    """
    try:
        return _listen_unix(address, mode, backlog) if isinstance(address, UnixAddress) else _listen(address, backlog)
    except (OSError, UnicodeError) as error:  # the latter from a host name that no resolver is asked for
        raise TransportError(f"cannot listen on {address}: {_reason(error)}") from error


def forget(address: Address) -> None:
    """Remove the file of a UNIX socket that is no longer listened on; there is nothing to do for a port."""
    if isinstance(address, UnixAddress):
        with contextlib.suppress(OSError):
            Path(address.path).unlink()


def _listen(address: InetAddress, backlog: int) -> socket.socket:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, where = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_unix(address: UnixAddress, mode: int, backlog: int) -> socket.socket:
    _clear_stale(address)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Nobody may connect before the mode is set; the mask is the process's, and this is the start of it.
        mask = os.umask(0o777)
        try:
            listener.bind(address.path)
        finally:
            os.umask(mask)
        Path(address.path).chmod(mode)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def _clear_stale(address: UnixAddress) -> None:
    """Remove a socket file that nobody listens on; refuse where somebody does, or where it is no socket."""
    path = Path(address.path)
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise TransportError(f"cannot listen on {address}: {path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog is an answer, too: somebody is there
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, "somebody listens there")


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError | socket.gaierror):
        return f"the host name cannot be resolved ({error})"
    match error.errno:
        case errno.EADDRINUSE:
            return "another process listens there"
        case errno.EACCES | errno.EPERM:
            return "this user may not"
        case errno.ENOENT:
            return "the directory does not exist"
        case errno.EADDRNOTAVAIL:
            return "this host has no such address"
    return str(error)
