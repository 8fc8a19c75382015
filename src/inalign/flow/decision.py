"""What becomes of a message, and by which rule: the words that the log, the counters and the mark in the mail use."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Disposition(StrEnum):
    """What is done with a message, mildest first; the words of the settings."""

    ACCEPT = "accept"
    QUARANTINE = "quarantine"
    """Delivered with a mark that Sieve files into the junk folder."""
    HOLD = "hold"
    """Held in the MTA's queue until the operator releases or deletes it."""
    TEMPFAIL = "tempfail"
    """Refused for now; the sender tries again."""
    REJECT = "reject"
    """Refused for good; the sender gets a bounce."""
    DISCARD = "discard"
    """Accepted and thrown away; only the log names it."""


class DecisionRule(StrEnum):
    """The rule by which a message gets its disposition."""

    SKIPPED = "skipped"
    """The message was not verified: it is our own."""
    KEY_UNAVAILABLE = "key_unavailable"
    """It is our own and must be signed, and its key is not available now."""
    DMARC_PASS = "dmarc_pass"
    """The author domain is authenticated. Such a message is always accepted."""
    DMARC_NONE = "dmarc_none"
    """DMARC failed and the policy that applies is none."""
    DMARC_QUARANTINE = "dmarc_quarantine"
    """DMARC failed and the policy that applies is quarantine."""
    DMARC_REJECT = "dmarc_reject"
    """DMARC failed and the policy that applies is reject."""
    DMARC_TEMPERROR = "dmarc_temperror"
    """DNS did not answer, so DMARC neither passed nor failed."""
    AUTHOR_PROBLEM = "author_problem"
    """No author domain, several, or one that readers would not agree on."""
    NO_POLICY = "no_policy"
    """No usable DMARC record applies."""
    SPF_FAIL = "spf_fail"
    """No usable DMARC record applies, and SPF says fail."""
    EXCEPT_DOMAIN = "except_domain"
    """All author domains are among `policy.except_domains`; accepted in place of another disposition."""
    TRUSTED_ARC = "trusted_arc"
    """A sealer among `policy.trusted_sealers` had found the author authenticated; accepted instead."""
    CHANGED_IN_TRANSIT = "changed_in_transit"
    """DMARC fails for nothing but what a listed gateway changed or removed; accepted instead."""
    MAILING_LIST = "mailing_list"
    """Mail of a list; marked instead of refused."""
    HOLD_UNAVAILABLE = "hold_unavailable"
    """The MTA does not offer its queue; marked instead of held."""
    OBSERVE = "observe"
    """`policy.mode` is observe; accepted in place of another disposition."""


OVERRIDES = frozenset(
    {DecisionRule.EXCEPT_DOMAIN, DecisionRule.TRUSTED_ARC, DecisionRule.CHANGED_IN_TRANSIT, DecisionRule.MAILING_LIST}
)
"""Rules by which local policy overrides the domain owner's; Authentication-Results names them."""


class SmtpRefusal(NamedTuple):
    """An SMTP reply of class 4 or 5; `text` is printable ASCII in one line."""

    code: int
    enhanced: str
    text: str


class Decision(NamedTuple):
    """What `decide` returns: the disposition, its rule, and the reply where the message is refused."""

    disposition: Disposition
    rule: DecisionRule
    overridden: Decision | None = None
    """The decision without this rule, which this one overrides."""
    refusal: SmtpRefusal | None = None
    """The SMTP reply, for REJECT and TEMPFAIL."""
