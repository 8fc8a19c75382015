"""Small worlds of hosts and SPF records that chance makes up, most of them sensible, some not."""

from __future__ import annotations

from random import Random

HOSTS = ["example.com", *(f"n{number}.example.com" for number in range(5))]
CLIENTS = ["192.0.2.1", "2001:db8::1"]
SENDERS = ["joe@example.com", "a-b.c@example.com", "Joe@Example.COM", "a+b=c%d@example.com"]
REVERSE = [
    "1.2.0.192.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
]
TARGETS = [
    *HOSTS, "nx.example.com", "dead.example.com", "n2.example.com.", "%{d}", "%{o}", "%{h}", "%{p}",
    "%{l}.n1.example.com", "n1.%{d2}", "%{ir}.%{v}.x.example.com", "%{l1r-}.example.com", "%{S}.example.com",
    "n1..example.com", "%{L}.%{h2}", "%{d1r}.example.com", "%{i3r.}.%{o}", "a%%b.example.com", "%{l0}.example.com",
]  # fmt: skip
NETWORKS = [
    "ip4:192.0.2.1", "ip4:192.0.2.0/24", "ip4:203.0.113.0/25", "ip4:0.0.0.0/0", "ip6:2001:db8::/32", "ip6:::1",
    "ip6:::/0", "ip4:192.0.2.77/24", "ip6:2001:DB8::1/128", "ip6:::ffff:192.0.2.1",
]  # fmt: skip
PREFIXES = ["", "", "/24", "//64", "/0", "/24//32"]
MALFORMED = [
    "bad", "a:", "ip4:1.2.3", "a/33", "exists:%{z}", "all:x", "include", "mx:museum", "ptr/24", "redirect=", "-x=y",
    "ip4:1.2.3.4/08", "a//129", "ip6:1::2::3", "include:%", "exists:a b", "exp=", "++all", "a/24/24", "ip4:192.0.2.01",
]  # fmt: skip

SLIPS = [
    "",
    "",
    " ",
    ":",
    "/",
    "=",
    "%",
    "{",
    "}",
    "-",
    "+",
    ".",
    "0",
    "9",
    "a",
    "A",
    "%%",
    "%_",
    "\t",
    "é",
    ";",
    "\x0b",
    "_",
]


def term(chance: Random) -> str:
    """One term; one in fifty breaks the grammar."""
    qualifier = chance.choice(["", "", "+", "-", "~", "?"])
    match chance.choice(["all", "ip", "a", "mx", "include", "exists", "ptr", "redirect", "exp", "x", "bad"]):
        case "ip":
            return qualifier + chance.choice(NETWORKS)
        case "a" | "mx" as name:
            return qualifier + name + _perhaps_target(chance) + chance.choice(PREFIXES)
        case "include" | "exists" as name:
            return f"{qualifier}{name}:{chance.choice(TARGETS)}"
        case "ptr":
            return f"{qualifier}ptr{_perhaps_target(chance)}"
        case "redirect" | "exp" as name:
            return f"{name}={chance.choice(TARGETS)}"
        case "x":
            return chance.choice(["x=y", "foo=%{l}", "moo="])
        case "bad" if chance.random() < 0.2:
            return chance.choice(MALFORMED)
        case _:
            return qualifier + chance.choice(["all", "all", "ALL"])


def _perhaps_target(chance: Random) -> str:
    return chance.choice(["", f":{chance.choice(TARGETS)}"])


def record(chance: Random) -> str:
    """One SPF record; the blanks between its terms may be several."""
    terms = [term(chance) for _ in range(chance.randint(1, 5))]
    text = chance.choice([" ", " ", " ", "  "]).join([chance.choice(["v=spf1", "v=spf1", "V=SPF1"]), *terms])
    if chance.random() > 0.1:
        return text
    at = chance.randrange(len(text))  # a slip of the pen
    return text[:at] + chance.choice(SLIPS) + text[at + chance.choice([0, 0, 1]) :]


def zone(chance: Random) -> dict[str, dict[str, object]]:
    """A small world in which most names have a record."""
    names: dict[str, dict[str, object]] = {}
    exchanges = [*HOSTS, "nx.example.com", "dead.example.com", ""]
    for host in HOSTS:
        texts = [record(chance)] if chance.random() < 0.85 else chance.choice([["x"], [], ["v=spf10 all"], ["v=spf1"]])
        if chance.random() < 0.02:
            texts = [record(chance), record(chance)]
        entry: dict[str, object] = {
            "TXT": texts,
            "A": chance.sample(["192.0.2.1", "192.0.2.99", "203.0.113.5"], chance.randint(0, 2)),
            "AAAA": ["2001:db8::1"] * chance.randint(0, 1),
            "MX": [[number, chance.choice(exchanges)] for number in range(chance.choice([0, 0, 1, 2, 3, 11]))],
        }
        names[host] = {kind: values for kind, values in entry.items() if values}
    names["dead.example.com"] = {"error": "timeout"}
    pointers = [chance.choice([*HOSTS, "nx.example.com", "dead.example.com"]) for _ in range(chance.randint(0, 3))]
    for name in REVERSE:
        if pointers:
            names[name] = {"PTR": pointers}
    return names
