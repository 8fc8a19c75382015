"""Rules for mail that passes SPF for a name of the domain: the owner named this address."""

from __future__ import annotations

from inalign.insight.directory import ServiceKind
from inalign.insight.result import SourceClass
from inalign.insight.rules.evidence import (
    foreign_signature,
    host_name,
    known_sender,
    mail_exchange,
    named_in_spf,
    own_host_name,
    spf_aligned,
)
from inalign.insight.rules.rule import RENTED, Rule, always

RULES = (
    Rule(
        "spf.known_service",
        "The map knows the sender as a sending service.",
        lambda c: c.kind is ServiceKind.SENDING,
        SourceClass.APPROVED,
        (spf_aligned, named_in_spf, known_sender),
    ),
    Rule(
        "spf.own_server",
        "The SPF record names the address itself, its reverse name is below the domain, or it receives the mail.",
        lambda c: c.site.is_direct or c.site.has_own_name or c.site.is_exchange or c.site.is_of_exchange,
        SourceClass.OWN,
        (spf_aligned, named_in_spf, own_host_name, mail_exchange),
    ),
    Rule(
        "spf.mail_provider",
        "The map knows the sender, and not as a hoster or as dynamic addresses.",
        lambda c: c.kind is not None and c.kind not in RENTED,
        SourceClass.OWN,
        (spf_aligned, named_in_spf, known_sender),
    ),
    Rule(
        "spf.signed_by_service",
        "A signature of another domain passes.",
        lambda c: bool(c.look.foreign),
        SourceClass.APPROVED,
        (spf_aligned, named_in_spf, foreign_signature),
    ),
    Rule(
        "spf.bounce_name",
        "The Return-Path is a name of its own below the domain.",
        lambda c: c.is_bounce_name,
        SourceClass.APPROVED,
        (spf_aligned, named_in_spf, host_name),
    ),
    Rule(
        "spf.not_the_mailboxes",
        "An include names the address, the mail is not signed, and the mailboxes send elsewhere.",
        lambda c: c.is_beside_mailboxes,
        SourceClass.APPROVED,
        (spf_aligned, named_in_spf, host_name),
    ),
    Rule(
        "spf.other", "Any other mail that passes SPF.", always, SourceClass.OWN, (spf_aligned, named_in_spf, host_name)
    ),
)
