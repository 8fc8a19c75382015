"""The rules of our own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.keys.key_file import KeyAccess
from inalign.keys.key_store import KeySource, KeyStore
from inalign.keys.rules import KeyRule, RuleFinder
from inalign.keys.search import parse_name
from inalign.mail.domain import DomainError, DomainName, parse_domain
from tests.keys.material import ED25519_KEY, find, write_key


def rule(folder: Path, name: str, *authors: str, identity: str = "") -> KeyRule:
    """`domain/selector`, and whose mail it signs."""
    domain, _, selector = name.partition("/")
    path = folder / f"{selector}.pem"
    if not path.exists():
        write_key(path, ED25519_KEY)
    source = KeySource(parse_domain(domain), DomainName(selector), path)
    names = tuple(map(parse_name, authors)) or (parse_domain(domain),)
    return KeyRule(place=f"inalign.toml:{selector}", source=source, names=names, identity=identity)


def asked(rules: list[KeyRule], *authors: str) -> list[list[str]]:
    return find(RuleFinder(rules, KeyStore(KeyAccess())), *authors)


def test_key_signs_for_its_own_domain_alone(tmp_path: Path) -> None:
    rules = [rule(tmp_path, "example.org/a")]
    found = asked(rules, "x@example.org", "x@news.example.org", "x@example.net", "x@org")
    assert found == [["example.org a"], [], [], []]


def test_all_keys_of_a_domain_sign_in_the_order_of_the_file(tmp_path: Path) -> None:
    rules = [rule(tmp_path, "example.org/rsa"), rule(tmp_path, "example.org/ed")]
    assert asked(rules, "x@example.org") == [["example.org rsa", "example.org ed"]]


def test_most_particular_name_decides(tmp_path: Path) -> None:
    rules = [
        rule(tmp_path, "example.net/any", "*"),
        rule(tmp_path, "example.org/org", "example.org", ".example.org"),
        rule(tmp_path, "news.example.org/news", "news.example.org", ".news.example.org"),
        rule(tmp_path, "example.org/alice", "Alice@Example.Org"),
    ]
    found = asked(
        rules, "alice@example.org", "bob@example.org", "x@a.example.org", "x@b.news.example.org", "x@other.example"
    )
    assert found == [
        ["example.org alice"], ["example.org org"], ["example.org org"], ["news.example.org news"], ["example.net any"],
    ]  # fmt: skip


def test_every_rule_that_fits(tmp_path: Path) -> None:
    rules = [rule(tmp_path, "esp.example/esp", "*"), rule(tmp_path, "example.org/a"), rule(tmp_path, "b.example/b")]
    finder = RuleFinder(rules, KeyStore(KeyAccess()), every=True)
    assert find(finder, "x@example.org") == [["example.org a", "esp.example esp"]]


def test_identity_with_the_domain_of_the_author(tmp_path: Path) -> None:
    rules = [rule(tmp_path, "example.org/a", "example.org", ".example.org", "other.example", identity="@%")]
    found = asked(rules, "x@news.example.org", "x@other.example")
    assert found == [["example.org a @news.example.org"], ["example.org a"]]


@pytest.mark.parametrize(
    "name", ["", "@", "@example.org", "a b.example", "a*@example.org", "..org", "*.example.org", ".*"]
)
def test_what_is_no_name_of_a_rule(name: str) -> None:
    with pytest.raises(DomainError):
        parse_name(name)


@pytest.mark.parametrize(
    ("written", "name"),
    [("Example.ORG", "example.org"), ("*@example.org", "example.org"), (".Example.org", ".example.org"), ("*", "*"),
     ("A@Example.org", "a@example.org"), ("bücher.example", "xn--bcher-kva.example"), ("*@*", "*"), ("A@*", "a@*")],
)  # fmt: skip
def test_names_of_rules_in_one_form(written: str, name: str) -> None:
    assert parse_name(written) == name
