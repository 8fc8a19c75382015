"""Messages on the wire: what the properties (tests/properties/test_resolver.py) do not single out."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from inalign.resolver import Answer, MailExchange, Outcome
from inalign.resolver.wire import (
    AAAA,
    MX,
    PTR,
    TXT,
    A,
    DnsReply,
    Query,
    RecordType,
    WireError,
    decode_name,
    encode_name,
    read_reply,
)

A_ORG = b"\x01a\x03org\x00"
QUERY = Query(4660, A_ORG, TXT)


def reply(*answer: str, authority: tuple[str, ...] = (), rcode: int = 0, flags: int = 0) -> DnsReply[object]:
    """What we read in a reply with these records, each as `owner ttl class type data`."""
    message = dns.message.make_response(dns.message.from_wire(bytes(QUERY)))
    message.answer.extend(map(record, answer))
    message.authority.extend(map(record, authority))
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.flags |= flags
    return read_reply(message.to_wire(), QUERY)


def record(text: str) -> dns.rrset.RRset:
    owner, ttl, of_class, kind, data = text.split(maxsplit=4)
    return dns.rrset.from_text(owner, int(ttl), of_class, kind, data)


def raw(counts: tuple[int, int, int, int], rest: bytes, *, identifier: int = 4660, flags: int = 0x8180) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in (identifier, flags, *counts)) + rest


def read(message: bytes, record_type: RecordType[object] = TXT) -> DnsReply[object]:
    return read_reply(message, Query(4660, A_ORG, record_type))


def question(record_type: RecordType[object] = TXT) -> bytes:
    return Query(0, A_ORG, record_type).question


def rr(data: bytes, code: int = 16, owner: bytes = b"\xc0\x0c", of_class: int = 1) -> bytes:
    numbers = code.to_bytes(2, "big") + of_class.to_bytes(2, "big") + (300).to_bytes(4, "big")
    return owner + numbers + len(data).to_bytes(2, "big") + data


@pytest.mark.parametrize("name", ["a..b", ".a", "..", "a" * 64, "x." * 127 + "x", "ü" * 32, "\ud800"])
def test_what_dns_cannot_carry_has_no_wire_form(name: str) -> None:
    assert encode_name(name) is None


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("", b"\0"),
        (".", b"\0"),
        ("a.ORG", b"\x01a\x03ORG\0"),
        ("a.org.", A_ORG),
        ("ü", b"\x02\xc3\xbc\0"),
        ("\udcff", b"\x01\xff\0"),
        (r"a\.b", b"\x02a\\\x01b\0"),  # nothing is an escape
        ("a" * 63, b"\x3f" + b"a" * 63 + b"\0"),
        ("x." * 126 + "x", b"\x01x" * 127 + b"\0"),
    ],
)
def test_a_name_on_the_wire(name: str, octets: bytes) -> None:
    assert encode_name(name) == octets


def test_a_dot_inside_a_label_does_not_imitate_two_labels() -> None:
    assert decode_name(b"\x05a.org\x00") == r"a\.org"


def test_strings_are_joined_and_records_stay_apart() -> None:
    answer = reply('a.org. 300 IN TXT "v=spf1 " "-all"', 'a.org. 200 IN TXT ""', flags=dns.flags.AD).answer
    assert answer == Answer(Outcome.FOUND, (b"v=spf1 -all", b""), dnssec_validated=True, ttl=200)


def test_records_of_other_names_types_and_classes_are_not_used() -> None:
    answer = reply(
        "b.org. 1 IN TXT forged",
        "a.org. 1 IN A 192.0.2.1",
        "a.org. 1 CH TXT forged",
        "a.org. 300 IN TXT right",
    ).answer
    assert answer == Answer(Outcome.FOUND, (b"right",), ttl=300)


@pytest.mark.parametrize("text", ["b.org. 1 IN TXT forged", "a.org. 1 IN A 192.0.2.1", "a.org. 1 CH TXT forged"])
def test_an_answer_of_such_records_alone_is_a_problem(text: str) -> None:
    assert reply(text).problem == "an answer to something else"
    assert reply(text, authority=(SOA,)).answer == Answer(Outcome.NODATA, ttl=60)


def test_cnames_are_followed_in_any_order_within_the_reply() -> None:
    records = ["c.net. 100 IN TXT x", "B.org. 50 IN CNAME C.net.", "a.org. 300 IN CNAME b.ORG."]
    wanted = Answer(Outcome.FOUND, (b"x",), ttl=50)
    assert reply(*records).answer == reply(*reversed(records)).answer == wanted


def test_a_cname_without_its_target_is_to_be_asked_on() -> None:
    alias = reply("a.org. 300 IN CNAME b.org.", "b.org. 60 IN CNAME c.net.", flags=dns.flags.AD).alias
    assert alias is not None
    assert (alias.name, alias.hops, alias.ttl, alias.secure) == (b"\x01c\x03net\0", 2, 60, True)


@pytest.mark.parametrize("loop", [["a.org. 1 IN CNAME a.org."], ["a.org. 1 IN CNAME b. ", "b. 1 IN CNAME a.org."]])
def test_a_cname_loop_is_a_problem(loop: list[str]) -> None:
    assert reply(*loop).problem == "CNAME loop"


SOA = "org. 900 IN SOA ns.org. root.org. 1 2 3 4 60"


def test_denials_and_how_long_they_hold() -> None:
    # RFC 2308 section 5: the lesser of the TTL of the SOA record and its MINIMUM
    assert reply(authority=(SOA,), rcode=3).answer == Answer(Outcome.NXDOMAIN, ttl=60)
    assert reply(authority=(SOA,)).answer == Answer(Outcome.NODATA, ttl=60)
    assert reply(authority=("org. 30 IN SOA ns.org. root.org. 1 2 3 4 60",)).answer == Answer(Outcome.NODATA, ttl=30)
    assert reply(authority=("net. 900 IN SOA ns.org. root.org. 1 2 3 4 60",)).answer == Answer(Outcome.NODATA)
    assert reply(rcode=3).answer == Answer(Outcome.NXDOMAIN)
    assert reply().answer == Answer(Outcome.NODATA)


def test_a_denial_behind_a_cname_is_about_its_target() -> None:
    # RFC 6604 section 3, RFC 2308 section 2.2
    cname = "a.org. 20 IN CNAME b.net."
    soa = "net. 900 IN SOA ns.org. root.org. 1 2 3 4 60"
    assert reply(cname, rcode=3).answer == Answer(Outcome.NXDOMAIN)
    assert reply(cname, authority=(soa,), rcode=3).answer == Answer(Outcome.NXDOMAIN, ttl=20)
    assert reply(cname, authority=(soa,)).answer == Answer(Outcome.NODATA, ttl=20)
    assert reply(cname, authority=(SOA,)).alias is not None, "the SOA of another zone denies nothing"


def test_nxname_says_that_the_name_does_not_exist() -> None:
    # RFC 9824 section 2
    nsec = r"a.org. 60 IN NSEC \000.a.org. RRSIG NSEC TYPE128"
    assert reply(authority=(SOA, nsec)).answer == Answer(Outcome.NXDOMAIN, ttl=60)
    assert reply(authority=(SOA, nsec.replace("TYPE128", "TYPE127"))).answer == Answer(Outcome.NODATA, ttl=60)
    assert reply(authority=(SOA, nsec.replace("a.org. 60", "b.org. 60"))).answer == Answer(Outcome.NODATA, ttl=60)


def test_a_referral_is_no_denial() -> None:
    # RFC 2308 section 2.2
    ns = "org. 60 IN NS ns.org."
    assert reply(authority=(ns,)).problem == "a referral, not an answer"
    assert reply(authority=(ns,), flags=dns.flags.AA).answer == Answer(Outcome.NODATA)
    assert reply(authority=(ns, SOA)).answer == Answer(Outcome.NODATA, ttl=60)


@pytest.mark.parametrize(("rcode", "word"), [(1, "FORMERR"), (2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED"), (9, "9")])
def test_an_error_is_a_problem(rcode: int, word: str) -> None:
    assert word in reply(rcode=rcode).problem


def test_an_extended_rcode_is_not_taken_for_no_error() -> None:
    # RFC 6891 section 6.1.3: the low four bits of BADVERS are those of NOERROR
    assert reply(rcode=16).problem == "BADVERS"
    assert reply(rcode=23).problem == "RCODE 23"


def test_nxdomain_with_an_answer_is_a_problem() -> None:
    assert reply("a.org. 1 IN TXT x", rcode=3).problem == "NXDOMAIN with an answer"


def test_a_ttl_with_the_top_bit_counts_as_zero() -> None:
    # RFC 2181 section 8
    data = rr(b"\x01x").replace((300).to_bytes(4, "big"), b"\x80\0\0\1")
    assert read(raw((1, 1, 0, 0), question() + data)).answer == Answer(Outcome.FOUND, (b"x",), ttl=0)


def test_a_truncated_reply_is_not_read() -> None:
    # RFC 2181 section 9
    assert read(raw((1, 5, 0, 0), question() + rr(b"\x01x")[:7], flags=0x8380)) == DnsReply(is_truncated=True)


def test_an_error_may_leave_the_question_out() -> None:
    assert read(raw((0, 0, 0, 0), b"", flags=0x8181)).problem == "FORMERR"
    for flags in (0x8180, 0x8183, 0x8380):
        with pytest.raises(WireError):
            read(raw((0, 0, 0, 0), b"", flags=flags))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x12",
        raw((1, 0, 0, 0), question(), identifier=4661),
        raw((1, 0, 0, 0), question(), flags=0x0180),  # a query
        raw((1, 0, 0, 0), question(), flags=0x8980),  # another opcode
        raw((1, 0, 0, 0), question(A)),
        raw((1, 0, 0, 0), question().replace(b"a", b"A")),
        raw((1, 0, 0, 0), question().replace(b"a", b"b")),
        raw((2, 0, 0, 0), question() * 2),
        raw((1, 1, 0, 0), question()),
        raw((1, 0xFFFF, 0xFFFF, 0xFFFF), question() + rr(b"\x01x")),
        raw((1, 0, 1, 0), question() + rr(b"\x01x", 2)[:-1]),
        raw((1, 0, 0, 1), question() + rr(b"\x01x", 2)[:-1]),
    ],
)
def test_what_is_no_reply_to_the_query_is_refused(message: bytes) -> None:
    with pytest.raises(WireError):
        read(message)


@pytest.mark.parametrize(
    ("record_type", "data"),
    [
        (TXT, b""),
        (TXT, b"\x05abcd"),
        (AAAA, b"\1" * 15),
        (A, b"\1\2\3"),
        (A, b"\1\2\3\4\5"),
        (MX, b""),
        (MX, b"\0"),
        (MX, b"\0\x0a"),
        (MX, b"\0\x0a\xc0\x0c\0"),
        (PTR, b"\xc0\x0c\xc0"),
        (PTR, b"\x3fabc"),
        (PTR, b"\x40abc\0"),  # RFC 6891 section 5: extended labels are gone
        (PTR, b"\x80abc\0"),
        (PTR, b"\xff\xff"),
        (PTR, b"\xc0\x23"),  # to itself
        (PTR, b"\x01a\xc0\x23"),  # to its own beginning
        (PTR, b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\0"),
    ],
)
def test_malformed_data_is_refused(record_type: RecordType[object], data: bytes) -> None:
    with pytest.raises(WireError):
        read(raw((1, 1, 0, 0), question(record_type) + rr(data, record_type.code)), record_type)


def test_data_that_does_not_matter_is_not_read() -> None:
    message = raw((1, 2, 0, 0), question(A) + rr(b"\1\2\3", 28) + rr(b"\1\2\3\4", 1))
    assert read(message, A).answer is not None


def test_many_pointers_end_and_a_name_of_pointers_is_linear() -> None:
    # each name points to the one before: the last has 255 octets and a hundred steps
    names = b"\x01x\0" + b"".join(b"\x01x" + (0xC000 | at).to_bytes(2, "big") for at in (23, *range(26, 20_000, 4)))
    message = raw((1, 1, 0, 1), question() + rr(b"\x01x") + rr(names, 10, owner=b"\0"))
    assert read(message).answer is not None
    owners = b"".join(rr(b"", 1, owner=(0xC000 | at).to_bytes(2, "big")) for at in range(12, 17)) * 5000
    with pytest.raises(WireError):
        read(raw((1, 25_000, 0, 0), question() + owners))


def test_a_name_has_no_more_pointers_than_labels() -> None:
    # pointers to pointers, one behind the other, and then four thousand names that begin at the last of them
    begin = 12 + len(question()) + 11
    chain = b"\0\0" + b"".join((0xC000 | at).to_bytes(2, "big") for at in range(begin, 16_000, 2))
    names = rr(b"", owner=(0xC000 | begin + len(chain) - 2).to_bytes(2, "big")) * 4000
    with pytest.raises(WireError, match="points too often"):
        read(raw((1, 4001, 0, 0), question() + rr(chain, 10, owner=b"\0") + names))


def test_a_reply_of_64_kilobytes_is_read() -> None:
    text = b"\xff" + b"x" * 255
    message = raw((1, 1, 0, 0), question() + rr(text * 255))
    assert read(message).answer == Answer(Outcome.FOUND, (b"x" * 255 * 255,), ttl=300)


def test_names_in_data_are_lower_case_without_the_last_dot() -> None:
    message = raw((1, 2, 0, 0), question(MX) + rr(b"\0\x0a\x04MaiL\xc0\x0c", 15) + rr(b"\0\0\0", 15))
    answer = read(message, MX).answer
    assert answer is not None
    assert answer.records == (MailExchange(10, "mail.a.org"), MailExchange(0, ""))
