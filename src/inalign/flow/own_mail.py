"""Whose mail is our own: that of authenticated clients, of our networks, and what macros of the MTA say is ours."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import NamedTuple

from inalign.flow.origin import Hosts
from inalign.milter.macros import Macros
from inalign.milter.messages import Connected, Family
from inalign.resolver import IPAddress
from inalign.spf.identity import find_client

ALWAYS_SENT = frozenset(
    ("j", "v", "_", "i", "b", "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr", "client_addr",
     "client_name", "client_ptr", "mail_addr", "mail_host", "mail_mailer", "rcpt_addr", "rcpt_host", "rcpt_mailer")
)  # fmt: skip
"""Macros that MTAs send of everybody's mail: that one is there says nothing."""

LOOPBACK = IPv4Address("127.0.0.1")


class MacroCondition(NamedTuple):
    """`{daemon_name}=ORIGINATING|submission`, or a name alone."""

    name: str
    values: frozenset[str]
    """Empty: any value but the empty one."""

    def holds(self, macros: Macros) -> bool:
        """Whether the MTA says so."""
        value = macros.get(self.name)
        return bool(value) if not self.values else value in self.values


def parse_conditions(texts: Iterable[str]) -> tuple[MacroCondition, ...]:
    """The conditions of a setting."""
    parts = [text.partition("=") for text in texts]
    return tuple(
        MacroCondition(name.strip(), frozenset(value.strip() for value in values.split("|")) if equals else frozenset())
        for name, equals, values in parts
    )


def why_ours(hosts: Hosts, address: IPAddress | None, login: str | None) -> str | None:
    """What makes the mail of a client our own; None: nothing does. What a relay hands in is that of others."""
    if login:
        return "authenticated"
    if address is not None and not hosts.hands_on(address) and address in hosts.local:
        return "local_network"
    return None


def client_address(event: Connected) -> IPAddress | None:
    """The address of a client; loopback for a program on this host that came without one, as OpenDKIM has it.

    Sendmail gives no address for what its own command reads on standard input. An address that an MTA does not know is
    another thing: Postfix calls such a client `unknown`.
    """
    if event.client_ip is None and (event.family is Family.UNIX or event.host == "localhost"):
        return LOOPBACK
    client = find_client(event.client_ip)
    return None if client is None else client.address
