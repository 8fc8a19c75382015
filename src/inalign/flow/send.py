"""One message of our own being signed: its author, the keys that sign for the author, or why it is not signed.

The keys are found as soon as the header is there, while the body still comes. The body is hashed by chunk and not
stored. A message that cannot be signed has one word for the reason: it goes out as it is, or is refused for now where a
rule names a key and the key is not available.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import BodyHashes, BodySpec
from inalign.dkim.sign import Signing, SigningError, SigningOptions
from inalign.errors import ParseError
from inalign.flow.hazards import Hazard, Hazards
from inalign.flow.key_dns import PublishedKeys
from inalign.flow.key_finder import Choice, KeyFinder, KeyLookupError
from inalign.mail.author import author_domains
from inalign.mail.domain import DomainName, is_same_or_below, parse_domain
from inalign.mail.fields import Field
from inalign.resolver import Resolver


class Unsigned(StrEnum):
    """Why a message of our own is not signed."""

    NO_RULE = "no_rule"
    """No rule names a key for its author."""
    NO_AUTHOR = "no_author"
    """It does not name exactly one author, or readers would not agree on him."""
    UNREAD_HEADER = "unread_header"
    """Its header is beyond the limits."""
    BARE_LINE_END = "bare_line_end"
    """A CR or LF that is no line end: it would not arrive as it is (RFC 6376 section 5.3)."""
    LOGIN_DIFFERS = "login_differs"
    """The author's domain does not lie at or below the domain of the login."""
    ENVELOPE_DIFFERS = "envelope_differs"
    """The author's domain has nothing to do with that of the reverse-path."""
    EXCEPTED_RECIPIENT = "excepted_recipient"
    """All its recipients are among those whose mail is not signed."""
    KEY_NOT_PUBLISHED = "key_not_published"
    """DNS has none of its keys, or others."""
    KEY_UNAVAILABLE = "key_unavailable"
    """It could not be found out which keys sign, or a key could not be read."""


class AuthorAgreement(StrEnum):
    """Who must be the author's own for a message to be signed."""

    LOGIN = "login"
    ENVELOPE = "envelope"


class DnsCheck(StrEnum):
    """What a key that is not in DNS comes to."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"
    """It is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingOptions:
    """How our own mail is signed."""

    signing: SigningOptions = field(default_factory=SigningOptions)
    agreements: frozenset[AuthorAgreement] = frozenset()
    dns_check: DnsCheck = DnsCheck.WARN
    is_deferred: bool = True
    """Whether a message whose keys cannot be had is refused for now, instead of going out unsigned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Who handed a message of our own in."""

    login: str | None = None
    mail_from: str | None = None
    is_excepted: bool = False
    """Whether all its recipients are excepted from signing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a message of our own."""

    author: str | None
    fields: tuple[bytes, ...] = ()
    """The DKIM-Signature fields to put on top, the first one uppermost, each with its CRLF."""
    choices: tuple[Choice, ...] = ()
    """What made each of them."""
    unsigned: Unsigned | None = None
    """Why there is none."""
    detail: str = ""
    """The reason in words, for log lines and `inalign sign --explain`."""
    unpublished: tuple[tuple[Choice, str], ...] = ()
    """Keys that were not used, since DNS does not have them, and what is wrong there."""


class Sending:
    """A message whose header is known: have the keys found, give it the body, then ask for the signatures."""

    def __init__(
        self, fields: Sequence[Field], options: SendingOptions, *, now: datetime, dropped_fields: int = 0
    ) -> None:
        self._fields = fields
        self._options = options
        self._now = now
        self._choices: tuple[Choice, ...] = ()
        self._unsigned: Unsigned | None = None
        self._detail = ""
        authors = author_domains(fields)
        self.author = authors.address if not authors.has_several_fields else None
        self._domain = authors.domains[0] if self.author is not None else None
        if dropped_fields:
            self._refuse(Unsigned.UNREAD_HEADER, f"{dropped_fields} header fields beyond the limits were not read")
        elif self.author is None:
            self._refuse(Unsigned.NO_AUTHOR, authors.detail or "From does not name exactly one author")
        self._spec = BodySpec(options.signing.body_canonicalization, HashAlgorithm.SHA256)
        self._hashes = BodyHashes([self._spec])
        self._hazards = Hazards(fields)

    async def find_keys(self, finder: KeyFinder) -> None:
        """Find out which keys sign; may wait for a file or a database. Once, before `sent`."""
        if self.author is None or self._unsigned is not None:
            return
        try:
            self._choices = await finder.find(self.author)
        except KeyLookupError as problem:
            self._refuse(Unsigned.KEY_UNAVAILABLE, str(problem))
            return
        if not self._choices:
            self._refuse(Unsigned.NO_RULE, "")

    def body(self, chunk: bytes) -> None:
        """Take the next piece of the body, cut anywhere."""
        if self._unsigned is None:
            self._hashes.update(chunk)
            self._hazards.body(chunk)

    def hazards(self) -> frozenset[Hazard]:
        """What the mail server may change, once the body is complete."""
        return self._hazards.found() if self._unsigned is None else frozenset()

    async def sent(self, submission: Submission, published: PublishedKeys, resolver: Resolver) -> Sent:
        """Sign. Waits for DNS alone, and that only where a key must be in DNS to be used."""
        self._check(submission)
        choices, unpublished = self._choices, []
        if self._unsigned is None and self._options.dns_check is DnsCheck.REQUIRE:
            usable = []
            for choice in choices:
                problem = await published.problem(choice.key, resolver, self._now)
                if problem is None:
                    usable.append(choice)
                else:
                    unpublished.append((choice, problem))
            choices = tuple(usable)
            if not choices:
                self._refuse(Unsigned.KEY_NOT_PUBLISHED, unpublished[0][1])
        fields: list[bytes] = []
        if self._unsigned is None:
            by_name = {(choice.key.domain, choice.key.selector): choice for choice in choices}
            keys = [replace(choice.key, identity=choice.identity) for choice in choices]
            try:
                signing = Signing(self._fields, keys, now=self._now, options=self._options.signing)
                fields = signing.each_field(self._hashes.digests())
                choices = tuple(by_name[key.domain, key.selector] for key in signing.keys)
            except SigningError as problem:
                self._refuse(Unsigned.KEY_UNAVAILABLE, str(problem))
        return Sent(
            author=self.author,
            fields=tuple(fields),
            choices=choices if fields else (),
            unsigned=self._unsigned,
            detail=self._detail,
            unpublished=tuple(unpublished),
        )

    def chosen(self) -> tuple[Choice, ...]:
        """The signatures to make, once the keys are found."""
        return self._choices if self._unsigned is None else ()

    def _check(self, submission: Submission) -> None:
        """What is only known at the end."""
        if self._unsigned is not None or self._domain is None:
            return
        agreements = self._options.agreements
        if submission.is_excepted:
            self._refuse(Unsigned.EXCEPTED_RECIPIENT, "")
        elif Hazard.BARE_LINE_END in self._hazards.found():
            self._refuse(Unsigned.BARE_LINE_END, "a CR or LF that is no line end")
        elif (
            AuthorAgreement.LOGIN in agreements and submission.login and not is_of_login(self._domain, submission.login)
        ):
            self._refuse(Unsigned.LOGIN_DIFFERS, f"the login is {submission.login}")
        elif AuthorAgreement.ENVELOPE in agreements and not _is_related(self._domain, submission.mail_from):
            self._refuse(Unsigned.ENVELOPE_DIFFERS, f"the reverse-path is <{submission.mail_from or ''}>")

    def _refuse(self, unsigned: Unsigned, detail: str) -> None:
        self._unsigned, self._detail = unsigned, detail


def _domain_of(address: str | None) -> DomainName | None:
    try:
        return parse_domain(address.rpartition("@")[2]) if address and "@" in address else None
    except ParseError:
        return None


def is_of_login(author: DomainName, login: str) -> bool:
    """Whether the author's domain is that of the login, or below it."""
    domain = _domain_of(login)
    return domain is not None and is_same_or_below(author, domain)


def _is_related(author: DomainName, mail_from: str | None) -> bool:
    """Whether one lies at or below the other: bounces go to a name below, or above. The null path agrees with all."""
    if mail_from == "":
        return True
    domain = _domain_of(mail_from)
    return domain is not None and (is_same_or_below(author, domain) or is_same_or_below(domain, author))


async def own_domain_rule(author: str | None, finder: KeyFinder) -> str | None:
    """The rule that makes an author one of ours; None where none does, or the keys cannot be looked up now.

    A rule that signs for others with a domain of its own makes no author ours.
    """
    if author is None:
        return None
    try:
        choices = await finder.find(author)
    except KeyLookupError:
        return None
    domain = DomainName(author.rpartition("@")[2])
    return next((choice.rule for choice in choices if is_same_or_below(domain, choice.key.domain)), None)
