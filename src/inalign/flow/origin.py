"""Who the SMTP client is: the host that connected, or the one that listed relays and gateways name.

A message that a listed host hands in is walked up its Received fields, from the top: the first one was written by the
host that connected, the next one by the host that the first one names, and so on, as long as the hosts named are
listed. The first host that is not listed is the client, and its HELO stands in the same field. So nothing is believed
that was not written by a listed host: what a stranger puts into his message stands below the field that names him.

A loopback address in such a field is the host itself, which passes mail through a filter of its own. Where a field is
missing, or cannot be read without doubt, nobody knows the client: SPF then says none (RFC 7208 section 2.6.1), since a
pass of the relay's own address would say nothing about the sender (RFC 7208 appendix F).

A *gateway* is a listed host that filters, and may rewrite, mail. It may say more: the client in a field of its own, or
results of its own in Authentication-Results. Such a field is believed above the lowest Received field that the
gateway wrote, and nowhere else: below it the message of the sender begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inalign.errors import ParseError
from inalign.flow.transit import reported_spf
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.authserv_id import claims_authserv_id
from inalign.mail.fields import Field
from inalign.mail.networks import Networks
from inalign.mail.received import is_network_note, parse_client_address, parse_received
from inalign.mail.results import AuthenticationResults
from inalign.resolver import IPAddress
from inalign.spf.result import SpfResult

MAX_HOPS = 20
"""Received fields that are walked. Mail crosses under five hosts of one site; RFC 5321 section 6.3 has 100 of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A filter in front of this host: its networks, and the fields in which it reports."""

    networks: Networks
    authserv_id: str | None = None
    """The name in its Authentication-Results, whose SPF result is taken for ours."""
    client_field: bytes | None = None
    """The field in which it names the client, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Who hands in whose mail."""

    local: Networks
    """Mail of these is our own."""
    relays: Networks
    """These hand in the mail of others, unchanged."""
    gateways: tuple[Gateway, ...] = ()

    def hands_on(self, address: IPAddress | None) -> bool:
        """Whether the host hands in the mail of others."""
        return address is not None and (address in self.relays or self.gateway(address) is not None)

    def gateway(self, address: IPAddress) -> Gateway | None:
        """The first gateway in whose networks the address is."""
        return next((gateway for gateway in self.gateways if address in gateway.networks), None)

    @property
    def gateway_ids(self) -> tuple[str, ...]:
        """The names in Authentication-Results that only a gateway may use."""
        return tuple([gateway.authserv_id for gateway in self.gateways if gateway.authserv_id])


class OriginSource(StrEnum):
    """From where the client of a message that a listed host handed in is known."""

    RECEIVED = "received"
    """From a Received field."""
    FIELD = "field"
    """From the field of a gateway."""
    RESULTS = "results"
    """It need not be known: a gateway reported its SPF result."""
    UNKNOWN = "unknown"
    """Nobody says it so that it can be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOrigin:
    """What is known of the client of a message that a listed host handed in."""

    source: OriginSource
    address: IPAddress | None = None
    helo: str | None = None
    via: tuple[IPAddress, ...]
    """The listed hosts that it crossed, the one that connected to us first."""
    gateway: Gateway | None = None
    """The outermost gateway that it crossed."""
    report: AuthenticationResults | None = None
    """What that gateway says it found."""
    spf: SpfResult | None = None
    """Its SPF result, where it is the one that met the client."""
    is_local: bool = False
    """Whether it is mail of our own. Only our relays can say so: a gateway may have private addresses like ours."""
    detail: str = ""
    """For people: why the client is unknown."""


def find_origin(connected: IPAddress, fields: Sequence[Field], hosts: Hosts, mail_from: str | None) -> ClientOrigin:
    """The client of a message with these fields, which a listed host handed in; never raises."""
    walk = _ReceivedWalk(connected, fields, hosts)
    gateway = walk.gateway
    above = fields[: walk.gateway_wrote]
    report = _report(gateway.authserv_id, above) if gateway and gateway.authserv_id else None
    source, client, detail, spf = OriginSource.RECEIVED, walk.client, walk.detail, None
    if gateway is not None and walk.is_gateway_outermost:
        if gateway.client_field is not None:
            source = OriginSource.FIELD
            client, detail = _named(gateway.client_field, above, hosts)
        spf = reported_spf(report, mail_from)
    if client is None:
        source = OriginSource.UNKNOWN
    if spf is not None:
        source, detail = OriginSource.RESULTS, ""
    return ClientOrigin(
        source=source,
        address=client,
        helo=walk.helo if client is not None and client == walk.client else None,
        via=tuple(walk.via),
        gateway=gateway,
        report=report,
        spf=spf,
        is_local=gateway is None and client is not None and client in hosts.local,
        detail=detail,
    )


class _ReceivedWalk:
    """The way up the Received fields, as far as they are believed."""

    def __init__(self, connected: IPAddress, fields: Sequence[Field], hosts: Hosts) -> None:
        self.via = [connected]
        self.client: IPAddress | None = None
        self.helo: str | None = None
        self.gateway: Gateway | None = None
        self.gateway_wrote = 0
        """The place of the lowest Received field that the gateway wrote."""
        self.is_gateway_outermost = False
        self.detail = ""
        self._hosts = hosts
        for number, (place, field) in enumerate(_stamps(fields)):
            if number == MAX_HOPS:
                self.detail = f"more than {MAX_HOPS} Received fields by listed hosts"
                return
            if not self._step(place, field):
                return
        self.detail = "no Received field by the outermost listed host"

    def _step(self, place: int, field: Field) -> bool:
        """Read the field that the last host of `via` wrote; whether the walk goes on."""
        gateway = self._hosts.gateway(self.via[-1])
        self.is_gateway_outermost = gateway is not None
        if gateway is not None:
            self.gateway, self.gateway_wrote = gateway, place
        try:
            stamp = parse_received(field.value)
        except ParseError as problem:
            self.detail = str(problem)
            return False
        if stamp.address.is_loopback:
            return True
        if self._hosts.hands_on(stamp.address):
            self.via.append(stamp.address)
            return True
        self.client, self.detail = _possible(stamp.address)
        self.helo = stamp.helo
        return False


def _stamps(fields: Sequence[Field]) -> Iterator[tuple[int, Field]]:
    """The Received fields with their places, less those of which the next one says more."""
    for place, field in enumerate(fields):
        if field.key == b"received" and not is_network_note(field.value):
            yield place, field


def _possible(address: IPAddress) -> tuple[IPAddress | None, str]:
    """The address if a host can have it, else why not."""
    if address.is_unspecified or address.is_multicast:
        return None, f"{address} is the address of no host"
    return address, ""


def _named(name: bytes, fields: Sequence[Field], hosts: Hosts) -> tuple[IPAddress | None, str]:
    """The client that the topmost field of this name gives, else why none."""
    field = next((field for field in fields if field.key == name), None)
    if field is None:
        return None, f"no {name.decode('ascii', 'replace')} above the Received field of the gateway"
    try:
        address = parse_client_address(field.value)
    except ParseError as problem:
        return None, f"{name.decode('ascii', 'replace')}: {problem}"
    if address.is_loopback or hosts.hands_on(address):
        return None, f"{name.decode('ascii', 'replace')} names a listed host, {address}"
    return _possible(address)


def _report(authserv_id: str, fields: Sequence[Field]) -> AuthenticationResults | None:
    """The topmost results under this name; None where they break the grammar, lest a value be taken for a result."""
    ids = (authserv_id,)
    for field in fields:
        if field.key == b"authentication-results" and claims_authserv_id(field.value, ids):
            try:
                return parse_authentication_results(field.value)
            except ParseError:
                return None
    return None
