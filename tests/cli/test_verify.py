"""`inalign verify` as others build on it: names, exit statuses, zones from files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inalign.cli import main
from tests.senders import CLIENT, key_record, records, signed

KEYS = {"file", "authentication_results", "spf", "spf_helo", "dkim", "arc", "dmarc"}
SPF_KEYS = {"result", "scope", "domain", "reason", "explanation", "lookups", "void_lookups", "matched"}
DKIM_KEYS = {
    "result", "domain", "selector", "algorithm", "identity", "key_bits", "reason", "testing", "body_length",
    "unsigned_octets",
}  # fmt: skip
ARC_KEYS = {"result", "instances", "reason", "sealers"}
DMARC_KEYS = {
    "result", "author_domain", "organizational_domain", "policy_domain", "policy", "applied_policy", "testing",
    "discovery", "spf_aligned", "dkim_aligned", "reason", "disposition",
}  # fmt: skip


class Case:
    """A message and a zone in files, and the command on them."""

    def __init__(self, folder: Path) -> None:
        self.message = folder / "message.eml"
        self.message.write_bytes(signed())
        self.zone = folder / "zone.json"
        self.zone.write_text(json.dumps(records()))

    def run(self, *words: str, client: str = CLIENT, stdin: bytes | None = None) -> Result:
        envelope = ["--client-ip", client, "--helo", "mail.example.org", "--mail-from", "alice@example.org"]
        now = ["--now", "2026-11-24T12:00:00Z", "--authserv-id", "mx.example.net"]
        return CliRunner().invoke(main, ["verify", *envelope, *now, *words], input=stdin)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_json_has_the_names_that_are_fixed(case: Case) -> None:
    result = case.run("--json", "--zone", str(case.zone), str(case.message))
    assert result.exit_code == 0, result.output
    row = json.loads(result.output)
    assert set(row) == KEYS
    assert set(row["spf"]) == SPF_KEYS
    assert set(row["spf_helo"]) == SPF_KEYS
    assert set(row["dkim"][0]) == DKIM_KEYS
    assert set(row["arc"]) == ARC_KEYS
    assert set(row["dmarc"]) == DMARC_KEYS
    assert row["dmarc"]["discovery"] == ["_dmarc.example.org"]
    assert row["authentication_results"].startswith("mx.example.net; ")


def test_one_object_a_line_for_each_file(case: Case) -> None:
    result = case.run("--json", "--zone", str(case.zone), str(case.message), str(case.message))
    assert [json.loads(line)["dmarc"]["result"] for line in result.output.splitlines()] == ["pass", "pass"]


def test_standard_input(case: Case) -> None:
    result = case.run("--json", "--zone", str(case.zone), "-", stdin=case.message.read_bytes())
    assert json.loads(result.output)["dmarc"]["result"] == "pass"


def test_words_explain_each_step(case: Case) -> None:
    result = case.run("--zone", str(case.zone), str(case.message))
    for words in (
        "dmarc=pass for example.org",
        "matched  ip4:192.0.2.0/24",
        "s1._domainkey.example.org",
        "walk",
        "TXT",
    ):
        assert words in result.output


def test_terminal_control_characters_in_a_message_are_not_printed(case: Case) -> None:
    case.message.write_bytes(b"From: a@example.org\r\nDKIM-Signature: v=1; d=\x1b[31mred; s=x\r\n\r\n")
    result = case.run("--zone", str(case.zone), str(case.message))
    assert "\x1b" not in result.output


def test_finding_exits_1(case: Case) -> None:
    case.message.write_bytes(b"From: alice@example.org\r\n\r\nforged\r\n")
    assert case.run("--zone", str(case.zone), str(case.message), client="198.51.100.1").exit_code == 1


def test_unreadable_file_exits_3_and_the_others_are_still_judged(case: Case) -> None:
    result = case.run("--json", "--zone", str(case.zone), "no-such-file.eml", str(case.message))
    assert result.exit_code == 3
    assert '"pass"' in result.stdout
    assert "no-such-file.eml" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--now", "yesterday", "x"],
        ["--now", "2026-11-24T12:00:00", "x"],
        ["--zone", "no-such-zone", "x"],
        ["--bogus"],
    ],
)
def test_wrong_usage_exits_2(case: Case, words: list[str]) -> None:
    assert case.run(*words).exit_code == 2


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"a": {"A": ["x"]}}', "example.org. IN A not-an-address"])
def test_broken_zone_is_one_clear_line_and_exits_2(case: Case, text: str) -> None:
    case.zone.write_text(text)
    result = case.run("--zone", str(case.zone), str(case.message))
    assert result.exit_code == 2
    assert "zone.json" in result.output


def test_zone_as_master_file_as_gzip_and_as_folder(case: Case, tmp_path: Path) -> None:
    names = records()
    folder = tmp_path / "zones"
    folder.mkdir()
    del names["s1._domainkey.example.org"]
    key = key_record()
    halves = f'"{key[:200]}" "{key[200:]}"'
    (folder / "keys.zone").write_text(f"$ORIGIN example.org.\ns1._domainkey 300 IN TXT {halves}\n")
    (folder / "rest.json.gz").write_bytes(gzip.compress(json.dumps(names).encode()))
    result = case.run("--json", "--zone", str(folder), str(case.message))
    assert json.loads(result.output)["dkim"][0]["result"] == "pass", result.output


def test_zone_answers_all_dns_and_nothing_else(case: Case) -> None:
    case.zone.write_text("{}")
    result = case.run("--json", "--zone", str(case.zone), str(case.message))
    row = json.loads(result.output)
    assert (row["spf"]["result"], row["dkim"][0]["reason"], row["dmarc"]["result"]) == ("none", "no_key", "none")
