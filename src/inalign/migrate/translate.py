"""One configuration after the other into a draft of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inalign.errors import ParseError, SettingsError
from inalign.migrate import dkimpy_milter, openarc, opendkim, opendmarc, policyd_spf
from inalign.migrate.configuration import Configuration, SettingLine, read_configuration
from inalign.migrate.draft import Draft, Left, origin_of
from inalign.migrate.options import options
from inalign.migrate.source import ForeignConfiguration, Program

PROGRAMS: Mapping[str, Program] = {
    "opendkim": opendkim.PROGRAM,
    "opendmarc": opendmarc.PROGRAM,
    "openarc": openarc.PROGRAM,
    "dkimpy-milter": dkimpy_milter.PROGRAM,
    "policyd-spf": policyd_spf.PROGRAM,
}


def translate(draft: Draft, name: str, path: Path) -> ForeignConfiguration:
    """Add the configuration of a program. What is wrong in a line becomes a fault; raises `SettingsError` otherwise."""
    program = PROGRAMS[name]
    try:
        configuration = read_configuration(path, program.dialect)
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from None
    configuration = _readable(draft, program, configuration)
    source = ForeignConfiguration(name, configuration, {option.lower(): row for option, row in options()[name].items()})
    known = {option if not program.dialect.ignores_case else option.lower() for option in options()[name]}
    lines = {option.lower(): translation for option, translation in program.lines.items()}
    together = {option.lower() for option in program.together}
    for line in configuration.lines:
        key = line.name.lower()
        if (key if program.dialect.ignores_case else line.name) not in known:
            draft.fault(line.place, f"{line.name!r} is no option of {name}")
        elif not line.value:
            draft.fault(line.place, f"{line.name} has no value")
        elif (later := configuration.later(line)) is not None:
            if key != "include":
                draft.left.append(Left(source.origin(line), "not needed", f"{later.place} counts in its place."))
        elif key in lines:
            try:
                lines[key](draft, source, line)
            except (SettingsError, ParseError, OSError) as problem:
                draft.fault(line.place, f"{line.name}: {problem}")
        elif key not in together:
            leave(draft, source, line)
    try:
        program.finish(draft, source)
    except (SettingsError, ParseError) as problem:
        draft.fault(str(path), str(problem))
    for option in sorted(program.together):
        one = source.get(option)
        if one is not None and not _is_mentioned(draft, one.place):
            draft.left.append(Left(source.origin(one), "not needed", "Beside the other lines it changes nothing."))
    return source


def _readable(draft: Draft, program: Program, configuration: Configuration) -> Configuration:
    """The lines that are text."""
    lines = []
    for line in configuration.lines:
        try:
            f"{line.name} {line.value}".encode()
        except UnicodeEncodeError:
            draft.fault(line.place, "holds octets that are not UTF-8")
        else:
            lines.append(line)
    return Configuration(program.dialect, lines)


def _is_mentioned(draft: Draft, place: str) -> bool:
    """Whether a line stands at anything that was taken, left or found wrong."""
    origins = [origin for held in draft.taken.values() for origin in held.origins]
    origins += [origin for rule in draft.keys for origin in rule.origins]
    origins += [left.origin for left in draft.left]
    return any(f"{place}: " in origin for origin in origins) or any(fault.place == place for fault in draft.faults)


def leave(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """A line that has no equal."""
    option = source.options[line.name.lower()]
    origin = origin_of(line, secret=option.secret)
    if option.is_off(line.value):
        draft.left.append(Left(origin, "not needed", "It is so here, too."))
    elif option.not_needed:
        draft.left.append(Left(origin, "not needed", option.not_needed))
    elif option.instead:
        draft.left.append(Left(origin, "instead", option.instead))
    else:
        draft.left.append(Left(origin, "not yet", option.not_yet))
