"""Which DNS answers the judgement of a domain wants: asked for in rounds, since includes name further ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from inalign.errors import ParseError
from inalign.insight.facts import DomainFacts
from inalign.insight.lookups import Answers
from inalign.insight.names import is_same_or_below
from inalign.mail.organization import is_same_organization
from inalign.spf.record import is_spf_record, parse_spf_record
from inalign.spf.terms import A, Include, Mx, Qualifier

Kind = Literal["TXT", "A", "AAAA", "MX"]
Wanted = tuple[str, Kind]

_KINDS: tuple[Kind, ...] = ("A", "AAAA", "MX", "TXT")
MAX_NAMES = 100  # From names and selectors of a domain; what senders invent beyond the most frequent is not asked
MAX_WANTED = 1000  # questions of all rounds together; real domains need some dozens


def wanted_lookups(facts: DomainFacts, answers: Answers, asked: frozenset[Wanted] | set[Wanted]) -> tuple[Wanted, ...]:
    """What to ask next; nothing when all is known.

    `answers` hold what was found so far, a name that does not exist left out; `asked` all questions of the rounds
    before. Go on until nothing is wanted, then give the answers to `domain_lookups`.
    """
    left = MAX_WANTED - len(asked)
    new = dict.fromkeys(question for question in _all(facts, answers) if question not in asked)
    return tuple(new)[: max(left, 0)]


def _all(facts: DomainFacts, answers: Answers) -> Iterator[Wanted]:
    domain = facts.domain
    yield domain, "TXT"
    yield domain, "MX"
    yield "_dmarc." + domain, "TXT"
    for name in (domain, "www." + domain, "mail." + domain):
        yield name, "A"
        yield name, "AAAA"
    froms, selectors = _seen(facts)
    for name in froms:
        for kind in _KINDS:
            yield name, kind
        yield "_dmarc." + name, "TXT"
    for name in selectors:
        yield name, "TXT"
    for host in _exchanges(domain, answers):
        yield host, "A"
        yield host, "AAAA"
    seen: set[str] = set()
    for name in (domain, *froms):
        yield from _of_spf(name, answers, seen)


def _seen(facts: DomainFacts) -> tuple[list[str], list[str]]:
    froms: dict[str, int] = defaultdict(int)
    keys: dict[str, int] = defaultdict(int)
    for source in facts.sources:
        for mail in source.mails:
            count = mail.messages
            if mail.header_from != facts.domain and is_same_or_below(mail.header_from, facts.domain):
                froms[mail.header_from] += count
            for signature in mail.signatures:
                if signature.selector and is_same_organization(signature.domain, facts.domain):
                    keys[f"{signature.selector}._domainkey.{signature.domain}"] += count
    return _most(froms), _most(keys)


def _most(counted: dict[str, int]) -> list[str]:
    return sorted(counted, key=lambda name: (-counted[name], name))[:MAX_NAMES]


def _exchanges(name: str, answers: Answers) -> Iterator[str]:
    found = answers.get(name, {}).get("MX")
    for value in found if isinstance(found, list | tuple) else ():
        host = str(value[1] if isinstance(value, list | tuple) and len(value) > 1 else value).lower().rstrip(".")
        if host:
            yield host


def _of_spf(name: str, answers: Answers, seen: set[str]) -> Iterator[Wanted]:
    seen.add(name)
    found = answers.get(name, {}).get("TXT")
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list | tuple) else []
    for text in texts:
        octets = text.encode("utf-8", "surrogateescape")
        if not is_spf_record(octets):
            continue
        try:
            record = parse_spf_record(octets)
        except ParseError:
            continue
        further = [record.redirect.target] if record.redirect is not None else []
        for term in record.mechanisms:
            if term.qualifier is not Qualifier.PASS:
                continue
            if isinstance(term, Include):
                further.append(term.target)
            elif isinstance(term, A | Mx):
                yield from _of_hosts(term, name, answers)
        for target in further:
            below = str(target).lower().rstrip(".")
            if "%" not in below and below not in seen:  # macros stand for the sender of one message
                yield below, "TXT"
                yield from _of_spf(below, answers, seen)


def _of_hosts(term: A | Mx, name: str, answers: Answers) -> Iterator[Wanted]:
    host = name if term.target is None else str(term.target).lower().rstrip(".")
    if "%" in host:
        return
    hosts = [host]
    if isinstance(term, Mx):
        yield host, "MX"
        hosts = list(_exchanges(host, answers))
    for each in hosts:
        yield each, "A"
        yield each, "AAAA"
