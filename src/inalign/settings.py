"""Every setting, typed, with its default and its meaning; the TOML file; the sample file and the manual made of them.

A setting selects a value, never a branch deep inside an engine. Unknown keys are errors. Errors name file, line, key
and what was expected.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, field

from inalign.errors import SettingsError
from inalign.flow.decide import PLACEHOLDERS
from inalign.mail.domain import DomainError, parse_domain_list

Network = IPv4Network | IPv6Network

LOOPBACK = ["127.0.0.0/8", "::1/128"]
DEFAULT_LISTEN = "inet:127.0.0.1:8899"

WRITABLE_BY_OTHERS = 0o002


class MilterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The milter: what Postfix or Sendmail connects to."""

    listen: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Sockets, as Postfix writes them: inet:HOST:PORT, inet6:HOST:PORT or unix:/PATH.",
        ),
    ] = field(default_factory=lambda: [DEFAULT_LISTEN])
    socket_mode: Annotated[
        str,
        Meta(pattern="^0[0-7]{3}$", description="Mode of a unix socket, octal; Postfix must be able to write to it."),
    ] = "0660"
    socket_owner: Annotated[
        str, Meta(description="Owner of a unix socket; setting it needs root. Empty: the user that Inalign runs as.")
    ] = ""
    socket_group: Annotated[
        str,
        Meta(
            description="Group of a unix socket, such as postfix; without root, one that the user is in. Empty: the "
            "group that Inalign runs as."
        ),
    ] = ""
    workers: Annotated[
        int, Meta(ge=0, le=1024, description="Processes that serve, each with a DNS cache of its own. 0: one a core.")
    ] = 0
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Connections at a time, of all workers. More are accepted and closed at once, so that the MTA "
            "does what its default action says, instead of waiting. One that is idle takes about 4 kB.",
        ),
    ] = 2000
    drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long SMTP connections under way may take after SIGTERM, or after SIGHUP in old workers.",
        ),
    ] = 30.0
    mta_timeout_seconds: Annotated[
        float,
        Meta(
            gt=1,
            le=86_400,
            description="How long the MTA waits for us at the end of a message: milter_content_timeout of Postfix, T=E "
            "of Sendmail. While a message takes longer than a third of it, the MTA is told to wait on.",
        ),
    ] = 300.0
    local_networks: Annotated[
        list[str],
        Meta(description="Clients whose mail is our own: not verified. Forged results are removed all the same."),
    ] = field(default_factory=lambda: list(LOOPBACK))
    trusted_relays: Annotated[
        list[str],
        Meta(
            description="Hosts (content filters, our other servers) whose Authentication-Results with our id are kept."
        ),
    ] = field(default_factory=lambda: list(LOOPBACK))
    failure_action: Annotated[
        Literal["accept", "tempfail"],
        Meta(description="What a message gets when Inalign itself fails on it: accept (unmarked) or tempfail (451)."),
    ] = "accept"
    iprev: Annotated[
        bool, Meta(description="Check that the client's reverse name points back to it (RFC 8601 section 2.7.3).")
    ] = True
    helo_result: Annotated[
        bool,
        Meta(description="Check SPF for the HELO name and show its result, not only for the null reverse-path."),
    ] = False
    show_login: Annotated[
        bool,
        Meta(
            description="Name the login of an authenticated client (smtp.auth) in mail that is delivered here. It is "
            "never put on mail that leaves, but an alias or a Sieve rule may send mail on after us."
        ),
    ] = False
    local_mailers: Annotated[
        list[str],
        Meta(description="Values of the macro {rcpt_mailer} that deliver here."),
    ] = field(default_factory=lambda: ["local", "virtual", "lmtp"])


class DnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How DNS is asked. A validating resolver on this host is the best choice."""

    servers: Annotated[
        list[str], Meta(description="Addresses, with :PORT where it is not 53. Empty: those of /etc/resolv.conf.")
    ] = field(default_factory=list)
    exchange_timeout_seconds: Annotated[
        float, Meta(gt=0, le=30, description="Time for one exchange with a name server, its retries included.")
    ] = 5.0
    message_budget_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=250,
            description="Time for the DNS of one message: for SPF and the reverse name from MAIL on (RFC 7208 section "
            "4.6.4: at least 20), for all else from the end of the message on, when the MTA waits for us.",
        ),
    ] = 20.0
    cache_entries: Annotated[int, Meta(ge=1, le=10_000_000, description="Answers kept, at most, by each worker.")] = (
        50_000
    )


class DkimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How DKIM results count."""

    partial_body: Annotated[
        Literal["policy", "pass"],
        Meta(
            description="A valid signature whose l= leaves octets of the body unsigned: policy (counts for nothing, "
            "since anybody can append) or pass."
        ),
    ] = "policy"


FailureAction = Literal["accept", "quarantine", "hold", "reject", "discard"]


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of messages. quarantine marks for the junk folder, hold is the MTA's queue (docs/operations.md)."""

    mode: Annotated[
        Literal["observe", "enforce"],
        Meta(description="observe: accept everything, and log what would have been done; enforce: do it."),
    ] = "observe"
    dmarc_reject: Annotated[
        FailureAction,
        Meta(
            description="What a message gets that fails DMARC where p=reject applies. RFC 9989 section 7.4: p=reject "
            "alone is no reason to refuse a message, but to treat it as with p=quarantine."
        ),
    ] = "quarantine"
    dmarc_quarantine: Annotated[
        FailureAction, Meta(description="What a message gets that fails DMARC where p=quarantine applies.")
    ] = "quarantine"
    dmarc_temperror: Annotated[
        Literal["accept", "tempfail"],
        Meta(description="What a message gets whose DMARC cannot be found out, since DNS gives no answer."),
    ] = "accept"
    author_problem: Annotated[
        FailureAction,
        Meta(description="What a message gets without an author domain, with several, or with an ambiguous From."),
    ] = "accept"
    spf_fail: Annotated[
        FailureAction,
        Meta(description="What a message gets whose SPF is fail, where the author domain has no DMARC record."),
    ] = "accept"
    refuse_lists: Annotated[
        bool,
        Meta(
            description="Refuse mailing list mail like other mail. false: it gets quarantine where it would get "
            "reject, since lists unsubscribe readers whose servers refuse (List-Id, List-Post, Precedence: list)."
        ),
    ] = False
    except_domains: Annotated[
        list[str],
        Meta(description="Author domains whose mail is always accepted; .example.org stands for all names below it."),
    ] = field(default_factory=list)
    trusted_sealers: Annotated[
        list[str],
        Meta(
            description="ARC sealers (d= of their seals) that are believed when they found the author authenticated: "
            "DMARC fail is accepted then. .example.org stands for all names below it."
        ),
    ] = field(default_factory=list)
    reject_text: Annotated[
        str,
        Meta(
            pattern="^[ -~]{0,200}$",
            description="Text of the reply 550, ASCII, at most 200 characters; {domain} and {rule} are filled in. "
            "Empty: a text that fits the rule.",
        ),
    ] = ""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The log: one line a message."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least urgent lines that are written.")
    ] = "info"
    format: Annotated[
        Literal["plain", "json", "syslog"],
        Meta(
            description="plain: name=value pairs on standard error; json: one object a line there; syslog: the pairs "
            "to the syslog daemon of this host, facility mail."
        ),
    ] = "plain"


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a monitor may ask over HTTP: /metrics in the text format of Prometheus, and /health."""

    listen: Annotated[
        str,
        Meta(
            description="One address, such as inet:127.0.0.1:8898. Whoever reaches it may read: there is no "
            "authentication. Empty: nobody can ask."
        ),
    ] = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, one table a part."""

    authserv_id: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._+-]*$",
            description="The name under which results are written: one for all our servers, normally our mail domain "
            "(RFC 8601 section 2.5). Empty: the host name.",
        ),
    ] = ""
    user: Annotated[
        str,
        Meta(description="Who to become after the sockets are bound, when started as root. Empty: stay who we are."),
    ] = ""
    group: Annotated[str, Meta(description="The group to become with it. Empty: the first group of the user.")] = ""
    milter: MilterSettings = field(default_factory=MilterSettings)
    dns: DnsSettings = field(default_factory=DnsSettings)
    dkim: DkimSettings = field(default_factory=DkimSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    log: LogSettings = field(default_factory=LogSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)


def read_settings(path: Path) -> Settings:
    """Read a TOML file; raises `SettingsError` naming file, line, key and what was expected.

    A file that anybody may write is refused: it says as whom a program runs that root starts.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().decode("utf-8")
    except UnicodeDecodeError as problem:
        raise SettingsError(f"{path}: not UTF-8 at octet {problem.start}") from None
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from None
    if mode & WRITABLE_BY_OTHERS:
        raise SettingsError(f"{path}: anybody may write this file, so it is not read; try: chmod o-w {path}")
    return parse_settings(text, str(path))


def parse_settings(text: str, source: str = "settings") -> Settings:
    """Read TOML text; `source` stands for the file in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{source}: {problem}") from None
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as problem:
        raise SettingsError(_explain(str(problem), text, source)) from None
    for key, values in (
        ("milter.local_networks", settings.milter.local_networks),
        ("milter.trusted_relays", settings.milter.trusted_relays),
    ):
        for value in values:
            _network(value, f"{_place(source, text, key)}: {key}")
    for key, names in (
        ("policy.except_domains", settings.policy.except_domains),
        ("policy.trusted_sealers", settings.policy.trusted_sealers),
    ):
        try:
            parse_domain_list(names)
        except DomainError as problem:
            raise SettingsError(f"{_place(source, text, key)}: {key}: {problem}") from None
    if re.search(r"[{}]", re.sub("|".join(map(re.escape, PLACEHOLDERS)), "", settings.policy.reject_text)):
        key = "policy.reject_text"
        raise SettingsError(f"{_place(source, text, key)}: {key}: braces are for {' and '.join(PLACEHOLDERS)} alone")
    return settings


def place(path: Path | None, key: str) -> str:
    """Where a setting stands, as `file:line`, for an error that is found later than on reading."""
    if path is None:
        return "built-in defaults"
    try:
        return _place(str(path), path.read_text("utf-8"), key)
    except (OSError, UnicodeDecodeError):
        return str(path)


def networks(values: list[str]) -> tuple[Network, ...]:
    """The networks of a setting, each an address or a CIDR prefix."""
    return tuple(_network(value, "network") for value in values)


def _network(value: str, where: str) -> Network:
    try:
        return ip_network(value.strip("[]"))
    except ValueError as problem:
        raise SettingsError(f"{where}: {problem}; expected an address or a prefix such as 192.0.2.0/24") from None


_MISSING = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def _explain(problem: str, text: str, source: str) -> str:
    """msgspec's words with the place in the file: `inalign.toml:3: milter.listen: expected array, got str`."""
    at = _AT.search(problem)
    path = at["path"] if at else ""
    words = _AT.sub("", problem)
    unknown = _MISSING.search(words)
    if unknown:
        path = f"{path}.{unknown['field']}".strip(".")
        known = ", ".join(name for name, *_ in describe() if name.rpartition(".")[0] == path.rpartition(".")[0])
        return f"{_place(source, text, path)}: {path}: no such setting; known here: {known or 'none'}"
    return f"{_place(source, text, path)}: {path}: {words[:1].lower()}{words[1:]}"


def _place(source: str, text: str, path: str) -> str:
    """`file:line` of a key, as far as the text shows it."""
    wanted = re.sub(r"\[.*", "", path)
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        if header:
            table = header[1]
            if table == wanted:
                return f"{source}:{number}"
            continue
        key = re.match(r"\s*([A-Za-z0-9_.-]+)\s*=", line)
        if key and f"{table}.{key[1]}".strip(".") == wanted:
            return f"{source}:{number}"
    return source


def describe(kind: type[msgspec.Struct] = Settings, prefix: str = "") -> Iterator[tuple[str, str, object, str]]:
    """Every setting in order: its key, what it takes, its default, its meaning."""
    defaults = kind()
    hints = get_type_hints(kind, include_extras=True)
    for name in kind.__struct_fields__:
        hint = hints[name]
        default = getattr(defaults, name)
        if isinstance(default, msgspec.Struct):
            yield from describe(type(default), f"{name}.")
            continue
        meta = next((part for part in get_args(hint)[1:] if isinstance(part, Meta)), Meta())
        yield f"{prefix}{name}", _kind(get_args(hint)[0]), default, meta.description or ""


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(get_args(hint))
    if get_origin(hint) is list:
        return "list of strings"
    return {str: "string", bool: "true | false", int: "whole number", float: "number"}[hint]


def sample() -> str:
    """The sample file: every setting with its meaning and its default, commented out."""
    lines = ["# Inalign. Every setting stands here with its default, commented out.", ""]
    table = ""
    for key, kind, default, meaning in describe():
        head, _, name = key.rpartition(".")
        if head != table:
            table = head
            section = type(getattr(Settings(), head)).__doc__ or ""
            lines += [f"# {section}", f"[{head}]", ""]
        lines += [f"# {meaning}", f"# ({kind})", f"# {name} = {toml(default)}", ""]
    return "\n".join(lines)


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
