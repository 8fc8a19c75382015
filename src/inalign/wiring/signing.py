"""What the settings say of signing, as the parts below take it; and what is wrong with it, with file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
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
from inalign.settings.config import Config
from inalign.settings.tables import Settings, SigningKeySettings

# RFC 6376 section 5.4.1 and RFC 8617 section 4.1.2: trace fields, and what mail servers write themselves
NEVER_SIGNED = frozenset(
    b"return-path received authentication-results received-spf bcc dkim-signature"
    b" arc-seal arc-message-signature arc-authentication-results x-inalign-action".split()
)
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+")

MAX_FAULTS = 20  # shown at a time; one mistake may be repeated in every line of a table


def make_key_options(config: Config) -> KeyOptions:
    """Where signing keys come from; relative paths begin where the settings are. Raises `SettingsError`."""
    sign = config.settings.sign
    base = config.folder
    if bool(sign.key_table) != bool(sign.signing_table):
        raise SettingsError(
            "sign.key_table is missing: each of the two tables needs the other", key="sign.signing_table"
        )
    if bool(sign.database) != bool(sign.query):
        raise SettingsError("sign.database is missing: a query and a database need each other", key="sign.query")
    variable = sign.passphrase_variable
    if variable and variable not in os.environ:
        raise SettingsError(f"there is no {variable} in the environment", key="sign.passphrase_variable")
    account = find_account(config.settings.user, config.settings.group) if os.geteuid() == 0 else None
    return KeyOptions(
        rules=tuple(_rule(key, f"sign.key[{number}]", config) for number, key in enumerate(sign.key)),
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


def make_sealing_key(config: Config) -> SealingKey | None:
    """The key that seals; None where nothing is sealed. Raises `SettingsError`."""
    arc = config.settings.arc
    if arc.seal == "off":
        return None
    if not (arc.domain and arc.selector and arc.file):
        raise SettingsError("arc.domain, arc.selector and arc.file are required", key="arc.seal")
    source = _key_source(config, "arc", arc.domain, arc.selector, arc.file)
    return SealingKey(config.location("arc") or "arc", source, make_key_options(config).access)


def make_except_recipients(settings: Settings) -> Recipients:
    """Whose mail is not signed. Raises `SettingsError`."""
    try:
        return Recipients(settings.sign.except_recipients)
    except ParseError as problem:
        raise SettingsError(str(problem), key="sign.except_recipients") from None


def _field_names(key: str, names: Iterable[str]) -> frozenset[bytes]:
    listed = frozenset(name.lower().encode("utf-8") for name in names)
    for name in listed:
        if not _FIELD_NAME.fullmatch(name):
            raise SettingsError(f"{name.decode()!r} is not a header field name (RFC 5322 section 3.6.8)", key=key)
        if name in NEVER_SIGNED and not key.endswith("excluded_fields"):
            raise SettingsError(f"{name.decode()} is changed or removed by servers on the way", key=key)
    if b"from" in listed and key.endswith("excluded_fields"):
        raise SettingsError("From is always signed (RFC 6376 section 5.4)", key=key)
    return listed


def _database(place: str, base: Path) -> str:
    return place if not place or place.startswith(POSTGRESQL) else str(base / place)


def _rule(key: SigningKeySettings, name: str, config: Config) -> KeyRule:
    """Return the rule of one `[[sign.key]]`; `name` is its key in the settings."""
    for part, value in (("domain", key.domain), ("selector", key.selector), ("file", key.file)):
        if not value:
            raise config.error(f"{name}.{part}", "it is required")
    source = _key_source(config, name, key.domain, key.selector, key.file)
    try:
        names = tuple(parse_name(author) for author in key.authors) or (source.domain,)
    except ParseError as problem:
        raise config.error(f"{name}.for", problem) from None
    return KeyRule(
        place=config.location(name) or name, source=source, names=names, also=key.also, identity=key.identity
    )


def _key_source(config: Config, table: str, domain: str, selector: str, file: str) -> KeySource:
    """Return the place of a key that a table of the settings names. Raises `SettingsError`."""
    names = []
    for key, value in (("domain", domain), ("selector", selector)):
        try:
            names.append(parse_domain(value))
        except ParseError as problem:
            raise config.error(f"{table}.{key}", problem) from None
    return KeySource(names[0], names[1], config.relative(file))


def signing_faults(config: Config, *, with_keys: bool) -> list[Fault]:
    """Return what is wrong with the rules of signing and, `with_keys`, with every key; each with file and line."""
    sealing = make_sealing_key(config)
    faults = list(sealing.faults()) if sealing is not None else []
    return faults + [_located(config, fault) for fault in key_faults(make_key_options(config), with_keys=with_keys)]


def _located(config: Config, fault: Fault) -> Fault:
    """Return the fault of a setting with file and line before its key; any other fault names its file itself."""
    location = config.location(fault.place) if fault.place.startswith("sign.") else ""
    return fault._replace(place=f"{location}: {fault.place}") if location else fault


class KeyFaultsError(SettingsError):
    """Faults of signing keys and rules that prevent a start, a line each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Name the first MAX_FAULTS of them, and the number of the others."""
        more = [f"and {len(faults) - MAX_FAULTS} more"] if len(faults) > MAX_FAULTS else []
        super().__init__("\n".join([*map(str, faults[:MAX_FAULTS]), *more]))
        self.faults = tuple(faults)


def refuse(faults: Iterable[Fault]) -> None:
    """Raise `KeyFaultsError` where some of the faults prevent a start."""
    fatal = [fault for fault in faults if fault.is_fatal]
    if fatal:
        raise KeyFaultsError(fatal)
