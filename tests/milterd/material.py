"""A filter context whose DNS is a zone, for tests of the milter's filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inalign.flow.budget import DnsBudget
from inalign.flow.decide import OBSERVE_ONLY, LocalPolicy
from inalign.flow.inbound import InboundContext
from inalign.flow.origin import Hosts
from inalign.flow.outbound import OutboundContext
from inalign.flow.outcome import MessageOutcome
from inalign.flow.own_mail import MacroCondition
from inalign.flow.receive import VerificationOptions
from inalign.flow.signer import OutboundSigner
from inalign.mail.networks import Networks
from inalign.milterd.service import FilterContext
from inalign.resolver import ZoneResolver

AUTHSERV_ID = "mx.example.net"
NOBODY = Networks()


def filter_context(
    names: Mapping[str, Mapping[str, object]],
    *,
    hosts: Hosts,
    policy: LocalPolicy = OBSERVE_ONLY,
    trusted_relays: Networks = NOBODY,
    own_macros: tuple[MacroCondition, ...] = (),
    signer: OutboundSigner | None = None,
    iprev: bool = False,
    observe: Callable[[MessageOutcome], None] = lambda _: None,
) -> FilterContext:
    """The context of a filter that verifies with these DNS names, as mx.example.net."""
    dns = DnsBudget(ZoneResolver.from_json(names), 20)
    inbound = InboundContext(
        dns=dns,
        options=VerificationOptions(authserv_id=AUTHSERV_ID, iprev=iprev),
        policy=policy,
        hosts=hosts,
        own_authors=signer.finder if signer is not None else None,
    )
    outbound = OutboundContext(
        dns=dns, authserv_id=AUTHSERV_ID, protected_ids=(AUTHSERV_ID, *hosts.gateway_ids), signer=signer
    )
    return FilterContext(
        hosts=hosts,
        own_macros=own_macros,
        trusted_relays=trusted_relays,
        inbound=inbound,
        outbound=outbound,
        observe=observe,
    )
