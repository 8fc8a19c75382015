"""Translates the options of opendkim.conf(5) to settings."""

from __future__ import annotations

from collections.abc import Mapping

from inalign.errors import SettingsError
from inalign.migrate.configuration import Dialect, SettingLine
from inalign.migrate.draft import Draft
from inalign.migrate.signature_lines import canonicalization, excepted, lifetime, omitted, oversigned, signed
from inalign.migrate.signing_lines import OPTIONS, take_keys
from inalign.migrate.source import (
    COMMON_LINES,
    ForeignConfiguration,
    Program,
    Translation,
    accept_or_tempfail,
    clients,
    dns_timeout,
    header_size,
    macros,
    number,
    unsafe_keys,
)
from inalign.migrate.spelling import names, separated

ACTIONS = {"a": "accept", "d": "discard", "q": "quarantine", "r": "reject", "t": "tempfail"}
ON = {"On-InternalError": "milter.failure_action", "On-DNSError": "policy.dmarc_temperror"}


def servers(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate Nameservers to `dns.servers`."""
    draft.take("dns.servers", [text for _, text in separated(line.value, line.place)], source.origin(line))


def exempt(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option ExemptDomains to settings of the draft."""
    found = [text for _, text in names(line.value, line.place, source.base)]
    draft.take("policy.except_domains", found, source.origin(line))


def action(line: SettingLine) -> str:
    """accept, or its first letter, and so on. Raises `SettingsError`."""
    word = ACTIONS.get(line.value.lower(), line.value.lower())
    if word not in ACTIONS.values():
        raise SettingsError(f"{line.value!r} is none of {', '.join(ACTIONS.values())}")
    return word


def finish(draft: Draft, source: ForeignConfiguration) -> None:
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
        accept_or_tempfail(draft, source, line, key, word)


def daemons(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """MTA: the names of daemons whose mail is signed."""
    listed = [text for _, text in names(line.value, line.place, source.base)]
    draft.take("milter.own_macros", [f"{{daemon_name}}={'|'.join(listed)}"], source.origin(line))


def unsignable(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option On-SignatureError to settings of the draft."""
    word = action(line)
    draft.take("sign.on_failure", "unsigned" if word == "accept" else "tempfail", source.origin(line))


LINES: Mapping[str, Translation] = {
    **COMMON_LINES,
    "Canonicalization": canonicalization,
    "DNSTimeout": dns_timeout,
    "DontSignMailTo": excepted,
    "ExemptDomains": exempt,
    "InternalHosts": clients,
    "MTA": daemons,
    "MacroList": macros,
    "MaximumHeaders": header_size,
    "MaximumSignaturesToVerify": number("dkim.max_signatures", 1, 100),
    "Nameservers": servers,
    "OmitHeaders": omitted,
    "On-SignatureError": unsignable,
    "OversignHeaders": oversigned,
    "PeerList": clients,
    "RequireSafeKeys": unsafe_keys,
    "SignHeaders": signed,
    "SignatureTTL": lifetime,
}
PROGRAM = Program(
    dialect=Dialect(includes=True),
    lines=LINES,
    finish=finish,
    together=(OPTIONS - {"KeyFileEd25519", "SelectorEd25519", "KeyTableEd25519"}) | {"On-Default", *ON},
)
