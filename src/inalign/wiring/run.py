"""Runs the service: the supervisor with its milter workers and, where wanted, the report process."""

from __future__ import annotations

import codecs
import contextlib
import gc
import logging
import os
import resource
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec

from inalign.errors import SettingsError
from inalign.flow.decision import Disposition
from inalign.milter.limits import MilterLimits
from inalign.milter.replies import ACCEPT, TEMPFAIL
from inalign.milterd.acceptor import SharingServer
from inalign.milterd.filter import FEATURES, MailFilter
from inalign.milterd.interface import PROGRESS_SECONDS, ServerOptions
from inalign.milterd.metrics import DnsCounts
from inalign.milterd.recorder import Recorder
from inalign.milterd.server import run
from inalign.milterd.worker import Worker
from inalign.net.listen import Address, UnixAddress, forget, listen
from inalign.process.generation import ProcessPlan, WorkerSlot
from inalign.process.privileges import become, find_account
from inalign.process.supervisor import Supervisor
from inalign.settings.config import Config
from inalign.settings.file import read_config
from inalign.settings.postfix import MAIN_CF, milter_content_timeout
from inalign.settings.tables import Settings
from inalign.store.folders import default_folder
from inalign.telemetry import Counters, configure_logging
from inalign.wiring.check import check
from inalign.wiring.milter import (
    Keys,
    addresses,
    make_evaluations_folder,
    make_filter_context,
    make_keys,
    make_recorder,
    make_resolver,
    monitor_address,
    socket_account,
    workers,
)

log = logging.getLogger("inalign")

OTHER_DESCRIPTORS = 512
"""Beside the milter connections of a worker: ports towards name servers, files, the channel to the supervisor."""

GC_THRESHOLDS = (10_000, 20, 100)
"""Of a worker, in objects and in rounds. A message leaves no cycles behind, so seldom is often enough."""

KEEP_ALIVE = (
    (socket.TCP_KEEPIDLE, 120),
    (socket.TCP_KEEPINTVL, 30),
    (socket.TCP_KEEPCNT, 4),
    (socket.TCP_USER_TIMEOUT, 240_000),  # for what was sent and never confirmed, in milliseconds
)
"""A host that is gone without a word is found after four minutes."""


def run_service(config: Config, ready: Callable[[], None], *, with_reportd: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called when all workers serve, and the file is read again on SIGHUP.

    Raises `SettingsError` or `TransportError` when it cannot begin.
    """
    configure_logging(config.settings.log.level, config.settings.log.format)
    check(config)
    _raise_descriptor_limit(config.settings)
    _import_ahead()
    if with_reportd:
        config = with_store(config)
    plan = _plan(config, {}, with_reportd=with_reportd)
    account = find_account(config.settings.user, config.settings.group)
    if account is not None:
        become(account)
        if config.path is not None and not os.access(config.path, os.R_OK):
            log.warning("%s cannot read %s, so SIGHUP will not change the configuration", account.user, config.path)
    elif os.geteuid() == 0:
        log.warning("running as root; the setting `user` names whom to become instead")
    for problem in warnings(config.settings):
        log.warning("%s", problem)

    def next_plan(held: Mapping[Address, socket.socket]) -> ProcessPlan:
        new = read_config(config.path) if config.path is not None else config
        if (new.settings.user, new.settings.group) != (config.settings.user, config.settings.group):
            raise new.error("user", "a change of user or group needs a restart")
        check(new)
        if with_reportd:
            new = with_store(new)
        for problem in warnings(new.settings):
            log.warning("%s", problem)
        return _plan(new, held, with_reportd=with_reportd)

    Supervisor(plan, next_plan, ready).run()


def warnings(settings: Settings, main_cf: Path = MAIN_CF) -> list[str]:
    """What is allowed and yet hardly meant."""
    found = []
    milter = settings.milter
    times = [
        (
            "dns.message_budget_seconds",
            settings.dns.message_budget_seconds,
            "slow DNS would look like a failure of ours",
        ),
        (
            "milter.decision_seconds",
            milter.decision_seconds,
            "an MTA that does not heed our signs of life gives up first",
        ),
        ("milter.mta_timeout_seconds", milter.mta_timeout_seconds, ""),
    ]
    for (name, seconds, harm), (longer, limit, _) in pairwise(times):
        if seconds >= limit:
            found.append(f"{name} = {seconds:g} is no less than {longer} = {limit:g}: {harm}")
    postfix = milter_content_timeout(main_cf)
    if postfix is not None and postfix < milter.mta_timeout_seconds:
        found.append(
            f"milter.mta_timeout_seconds = {milter.mta_timeout_seconds:g}, but Postfix on this host waits only "
            f"{postfix:g} s (milter_content_timeout in {main_cf})"
        )
    policy, mildest_first = settings.policy, list(Disposition)
    if mildest_first.index(Disposition(policy.dmarc_reject)) < mildest_first.index(
        Disposition(policy.dmarc_quarantine)
    ):
        found.append(
            f"policy.dmarc_reject = {policy.dmarc_reject} is milder than policy.dmarc_quarantine = "
            f"{policy.dmarc_quarantine}, though p=reject asks for more than p=quarantine"
        )
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < milter.max_connections + OTHER_DESCRIPTORS:
        found.append(f"a process may open {files} files, too few for milter.max_connections = {milter.max_connections}")
    return found


def _raise_descriptor_limit(settings: Settings) -> None:
    """Every connection is an open file; one worker may come to hold them all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.milter.max_connections + OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def with_store(config: Config) -> Config:
    """Return the configuration with the default folder of the store where none is set: the report process needs one."""
    store = config.settings.store
    store = msgspec.structs.replace(store, folder=store.folder or str(default_folder()))
    return replace(config, settings=msgspec.structs.replace(config.settings, store=store))


def _plan(config: Config, held: Mapping[Address, socket.socket], *, with_reportd: bool) -> ProcessPlan:
    """These settings as a plan: sockets that listen already are taken over, the others are bound now."""
    monitor = monitor_address(config.settings)
    keys = make_keys(config)  # the tables are read once, and shared by the workers
    folder = make_evaluations_folder(config)
    sockets: dict[Address, socket.socket] = {}
    try:
        for address in addresses(config.settings):
            sockets[address] = held.get(address) or listen(address, mode=int(config.settings.milter.socket_mode, 8))
            _prepare(address, sockets[address], config.settings)
        if monitor is not None:
            sockets[monitor] = held.get(monitor) or listen(monitor)
    except BaseException:
        for address, listener in sockets.items():
            if address not in held:
                forget(address)
                listener.close()
        raise
    return ProcessPlan(
        workers=workers(config.settings),
        sockets=sockets,
        monitor=monitor,
        drain_seconds=config.settings.milter.drain_seconds,
        work=partial(
            _work, config.settings, keys, folder, [sockets[address] for address in addresses(config.settings)]
        ),
        keep=partial(_run_reportd, config) if with_reportd else None,
        in_force=partial(configure_logging, config.settings.log.level, config.settings.log.format),
    )


def _prepare(address: Address, listener: socket.socket, settings: Settings) -> None:
    """Owner and mode of a UNIX socket; keep-alive for what a TCP socket accepts, which inherits it."""
    if isinstance(address, UnixAddress):
        uid, gid = socket_account(settings)
        path = Path(address.path)
        mode = int(settings.milter.socket_mode, 8)
        try:
            now = path.stat()
            if uid not in (-1, now.st_uid) or gid not in (-1, now.st_gid):
                os.chown(path, uid, gid)
            if now.st_mode & 0o777 != mode:
                path.chmod(mode)
        except OSError as problem:
            problem_text = f"owner, group and mode of {address} cannot be set: {problem.strerror}"
            raise SettingsError(problem_text, key="milter.socket_mode") from None
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


def _run_reportd(config: Config) -> None:
    """Run the report process until it ends."""
    from inalign.wiring.reportd import run_reportd  # noqa: PLC0415 - the milter does not need what it imports

    run_reportd(config)


def _work(
    settings: Settings, keys: Keys, folder: Path | None, listeners: list[socket.socket], where: WorkerSlot
) -> None:
    """A worker, from its first to its last moment."""
    configure_logging(settings.log.level, settings.log.format)
    gc.set_threshold(*GC_THRESHOLDS)
    run(_serve(settings, keys, make_recorder(settings, folder), listeners, where))


async def _serve(
    settings: Settings, keys: Keys, recorder: Recorder | None, listeners: list[socket.socket], where: WorkerSlot
) -> None:
    milter = settings.milter
    counters = Counters()
    async with make_resolver(settings) as resolver, contextlib.AsyncExitStack() as stack:
        gathered = [DnsCounts(resolver).gather]
        if recorder is not None:
            await stack.enter_async_context(recorder.running())
            gathered.append(recorder.gather)
        server = SharingServer(
            partial(MailFilter, context=make_filter_context(settings, resolver, counters, keys, recorder)),
            FEATURES,
            ServerOptions(
                failure_reply=TEMPFAIL if milter.failure_action == "tempfail" else ACCEPT,
                progress_seconds=min(PROGRESS_SECONDS, milter.mta_timeout_seconds / 3),
                decision_seconds=milter.decision_seconds,
                limits=MilterLimits(header_bytes=milter.max_header_bytes, header_fields=milter.max_header_fields),
            ),
            counters,
            shares=where.shares,
            number=where.number,
            max_connections=milter.max_connections,
        )
        await Worker(server, listeners, where.channel, gather=gathered, drain_seconds=milter.drain_seconds).run()
    if keys.signing is not None:
        await keys.signing.aclose()


def _import_ahead() -> None:
    """What would be imported on first use: shared by the workers, and there when a user may not read it any more."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: F401, PLC0415 - optional
    for name in ("ascii", "idna", "latin-1", "unicode_escape"):
        codecs.lookup(name)
