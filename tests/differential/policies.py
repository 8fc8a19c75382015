"""DMARC records that chance makes up, where they stand, and what was authenticated."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

KEYWORDS = ["none", "quarantine", "reject"]
ODD_VALUES = ["", "bogus", "NONE", "Reject", "none ", "no ne", "reject!"]
MORE_TAGS = [
    "rua=mailto:a@b.example", "ruf=mailto:a@b.example!10m", "pct=50", "pct=0", "ri=3600", "rf=afrf", "fo=1",
    "fo=0:1:d:s", "xyz=1", "n=a note",
]  # fmt: skip

SLIPS = ["", "", " ", ";", "; ;", "=", "a", "A", "1", ":", ",", "\t", "!", "r", "none", "x=y;", "\x0b"]


@dataclass
class PolicyCase:
    """An author, what passed, and the records of the world; every case has domains of its own."""

    author: str
    spf: str | None
    dkim: list[str]
    records: dict[str, str]
    traits: set[str] = field(default_factory=set)
    """What is odd about it, in words that the differences know."""


def make(seed: int, number: int) -> PolicyCase:
    """The case of that number; its names end in `com`, which is a public suffix for everybody."""
    chance = Random(f"policy {seed} {number}")
    organization = f"o{seed}x{number}.com"
    below = [organization, f"a.{organization}", f"b.a.{organization}", f"c.{organization}"]
    case = PolicyCase(chance.choice(below), None, [], {})
    others = [*below, f"x{organization}", f"{organization}.example.net", "example.net", f"A.{organization.upper()}"]
    if chance.random() < 0.5:
        case.spf = chance.choice(others)
    if chance.random() < 0.5:
        case.dkim = chance.sample(others, chance.randint(1, 2))
    for name in below:
        if chance.random() < (0.8 if name == organization else 0.25):
            case.records[f"_dmarc.{name}"] = _record(chance, case)
    if chance.random() < 0.1:
        case.records[f"_dmarc.{case.author}"] = chance.choice(
            ["v=spf1 -all", "hello", "v=DMARC2; p=none", "v=dmarc1; p=none"]
        )
        case.traits.add("no record")
    return case


def _record(chance: Random, case: PolicyCase) -> str:
    tags = [f"p={_keyword(chance, case)}"]
    if chance.random() < 0.3:
        tags.append(f"sp={_keyword(chance, case)}")
    if chance.random() < 0.3:
        tags.append(f"adkim={chance.choice(['r', 's', 's', 'S'])}")
    if chance.random() < 0.3:
        tags.append(f"aspf={chance.choice(['r', 's', 's', 'S'])}")
    tags += chance.sample(MORE_TAGS, chance.choice([0, 0, 1, 2]))
    for share, name in ((0.04, "np"), (0.04, "psd"), (0.04, "t")):
        if chance.random() < share:
            tags.append({"np": "np=reject", "psd": f"psd={chance.choice('yn')}", "t": "t=y"}[name])
            case.traits.add(name)
    if chance.random() < 0.05:
        chance.shuffle(tags)
        case.traits.add("p not first")
    if chance.random() < 0.03:
        tags.remove(next(tag for tag in tags if tag.startswith("p=")))
        case.traits.add("no p")
    if chance.random() < 0.03:
        tags.append((tags or ["p=none"])[0])
        case.traits.add("tag twice")
    blank = chance.choice(["", " ", "  "])
    equals = chance.choice(["=", "=", "=", " = "])
    text = f";{blank}".join(["v=DMARC1", *tags]) + chance.choice(["", ";", " ;"])
    text = text.replace("=", equals) if equals != "=" else text
    if chance.random() > 0.08:
        return text
    at = chance.randrange(len(text))
    case.traits.add("edited")
    return text[:at] + chance.choice(SLIPS) + text[at + chance.choice([0, 0, 1]) :]


def _keyword(chance: Random, case: PolicyCase) -> str:
    if chance.random() < 0.06:
        case.traits.add("odd value")
        return chance.choice(ODD_VALUES)
    return chance.choice(KEYWORDS)
