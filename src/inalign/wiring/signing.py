"""What the settings say of signing, as the parts below take it; and what is wrong with it, with file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from inalign.dkim.canonical import Canonicalization
from inalign.dkim.sign import FieldSelection, SigningKey, SigningOptions
from inalign.errors import ParseError, SettingsError
from inalign.flow.key_finder import KeyLookupError
from inalign.flow.send import AuthorAgreement, DnsCheck, SendingOptions
from inalign.keys.fault import Fault
from inalign.keys.key_file import KeyAccess, KeyFileError
from inalign.keys.key_store import KeySource, KeyStore
from inalign.keys.opendkim.data_set import data_set_from
from inalign.keys.options import KeyOptions, key_faults, key_file_faults
from inalign.keys.rules import KeyRule
from inalign.keys.search import parse_name
from inalign.keys.sql.database import POSTGRESQL
from inalign.mail.domain import parse_domain
from inalign.mail.recipients import Recipients
from inalign.process.privileges import find_account
from inalign.settings.file import place
from inalign.settings.tables import Settings, SigningKeySettings

# RFC 6376 section 5.4.1 and RFC 8617 section 4.1.2: trace fields, and what mail servers write themselves
NEVER_SIGNED = frozenset(
    b"return-path received authentication-results received-spf bcc dkim-signature"
    b" arc-seal arc-message-signature arc-authentication-results x-inalign-action".split()
)
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+")

MAX_FAULTS = 20  # shown at a time; one mistake may be repeated in every line of a table


def make_key_options(settings: Settings, path: Path | None) -> KeyOptions:
    """Where signing keys come from; relative paths begin where the settings are. Raises `SettingsError`."""
    sign = settings.sign
    base = path.absolute().parent if path is not None else Path.cwd()
    if bool(sign.key_table) != bool(sign.signing_table):
        raise SettingsError("sign.signing_table: it needs sign.key_table, and the other way round")
    if bool(sign.database) != bool(sign.query):
        raise SettingsError("sign.query: it needs sign.database, and the other way round")
    variable = sign.passphrase_variable
    if variable and variable not in os.environ:
        raise SettingsError(f"sign.passphrase_variable: there is no {variable} in the environment")
    account = find_account(settings.user, settings.group) if os.geteuid() == 0 else None
    return KeyOptions(
        rules=tuple(_rule(key, f"sign.key[{number}]", base, path) for number, key in enumerate(sign.key)),
        key_table=data_set_from(sign.key_table, base),
        signing_table=data_set_from(sign.signing_table, base),
        multiple_signatures=sign.multiple_signatures,
        folder=base / sign.folder if sign.folder else None,
        database=_database(sign.database, base),
        query=sign.query,
        cache_seconds=sign.cache_seconds,
        access=KeyAccess(
            passphrase=os.environb[os.fsencode(variable)] if variable else None,
            unsafe_keys=sign.unsafe_keys,
            reader=account.uid if account is not None else None,
        ),
    )


def make_sending_options(settings: Settings) -> SendingOptions:
    """How our own mail is signed. Raises `SettingsError`."""
    sign = settings.sign
    header, _, body = sign.canonicalization.partition("/")
    return SendingOptions(
        signing=SigningOptions(
            selection=FieldSelection(
                signed=_field_names("sign.signed_fields", sign.signed_fields),
                oversigned=_field_names("sign.oversigned_fields", sign.oversigned_fields),
                excluded=_field_names("sign.excluded_fields", sign.excluded_fields),
            ),
            header_canonicalization=Canonicalization(header),
            body_canonicalization=Canonicalization(body),
            expires_after=timedelta(days=sign.expire_days) if sign.expire_days else None,
        ),
        agreements=frozenset(map(AuthorAgreement, sign.must_agree)),
        dns_check=DnsCheck(sign.check_dns),
        is_deferred=sign.on_failure == "tempfail",
    )


class SealingKey:
    """The key of `[arc]`, which signs ARC sets whoever the author is."""

    def __init__(self, location: str, source: KeySource, access: KeyAccess) -> None:
        """`location` is the file and the line of the setting, for errors; the key is read when it is first needed."""
        self._location = location
        self._source = source
        self._access = access
        self._store = KeyStore(access)

    async def load(self) -> SigningKey:
        """Return the key as its file is now. Raises `KeyLookupError`."""
        try:
            return await self._store.load(self._source)
        except KeyFileError as problem:
            raise KeyLookupError(f"{self._location}: {problem}") from None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the key and its file."""
        yield from key_file_faults(self._location, self._source, self._access)


def make_sealing_key(settings: Settings, path: Path | None) -> SealingKey | None:
    """The key that seals; None where nothing is sealed. Raises `SettingsError`."""
    arc = settings.arc
    if arc.seal == "off":
        return None
    if not (arc.domain and arc.selector and arc.file):
        raise SettingsError("arc.seal: it needs arc.domain, arc.selector and arc.file")
    base = path.absolute().parent if path is not None else Path.cwd()
    source = _key_source("arc", arc.domain, arc.selector, base / arc.file)
    return SealingKey(place(path, "arc"), source, make_key_options(settings, path).access)


def make_except_recipients(settings: Settings) -> Recipients:
    """Whose mail is not signed. Raises `SettingsError`."""
    try:
        return Recipients(settings.sign.except_recipients)
    except ParseError as problem:
        raise SettingsError(f"sign.except_recipients: {problem}") from None


def _field_names(key: str, names: Iterable[str]) -> frozenset[bytes]:
    listed = frozenset(name.lower().encode("utf-8") for name in names)
    for name in listed:
        if not _FIELD_NAME.fullmatch(name):
            raise SettingsError(f"{key}: {name.decode()!r} is no name of a header field (RFC 5322 section 3.6.8)")
        if name in NEVER_SIGNED and not key.endswith("excluded_fields"):
            raise SettingsError(f"{key}: {name.decode()} is changed or taken away by every server on the way")
    if b"from" in listed and key.endswith("excluded_fields"):
        raise SettingsError(f"{key}: From is always signed (RFC 6376 section 5.4)")
    return listed


def _database(place: str, base: Path) -> str:
    return place if not place or place.startswith(POSTGRESQL) else str(base / place)


def _rule(key: SigningKeySettings, name: str, base: Path, path: Path | None) -> KeyRule:
    """One `[[sign.key]]`."""
    for part, value in (("domain", key.domain), ("selector", key.selector), ("file", key.file)):
        if not value:
            raise SettingsError(f"{name}.{part}: it is required")
    source = _key_source(name, key.domain, key.selector, base / key.file)
    try:
        names = tuple(parse_name(author) for author in key.authors) or (source.domain,)
    except ParseError as problem:
        raise SettingsError(f"{name}.for: {problem}") from None
    return KeyRule(place=place(path, name), source=source, names=names, also=key.also, identity=key.identity)


def _key_source(table: str, domain: str, selector: str, file: Path) -> KeySource:
    """The place of a key that a table of the settings names. Raises `SettingsError` with the key of the setting."""
    names = []
    for key, value in (("domain", domain), ("selector", selector)):
        try:
            names.append(parse_domain(value))
        except ParseError as problem:
            raise SettingsError(f"{table}.{key}: {problem}") from None
    return KeySource(names[0], names[1], file)


def signing_faults(settings: Settings, path: Path | None, *, with_keys: bool) -> list[Fault]:
    """What is wrong with the rules of signing and, `with_keys`, with every key; each with file and line."""
    sealing = make_sealing_key(settings, path)
    faults = list(sealing.faults()) if sealing is not None else []
    return faults + [
        fault._replace(place=f"{place(path, fault.place)}: {fault.place}") if fault.place.startswith("sign.") else fault
        for fault in key_faults(make_key_options(settings, path), with_keys=with_keys)
    ]


def refuse(faults: Iterable[Fault]) -> None:
    """Raise `SettingsError` with all that are fatal, a line each."""
    fatal = [str(fault) for fault in faults if fault.is_fatal]
    if fatal:
        more = [f"and {len(fatal) - MAX_FAULTS} more"] if len(fatal) > MAX_FAULTS else []
        raise SettingsError("\n".join(fatal[:MAX_FAULTS] + more))
