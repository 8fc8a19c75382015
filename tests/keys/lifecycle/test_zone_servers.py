"""What each server of a zone says, asked at scripted servers on loopback; Knot is asked in tests/interop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from inalign.errors import SettingsError, TransportError
from inalign.keys.lifecycle.publication import Publication
from inalign.keys.lifecycle.tsig import TsigKey, read_tsig_file
from inalign.keys.lifecycle.zone_servers import ZoneServers
from inalign.keys.lifecycle.zone_text import KeyRecordChange
from inalign.resolver.interface import Outcome
from tests.nameserver import NameServer, Question, Step, records, refuse, say, silence

NAME = "s._domainkey.example.org"
SOA = ["ns.example.org. hostmaster.example.org. 7 3600 600 86400 60"]
TSIG = TsigKey("inalign.", "hmac-sha256", "c2VjcmV0")


def zone(**more: dict[str, object]) -> dict[str, dict[str, object]]:
    return {
        "example.org": {"SOA": SOA, "NS": ["ns.example.org."]},
        "ns.example.org": {"A": ["127.0.0.1"]},
        NAME: {"TXT": ["v=DKIM1; p=x"]},
        "keys.esp.example": {"SOA": SOA, "NS": ["ns.example.org."]},
        "s.keys.esp.example": {"TXT": ["v=DKIM1; p=esp"]},
        "alias._domainkey.example.org": {"CNAME": "s.keys.esp.example"},
        "dangling._domainkey.example.org": {"CNAME": "gone.keys.esp.example"},
        "loop._domainkey.example.org": {"CNAME": "loop2._domainkey.example.org"},
        "loop2._domainkey.example.org": {"CNAME": "loop._domainkey.example.org"},
        "long._domainkey.example.org": {"TXT": ["v=DKIM1; p=" + "A" * 2000]},
        **more,
    }


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(zone(), flags=dns.flags.AA) as started:
        yield started


def look(server: NameServer, name: str = NAME, *, timeout: float = 1.0, budget: float = 30.0) -> Publication:
    servers = ZoneServers([server.address], port=server.port, timeout=timeout, budget=budget)
    return asyncio.run(servers.publication(name))


def test_the_record_with_serial_and_ttls(server: NameServer) -> None:
    seen = look(server)
    (view,) = seen.views
    assert (seen.name, seen.zone, seen.negative_ttl, seen.problem) == (NAME, "example.org", 60, "")
    assert (view.server, view.address, view.serial) == ("ns.example.org", "127.0.0.1", 7)
    assert (view.answer.outcome, view.answer.records, view.answer.ttl) == (Outcome.FOUND, (b"v=DKIM1; p=x",), 300)


def test_a_long_record_comes_over_tcp(server: NameServer) -> None:
    (view,) = look(server, "long._domainkey.example.org").views
    assert len(view.answer.records[0]) == 2011


@pytest.mark.parametrize(
    ("name", "outcome"), [("no._domainkey.example.org", Outcome.NXDOMAIN), ("ns.example.org", Outcome.NODATA)]
)
def test_a_denial_lasts_as_long_as_the_zone_says(server: NameServer, name: str, outcome: Outcome) -> None:
    (view,) = look(server, name).views
    assert (view.answer.outcome, view.answer.ttl) == (outcome, 60)


def test_an_alias_is_asked_of_the_servers_of_its_own_zone(server: NameServer) -> None:
    seen = look(server, "alias._domainkey.example.org")
    assert [view.answer.records for view in seen.views] == [(b"v=DKIM1; p=esp",)]


def test_an_alias_of_another_server_is_followed(server: NameServer) -> None:
    def alias_alone(question: Question) -> list[Step]:
        alias = records(question.name, "CNAME", "s.keys.esp.example.")
        return say(question, alias, flags=dns.flags.AA)

    server.on("alias._domainkey.example.org", "TXT", alias_alone)
    seen = look(server, "alias._domainkey.example.org")
    assert (seen.zone, [view.answer.records for view in seen.views]) == ("keys.esp.example", [(b"v=DKIM1; p=esp",)])


def test_an_alias_to_nothing_holds_nothing(server: NameServer) -> None:
    seen = look(server, "dangling._domainkey.example.org")
    assert [view.answer.outcome for view in seen.views] == [Outcome.NXDOMAIN]


def test_aliases_in_a_ring_end(server: NameServer) -> None:
    seen = look(server, "loop._domainkey.example.org")
    assert seen.problem or not [view for view in seen.views if view.is_usable]


def test_a_delegation_is_followed(server: NameServer) -> None:
    """Keys may have a zone of their own, which no cache is asked about."""
    cut = "_domainkey.example.org"

    def refer(question: Question) -> list[Step]:
        if question.times == 0:
            return say(question, authority=[records(cut, "NS", "ns.example.org.")])
        return say(question, records(NAME, "TXT", '"v=DKIM1; p=sub"'), flags=dns.flags.AA)

    server.on(NAME, "TXT", refer)
    server.on(cut, "SOA", lambda question: say(question, records(cut, "SOA", *SOA), flags=dns.flags.AA))
    seen = look(server)
    assert (seen.zone, [view.answer.records for view in seen.views]) == (cut, [(b"v=DKIM1; p=sub",)])


def test_no_cache_is_asked_for_the_name_of_a_key() -> None:
    with NameServer(zone(), flags=dns.flags.AA) as authority, NameServer(zone()) as cache:
        servers = ZoneServers([cache.address], port=authority.port, timeout=1)
        for name in (NAME, "no._domainkey.example.org"):
            assert asyncio.run(servers.publication(name)).views
        assert {question.name for question in cache.questions} <= {"example.org", "ns.example.org"}
        assert not [q for q in authority.questions if q.message.flags & dns.flags.RD]


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        (silence, "timed out"),
        (refuse(dns.rcode.REFUSED), "REFUSED"),
        (refuse(dns.rcode.SERVFAIL), "SERVFAIL"),
        (say, "not authoritative"),
        (lambda question: say(question, authority=[records("org", "NS", "a.example.")]), "not authoritative"),
    ],
)
def test_a_server_that_fails_is_said_so(server: NameServer, script: object, detail: str) -> None:
    server.on(NAME, "TXT", script)  # type: ignore[arg-type]
    seen = look(server, timeout=0.4)
    (view,) = seen.views
    assert view.answer.outcome is Outcome.FAILED
    assert detail in view.answer.detail
    assert seen.silent_servers == ("ns.example.org",)


def test_a_server_without_an_address_is_said_so() -> None:
    more: dict[str, object] = {"SOA": SOA, "NS": ["ns.example.org.", "nowhere.example.org."]}
    with NameServer({**zone(), "example.org": more}, flags=dns.flags.AA) as server:
        seen = look(server)
    assert seen.silent_servers == ("nowhere.example.org",)


def test_an_address_that_is_silent_beside_one_that_answers_blocks_nothing() -> None:
    """As where this host has no IPv6, or the server's is broken."""
    more: dict[str, object] = {"A": ["127.0.0.1"], "AAAA": ["::1"]}
    with NameServer({**zone(), "ns.example.org": more}, flags=dns.flags.AA) as server:
        seen = look(server, timeout=0.4)
    assert {view.address: view.answer.outcome for view in seen.views} == {
        "127.0.0.1": Outcome.FOUND,
        "::1": Outcome.FAILED,
    }
    assert seen.silent_servers == ()


def test_a_dead_cache_is_said_so(server: NameServer) -> None:
    server.on("*", "*", refuse(dns.rcode.SERVFAIL))
    assert look(server).problem.startswith("the servers of the zone are not found")


def test_all_of_it_is_bounded(server: NameServer) -> None:
    server.on(NAME, "TXT", silence)
    assert look(server, timeout=30, budget=0.3).problem == "no whole answer within 0.3 s"


def update(server: NameServer, *, is_new: bool = True, where: str = "", tsig: TsigKey = TSIG) -> None:
    servers = ZoneServers([server.address], port=server.port, timeout=1)
    change = KeyRecordChange(NAME, "v=DKIM1; p=x")
    asyncio.run(servers.update(change, where or server.address, tsig, is_new=is_new))


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("nowhere.example.org", "is not the address of a name server"),
        ("127.0.0.1:1", "failed"),
    ],
)
def test_a_server_for_updates_that_cannot_be_had(server: NameServer, where: str, problem: str) -> None:
    with pytest.raises(TransportError, match=problem):
        update(server, where=where)


def test_a_secret_that_is_none_is_named_and_not_shown(server: NameServer) -> None:
    with pytest.raises(TransportError) as caught:
        update(server, tsig=TsigKey("inalign.", "hmac-sha256", "c2VjcmV0IG9"))
    assert "c2Vj" not in str(caught.value)
    assert "c2Vj" not in repr(TSIG)


@pytest.mark.parametrize(
    "text",
    [
        'key "inalign." {\n\talgorithm hmac-sha512;\n\tsecret "c2VjcmV0";\n};\n',
        "// of tsig-keygen\nkey inalign. { secret c2VjcmV0; algorithm HMAC-SHA512; };",
        '# key "old" { secret "b2xk"; };\nkey "inalign." { algorithm hmac-sha512; secret "c2VjcmV0"; };',
        "hmac-sha512:inalign.:c2VjcmV0",
        "# of keymgr -t\nhmac-sha512:inalign.:c2VjcmV0\n",
    ],
)
def test_the_forms_of_a_tsig_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(text)
    assert read_tsig_file(path) == TsigKey("inalign.", "hmac-sha512", "c2VjcmV0")


def test_a_tsig_file_that_is_none_or_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text("secret c2VjcmV0")
    with pytest.raises(SettingsError, match="no TSIG key") as caught:
        read_tsig_file(path)
    assert "c2Vj" not in str(caught.value)
    path.write_text("inalign.:c2VjcmV0")
    assert read_tsig_file(path).algorithm == "hmac-sha256"
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="mode 0644"):
        read_tsig_file(path)
    with pytest.raises(SettingsError, match="No such file"):
        read_tsig_file(tmp_path / "none")
