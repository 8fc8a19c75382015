"""That nothing changes: sample senders sign by the rules of before and by ours, and the same keys must come out.

The rules of before are read anew from the other program's configuration, or, for OpenDKIM, asked of the program itself
(`opendkim -t`). Every signature made by them must verify with the key that we would sign with.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from inalign.dkim.result import DkimStatus
from inalign.dkim.sign import SigningError, SigningKey, sign_dkim
from inalign.dkim.verify import verify_dkim
from inalign.errors import Error, ParseError, SettingsError
from inalign.flow.key_finder import Choice, KeyFinder, KeyLookupError
from inalign.keys.key_file import KeyAccess, KeyFileError
from inalign.keys.key_store import KeySource, RequestedKey, fitting_identity, read_key
from inalign.keys.opendkim.data_set import read_data_set
from inalign.keys.opendkim.finder import Tables
from inalign.keys.options import KeyOptions, make_key_finder
from inalign.keys.search import split_author
from inalign.mail.domain import parse_domain
from inalign.migrate.signing_lines import SMALL, TABLES
from inalign.migrate.source import ForeignConfiguration
from inalign.migrate.spelling import data_set_name, names, whole_path
from inalign.resolver.zone import ZoneResolver

MAX_SAMPLES = 1000
PROGRAM_SECONDS = 60
UNLISTED = "someone@unlisted.invalid"
"""A sender that no rule but one for everybody fits."""
MESSAGE = (
    "From: {sender}\r\nTo: reader@example.net\r\nSubject: Which key\r\nDate: {date}\r\n"
    "Message-ID: <1@example.net>\r\n\r\nHello.\r\n"
)


class Trial(NamedTuple):
    """One sample sender, and the keys that the old and the new configuration sign with."""

    sender: str
    before: str
    now: str
    is_same: bool


class Signed(NamedTuple):
    """Domain, selector and identity of one signature."""

    name: str
    """`selector._domainkey.domain`, and the identity where there is one."""
    field: bytes


def samples(sources: Iterable[ForeignConfiguration]) -> list[str]:
    """Senders for every rule: of a pattern one that it fits."""
    found: dict[str, None] = {}
    for source in sources:
        table = source.get("SigningTable")
        domain = source.get("Domain")
        if table is not None:
            rows = read_data_set(data_set_name(table.value, source.base)).rows
            found.update((_sender(row.name), None) for row in rows)
        elif domain is not None:
            listed = [text for _, text in names(domain.value, domain.place, source.base)]
            found.update((sender, None) for name in listed for sender in (f"someone@{name}", f"someone@sub.{name}"))
    return [*found, UNLISTED]


def _sender(pattern: str) -> str:
    local, at, domain = pattern.rpartition("@")
    if not at and "*" in domain and domain != "*":
        return pattern.replace("*", "someone@sub")  # a pattern over the whole address
    if domain in ("*", ""):
        domain = "elsewhere.example"
    if domain.startswith("."):
        domain = f"sub{domain}"
    return f"{local.replace('*', 'someone') or 'someone'}@{domain.replace('*', 'sub')}"


def prove(
    sources: Sequence[ForeignConfiguration], options: KeyOptions, senders: Iterable[str], program: str = ""
) -> list[Trial]:
    """The trials. Raises `SettingsError` where the keys cannot be looked for at all."""
    _tables.cache_clear()
    finder = make_key_finder(options)
    now = datetime.now(UTC)
    return [_trial(sources, finder, options.access, _Letter.of(sender, now), program) for sender in senders]


class _Letter(NamedTuple):
    """What a sender writes."""

    sender: str
    message: bytes
    now: datetime

    @classmethod
    def of(cls, sender: str, now: datetime) -> _Letter:
        date = now.strftime("%a, %d %b %Y %H:%M:%S +0000")
        return cls(sender, MESSAGE.format(sender=sender, date=date).encode("utf-8", "replace"), now)


def _trial(
    sources: Sequence[ForeignConfiguration], finder: KeyFinder | None, access: KeyAccess, letter: _Letter, program: str
) -> Trial:
    sender, message, now = letter
    try:
        if program:
            before = [signed for source in sources for signed in _by_program(source, message, program)]
        else:
            before = [signed for source in sources for signed in _by_reading(source, access, letter)]
        said = _text_of(before)
    except Error as problem:
        before, said = [], f"no answer: {problem}"
    try:
        choices = _chosen(finder, sender)
        ours = [_signed(one.key, one.identity, message, now) for one in choices]
        say = _text_of(ours)
    except Error as problem:
        return Trial(sender, said, f"no answer: {problem}", False)
    is_same = {one.name for one in before} == {one.name for one in ours} and not said.startswith("no answer")
    return Trial(sender, said, say, is_same and all(_verifies(one.field + message, choices, now) for one in before))


def _text_of(signatures: Iterable[Signed]) -> str:
    return ", ".join(sorted({one.name for one in signatures})) or "unsigned"


def _chosen(finder: KeyFinder | None, sender: str) -> tuple[Choice, ...]:
    split = split_author(sender)
    if finder is None or split is None:
        return ()
    return asyncio.run(_find(finder, f"{split[0]}@{split[1]}"))


async def _find(finder: KeyFinder, sender: str) -> tuple[Choice, ...]:
    return await finder.find(sender)


def _signed(key: SigningKey, identity: str | None, message: bytes, now: datetime) -> Signed:
    return Signed(_name(key.selector, key.domain, identity), sign_dkim(message, [key], now=now, identity=identity))


def _name(selector: str, domain: str, identity: str | None) -> str:
    # RFC 6376 section 3.5: without i= it is the domain
    shown = identity if identity != f"@{domain}" else None
    return f"{selector}._domainkey.{domain}" + (f" i={shown}" if shown else "")


def _verifies(message: bytes, choices: Iterable[Choice], now: datetime) -> bool:
    """Whether the uppermost signature verifies, were these keys in DNS."""
    zone = {one.key.key_name: {"TXT": [one.key.key_record()]} for one in choices}
    results = asyncio.run(verify_dkim(message, ZoneResolver.from_json(zone), now=now))
    return bool(results) and results[0].result is DkimStatus.PASS


def _by_reading(source: ForeignConfiguration, access: KeyAccess, letter: _Letter) -> Iterator[Signed]:
    """By the other program's rules, as its manual tells them."""
    mode = source.get("Mode")
    if mode is not None and "s" not in mode.value:
        return
    for signer in _signers(source, letter.sender):
        try:
            key = read_key(signer.source, access)
        except KeyFileError as problem:
            raise KeyLookupError(str(problem)) from None
        try:
            yield _signed(key, fitting_identity(signer.identity, key.domain), letter.message, letter.now)
        except SigningError as problem:
            raise KeyLookupError(f"{signer.source.name}: {problem}") from None


def _signers(source: ForeignConfiguration, sender: str) -> list[RequestedKey]:
    tables = [line for name in TABLES if (line := source.get(name)) is not None]
    rules = source.get("SigningTable")
    if rules is None or not tables:
        return _of_domains(source, sender)
    found: list[RequestedKey] = []
    missing: KeyLookupError | None = None
    for line in tables:
        asked = _tables(data_set_name(line.value, source.base), data_set_name(rules.value, source.base))
        try:
            found += asked.signers(sender, multiple=source.says("MultipleSignatures"))
        except KeyLookupError as problem:
            missing = problem
    if missing is not None and not found:
        raise missing
    return found


@lru_cache(maxsize=8)
def _tables(key_table: str, signing_table: str) -> Tables:
    """Read once for all senders; there may be 100,000 lines."""
    return Tables(key_table, signing_table)


def _of_domains(source: ForeignConfiguration, sender: str) -> list[RequestedKey]:
    """By Domain, from the author's own up to the first that is listed where SubDomains says so."""
    split, listed = split_author(sender), source.get("Domain")
    if split is None or listed is None:
        return []
    domains = {text.lower() for _, text in names(listed.value, listed.place, source.base)}
    domain: str = split[1]
    while domain not in domains:
        _, dot, domain = domain.partition(".")
        if not dot or not source.says("SubDomains"):
            return []
    found = []
    for of_file, of_selector in SMALL:
        file, selector = source.get(of_file), source.get(of_selector)
        if file is not None and selector is not None:
            try:
                key = KeySource(parse_domain(domain), parse_domain(selector.value), whole_path(file.value, source.base))
            except ParseError as problem:
                raise KeyLookupError(f"{selector.place}: {problem}") from None
            found.append(RequestedKey(file.place, key))
    return found


def _by_program(source: ForeignConfiguration, message: bytes, program: str) -> Iterator[Signed]:
    """By the program, in its own test mode, with its own configuration, as if from this host."""
    first = source.configuration.lines[0].path
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"Include {first}", "InternalHosts csl:127.0.0.1", "Syslog no"]
        lines += [] if source.get("Mode") else ["Mode sv"]
        Path(folder, "conf").write_text("\n".join([*lines, ""]), "utf-8", "surrogateescape")
        Path(folder, "message").write_bytes(message)
        command = [program, "-vv", "-x", f"{folder}/conf", "-t", f"{folder}/message"]
        try:
            run = subprocess.run(command, capture_output=True, timeout=PROGRAM_SECONDS, check=False)  # noqa: S603 - the operator names it
        except (OSError, subprocess.SubprocessError) as problem:
            raise SettingsError(f"{program}: {problem}") from None
    if b"SMFIS_ACCEPT" not in run.stderr:
        raise KeyLookupError(_why_not(program, (run.stderr or run.stdout).decode("utf-8", "replace")))
    for value in re.findall(rb"hname='DKIM-Signature' hvalue='([^']*)'", run.stdout):
        field = b"DKIM-Signature: " + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
        tags = dict(tag.partition("=")[::2] for tag in re.sub(r"\s", "", value.decode("utf-8", "replace")).split(";"))
        yield Signed(_name(tags.get("s", ""), tags.get("d", ""), tags.get("i")), field)


def _why_not(program: str, said: str) -> str:
    """The last line is where it ended; for some ends the program tells the reason to nobody but syslog."""
    if "SMFIS_TEMPFAIL" in said:
        return f"{program} defers this mail, mostly for a key that it cannot read or finds unsafe (RequireSafeKeys)"
    return f"{program}: {(said.strip().splitlines() or ['it says nothing'])[-1][:200]}"
