"""What an operator writes, or another program wrote for him: tables of keys, rules, key files, configurations to move.

Each is refused with one error, or taken; nothing else happens, and no key shows in what is told.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from inalign.dkim.crypto import KeyDataError, load_private_key
from inalign.errors import ParseError, SettingsError
from inalign.flow.key_finder import KeyLookupError
from inalign.keys.opendkim.data_set import DataSet, read_data_set
from inalign.keys.opendkim.finder import Tables
from inalign.keys.opendkim.key_table import KeyTable
from inalign.keys.opendkim.signing_table import SigningTable
from inalign.keys.search import parse_name
from inalign.mail.domain import DomainName
from inalign.migrate.draft import Draft
from inalign.migrate.translate import PROGRAMS, translate
from inalign.settings.file import parse_config
from inalign.wiring.signing import make_key_options

AUTHORS = ("alice@example.org", "bob+x@a.b.example.net", "@", "x", "c@bücher.example")
HEAD = 'domain = "example.org"\nselector = "s"\nfile = "s.pem"\n'


def data_set(data: bytes) -> None:
    """A table, as file: and refile:, for both of its uses; the octets up to the first NUL are the SigningTable."""
    rules, _, keys = data.partition(b"\0")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules").write_bytes(rules)
        (folder / "keys").write_bytes(keys)
        for kind in ("file", "refile"):
            _check_tables(f"{kind}:{folder}/keys", f"{kind}:{folder}/rules")


def csl(data: bytes) -> None:
    """The same in the name of the set."""
    rules, _, keys = data.decode("utf-8", "surrogateescape").partition("\0")
    _check_tables(f"csl:{keys}", f"csl:{rules}")


def _check_tables(keys: str, rules: str) -> None:
    try:
        tables = Tables(keys, rules)
    except SettingsError:
        return
    faults = list(tables.faults())
    assert all(fault.place and fault.text for fault in faults)
    with contextlib.suppress(SettingsError):
        tables.refuse_faults()
        assert not any(fault.is_fatal for fault in faults)
    for author in AUTHORS:
        for multiple in (False, True):
            try:
                found = tables.signers(author, multiple=multiple)
            except KeyLookupError:
                continue
            assert multiple or len(found) <= 1


def _set(text: str) -> DataSet:
    return read_data_set(f"csl:{text}")


def key_table(data: bytes) -> None:
    """One row: its key is found for every author, or refused; no text of the key is told."""
    text = data.decode("utf-8", "surrogateescape").replace(",", "")
    keys = KeyTable(_set(f"k={text}"))
    for row in keys.data.rows:
        with contextlib.suppress(ParseError):
            source = keys.source(row, DomainName("example.org"))
            assert (source.path is None) == bool(source.text)
            assert not source.text or len(source.text) < 8 or source.text not in repr(source)
    list(SigningTable(_set(f"{text}=k")).faults(keys))


def rule_name(data: bytes) -> None:
    """A name of a rule in its own form is itself."""
    with contextlib.suppress(ParseError):
        name = parse_name(data.decode("utf-8", "surrogateescape"))
        assert parse_name(name) == name


def sign_rules(data: bytes) -> None:
    """`[[sign.key]]` with these lines behind the three that it needs, and `[sign]` with them."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    for whole in (f"[[sign.key]]\n{HEAD}{text}", f"[sign]\n{text}"):
        with contextlib.suppress(SettingsError):
            options = make_key_options(parse_config(whole))
            assert all(rule.names for rule in options.rules)


def private_key(data: bytes) -> None:
    """A key file: one that signs, or one error without a piece of the file."""
    for passphrase in (None, b"open sesame"):
        try:
            key = load_private_key(data, passphrase)
        except KeyDataError as problem:
            secret = data.strip()
            assert len(secret) < 12 or secret.decode("latin-1") not in str(problem)  # noqa: PT017 - most raise
            continue
        assert key.sign(bytes(32))


def moving(data: bytes) -> None:
    """A configuration: the first octet chooses the program."""
    names = sorted(PROGRAMS)
    choice, octets = data[:1] or b"\0", data[1:].replace(b"/", b"")  # so that no file of this host is read
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "it.conf"
        path.write_bytes(octets)
        draft = Draft()
        with contextlib.suppress(SettingsError):
            translate(draft, names[choice[0] % len(names)], path)
            assert all(fault.place for fault in draft.faults)
            draft.config()
