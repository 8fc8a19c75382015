"""The milters that are measured: what each does, and how it is started, all on UNIX sockets in one folder.

inalign        DKIM, SPF, DMARC, ARC, reverse name; two workers
pair           opendkim and opendmarc one after the other, the second seeing the first's field, as Postfix has them
opendkim       DKIM
opendmarc      SPF, DMARC
rspamd         DKIM, SPF, DMARC, ARC: the modules that authenticate, and no other; two workers
dkimpy-milter  DKIM
inalign-records the same, and a record of each message goes to the spool of the store
inalign-signs, opendkim-signs, dkimpy-milter-signs
               the same programs, signing with RSA-2048 and not verifying
floor          noopmilter: the protocol alone, with every no-reply bit
floor-rsa      the same with SHA-256 of the body and one RSA verification a message
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import configurations
import corpus
from processes import end, launch

DEFAULT_INALIGN = f"{sys.executable} -m inalign milter --config {{config}}"
START_SECONDS = 90.0
"""opendmarc reads the public suffix list for some seconds; rspamd compiles its patterns for long when it is new."""
PACKAGES = {
    "inalign": (),
    "inalign-records": (),
    "pair": ("opendkim", "opendmarc"),
    "opendkim": ("opendkim",),
    "opendmarc": ("opendmarc",),
    "rspamd": ("rspamd",),
    "dkimpy-milter": ("dkimpy-milter",),
    "inalign-signs": (),
    "opendkim-signs": ("opendkim",),
    "dkimpy-milter-signs": ("dkimpy-milter",),
    "floor": (),
    "floor-rsa": (),
}
"""The programs of each, named as their Debian packages."""


class MissingPartError(Exception):
    """A peer cannot be had here; the text says what to install."""


@dataclass
class Peer:
    """One row of the table: the programs of a chain, and what their fields must say."""

    name: str
    methods: str
    """Whose results are checked in each reply, by comma; `none` for a floor."""
    targets: list[str] = field(default_factory=list)
    """The sockets, as Postfix writes them."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def stop(self) -> None:
        for process in self.processes:
            end(process)


class Starter:
    """Starts peers in a folder; `inalign` is the command line with {config} for its configuration file."""

    def __init__(self, folder: Path, work: Path, inalign: str) -> None:
        self.folder = folder
        self.noopmilter = work / "noopmilter"
        self.cache = work / "rspamd"
        self.inalign = inalign
        domains = [corpus.domain_name(number) for number in range(corpus.DOMAINS)]
        self.keys = {"key": work / "corpus" / "key.pem", "first": domains[0], "domains": ",".join(domains)}
        self.cache.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[Peer]:
        """A peer, from when its sockets are there."""
        absent = [package for package in PACKAGES[name] if _path(package) is None]
        if absent:
            raise MissingPartError(f"apt-get install {' '.join(absent)}")
        peer = Peer(name, "none" if name.endswith("-signs") else "dkim,spf,dmarc")
        try:
            self._start(peer)
            yield peer
        finally:
            peer.stop()

    def _start(self, peer: Peer) -> None:
        name = peer.name
        match name:
            case "inalign":
                self._run(peer, name, configurations.INALIGN, shlex.split(self.inalign))
            case "inalign-records":
                self._run(peer, name, configurations.INALIGN_RECORDS, shlex.split(self.inalign))
            case "pair":
                self._run(peer, "pair-opendkim", configurations.OPENDKIM, ["opendkim", "-f", "-x", "{config}"])
                self._run(peer, "pair-opendmarc", configurations.OPENDMARC, ["opendmarc", "-f", "-c", "{config}"])
            case "opendkim":
                peer.methods = "dkim"
                self._run(peer, name, configurations.OPENDKIM, ["opendkim", "-f", "-x", "{config}"])
            case "opendmarc":
                peer.methods = "spf,dmarc"
                self._run(peer, name, configurations.OPENDMARC, ["opendmarc", "-f", "-c", "{config}"])
            case "rspamd":
                self._run(peer, name, configurations.RSPAMD, ["rspamd", "-f", "-i", "-c", "{config}"])
            case "dkimpy-milter":
                peer.methods = "dkim"
                self._run(peer, name, configurations.DKIMPY_MILTER, ["dkimpy-milter", "{config}"])
            case "inalign-signs":
                self._run(peer, name, configurations.INALIGN_SIGNS, shlex.split(self.inalign))
            case "opendkim-signs":
                self._run(peer, name, configurations.OPENDKIM_SIGNS, ["opendkim", "-f", "-x", "{config}"])
            case "dkimpy-milter-signs":
                self._run(peer, name, configurations.DKIMPY_MILTER_SIGNS, ["dkimpy-milter", "{config}"])
            case "floor":
                peer.methods = "none"
                self._run(peer, name, "", [str(self.noopmilter), "{socket}"])
            case "floor-rsa":
                peer.methods = "none"
                self._run(peer, name, "", [str(self.noopmilter), "{socket}", "0xff180", "verify"])

    def _run(self, peer: Peer, name: str, configuration: str, command: list[str]) -> None:
        socket, config, log = (self.folder / f"{name}{suffix}" for suffix in (".sock", ".conf", ".log"))
        socket.unlink(missing_ok=True)
        # dkimpy-milter does not start where a file with the number of an earlier one lies.
        (self.folder / f"{name}.pid").unlink(missing_ok=True)
        places = {"socket": socket, "config": config, "folder": self.folder, "cache": self.cache}
        config.write_text(configuration.format(name=name, id=configurations.AUTHSERV_ID, **places, **self.keys))
        words = [word.format(**places) for word in command]
        process = launch([_path(words[0]) or words[0], *words[1:]], log)
        peer.processes.append(process)
        peer.targets.append(f"unix:{socket}")
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise MissingPartError(f"did not start: {log.read_text(errors='replace').strip()[-500:]}")
            time.sleep(0.05)


def _path(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
