"""Zones, records and identities that hypothesis makes up, most of them sensible, some not."""

from __future__ import annotations

from hypothesis import strategies as st

HOSTS = ["example.com", *(f"n{number}.example.com" for number in range(5))]
CLIENTS = ["192.0.2.1", "2001:db8::1"]
REVERSE = [
    "1.2.0.192.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
]

targets = st.sampled_from(
    [
        *HOSTS,
        "nx.example.com",
        "dead.example.com",
        "n2.example.com.",
        "%{d}",
        "%{o}",
        "%{h}",
        "%{p}",
        "%{l}.n1.example.com",
        "n1.%{d2}",
        "%{ir}.%{v}.x.example.com",
        "%{l1r-}.example.com",
        "%{S}.example.com",
        "n1..example.com",
    ]
)
networks = st.sampled_from(
    [
        "ip4:192.0.2.1",
        "ip4:192.0.2.0/24",
        "ip4:203.0.113.0/25",
        "ip4:0.0.0.0/0",
        "ip6:2001:db8::/32",
        "ip6:::1",
        "ip6:::/0",
    ]
)
prefixes = st.sampled_from(["", "", "/24", "//64", "/0", "/24//32"])
malformed = st.sampled_from(
    ["bad", "a:", "ip4:1.2.3", "a/33", "exists:%{z}", "all:x", "include", "mx:museum", "ptr/24", "redirect=", "-x=y"]
)


@st.composite
def terms(draw: st.DrawFn) -> str:
    """One term; one in forty breaks the grammar."""
    kind = draw(st.sampled_from(["all", "ip", "a", "mx", "include", "exists", "ptr", "redirect", "exp", "x", "bad"]))
    qualifier = draw(st.sampled_from(["", "", "+", "-", "~", "?"]))
    match kind:
        case "ip":
            return qualifier + draw(networks)
        case "a" | "mx":
            return qualifier + kind + draw(st.just("") | targets.map(":{}".format)) + draw(prefixes)
        case "include" | "exists":
            return f"{qualifier}{kind}:{draw(targets)}"
        case "ptr":
            return qualifier + kind + draw(st.just("") | targets.map(":{}".format))
        case "redirect" | "exp":
            return f"{kind}={draw(targets)}"
        case "x":
            return draw(st.sampled_from(["x=y", "foo=%{l}", "moo="]))
        case "bad" if draw(st.integers(0, 3)) == 0:
            return draw(malformed)
        case _:
            return qualifier + "all"


records = st.lists(terms(), min_size=1, max_size=5).map(lambda some: " ".join(["v=spf1", *some]))


@st.composite
def zones(draw: st.DrawFn) -> dict[str, dict[str, object]]:
    """A small world in which most names have a record."""
    names: dict[str, dict[str, object]] = {}
    exchanges = st.sampled_from([*HOSTS, "nx.example.com", "dead.example.com", ""])
    for host in HOSTS:
        entry: dict[str, object] = {
            "TXT": draw(st.lists(records, min_size=1, max_size=1) | st.sampled_from([["x"], []]))
        }
        entry["A"] = draw(st.lists(st.sampled_from(["192.0.2.1", "192.0.2.99", "203.0.113.5"]), max_size=2))
        entry["AAAA"] = draw(st.lists(st.just("2001:db8::1"), max_size=1))
        entry["MX"] = [[number, name] for number, name in enumerate(draw(st.lists(exchanges, max_size=3)))]
        names[host] = {kind: values for kind, values in entry.items() if values}
    names["dead.example.com"] = {"error": "timeout"}
    pointers = draw(st.lists(st.sampled_from([*HOSTS, "nx.example.com", "dead.example.com"]), max_size=3))
    for name in REVERSE:
        if pointers:
            names[name] = {"PTR": pointers}
    return names
