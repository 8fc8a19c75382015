"""The only place that builds the parts and joins them: settings in, a running service out."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

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
from inalign.milterd.observer import OutcomeObserver
from inalign.milterd.recorder import Recorder
from inalign.milterd.service import FilterContext
from inalign.net.dns import LiveResolver
from inalign.net.listen import Address, parse_address
from inalign.process.privileges import find_account, find_group, find_user
from inalign.resolver.cache import CacheLimits
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.spool.evaluations import SegmentError, SegmentLimits, SegmentWriter, make_segment_folder
from inalign.store.folders import Folders
from inalign.telemetry import Counters
from inalign.wiring.signing import (
    SealingKey,
    make_except_recipients,
    make_key_options,
    make_sealing_key,
    make_sending_options,
)


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
        raise SettingsError(str(problem), key="dns.servers") from None


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
        raise SettingsError(str(problem), key="milter.listen") from None


def monitor_address(settings: Settings) -> Address | None:
    """Where /metrics and /health are answered; None: nowhere."""
    try:
        return parse_address(settings.telemetry.listen) if settings.telemetry.listen else None
    except Error as problem:
        raise SettingsError(str(problem), key="telemetry.listen") from None


def workers(settings: Settings) -> int:
    """How many processes serve: as set, else one for each core that we may use."""
    return settings.milter.workers or len(os.sched_getaffinity(0))


class Keys(NamedTuple):
    """The keys that sign mail of our own, and the key that seals mail of others; None where there are none."""

    signing: KeyFinder | None = None
    sealing: SealingKey | None = None


def make_keys(config: Config) -> Keys:
    """Read the tables of signing keys; opens no key, and no database."""
    return Keys(make_key_finder(make_key_options(config)), make_sealing_key(config))


def evaluations_folder(config: Config) -> Path | None:
    """Where records of messages wait for the store; None: none are kept."""
    if not config.settings.store.folder or not config.settings.evaluations.record:
        return None
    return Folders(base=config.relative(config.settings.store.folder)).evaluations


def make_evaluations_folder(config: Config) -> Path | None:
    """The same, there and ours. Raises `SettingsError`."""
    folder = evaluations_folder(config)
    if folder is not None:
        account = find_account(config.settings.user, config.settings.group) if os.geteuid() == 0 else None
        try:
            make_segment_folder(folder, uid=account.uid if account else -1, gid=account.gid if account else -1)
        except SegmentError as problem:
            raise config.error("store.folder", f"{problem}") from None
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
            raise SettingsError(f"{condition.name or '='} alone would make all mail our own", key="milter.own_macros")
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


def socket_account(settings: Settings) -> tuple[int, int]:
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
