"""Rules for mail with a signature of the domain and without its SPF: its own sender, or mail passed on."""

from __future__ import annotations

from inalign.insight.directory import ServiceKind
from inalign.insight.result import SourceClass
from inalign.insight.rules.evidence import (
    foreign_spf,
    host_name,
    known_sender,
    mail_exchange,
    named_in_spf,
    own_host_name,
    own_signature,
    passed_on_signature,
    pattern,
    replayed,
    selector_share,
    selector_without_key,
    spf_of_forwarder,
)
from inalign.insight.rules.rule import Rule
from inalign.insight.rules.thresholds import HOME_SHARE

RULES = (
    Rule(
        "dkim.known_service",
        "The selector belongs to this sender, which the map knows as a sending service.",
        lambda c: c.is_home and c.kind is ServiceKind.SENDING,
        SourceClass.APPROVED,
        (own_signature, selector_share, known_sender),
    ),
    Rule(
        "dkim.own_server",
        "The selector belongs to this sender, which is a server or a mailbox provider of the owner.",
        lambda c: c.is_home and c.is_own_server,
        SourceClass.OWN,
        (own_signature, selector_share, own_host_name, named_in_spf, mail_exchange),
    ),
    Rule(
        "dkim.no_other_identity",
        "The selector belongs to this sender, no other identity passes, and the host has no name of a relay.",
        lambda c: c.is_home and not (c.look.foreign_names or c.site.looks_like_relay),
        SourceClass.OWN,
        (own_signature, selector_share, own_host_name, named_in_spf, mail_exchange),
    ),
    Rule(
        "dkim.own_key_of_service",
        "The selector belongs to this sender, which has an identity of its own.",
        lambda c: c.is_home,
        SourceClass.APPROVED,
        (own_signature, selector_share, foreign_spf, host_name),
    ),
    Rule(
        "dkim.replayed",
        "The selector belongs to servers of the owner, and its signature passes from another host, much and in bursts.",
        lambda c: c.look.has_own_pass and c.is_elsewhere and c.share >= HOME_SHARE and c.site.pattern.is_burst,
        SourceClass.SPOOF,
        (replayed, pattern, passed_on_signature, spf_of_forwarder, host_name),
    ),
    Rule(
        "dkim.passed_on_intact",
        "The signature passes, and the selector belongs to another sender.",
        lambda c: c.look.has_own_pass,
        SourceClass.FORWARDER,
        (passed_on_signature, spf_of_forwarder, host_name, known_sender),
    ),
    Rule(
        "dkim.passed_on_broken",
        "The signature is broken, its selector passes elsewhere, and the host does not look like a forger's.",
        lambda c: c.has_key and not c.may_be_forged,
        SourceClass.FORWARDER,
        (passed_on_signature, spf_of_forwarder, host_name, known_sender),
    ),
    # no signature of the selector passes: who set it up at a service meant to sign as the owner
    Rule(
        "dkim.no_key_own_server",
        "No signature of the selector passes anywhere, and the SPF record names the address itself.",
        lambda c: not c.has_key and c.site.is_direct,
        SourceClass.OWN,
        (selector_without_key, named_in_spf),
    ),
    Rule(
        "dkim.no_key_included_service",
        "No signature of the selector passes anywhere, and an include of a service names the address.",
        lambda c: not c.has_key and c.site.include is not None and not c.is_shared_pool,
        SourceClass.APPROVED,
        (selector_without_key, named_in_spf, known_sender),
    ),
    Rule(
        "dkim.no_key_rented_service",
        "No signature of the selector passes anywhere, and a regular identity uses several rented machines.",
        lambda c: (
            not c.has_key and bool(c.look.foreign_spf) and c.looks_hosted and c.is_regular and c.is_rented_service
        ),
        SourceClass.APPROVED,
        (selector_without_key, foreign_spf, host_name),
    ),
    Rule(
        "dkim.no_key_service",
        "No signature of the selector passes anywhere, and SPF passes for a known service or for the host's name.",
        lambda c: (
            not c.has_key
            and bool(c.look.foreign_spf)
            and not c.looks_hosted
            and (c.kind is ServiceKind.SENDING or c.fits_host)
        ),
        SourceClass.APPROVED,
        (selector_without_key, foreign_spf, known_sender, host_name),
    ),
    Rule(
        "dkim.no_key_steady",
        "No signature of the selector passes anywhere, SPF passes for another name, and mail is steady; "
        "the reverse name is not known.",
        lambda c: not c.has_key and bool(c.look.foreign_spf) and not c.site.host and c.site.pattern.is_steady,
        SourceClass.APPROVED,
        (selector_without_key, foreign_spf, pattern),
    ),
)
