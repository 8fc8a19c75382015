"""policyd-spf.conf(5), and pyspf-milter, which reads the same file."""

from __future__ import annotations

from inalign.errors import SettingsError
from inalign.migrate.configuration import Dialect, SettingLine
from inalign.migrate.draft import Draft, Left
from inalign.migrate.source import (
    ForeignConfiguration,
    Program,
    authserv_id,
    barred_macros,
    clients,
    listen,
    number,
    socket_mode,
    user,
)
from inalign.migrate.spelling import boolean, integer, separated

REFUSING = ("Fail", "Softfail", "SPF_Not_Pass")
PASSING = ("False", "No_Check")


def skipped(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option skip_addresses to settings of the draft."""
    draft.take_clients(separated(line.value, line.place), source.origin(line))


def deferred(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option TempError_Defer to settings of the draft."""
    draft.take("policy.dmarc_temperror", "tempfail" if boolean(line.value) else "accept", source.origin(line))


def finish(draft: Draft, source: ForeignConfiguration) -> None:
    """Mail_From_reject, which refuses where nothing is said, and TestOnly."""
    line = source.get("Mail_From_reject")
    test = source.get("TestOnly") or source.get("defaultSeedOnly")
    origin = source.origin(line) if line else f"{source.program} does it where Mail_From_reject is not set"
    word = line.value if line else REFUSING[0]
    if word in PASSING:
        draft.take("policy.spf_fail", "accept", origin)
    elif word in REFUSING:
        draft.take("policy.spf_fail", "reject", origin)
    elif line is not None:
        draft.fault(line.place, f"{line.name}: {word!r} is none of {', '.join(REFUSING + PASSING)}")
    if word in REFUSING[1:]:
        why = "Only SPF fail is refused: softfail and neutral are no reason to (RFC 7208 section 8.5)."
        draft.left.append(Left(origin, "instead", why))
    if test is not None and _is_test(draft, test):
        draft.take("policy.mode", "observe", source.origin(test))
    elif word in REFUSING:
        draft.take("policy.mode", "enforce", origin)


def _is_test(draft: Draft, line: SettingLine) -> bool:
    """0 is a test, by its manual."""
    try:
        return integer(line.value) == 0
    except SettingsError as problem:
        draft.fault(line.place, f"{line.name}: {problem}")
        return False


PROGRAM = Program(
    dialect=Dialect(separator="=", ignores_case=False),
    lines={
        "Authserv_Id": authserv_id,
        "InternalHosts": clients,
        "Lookup_Time": number("dns.message_budget_seconds", 1, 250, stays=20),
        "MacroList": barred_macros,
        "Socket": listen,
        "TempError_Defer": deferred,
        "UMask": socket_mode,
        "UserID": user,
        "skip_addresses": skipped,
    },
    finish=finish,
    together=frozenset({"Mail_From_reject", "TestOnly", "defaultSeedOnly"}),
)
