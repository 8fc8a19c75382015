"""The authoritative servers of a zone: what each of them says of a name, and dynamic updates (RFC 2136, RFC 8945).

Only the servers of the zone are asked for the name of a key. A cache is asked for the zone and its servers alone, and
never for a name at or below `_domainkey`: what it was told before a record is there, it would go on to believe.

The only file that imports dnspython; its exceptions end here.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset
import dns.tsigkeyring
import dns.update
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT

from inalign.errors import SettingsError, TransportError
from inalign.keys.lifecycle.publication import Publication, ServerAnswer
from inalign.keys.lifecycle.tsig import TsigKey
from inalign.keys.lifecycle.zone_text import RECORD_TTL, KeyRecordChange, strings
from inalign.net.dns_servers import DNS_PORT, parse_server, system_servers
from inalign.resolver.interface import Answer, Outcome

MAX_ADDRESSES = 32  # of one zone; the root has 26
MAX_STEPS = 8  # CNAMEs and delegations in a row
MAX_UNDER_WAY = 32  # questions at a time; more would be dropped by some servers' rate limits
EDNS_OCTETS = 1232
TRIES = 2  # over UDP, since one datagram may be lost

_PROBLEMS = (dns.exception.DNSException, OSError, EOFError)


@dataclass(frozen=True, slots=True)
class _ZoneServer:
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """The server says that the name is another one, or another zone's."""

    alias: dns.name.Name | None = None
    zone: dns.name.Name | None = None
    servers: tuple[dns.name.Name, ...] = ()


class ZoneServers:
    """Asks the servers of zones, all at once and within bounded time."""

    def __init__(
        self, caches: Sequence[str] = (), *, port: int = DNS_PORT, timeout: float = 5.0, budget: float = 30.0
    ) -> None:
        """`caches` are resolvers as in `dns.servers`, empty for those of the system; `port` is where zones are served.

        `timeout` is for one question, `budget` for all about one name. Raises `SettingsError`.
        """
        self._port = port
        self._timeout = timeout
        self._budget = budget
        self._under_way = asyncio.Semaphore(MAX_UNDER_WAY)
        servers = tuple(map(parse_server, caches)) or system_servers()
        self._cache = dns.asyncresolver.Resolver(configure=False)
        self._cache.nameservers = [
            dns.nameserver.Do53Nameserver(str(server.address[0]), int(server.address[1])) for server in servers
        ]
        self._cache.timeout, self._cache.lifetime = timeout, 2 * timeout

    async def publication(self, name: str) -> Publication:
        """What every server of the zone holds in TXT at the name. Never raises: what fails is said in it."""
        try:
            async with asyncio.timeout(self._budget):
                return replace(await self._follow(dns.name.from_text(name), MAX_STEPS), name=name)
        except TimeoutError:
            return Publication(name=name, problem=f"no whole answer within {self._budget:g} s")
        except _PROBLEMS as problem:
            return Publication(name=name, problem=f"the servers of the zone are not found: {_said(problem)}")

    async def _follow(self, name: dns.name.Name, steps: int) -> Publication:
        """The publication at a name whose zone is yet to be found."""
        zone = await dns.asyncresolver.zone_for_name(_askable(name), resolver=self._cache)
        found = await self._cache.resolve(zone, "NS")
        return await self._ask_zone(name, zone, [rdata.target for rdata in found if isinstance(rdata, NS)], steps)

    async def _ask_zone(
        self, name: dns.name.Name, zone: dns.name.Name, names: Iterable[dns.name.Name], steps: int
    ) -> Publication:
        if not steps:
            return Publication(name=_text(name), problem=f"more than {MAX_STEPS} aliases and delegations in a row")
        servers = await self._addresses(names)
        found = await asyncio.gather(*(self._ask_server(server, name, zone) for server in servers))
        views = [view for view, _, _ in found if view is not None]
        negative_ttl = max((ttl for _, _, ttl in found), default=0)
        others = []
        for elsewhere in dict.fromkeys(elsewhere for _, elsewhere, _ in found if elsewhere is not None):
            if elsewhere.alias is not None:
                others.append(await self._follow(elsewhere.alias, steps - 1))
            elif elsewhere.zone is not None:
                others.append(await self._ask_zone(name, elsewhere.zone, elsewhere.servers, steps - 1))
        return Publication(
            name=_text(name),
            zone=others[0].zone if others else _text(zone),
            views=tuple(itertools.chain(views, *(other.views for other in others))),
            negative_ttl=max([negative_ttl, *(other.negative_ttl for other in others)]),
            problem="; ".join(other.problem for other in others if other.problem),
        )

    async def _addresses(self, names: Iterable[dns.name.Name]) -> list[_ZoneServer]:
        """Every address of every server; a server without one has the empty address."""

        async def of(name: dns.name.Name, kind: str) -> list[str]:
            try:
                return [rdata.to_text() for rdata in await self._cache.resolve(name, kind)]
            except _PROBLEMS:
                return []

        names = sorted(set(names))
        found = await asyncio.gather(*(of(name, kind) for name in names for kind in ("A", "AAAA")))
        servers = []
        for name, v4, v6 in zip(names, found[::2], found[1::2], strict=True):
            servers += [_ZoneServer(_text(name), address) for address in v4 + v6 or [""]]
        return servers[:MAX_ADDRESSES]

    async def _ask_server(
        self, server: _ZoneServer, name: dns.name.Name, zone: dns.name.Name
    ) -> tuple[ServerAnswer | None, _Elsewhere | None, int]:
        """What one address says: a view, or where else to ask; and how long the zone lets a denial be kept."""
        if not server.address:
            return _view(server, _failed("it has no address")), None, 0
        try:
            reply, other = await asyncio.gather(
                self._ask(server.address, name, dns.rdatatype.TXT), self._ask(server.address, zone, dns.rdatatype.SOA)
            )
        except _PROBLEMS as problem:
            return _view(server, _failed(_said(problem))), None, 0
        serial, negative_ttl = _start_of_authority(other)
        result = _read(reply, name, zone)
        if isinstance(result, _Elsewhere):
            return None, result, negative_ttl
        if result.outcome in (Outcome.NODATA, Outcome.NXDOMAIN):
            result = replace(result, ttl=max(result.ttl, negative_ttl))
        return _view(server, result, serial), None, negative_ttl

    async def _ask(
        self, address: str, name: dns.name.Name, kind: dns.rdatatype.RdataType, port: int | None = None
    ) -> dns.message.Message:
        query = dns.message.make_query(name, kind, use_edns=0, payload=EDNS_OCTETS)
        query.flags &= ~dns.flags.RD
        async with self._under_way:
            for rest in reversed(range(TRIES)):
                try:
                    reply, _ = await dns.asyncquery.udp_with_fallback(
                        query, address, port=port or self._port, timeout=self._timeout / TRIES, ignore_unexpected=True
                    )
                except dns.exception.Timeout:
                    if not rest:
                        raise
                else:
                    return reply
        raise AssertionError("unreachable")

    # Dynamic updates

    async def update(self, change: KeyRecordChange, server: str, tsig: TsigKey, *, is_new: bool) -> None:
        """Let the name hold this record and no other TXT; `is_new`: only where nothing is there, or the record is.

        `server` is a host name or an address, with `:PORT` where it is not 53. Raises `TransportError`.
        """
        name = dns.name.from_text(change.name)
        try:
            address, port = await self._place(server)
            message = dns.update.UpdateMessage(
                await self._apex(address, port, name),
                keyring=dns.tsigkeyring.from_text({tsig.name: (tsig.algorithm, tsig.secret)}),
                keyalgorithm=tsig.algorithm,
            )
            if is_new:
                message.absent(name)  # a prerequisite: nobody has this name yet
            else:
                message.delete(name, "TXT")
            if change.record is not None:
                data = [string.encode("ascii") for string in strings(change.record)]
                message.add(name, RECORD_TTL, TXT(dns.rdataclass.IN, dns.rdatatype.TXT, data))
            reply = await dns.asyncquery.tcp(message, address, port=port, timeout=self._timeout)
            if reply.rcode() == dns.rcode.YXDOMAIN:
                there = _read(await self._ask(address, name, dns.rdatatype.TXT, port), name, name)
                if isinstance(there, Answer) and [r.decode("utf-8", "replace") for r in there.records] == [
                    change.record
                ]:
                    return  # an update that was sent before, and whose end was not seen
                raise TransportError(f"{server}: there is a record at {change.name} already; choose another selector")
        except (*_PROBLEMS, ValueError) as problem:  # ValueError: a secret that is no base64
            raise TransportError(f"{server}: the update of {change.name} failed: {_said(problem)}") from None
        if reply.rcode() != dns.rcode.NOERROR:
            raise TransportError(
                f"{server}: the update of {change.name} was refused: {dns.rcode.to_text(reply.rcode())}"
            )

    async def _place(self, server: str) -> tuple[str, int]:
        try:
            address = parse_server(server).address
        except SettingsError:
            host, colon, port = server.partition(":")
            found = await self._addresses([dns.name.from_text(host)])
            if not found[0].address:
                raise TransportError(f"{server}: the name server has no address") from None
            return found[0].address, int(port) if colon else self._port
        return address[0], address[1]

    async def _apex(self, address: str, port: int, name: dns.name.Name) -> dns.name.Name:
        """The zone of the server in which the name lies."""
        reply = await self._ask(address, name, dns.rdatatype.SOA, port)
        for rrset in itertools.chain(reply.answer, reply.authority):
            if rrset.rdtype == dns.rdatatype.SOA:
                return rrset.name
        raise TransportError(f"{address} does not serve the zone of {_text(name)}")


def _askable(name: dns.name.Name) -> dns.name.Name:
    """The part of a name that a cache may be asked about."""
    for at, label in enumerate(name.labels):
        if label.lower() == b"_domainkey":
            return dns.name.Name(name.labels[at + 1 :])
    return name.parent()


def _read(reply: dns.message.Message, name: dns.name.Name, zone: dns.name.Name) -> Answer[bytes] | _Elsewhere:
    """A reply to a question for TXT, from a server of the zone."""
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return _failed(dns.rcode.to_text(reply.rcode()))
    referral = [rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.NS]
    if not reply.flags & dns.flags.AA:
        if referral and not reply.answer and referral[0].name != zone and referral[0].name.is_subdomain(zone):
            servers = tuple(rdata.target for rdata in referral[0] if isinstance(rdata, NS))
            return _Elsewhere(zone=referral[0].name, servers=servers)
        return _failed("it does not serve the zone (the answer is not authoritative)")
    at, ttl = name, 0
    for _ in range(MAX_STEPS):
        found = _rrset(reply, at, dns.rdatatype.TXT)
        if found is not None:
            records = tuple(b"".join(rdata.strings) for rdata in found if isinstance(rdata, TXT))
            return Answer(Outcome.FOUND, records, ttl=max(ttl, found.ttl))
        alias = _rrset(reply, at, dns.rdatatype.CNAME)
        if alias is None:
            break
        at, ttl = next(rdata.target for rdata in alias if isinstance(rdata, CNAME)), max(ttl, alias.ttl)
    if at != name:
        return _Elsewhere(alias=at)
    _, negative_ttl = _start_of_authority(reply)
    outcome = Outcome.NXDOMAIN if reply.rcode() == dns.rcode.NXDOMAIN else Outcome.NODATA
    return Answer(outcome, ttl=negative_ttl)


def _rrset(reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
    return next((rrset for rrset in reply.answer if rrset.name == name and rrset.rdtype == kind), None)


def _start_of_authority(reply: dns.message.Message) -> tuple[int | None, int]:
    """The serial, and how long a denial may be kept (RFC 2308 section 5)."""
    for rrset in itertools.chain(reply.answer, reply.authority):
        for rdata in rrset:
            if isinstance(rdata, SOA):
                return rdata.serial, min(rrset.ttl, rdata.minimum)
    return None, 0


def _view(server: _ZoneServer, answer: Answer[bytes], serial: int | None = None) -> ServerAnswer:
    return ServerAnswer(server=server.name, address=server.address or "-", answer=answer, serial=serial)


def _failed(detail: str) -> Answer[bytes]:
    return Answer(Outcome.FAILED, detail=detail)


def _said(problem: Exception) -> str:
    if isinstance(problem, dns.resolver.NoRootSOA):
        return "the resolver of this host knows no zone at all; see dns.servers"
    return str(problem) or type(problem).__name__


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
