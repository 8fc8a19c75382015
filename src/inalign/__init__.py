"""Inalign: e-mail authentication with SPF, DKIM, ARC and DMARC.

The public names, each imported on first use (PEP 562), so that `import inalign` alone costs nothing:

    from datetime import UTC, datetime
    from inalign import Envelope, LiveResolver, authenticate, run

    verdict = run(authenticate(message, Envelope("192.0.2.7", "mail.example.org", "a@example.org"), LiveResolver(),
                               now=datetime.now(UTC), authserv_id="mx.example.net"))
    print(verdict.dmarc.result, verdict.authentication_results)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from inalign.version import __version__

if TYPE_CHECKING:
    from inalign.arc.seal import seal_arc
    from inalign.arc.validate import validate_arc
    from inalign.dkim.sign import SigningKey, sign_dkim
    from inalign.dkim.verify import verify_dkim
    from inalign.dmarc.evaluate import evaluate_dmarc
    from inalign.dmarc.record import parse_dmarc_record
    from inalign.errors import Error, ParseError
    from inalign.flow.authenticate import authenticate
    from inalign.flow.verdict import Envelope, Verdict
    from inalign.mail.authentication_results import parse_authentication_results
    from inalign.net.dns import LiveResolver
    from inalign.net.run import run
    from inalign.reports.read import read_reports
    from inalign.reports.report import ReadOutcome
    from inalign.resolver.zone import ZoneResolver
    from inalign.spf.check import check_spf
    from inalign.spf.record import parse_spf_record

__all__ = [
    "Envelope",
    "Error",
    "LiveResolver",
    "ParseError",
    "ReadOutcome",
    "SigningKey",
    "Verdict",
    "ZoneResolver",
    "__version__",
    "authenticate",
    "check_spf",
    "evaluate_dmarc",
    "parse_authentication_results",
    "parse_dmarc_record",
    "parse_spf_record",
    "read_reports",
    "run",
    "seal_arc",
    "sign_dkim",
    "validate_arc",
    "verify_dkim",
]

_HOMES = {
    "Envelope": "inalign.flow.verdict",
    "Error": "inalign.errors",
    "LiveResolver": "inalign.net.dns",
    "ParseError": "inalign.errors",
    "ReadOutcome": "inalign.reports.report",
    "SigningKey": "inalign.dkim.sign",
    "Verdict": "inalign.flow.verdict",
    "ZoneResolver": "inalign.resolver.zone",
    "authenticate": "inalign.flow.authenticate",
    "check_spf": "inalign.spf.check",
    "evaluate_dmarc": "inalign.dmarc.evaluate",
    "parse_authentication_results": "inalign.mail.authentication_results",
    "parse_dmarc_record": "inalign.dmarc.record",
    "parse_spf_record": "inalign.spf.record",
    "read_reports": "inalign.reports.read",
    "run": "inalign.net.run",
    "seal_arc": "inalign.arc.seal",
    "sign_dkim": "inalign.dkim.sign",
    "validate_arc": "inalign.arc.validate",
    "verify_dkim": "inalign.dkim.verify",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'inalign' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
