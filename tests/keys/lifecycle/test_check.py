from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import PrivateKey, generate_private_key
from inalign.errors import ParseError
from inalign.keys.lifecycle.check import Checked, Subject, check_keys, check_zone_file
from inalign.keys.lifecycle.publication import KeyFinding
from inalign.keys.lifecycle.state import KeyState, ManagedKey
from inalign.keys.lifecycle.zone_text import empty_record
from inalign.mail.domain import DomainName
from tests.keys.lifecycle.material import DOMAIN, START, TwoServers

KEY = generate_private_key(KeyType.RSA)
SHORT = generate_private_key(KeyType.RSA, bits=1024)
NAME = "selector25._domainkey.example.org"


def record(key: PrivateKey) -> str:
    return f"v=DKIM1; k={key.key_type}; p={key.public_text()}"


def subject(key: PrivateKey = KEY, selector: str = "selector25", state: KeyState | None = None) -> Subject:
    managed_key = None
    if state is not None:
        managed_key = ManagedKey(
            domain=DOMAIN,
            selector=DomainName(selector),
            key_type=key.key_type,
            bits=key.bits,
            state=state,
            since=START,
            created=START,
        )
    return Subject(f"{selector}.pem", DOMAIN, DomainName(selector), key, managed_key)


def check(published: dict[str, str], *subjects: Subject) -> list[Checked]:
    zones = TwoServers(dict(published), dict(published))
    return asyncio.run(check_keys(subjects or [subject()], zones))


def findings(checked: Checked) -> list[KeyFinding]:
    return [flaw.finding for flaw in checked.flaws]


def test_a_key_in_order() -> None:
    (checked,) = check({NAME: record(KEY)})
    assert (checked.flaws, checked.is_answered) == ((), True)


@pytest.mark.parametrize(
    "where",
    [
        "default._domainkey.example.org",
        "selector25.example.org",
        "selector25._domainkey.example.org.example.org",
        "other._domainkey.example.org",
    ],
)
def test_a_record_under_another_name_is_found(where: str) -> None:
    checked, _ = check({where: record(KEY)}, subject(), subject(SHORT, "other"))
    assert findings(checked) == [KeyFinding.NOT_PUBLISHED, KeyFinding.MISPLACED]
    assert checked.flaws[1].detail == f"the record of this key stands as {where}"


def test_a_record_under_another_domain_is_found() -> None:
    other = replace(subject(SHORT), domain=DomainName("internetweek.example"))
    checked, _ = check({"selector25._domainkey.internetweek.example": record(KEY)}, subject(), other)
    assert "internetweek.example" in checked.flaws[1].detail


def test_records_that_changed_places_are_known() -> None:
    one, _ = check({NAME: record(SHORT), "b._domainkey.example.org": record(KEY)}, subject(), subject(SHORT, "b"))
    assert findings(one) == [KeyFinding.DIFFERS, KeyFinding.TOO_SHORT, KeyFinding.MISPLACED]
    assert "b._domainkey.example.org (b.pem)" in one.flaws[2].detail


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        (KeyState.PENDING, None, [KeyFinding.NOT_PUBLISHED]),
        (KeyState.ACTIVE, empty_record("rsa"), [KeyFinding.REVOKED]),
        (KeyState.RETIRING, record(KEY), []),
        (KeyState.REVOKED, record(KEY), [KeyFinding.STILL_PUBLISHED]),
        (KeyState.REVOKED, empty_record("rsa"), []),
        (KeyState.REVOKED, None, []),
        (KeyState.REMOVED, empty_record("rsa"), [KeyFinding.STILL_PUBLISHED]),
        (KeyState.REMOVED, None, []),
    ],
)
def test_each_state_wants_its_own_record(state: KeyState, text: str | None, expected: list[KeyFinding]) -> None:
    (checked,) = check({NAME: text} if text is not None else {}, subject(state=state))
    assert findings(checked) == expected


def test_a_server_that_gives_no_answer() -> None:
    zones = TwoServers({NAME: record(KEY)}, silent=True)
    (checked,) = asyncio.run(check_keys([subject()], zones))
    assert (findings(checked), checked.is_answered) == ([KeyFinding.DNS_FAILED], False)


def test_the_record_that_a_generator_printed_for_another_selector() -> None:
    """As in the files of the talk that this project grew from: `default` for selector25, and 1024 bits for 2048."""
    public = SHORT.public_text()
    text = (
        "; printed by a generator of keys\n"
        f'default._domainkey\tIN\tTXT\t( "v=DKIM1; h=sha256; k=rsa; "\n\t  "p={public[:200]}"\n\t  "{public[200:]}" )\n'
    )
    for key, kinds in (
        (SHORT, [KeyFinding.MISPLACED, KeyFinding.TOO_SHORT]),
        (KEY, [KeyFinding.MISPLACED, KeyFinding.DIFFERS, KeyFinding.TOO_SHORT]),
    ):
        (checked,) = check_zone_file([subject(key)], Path("default.txt"), text.encode())
        assert findings(checked) == kinds
        assert all(flaw.detail.startswith("default.txt:2: ") for flaw in checked.flaws)
        assert f"stands as default._domainkey.example.org, not as {NAME}" in checked.flaws[0].detail
        assert "1024 bits where 2048 are asked for" in checked.flaws[-1].detail


def test_a_zone_file_in_order_and_one_without_a_record() -> None:
    assert not check_zone_file(
        [subject()], Path("z"), f'{NAME}. TXT "{record(KEY)[:255]}" "{record(KEY)[255:]}"'.encode()
    )[0].flaws
    assert findings(check_zone_file([subject()], Path("z"), b"")[0]) == [KeyFinding.NOT_PUBLISHED]
    with pytest.raises(ParseError):
        check_zone_file([subject()], Path("z"), b"( x")
