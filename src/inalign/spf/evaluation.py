"""`check_host()` of RFC 7208 section 4: one client, one sender, one count of what it all costs.

An `SpfEvaluation` lives for one check. `include` evaluates another domain within it, `redirect` goes on with another,
and the limits count over the whole. What ends the check inside a term is an `EvaluationError`, the exception value
of RFC 7208 section 4.6.2; it is raised and caught in this package alone. As soon as a record is read, the resolver
is told which questions will probably follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar, assert_never

from inalign.resolver import Answer, MailExchange, Outcome, Question, Resolver, addresses
from inalign.spf.macros import (
    DomainSpec,
    MacroError,
    Variables,
    expand_explanation,
    expand_target,
    is_queryable,
    parse_explain_string,
)
from inalign.spf.prefetch import prefetch_questions
from inalign.spf.record import SpfRecord, SpfRecordError, is_spf_record, parse_spf_record
from inalign.spf.result import SpfLookup, SpfReason, SpfStatus
from inalign.spf.terms import (
    LOCAL,
    A,
    AskingMechanism,
    Directive,
    Exists,
    Explanation,
    Include,
    Mx,
    Ptr,
    Qualifier,
    Redirect,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SpfLimits:
    """The processing limits; a name server or a client controls what each of them counts."""

    terms: int = 10  # RFC 7208 section 4.6.4
    """Terms that ask DNS, in the whole evaluation."""
    void_lookups: int = 2  # RFC 7208 section 4.6.4
    """Terms whose look-ups bring nothing."""
    exchanges: int = 10  # RFC 7208 section 4.6.4
    """Hosts of one `mx`; more are an error."""
    reverse_names: int = 10  # RFC 7208 section 4.6.4
    """Names of the client that are looked up; more are ignored."""
    depth: int = 10  # RFC 7208 section 4.6.4 has it through the terms; a second rope for the recursion
    """How deep include and redirect may nest."""


LIMITS = SpfLimits()
MAX_DETAIL = 500  # what goes into logs and pages of the text that a record or a name server wrote

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")

STATUS = {
    Qualifier.PASS: SpfStatus.PASS,
    Qualifier.FAIL: SpfStatus.FAIL,
    Qualifier.SOFTFAIL: SpfStatus.SOFTFAIL,
    Qualifier.NEUTRAL: SpfStatus.NEUTRAL,
}


class EvaluationError(Exception):
    """The check ends here with temperror or permerror. Never leaves this package."""

    def __init__(self, reason: SpfReason, detail: str) -> None:
        super().__init__(_UNPRINTABLE.sub("?", detail[:MAX_DETAIL]))
        self.reason = reason
        self.status = SpfStatus.TEMPERROR if reason is SpfReason.DNS_FAILED else SpfStatus.PERMERROR


class RecordMatch(NamedTuple):
    """What the record of one domain says about the client."""

    status: SpfStatus
    reason: SpfReason
    matched: str | None = None
    detail: str = ""
    explanation: Explanation | None = None
    domain: str = ""
    """The domain whose record decided: the `d` of its explanation."""


class SpfEvaluation:
    """The state of one check."""

    __slots__ = ("_limits", "_names", "_resolver", "_term", "_term_is_void", "lookups", "record", "secure", "trace",
                 "variables", "void_lookups")  # fmt: skip

    def __init__(self, variables: Variables, resolver: Resolver, limits: SpfLimits = LIMITS) -> None:
        self.variables = variables
        self.lookups = 0
        self.void_lookups = 0
        self.record: bytes | None = None
        self.secure = True
        self.trace: list[SpfLookup] = []
        self._resolver = resolver
        self._limits = limits
        self._names: tuple[str, ...] | None = None
        self._term = ""
        self._term_is_void = True  # until a term begins nothing counts

    async def check_host(self, domain: str, depth: int = 0) -> RecordMatch:
        """RFC 7208 section 4: the record of the domain, and those it includes or redirects to."""
        path = ""
        while True:
            record = await self._record(domain)
            if isinstance(record, SpfReason):
                if not path:
                    return RecordMatch(SpfStatus.NONE, record, detail=f"{domain!a} has no SPF record")
                # RFC 7208 section 6.1: a redirect to a domain without a record is an error
                raise EvaluationError(SpfReason.REDIRECT_WITHOUT_RECORD, f"{path}{domain!a} has no SPF record")
            left = min(record.costly, self._limits.terms - self.lookups)
            if left > 1:
                self._prefetch(prefetch_questions(record, domain, self.variables, left))
            for mechanism in record.mechanisms:
                if isinstance(mechanism, LOCAL):
                    matched = mechanism.text if mechanism.holds(self.variables.client) else None
                else:
                    matched = await self._match(mechanism, domain, depth)
                if matched is not None:
                    status = STATUS[mechanism.qualifier]
                    return RecordMatch(
                        status, SpfReason.MATCHED, path + matched, explanation=record.explanation, domain=domain
                    )
            redirect = record.redirect
            if redirect is None:
                # RFC 7208 section 4.7: as if "?all" were the last directive
                return RecordMatch(SpfStatus.NEUTRAL, SpfReason.NO_MATCH, detail=f"no term of {domain!a} matches")
            self._begin(redirect)
            path = f"{path}{redirect.text} > "
            domain = await self._record_domain(redirect.target, domain)

    async def _record(self, domain: str) -> SpfRecord | SpfReason:
        answer = self._note("TXT", domain, await self._resolver.txt(domain))
        if answer.outcome is Outcome.FAILED:
            # RFC 7208 section 4.4
            raise EvaluationError(SpfReason.DNS_FAILED, f"TXT {domain!a}: {answer.detail or 'no answer'}")
        found = [octets for octets in answer.records if is_spf_record(octets)]
        if len(found) != 1:
            if found:
                # RFC 7208 section 4.5
                raise EvaluationError(SpfReason.SEVERAL_RECORDS, f"{domain!a} has {len(found)} SPF records")
            # RFC 7208 section 4.3 and section 4.5
            return SpfReason.NO_NAME if answer.outcome is Outcome.NXDOMAIN else SpfReason.NO_RECORD
        if self.record is None:
            self.record = found[0]
        try:
            return parse_spf_record(found[0])
        except SpfRecordError as problem:
            # RFC 7208 section 4.6: one error anywhere, and nothing is evaluated
            raise EvaluationError(SpfReason.SYNTAX, f"{domain!a}: {problem}") from None

    async def explain(self, finding: RecordMatch) -> str | None:
        """The text that the domain gives for its "fail", or None (RFC 7208 section 6.2). It costs no term."""
        if finding.explanation is None:
            return None
        self._term = finding.explanation.text
        self._term_is_void = True  # RFC 7208 section 4.6.4: not subject to the limits
        spec = finding.explanation.target
        target = expand_target(spec, await self._known_at(finding.domain, with_name=spec.needs_name))
        if target is None or not is_queryable(target):
            return None
        answer = self._note("TXT", target, await self._resolver.txt(target))
        if len(answer.records) != 1 or not answer.records[0].isascii():
            return None
        try:
            explanation = parse_explain_string(answer.records[0].decode("ascii"))
        except MacroError:
            return None
        return expand_explanation(explanation, await self._known_at(finding.domain, with_name=explanation.uses("p")))

    # Mechanisms: each gives the term that matched as people read it, or None.

    async def _match(self, mechanism: AskingMechanism, domain: str, depth: int) -> str | None:
        self._begin(mechanism)
        match mechanism:
            case Include():
                return await self._include(mechanism, domain, depth)
            case A():
                found = await self._a(mechanism, domain)
            case Mx():
                found = await self._mx(mechanism, domain)
            case Ptr():
                found = await self._ptr(mechanism, domain)
            case Exists():
                found = await self._exists(mechanism, domain)
            case _:  # pragma: no cover - mypy proves that nothing comes here
                assert_never(mechanism)
        return mechanism.text if found else None

    async def _include(self, include: Include, domain: str, depth: int) -> str | None:
        target = await self._target(include.target, domain)
        if target is None:
            return None
        self._require_multi_label(target)
        if depth >= self._limits.depth:
            raise EvaluationError(SpfReason.TOO_MANY_LOOKUPS, f"{include.text}: records nest too deep")
        finding = await self.check_host(target, depth + 1)
        if finding.status is SpfStatus.NONE:
            # RFC 7208 section 5.2: "none" inside is an error outside
            raise EvaluationError(SpfReason.INCLUDE_WITHOUT_RECORD, f"{include.text}: {finding.detail}")
        return f"{include.text} > {finding.matched}" if finding.status is SpfStatus.PASS else None

    async def _a(self, mechanism: A, domain: str) -> bool:
        target = await self._host(mechanism.target, domain)
        return target is not None and await self._covers(mechanism, target)

    async def _mx(self, mechanism: Mx, domain: str) -> bool:
        target = await self._host(mechanism.target, domain)
        if target is None:
            return False
        answer = self._note("MX", target, await self._resolver.mx(target))
        self._require(answer, f"MX {target!a}")
        # RFC 7505 section 3: the null MX names no host
        hosts = [exchange for exchange in sorted(answer.records, key=_preference) if exchange.exchange]
        if len(hosts) > self._limits.exchanges:
            # RFC 7208 section 4.6.4
            raise EvaluationError(
                SpfReason.TOO_MANY_ADDRESSES, f"{mechanism.text}: {target!a} has {len(hosts)} mail exchanges"
            )
        self._prefetch(addresses(host.exchange, self.variables.client.version) for host in hosts)
        for host in hosts:
            if is_queryable(host.exchange) and await self._covers(mechanism, host.exchange):
                return True
        return False

    async def _covers(self, mechanism: A | Mx, host: str) -> bool:
        client = self.variables.client
        # RFC 7208 section 5: A for IPv4 clients, AAAA for IPv6 clients
        kind = "A" if client.version == 4 else "AAAA"
        answer = self._note(kind, host, await self._resolver.addresses(host, client.version))
        self._require(answer, f"{kind} {host!a}")
        return any(mechanism.covers(address, client) for address in answer.records)

    async def _exists(self, mechanism: Exists, domain: str) -> bool:
        target = await self._host(mechanism.target, domain)
        if target is None:
            return False
        # RFC 7208 section 5.7: A, even for an IPv6 client
        answer = self._note("A", target, await self._resolver.addresses(target, 4))
        self._require(answer, f"A {target!a}")
        return answer.outcome is Outcome.FOUND

    async def _ptr(self, mechanism: Ptr, domain: str) -> bool:
        target = await self._host(mechanism.target, domain)
        if target is None:
            return False
        target = target.lower()
        return any(_is_within(name.lower(), target) for name in await self._validated_names())

    # Names

    async def _validated_names(self) -> tuple[str, ...]:
        """RFC 7208 section 5.5: the names of the client that have its address. Asked once in a check."""
        if self._names is None:
            self._names = await self._look_up_names()
        return self._names

    async def _look_up_names(self) -> tuple[str, ...]:
        client = self.variables.client
        answer = self._note("PTR", str(client.address), await self._resolver.ptr(client.address))
        # RFC 7208 section 4.6.4: the names behind the first ten are ignored. A failure is no name (section 5.5).
        names = [name for name in answer.records[: self._limits.reverse_names] if is_queryable(name)]
        self._prefetch(addresses(name, client.version) for name in names)
        kind = "A" if client.version == 4 else "AAAA"
        validated: list[str] = []
        for name in names:
            # The client's owner writes these names, so they must not use up the void look-ups of the sender.
            found = self._note(kind, name, await self._resolver.addresses(name, client.version), may_be_void=False)
            if client.address in found.records:  # RFC 7208 section 5.5: a name that fails is skipped
                validated.append(name)
        return tuple(validated)

    async def _validated_name(self, domain: str) -> str:
        """The macro `p` (RFC 7208 section 7.3): the domain itself, else one below it, else any, else "unknown"."""
        names = await self._validated_names()
        lowered = domain.lower()
        below = [name for name in names if _is_within(name.lower(), lowered)]
        same = [name for name in below if len(name) == len(domain)]
        return next(iter(same or below or names), "unknown")

    async def _known_at(self, domain: str, *, with_name: bool) -> Variables:
        """What the macros stand for in the record of a domain."""
        if not with_name:
            return replace(self.variables, domain=domain)
        return replace(self.variables, domain=domain, validated_name=await self._validated_name(domain))

    async def _target(self, spec: DomainSpec, domain: str) -> str | None:
        if spec.name is not None:
            return expand_target(spec, self.variables)
        if spec.needs_name:
            self._count()  # RFC 7208 section 4.6.4: the PTR query of %{p} counts besides its term
        return expand_target(spec, await self._known_at(domain, with_name=spec.needs_name))

    async def _host(self, spec: DomainSpec | None, domain: str) -> str | None:
        """The target of a, mx, ptr and exists; None is a name that cannot be, which matches nothing."""
        target = domain if spec is None else await self._target(spec, domain)
        # RFC 7208 section 4.8 leaves malformed targets open. No match, for what mail can put into a macro must not
        # break the policy of the sender.
        return target if target is not None and is_queryable(target) else None

    async def _record_domain(self, spec: DomainSpec, domain: str) -> str:
        target = await self._target(spec, domain)
        if target is None:
            # RFC 7208 section 6.1: a malformed target-name is an error
            raise EvaluationError(SpfReason.SYNTAX, f"{self._term}: the target is no domain name")
        self._require_multi_label(target)
        return target

    def _require_multi_label(self, target: str) -> None:
        # RFC 7208 section 4.3 says "none" for such a domain, sections 5.2 and 6.1 make it an error
        if "." not in target or not is_queryable(target):
            raise EvaluationError(SpfReason.SYNTAX, f"{self._term}: {target[:260]!a} is no multi-label domain name")

    # Counting

    def _begin(self, term: Directive | Redirect) -> None:
        self._term = term.text
        self._term_is_void = False
        self._count()

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > self._limits.terms:
            # RFC 7208 section 4.6.4
            raise EvaluationError(
                SpfReason.TOO_MANY_LOOKUPS, f"{self._term}: more than {self._limits.terms} terms that ask DNS"
            )

    def _note(self, kind: str, name: str, answer: Answer[T], *, may_be_void: bool = True) -> Answer[T]:
        """Write a look-up down, and count it where it brought nothing.

        RFC 7208 section 4.6.4 counts *terms* whose queries are void, so the second void answer within one term,
        of another exchange of an `mx`, counts no more.
        """
        outcome = answer.outcome
        is_void = may_be_void and not self._term_is_void and (outcome is Outcome.NODATA or outcome is Outcome.NXDOMAIN)
        self.trace.append(SpfLookup(kind, name, outcome, is_void, self._term))
        if not answer.dnssec_validated:
            self.secure = False
        if is_void:
            self._term_is_void = True
            self.void_lookups += 1
            if self.void_lookups > self._limits.void_lookups:
                raise EvaluationError(
                    SpfReason.TOO_MANY_VOID_LOOKUPS,
                    f"{self._term}: more than {self._limits.void_lookups} look-ups brought nothing",
                )
        return answer

    def _require(self, answer: Answer[T], question: str) -> None:
        if answer.outcome is Outcome.FAILED:
            # RFC 7208 section 5: the mechanism stops, and the topmost check_host() returns temperror
            raise EvaluationError(SpfReason.DNS_FAILED, f"{self._term}: {question}: {answer.detail or 'no answer'}")

    def _prefetch(self, questions: Iterable[Question]) -> None:
        named = tuple(questions)
        if len(named) > 1:  # a single question is asked at once anyway
            self._resolver.prefetch(*named)


def _preference(exchange: MailExchange) -> int:
    return exchange.preference


def _is_within(name: str, target: str) -> bool:
    """RFC 7208 section 5.5: the name is the target, or below it."""
    return name == target or name.endswith("." + target)
