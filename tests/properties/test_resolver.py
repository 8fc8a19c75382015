"""What holds of the wire reader, the zones and the cache for every input; dnspython is the oracle of the wire."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import dns.rrset
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from inalign.errors import ParseError
from inalign.resolver import Answer, MailExchange, Outcome, ZoneResolver, txt
from inalign.resolver.cache import AnswerCache, CacheLimits
from inalign.resolver.wire import RECORD_TYPES, DnsReply, Query, WireError, decode_name, encode_name, read_reply
from tests.helpers import run_now

# names

labels = st.one_of(st.sampled_from([b"a", b"B", b"www", b"_dmarc", b"example"]), st.binary(min_size=1, max_size=63))
names = st.lists(labels, max_size=4).map(lambda found: dns.name.Name([*found, b""]))


def _in_bounds(name: dns.name.Name) -> bool:
    return len(name.to_wire() or b"") <= 255


# replies

kinds = st.sampled_from(sorted(RECORD_TYPES))
ttls = st.integers(0, 0xFFFFFFFF)


def rdata_texts(kind: str, pool: list[dns.name.Name]) -> st.SearchStrategy[str]:
    """The data of a record of a kind, as master file text."""
    targets = st.sampled_from(pool).map(lambda name: name.to_text())
    match kind:
        case "TXT":
            strings = st.lists(st.binary(max_size=255), min_size=1, max_size=4)
            return strings.map(lambda found: " ".join(_quoted(string) for string in found))
        case "A":
            return st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
        case "AAAA":
            return st.integers(0, 2**128 - 1).map(lambda number: str(IPv6Address(number)))
        case "MX":
            return st.tuples(st.integers(0, 65535), targets).map(lambda pair: f"{pair[0]} {pair[1]}")
        case "SOA":
            return st.tuples(targets, targets, st.integers(0, 2**31 - 1)).map(
                lambda three: f"{three[0]} {three[1]} 1 2 3 4 {three[2]}"
            )
        case _:
            return targets


def _quoted(string: bytes) -> str:
    return '"' + "".join(f"\\{octet:03d}" for octet in string) + '"'


@st.composite
def replies(draw: st.DrawFn) -> tuple[Query[object], dns.message.QueryMessage, bytes]:
    """A query, a reply of dnspython's making to it, and its octets."""
    kind = draw(kinds)
    pool = draw(st.lists(names.filter(_in_bounds), min_size=1, max_size=5))
    name = pool[0].to_wire()
    assert name is not None
    query = Query(draw(st.integers(0, 65535)), name, RECORD_TYPES[kind], draw(st.booleans()))
    asked = dns.message.from_wire(bytes(query))
    reply = dns.message.make_response(asked)
    assert isinstance(reply, dns.message.QueryMessage)
    reply.flags |= draw(st.sampled_from([0, dns.flags.AD, dns.flags.AA, dns.flags.AD | dns.flags.AA]))
    reply.set_rcode(dns.rcode.Rcode(draw(st.sampled_from([0, 0, 0, 3, 2, 5, 16 if query.edns else 1]))))
    for section, possible in ((reply.answer, [kind, kind, "CNAME", "A", "TXT"]), (reply.authority, ["SOA", "NS"])):
        for _ in range(draw(st.integers(0, 5))):
            one = draw(st.sampled_from(possible))
            data = draw(rdata_texts(one, pool))
            section.append(dns.rrset.from_text(draw(st.sampled_from(pool)), draw(ttls) & 0x7FFFFFFF, "IN", one, data))
    return query, reply, reply.to_wire(max_size=65535)


def expected(query: Query[object], reply: dns.message.QueryMessage) -> Callable[[DnsReply[object]], None]:
    """What dnspython makes of a reply, as a check of what we made of it."""
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return lambda ours: _must(bool(ours.problem))
    try:
        chain = reply.resolve_chaining()
    except (dns.message.ChainTooLong, dns.message.AnswerForNXDOMAIN):
        return lambda ours: _must(bool(ours.problem))

    def check(ours: DnsReply[object]) -> None:
        if ours.alias is not None:
            assert chain.answer is None
            assert ours.alias.name == (chain.canonical_name.to_wire() or b"").lower()
            assert ours.alias.hops == len(chain.cnames) > 0
            return
        if ours.answer is None:
            assert ours.problem in ("a referral, not an answer", "an answer to something else")
            assert chain.answer is None
            return
        answer = ours.answer
        assert answer.dnssec_validated == bool(reply.flags & dns.flags.AD)
        if chain.answer is None:
            assert answer.outcome is (Outcome.NXDOMAIN if reply.rcode() == dns.rcode.NXDOMAIN else Outcome.NODATA)
            assert answer.records == ()
            return
        assert answer.outcome is Outcome.FOUND
        assert answer.ttl == chain.minimum_ttl
        assert set(answer.records) == {_value(rdata) for rdata in chain.answer}

    return check


def has_rivals(octets: bytes) -> bool:
    """Whether a name has two CNAMEs or two SOAs, of which dnspython keeps the last and we the first."""
    message = dns.message.from_wire(octets, one_rr_per_rrset=True, ignore_trailing=True)
    single = [
        (rrset.name, rrset.rdtype)
        for rrset in [*message.answer, *message.authority]
        if rrset.rdtype in (dns.rdatatype.CNAME, dns.rdatatype.SOA)
    ]
    return len(single) != len(set(single))


def _must(truth: bool) -> None:
    assert truth


def _value(rdata: object) -> object:
    if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT):
        return b"".join(rdata.strings)
    if isinstance(rdata, dns.rdtypes.ANY.MX.MX):
        return MailExchange(rdata.preference, _name_text(rdata.exchange))
    target = getattr(rdata, "target", None)
    if target is not None:
        return _name_text(target)
    address = str(rdata)
    return IPv6Address(address) if ":" in address else IPv4Address(address)


def _name_text(name: dns.name.Name) -> str:
    return decode_name((name.to_wire() or b"").lower())


@given(replies())
@settings(deadline=None)
def test_reading_a_reply_agrees_with_dnspython(case: tuple[Query[object], dns.message.QueryMessage, bytes]) -> None:
    query, _, octets = case
    again = dns.message.from_wire(octets)
    assert isinstance(again, dns.message.QueryMessage)
    assume(not has_rivals(octets))
    expected(query, again)(read_reply(octets, query))


@given(replies(), st.data())
@settings(deadline=None)
def test_a_spoilt_reply_is_refused_or_agrees_with_dnspython(
    case: tuple[Query[object], dns.message.QueryMessage, bytes], data: st.DataObject
) -> None:
    query, _, octets = case
    spoilt = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        ours = read_reply(bytes(spoilt), query)
    except WireError:
        return
    if ours.is_truncated:
        assert spoilt[2] & 2
        return
    try:
        theirs = dns.message.from_wire(bytes(spoilt), ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return  # dnspython reads every record, we only those that matter
    if isinstance(theirs, dns.message.QueryMessage) and theirs.question and not has_rivals(bytes(spoilt)):
        expected(query, theirs)(ours)


@given(replies(), st.data())
@settings(deadline=None)
def test_a_cut_reply_is_refused(
    case: tuple[Query[object], dns.message.QueryMessage, bytes], data: st.DataObject
) -> None:
    query, _, octets = case
    with contextlib.suppress(WireError):
        read_reply(octets[: data.draw(st.integers(0, len(octets) - 1))], query)
        raise AssertionError("read, although its end is missing")


queries = st.builds(
    Query,
    st.integers(0, 65535),
    names.filter(_in_bounds).map(lambda name: name.to_wire() or b""),
    kinds.map(lambda kind: RECORD_TYPES[kind]),
    st.booleans(),
)


@given(queries, st.binary(max_size=200), st.integers(0, 3), st.booleans())
def test_any_octets_are_read_or_refused(query: Query[object], octets: bytes, count: int, has_head: bool) -> None:
    if has_head:  # so that more than the header is looked at
        counts = b"".join(number.to_bytes(2, "big") for number in (1, count, count, count))
        octets = query.identifier.to_bytes(2, "big") + b"\x81\x80" + counts + query.question + octets
    with contextlib.suppress(WireError):
        read_reply(octets, query)


@given(queries)
def test_a_query_is_what_dnspython_reads(query: Query[object]) -> None:
    asked = dns.message.from_wire(bytes(query))
    assert asked.id == query.identifier
    assert asked.question[0].name.to_wire() == query.name
    assert asked.question[0].rdtype == query.record_type.code
    assert asked.flags == dns.flags.RD | dns.flags.AD
    assert (asked.edns, asked.payload, asked.ednsflags) == ((0, 1232, dns.flags.DO) if query.edns else (-1, 0, 0))


@given(st.text())
@example("a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 61)
@example("a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 62)
@example("\ud800")
def test_a_name_that_can_be_asked_comes_back(text: str) -> None:
    octets = encode_name(text)
    if octets is not None:
        assert len(octets) <= 255
        assert dns.name.from_wire(octets, 0)[1] == len(octets)
        assert decode_name(octets) == text.removesuffix(".")


# zones

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
listed = st.dictionaries(
    st.sampled_from(["TXT", "A", "AAAA", "MX", "PTR", "CNAME", "error", "other"]), json_values, max_size=3
)
zone_names = st.sampled_from(["example.org", "Example.ORG.", "", ".", "..", "a..b", "*.example.org"]) | st.text()


@given(st.dictionaries(zone_names, listed | json_values, max_size=4), zone_names)
def test_a_zone_is_refused_when_it_is_made_or_never(zone: dict[str, dict[str, object]], name: str) -> None:
    try:
        resolver = ZoneResolver.from_json(zone)
    except ParseError:
        return
    ask_everything(resolver, name)
    for listed_name in zone:
        ask_everything(resolver, listed_name)


@given(st.binary() | st.text())
@example(b'a TXT "')
@example(b"a TXT \\")
@example(b"$ORIGIN")
@example(b"()")
@example(b"a IN")
@example(b"a 1 IN 1")
def test_any_master_file_is_read_or_refused(text: bytes | str) -> None:
    with contextlib.suppress(ParseError):
        ask_everything(ZoneResolver.from_master_file(text), "a.example.org")


MASTER_WORDS = r"""
$ORIGIN $TTL @ * a example.org. IN CH 3600 1h TXT A AAAA MX CNAME SOA
10 192.0.2.1 2001:db8::1 "xy" \065 \" ; ( ) \# 4 C0000201
"""
master_words = st.sampled_from([*MASTER_WORDS.split(), "\n", "\n ", '"x y"'])


@given(st.lists(master_words, max_size=25).map(" ".join))
def test_any_words_of_a_master_file_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(ParseError):
        ask_everything(ZoneResolver.from_master_file(text, origin="example.org"), "a.example.org")


def ask_everything(resolver: ZoneResolver, name: str) -> None:
    assert all(isinstance(record, bytes) for record in run_now(resolver.txt(name)).records)
    assert all(isinstance(record, IPv4Address) for record in run_now(resolver.addresses(name, 4)).records)
    assert all(isinstance(record, IPv6Address) for record in run_now(resolver.addresses(name, 6)).records)
    assert all(isinstance(record, MailExchange) for record in run_now(resolver.mx(name)).records)


# cache


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5000), st.integers(0, 3)), max_size=200))
def test_the_cache_stays_within_its_limits_and_never_gives_what_is_over(puts: list[tuple[int, int, int]]) -> None:
    limits = CacheLimits(entries=10, octets=20_000, least_seconds=0)
    cache = AnswerCache(limits)
    now = 0.0
    latest: dict[str, tuple[float, Answer[object]]] = {}
    for number, size, ttl in puts:
        now += 1
        name = f"{number}.example"
        answer: Answer[object] = Answer(Outcome.FOUND, (b"x" * size,), ttl=ttl)
        cache.put(txt(name), answer, now)
        latest[name] = now + ttl, answer
        assert len(cache) <= limits.entries
        for known, (until, right) in latest.items():
            got = cache.get(txt(known), now)
            assert got is None or (got is right and now < until)
