"""What the settings say of signing, and the mistakes that are named before the start."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.flow.send import AuthorAgreement, DnsCheck
from inalign.settings.file import read_config
from inalign.wiring.check import check
from inalign.wiring.signing import make_except_recipients, make_sending_options
from tests.keys.material import ED25519_KEY, write_key


def checked(folder: Path, text: str) -> str:
    """The error of these settings, without the folder; empty where there is none."""
    path = folder / "inalign.toml"
    path.write_text(text)
    write_key(folder / "key.pem", ED25519_KEY)
    write_key(folder / "open.pem", ED25519_KEY, 0o644)
    try:
        check(read_config(path))
    except SettingsError as problem:
        return str(problem).replace(f"{folder}/", "")
    return ""


def test_every_choice_arrives(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text(
        "[sign]\ncanonicalization = 'simple/relaxed'\nsigned_fields = ['X-A']\noversigned_fields = ['X-B']\n"
        "excluded_fields = ['Date']\nexpire_days = 7\non_failure = 'unsigned'\ncheck_dns = 'require'\n"
        "must_agree = ['login', 'envelope']\nexcept_recipients = ['bob@example.net']\n"
    )
    config = read_config(path)
    check(config)
    settings = config.settings
    options = make_sending_options(settings)
    assert options.signing.header_canonicalization == "simple"
    assert options.signing.body_canonicalization == "relaxed"
    assert options.signing.expires_after == timedelta(days=7)
    assert options.signing.selection.signed == {b"x-a"}
    assert options.signing.selection.oversigned == {b"x-b"}
    assert options.signing.selection.excluded == {b"date"}
    assert (options.is_deferred, options.dns_check) == (False, DnsCheck.REQUIRE)
    assert options.agreements == set(AuthorAgreement)
    assert "Bob@example.net" in make_except_recipients(settings)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[sign]\nexcluded_fields = ['From']", "inalign.toml:2: sign.excluded_fields: From is always signed"),
        ("[sign]\nsigned_fields = ['Received']", "inalign.toml:2: sign.signed_fields: received is changed or removed"),
        (
            "[sign]\noversigned_fields = ['X A']",
            "inalign.toml:2: sign.oversigned_fields: 'x a' is not a header field name",
        ),
        ("[sign]\nexcept_recipients = ['bob@']", "inalign.toml:2: sign.except_recipients: "),
        ("[sign]\nmust_agree = ['author']", "inalign.toml:2: sign.must_agree"),
        ("[sign]\ncanonicalization = 'relaxed'", "inalign.toml:2: sign.canonicalization: "),
        ("[milter]\nown_macros = ['{daemon_name}']", "inalign.toml:2: milter.own_macros: {daemon_name} alone would"),
        ("[milter]\nown_macros = ['']", "inalign.toml:2: milter.own_macros: = alone would"),
        ("[milter]\nown_macros = ['{daemon_name}=x|y', '{flag}']", ""),
        ("[arc]\nseal = 'all'", "inalign.toml:2: arc.seal: arc.domain, arc.selector and arc.file are required"),
        ("[arc]\nseal = 'all'\ndomain = 'a b'\nselector = 's'\nfile = 'key.pem'", "inalign.toml:3: arc.domain: "),
        ("[arc]\nseal = 'all'\ndomain = 'a.example'\nselector = 's'\nfile = 'key.pem'", ""),
        ("[arc]\nseal = 'all'\ndomain = 'a.example'\nselector = 's'\nfile = 'open.pem'", "open.pem"),
        ("[arc]\nseal = 'all'\ndomain = 'a.example'\nselector = 's'\nfile = 'none.pem'", "none.pem"),
    ],
)
def test_mistake_is_named_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    found = checked(tmp_path, text)
    assert error in found
    assert bool(error) == bool(found)
