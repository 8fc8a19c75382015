"""Inalign: e-mail authentication with SPF, DKIM, ARC and DMARC.

Every public name is imported on first use (PEP 562), so `import inalign` loads nothing else:

    from datetime import UTC, datetime
    from inalign import Envelope, LiveResolver, authenticate, run

    verdict = run(authenticate(message, Envelope("192.0.2.7", "mail.example.org", "a@example.org"), LiveResolver(),
                               now=datetime.now(UTC), authserv_id="mx.example.net"))
    print(verdict.dmarc.result, verdict.authentication_results)

docs/api.md describes each name with an example.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from inalign.version import __version__

if TYPE_CHECKING:
    from inalign.arc.result import ArcReason, ArcResult, ArcStatus
    from inalign.arc.seal import SealingOptions, seal_arc
    from inalign.arc.validate import validate_arc
    from inalign.dkim.algorithm import KeyType
    from inalign.dkim.canonical import BodyHashes
    from inalign.dkim.crypto import PrivateKey, generate_private_key, load_private_key
    from inalign.dkim.key import KeyRecord, KeyRecordError, parse_key
    from inalign.dkim.result import DkimReason, DkimResult, DkimStatus
    from inalign.dkim.sign import Signing, SigningError, SigningKey, SigningOptions, sign_dkim
    from inalign.dkim.verify import verify_dkim
    from inalign.dmarc.evaluate import evaluate_dmarc
    from inalign.dmarc.record import AlignmentMode, DmarcRecord, DmarcRecordError, parse_dmarc_record
    from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
    from inalign.errors import Error, LimitError, ParseError, TransportError
    from inalign.flow.authenticate import authenticate
    from inalign.flow.iprev import IprevResult, IprevStatus
    from inalign.flow.receive import Reception, VerificationOptions, check_client
    from inalign.flow.verdict import Envelope, Verdict
    from inalign.mail.authentication_results import AuthenticationResultsError, parse_authentication_results
    from inalign.mail.domain import DomainError, DomainName, parse_domain
    from inalign.mail.fields import Field, Message, parse_message
    from inalign.mail.results import AuthenticationResults, MethodResult, Property, fold_authentication_results
    from inalign.net.dns import LiveResolver
    from inalign.net.dns_servers import ServerAddressError
    from inalign.net.run import run
    from inalign.reports.flaw import Flaw, FlawCode, RefusalCode
    from inalign.reports.read import read_reports
    from inalign.reports.report import (
        AbuseReport,
        AggregateRecord,
        AggregateReport,
        FailureReport,
        ReadOutcome,
        Refusal,
        TlsReport,
    )
    from inalign.resolver.interface import Answer, IPAddress, MailExchange, Outcome, Question, Resolver
    from inalign.resolver.zone import ZoneError, ZoneResolver
    from inalign.spf.check import check_helo, check_spf
    from inalign.spf.record import SpfRecord, SpfRecordError, parse_spf_record
    from inalign.spf.result import SpfLookup, SpfReason, SpfResult, SpfScope, SpfStatus

__all__ = [
    "AbuseReport",
    "AggregateRecord",
    "AggregateReport",
    "AlignmentMode",
    "Answer",
    "ArcReason",
    "ArcResult",
    "ArcStatus",
    "AuthenticationResults",
    "AuthenticationResultsError",
    "BodyHashes",
    "DkimReason",
    "DkimResult",
    "DkimStatus",
    "DmarcReason",
    "DmarcRecord",
    "DmarcRecordError",
    "DmarcResult",
    "DmarcStatus",
    "DomainError",
    "DomainName",
    "Envelope",
    "Error",
    "FailureReport",
    "Field",
    "Flaw",
    "FlawCode",
    "IPAddress",
    "IprevResult",
    "IprevStatus",
    "KeyRecord",
    "KeyRecordError",
    "KeyType",
    "LimitError",
    "LiveResolver",
    "MailExchange",
    "Message",
    "MethodResult",
    "Outcome",
    "ParseError",
    "Policy",
    "PrivateKey",
    "Property",
    "Question",
    "ReadOutcome",
    "Reception",
    "Refusal",
    "RefusalCode",
    "Resolver",
    "SealingOptions",
    "ServerAddressError",
    "Signing",
    "SigningError",
    "SigningKey",
    "SigningOptions",
    "SpfLookup",
    "SpfReason",
    "SpfRecord",
    "SpfRecordError",
    "SpfResult",
    "SpfScope",
    "SpfStatus",
    "TlsReport",
    "TransportError",
    "Verdict",
    "VerificationOptions",
    "ZoneError",
    "ZoneResolver",
    "__version__",
    "authenticate",
    "check_client",
    "check_helo",
    "check_spf",
    "evaluate_dmarc",
    "fold_authentication_results",
    "generate_private_key",
    "load_private_key",
    "parse_authentication_results",
    "parse_dmarc_record",
    "parse_domain",
    "parse_key",
    "parse_message",
    "parse_spf_record",
    "read_reports",
    "run",
    "seal_arc",
    "sign_dkim",
    "validate_arc",
    "verify_dkim",
]

_HOMES = {
    "AbuseReport": "inalign.reports.report",
    "AggregateRecord": "inalign.reports.report",
    "AggregateReport": "inalign.reports.report",
    "AlignmentMode": "inalign.dmarc.record",
    "Answer": "inalign.resolver.interface",
    "ArcReason": "inalign.arc.result",
    "ArcResult": "inalign.arc.result",
    "ArcStatus": "inalign.arc.result",
    "AuthenticationResults": "inalign.mail.results",
    "AuthenticationResultsError": "inalign.mail.authentication_results",
    "BodyHashes": "inalign.dkim.canonical",
    "DkimReason": "inalign.dkim.result",
    "DkimResult": "inalign.dkim.result",
    "DkimStatus": "inalign.dkim.result",
    "DmarcReason": "inalign.dmarc.result",
    "DmarcRecord": "inalign.dmarc.record",
    "DmarcRecordError": "inalign.dmarc.record",
    "DmarcResult": "inalign.dmarc.result",
    "DmarcStatus": "inalign.dmarc.result",
    "DomainError": "inalign.mail.domain",
    "DomainName": "inalign.mail.domain",
    "Envelope": "inalign.flow.verdict",
    "Error": "inalign.errors",
    "FailureReport": "inalign.reports.report",
    "Field": "inalign.mail.fields",
    "Flaw": "inalign.reports.flaw",
    "FlawCode": "inalign.reports.flaw",
    "IPAddress": "inalign.resolver.interface",
    "IprevResult": "inalign.flow.iprev",
    "IprevStatus": "inalign.flow.iprev",
    "KeyRecord": "inalign.dkim.key",
    "KeyRecordError": "inalign.dkim.key",
    "KeyType": "inalign.dkim.algorithm",
    "LimitError": "inalign.errors",
    "LiveResolver": "inalign.net.dns",
    "MailExchange": "inalign.resolver.interface",
    "Message": "inalign.mail.fields",
    "MethodResult": "inalign.mail.results",
    "Outcome": "inalign.resolver.interface",
    "ParseError": "inalign.errors",
    "Policy": "inalign.dmarc.result",
    "PrivateKey": "inalign.dkim.crypto",
    "Property": "inalign.mail.results",
    "Question": "inalign.resolver.interface",
    "ReadOutcome": "inalign.reports.report",
    "Reception": "inalign.flow.receive",
    "Refusal": "inalign.reports.report",
    "RefusalCode": "inalign.reports.flaw",
    "Resolver": "inalign.resolver.interface",
    "SealingOptions": "inalign.arc.seal",
    "ServerAddressError": "inalign.net.dns_servers",
    "Signing": "inalign.dkim.sign",
    "SigningError": "inalign.dkim.sign",
    "SigningKey": "inalign.dkim.sign",
    "SigningOptions": "inalign.dkim.sign",
    "SpfLookup": "inalign.spf.result",
    "SpfReason": "inalign.spf.result",
    "SpfRecord": "inalign.spf.record",
    "SpfRecordError": "inalign.spf.record",
    "SpfResult": "inalign.spf.result",
    "SpfScope": "inalign.spf.result",
    "SpfStatus": "inalign.spf.result",
    "TlsReport": "inalign.reports.report",
    "TransportError": "inalign.errors",
    "Verdict": "inalign.flow.verdict",
    "VerificationOptions": "inalign.flow.receive",
    "ZoneError": "inalign.resolver.zone",
    "ZoneResolver": "inalign.resolver.zone",
    "authenticate": "inalign.flow.authenticate",
    "check_client": "inalign.flow.receive",
    "check_helo": "inalign.spf.check",
    "check_spf": "inalign.spf.check",
    "evaluate_dmarc": "inalign.dmarc.evaluate",
    "fold_authentication_results": "inalign.mail.results",
    "generate_private_key": "inalign.dkim.crypto",
    "load_private_key": "inalign.dkim.crypto",
    "parse_authentication_results": "inalign.mail.authentication_results",
    "parse_dmarc_record": "inalign.dmarc.record",
    "parse_domain": "inalign.mail.domain",
    "parse_key": "inalign.dkim.key",
    "parse_message": "inalign.mail.fields",
    "parse_spf_record": "inalign.spf.record",
    "read_reports": "inalign.reports.read",
    "run": "inalign.net.run",
    "seal_arc": "inalign.arc.seal",
    "sign_dkim": "inalign.dkim.sign",
    "validate_arc": "inalign.arc.validate",
    "verify_dkim": "inalign.dkim.verify",
}

if not TYPE_CHECKING:  # a type checker must see the names above, and refuse any other

    def __getattr__(name: str) -> object:
        """Import the module of a public name, and return what the name stands for."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'inalign' has no attribute {name!r}")
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
