"""The map of known senders."""

from __future__ import annotations

import re

import pytest

from inalign.insight.data import texts
from inalign.insight.directory import DirectoryError, ServiceKind, own_directory, read_directory

OWN = """
[[source]]
name = "A"
kind = "sending"
names = ["a.example"]
page = "https://a.example/dkim"

[[source]]
name = "A hosts"
kind = "hosting"
hosts = ["vps.a.example"]
networks = ["192.0.2.0/24"]
"""


def test_the_most_specific_name_counts() -> None:
    directory = read_directory([OWN])
    by_host = directory.by_host("x1.vps.a.example")
    assert by_host is not None
    assert by_host.name == "A hosts"
    by_identity = directory.by_identity("x1.vps.a.example")
    assert by_identity is not None
    assert by_identity.name == "A"
    assert directory.by_identity("xa.example") is None


def test_a_network_is_known_without_a_name() -> None:
    found = read_directory([OWN]).by_address("192.0.2.9")
    assert found is not None
    assert found.kind is ServiceKind.HOSTING
    assert read_directory([OWN]).by_address("198.51.100.9") is None


def test_the_map_of_the_user_goes_first() -> None:
    mine = '[[source]]\nname = "Mine"\nkind = "mailbox"\nnames = ["a.example"]\n'
    found = read_directory([mine, OWN]).by_identity("m.a.example")
    assert found is not None
    assert (found.name, found.kind) == ("Mine", ServiceKind.MAILBOX)


def test_a_csv_is_read_as_well() -> None:
    sheet = "name,kind,names,networks,page\nMine,gateway,a.example b.example,192.0.2.0/24,\n"
    directory = read_directory([OWN], csv_texts=[sheet])
    for found in (
        directory.by_identity("b.example"),
        directory.by_host("b.example"),
        directory.by_address("192.0.2.1"),
    ):
        assert found is not None
        assert (found.name, found.kind, found.page) == ("Mine", ServiceKind.GATEWAY, None)


@pytest.mark.parametrize(
    "text",
    [
        "[[source",
        "source = 3",
        "other = 1",
        '[[source]]\nname = "A"\nkind = "no kind"',
        '[[source]]\nkind = "sending"',
        '[[source]]\nname = "A"\nkind = "sending"\nnames = 3',
        '[[source]]\nname = "A"\nkind = "sending"\nnetworks = ["192.0.2.0/99"]',
        '[[source]]\nname = "A"\nkind = "sending"\nunheard = ["x"]',
        'source = ["x"]',
    ],
)
def test_a_map_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(DirectoryError):
        read_directory([text])


def test_the_own_map_knows_the_world_and_japan() -> None:
    directory = own_directory()
    assert len(directory.services) > 600
    assert set(ServiceKind) == {service.kind for service in directory.services}
    for name, kind in {
        "u1.wl.sendgrid.net": ServiceKind.SENDING,
        "bounce.bmv.jp": ServiceKind.SENDING,
        "gmail.com": ServiceKind.FREE_MAIL,
        "_spf.google.com": ServiceKind.MAILBOX,
        "spf.protection.outlook.com": ServiceKind.MAILBOX,
        "googlegroups.com": ServiceKind.LISTS,
        "spf.securemx.jp": ServiceKind.MAILBOX,
    }.items():
        found = directory.by_identity(name)
        assert found is not None, name
        assert found.kind is kind, name
    for name, kind in {
        "mail-pf1-f41.google.com": ServiceKind.MAILBOX,
        "www1.sakura.ne.jp": ServiceKind.HOSTING,
    }.items():
        found = directory.by_host(name)
        assert found is not None, name
        assert found.kind is kind, name


def test_every_name_of_the_own_map_is_a_name_and_stands_once() -> None:
    for text in texts():
        assert len(text.splitlines()) > 3
        for line in text.splitlines():
            for listed in re.findall(r"(?:names|hosts|identities) = \[([^]]*)\]", line):
                names = re.findall(r'"([^"]*)"', listed)
                assert len(names) == len(set(names)), line
                assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*\.[a-z]{2,}", name) for name in names), line
