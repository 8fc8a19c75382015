"""The settings of sources: what they become, and what is wrong with them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.intake.folder import Folder
from inalign.intake.imap import ImapSource
from inalign.intake.listener import Listener
from inalign.settings.config import Config
from inalign.settings.file import parse_settings, read_config
from inalign.settings.tables import Settings
from inalign.wiring.intake import make_sources, make_trust, try_source

ALL = """
authserv_id = "example.net"

[intake]
authserv_ids = ["MX.example.net"]
forwarders = [".example.com"]
max_mail_bytes = 1000000

[intake.listener]
lmtp = ["inet:127.0.0.1:0"]
addresses = ["dmarc@example.net"]
max_connections = 7
certificate = "tls.pem"

[[intake.imap]]
name = "old"
host = "imap.example.net"
user = "dmarc@example.net"
password = "env:IMAP_PASSWORD"
after = "delete"

[[intake.imap]]
name = "new"
host = "outlook.example.net"
user = "dmarc@example.net"
token_url = "https://login.example.net/token"
client_id = "inalign"
client_secret = "file:/etc/inalign/secret"
tls = "starttls"

[[intake.folder]]
name = "inbox"
path = "inbox"
"""


def test_nothing_is_taken_by_default() -> None:
    assert make_sources(Config()) == []
    assert make_trust(Settings()).authserv_ids == frozenset()


def test_each_table_is_a_source(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text(ALL)
    config = read_config(path)
    listener, old, new, folder = make_sources(config)
    assert isinstance(listener, Listener)
    assert listener.options.limits.connections == 7
    assert listener.options.limits.message_bytes == 1_000_000
    assert listener.options.certificate == tmp_path / "tls.pem"
    assert isinstance(old, ImapSource)
    assert (old.options.password, old.options.after, old.options.oauth) == ("env:IMAP_PASSWORD", "delete", None)
    assert isinstance(new, ImapSource)
    assert new.options.oauth is not None
    assert isinstance(folder, Folder)
    assert folder.options.path == tmp_path / "inbox"
    trust = make_trust(config.settings)
    assert trust.authserv_ids == {"mx.example.net", "example.net"}
    assert "mail.example.com" in trust.forwarders


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('addresses = ["dmarc@example.net"]', "", "intake.listener.addresses"),
        ('addresses = ["dmarc@example.net"]', 'addresses = ["example.net"]', "no address"),
        ('lmtp = ["inet:127.0.0.1:0"]', 'lmtp = ["24"]', "intake.listener"),
        ('name = "new"', 'name = "old"', "2 sources are called 'old'"),
        ('name = "new"', "", "intake.imap[1].name"),
        ('password = "env:IMAP_PASSWORD"', "", "either password or token_url"),
        ('client_id = "inalign"', "", "intake.imap[1].client_id"),
        ('client_secret = "file:/etc/inalign/secret"', "", "intake.imap[1].client_secret"),
        ("https://login", "http://login", "in the clear"),
        ('tls = "starttls"', 'tls = "none"', "without TLS"),
        ('path = "inbox"', "", "intake.folder[0].path"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(old: str, new: str, said: str) -> None:
    settings = parse_settings(ALL.replace(old, new))
    with pytest.raises(SettingsError) as told:
        make_sources(Config(settings))
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"env:IMAP_PASSWORD"', '"hunter2"', "intake.imap[0].password"),
        ("[intake]", "[intake]\nimpa = 1", "no such setting"),
        ('lmtp = ["inet:127.0.0.1:0"]', 'trusted_networks = ["0.0.0.0/0"]', "would trust every host"),
        ('forwarders = [".example.com"]', 'forwarders = ["a b"]', "intake.forwarders"),
    ],
)
def test_what_cannot_be_is_refused_on_reading(old: str, new: str, said: str) -> None:
    with pytest.raises(SettingsError) as told:
        parse_settings(ALL.replace(old, new))
    assert said in str(told.value)


def test_one_source_is_tried_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "inalign.toml"
    path.write_text(ALL.replace('certificate = "tls.pem"', ""))
    config = read_config(path)
    assert asyncio.run(try_source(config, "inbox")) == [f"{tmp_path}/inbox: 0 files"]
    assert asyncio.run(try_source(config, "listener"))[-1] == "takes mail for dmarc@example.net"
    with pytest.raises(SettingsError, match="known are: listener, old, new, inbox"):
        asyncio.run(try_source(config, "nobody"))
