"""What signatures are like: canonicalization, the fields they cover, how long they count."""

from __future__ import annotations

from inalign.errors import SettingsError
from inalign.migrate.configuration import SettingLine
from inalign.migrate.draft import Draft, Left
from inalign.migrate.source import ForeignConfiguration
from inalign.migrate.spelling import integer, names

ALGORITHMS = ("simple", "relaxed")
DAY_SECONDS = 86_400
EVERYTHING_ELSE = "*"
"""In a list of fields: what follows adds to the usual ones with +, and takes away with -."""


def canonicalization(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Canonicalization; of one word the body stays simple."""
    header, _, body = line.value.lower().partition("/")
    body = body or "simple"
    if header not in ALGORITHMS or body not in ALGORITHMS:
        raise SettingsError(f"{line.value!r} is not of {' and '.join(ALGORITHMS)}, with / between header and body")
    draft.take("sign.canonicalization", f"{header}/{body}", source.origin(line))


def signed(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option SignHeaders to settings of the draft."""
    more, fewer = _changes(source, line)
    _take_fields(draft, source, line, "sign.signed_fields", more)
    _take_fields(draft, source, line, "sign.excluded_fields", fewer)


def omitted(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option OmitHeaders to settings of the draft."""
    more, fewer = _changes(source, line)
    _take_fields(draft, source, line, "sign.excluded_fields", more)
    _take_fields(draft, source, line, "sign.signed_fields", fewer)


def oversigned(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option OversignHeaders to settings of the draft."""
    more, _ = _changes(source, line)
    draft.take("sign.oversigned_fields", more, source.origin(line))


def lifetime(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """SignatureTTL, in days rounded up."""
    seconds = integer(line.value)
    if seconds > 0:
        draft.take("sign.expire_days", -(-seconds // DAY_SECONDS), source.origin(line))
    else:
        draft.left.append(Left(source.origin(line), "not needed", "Signatures do not expire here, either."))


def excepted(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> None:
    """Translate the option DontSignMailTo to settings of the draft."""
    found = []
    for place, text in names(line.value, line.place, source.base):
        name = text.removeprefix("*@")
        if "*" in name:
            why = "A pattern is no recipient: write addresses and domains."
            draft.left.append(Left(f"{place}: {text}", "instead", why))
        else:
            found.append(name)
    draft.take("sign.except_recipients", found, source.origin(line))


def _take_fields(draft: Draft, source: ForeignConfiguration, line: SettingLine, key: str, fields: list[str]) -> None:
    found = [name for name in fields if name.lower() != "from"]  # it is always signed
    if found:
        draft.take(key, found, source.origin(line))


def _changes(source: ForeignConfiguration, line: SettingLine) -> tuple[list[str], list[str]]:
    """What a list of fields adds and takes away; without `*` it is the whole list, and takes nothing away."""
    listed = [text for _, text in names(line.value, line.place, source.base) if text not in (EVERYTHING_ELSE, ".")]
    return [text.lstrip("+") for text in listed if text[0] != "-"], [text[1:] for text in listed if text[0] == "-"]
