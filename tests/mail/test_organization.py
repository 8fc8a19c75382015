"""Registrable domains by the rules of the public suffix list (tests/vectors/organization)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.mail.organization import is_same_organization, registrable_domain
from tests.helpers import VECTORS

GROUPS: dict[str, dict[str, str]] = json.loads((VECTORS / "organization" / "names.json").read_text("utf-8"))
NAMES = [
    pytest.param(name, expected, id=f"{group.partition(':')[0]}: {name}")
    for group, names in GROUPS.items()
    for name, expected in names.items()
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_name_has_the_registrable_domain_of_the_vector(name: str, expected: str) -> None:
    assert registrable_domain(name) == expected


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_registrable_domain_is_its_own_registrable_domain(name: str, expected: str) -> None:
    assert registrable_domain(expected) == expected
    assert is_same_organization(name, expected) == bool(name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("city.shinjuku.tokyo.jp", "city.shibuya.tokyo.jp"),
        ("city.shinjuku.tokyo.jp", "shinjuku.tokyo.jp"),
        ("city.shinjuku.tokyo.jp", "tokyo.jp"),
        ("city.kawasaki.jp", "kawasaki.jp"),
        ("sumire.github.io", "stranger.github.io"),
        ("sumire.github.io", "github.io"),
        ("192.0.2.1", "198.51.2.1"),
        ("example.com", "xexample.com"),
        ("", ""),
    ],
)
def test_names_of_two_organizations_are_not_the_same(name: str, other: str) -> None:
    assert not is_same_organization(name, other)
    assert not is_same_organization(other, name)


@given(st.text(max_size=300) | st.from_regex(r"([a-z0-9_-]{1,9}\.){1,9}(jp|ck|uk|io|com|test)", fullmatch=True))
def test_any_text_has_a_registrable_domain_at_its_end(text: str) -> None:
    found = registrable_domain(text)
    assert registrable_domain(found) == found
    if text.isascii():
        assert text.lower().removesuffix(".").endswith(found.lower().removesuffix("."))


def test_the_list_is_read_when_the_first_name_is_asked_for() -> None:
    program = (
        "import sys, inalign.mail.organization as o; assert 'publicsuffixlist' not in sys.modules; "
        "o.registrable_domain('example.com'); assert 'publicsuffixlist' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
