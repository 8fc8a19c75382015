"""What insight answers. Codes and values, no sentences: pages, commands and reports put them into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from inalign.insight.facts import SourceMail
from inalign.insight.window import Window

Value = str | int | float


class SourceClass(StrEnum):
    """Who a source is; the first that fits counts."""

    OWN = "own"
    """The owner's servers, mailbox provider or outbound gateway."""
    APPROVED = "approved"
    """A third party's service that the owner set up."""
    FORWARDER = "forwarder"
    """Passes on mail that somebody else received first."""
    LOW_REPUTATION = "low_reputation"
    """Never an aligned pass, and a home or dynamic address, or on the reputation list."""
    UNKNOWN = "unknown"
    """A service with its own valid identity, which only the owner can place."""
    HOSTING = "hosting"
    """A host of somebody else, small and steady, that does not claim the domain in the envelope."""
    SPOOF = "spoof"
    """The rest."""

    @property
    def is_legitimate(self) -> bool:
        return self in (SourceClass.OWN, SourceClass.APPROVED)


class EvidenceCode(StrEnum):
    """What spoke for a class."""

    OVERRIDDEN = "overridden"
    """Set by hand."""
    SPF_ALIGNED = "spf_aligned"
    """SPF passes for a name of the domain: `name`."""
    NAMED_BY_ADDRESS = "named_by_address"
    """The domain's SPF record names the address by ip4, ip6, a or mx."""
    NAMED_BY_INCLUDE = "named_by_include"
    """The domain's SPF record includes the `include` that names it."""
    KEY_LEFT_TO = "key_left_to"
    """A DKIM key of the domain leads to `name`, the service's."""
    MAIL_EXCHANGE = "mail_exchange"
    """The organisation of the host `name` receives the domain's mail."""
    OWN_HOST_NAME = "own_host_name"
    """The reverse name `name` is below the domain."""
    OWN_ADDRESS = "own_address"
    """A name of the domain has this address."""
    OWN_SIGNATURE = "own_signature"
    """The domain's signature with `selector` passes."""
    SELECTOR_SHARE = "selector_share"
    """`percent` of what `selector` signed comes from this sender."""
    OWN_SIGNATURE_ELSEWHERE = "own_signature_elsewhere"
    """`selector` belongs to another sender of the domain, yet its signature arrives from here."""
    OWN_SIGNATURE_BROKEN = "own_signature_broken"
    """The domain's signature with `selector`, which passes elsewhere, arrives broken from here."""
    REPLAYED = "replayed"
    """What `selector` signed once comes again in bursts, from strangers."""
    SELECTOR_WITHOUT_KEY = "selector_without_key"
    """It signs with `selector`, for which no key passes anywhere."""
    FOREIGN_SPF = "foreign_spf"
    """SPF passes for a name of somebody else: `name`."""
    FOREIGN_SIGNATURE = "foreign_signature"
    """A signature of somebody else passes: `name`."""
    SPF_NOT_PASS = "spf_not_pass"
    """SPF says `result` for `name`."""
    KNOWN_SENDER = "known_sender"
    """The source map knows it as `service`, a `kind`, by `name`."""
    HOST_NAME = "host_name"
    """The reverse name is `name`."""
    OVERRIDE_REASON = "override_reason"
    """Receivers took it for indirect mail, and gave `reason`."""
    STEADY = "steady"
    """Seen on `days` of `span` days without bursts."""
    BURSTS = "bursts"
    """Seen on `days` of `span` days, in bursts."""
    IMITATION = "imitation"
    """The name `name` imitates the domain."""
    CHANGING_NAMES = "changing_names"
    """`count` unrelated identities from the same network."""
    REPUTATION = "reputation"
    """The address is `listed` or `dynamic`."""
    SAME_AS_REST = "same_as_rest"
    """Nothing of its own: goes with the other mail of the address."""
    NOTHING_VALID = "nothing_valid"
    """No identity that passes."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that spoke for a class."""

    code: EvidenceCode
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgedMail:
    """Mail that looks the same, with its class; `passes` by the alignment of the record of today."""

    mail: SourceMail
    source_class: SourceClass
    evidence: tuple[Evidence, ...]
    sender: str
    """The group it belongs to: the name of a service, or else an organisation or network."""
    service: str | None
    passes: bool
    rule: str
    """The name of the rule that decided, also where an override replaces its class."""


@dataclass(frozen=True, slots=True)
class ClassifiedSource:
    """An address with the class of most of its mail."""

    source_ip: str
    source_class: SourceClass
    service: str | None
    sender: str
    evidence: tuple[Evidence, ...]
    rule: str
    """The name of the rule that decided about the largest mail of the class."""
    messages: int
    failing: int
    mails: tuple[JudgedMail, ...]
    """Where their classes differ, the address carries mail of several kinds."""


class PolicyQuestion(StrEnum):
    """What a stricter policy could be, and what it would have reached."""

    QUARANTINE = "quarantine"
    REJECT = "reject"
    SP = "sp"
    NP = "np"
    STRICT = "strict"
    RELAXED = "relaxed"


PolicyCounts = Mapping[PolicyQuestion, Mapping[SourceClass, int]]


class PlanStep(StrEnum):
    """The steps of the plan."""

    PARK = "park"
    COLLECT = "collect"
    FIX = "fix"
    CONFIRM = "confirm"
    NP_REJECT = "np_reject"
    QUARANTINE_TEST = "quarantine_test"
    QUARANTINE = "quarantine"
    REJECT_TEST = "reject_test"
    REJECT = "reject"
    HOLD = "hold"


class WhyCode(StrEnum):
    """Why the step is what it is."""

    PARKED = "parked"
    """Nothing is sent, and DNS says so."""
    ALL_PUBLISHED = "all_published"
    """Nothing stricter is left to publish."""
    FEW_DAYS = "few_days"
    """`days` of the `needed`."""
    FEW_MESSAGES = "few_messages"
    """`messages` of own and approved mail in 30 days, of the `needed`."""
    ONE_REPORTER = "one_reporter"
    SENDERS_FAIL = "senders_fail"
    """`senders` of the owner fail more than the next step allows."""
    UNSIGNED = "unsigned"
    """Own mail rests on SPF, and `percent` of the mail is forwarded and fails."""
    UNKNOWN_SENDERS = "unknown_senders"
    """`senders` that only the owner can place."""
    ABUSED_NAMES = "abused_names"
    """`messages` in 30 days came from names that do not exist."""
    CLEAN = "clean"
    """Own and approved mail passes."""
    FORWARDING = "forwarding"
    """`percent` of the mail is forwarded and fails (RFC 9989 section 7.4)."""
    SHORT_AT_QUARANTINE = "short_at_quarantine"
    """`days` of the month at quarantine that RFC 9989 section 7.4 asks for."""
    NOT_LOOKED_UP = "not_looked_up"
    """DNS is not known; which senders the owner set up cannot be told."""
    NOT_JUDGED = "not_judged"
    """Reports came, and nobody has looked at them yet."""
    NO_RECORD = "no_record"
    """The domain publishes no DMARC record."""


class DomainState(StrEnum):
    """How a domain fares, in one word; in the order in which domains want to be looked at (docs/insight.md)."""

    NEEDS_WORK = "needs_work"
    """Mail of the owner fails, or somebody has to say whose a sender is."""
    READY = "ready"
    """The next step can be taken."""
    COLLECTING = "collecting"
    """Too little is known, or too little time has passed, for the next step."""
    NO_DATA = "no_data"
    """Nobody has reported for `state.QUIET_DAYS`."""
    SAFE = "safe"
    """Everything is published that is wise to publish, and the owner's mail passes."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason of the plan."""

    code: WhyCode
    values: Mapping[str, Value] = field(default_factory=dict)


class Remedy(StrEnum):
    """What the owner can do about a sender in the way."""

    SIGN_AT_SERVICE = "sign_at_service"
    """Have the service sign with the owner's domain, or use a Return-Path below it."""
    PUBLISH_KEY = "publish_key"
    """Publish the missing DKIM key."""
    SIGN_WITH_DKIM = "sign_with_dkim"
    """Sign with DKIM: all rests on SPF, so each forwarded copy fails."""
    NAME_IN_SPF = "name_in_spf"
    """An own server fails: name it in SPF and sign."""
    ASK_OWNER = "ask_owner"
    """Ask the owner: approve and authenticate, or let it be stopped."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """A sender that stands in the way."""

    sender: str
    service: str | None
    source_class: SourceClass
    header_from: str
    messages: int
    """Of `window`."""
    failing: int
    addresses: tuple[str, ...]
    remedy: Remedy
    window: Window
    """That of the plan; where the sender sent nothing in it, as many days up to its last message."""
    selectors: tuple[str, ...] = ()
    """Those whose key is missing."""
    page: str | None = None
    """Where the service explains its set-up."""


@dataclass(frozen=True, slots=True)
class QuietSender:
    """A sender of the owner that has been silent for longer than it used to be."""

    sender: str
    last_day: int
    quiet_days: int


@dataclass(frozen=True, slots=True)
class Confidence:
    """How far the data carries."""

    days: int
    reporters: int
    largest_reporter_percent: float
    rfc7489_percent: float
    """Share of the messages reported by the old form: their receivers may not know `t` and `np`."""
    quiet_senders: tuple[QuietSender, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step, and the record that takes it."""

    domain: str
    ready: bool
    parked: bool
    step: PlanStep
    record: str | None
    """The DMARC record to publish; None where nothing is to be changed."""
    more_records: tuple[tuple[str, str, str], ...]
    """Name, type and value of other records of the step."""
    why: tuple[Why, ...]
    policies: PolicyCounts
    policies_last30: PolicyCounts
    """Of the days of `window`."""
    window: Window
    blocking: tuple[Blocking, ...]
    confidence: Confidence
