"""A network and a mount namespace of our own: a loopback that nobody shares, and a resolv.conf that names only it.

opendmarc asks the servers of /etc/resolv.conf on port 53 and cannot be told another one. Nothing outside the namespace
changes, and no packet can leave the machine. Needs root.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

INSIDE = "INALIGN_BENCH_INSIDE"
"""Set in the environment of the program that runs inside."""

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
    """Why the namespace cannot be had, in words that tell what to do; None when it can."""
    if os.geteuid() != 0:
        return "needs root: for a private loopback, and for port 53 in it"
    for program, package in (("unshare", "util-linux"), ("unbound", "unbound"), ("cc", "gcc libssl-dev")):
        if shutil.which(program) is None:
            return f"{program} is not installed: apt-get install {package}"
    return None


def is_inside() -> bool:
    return INSIDE in os.environ


def enter() -> int:
    """Run this program again inside, and give its exit status."""
    command = ["unshare", "--mount", "--net", "--", sys.executable, *sys.argv]
    return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode


def prepare(folder: Path) -> None:
    """Inside: the loopback up, and the one name server in resolv.conf."""
    with socket.socket() as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1)  # IFF_UP
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    subprocess.run(["mount", "--bind", str(resolv_conf), "/etc/resolv.conf"], check=True)


def start_unbound(folder: Path, zone: Path) -> subprocess.Popen[bytes]:
    """The name server of the corpus on 127.0.0.1:53."""
    configuration = folder / "unbound.conf"
    configuration.write_text(UNBOUND.format(folder=folder, zone=zone))
    with (folder / "unbound.out").open("wb") as output:
        process = subprocess.Popen(["unbound", "-d", "-c", str(configuration)], stdout=output, stderr=output)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 53)) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    raise SystemExit(f"unbound did not start:\n{(folder / 'unbound.out').read_text()}")
