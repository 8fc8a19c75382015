"""The thresholds of the classification, each with its unit and its reason."""

from __future__ import annotations

# Shares of what a selector signs (0 to 1)

HOME_SHARE = 0.2
"""From this share on a selector belongs to the sender. Below it the mail was passed on."""
HOME_SHARE_WITHOUT_SPF = 0.5
"""The same where SPF does not pass: a service uses a Return-Path that passes, a forwarder often keeps the owner's."""
KNOWN_SERVICE_SHARE = 0.02
"""The same for a known service that sends for customers: such services seldom forward."""
SOLE_SHARE = 0.9
"""Nearly all that a selector signs: the key of one branch office."""
MIN_OF_OTHERS = 0.2
"""Share of what a sender shows signed with selectors of other systems of the owner: a service shows only its own."""
MIN_AT_HOME = 20
"""Messages with SPF and the signature. Fewer may be a test of the owner."""

# Identities of others

MANY_NAMES = 3
"""Unrelated identities from one address or network: campaigns change their names."""
MIN_IMITATED = 5
"""Letters that a name has in common with the domain. Shorter words occur in many names."""
MIN_OLD = 30
"""Days for which a name like the domain's is seen before it is taken for a partner's."""
MIN_SERVICE = 3
"""Rented addresses of one identity. A customer of a hoster has one, sometimes two."""
MIN_SIGNING_SERVICE = 2
"""The same where the identity signs, or sends more than a trickle."""

# Shares of messages (0 to 1)

MAX_FORWARDED = 0.2
"""Share of the mail that passes. A relay of customers' forwarding has less, a sender of its own has more."""
INDIRECT_SHARE = 0.1
"""Share of the failing messages for which a receiver gave forwarding as its reason."""

# The sending pattern of an address or an identity

MIN_DAYS = 5
"""Days with mail. Fewer show no pattern."""
STEADY_DAYS = 0.3
"""Share of the span on which steady mail is seen at least: two days of the week."""
DAILY = 0.6
"""Share of the span of a sender that works from Monday to Friday."""
MAX_TOP_SHARE = 0.4
"""Share of all messages on the five busiest days. Campaigns have more."""
MAX_SILENCE = 0.2
"""Share of the span without mail in one piece, where that is more than `MIN_SILENCE`."""
MIN_SILENCE = 7
"""Days without mail in one piece that never count: a week of holidays."""
MAX_TRICKLE = 5
"""Messages a day of web forms and customers' forwarding."""
MAX_SMALL = 20
"""Messages a day of a web form or script. Campaigns send more."""
MAX_TRICKLE_SILENCE = 0.35
"""Share of the span without mail in one piece, of mail that comes now and then."""
MIN_RUNS = 3
"""Runs of a sender that comes in a cycle, such as the monthly invoice."""
RUN_GAP = 4
"""Days without mail that separate two runs: more than a long week-end."""
MAX_UNEVEN = 1.3
"""The longest pause between runs divided by the shortest: months have 28 to 31 days, and runs move with week-ends."""
