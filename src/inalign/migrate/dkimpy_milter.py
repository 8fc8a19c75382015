"""dkimpy-milter.conf(5): OpenDKIM's options, a part of them, and those for a second key, of Ed25519."""

from __future__ import annotations

from inalign.migrate.configuration import Dialect
from inalign.migrate.signature_lines import canonicalization, signed
from inalign.migrate.signing_lines import OPTIONS, take_keys
from inalign.migrate.source import COMMON_LINES, Program, barred_macros, clients, dns_timeout

PROGRAM = Program(
    dialect=Dialect(ignores_case=False),
    lines={
        "Canonicalization": canonicalization,
        "MacroList": barred_macros,
        "SignHeaders": signed,
        **COMMON_LINES,
        "DNSTimeout": dns_timeout,
        "InternalHosts": clients,
    },
    finish=take_keys,
    together=OPTIONS - {"BaseDirectory", "MultipleSignatures"},
)
