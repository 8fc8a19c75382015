"""What a domain publishes, made of DNS answers that were looked up before.

The answers come as a plain mapping, name -> type -> values, as `--zone` files have it: `TXT` and addresses are lists of
texts, `MX` a list of [preference, host], `CNAME` a text or a list of one. A name that is not there, and has nothing
below it, does not exist; one with an `error` and nothing else could not be looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from inalign.dmarc.record import DmarcRecord, is_dmarc_record, parse_dmarc_record
from inalign.errors import ParseError
from inalign.insight.networks import MergedNetworks, Span, span_of
from inalign.mail.organization import is_same_organization
from inalign.spf.record import SpfRecord, is_spf_record, parse_spf_record
from inalign.spf.terms import A, All, Include, Ip4, Ip6, Mx, Qualifier

Answers = Mapping[str, Mapping[str, object]]
MAX_ALIASES = 8  # CNAMEs in a row
MAX_SPF_RECORDS = 100  # a tree is ended by RFC 7208 section 4.6.4 at ten lookups; broken ones are read a little further


@dataclass(frozen=True)
class Included:
    """An include in the tree of the domain's SPF record, with all networks below it."""

    name: str
    networks: MergedNetworks
    by_owner: bool = True
    """Whether the owner's record names it, not only another include."""


@dataclass(frozen=True)
class DomainLookups:
    """What is published for a domain. `known` is False where nothing was looked up."""

    domain: str
    known: bool = False
    spf: SpfRecord | None = None
    direct: MergedNetworks = field(default_factory=MergedNetworks)
    """Named by ip4, ip6, a or mx."""
    included: tuple[Included, ...] = ()
    """The innermost first."""
    addresses: MergedNetworks = field(default_factory=MergedNetworks)
    """Of the domain and of the names of its organization below it."""
    exchanges: tuple[str, ...] = ()
    exchange_addresses: MergedNetworks = field(default_factory=MergedNetworks)
    null_mx: bool = False
    dmarc: DmarcRecord | None = None
    keys: frozenset[tuple[str, str]] = frozenset()
    """Domain and selector of the DKIM keys that are published."""
    key_targets: frozenset[str] = frozenset()
    """Where CNAME records of DKIM keys lead to: the services to which the owner left a key."""
    own_records: frozenset[str] = frozenset()
    """Names below that have a DMARC record of their own."""
    names: frozenset[str] = frozenset()
    """Names that exist."""
    unanswered: frozenset[str] = frozenset()
    """Names that were asked for without an answer."""

    @property
    def denies_sending(self) -> bool:
        """Whether the SPF record is `-all` alone, or there is a null MX (RFC 7505 section 3)."""
        only_fail = self.spf is not None and all(
            isinstance(term, All) and term.qualifier is Qualifier.FAIL for term in self.spf.terms
        )
        return only_fail or (self.null_mx and not self.direct and not self.included)

    def is_ours(self, name: str) -> bool:
        """Whether a name is of the organization of the domain, as relaxed alignment wants it.

        The public suffix list decides, as DNS has no answers for names that only reports mention.
        """
        return is_same_organization(name, self.domain)

    def including(self, address: str) -> Included | None:
        """The innermost include that names the address."""
        return next((found for found in self.included if address in found.networks), None)

    def has_own_record(self, name: str) -> bool:
        """Whether a record below the domain's applies to `name`."""
        return any(name == owner or name.endswith("." + owner) for owner in self.own_records)

    def exists(self, name: str) -> bool | None:
        """Whether a name exists; None where it was not looked up."""
        if not self.known or name in self.unanswered:
            return None
        # RFC 4592 section 3.3.1 lets a wildcard answer for names that are not there
        return name in self.names or any("*." + above in self.names for above in _with_ancestors(name))


def domain_lookups(domain: str, answers: Answers | None) -> DomainLookups:
    """Read the answers for a domain; None is a domain that was not looked up."""
    if answers is None:
        return DomainLookups(domain)
    named = {name.lower().rstrip("."): listed for name, listed in answers.items()}
    unanswered = frozenset(name for name, listed in named.items() if listed.get("error") and len(listed) == 1)
    reader = _AnswerReader({name: listed for name, listed in named.items() if name not in unanswered}, unanswered)
    spf = reader.spf(domain)
    direct, included = reader.spf_tree(domain)
    included += reader.included_below(domain, included)
    exchanges = reader.exchanges(domain)
    dmarc = reader.dmarc(domain)
    return DomainLookups(
        domain=domain,
        known=domain in reader.names and not reader.misses_policy,
        spf=spf,
        direct=MergedNetworks(direct),
        included=tuple(included),
        addresses=MergedNetworks(
            span
            for name in reader.named
            if name == domain or _is_owned_below(name, domain)
            for span in reader.spans(name, 32, 128)
        ),
        exchanges=tuple(host for host in exchanges if host),
        exchange_addresses=MergedNetworks(span for host in exchanges for span in reader.spans(host, 32, 128)),
        null_mx=exchanges == [""],
        dmarc=dmarc,
        keys=frozenset(reader.keys()),
        key_targets=frozenset(reader.key_targets(domain)),
        own_records=frozenset(reader.own_records(domain)),
        names=reader.names,
        unanswered=unanswered,
    )


class _AnswerReader:
    def __init__(self, answers: Answers, unanswered: frozenset[str]) -> None:
        self._answers = answers
        self._unanswered = unanswered
        self.misses_policy = False
        """Whether a policy or SPF record could not be looked up: then nothing is concluded from what is not there."""
        self.named = sorted(answers)
        # a name exists when something below it does (RFC 8020 section 2)
        self.names = frozenset(above for name in answers for above in _with_ancestors(name))
        self._left = MAX_SPF_RECORDS

    def _values(self, name: str, kind: str) -> Sequence[object]:
        for _ in range(MAX_ALIASES):
            listed = self._answers.get(name, {})
            alias = _alias(listed)
            if kind in listed or not alias:
                break
            name = alias
        if kind == "TXT" and name in self._unanswered:
            self.misses_policy = True
        values = self._answers.get(name, {}).get(kind)
        if isinstance(values, str):
            return (values,)
        return values if isinstance(values, Sequence) else ()

    def texts(self, name: str) -> Iterator[str]:
        for value in self._values(name, "TXT"):
            yield value if isinstance(value, str) else "".join(map(str, value)) if isinstance(value, list) else ""

    def spf(self, name: str) -> SpfRecord | None:
        for text in self.texts(name):
            octets = text.encode("utf-8", "surrogateescape")
            if is_spf_record(octets):
                try:
                    return parse_spf_record(octets)
                except ParseError:
                    return None
        return None

    def spans(self, host: str, prefix4: int, prefix6: int) -> Iterator[Span]:
        for kind, prefix in (("A", prefix4), ("AAAA", prefix6)):
            for value in self._values(host, kind):
                try:
                    address = ip_address(str(value))
                except ValueError:
                    continue
                yield span_of(address.version, int(address), prefix)

    def exchanges(self, name: str) -> list[str]:
        found = []
        for value in self._values(name, "MX"):
            host = value[1] if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 1 else value
            found.append(str(host).lower().rstrip("."))
        return found

    def spf_tree(self, name: str) -> tuple[list[Span], list[Included]]:
        """Networks that the record of `name` names itself, and its includes.

        A record below the owner's own name, included or redirected to, is the owner's own word.
        """
        direct: list[Span] = []
        included: list[Included] = []
        record = self.spf(name)
        self._left -= 1
        if record is None or self._left < 0:
            return direct, included
        for term in record.mechanisms:
            if term.qualifier is not Qualifier.PASS:
                continue
            if isinstance(term, Ip4 | Ip6):
                direct.append(span_of(4 if isinstance(term, Ip4) else 6, term.network, term.prefix))
            elif isinstance(term, A | Mx):
                host = name if term.target is None else str(term.target).lower().rstrip(".")
                for each in [host] if isinstance(term, A) else self.exchanges(host):
                    direct.extend(self.spans(each, term.prefix4, term.prefix6))
            elif isinstance(term, Include):
                self._go_on(name, str(term.target), direct, included)
        if record.redirect is not None:
            self._go_on(name, str(record.redirect.target), direct, included)
        return direct, included

    def _go_on(self, name: str, target: str, direct: list[Span], included: list[Included]) -> None:
        target = target.lower().rstrip(".")
        more, further = self.spf_tree(target)
        if is_same_organization(target, name):
            direct.extend(more)
            included.extend(further)
            return
        included.extend(Included(found.name, found.networks, by_owner=False) for found in further)
        below = more + [span for found in further for span in found.networks.spans()]
        included.append(Included(target, MergedNetworks(below)))

    def included_below(self, domain: str, known: list[Included]) -> list[Included]:
        """What the SPF records of names below the domain include: From names and Return-Paths of services."""
        found = {include.name: include for include in known}
        before = len(found)
        for name in self.named:
            if not _is_owned_below(name, domain) or self._left < 0 or (spf := self.spf(name)) is None:
                continue
            if any(isinstance(term, Include) for term in spf.mechanisms):
                for include in self.spf_tree(name)[1]:
                    found.setdefault(include.name, Included(include.name, include.networks, by_owner=False))
        return list(found.values())[before:]

    def dmarc(self, name: str) -> DmarcRecord | None:
        for text in self.texts("_dmarc." + name):
            octets = text.encode("utf-8", "surrogateescape")
            if is_dmarc_record(octets):
                try:
                    return parse_dmarc_record(octets)
                except ParseError:
                    return None
        return None

    def keys(self) -> Iterator[tuple[str, str]]:
        for name in self._answers:
            selector, found, domain = name.partition("._domainkey.")
            if found and (_alias(self._answers[name]) or any(_has_key(text) for text in self.texts(name))):
                yield domain, selector

    def key_targets(self, domain: str) -> Iterator[str]:
        for name, listed in self._answers.items():
            if is_same_organization(name.partition("._domainkey.")[2], domain) and (target := _alias(listed)):
                yield target

    def own_records(self, domain: str) -> Iterator[str]:
        for name in self._answers:
            owner = name.removeprefix("_dmarc.")
            if owner != name and _is_owned_below(owner, domain) and self.dmarc(owner) is not None:
                yield owner


def _is_owned_below(name: str, domain: str) -> bool:
    """Whether a name is below the domain and of its organization: below a public suffix there are other owners."""
    return name.endswith("." + domain) and is_same_organization(name, domain)


def _alias(listed: Mapping[str, object]) -> str:
    """Where a CNAME leads: a text, or a list of one."""
    found = listed.get("CNAME")
    if isinstance(found, Sequence) and not isinstance(found, str):
        found = found[0] if found else None
    return found.lower().rstrip(".") if isinstance(found, str) else ""


def _has_key(text: str) -> bool:
    """Whether a key is in the record; an empty `p=` is a revoked one (RFC 6376 section 3.6.1)."""
    for tag in text.split(";"):
        name, _, value = tag.partition("=")
        if name.strip() == "p":
            return bool(value.strip())
    return False


def _with_ancestors(name: str) -> Iterator[str]:
    labels = name.split(".")
    for i in range(len(labels)):
        yield ".".join(labels[i:])
