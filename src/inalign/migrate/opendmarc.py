"""Translates the options of opendmarc.conf(5) to settings."""

from __future__ import annotations

import re

from inalign.errors import SettingsError
from inalign.migrate.configuration import Dialect, SettingLine
from inalign.migrate.draft import Draft, Left
from inalign.migrate.source import COMMON_LINES, ForeignConfiguration, Program, dns_timeout
from inalign.migrate.spelling import boolean, lines_of, separated, whole_path

ACTING = ("RejectFailures", "HoldQuarantinedMessages", "RejectMultiValueFrom", "RequiredHeaders")


def ignored_clients(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate IgnoreHosts, which names a file of hosts."""
    draft.take_clients(lines_of(whole_path(line.value, source.base)), source.origin(line))


def ignored_authors(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option IgnoreMailFrom to settings of the draft."""
    domains = [text for _, text in separated(line.value, line.place)]
    draft.take("policy.except_domains", domains, source.origin(line))


def sealers(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option DomainWhitelist to settings of the draft."""
    domains = [text for _, text in separated(line.value, line.place)]
    draft.take("policy.trusted_sealers", domains, source.origin(line))


def sealers_in_file(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option DomainWhitelistFile to settings of the draft."""
    domains = [text for _, text in lines_of(whole_path(line.value, source.base))]
    draft.take("policy.trusted_sealers", domains, source.origin(line))


def reject_text(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """RejectString, with the domain where it has %s."""
    text = line.value.strip("\"'")
    if re.search(r"[{}]|[^ -~]", text) or len(text) > 190:
        raise SettingsError("policy.reject_text is ASCII, short, and without braces")
    draft.take("policy.reject_text", text.replace("%s", "{domain}"), source.origin(line))


def finish(draft: Draft, source: ForeignConfiguration) -> None:
    """What becomes of messages: one policy out of four switches."""
    lines = [line for name in ACTING if (line := source.get(name)) is not None]
    for line in lines:
        try:
            boolean(line.value)
        except SettingsError as problem:
            draft.fault(line.place, f"{line.name}: {problem}")
    on = [line for line in lines if source.says(line.name)]
    rejects, holds = source.says("RejectFailures"), source.says("HoldQuarantinedMessages")
    origin = " and ".join(source.origin(line) for line in on) or f"{source.program} refuses nothing"
    if on:
        draft.take("policy.mode", "enforce", origin)
    draft.take("policy.dmarc_reject", "reject" if rejects else "accept", origin)
    draft.take("policy.dmarc_quarantine", "hold" if holds else "accept", origin)
    draft.take("policy.dmarc_temperror", "tempfail" if rejects else "accept", origin)
    if source.says("RejectMultiValueFrom") or source.says("RequiredHeaders"):
        draft.take("policy.author_problem", "reject", origin)
    for line in lines:
        if line not in on:
            draft.left.append(Left(source.origin(line), "not needed", "It is so in the new configuration, too."))


PROGRAM = Program(
    dialect=Dialect(),
    lines={
        **COMMON_LINES,
        "DNSTimeout": dns_timeout,
        "DomainWhitelist": sealers,
        "DomainWhitelistFile": sealers_in_file,
        "IgnoreHosts": ignored_clients,
        "IgnoreMailFrom": ignored_authors,
        "RejectString": reject_text,
    },
    finish=finish,
    together=frozenset(ACTING),
)
