"""The map of known senders: who signs with a name, uses it as Return-Path, or gives it to its hosts.

The own map is `data/*.toml`; a user's map in the same form, or as CSV, goes before it. A file is a list of

    [[source]]
    name = "Example Mail"
    kind = "sending"             # see `Kind`
    names = ["mail.example"]     # signing domains, Return-Path and include domains, reverse names, with all below them
    hosts = ["out.example"]      # only as reverse names
    identities = ["m.example"]   # only as signing, Return-Path and include domains
    networks = ["192.0.2.0/24"]
    page = "https://…"           # where the vendor explains its set-up

The most specific name counts. A network counts where no name does.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from io import StringIO

from inalign.errors import ParseError
from inalign.insight.networks import MergedNetworks, spans_of


class ServiceKind(StrEnum):
    """What a known sender does."""

    MAILBOX = "mailbox"
    """Mailboxes for organisations under their own domains."""
    FREE_MAIL = "free_mail"
    """Mailboxes for everybody under the provider's domain; in another domain's reports it forwards."""
    SENDING = "sending"
    """Sends for its customers: mail shots, shops, tickets, invoices."""
    GATEWAY = "gateway"
    """A filter before or behind mailboxes."""
    FORWARDER = "forwarder"
    """Forwarding is what it does."""
    LISTS = "lists"
    """Mailing lists."""
    ACCESS = "access"
    """The mail relays of an internet provider."""
    HOSTING = "hosting"
    """Shared and virtual hosts, clouds."""
    DYNAMIC = "dynamic"
    """Home and dynamic addresses."""


class DirectoryError(ParseError):
    """A source map is not in the form that is read."""


@dataclass(frozen=True, slots=True)
class KnownService:
    """One known sender."""

    name: str
    kind: ServiceKind
    page: str | None = None


_FIELDS = {"name", "kind", "names", "hosts", "identities", "networks", "page"}


class Directory:
    """Known senders by identity, by host name and by network."""

    def __init__(self) -> None:
        self._identities: dict[str, KnownService] = {}
        self._hosts: dict[str, KnownService] = {}
        self._networks: list[tuple[MergedNetworks, KnownService]] = []
        self.services: list[KnownService] = []

    def add(
        self,
        service: KnownService,
        *,
        names: Iterable[str] = (),
        hosts: Iterable[str] = (),
        identities: Iterable[str] = (),
        networks: Iterable[str] = (),
    ) -> None:
        """What was there first stays."""
        self.services.append(service)
        names = [*names]
        for name in [*names, *hosts]:
            self._hosts.setdefault(name.lower(), service)
        for name in [*names, *identities]:
            self._identities.setdefault(name.lower(), service)
        found = MergedNetworks(spans_of(networks))
        if found:
            self._networks.append((found, service))

    def by_identity(self, name: str) -> KnownService | None:
        """Whose a signing, Return-Path or include domain is."""
        return _longest(self._identities, name)

    def by_host(self, name: str) -> KnownService | None:
        """Whose a reverse name is."""
        return _longest(self._hosts, name)

    def by_address(self, address: str) -> KnownService | None:
        """Whose an address is by its network alone."""
        return next((service for networks, service in self._networks if address in networks), None)


def read_directory(texts: Iterable[str], *, csv_texts: Iterable[str] = ()) -> Directory:
    """Read maps, the ones that count first in front. Raises `DirectoryError`.

    A CSV has a header line with the words of a source; several names stand in one field, parted by blanks.
    """
    directory = Directory()
    for text in csv_texts:
        for row in csv.DictReader(StringIO(text)):
            _take(directory, {key: value for key, value in row.items() if key and value})
    for text in texts:
        try:
            parsed = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DirectoryError(f"the source map is no TOML: {error}") from error
        sources = parsed.get("source", [])
        if not isinstance(sources, list) or set(parsed) - {"source"}:
            raise DirectoryError("a source map is a list of [[source]] tables")
        for source in sources:
            _take(directory, source)
    return directory


@lru_cache(maxsize=1)
def own_directory() -> Directory:
    """The map that comes with Inalign."""
    from inalign.insight.data import texts  # noqa: PLC0415 - a big text, read only where it is needed

    return read_directory(texts())


def _take(directory: Directory, source: object) -> None:
    if not isinstance(source, dict) or set(source) - _FIELDS:
        raise DirectoryError(f"a source has the fields {', '.join(sorted(_FIELDS))}: {source!r:.120}")
    name, kind, page = source.get("name"), source.get("kind"), source.get("page")
    if not isinstance(name, str) or not name or not isinstance(page, str | None):
        raise DirectoryError(f"a source has a name: {source!r:.120}")
    try:
        service = KnownService(name, ServiceKind(str(kind)), page)
    except ValueError as error:
        raise DirectoryError(f"{name}: the kind is one of {', '.join(ServiceKind)}") from error
    try:
        directory.add(
            service,
            names=_texts(source.get("names")),
            hosts=_texts(source.get("hosts")),
            identities=_texts(source.get("identities")),
            networks=_texts(source.get("networks")),
        )
    except ValueError as error:
        raise DirectoryError(f"{name}: {error}") from error


def _texts(values: object) -> list[str]:
    if values is None:
        return []
    if isinstance(values, str):
        return values.split()
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return values
    raise ValueError("names and networks are lists of texts")


def _longest(named: dict[str, KnownService], name: str) -> KnownService | None:
    while name:
        found = named.get(name)
        if found is not None:
            return found
        name = name.partition(".")[2]
    return None
