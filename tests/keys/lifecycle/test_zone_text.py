from __future__ import annotations

import pytest

from inalign.keys.lifecycle.zone_text import KeyRecordChange, nsupdate_script, strings, zone_text
from inalign.resolver.master_file import parse_master_file

NAME = "s._domainkey.example.org"


@pytest.mark.parametrize("length", [1, 254, 255, 256, 510, 511, 800])
def test_a_zone_file_reads_back_what_was_written(length: int) -> None:
    record = ("v=DKIM1; k=rsa; p=" + "A" * 800)[:length]
    assert all(0 < len(string) <= 255 for string in strings(record))
    (read,) = parse_master_file(zone_text(KeyRecordChange(NAME, record)))
    assert (read.owner, read.kind, read.value, read.ttl) == (NAME, "TXT", record.encode(), 3600)


def test_a_record_that_ends_is_a_comment() -> None:
    assert parse_master_file(zone_text(KeyRecordChange(NAME, None))) == []


def test_the_commands_for_nsupdate() -> None:
    assert nsupdate_script(
        (KeyRecordChange(NAME, "v=DKIM1; p=" + "A" * 250), KeyRecordChange("b.example", None)), "ns1.example.org"
    ) == (
        "server ns1.example.org\n"
        f"update delete {NAME}. TXT\n"
        f'update add {NAME}. 3600 TXT "v=DKIM1; p={"A" * 244}" "{"A" * 6}"\n'
        "update delete b.example. TXT\n"
        "send"
    )
