"""What is wrong with a draft, its tables, keys and records: each thing with the line of the other program's file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from inalign.errors import SettingsError
from inalign.keys.fault import Fault
from inalign.keys.options import KeyOptions, all_keys, key_faults
from inalign.migrate.draft import Draft
from inalign.migrate.genkey_records import record_faults
from inalign.settings.config import Config
from inalign.wiring.signing import KeyFaultsError, make_key_options


def draft_faults(draft: Draft, check: Callable[[Config], None]) -> list[Fault]:
    """All of it; `check` is what is done before a start. Raises `SettingsError` where it is no configuration at all."""
    config = draft.config()
    found = list(draft.faults)
    try:
        check(config)
    except KeyFaultsError as problem:
        found += [_placed(draft, fault.place, fault.text) for fault in problem.faults]
    except SettingsError as problem:
        found.append(_placed(draft, problem.key, problem.problem))
    with suppress(SettingsError):  # it is told already
        found += _key_faults(draft, key_options(draft, config))
    return list({str(fault): fault for fault in found}.values())


def key_options(draft: Draft, config: Config) -> KeyOptions:
    """Where keys come from, by the draft. Raises `SettingsError`."""
    options = make_key_options(config)
    rules = zip(options.rules, draft.keys, strict=True)
    return replace(options, rules=tuple(replace(rule, place=key.place) for rule, key in rules))


def _key_faults(draft: Draft, options: KeyOptions) -> Iterator[Fault]:
    for fault in key_faults(options, with_keys=True):
        if fault.place.startswith("sign."):
            yield _placed(draft, fault.place, fault.text)
        else:
            yield fault
    sources = [item[1] for item in all_keys(options) if not isinstance(item, Fault)]
    yield from record_faults(sources, options.access)


def _placed(draft: Draft, key: str, text: str) -> Fault:
    """Return the fault of a setting, with the line of the other program's file that the setting comes from."""
    number = key.removeprefix("sign.key[").partition("]")[0]
    if number.isdigit() and int(number) < len(draft.keys):
        return Fault(draft.keys[int(number)].place, text)
    held = draft.taken.get(key)
    return Fault(held.origins[0], f"{key}: {text}") if held is not None else Fault(key, text)
