"""The stories, as `stories.toml` tells them, typed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from ipaddress import ip_address, ip_network
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from inalign.insight.context import Reputation

DAYS = 120
"""That the set tells of."""
_STRANGERS = "strangers"

Zone = dict[str, dict[str, object]]
Day = Annotated[int, Meta(ge=1, le=DAYS)]


class Stream(Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """Mail that looks the same."""

    addresses: tuple[str, int]
    volume: int
    """Messages of a working day."""
    spf: str
    weekend: int = 0
    monthly: int = 0
    """Messages of one day a month, in place of the others."""
    bursts: tuple[int, int] | None = None
    """So many days on, of each so many; else every day."""
    days: tuple[Day, Day] = (DAYS, 1)
    sender: str = "{0}"
    dkim: tuple[str, ...] = ()
    reason: str = ""


class Domain(Struct, frozen=True, forbid_unknown_fields=True):
    """A domain."""

    name: str
    story: str
    policy: dict[int, str]
    """The record, from so many days ago on."""
    stream: tuple[Stream, ...]
    zone: Zone

    def record(self, ago: int) -> str:
        """What is published that day."""
        return self.policy[min(day for day in self.policy if day >= ago)]

    def answers(self) -> Zone:
        """DNS, as `--zone` has it."""
        found = {f"{name}.{self.name}".lstrip("."): dict(answer) for name, answer in self.zone.items()}
        return {**found, f"_dmarc.{self.name}": {"TXT": [self.record(1)]}}


class Reporter(Struct, frozen=True, forbid_unknown_fields=True):
    """Who reports, of what share of the mail, and at which hour (UTC) his days begin."""

    name: str
    email: str
    share: int
    hour: int
    rfc9990: bool = False
    silent_since: int = 0
    """Days ago."""


class UnrelatedSenders(Struct, frozen=True, forbid_unknown_fields=True):
    networks: tuple[str, ...]
    host: str


class Stories(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    domain: tuple[Domain, ...]
    dns: Zone
    hosts: dict[str, str]
    strangers: UnrelatedSenders
    reporter: tuple[Reporter, ...]


@cache
def stories() -> Stories:
    """The file, read."""
    return msgspec.toml.decode((files(__package__) / "stories.toml").read_text("utf-8"), type=Stories)


def addresses(domain: Domain, stream: Stream) -> list[str]:
    """Those that the stream comes from, the busiest first; always the same ones."""
    network, count = stream.addresses
    rest = dice(domain.name, network, count)
    if network != _STRANGERS:
        found = ip_network(network)
        first = 0 if found.num_addresses <= count else 1 + rest.randrange(max(1, found.num_addresses // 2 - count))
        return [str(found[(first + place) % found.num_addresses]) for place in range(count)]
    networks = [ip_network(each) for each in stories().strangers.networks]
    return [str(rest.choice(networks)[rest.randrange(256, 65_000)]) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class SampleContext:
    """What is known beside the reports: DNS answers, reverse names, and addresses of a bad reputation."""

    answers: Zone
    hosts: Mapping[str, str]
    reputation: Mapping[str, Reputation]


def surroundings() -> SampleContext:
    """Of all domains."""
    told = stories()
    answers = dict(told.dns)
    hosts: dict[str, str] = {}
    reputation: dict[str, Reputation] = {}
    for domain in told.domain:
        answers |= domain.answers()
        for stream in domain.stream:
            for place, address in enumerate(addresses(domain, stream)):
                name = _host(told, address)
                if name is not None:
                    hosts[address] = name
                elif stream.addresses[0] == _STRANGERS:
                    # Half of them have a name, some are on a list, and some are simply not known.
                    if place % 2:
                        hosts[address] = told.strangers.host.format(address.replace(".", "-"))
                    if place % 3:
                        reputation[address] = "listed" if place % 3 == 1 else "dynamic"
    return SampleContext(answers, hosts, reputation)


def dice(*words: object) -> random.Random:
    """Chance that falls the same way for the same words."""
    return random.Random(" ".join(map(str, ("inalign sample", *words))))  # noqa: S311 - nothing is kept secret by it


def _host(told: Stories, address: str) -> str | None:
    number = ip_address(address)
    for network, name in told.hosts.items():
        if number in ip_network(network):
            return name.format(number.packed[-1])
    return None
