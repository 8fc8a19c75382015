"""What the fuzzing of each target begins with, from the vectors of the tests, and the words of its grammar."""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from inalign.mail.fields import Field, parse_message
from inalign.migrate.translate import PROGRAMS
from inalign.settings.manual import sample
from tests.arc.test_seal import add_set
from tests.dkim.material import ED25519, PLAIN, RSA, sign_as
from tests.fuzz.signatures import SIGNED
from tests.helpers import VECTORS
from tests.milter import mta, transcript

MOST_OCTETS = 65_536
SIGNATURE_WORDS = (
    "v=1 a=rsa-sha256 ed25519-sha256 c=relaxed/simple d=example.com s=rsa h=from:to bh= b= i=@ l=1 t= x= q=dns/txt"
)
DKIM_KEY_WORDS = "v=DKIM1 k=rsa k=ed25519 p= t=s:y s=email:* h=sha256 n= g=*"
RESULTS_WORDS = (
    'mx.example.net example.org spf=pass dkim=fail none reason= smtp.mailfrom= header.d= policy. /1 ( ) " \\ ; = \t @'
)
SPF_WORDS = (
    "v=spf1 a mx ptr all include: exists: redirect= exp= ip4:192.0.2.0/24 ip6:2001:db8::/32 //64 -all ~ ?"
    " %{d} %{l} %{s} %{ir} %{p} %{h} %{d2r} %{l1r-+} %_ %- %% example.com a.example b.example"
)
DMARC_WORDS = (
    "v=DMARC1 p=none sp=reject np=quarantine adkim=s aspf=r psd=y t=y fo=0:1:d:s rua=mailto:a@b.example ruf= !10m pct=5"
)
MAIL_WORDS = (
    'From: from: <a@b.example> ( ) " \\ , ; : @ =?utf-8?q?a?= \r\n \n \r \0 DKIM-Signature: ARC-Seal: b.example'
)
RECEIVED_WORDS = (
    'from by ( ) [192.0.2.66] 192.0.2.66 [IPv6:2001:db8::1] helo= HELO port=1 ident= @ ; " \\ (may be forged)'
)
AGGREGATE_WORDS = (
    "<feedback> </feedback> <record> </record> <row> </row> <source_ip> <count> <policy_evaluated> <dkim> </dkim> <spf>"
    " <reason> <identifiers> <auth_results> <domain> <result> <report_metadata> <date_range> <policy_published> <p>"
    " <extension> <!-- --> <![CDATA[ ]]> <!DOCTYPE <!ENTITY <?xml ?> encoding= xmlns= &amp; &#0; & < > /> : shift_jis"
)
TABLE_WORDS = "% * @ : # ../ ./ /k.pem example.org ._domainkey. k a@* *@"
MASTER_WORDS = r'$ORIGIN $TTL @ * IN TXT A AAAA MX CNAME SOA ( ) " \" ; \065 \# 192.0.2.1 2001:db8::1 example.org.'


def jsonl(name: str, key: str) -> Iterator[Any]:
    """One key of each line of a file of vectors."""
    for line in (VECTORS / name).read_text("utf-8").splitlines():
        yield json.loads(line)[key]


def messages() -> Iterator[bytes]:
    """Signed messages, sealed ones and those of other implementations."""
    yield from (PLAIN, SIGNED, add_set(PLAIN), add_set(add_set(PLAIN), ED25519))
    yield sign_as("v=1; a=rsa-sha256; c=relaxed; l=3; d=example.com; s=rsa; h=From:From:X; bh={bh}; b={b}")
    yield from (path.read_bytes() for path in sorted((VECTORS / "dkim").rglob("*.eml")))
    yield from (text.encode() for text in jsonl("arc/validation.jsonl", "message"))
    yield from (case["header"].encode() for case in tomllib.loads((VECTORS / "mail/from.toml").read_text()).values())


def fields(*keys: bytes) -> Iterator[Field]:
    """Their header fields of these names."""
    for text in messages():
        for field in parse_message(text).fields:
            if field.key in keys:
                yield field


def arc_fields() -> Iterator[bytes]:
    keys = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
    for text in messages():
        found = [field.raw for field in parse_message(text).fields if field.key in keys]
        if found:
            yield b"".join(found)
    yield from messages()


def results_fields() -> Iterator[bytes]:
    yield from (text.encode("utf-8", "surrogateescape") for text in jsonl("authres/authres.jsonl", "header"))
    yield from (b"mx.example.net; spf=pass", b'(a) "mx.example.net" 1; none', b"MX.Example.Net/7 ;")


def relayed_headers() -> Iterator[bytes]:
    for field in received_fields():
        yield (
            b"Received: " + field.replace(b"\n", b"\r\n") + b"\r\nAuthentication-Results: gw.example; spf=pass\r\n\r\n"
        )


def from_values() -> Iterator[bytes]:
    yield from (field.value for field in fields(b"from"))
    yield from (text.removeprefix("From:").encode() for text in jsonl("mail/from-domain.jsonl", "header"))


def domains() -> Iterator[bytes]:
    yield from (text.encode() for text in jsonl("dmarc/rfc9989.jsonl", "author"))
    yield from ("bücher.example".encode(), b"xn--bcher-kva.example.", b"_dmarc.a-b.example", "Ⅻ.example".encode())


def paths() -> Iterator[bytes]:
    yield from (text.encode() for text in jsonl("spf/rfc7208.jsonl", "mailfrom"))
    yield from (b"<@a.example,@b.example:joe@c.example>", b'<"a b"@c.example>', b"<>", b"<joe@[192.0.2.1]>")


def received_fields() -> Iterator[bytes]:
    for name in ("forms.toml", "refused.toml"):
        cases = tomllib.loads((VECTORS / "received" / name).read_text("utf-8"))
        yield from (case["field"].encode() for case in cases.values())


def key_records() -> Iterator[bytes]:
    yield from (key.key_record().encode() for key in (RSA, ED25519))
    for names in jsonl("dkim/suites.jsonl", "dns"):
        yield from (str(text).encode() for texts in names.values() if isinstance(texts, list) for text in texts)


def spf_records() -> Iterator[bytes]:
    for names in jsonl("spf/rfc7208.jsonl", "zone"):
        texts = [value for records in names.values() for kind, value in _pairs(records) if kind in ("SPF", "TXT")]
        yield from ("".join(text).encode("utf-8", "surrogateescape") for text in texts)
    yield from (line.split("\t")[0].encode() for line in (VECTORS / "spf/grammar.tsv").read_text().splitlines())


def _pairs(records: Iterable[object]) -> Iterator[tuple[str, Any]]:
    return ((record[0], record[1]) for record in records if isinstance(record, list))


def spf_zones() -> Iterator[bytes]:
    records = list(spf_records())
    yield from (b"\n".join(records[start : start + 4]) for start in range(0, len(records), 4))
    yield b"v=spf1 include:a.example -all\nv=spf1 redirect=b.example\nv=spf1 -mx exp=e.example\n\nno %{s} %{p}"


def macro_lines() -> Iterator[bytes]:
    for text in ("%{d}", "%{ir}.%{v}._spf.%{d2}", "%{l1r-+}.%{o}", "%{p}.%{h}", "%{c} %{t} %{r} %_%%%-", "a.%{S}.com"):
        yield f"{text}\nstrong-bad+x\nemail.example.com\nmx.example.org\n2001:db8::1".encode()


def dmarc_records() -> Iterator[bytes]:
    return (text.encode("utf-8", "surrogateescape") for text in jsonl("dmarc/records.jsonl", "record"))


def report_uris() -> Iterator[bytes]:
    for text in dmarc_records():
        yield from (uri.strip() for uri in text.partition(b"rua=")[2].partition(b";")[0].split(b","))
    yield b"https://u@example.org:80/a%20b?c=d#e"


def dns_answers() -> Iterator[bytes]:
    for choice, data in (
        (0, b"\3abc"),
        (1, b"\xc0\0\2\1"),
        (2, bytes(16)),
        (3, b"\0\1\1m\xc0\x0c"),
        (4, b"\1p\xc0\x0c"),
    ):
        code = (16, 1, 28, 15, 12)[choice]
        alias = b"\xc0\x0c\0\5\0\1\0\0\0\5\0\4\1a\xc0\x0c"
        owner = b"\1a\xc0\x0c"
        record = owner + code.to_bytes(2, "big") + b"\0\1\0\0\0\5" + len(data).to_bytes(2, "big") + data
        soa = b"\xc0\x0c\0\6\0\1\0\0\0\5\0\x18\1n\xc0\x0c\xc0\x0c" + bytes(20)
        option = b"\0\0\x29\4\xd0\0\0\0\0\0\0"
        yield bytes((choice | 0x40,)) + alias + record + soa + option
        yield bytes((choice | 0xC0,)) + record + record


def zones_json() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((VECTORS / "resolver").glob("*.json")))


def master_files() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((VECTORS / "resolver").glob("*.zone")))


def conversations() -> Iterator[bytes]:
    yield from (b"".join(b"".join(one.sent) for one in transcript.read(name).exchanges) for name in transcript.names())
    yield mta.MESSAGE * 2 + mta.QUIT


def settings_files() -> Iterator[bytes]:
    yield sample().encode()
    yield "\n".join(line.removeprefix("# ") if " = " in line else line for line in sample().splitlines()).encode()
    yield b'[milter]\nlocal_networks = ["192.0.2.0/24", "::1"]\n'


def whole_messages() -> Iterator[bytes]:
    yield from (b"192.0.2.1\nmail.example.com\nbounce@example.com\n" + text for text in messages())


def aggregate_reports() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((VECTORS / "reports/aggregate/variants").glob("*.xml")))
    yield from (path.read_bytes() for path in sorted((VECTORS / "reports/aggregate/shown").rglob("*.xml")))


def feedback_reports() -> Iterator[bytes]:
    for path in sorted((VECTORS / "reports/failure/variants").glob("*.feedback")):
        sample = path.with_suffix(".sample")
        yield path.read_bytes() + (b"\n\n--\n" + sample.read_bytes() if sample.exists() else b"")
    yield from (path.read_bytes() for path in sorted((VECTORS / "reports/failure/shown").glob("*.eml")))


def tls_reports() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((VECTORS / "reports/tls/variants").glob("*.json")))


def tables() -> Iterator[bytes]:
    for kind in ("file", "refile", "csl"):
        for case in tomllib.loads((VECTORS / "keys" / f"{kind}.toml").read_text("utf-8")).values():
            texts = [text for text in case.values() if isinstance(text, str)] if isinstance(case, dict) else []
            yield "\0".join(texts).encode()
    talk = VECTORS / "keys" / "talk"
    yield (talk / "SigningTable").read_bytes() + b"\0" + (talk / "KeyTable").read_bytes()
    yield b"*@example.org k:@example.org\n* %\n\0k %:s:/keys/%/s.pem\n% %:s:/keys/%\n"


def lists() -> Iterator[bytes]:
    yield from (text.replace(b" ", b"=").replace(b"\n", b",") for text in tables())


def key_rows() -> Iterator[bytes]:
    yield from (b"example.org:s:/k.pem", b"%:s:/keys/%/s.pem", b"a:b:", b"::", RSA.private_key.to_pem())


def rule_lines() -> Iterator[bytes]:
    yield from (b'for = ["example.org", ".example.org", "*", "a@*"]\nalso = true\nidentity = "@%"\n', b"also = 1\n")
    yield b'key_table = "csl:k=example.org:s:x"\nsigning_table = "refile:rules"\nfolder = "keys"\ncheck_dns = "off"\n'


def key_files() -> Iterator[bytes]:
    for key in (RSA.private_key, ED25519.private_key):
        pem = key.to_pem()
        yield from (pem, key.to_pem(b"open sesame"), b"".join(pem.split(b"\n")[1:-2]))
    yield base64.b64encode(bytes(range(32)))


def configurations() -> Iterator[bytes]:
    names = sorted(PROGRAMS)
    for path in sorted((VECTORS / "moving").glob("*.conf")):
        yield from (
            bytes((number,)) + path.read_bytes() for number, name in enumerate(names) if path.name.startswith(name)
        )
    for number, name in enumerate(names):
        words = (VECTORS / "moving" / f"{name}.names").read_text().split()
        equals = "=" if name == "policyd-spf" else " "
        yield bytes((number,)) + "".join(f"{word}{equals}yes\n" for word in words).encode()


SEEDS: dict[str, tuple[Callable[[], Iterable[bytes]], str]] = {
    "message": (messages, MAIL_WORDS),
    "author": (from_values, MAIL_WORDS),
    "domain": (domains, "xn-- . - _ example"),
    "reverse_path": (paths, MAIL_WORDS),
    "tags": (lambda: (field.value for field in fields(b"dkim-signature", b"arc-seal")), SIGNATURE_WORDS),
    "authentication_results": (results_fields, RESULTS_WORDS),
    "claim": (results_fields, RESULTS_WORDS),
    "received": (received_fields, RECEIVED_WORDS),
    "origin": (relayed_headers, RECEIVED_WORDS + " Authentication-Results: gw.example; spf=pass smtp.mailfrom="),
    "dns_answer": (dns_answers, ""),
    "dns_name": (domains, ". \\. \\"),
    "zone_json": (zones_json, "TXT A AAAA MX PTR CNAME error timeout nxdomain"),
    "master_file": (master_files, MASTER_WORDS),
    "spf_record": (spf_records, SPF_WORDS),
    "spf_macro": (macro_lines, SPF_WORDS),
    "spf_check": (spf_zones, SPF_WORDS),
    "dmarc_record": (dmarc_records, DMARC_WORDS),
    "report_uri": (report_uris, DMARC_WORDS),
    "dkim_signature": (lambda: (field.value for field in fields(b"dkim-signature")), SIGNATURE_WORDS),
    "dkim_key": (key_records, DKIM_KEY_WORDS),
    "dkim_message": (messages, MAIL_WORDS + " " + SIGNATURE_WORDS),
    "arc": (arc_fields, "i=1; cv=none; cv=pass; cv=fail; " + MAIL_WORDS + " " + SIGNATURE_WORDS),
    "whole_message": (whole_messages, MAIL_WORDS + " " + SIGNATURE_WORDS),
    "milter_session": (conversations, ""),
    "settings": (settings_files, "[milter] [dns] [log] = [ ] { } \" ' true 10 1e9 nan"),
    "aggregate": (aggregate_reports, AGGREGATE_WORDS),
    "feedback_report": (
        feedback_reports,
        MAIL_WORDS + " " + RESULTS_WORDS + " Source-IP: Auth-Failure: IPv6: =?utf-8?q? ?=",
    ),
    "tls_report": (tls_reports, '{ } [ ] " : , null true 1e9 NaN \\ud800 policies policy summary failure-details'),
    "data_set": (tables, TABLE_WORDS),
    "csl": (lists, TABLE_WORDS + " , ="),
    "key_table": (key_rows, TABLE_WORDS),
    "rule_name": (domains, "*@ . @ * example.org"),
    "sign_rules": (rule_lines, 'for also identity key_table folder database query [ ] " = true'),
    "private_key": (key_files, "-----BEGIN -----END PRIVATE KEY----- ENCRYPTED RSA"),
    "moving": (configurations, "Include Domain Selector KeyFile KeyTable refile: csl: dsn: yes no # HOSTNAME"),
}


def seeds(target: str) -> list[bytes]:
    """The texts that the fuzzing of a target begins with, each once."""
    return list(dict.fromkeys(text[:MOST_OCTETS] for text in SEEDS[target][0]()))


def words(target: str) -> list[bytes]:
    """The words of its grammar."""
    return [word.encode() for word in dict.fromkeys(SEEDS[target][1].split(" ")) if word]
