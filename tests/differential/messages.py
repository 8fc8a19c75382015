"""Signed messages that chance makes up: most of them sensible, many odd, some changed after they were signed.

What is signed is signed with our own canonical forms, so every message is also a question to the other
implementations whether these are right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import BodyHashes, BodySpec, Canonicalization
from inalign.dkim.crypto import load_private_key
from inalign.dkim.sign import SigningError, SigningKey, sign_dkim
from inalign.mail.domain import parse_domain
from inalign.mail.fields import parse_message
from tests.dkim.material import ED25519_SEED, RSA_PEM, sign_as

DOMAIN = "example.com"
KEYS = {"rsa": load_private_key(RSA_PEM), "ed25519": load_private_key(ED25519_SEED)}
SLIPS = [
    "",
    "",
    ";",
    "; ;",
    "=",
    " ",
    "\t",
    ":",
    "a",
    "A",
    "1",
    ".",
    "-",
    "_",
    "/",
    "x=y; ",
    ";x",
    "h=",
    "\x0b",
    "é",
    ",",
]

_LONG_VALUE = re.compile(rb"(?<=[ ;:\t]b=)[0-9A-Za-z+/]{60,}=*")
_PIECES = re.compile(rb"[^\r]{1,60}")


@dataclass
class SignedMessage:
    """A message, the keys that its signatures name, and what chance did to it."""

    number: int
    text: bytes
    zone: dict[str, dict[str, object]] = field(default_factory=dict)
    selectors: list[str] = field(default_factory=list)
    """Of the signatures, in header order; each is used once in all messages."""
    traits: set[str] = field(default_factory=set)
    """What is odd about it, in words that `differences` knows."""


WORDS = ("greetings", "your order", "Re:", "=?utf-8?q?=C3=A4?=", "ä".encode().decode("latin-1"), "a  b", "x\ty", "")
BODY_LINES = (
    b"", b"", b"Hello.", b" indented", b"trailing ", b"trailing\t ", b"a  b \t c", b"\t", b" ", b".", b"..dots",
    b"\xe4\xff", "grüße".encode(), b"x" * 1200, b"From the start", b"=20", b"-- ", b"\0nul", b"v\x0bt \x0c",
)  # fmt: skip


def make(seed: int, number: int, now: int) -> SignedMessage:
    """The message of that number, with one signature or two."""
    chance = Random(f"message {seed} {number}")
    made = SignedMessage(number, b"")
    text = _unsigned(chance, made)
    for place in range(1 if chance.random() < 0.85 else 2):
        text = _sign(chance, made, text, f"s{number}x{place}", now)
    made.text = _change(chance, made, text)
    _note_odd_octets(made)
    return made


def make_signed_by_us(seed: int, number: int, now: datetime) -> SignedMessage | None:
    """The message of that number as our own signer signs it, with both keys; None where it must not be signed."""
    chance = Random(f"signed {seed} {number}")
    made = SignedMessage(number, b"")
    text = _unsigned(chance, made)
    keys = [SigningKey(parse_domain(DOMAIN), parse_domain(f"o{number}{kind}"), key) for kind, key in KEYS.items()]
    form = f"{chance.choice(['relaxed', 'simple'])}/{chance.choice(['relaxed', 'simple'])}"
    try:
        made.text = sign_dkim(text, keys, now=now, canonicalization=form) + text
    except SigningError:
        return None
    made.selectors = [str(key.selector) for key in keys]
    made.zone = {key.key_name: {"TXT": [key.key_record()]} for key in keys}
    _note_odd_octets(made)
    return made


def make_unsigned(seed: int, number: int) -> SignedMessage:
    """The message of that number that nobody has signed."""
    made = SignedMessage(number, b"")
    made.text = _unsigned(Random(f"unsigned {seed} {number}"), made)
    _note_odd_octets(made)
    return made


def _unsigned(chance: Random, made: SignedMessage) -> bytes:
    return b"".join(_header(chance, made)) + b"\r\n" + _body(chance, made)


def _note_odd_octets(made: SignedMessage) -> None:
    if b"\x0b" in made.text:
        made.traits.add("other blanks")
    if not made.text.endswith(b"\r\n"):
        made.traits.add("no line end at the end")


def _header(chance: Random, made: SignedMessage) -> list[bytes]:
    address = chance.choice(["author@example.com", "a.b+c@sub.example.com", '"q u"@example.com'])
    fields = [
        b"From: " + chance.choice([address, f"A <{address}>", f'"A, B"\r\n\t<{address}>']).encode(),
        b"To: b@example.net,\r\n  c@example.net",
        b"Date: Tue, 24 Nov 2026 11:59:00 +0000",
        b"Message-ID: <1@example.com>",
        b"Subject: " + chance.choice(WORDS).encode("latin-1"),
    ]
    odd = [
        b"X-Empty:", b"X-Blank:  ", b"X-Folded: a\r\n\t\r\n b", b"x-lower:no blank", b"X-Tail: a \t ", b"Received: one",
        b"Received: two\r\n\tby b", b"SUBJECT: second", b"X-Long: " + b"y" * 1500, b"X-8bit: \xe4\xf6",
        b"X-Colon: a:b : c", b"List-Id: <l.example.com>", b"X_Under.Score: 1", b"X-Semi: v=1; b=x;",
        b"Content-Type: text/plain;\r\n  a=b", b"X-Tabs:\ta\tb", b"X-Other-Blanks: a\x0b b\x0cc",
        b"X-Fold-First:\r\n a",
    ]  # fmt: skip
    fields += chance.sample(odd, chance.randint(0, 4))
    if chance.random() < 0.04:
        fields.append(b"X-Space : a")
        made.traits.add("blank before colon")
    if chance.random() < 0.03:
        fields.append(b"X-Bare: a" + chance.choice([b"\r", b"\n"]) + b"b")
        made.traits.add("bare line end in header")
    if chance.random() < 0.03:
        fields.append(b"From: second@example.com")
        made.traits.add("two From")
    chance.shuffle(fields)
    return [line + b"\r\n" for line in fields]


def _body(chance: Random, made: SignedMessage) -> bytes:
    kind = chance.random()
    if kind < 0.06:
        return b""
    if kind < 0.10:
        return b"\r\n" * chance.randint(1, 4)
    lines = [chance.choice(BODY_LINES) for _ in range(chance.randint(1, 12))]
    body = b"\r\n".join(lines)
    if chance.random() < 0.05:
        body += chance.choice([b"\r", b"\n"]) + b"after a bare line end"
        made.traits.add("bare line end in body")
    if chance.random() < 0.08:
        return body
    return body + b"\r\n" * chance.choice([1, 1, 1, 2, 3])


def _sign(chance: Random, made: SignedMessage, text: bytes, selector: str, now: int) -> bytes:
    """The text with one signature more on top, its key in the zone."""
    algorithm = chance.choice(["rsa-sha256"] * 6 + ["ed25519-sha256"] * 3 + ["rsa-sha1"])
    header_form, body_form = chance.choice(["relaxed", "simple"]), chance.choice(["relaxed", "simple"])
    form = f"{header_form}/{body_form}"
    if body_form == "simple" and chance.random() < 0.4:
        form = header_form if header_form == "relaxed" or chance.random() < 0.5 else ""
    parts = parse_message(text)
    names = _names_to_sign(chance, made, [one.name.decode() for one in parts.fields])
    length = _length(chance, made, parts.body, Canonicalization(body_form))
    tags = {
        "v": "1",
        "a": algorithm,
        "c": form,
        "d": chance.choice([DOMAIN] * 5 + ["Example.COM"]),
        "s": selector,
        "h": chance.choice([":", ":", " : ", ":\r\n\t"]).join(names),
        "bh": "{bh}",
        "l": "" if length is None else str(length),
        **_more_tags(chance, made, now),
    }
    before, value = _printed(chance, {name: text for name, text in tags.items() if text})
    key = SigningKey(parse_domain(DOMAIN), parse_domain(selector), KEYS[algorithm.partition("-")[0]])
    written = _edited(chance, made, value, "edited signature")
    signed = sign_as(written, text, key, before=before, meant=value)
    made.selectors.insert(0, selector)
    made.zone[key.key_name] = _key_entry(chance, made, key)
    if algorithm == "rsa-sha1":
        made.traits.add("rsa-sha1")
    return _folded(chance, signed[: len(signed) - len(text)]) + text


def _edited(chance: Random, made: SignedMessage, text: str, trait: str) -> str:
    """The text, or once in a while with a slip of the pen somewhere."""
    if chance.random() > 0.12:
        return text
    at = chance.randrange(len(text))
    if set("\r\n") & set(text[max(0, at - 1) : at + 2]):  # the field would end there
        return text
    if "{" in text and min(abs(at - place) for place in (text.index("{b}"), text.index("{bh}"))) < 5:
        return text
    made.traits.add(trait)
    return text[:at] + chance.choice(SLIPS) + text[at + chance.choice([0, 0, 1]) :]


def _folded(chance: Random, field: bytes) -> bytes:
    """The field, perhaps with folds within `b=`, which no canonical form sees."""
    if chance.random() < 0.5:
        return field
    return _LONG_VALUE.sub(lambda found: b"\r\n\t".join(_PIECES.findall(found[0])), field)


def _names_to_sign(chance: Random, made: SignedMessage, there: list[str]) -> list[str]:
    names = [name for name in there if name.lower() == "from" or chance.random() < 0.6]
    if chance.random() < 0.3:
        names += ["From", "Subject"]
    if chance.random() < 0.3:
        names += ["X-Not-There", "x-not-there"]
    if chance.random() < 0.02:
        names = [name for name in names if name.lower() != "from"] or ["To"]
        made.traits.add("From not signed")
    if chance.random() < 0.02:
        names.append("DKIM-Signature")
        made.traits.add("signs signatures")
    chance.shuffle(names)
    return [chance.choice([name, name.lower(), name.upper()]) for name in names]


def _length(chance: Random, made: SignedMessage, body: bytes, form: Canonicalization) -> int | None:
    if chance.random() > 0.15:
        return None
    whole = BodySpec(form, HashAlgorithm.SHA256)
    hashes = BodyHashes([whole])
    hashes.update(body)
    total = hashes.digests()[whole].total
    length = chance.choice([total, total, max(0, total - 1), total // 2, 0, total + 1])
    made.traits.add("l" if length == total else "l too long" if length > total else "l partial")
    return length


def _more_tags(chance: Random, made: SignedMessage, now: int) -> dict[str, str]:
    tags: dict[str, str] = {}

    def perhaps(share: float, name: str, value: str, trait: str = "") -> None:
        if chance.random() < share:
            tags[name] = value
            if trait:
                made.traits.add(trait)

    perhaps(0.5, "t", str(now - chance.choice([0, 100, 10**6])))
    perhaps(0.02, "t", str(now + 100_000), "t in the future")
    perhaps(0.15, "x", str(now + 100_000))
    perhaps(0.03, "x", str(now - 50), "expired")
    perhaps(0.10, "q", chance.choice(["dns/txt", "dns/txt:x/y"]))
    perhaps(0.01, "q", "http/txt", "q without dns/txt")
    perhaps(0.10, "i", chance.choice([f"@{DOMAIN}", f"joe@{DOMAIN}", f"a=20b@{DOMAIN}"]))
    perhaps(0.08, "i", chance.choice([f"@sub.{DOMAIN}", f"joe@a.b.{DOMAIN}"]), "i below d")
    perhaps(0.01, "i", chance.choice(["@example.net", "@badexample.com", DOMAIN]), "i not below d")
    perhaps(0.05, "z", "From:a=20b|To:c")
    perhaps(0.05, "xyz", chance.choice(["1", "a b", "a:b=c"]))
    perhaps(0.02, "v", chance.choice(["2", "0.5", "1.0"]), "v not 1")
    return tags


def _printed(chance: Random, tags: dict[str, str]) -> tuple[str, str]:
    """What stands before a tag list, and the list: in any order, with blanks and folds where the grammar has them."""
    blank = chance.choice(["", " ", "  ", "\r\n\t"])
    inner = chance.choice(["", "", "", " "])
    order = list(tags)
    if chance.random() < 0.3:
        chance.shuffle(order)
    specs = [f"{name}{inner}={inner}{tags[name]}" for name in order]
    specs.insert(chance.choice([len(specs), len(specs), 0]), f"b={inner}{{b}}")
    return blank, f";{blank}".join(specs) + chance.choice(["", ";", "; "])


def _key_entry(chance: Random, made: SignedMessage, key: SigningKey) -> dict[str, object]:
    key_type, record = key.private_key.key_type, key.key_record()
    kind = chance.random()
    if kind < 0.70:
        return {"TXT": [_edited(chance, made, record, "edited key")]}
    if kind < 0.72:
        made.traits.add("no key")
        return {"A": ["192.0.2.1"]}
    head, _, public = record.partition("p=")
    middle = len(public) // 2
    odd = {
        "key without v": f"k={key_type}; p={public}",
        "key with blanks": f"v=DKIM1 ; k = {key_type} ; p= {public[:middle]} {public[middle:]} ;",
        "key in testing": f"{head}t=y; p={public}",
        "key strict": f"{head}t=s; p={public}",
        "key for sha1": f"{head}h=sha1; p={public}",
        "key for sha256": f"{head}h=sha256:x; p={public}",
        "key for mail": f"{head}s=email; p={public}",
        "key for others": f"{head}s=tlsrpt; p={public}",
        "key with notes": f"{head}n=hello=20world; xyz=1; p={public};",
        "key revoked": f"{head}p=",
        "key with g": f"{head}g=other; p={public}",
        "key of another version": f"v=DKIM2; k={key_type}; p={public}",
        "key with v behind": f"k={key_type}; v=DKIM1; p={public}",
        "key of another type": f"v=DKIM1; k={'ed25519' if key_type == 'rsa' else 'rsa'}; p={public}",
        "key with empty tag": f"v=DKIM1;; k={key_type}; p={public}",
        "key with tag twice": f"{head}p={public}; p={public}",
        "key with k in capitals": f"v=DKIM1; k={key_type.upper()}; p={public}",
        "key that is cut": f"{head}p={public[:30]}",
        "key that is no tag list": "hello",
    }
    if key_type == "rsa":
        odd["key without k"] = f"v=DKIM1; p={public}"
    trait = chance.choice(list(odd))
    made.traits.add(trait)
    return {"TXT": [odd[trait]]}


def _change(chance: Random, made: SignedMessage, text: bytes) -> bytes:
    """The text after what relays and attackers do to it."""
    if chance.random() < 0.55:
        return text
    head, _, body = text.partition(b"\r\n\r\n")
    match chance.choice(
        ["body", "append", "blanks", "unfold", "case", "subject", "field on top", "field below", "tail"]
    ):
        case "body":
            at = chance.choice([0, len(body), *(end + 2 for end in range(len(body)) if body.startswith(b"\r\n", end))])
            body = body[:at] + b"changed" + body[at:]
        case "append":
            body += b"added by a list\r\n"
        case "blanks":
            body = body.replace(b" ", b"  ")
        case "unfold":
            head = head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")
        case "case":
            head = head.replace(b"\r\nSubject:", b"\r\nsubject:").replace(b"\r\nTo: ", b"\r\nTO:   ")
        case "subject":
            head = head.replace(b"\r\nSubject: ", b"\r\nSubject: [list] ")
        case "field on top":
            head = chance.choice([b"Subject: on top", b"X-New: a", b"Received: three"]) + b"\r\n" + head
        case "field below":
            head += b"\r\n" + chance.choice([b"Subject: below", b"X-Not-There: now", b"To: victim@example.net"])
        case _:
            body += b"\r\n" * chance.randint(1, 3)
    made.traits.add("changed")
    return head + b"\r\n\r\n" + body
