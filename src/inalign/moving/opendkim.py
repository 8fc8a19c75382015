"""opendkim.conf(5)."""

from __future__ import annotations

from collections.abc import Mapping

from inalign.errors import SettingsError
from inalign.moving.configuration import Dialect, Line
from inalign.moving.draft import Draft, Left
from inalign.moving.signature_lines import canonicalization, excepted, lifetime, omitted, oversigned, signed
from inalign.moving.signing_lines import OPTIONS, take_keys
from inalign.moving.source import (
    Program,
    Source,
    Translation,
    authserv_id,
    clients,
    dns_timeout,
    header_size,
    listen,
    log_format,
    macros,
    socket_mode,
    unsafe_keys,
    user,
)
from inalign.moving.spelling import integer, names, separated

ACTIONS = {"a": "accept", "d": "discard", "q": "quarantine", "r": "reject", "t": "tempfail"}
MOST_SIGNATURES = 100
ON = {"On-InternalError": "milter.failure_action", "On-DNSError": "policy.dmarc_temperror"}


def servers(draft: Draft, source: Source, line: Line) -> None:
    """Nameservers."""
    draft.take("dns.servers", [text for _, text in separated(line.value, line.place)], source.origin(line))


def signatures(draft: Draft, source: Source, line: Line) -> None:
    """MaximumSignaturesToVerify."""
    number = integer(line.value)
    if 1 <= number <= MOST_SIGNATURES:
        draft.take("dkim.max_signatures", number, source.origin(line))
    else:
        why = f"dkim.max_signatures is at least 1 and at most {MOST_SIGNATURES}."
        draft.left.append(Left(source.origin(line), "instead", why))


def exempt(draft: Draft, source: Source, line: Line) -> None:
    """ExemptDomains."""
    found = [text for _, text in names(line.value, line.place, source.base)]
    draft.take("policy.except_domains", found, source.origin(line))


def action(line: Line) -> str:
    """accept, or its first letter, and so on. Raises `SettingsError`."""
    word = ACTIONS.get(line.value.lower(), line.value.lower())
    if word not in ACTIONS.values():
        raise SettingsError(f"{line.value!r} is none of {', '.join(ACTIONS.values())}")
    return word


def finish(draft: Draft, source: Source) -> None:
    """Keys, and what becomes of messages when something fails."""
    take_keys(draft, source)
    for name, key in ON.items():
        line = source.get(name) or source.get("On-Default")
        if line is None:
            continue
        try:
            word = action(line)
        except SettingsError as problem:
            draft.fault(line.place, f"{line.name}: {problem}")
            continue
        if word in ("accept", "tempfail"):
            draft.take(key, word, source.origin(line))
        else:
            draft.left.append(Left(source.origin(line), "instead", f"{key} is accept or tempfail; it stays accept."))


def daemons(draft: Draft, source: Source, line: Line) -> None:
    """MTA: the names of daemons whose mail is signed."""
    listed = [text for _, text in names(line.value, line.place, source.base)]
    draft.take("milter.own_macros", [f"{{daemon_name}}={'|'.join(listed)}"], source.origin(line))


def unsignable(draft: Draft, source: Source, line: Line) -> None:
    """On-SignatureError."""
    word = action(line)
    draft.take("sign.on_failure", "unsigned" if word == "accept" else "tempfail", source.origin(line))


LINES: Mapping[str, Translation] = {
    "AuthservID": authserv_id,
    "Canonicalization": canonicalization,
    "DNSTimeout": dns_timeout,
    "DontSignMailTo": excepted,
    "ExemptDomains": exempt,
    "InternalHosts": clients,
    "MTA": daemons,
    "MacroList": macros,
    "MaximumHeaders": header_size,
    "MaximumSignaturesToVerify": signatures,
    "Nameservers": servers,
    "OmitHeaders": omitted,
    "On-SignatureError": unsignable,
    "OversignHeaders": oversigned,
    "PeerList": clients,
    "RequireSafeKeys": unsafe_keys,
    "SignHeaders": signed,
    "SignatureTTL": lifetime,
    "Socket": listen,
    "Syslog": log_format,
    "UMask": socket_mode,
    "UserID": user,
}
PROGRAM = Program(
    dialect=Dialect(includes=True),
    lines=LINES,
    finish=finish,
    together=(OPTIONS - {"KeyFileEd25519", "SelectorEd25519", "KeyTableEd25519"}) | {"On-Default", *ON},
)
