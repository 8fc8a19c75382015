"""Which of SPF, DKIM and DMARC failed, by what a failure report tells.

`Identity-Alignment` lists what failed in RFC 9991 section 4, and what was aligned in the RFC 7489 before it; the word
itself does not tell which. So it decides nothing that the results decide, and is read in the sense that fits them.
"""

from __future__ import annotations

from collections.abc import Sequence

from inalign.errors import ParseError
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.organization import is_same_organization
from inalign.mail.results import MethodResult
from inalign.reports.flaw import FlawCode, Flaws

MECHANISMS = ("spf", "dkim", "dmarc")
MAX_JUDGED = 16_384  # characters of all Authentication-Results of a report; one result has some 100

_FAILED = frozenset(
    ["fail", "hardfail", "softfail", "neutral", "permerror", "temperror", "policy", "bestguessfail", "invalid", "error"]
)
# RFC 6591 section 3.3 and RFC 9991 section 4; `adsp` says nothing of the signatures.
_OF_FAILURE = {
    "dmarc": "dmarc",
    "spf": "spf",
    "signature": "dkim",
    "bodyhash": "dkim",
    "revoked": "dkim",
    "dkim": "dkim",
}
_IDENTITIES = {"spf": ("mailfrom", "helo", "mfrom", "from"), "dkim": ("d", "i", "from")}


def read_results(values: Sequence[str], flaws: Flaws) -> list[MethodResult]:
    """The results of all Authentication-Results fields that can be read."""
    results: list[MethodResult] = []
    room = MAX_JUDGED
    for value in values:
        if len(value) > room:
            flaws.tell(FlawCode.CUT, f"Authentication-Results, kept, but not judged: over {MAX_JUDGED} characters")
            break
        room -= len(value)
        try:
            results += parse_authentication_results(value.encode("utf-8", "replace"), lenient=True).results
        except ParseError as problem:
            flaws.tell(FlawCode.SHAPE, f"Authentication-Results, kept, but not understood: {problem}")
    return results


def failed_mechanisms(
    results: Sequence[MethodResult],
    auth_failure: Sequence[str],
    identity_alignment: Sequence[str] | None,
    header_from: str,
    flaws: Flaws,
) -> tuple[str, ...]:
    """What failed, in the order of `MECHANISMS`."""
    failed: dict[str, bool] = {}
    for method in MECHANISMS:
        told = [result for result in results if result.method == method]
        if any(result.result == "pass" and _is_aligned(result, header_from) for result in told):
            failed[method] = False
        elif told and all(result.result in _FAILED for result in told):
            failed[method] = True
    has_failed = bool(failed.get("dmarc"))
    for word in auth_failure:
        # RFC 9991 section 4: `dmarc` is also written where only some mechanisms failed, so a result goes before it.
        if word in _OF_FAILURE:
            failed.setdefault(_OF_FAILURE[word], True)
    if identity_alignment is not None:
        _take_alignment(failed, identity_alignment, flaws, has_failed=has_failed)
    return tuple(method for method in MECHANISMS if failed.get(method))


def _is_aligned(result: MethodResult, header_from: str) -> bool:
    """Whether what passed is of the organization of the author domain, as relaxed alignment wants it."""
    if result.method == "dmarc":
        return True
    names = [each.value for each in result.properties if each.name in _IDENTITIES[result.method]]
    for name in (value.rpartition("@")[2].lower().rstrip(".") for value in names):
        if is_same_organization(name, header_from):
            return True
    return False


def _take_alignment(failed: dict[str, bool], words: Sequence[str], flaws: Flaws, *, has_failed: bool) -> None:
    """Settle what is open by `Identity-Alignment`, in the sense that contradicts nothing that is known."""
    listed = {word for word in words if word in {"spf", "dkim"}}
    open_ones = [method for method in ("spf", "dkim") if method not in failed]
    if not open_ones or not (listed or "none" in words):
        return
    known = [method for method in ("spf", "dkim") if method in failed]
    if has_failed or not listed:  # where DMARC failed nothing was aligned, so a list of what was has to be empty
        is_old = not listed
    elif known:
        is_old = (known[0] in listed) != failed[known[0]]
    else:
        is_old = False
        flaws.tell(FlawCode.GUESSED, "Identity-Alignment was taken for a list of what failed, as RFC 9991 has it")
    for method in open_ones:
        failed[method] = (method in listed) != is_old
