"""What a translation reads from, and the lines that all these milters have: sockets, users, clients, the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inalign.errors import SettingsError
from inalign.migrate.configuration import Configuration, Dialect, SettingLine
from inalign.migrate.draft import Draft, Left, origin_of
from inalign.migrate.options import Option
from inalign.migrate.spelling import boolean, data_set, integer, names
from inalign.net.listen import parse_address

HOST_NAME = "HOSTNAME"  # what an AuthservID says for it; it is what we do without a name


@dataclass(frozen=True, slots=True)
class ForeignConfiguration:
    """The configuration of one program."""

    program: str
    configuration: Configuration
    options: Mapping[str, Option]
    """By names in lower case."""

    def get(self, name: str) -> SettingLine | None:
        """The line of this name that counts, None where there is none with a value."""
        line = self.configuration.get(name)
        return line if line is not None and line.value else None

    def says(self, name: str, *, default: bool = False) -> bool:
        """What a yes or no comes to; one that is neither is told elsewhere."""
        line = self.get(name)
        try:
            return default if line is None else boolean(line.value)
        except SettingsError:
            return default

    def origin(self, line: SettingLine) -> str:
        """A line as a comment shows it, with what is not quite the same."""
        option = self.options[line.name.lower()]
        holds_keys = line.name.lower().startswith("keytable") and line.value.startswith("csl:")
        note = f" ({option.note})" if option.note else ""
        return origin_of(line, secret=option.secret or holds_keys) + note

    @property
    def base(self) -> Path | None:
        """The folder in which relative paths begin, where it is known."""
        line = self.get("BaseDirectory")
        return Path(line.value) if line is not None and line.value.startswith("/") else None


Translation = Callable[[Draft, ForeignConfiguration, SettingLine], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Another program, and how its lines become ours."""

    dialect: Dialect
    lines: Mapping[str, Translation]
    """What each of its options comes to, for itself."""
    finish: Callable[[Draft, ForeignConfiguration], None]
    """What several of them come to together."""
    together: frozenset[str]
    """The options that `finish` reads."""


def listen(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate Socket to `milter.listen`."""
    kind, _, rest = line.value.partition(":")
    if kind in ("inet", "inet6") and rest.isdigit():
        loopback = "[::1]" if kind == "inet6" else "127.0.0.1"
        draft.take("milter.listen", [f"inet:{loopback}:{rest}"], source.origin(line))
        why = "It listened everywhere, and now on loopback: if the MTA is elsewhere, name an address in milter.listen."
        draft.left.append(Left(source.origin(line), "instead", why))
        return
    text = str(parse_address(_postfix_form(line.value)))
    held = draft.taken.get("milter.listen")
    if held is not None and held.value != [text]:
        why = f"One milter does both: take this one out of smtpd_milters, and leave {held.origins[0]}."
        draft.left.append(Left(source.origin(line), "instead", why))
        return
    draft.take("milter.listen", [text], source.origin(line))


def _postfix_form(text: str) -> str:
    """Return a socket as libmilter writes it (`inet:PORT@HOST`, `local:PATH`, a bare path) in the form of Postfix."""
    if text.startswith("/"):
        return f"unix:{text}"
    kind, _, rest = text.partition(":")
    if kind == "local":
        return f"unix:{rest}"
    if kind in ("inet", "inet6"):
        port, at, host = rest.partition("@")
        if not at:
            return f"inet:{rest}"
        return f"inet:[{host}]:{port}" if ":" in host and not host.startswith("[") else f"inet:{host}:{port}"
    return text


def socket_mode(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option UMask to settings of the draft."""
    mask = integer(line.value)
    if not 0 <= mask <= 0o777:
        raise SettingsError(f"{line.value!r} is no umask")
    draft.take("milter.socket_mode", f"0{0o666 & ~mask:03o}", source.origin(line))


def user(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option UserID to settings of the draft."""
    name, _, group = line.value.partition(":")
    draft.take("user", name, source.origin(line))
    if group:
        draft.take("group", group, source.origin(line))


def authserv_id(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option AuthservID to settings of the draft."""
    if line.value == HOST_NAME:
        draft.left.append(Left(source.origin(line), "not needed", "It is the host name here, too."))
    else:
        draft.take("authserv_id", line.value, source.origin(line))


def log_format(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option Syslog to settings of the draft."""
    if boolean(line.value):
        draft.take("log.format", "syslog", source.origin(line))
    else:
        draft.left.append(Left(source.origin(line), "not needed", "The log goes to standard error."))


def clients(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate InternalHosts or PeerList."""
    draft.take_clients(names(line.value, line.place, source.base), source.origin(line))


def macros(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """MacroList: names, or names with values that one of must be there."""
    rows = data_set(line.value, source.base).rows
    found = [f"{row.name}={row.value}" if row.value else row.name for row in rows]
    draft.take("milter.own_macros", found, source.origin(line))


def barred_macros(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """MacroList where it is written `name|value|value`."""
    parts = [text.partition("|") for _, text in names(line.value, line.place, source.base)]
    found = [f"{{{name}}}={values}" if bar else f"{{{name}}}" for name, bar, values in parts]
    draft.take("milter.own_macros", found, source.origin(line))


def number(key: str, least: int, most: int, *, stays: int | None = None) -> Translation:
    """A whole number that becomes a setting with bounds; with `stays` a time, which is so much where it is beyond."""

    def translation(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
        value = integer(line.value)
        if least <= value <= most:
            draft.take(key, value if stays is None else float(value), source.origin(line))
            return
        bounds = (
            f"at least {least} and at most {most}" if stays is None else f"above 0 and at most {most}; it stays {stays}"
        )
        draft.left.append(Left(source.origin(line), "instead", f"{key} is {bounds}."))

    return translation


dns_timeout = number("dns.exchange_timeout_seconds", 1, 30, stays=5)
header_size = number("milter.max_header_bytes", 32_768, 1 << 26)


def accept_or_tempfail(draft: Draft, source: ForeignConfiguration, line: SettingLine, key: str, word: str) -> None:
    """What becomes of a message when something fails: a setting that takes no more than these."""
    if word in ("accept", "tempfail"):
        draft.take(key, word, source.origin(line))
    else:
        draft.left.append(Left(source.origin(line), "instead", f"{key} is accept or tempfail; it stays accept."))


def unsafe_keys(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option RequireSafeKeys to settings of the draft."""
    if boolean(line.value):
        draft.left.append(Left(source.origin(line), "not needed", "Unsafe keys are refused here, too."))
    else:
        draft.take("sign.unsafe_keys", True, source.origin(line))


COMMON_LINES: Mapping[str, Translation] = {
    "AuthservID": authserv_id,
    "Socket": listen,
    "Syslog": log_format,
    "UMask": socket_mode,
    "UserID": user,
}
"""What all these milters have, by the same names."""
