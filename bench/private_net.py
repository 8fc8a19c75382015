"""Namespaces of our own for network, mounts and processes: a loopback that nobody shares, and a resolv.conf that names
only it.

opendmarc asks the servers of /etc/resolv.conf on port 53 and cannot be told another one. Nothing outside changes, no
packet can leave the machine, and whatever is still running when we end is killed by the kernel. Needs root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from processes import end, launch

INSIDE = "INALIGN_BENCH_INSIDE"
"""Set in the environment of the program that runs inside."""
UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
CLIENT = "192.0.2.1"
"""An address of the loopback, and of the first domain's mail server: who connects to it comes from it."""
START_SECONDS = 10.0

UNBOUND = """\
server:
  interface: 127.0.0.1
  port: 53
  do-ip6: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  verbosity: 0
  num-threads: 1
  do-daemonize: no
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  edns-buffer-size: 4096
  max-udp-size: 4096
  minimal-responses: yes
  include: "{zone}"
remote-control:
  control-enable: no
"""


def obstacle() -> str | None:
    """Why the namespaces cannot be had, in words that tell what to do; None when they can."""
    if os.geteuid() != 0:
        return "needs root: for a private loopback, and for port 53 in it"
    for program, package in (("unshare", "util-linux"), ("unbound", "unbound"), ("cc", "gcc libc6-dev libssl-dev")):
        if shutil.which(program) is None:
            return f"{program} is not installed: apt-get install {package}"
    tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    return f"namespaces are not allowed here: {tried.stderr.strip()}" if tried.returncode else None


def is_inside() -> bool:
    return INSIDE in os.environ


def enter() -> int:
    """Run this program again inside, and give its exit status."""
    return subprocess.run(
        [*UNSHARE, sys.executable, *sys.argv], env={**os.environ, INSIDE: "1"}, check=False
    ).returncode


def prepare(folder: Path) -> None:
    """Inside: the loopback up with its two addresses, and the one name server in resolv.conf."""
    with socket.socket() as any_socket:
        # struct ifreq with a sockaddr_in, for SIOCSIFADDR of an alias; and with IFF_UP, for SIOCSIFFLAGS.
        address = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(CLIENT))
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x1))
        fcntl.ioctl(any_socket, 0x8916, address)
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", str(resolv_conf), "/etc/resolv.conf"], check=True)


@contextlib.contextmanager
def unbound(folder: Path, zone: Path) -> Iterator[None]:
    """A real name server that has a zone at hand: DNS as it is when everything is cached."""
    configuration = folder / "unbound.conf"
    configuration.write_text(UNBOUND.format(folder=folder, zone=zone))
    with _name_server(["unbound", "-d", "-c", str(configuration)], folder / "unbound.out"):
        yield


@contextlib.contextmanager
def slow_dns(folder: Path, corpus: Path, *words: str) -> Iterator[None]:
    """The name server of slow_dns.py."""
    program = Path(__file__).with_name("slow_dns.py")
    with _name_server([sys.executable, str(program), str(corpus), *words], folder / "slow_dns.out"):
        yield


@contextlib.contextmanager
def _name_server(command: list[str], log: Path) -> Iterator[None]:
    process = launch(command, log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while _port_53_is_free():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        end(process)


def _port_53_is_free() -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", 53))
        except OSError:
            return False
        return True
