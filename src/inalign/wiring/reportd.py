"""The report process is built and run: settings in, a process that owns the store out."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from inalign.assessment.assess import AssessmentCache
from inalign.assessment.cache import BackgroundRefresh
from inalign.assessment.process import AssessmentProcess
from inalign.assessment.views import all_views
from inalign.errors import TransportError
from inalign.ingest.loader import Loader, ReaderOptions
from inalign.net.dns import LiveResolver
from inalign.net.listen import Address, InetAddress, listen, parse_address
from inalign.reportd.dnsbl import DnsblClient
from inalign.reportd.reportd import ReportDaemon, bind_local, run_until_ended
from inalign.settings.config import Config
from inalign.settings.secret import read_secret
from inalign.settings.tables import Settings
from inalign.spool.deliveries import Spool
from inalign.store.folders import Folders
from inalign.store.load.geoip import Places
from inalign.store.maintenance import Retention
from inalign.store.queries.snapshot import Snapshot
from inalign.store.queries.view import View
from inalign.store.state.accounts import Accounts
from inalign.store.state.control import Control
from inalign.telemetry import configure_logging
from inalign.wiring.alerts import make_alerts
from inalign.wiring.assessment import make_assessment_cache, open_assessor
from inalign.wiring.intake import make_sources, make_trust
from inalign.wiring.store import asn_database, open_store, store_folder
from inalign.wiring.summaries import make_summaries

if TYPE_CHECKING:
    from inalign.web.server import WebServer

log = logging.getLogger("inalign")


def make_reader_options(config: Config, *, offline: bool = False) -> ReaderOptions:
    """How deliveries are read; offline, nothing is looked up."""
    return ReaderOptions(
        make_resolver=_no_resolver if offline else partial(_live_resolver, config.settings),
        trust=make_trust(config.settings),
        asn_database=asn_database(config),
    )


def _live_resolver(settings: Settings) -> LiveResolver:
    dns = settings.dns
    return LiveResolver(servers=dns.servers or None, timeout=dns.exchange_timeout_seconds)


def _no_resolver() -> None:
    return None


def processes(settings: Settings) -> int:
    """How many read reports: as set, else one for each core that we may use."""
    return settings.store.readers or len(os.sched_getaffinity(0))


def retention(settings: Settings) -> Retention:
    """How long rows stay."""
    store = settings.store
    return Retention(
        raw=store.keep_raw_days,
        records=store.keep_records_days,
        rollups=store.keep_rollups_days,
        failures=store.keep_failures_days,
        tls=store.keep_tls_days,
        evaluations=store.keep_evaluations_days,
    )


def run_reportd(config: Config) -> None:
    """Run the report process until it ends. Raises `Error` when it cannot start."""
    configure_logging(config.settings.log.level, config.settings.log.format)
    folders = Folders(base=store_folder(config))
    engine = open_store(config)
    try:
        control = Control(folders.control)
        loader = Loader(engine, folders.work, make_reader_options(config), processes=processes(config.settings))
        ending = threading.Event()
        assessments = replace(
            make_assessment_cache(config, engine, control), has_background_refresh=config.settings.insight.background
        )
        apart = AssessmentProcess(partial(open_assessor, config), ending.is_set)
        daemon = ReportDaemon(
            folders=folders,
            engine=engine,
            control=control,
            spool=Spool(folders.spool),
            loader=loader,
            places=Places(asn_database(config)),
            sources=make_sources(config),
            retention=retention(config.settings),
            refused_days=config.settings.store.keep_refused_days,
            alerts=make_alerts(config, control),
            serve=partial(_servers, config, assessments),
            assess=BackgroundRefresh(assessments, apart, ending.is_set, apart.rest).round
            if assessments.has_background_refresh
            else None,
            ending=ending,
        )
        try:
            asyncio.run(_run(daemon, config.settings))
        finally:
            apart.close()
            loader.close()
            control.close()
    finally:
        engine.close()


async def _run(daemon: ReportDaemon, settings: Settings) -> None:
    daemon.has_names, daemon.dnsbl = settings.store.reverse_names, DnsblClient(settings.insight.dnsbl)
    if not daemon.has_names and not daemon.dnsbl.names:
        await run_until_ended(daemon)
        return
    async with _live_resolver(settings) as daemon.resolver:
        await run_until_ended(daemon)


def _servers(config: Config, assessments: AssessmentCache, daemon: ReportDaemon) -> list[Awaitable[None]]:
    """What answers: questions of our own user's commands, and pushed reports."""
    from starlette.applications import Starlette  # noqa: PLC0415 - in the report process alone

    from inalign.web.api import routes  # noqa: PLC0415
    from inalign.web.push import push_route  # noqa: PLC0415
    from inalign.web.server import WebServer  # noqa: PLC0415

    views = all_views(lambda _: assessments)
    servers = [
        WebServer(
            Starlette(routes=routes(lambda view, filters: view.ask(Snapshot(daemon.engine), filters), views)),
            [bind_local(daemon.folders.socket)],
        )
    ]
    servers += _pages(config, daemon, views)
    push = config.settings.intake.push
    if push.listen:
        tokens = [read_secret(token) for token in push.tokens]
        route = push_route(daemon.accept, tokens, max_bytes=push.max_bytes)
        servers.append(WebServer(Starlette(routes=[route]), [listen(parse_address(push.listen))]))
    posted = make_summaries(config, views, daemon.engine, daemon.control)
    return [*(server.run() for server in servers), *((posted.run(),) if posted else ())]


def _pages(config: Config, daemon: ReportDaemon, views: Mapping[str, View]) -> list[WebServer]:
    """Nobody but this host may read where nobody can sign in."""
    from inalign.web.app import make_app  # noqa: PLC0415
    from inalign.web.server import WebServer  # noqa: PLC0415
    from inalign.wiring.web import make_provider, make_web_options  # noqa: PLC0415 - in the report process alone

    if not config.settings.web.listen:
        return []
    address = parse_address(config.settings.web.listen)
    options = make_web_options(config.settings, loopback=is_loopback(address))
    if not options.loopback and Accounts(daemon.control).none_yet():
        log.error(
            "no pages: others reach %s, and there is no user: inalign user add NAME --role admin --link; then restart",
            address,
        )
        return []
    try:
        listener = listen(address)
    except TransportError as problem:
        # Reports and mail go on; a port that another program has is no reason to stop them.
        log.error("no pages: %s; choose another address as web.listen", problem)
        return []
    app = make_app(
        daemon.engine,
        views,
        daemon.control,
        daemon.spool,
        options,
        provider=make_provider(config),
    )
    return [WebServer(app, [listener])]


def is_loopback(address: Address) -> bool:
    """Whether only this host reaches it."""
    if not isinstance(address, InetAddress):
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"
