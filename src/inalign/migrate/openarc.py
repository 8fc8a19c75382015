"""Translates the options of openarc.conf(5) to settings."""

from __future__ import annotations

from inalign.migrate.configuration import Dialect, SettingLine
from inalign.migrate.draft import Draft
from inalign.migrate.opendkim import action
from inalign.migrate.source import (
    COMMON_LINES,
    ForeignConfiguration,
    Program,
    accept_or_tempfail,
    clients,
    header_size,
    unsafe_keys,
)
from inalign.migrate.spelling import whole_path

KEY = {"Domain": "arc.domain", "Selector": "arc.selector", "KeyFile": "arc.file"}


def unable(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate ResponseUnable to `policy` settings."""
    accept_or_tempfail(draft, source, line, "milter.failure_action", action(line))


def finish(draft: Draft, source: ForeignConfiguration) -> None:
    """The key of seals, where it sealed."""
    lines = {name: line for name in KEY if (line := source.get(name)) is not None}
    mode = source.get("Mode")
    if not lines or (mode is not None and "s" not in mode.value):
        return
    for missing in set(KEY) - set(lines):
        first = next(iter(lines.values()))
        draft.fault(first.place, f"{first.name} needs {missing}")
    for name, line in lines.items():
        value = str(whole_path(line.value, source.base)) if name == "KeyFile" else line.value
        draft.take(KEY[name], value, source.origin(line))
    origin = source.origin(mode) if mode is not None else f"{source.program} seals what passes through, by its key"
    draft.take("arc.seal", "all" if mode is not None else "forwarded", origin)


PROGRAM = Program(
    dialect=Dialect(includes=True),
    lines={
        **COMMON_LINES,
        "InternalHosts": clients,
        "MaximumHeaders": header_size,
        "PeerList": clients,
        "RequireSafeKeys": unsafe_keys,
        "ResponseUnable": unable,
    },
    finish=finish,
    together=frozenset({"Mode", *KEY}),
)
