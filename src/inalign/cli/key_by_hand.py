"""What a person changes to rotate a key that a line names: of the configuration, of a KeyTable, of a database.

Files of an operator, with his comments and his order, are not written by a program. The successor is made and led by
the folder of keys; when it may sign, one line is exchanged, and this says which and for what.
"""

from __future__ import annotations

from collections.abc import Iterator

from inalign.dkim.crypto import PrivateKey
from inalign.errors import Error
from inalign.keys.lifecycle.check import Subject
from inalign.keys.lifecycle.folder import KeyFolder
from inalign.keys.lifecycle.state import KeyState, ManagedKey
from inalign.keys.lifecycle.subjects import named_subjects, parse_author
from inalign.keys.opendkim.data_set import data_set_path
from inalign.keys.options import KeyOptions


def by_hand_lines(options: KeyOptions, folder: KeyFolder, author: str) -> Iterator[str]:
    """For each key of a domain that a line names."""
    domain = parse_author(author)[1]
    managed_keys = folder.managed_keys(domain)
    for item in named_subjects(options, folder, [author]):
        if not isinstance(item, Subject):
            yield item
        elif item.key is not None:
            yield f"{item.name}: named by {item.place}, which only you change"
            yield f"  {_next(options, folder, item, item.key, managed_keys)}"


def _next(
    options: KeyOptions, folder: KeyFolder, subject: Subject, key: PrivateKey, managed_keys: tuple[ManagedKey, ...]
) -> str:
    """What to do next about it."""
    same = [
        managed_key for managed_key in managed_keys if managed_key.key_type is key.key_type and not managed_key.is_over
    ]
    ready = [managed_key for managed_key in same if managed_key.state is KeyState.ACTIVE]
    if ready:
        return (
            f"now: {_line(options, folder, subject, ready[-1])}; keep the record of {subject.selector} "
            f"in DNS for 14 days more, then publish it with an empty p="
        )
    if same:
        return (
            f"wait for {same[-1].selector}, which is {same[-1].state}; `inalign key rotate {subject.domain}` leads it"
        )
    return f"`inalign key new {subject.domain}` makes its successor in {folder.path}, which `inalign key rotate` leads"


def _line(options: KeyOptions, folder: KeyFolder, subject: Subject, managed_key: ManagedKey) -> str:
    path = folder.key_path(managed_key)
    table = _key_table(options)
    if table and subject.place.startswith(table):
        return f"write {managed_key.domain}:{managed_key.selector}:{path} behind the name in {subject.place}"
    if any(rule.place == subject.place for rule in options.rules):
        return f'write selector = "{managed_key.selector}" and file = "{path}" in {subject.place}'
    return f"set selector {managed_key.selector} and key {path} in the row of {subject.place}"


def _key_table(options: KeyOptions) -> str:
    """How the places of its rows begin."""
    try:
        path = data_set_path(options.key_table) if options.key_table else None
    except Error:
        return ""
    return f"{path}:" if path else "csl:" if options.key_table else ""
