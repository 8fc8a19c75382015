"""dkimpy-milter.conf(5): OpenDKIM's options, a part of them, and those for a second key, of Ed25519."""

from __future__ import annotations

from inalign.moving.configuration import Dialect
from inalign.moving.signature_lines import canonicalization, signed
from inalign.moving.signing_lines import OPTIONS, take_keys
from inalign.moving.source import (
    Program,
    authserv_id,
    barred_macros,
    clients,
    dns_timeout,
    listen,
    log_format,
    socket_mode,
    user,
)

PROGRAM = Program(
    dialect=Dialect(ignores_case=False),
    lines={
        "Canonicalization": canonicalization,
        "MacroList": barred_macros,
        "SignHeaders": signed,
        "AuthservID": authserv_id,
        "DNSTimeout": dns_timeout,
        "InternalHosts": clients,
        "Socket": listen,
        "Syslog": log_format,
        "UMask": socket_mode,
        "UserID": user,
    },
    finish=take_keys,
    together=OPTIONS - {"BaseDirectory", "MultipleSignatures"},
)
