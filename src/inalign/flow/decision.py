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
    """Kept in the MTA's queue until somebody releases or deletes it."""
    TEMPFAIL = "tempfail"
    """Refused for now; the sender tries again."""
    REJECT = "reject"
    """Refused for good; the sender hears of it."""
    DISCARD = "discard"
    """Taken and thrown away; nobody hears of it but the log."""


class DecisionRule(StrEnum):
    """Why a message is handled as it is."""

    SKIPPED = "skipped"
    """The message was not verified: it is our own."""
    KEY_UNAVAILABLE = "key_unavailable"
    """It is our own and must be signed, and its key cannot be had now."""
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
    """All author domains are among `policy.except_domains`; accepted in the place of another handling."""
    TRUSTED_ARC = "trusted_arc"
    """A sealer among `policy.trusted_sealers` had found the author authenticated; accepted likewise."""
    CHANGED_IN_TRANSIT = "changed_in_transit"
    """DMARC fails for nothing but what a listed gateway changed or took away; accepted likewise."""
    MAILING_LIST = "mailing_list"
    """Mail of a list; marked in the place of a refusal."""
    HOLD_UNAVAILABLE = "hold_unavailable"
    """The MTA does not offer its queue; marked in its place."""
    OBSERVE = "observe"
    """`policy.mode` is observe; accepted in the place of another handling."""


OVERRIDES = frozenset(
    {DecisionRule.EXCEPT_DOMAIN, DecisionRule.TRUSTED_ARC, DecisionRule.CHANGED_IN_TRANSIT, DecisionRule.MAILING_LIST}
)
"""Rules by which local policy does other than the domain owner asks; Authentication-Results names them."""


class SmtpRefusal(NamedTuple):
    """An SMTP reply of class 4 or 5; `text` is printable ASCII in one line."""

    code: int
    enhanced: str
    text: str


class Decision(NamedTuple):
    """The answer of `decide`."""

    disposition: Disposition
    rule: DecisionRule
    overridden: Decision | None = None
    """What it would have been without this rule."""
    refusal: SmtpRefusal | None = None
    """The reply, for REJECT and TEMPFAIL."""
