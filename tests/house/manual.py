"""The manual pages: inalign(1) of the same text as `--help`, inalign.toml(5) of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from inalign.cli import COMMANDS, main
from inalign.settings.manual import describe, header_of, toml
from inalign.version import __version__

FILES = (
    ("./inalign.toml, /etc/inalign/inalign.toml", "the configuration, where --config names none; see inalign.toml(5)"),
    ("share/doc of the source tree: docs/operations.md", "running it for months"),
)


def manual() -> str:
    """inalign(1)."""
    return "\n".join(_manual()) + "\n"


def settings_manual() -> str:
    """inalign.toml(5)."""
    return "\n".join(_settings_manual()) + "\n"


def _manual() -> Iterator[str]:
    yield f'.TH INALIGN 1 "" "inalign {__version__}" "Mail"'
    yield ".SH NAME"
    yield r"inalign \- e-mail authentication with SPF, DKIM, ARC and DMARC"
    yield ".SH SYNOPSIS"
    yield ".B inalign"
    yield r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]..."
    yield ".SH DESCRIPTION"
    yield _roff(main.help or "")
    context = click.Context(main, info_name="inalign")
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield from _command(f"inalign {name}", command, click.Context(command, context, info_name=name))
    yield ".SH FILES"
    for name, meaning in FILES:
        yield from _item(name, meaning)
    yield ".SH SEE ALSO"
    yield ".BR inalign.toml (5),"
    yield ".BR postconf (5)"


def _command(title: str, command: click.Command, context: click.Context) -> Iterator[str]:
    yield f".SH {_roff(title).upper()}"
    for paragraph in (command.help or "").split("\n\n"):
        text = " ".join(paragraph.split())
        example = re.fullmatch(r"Example: (.*)", text)
        if example:
            yield from ("Example:", ".PP", ".RS", ".nf", _roff(example[1]), ".fi", ".RE")
        else:
            yield from (_roff(text), ".PP")
    yield from (".PP", ".B Usage:", _roff(" ".join([title, *command.collect_usage_pieces(context)])))
    for option in command.params:
        if isinstance(option, click.Option):
            names = ", ".join(option.opts)
            yield from _item(names if option.is_flag else f"{names} {option.make_metavar(context)}", option.help or "")
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _command(f"{title} {name}", child, click.Context(child, context, info_name=name))


def _settings_manual() -> Iterator[str]:
    yield f'.TH INALIGN.TOML 5 "" "inalign {__version__}" "Mail"'
    yield ".SH NAME"
    yield r"inalign.toml \- the settings of inalign(1)"
    yield ".SH DESCRIPTION"
    yield "A TOML file. Every setting has a default; a key that is not listed here is an error."
    yield r"\fBinalign config check\fR names file, line and key of what is wrong, \fBinalign config sample\fR prints a"
    yield "file with every setting."
    table = None
    for key, kind, default, meaning in describe():
        head, _, name = key.rpartition(".")
        if head != table:
            table = head
            yield f".SH {header_of(head).upper()}" if head else ".SH AT THE TOP OF THE FILE"
        yield from _item(name, f"{meaning} Takes: {kind}. Default: {toml(default)}.")
    yield ".SH SEE ALSO"
    yield ".BR inalign (1)"


def _item(term: str, text: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{_roff(term)}\fR", _roff(text))


def _roff(text: str) -> str:
    """Text as it is, whatever a line begins with; a hyphen stays one that can be copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...").replace("'", r"\(aq")
    return rf"\&{text}" if text.startswith(".") else text
