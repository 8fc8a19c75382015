"""Sources put together to the senders that an owner can do something about, and how each fares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from inalign.insight.classify import Judgement
from inalign.insight.directory import Directory
from inalign.insight.lookups import DomainLookups
from inalign.insight.result import Blocking, JudgedMail, QuietSender, Remedy, SourceClass
from inalign.insight.window import Window, window_to

MAX_FAILING = 0.02  # more of a sender's mail failing than this share is a fault, below it are accidents of the way
MIN_FAILING = 5  # messages
QUIET_FACTOR = 3  # a sender is quiet when it is silent for so many times its longest silence before


@dataclass
class Sender:
    """Mail of one class, from one sender, with one From domain."""

    name: str
    service: str | None
    source_class: SourceClass
    header_from: str
    messages_by_day: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    failing_by_day: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    failing_addresses: set[str] = field(default_factory=set)
    mails: list[tuple[str, JudgedMail]] = field(default_factory=list)

    @property
    def last_day(self) -> int:
        return max(self.messages_by_day)

    def recent(self, window: Window) -> Window:
        """The window if the sender sent in it; else as many days up to its last message, so that a sender that sends
        less than once in a window counts."""
        if any(window.first <= day <= window.last for day in self.messages_by_day):
            return window
        return window_to(date.fromordinal(self.last_day), window.days)

    def within(self, window: Window) -> tuple[int, int]:
        """Messages and failing messages of the days of a window."""
        return _within(self.messages_by_day, window), _within(self.failing_by_day, window)

    def fails(self, window: Window) -> bool:
        """Whether more of its recent mail fails than accidents of forwarding explain."""
        messages, failing = self.within(self.recent(window))
        return failing >= MIN_FAILING and failing > MAX_FAILING * messages


def _within(by_day: dict[int, int], window: Window) -> int:
    first, last = window.first, window.last
    return sum(count for day, count in by_day.items() if first <= day <= last)


def senders_of(judgement: Judgement) -> list[Sender]:
    """All senders, largest first."""
    found: dict[tuple[str, str, str], Sender] = {}
    for source in judgement.sources:
        for judged in source.mails:
            key = (judged.source_class, judged.sender, judged.mail.header_from)
            sender = found.get(key)
            if sender is None:
                sender = Sender(judged.sender, judged.service, judged.source_class, judged.mail.header_from)
                found[key] = sender
            sender.mails.append((source.source_ip, judged))
            for day, count in judged.mail.days:
                sender.messages_by_day[day] += count
                if not judged.passes:
                    sender.failing_by_day[day] += count
            if not judged.passes:
                sender.failing_addresses.add(source.source_ip)
    return sorted(found.values(), key=lambda sender: (-sum(sender.messages_by_day.values()), sender.name))


def reached_by_step(senders: Iterable[Sender], lookups: DomainLookups) -> list[Sender]:
    """Those whose mail the next step for the domain reaches: not below own records, nor where `sp` says otherwise."""
    record = lookups.dmarc
    follows = record is None or record.subdomain_policy == record.domain_policy
    return [
        sender
        for sender in senders
        if sender.header_from == lookups.domain or (follows and not lookups.has_own_record(sender.header_from))
    ]


def failing_senders(senders: Iterable[Sender], window: Window) -> list[Sender]:
    """Senders of the owner that fail, by themselves or, where many From names share it, all of them together."""
    by_name: dict[tuple[str, str], list[Sender]] = defaultdict(list)
    for sender in senders:
        if sender.source_class.is_legitimate:
            by_name[sender.source_class, sender.name].append(sender)
    found = []
    for family in by_name.values():
        failing = [sender for sender in family if sender.fails(window)]
        if not failing and len(family) > 1 and _together(family).fails(window):
            failing = [sender for sender in family if sender.within(sender.recent(window))[1]]
        found.extend(failing)
    return found


def _together(family: list[Sender]) -> Sender:
    whole = Sender(family[0].name, family[0].service, family[0].source_class, family[0].header_from)
    for sender in family:
        for day, count in sender.messages_by_day.items():
            whole.messages_by_day[day] += count
        for day, count in sender.failing_by_day.items():
            whole.failing_by_day[day] += count
    return whole


def unsigned_sender(sender: Sender, window: Window) -> Blocking:
    """A sender that should sign, with all its addresses."""
    recent = sender.recent(window)
    messages, failing = sender.within(recent)
    return Blocking(
        sender=sender.service or sender.name,
        service=sender.service,
        source_class=sender.source_class,
        header_from=sender.header_from,
        messages=messages,
        failing=failing,
        addresses=tuple(sorted({address for address, _ in sender.mails})),
        remedy=Remedy.SIGN_WITH_DKIM,
        window=recent,
    )


def blocking_of(sender: Sender, judgement: Judgement, directory: Directory) -> Blocking:
    """A sender in the way, with what the owner can do."""
    recent = sender.recent(judgement.window)
    messages, failing = sender.within(recent)
    addresses = {
        address
        for address, each in sender.mails
        if not each.passes and each.mail.messages_within(recent.first, recent.last) > 0
    }
    remedy, selectors = _remedy(sender, judgement.lookups)
    page = next((known.page for known in directory.services if known.name == sender.service and known.page), None)
    return Blocking(
        sender=sender.service or sender.name,
        service=sender.service,
        source_class=sender.source_class,
        header_from=sender.header_from,
        messages=messages,
        failing=failing,
        addresses=tuple(sorted(addresses)),
        remedy=remedy,
        window=recent,
        selectors=selectors,
        page=page,
    )


def _remedy(sender: Sender, lookups: DomainLookups) -> tuple[Remedy, tuple[str, ...]]:
    if sender.source_class is SourceClass.UNKNOWN:
        return Remedy.ASK_OWNER, ()
    missing = {
        signature.selector
        for _, judged in sender.mails
        if not judged.passes
        for signature in judged.mail.signatures
        if lookups.is_ours(signature.domain)
        and signature.selector
        and not signature.passes
        and lookups.known
        and (signature.domain, signature.selector) not in lookups.keys
    }
    if missing:
        return Remedy.PUBLISH_KEY, tuple(sorted(missing))
    return (Remedy.NAME_IN_SPF if sender.source_class is SourceClass.OWN else Remedy.SIGN_AT_SERVICE), ()


def quiet_senders(senders: Iterable[Sender], last_day: int) -> tuple[QuietSender, ...]:
    """Senders of the owner that were seen on several days and then fell silent for much longer than before."""
    found = []
    for sender in senders:
        days = sorted(sender.messages_by_day)
        if not sender.source_class.is_legitimate or len(days) < 3:
            continue
        usual = max(later - earlier for earlier, later in pairwise(days))
        quiet = last_day - days[-1]
        if quiet > max(7, QUIET_FACTOR * usual):
            found.append(QuietSender(sender.service or sender.name, days[-1], quiet))
    return tuple(sorted(found, key=lambda each: -each.quiet_days))
