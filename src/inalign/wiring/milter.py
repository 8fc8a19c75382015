"""The only place that builds the parts and joins them: settings in, a running service out."""

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
from typing import NamedTuple

import msgspec

from inalign.dkim.result import DkimStatus
from inalign.dkim.verify import DkimLimits
from inalign.errors import Error, SettingsError
from inalign.flow.arc_sealer import ArcSealer
from inalign.flow.budget import DnsBudget
from inalign.flow.decide import LocalPolicy
from inalign.flow.decision import Disposition
from inalign.flow.evaluation import RecordOptions
from inalign.flow.inbound import InboundContext
from inalign.flow.key_finder import KeyFinder
from inalign.flow.origin import Gateway, Hosts
from inalign.flow.outbound import OutboundContext
from inalign.flow.own_mail import ALWAYS_SENT, MacroCondition, parse_conditions
from inalign.flow.receive import VerificationOptions
from inalign.flow.signer import OutboundSigner
from inalign.keys.options import make_key_finder
from inalign.mail.domain import parse_domain_list
from inalign.mail.networks import Networks
from inalign.milter.limits import MilterLimits
from inalign.milter.replies import ACCEPT, TEMPFAIL
from inalign.milterd.acceptor import SharingServer
from inalign.milterd.filter import FEATURES, MailFilter
from inalign.milterd.metrics import DnsCounts
from inalign.milterd.observer import OutcomeObserver
from inalign.milterd.recorder import Recorder
from inalign.milterd.server import PROGRESS_SECONDS, ServerOptions, run
from inalign.milterd.service import FilterContext
from inalign.milterd.worker import Worker
from inalign.net.dns import LiveResolver
from inalign.net.listen import Address, UnixAddress, forget, listen, parse_address
from inalign.process.generation import ProcessPlan, WorkerSlot
from inalign.process.privileges import become, find_account, find_group, find_user
from inalign.process.supervisor import Supervisor
from inalign.resolver.cache import CacheLimits
from inalign.settings.file import place, read_settings
from inalign.settings.postfix import MAIN_CF, milter_content_timeout
from inalign.settings.tables import Settings
from inalign.spool.evaluations import SegmentError, SegmentLimits, SegmentWriter, make_segment_folder
from inalign.store.folders import default_folder
from inalign.telemetry import Counters, configure_logging
from inalign.wiring.signing import (
    SealingKey,
    make_except_recipients,
    make_key_options,
    make_sealing_key,
    make_sending_options,
    refuse,
    signing_faults,
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


def authserv_id(settings: Settings) -> str:
    """The name under which results are written: as set, else the host name, whole where the system knows it whole."""
    return settings.authserv_id or next(
        (name for name in (socket.getfqdn(), socket.gethostname()) if "." in name), socket.gethostname()
    )


def make_resolver(settings: Settings) -> LiveResolver:
    """The live resolver of these settings."""
    dns = settings.dns
    limits = CacheLimits(entries=dns.cache_entries)
    try:
        return LiveResolver(servers=dns.servers or None, timeout=dns.exchange_timeout_seconds, limits=limits)
    except Error as problem:
        raise SettingsError(f"dns.servers: {problem}") from None


def make_options(settings: Settings) -> VerificationOptions:
    """What the verdict on a message depends on."""
    return VerificationOptions(
        authserv_id=authserv_id(settings),
        partial_body=DkimStatus(settings.dkim.partial_body),
        iprev=settings.milter.iprev,
        helo_result=settings.milter.helo_result,
        dkim_limits=DkimLimits(signatures=settings.dkim.max_signatures),
    )


def make_policy(settings: Settings) -> LocalPolicy:
    """What the operator wants to be done with messages."""
    policy = settings.policy
    return LocalPolicy(
        is_enforced=policy.mode == "enforce",
        dmarc_reject=Disposition(policy.dmarc_reject),
        dmarc_quarantine=Disposition(policy.dmarc_quarantine),
        dmarc_temperror=Disposition(policy.dmarc_temperror),
        author_problem=Disposition(policy.author_problem),
        spf_fail=Disposition(policy.spf_fail),
        refuse_lists=policy.refuse_lists,
        except_domains=parse_domain_list(policy.except_domains),
        trusted_sealers=parse_domain_list(policy.trusted_sealers),
        reject_text=policy.reject_text,
    )


def addresses(settings: Settings) -> list[Address]:
    """Where the milter listens."""
    try:
        return [parse_address(text) for text in settings.milter.listen]
    except Error as problem:
        raise SettingsError(f"milter.listen: {problem}") from None


def monitor_address(settings: Settings) -> Address | None:
    """Where /metrics and /health are answered; None: nowhere."""
    try:
        return parse_address(settings.telemetry.listen) if settings.telemetry.listen else None
    except Error as problem:
        raise SettingsError(f"telemetry.listen: {problem}") from None


def workers(settings: Settings) -> int:
    """How many processes serve: as set, else one for each core that we may use."""
    return settings.milter.workers or len(os.sched_getaffinity(0))


class Keys(NamedTuple):
    """The keys that sign mail of our own, and the key that seals mail of others; None where there are none."""

    signing: KeyFinder | None = None
    sealing: SealingKey | None = None


def make_keys(settings: Settings, path: Path | None) -> Keys:
    """Read the tables of signing keys; opens no key, and no database."""
    return Keys(make_key_finder(make_key_options(settings, path)), make_sealing_key(settings, path))


def evaluations_folder(settings: Settings, path: Path | None) -> Path | None:
    """Where records of messages wait for the store; None: none are kept."""
    if not settings.store.folder or not settings.evaluations.record:
        return None
    base = path.absolute().parent if path is not None else Path.cwd()
    return base / settings.store.folder / "evaluations"


def make_evaluations_folder(settings: Settings, path: Path | None) -> Path | None:
    """The same, there and ours. Raises `SettingsError`."""
    folder = evaluations_folder(settings, path)
    if folder is not None:
        account = find_account(settings.user, settings.group) if os.geteuid() == 0 else None
        try:
            make_segment_folder(folder, uid=account.uid if account else -1, gid=account.gid if account else -1)
        except SegmentError as problem:
            raise SettingsError(f"{place(path, 'store.folder')}: store.folder: {problem}") from None
    return folder


def make_recorder(settings: Settings, folder: Path | None) -> Recorder | None:
    """What writes records of messages."""
    if folder is None:
        return None
    limits = SegmentLimits(folder_octets=settings.evaluations.max_spool_bytes)
    return Recorder(SegmentWriter(folder, limits))


def make_filter_context(
    settings: Settings,
    resolver: LiveResolver,
    counters: Counters,
    keys: Keys | None = None,
    recorder: Recorder | None = None,
) -> FilterContext:
    """What the milter's connections share; without keys nothing is signed, without a recorder no record is kept."""
    keys = keys or Keys()
    milter = settings.milter
    # The result of HELO decides nothing, so it is not looked up where it is not shown.
    options = replace(make_options(settings), helo_check=milter.helo_result)
    hosts = make_hosts(settings)
    dns = DnsBudget(resolver, settings.dns.message_budget_seconds)
    inbound = InboundContext(
        dns=dns,
        options=options,
        policy=make_policy(settings),
        hosts=hosts,
        sealer=make_sealer(settings, keys.sealing) if keys.sealing is not None else None,
        own_authors=keys.signing,
        recording=make_record_options(settings) if recorder is not None else None,
    )
    outbound = OutboundContext(
        dns=dns,
        authserv_id=options.authserv_id,
        protected_ids=(options.authserv_id, *hosts.gateway_ids),
        signer=make_signer(settings, keys.signing) if keys.signing is not None else None,
        show_login=milter.show_login,
        local_mailers=frozenset(milter.local_mailers),
    )
    return FilterContext(
        hosts=hosts,
        own_macros=make_own_macros(settings),
        trusted_relays=Networks(milter.trusted_relays),
        inbound=inbound,
        outbound=outbound,
        observe=OutcomeObserver(counters, recorder).observe,
    )


def make_record_options(settings: Settings) -> RecordOptions:
    """Return what the records of this host have in common."""
    return RecordOptions(host=socket.gethostname(), recipient_domains=settings.evaluations.recipient_domains)


def make_own_macros(settings: Settings) -> tuple[MacroCondition, ...]:
    """The macros that make mail our own."""
    conditions = parse_conditions(settings.milter.own_macros)
    for condition in conditions:
        if not condition.values and condition.name.strip("{}") in {"", *ALWAYS_SENT}:
            raise SettingsError(f"milter.own_macros: {condition.name or '='} alone would make all mail our own")
    return conditions


def make_signer(settings: Settings, finder: KeyFinder) -> OutboundSigner:
    """Make the signer of our own mail from the settings and the finder of its keys."""
    return OutboundSigner(finder, make_sending_options(settings), except_recipients=make_except_recipients(settings))


def make_sealer(settings: Settings, key: SealingKey) -> ArcSealer:
    """Make the sealer of mail that is passed on from the settings and its key."""
    return ArcSealer(
        key=key.load,
        only_forwarded=settings.arc.seal == "forwarded",
        local_mailers=frozenset(settings.milter.local_mailers),
    )


def make_hosts(settings: Settings) -> Hosts:
    """Who hands in whose mail."""
    milter = settings.milter
    return Hosts(
        local=Networks(milter.local_networks),
        relays=Networks(milter.relays),
        gateways=tuple(
            [
                Gateway(
                    networks=Networks(gateway.networks),
                    authserv_id=gateway.authserv_id or None,
                    client_field=gateway.client_field.lower().encode() or None,
                )
                for gateway in milter.gateways
            ]
        ),
    )


def check(settings: Settings, path: Path | None) -> None:
    """Raise `SettingsError`, with file and line, for what only shows when the parts are built."""
    try:
        make_options(settings)
        make_resolver(settings)
        named = [*addresses(settings), monitor_address(settings)]
        if len(set(named)) < len(named):
            raise SettingsError("milter.listen: an address stands twice, here or as telemetry.listen")
        find_account(settings.user, settings.group)
        _socket_account(settings)
        make_key_options(settings, path)
        make_sealing_key(settings, path)
        make_sending_options(settings)
        make_own_macros(settings)
        make_except_recipients(settings)
    except SettingsError as problem:
        raise SettingsError(f"{place(path, str(problem).partition(':')[0])}: {problem}") from None
    refuse(signing_faults(settings, path, with_keys=False))


def run_service(settings: Settings, path: Path | None, ready: Callable[[], None], *, with_keeper: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called when all workers serve, and `path` is read again on SIGHUP.

    Raises `SettingsError` or `TransportError` when it cannot begin.
    """
    configure_logging(settings.log.level, settings.log.format)
    check(settings, path)
    _raise_descriptor_limit(settings)
    _import_ahead()
    if with_keeper:
        _check_keeper(settings, path)
        settings = with_store(settings)
    plan = _plan(settings, path, {}, with_keeper=with_keeper)
    account = find_account(settings.user, settings.group)
    if account is not None:
        become(account)
        if path is not None and not os.access(path, os.R_OK):
            log.warning("%s cannot read %s, so SIGHUP will not change the configuration", account.user, path)
    elif os.geteuid() == 0:
        log.warning("running as root; the setting `user` names whom to become instead")
    for problem in warnings(settings):
        log.warning("%s", problem)

    def next_plan(held: Mapping[Address, socket.socket]) -> ProcessPlan:
        new = read_settings(path) if path is not None else settings
        if (new.user, new.group) != (settings.user, settings.group):
            raise SettingsError(f"{place(path, 'user')}: user, group: a change of these needs a restart")
        check(new, path)
        if with_keeper:
            _check_keeper(new, path)
            new = with_store(new)
        for problem in warnings(new):
            log.warning("%s", problem)
        return _plan(new, path, held, with_keeper=with_keeper)

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


def with_store(settings: Settings) -> Settings:
    """The same, with the default place of the store where none is set: who runs a keeper wants one."""
    store = settings.store
    folder = store.folder or str(default_folder())
    return msgspec.structs.replace(settings, store=msgspec.structs.replace(store, folder=folder))


def _plan(
    settings: Settings, path: Path | None, held: Mapping[Address, socket.socket], *, with_keeper: bool
) -> ProcessPlan:
    """These settings as a plan: sockets that listen already are taken over, the others are bound now."""
    monitor = monitor_address(settings)
    keys = make_keys(settings, path)  # the tables are read once, and shared by the workers
    folder = make_evaluations_folder(settings, path)
    sockets: dict[Address, socket.socket] = {}
    try:
        for address in addresses(settings):
            sockets[address] = held.get(address) or listen(address, mode=int(settings.milter.socket_mode, 8))
            _prepare(address, sockets[address], settings)
        if monitor is not None:
            sockets[monitor] = held.get(monitor) or listen(monitor)
    except BaseException:
        for address, listener in sockets.items():
            if address not in held:
                forget(address)
                listener.close()
        raise
    return ProcessPlan(
        workers=workers(settings),
        sockets=sockets,
        monitor=monitor,
        drain_seconds=settings.milter.drain_seconds,
        work=partial(_work, settings, keys, folder, [sockets[address] for address in addresses(settings)]),
        keep=partial(_keep, settings, path) if with_keeper else None,
        in_force=partial(configure_logging, settings.log.level, settings.log.format),
    )


def _prepare(address: Address, listener: socket.socket, settings: Settings) -> None:
    """Owner and mode of a UNIX socket; keep-alive for what a TCP socket accepts, which inherits it."""
    if isinstance(address, UnixAddress):
        uid, gid = _socket_account(settings)
        path = Path(address.path)
        mode = int(settings.milter.socket_mode, 8)
        try:
            now = path.stat()
            if uid not in (-1, now.st_uid) or gid not in (-1, now.st_gid):
                os.chown(path, uid, gid)
            if now.st_mode & 0o777 != mode:
                path.chmod(mode)
        except OSError as problem:
            raise SettingsError(
                f"milter.socket_owner, socket_group, socket_mode of {address}: {problem.strerror}"
            ) from None
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


def _socket_account(settings: Settings) -> tuple[int, int]:
    """User and group of a UNIX socket by number; -1 leaves what is."""
    milter = settings.milter
    uid = gid = -1
    if os.geteuid() == 0:
        account = find_account(settings.user, settings.group)
        if account is not None:
            uid, gid = account.uid, account.gid
    if milter.socket_owner:
        uid = find_user(milter.socket_owner, "milter.socket_owner")
    if milter.socket_group:
        gid = find_group(milter.socket_group, "milter.socket_group")
    return uid, gid


def _check_keeper(settings: Settings, path: Path | None) -> None:
    from inalign.wiring.reportd import check_keeper  # noqa: PLC0415 - a milter alone has no need of what it imports

    check_keeper(settings, path)


def _keep(settings: Settings, path: Path | None) -> None:
    """The keeper, from its first to its last moment."""
    from inalign.wiring.reportd import run_keeper  # noqa: PLC0415 - as above

    run_keeper(settings, path)


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
            await stack.enter_async_context(recorder.kept())
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
