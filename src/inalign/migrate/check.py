"""What is wrong with a draft, its tables, keys and records: each thing with the line of the other program's file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from inalign.errors import SettingsError
from inalign.keys.fault import Fault
from inalign.keys.options import KeyOptions, all_keys, key_faults
from inalign.migrate.draft import Draft
from inalign.migrate.genkey_records import record_faults
from inalign.settings.tables import Settings
from inalign.wiring.signing import make_key_options

NOWHERE = "built-in defaults: "  # what our own check says of settings that are in no file


def draft_faults(draft: Draft, check: Callable[[Settings, Path | None], None]) -> list[Fault]:
    """All of it; `check` is what is done before a start. Raises `SettingsError` where it is no configuration at all."""
    settings = draft.settings()
    found = list(draft.faults)
    try:
        check(settings, None)
    except SettingsError as problem:
        found += [_placed(draft, line.removeprefix(NOWHERE)) for line in str(problem).split("\n")]
    with suppress(SettingsError):  # it is told already
        found += _key_faults(draft, key_options(draft, settings))
    return list({str(fault): fault for fault in found}.values())


def key_options(draft: Draft, settings: Settings) -> KeyOptions:
    """Where keys come from, by the draft. Raises `SettingsError`."""
    options = make_key_options(settings, None)
    rules = zip(options.rules, draft.keys, strict=True)
    return replace(options, rules=tuple(replace(rule, place=key.place) for rule, key in rules))


def _key_faults(draft: Draft, options: KeyOptions) -> Iterator[Fault]:
    for fault in key_faults(options, with_keys=True):
        if fault.place.startswith("sign."):
            yield _placed(draft, str(fault))
        else:
            yield fault
    sources = [item[1] for item in all_keys(options) if not isinstance(item, Fault)]
    yield from record_faults(sources, options.access)


def _placed(draft: Draft, text: str) -> Fault:
    """What a setting is told about, with the line that it comes from."""
    key = text.partition(":")[0]
    number = key.removeprefix("sign.key[").partition("]")[0]
    if number.isdigit() and int(number) < len(draft.keys):
        return Fault(draft.keys[int(number)].place, text.partition(": ")[2])
    held = draft.taken.get(key)
    if held is None:
        place, _, rest = text.partition(": ")
        return Fault(place, rest)
    return Fault(held.origins[0], text)
