"""Real Postfix, end to end: smtp-source, smtpd with its milters, cleanup, the queue on disk, the discard transport.

One private instance with a service for each case. Its clients come from 192.0.2.1, the mail server of the corpus' first
domain, so that SPF passes as it would. Before and after all runs one message of each case goes to a mailbox, and must
bear the results.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import configurations
from corpus import read_set
from load import Case
from peers import Peer
from plan import FEW, Bench
from private_net import CLIENT, unbound
from processes import cpu_seconds, end, launch
from rows import Row, progress

MILTERS = ("pair", "opendkim", "rspamd", "dkimpy-milter", "inalign")
SESSIONS = 20
FIRST_PORT = 2525
SENDER = "bounce@d00.example.com"
HELO = "mail.d00.example.com"
MAILBOX = "user@checked.example.net"
WAIT_SECONDS = 60.0

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {host}
inet_interfaces = {client}
inet_protocols = ipv4
mynetworks = 192.0.2.0/24
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = rcpt.example.net
relay_transport = discard:
default_transport = discard:
virtual_mailbox_domains = checked.example.net
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 200
in_flow_delay = 0
milter_default_action = tempfail
"""

MASTER_CF = """\
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""

SERVICE = "{client}:{port} inet n - n - 200 smtpd -o smtpd_milters={milters}\n"


def measure(bench: Bench) -> None:
    """No milter and each peer, their runs in turn."""
    for program in ("postfix", "smtp-source"):
        if shutil.which(program) is None:
            print("Postfix end to end: left out; apt-get install postfix\n")
            return
    with contextlib.ExitStack() as stack:
        stack.enter_context(unbound(bench.work, bench.corpus / "unbound-local.conf"))
        peers = [Peer("none", "none")]
        for name in bench.plan.peers:
            peer = stack.enter_context(bench.running(name, Case("10k", 1))) if name in MILTERS else None
            peers += [peer] if peer is not None else []
        progress("starting Postfix")
        server = stack.enter_context(_running([peer.targets for peer in peers]))
        message = read_set(bench.corpus, "10k")[0].message
        (server.folder / "message").write_bytes(message.replace(b"\r\n", b"\n"))
        rows = [Row("postfix", "10 kB, one message a session", peer.name) for peer in peers]
        count = bench.plan.scaled(800)
        for number in range(min(FEW, bench.plan.runs) + 1):
            for place, (row, peer) in enumerate(zip(rows, peers, strict=True)):
                progress(f"Postfix end to end: run {number}, {peer.name}")
                if number == 0:
                    server.send(place, 100)
                    continue
                row.runs.append(server.measure(place, peer, count))
        for place, (row, peer) in enumerate(zip(rows, peers, strict=True)):
            missing = server.check(place, message, peer)
            row.runs[-1]["bad"] = len(missing)
            row.note = f"without {' '.join(missing)}" if missing else ""
            row.ratio = row.ratio_to(rows[0], "msgs_per_s")
        bench.results.add(rows)


class Server:
    """A private Postfix; service n is behind the n-th list of milters."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process

    def send(self, place: int, count: int) -> None:
        """So many times the message, each in a session of its own; smtp-source ends at a refusal."""
        words = ["-s", str(SESSIONS), "-m", str(count), "-f", SENDER, "-t", "user0@rcpt.example.net", "-M", HELO]
        target = f"{CLIENT}:{FIRST_PORT + place}"
        subprocess.run(["smtp-source", *words, "-F", str(self.folder / "message"), target], check=True, timeout=300)

    def measure(self, place: int, peer: Peer, count: int) -> dict[str, float]:
        before, peer_before, start = cpu_seconds([self.process.pid]), cpu_seconds(peer.pids), time.perf_counter()
        self.send(place, count)
        seconds = time.perf_counter() - start
        self._wait(lambda: self._queued() == 0, "an empty queue")
        return {
            "msgs_per_s": count / seconds,
            "postfix_cpu_s_per_1000": (cpu_seconds([self.process.pid]) - before) / count * 1000,
            "cpu_s_per_1000": (cpu_seconds(peer.pids) - peer_before) / count * 1000,
        }

    def check(self, place: int, message: bytes, peer: Peer) -> list[str]:
        """Which results a message does not bear after the milters of a service."""
        new = self.folder / "mail" / "inbox" / "new"
        with smtplib.SMTP(CLIENT, FIRST_PORT + place, HELO, timeout=WAIT_SECONDS) as client:
            client.sendmail(SENDER, MAILBOX, message)
        self._wait(lambda: new.is_dir() and any(new.iterdir()), "a message in the mailbox")
        (arrived,) = new.iterdir()
        header = arrived.read_text("latin-1").partition("\n\n")[0].lower()
        arrived.unlink()
        wanted = [f"{method}=pass" for method in peer.methods.split(",") if method != "none"]
        return [result for result in wanted if result not in header]

    def _queued(self) -> int:
        queues = [self.folder / "queue" / name for name in ("incoming", "active", "deferred", "maildrop")]
        return sum(len(files) for queue in queues for _, _, files in os.walk(queue))

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"Postfix: no {what}:\n{self._log()[-3000:]}")
            time.sleep(0.02)

    def wait_ready(self, services: int) -> None:
        self._wait(lambda: all(_listens(FIRST_PORT + place) for place in range(services)), "service")

    def _log(self) -> str:
        return (self.folder / "mail.log").read_text(errors="replace")


@contextlib.contextmanager
def _running(milters: Sequence[Sequence[str]]) -> Iterator[Server]:
    """Postfix in a folder of its own; its processes run as several users."""
    postfix, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="inalign-bench-postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("conf", "queue", "data", "mail"):
            (folder / part).mkdir()
        os.chown(folder / "data", postfix.pw_uid, postfix.pw_gid)
        os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
        (folder / "mail.log").touch()
        names = {"folder": folder, "host": configurations.AUTHSERV_ID, "client": CLIENT, "nobody": nobody.pw_uid}
        (folder / "conf" / "main.cf").write_text(MAIN_CF.format(**names))
        services = [
            SERVICE.format(client=CLIENT, port=FIRST_PORT + place, milters=",".join(targets))
            for place, targets in enumerate(milters)
        ]
        (folder / "conf" / "master.cf").write_text(MASTER_CF + "".join(services))
        # start-fg: the master is our own child, and whatever it started ends with it.
        process = launch(["postfix", "-c", str(folder / "conf"), "start-fg"], folder / "start.log")
        try:
            server = Server(folder, process)
            server.wait_ready(len(milters))
            yield server
        finally:
            end(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((CLIENT, port)) == 0
