"""Both schemas of aggregate reports as tables: where an element belongs, and which words it may hold.

RFC 9990 Appendix A and RFC 7489 Appendix C; what either allows is in.
"""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "urn:ietf:params:xml:ns:dmarc-2.0"  # RFC 9990 section 3.1.1

_CHILDREN: Final[dict[str, str]] = {
    "feedback": "version report_metadata policy_published extension record",
    "report_metadata": "org_name email extra_contact_info report_id date_range error generator",
    "date_range": "begin end",
    "policy_published": "domain discovery_method p sp np fo adkim aspf testing pct",
    "record": "row identifiers identities auth_results",
    "row": "source_ip count policy_evaluated",
    "policy_evaluated": "disposition dkim spf reason",
    "reason": "type comment",
    "identifiers": "header_from envelope_from envelope_to",
    "identities": "header_from envelope_from envelope_to",
    "auth_results": "dkim spf",
    "dkim": "domain selector result human_result",
    "spf": "domain scope result human_result",
}
PARENTS: Final[dict[str, frozenset[str]]] = {
    child: frozenset(parent for parent, children in _CHILDREN.items() if child in children.split())
    for child in {name for children in _CHILDREN.values() for name in children.split()}
}
"""Each element but the root, and in which ones it may stand."""
CONTAINERS: Final = frozenset(_CHILDREN) | {"extension"}
"""Those that hold elements. `dkim` and `spf` hold a word instead in `policy_evaluated`."""
LEAVES: Final = frozenset(PARENTS) - CONTAINERS
SECTIONS: Final = frozenset({"report_metadata", "policy_published", "record"})

DISPOSITIONS: Final = frozenset({"none", "pass", "quarantine", "reject"})
POLICIES: Final = frozenset({"none", "quarantine", "reject"})
ALIGNMENTS: Final = frozenset({"r", "s"})
TESTING: Final = frozenset({"y", "n"})
DISCOVERY: Final = frozenset({"psl", "treewalk"})
SCOPES: Final = frozenset({"mfrom", "helo"})
DKIM_RESULTS: Final = frozenset({"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"})
SPF_RESULTS: Final = DKIM_RESULTS | {"softfail"}
NOT_ALIGNED: Final = SPF_RESULTS - {"pass"} | {"hardfail"}
"""What is written for `fail` where only pass and fail are allowed."""
REASONS: Final = frozenset(
    {"forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "policy_test_mode", "other"}
)
ONLY_9990: Final = frozenset({"np", "testing", "discovery_method", "generator"})
"""Elements that RFC 7489 does not have."""
