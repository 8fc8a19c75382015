"""The only place that builds the parts and joins them: settings in, a running service out."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from functools import partial

from inalign.dkim.result import DkimStatus
from inalign.errors import Error, SettingsError
from inalign.flow.receive import Options
from inalign.milter.replies import ACCEPT, TEMPFAIL
from inalign.milterd.filter import WANTED, ReceivingFilter, Service
from inalign.milterd.listen import Address, forget, listen, parse_address
from inalign.milterd.server import Options as ServerOptions
from inalign.milterd.server import Server, run
from inalign.resolver.cache import CacheLimits
from inalign.settings import Settings, networks
from inalign.telemetry import configure_logging
from inalign.transport.dns import LiveResolver

log = logging.getLogger("inalign")

DRAIN_SECONDS = 30.0
"""How long messages under way may take after SIGTERM: more than the DNS budget of one."""


def authserv_id(settings: Settings) -> str:
    """The name under which results are written: as set, else the host name, whole where the system knows it whole."""
    return settings.authserv_id or next(
        (name for name in (socket.getfqdn(), socket.gethostname()) if "." in name), socket.gethostname()
    )


def make_resolver(settings: Settings) -> LiveResolver:
    """The live resolver of these settings."""
    dns = settings.dns
    try:
        return LiveResolver(
            servers=dns.servers or None,
            timeout=dns.exchange_timeout_seconds,
            limits=CacheLimits(entries=dns.cache_entries),
        )
    except Error as problem:
        raise SettingsError(f"dns.servers: {problem}") from None


def make_options(settings: Settings) -> Options:
    """What the verdict on a message depends on."""
    return Options(
        authserv_id=authserv_id(settings),
        partial_body=DkimStatus(settings.dkim.partial_body),
        iprev=settings.milter.iprev,
        helo_result=settings.milter.helo_result,
    )


def addresses(settings: Settings) -> list[Address]:
    """Where the milter listens."""
    try:
        return [parse_address(text) for text in settings.milter.listen]
    except Error as problem:
        raise SettingsError(f"milter.listen: {problem}") from None


def make_service(settings: Settings, resolver: LiveResolver) -> Service:
    """What the milter's connections share."""
    milter = settings.milter
    return Service(
        resolver=resolver,
        options=make_options(settings),
        message_budget_seconds=settings.dns.message_budget_seconds,
        local_networks=networks(milter.local_networks),
        trusted_relays=networks(milter.trusted_relays),
        show_login=milter.show_login,
        local_mailers=frozenset(milter.local_mailers),
    )


def run_milter(settings: Settings, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called when every socket listens. Raises `TransportError`."""
    configure_logging(settings.log.level)
    where = addresses(settings)
    listeners = [listen(address, mode=int(settings.milter.socket_mode, 8)) for address in where]
    try:
        run(_serve(settings, listeners, ready))
    finally:
        for listener, address in zip(listeners, where, strict=True):
            listener.close()
            forget(address)


async def _serve(settings: Settings, listeners: list[socket.socket], ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with make_resolver(settings) as resolver:
        service = make_service(settings, resolver)
        reply = TEMPFAIL if settings.milter.failure_action == "tempfail" else ACCEPT
        server = Server(partial(ReceivingFilter, service=service), WANTED, ServerOptions(failure_reply=reply))
        for listener in listeners:
            await server.serve(listener)
        ready()
        await stop.wait()
        log.info("stopping: messages under way are finished first")
        await server.close(DRAIN_SECONDS)
