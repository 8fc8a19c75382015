"""The milters that are measured: how each is configured and started, all on UNIX sockets in one folder.

opendkim    DKIM
opendmarc   SPF, DMARC
pair        both one after the other, the second seeing the first's field, as Postfix has them: DKIM, SPF, DMARC
inalign     DKIM, SPF, DMARC, ARC, reverse name
floor       noopmilter: the protocol alone, with every no-reply bit
floor-rsa   the same with SHA-256 of the body and one RSA verification a message
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

AUTHSERV_ID = "mx.rcpt.example.net"
DEFAULT_INALIGN = f"{sys.executable} -m inalign milter --config {{config}}"
START_SECONDS = 30.0
"""opendmarc reads the public suffix list for some seconds."""

OPENDKIM = """\
Socket local:{socket}
PidFile {folder}/{name}.pid
Background no
Syslog no
UserID root
UMask 000
Mode v
Nameservers 127.0.0.1
AuthservID {id}
AlwaysAddARHeader yes
RequireSafeKeys no
SoftwareHeader no
"""

OPENDMARC = """\
Socket local:{socket}
PidFile {folder}/{name}.pid
Background false
Syslog false
UserID root
UMask 000
AuthservID {id}
TrustedAuthservIDs {id}
SPFIgnoreResults true
SPFSelfValidate true
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
"""

INALIGN = """\
authserv_id = "{id}"

[milter]
listen = ["unix:{socket}"]
socket_mode = "0666"

[dns]
servers = ["127.0.0.1"]
"""


class MissingPartError(Exception):
    """A peer cannot be had here; the text says what to install."""


@dataclass
class Peer:
    """One row of the table: the programs of a chain, and what their fields must say."""

    name: str
    does: str
    methods: str
    """Whose `=pass` is checked in each reply, by comma; `none` for a floor."""
    targets: list[str] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Starter:
    """Starts peers in a folder; `inalign` is the command line with {config} for its configuration file."""

    def __init__(self, folder: Path, noopmilter: Path, inalign: str) -> None:
        self.folder = folder
        self.noopmilter = noopmilter
        self.inalign = inalign
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str) -> Peer:
        """Start a peer and wait until its sockets are there; raises `MissingPartError`."""
        match name:
            case "opendkim":
                peer = Peer(name, "DKIM", "dkim")
                self._run(peer, self._opendkim(name))
            case "opendmarc":
                peer = Peer(name, "SPF, DMARC", "spf,dmarc")
                self._run(peer, self._opendmarc(name))
            case "pair":
                peer = Peer(name, "DKIM, SPF, DMARC", "dkim,spf,dmarc")
                self._run(peer, self._opendkim("pair-opendkim"))
                self._run(peer, self._opendmarc("pair-opendmarc"))
            case "inalign":
                peer = Peer(name, "DKIM, SPF, DMARC, ARC, iprev", "dkim,spf,dmarc")
                self._run(peer, self._inalign(name))
            case "floor":
                peer = Peer(name, "the protocol alone, in C", "none")
                self._run(peer, self._noop(name))
            case "floor-rsa":
                peer = Peer(name, "SHA-256, one RSA verification, in C", "none")
                self._run(peer, self._noop(name, "0xff180", "verify"))
            case _:
                raise SystemExit(f"{name}: no such peer")
        return peer

    def _opendkim(self, name: str) -> tuple[Path, list[str]]:
        socket = self._configure(name, OPENDKIM)
        return socket, [_found("opendkim"), "-f", "-x", str(self.folder / f"{name}.conf")]

    def _opendmarc(self, name: str) -> tuple[Path, list[str]]:
        socket = self._configure(name, OPENDMARC)
        return socket, [_found("opendmarc"), "-f", "-c", str(self.folder / f"{name}.conf")]

    def _inalign(self, name: str) -> tuple[Path, list[str]]:
        socket = self._configure(name, INALIGN)
        return socket, shlex.split(self.inalign.format(config=self.folder / f"{name}.conf"))

    def _noop(self, name: str, *words: str) -> tuple[Path, list[str]]:
        socket = self.folder / f"{name}.sock"
        return socket, [str(self.noopmilter), str(socket), *words]

    def _configure(self, name: str, text: str) -> Path:
        socket = self.folder / f"{name}.sock"
        configuration = text.format(socket=socket, folder=self.folder, name=name, id=AUTHSERV_ID)
        (self.folder / f"{name}.conf").write_text(configuration)
        return socket

    def _run(self, peer: Peer, program: tuple[Path, list[str]]) -> None:
        socket, command = program
        socket.unlink(missing_ok=True)
        log = self.folder / f"{socket.stem}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        peer.processes.append(process)
        peer.targets.append(f"unix:{socket}")
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                peer.stop()
                raise MissingPartError(f"did not start: {log.read_text(errors='replace').strip()[-500:]}")
            time.sleep(0.05)


def _found(program: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        raise MissingPartError(f"not installed: apt-get install {program}")
    return path
