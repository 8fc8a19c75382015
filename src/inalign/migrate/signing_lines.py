"""Which keys sign: Domain, Selector and KeyFile for the small case, or KeyTable and SigningTable."""

from __future__ import annotations

from inalign.errors import ParseError, SettingsError
from inalign.keys.opendkim.data_set import DataSet, read_data_set
from inalign.keys.opendkim.key_table import SENDER, KeyTable
from inalign.keys.search import parse_name
from inalign.mail.domain import DomainName
from inalign.migrate.configuration import SettingLine
from inalign.migrate.draft import Draft, Left, MigratedKeyRule
from inalign.migrate.source import ForeignConfiguration
from inalign.migrate.spelling import boolean, data_set_name, names, whole_path

SMALL = (("KeyFile", "Selector"), ("KeyFileEd25519", "SelectorEd25519"))
TABLES = ("KeyTable", "KeyTableEd25519")
OPTIONS = frozenset(
    {"Mode", "Domain", "SubDomains", "SigningTable", "MultipleSignatures", "BaseDirectory", *TABLES}
    | {name for pair in SMALL for name in pair}
)


def take_keys(draft: Draft, source: ForeignConfiguration) -> None:
    """The keys, as tables or as rules."""
    for name in ("SubDomains", "MultipleSignatures"):
        line = source.get(name)
        if line is not None:
            _report_misspelt(draft, line)
    mode = source.get("Mode")
    if mode is not None and "s" not in mode.value:
        draft.left.append(Left(source.origin(mode), "not needed", "It signed nothing, so no key is taken over."))
        return
    tables = [line for name in TABLES if (line := source.get(name)) is not None]
    signing_table = source.get("SigningTable")
    small = [line for pair in SMALL for name in pair if (line := source.get(name)) is not None]
    if signing_table is not None and not tables:
        draft.fault(signing_table.place, "SigningTable needs a KeyTable")
    elif tables and signing_table is None:
        draft.fault(tables[0].place, f"{tables[0].name} needs a SigningTable")
    elif signing_table is not None:
        for line in small + [line for name in ("Domain", "SubDomains") if (line := source.get(name)) is not None]:
            draft.left.append(Left(source.origin(line), "not needed", "Beside a KeyTable it does not count there."))
        _take_tables(draft, source, tables, signing_table)
    else:
        _take_domains(draft, source, small)


def _report_misspelt(draft: Draft, line: SettingLine) -> None:
    try:
        boolean(line.value)
    except SettingsError as problem:
        draft.fault(line.place, f"{line.name}: {problem}")


def _take_domains(draft: Draft, source: ForeignConfiguration, small: list[SettingLine]) -> None:
    domain, subdomains = source.get("Domain"), source.says("SubDomains")
    if not small:
        if domain is not None:
            draft.fault(domain.place, "Domain needs KeyFile and Selector")
        return
    if domain is None:
        draft.fault(small[0].place, f"{small[0].name} needs a Domain")
        return
    signed = names(domain.value, domain.place, source.base)
    for of_file, of_selector in SMALL:
        file, selector = source.get(of_file), source.get(of_selector)
        if file is None and selector is None:
            continue
        if file is None or selector is None:
            for line in filter(None, (file, selector)):
                draft.fault(line.place, f"{line.name} needs {of_selector if file else of_file}")
            continue
        path = str(whole_path(file.value, source.base))
        origins = tuple(source.origin(line) for line in (domain, selector, file))
        for place, name in signed:
            if "*" in name:
                draft.fault(place, f"{name!r}: a pattern is no domain; make a [[sign.key]] with `for`")
                continue
            authors = (name, f".{name}") if subdomains else ()
            draft.keys.append(MigratedKeyRule(file.place, origins, name, selector.value, path, authors))


def _take_tables(
    draft: Draft, source: ForeignConfiguration, tables: list[SettingLine], signing_table: SettingLine
) -> None:
    named = {line: _table_name(draft, source, line) for line in (*tables, signing_table)}
    if None in named.values():
        return
    rules, keys = named[signing_table] or "", named[tables[0]] or ""
    if len(tables) > 1:
        _rules_of_tables(draft, source, tables, read_data_set(rules))
        return
    draft.take("sign.key_table", keys, source.origin(tables[0]))
    draft.take("sign.signing_table", rules, source.origin(signing_table))
    multiple = source.get("MultipleSignatures")
    if multiple is not None and source.says("MultipleSignatures"):
        draft.take("sign.multiple_signatures", True, source.origin(multiple))
    found = read_data_set(keys)
    for row in found.rows:
        path = row.value.rpartition(":")[2].strip()
        if path.startswith(("./", "../")) and (found.path is None or source.base != found.path.parent):
            begins = source.base or "where the program was started"
            draft.fault(
                found.place(row.number), f"{path} begins at {begins} there, and at its table here; write it whole"
            )


def _table_name(draft: Draft, source: ForeignConfiguration, line: SettingLine) -> str | None:
    """The name of a table that can be read, or None, and a fault."""
    try:
        name = data_set_name(line.value, source.base)
        read_data_set(name)
    except SettingsError as problem:
        draft.fault(line.place, f"{line.name}: {problem}")
        return None
    return name


def _rules_of_tables(draft: Draft, source: ForeignConfiguration, tables: list[SettingLine], rules: DataSet) -> None:
    """Two KeyTables beside one SigningTable, RSA and Ed25519: a rule for each key, since we have one KeyTable."""
    found = [(line, KeyTable(read_data_set(data_set_name(line.value, source.base)))) for line in tables]
    for rule in rules.rows:
        place = rules.place(rule.number)
        name, _, identity = (part.strip() for part in rule.value.partition(":"))
        named = [(line, keys, row) for line, keys in found if (row := keys.row(name)) is not None]
        if not named:
            draft.fault(place, f"names the key {name!r}, which no KeyTable holds")
        for line, keys, row in named:
            at = keys.data.place(row.number)
            try:
                if SENDER in row.value or SENDER in rule.value:
                    raise SettingsError("% stands for the domain of the author; write a [[sign.key]] for each domain")
                key = keys.source(row, DomainName("example.org"))
                author = author_name(rule.name)
            except (ParseError, SettingsError) as problem:
                draft.fault(at, str(problem))
                continue
            if key.path is None:
                draft.fault(at, "the key itself stands in the table; put it into a file")
                continue
            origins = (source.origin(line), f"{at}: {row.name}", f"{place}: {rule.name}")
            draft.keys.append(
                MigratedKeyRule(at, origins, key.domain, key.selector, str(key.path), (author,), identity)
            )


def author_name(pattern: str) -> str:
    """A name of a SigningTable as `for` takes it. Raises `ParseError`."""
    return parse_name(pattern.replace("*@*.", "*@."))
