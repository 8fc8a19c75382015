"""What goes into the authentication of one message, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from inalign.arc.result import ArcResult
from inalign.dkim.result import DkimResult
from inalign.dmarc.result import DmarcResult
from inalign.flow.iprev import IprevResult
from inalign.mail.results import AuthenticationResults
from inalign.spf.result import SpfResult


@dataclass(frozen=True, slots=True)
class Envelope:
    """The SMTP client that handed the message over, and the reverse-path that it gave."""

    client_ip: str | None
    """The address of the SMTP client as text; None or no address at all: SPF gives none."""
    helo: str | None
    """The HELO or EHLO argument; None is unknown."""
    mail_from: str | None
    """The reverse-path without angle brackets; `""` is the null reverse-path, None is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The results of SPF, DKIM, ARC, DMARC and iprev for one message, and the field that reports them."""

    spf: SpfResult
    spf_helo: SpfResult | None
    dkim: tuple[DkimResult, ...]
    arc: ArcResult
    dmarc: DmarcResult
    iprev: IprevResult | None = None
    """None where it was not asked for, or no client address is known."""
    changed_in_transit: bool = False
    """Whether DMARC fails for nothing but what a listed gateway changed or took away: then nothing is done for that."""
    authentication_results: AuthenticationResults
    """The Authentication-Results field as values; `str()` gives the value of the field, unfolded, without its name."""
