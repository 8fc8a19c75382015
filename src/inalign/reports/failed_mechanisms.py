"""Which of SPF, DKIM and DMARC failed, by what a failure report tells.

`Identity-Alignment` lists what failed in RFC 9991 section 4, and what was aligned in the RFC 7489 before it; the word
itself does not tell which. So it decides nothing that the results decide, and is read in the sense that fits them.
"""

from __future__ import annotations

from collections.abc import Sequence

from inalign.errors import ParseError
from inalign.mail.authres import parse_authentication_results
from inalign.mail.results import MethodResult
from inalign.reports.flaw import FlawCode, Flaws

MECHANISMS = ("spf", "dkim", "dmarc")

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
    for value in values:
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
    failed: dict[str, bool] = {_OF_FAILURE[word]: True for word in auth_failure if word in _OF_FAILURE}
    for method in MECHANISMS:
        told = [result for result in results if result.method == method]
        if method in failed or not told:
            continue
        if any(result.result == "pass" and _is_aligned(result, header_from) for result in told):
            failed[method] = False
        elif all(result.result in _FAILED for result in told):
            failed[method] = True
    if identity_alignment is not None:
        _take_alignment(failed, identity_alignment, flaws)
    return tuple(method for method in MECHANISMS if failed.get(method))


def _is_aligned(result: MethodResult, header_from: str) -> bool:
    """Whether what passed is surely of the author domain: the same name, or one above or below it."""
    if result.method == "dmarc":
        return True
    author = header_from.lower()
    names = [each.value for each in result.properties if each.name in _IDENTITIES[result.method]]
    for name in (value.rpartition("@")[2].lower().rstrip(".") for value in names):
        if name and author and (name == author or name.endswith("." + author) or author.endswith("." + name)):
            return True
    return False


def _take_alignment(failed: dict[str, bool], words: Sequence[str], flaws: Flaws) -> None:
    """Settle what is open by `Identity-Alignment`, in the sense that contradicts nothing that is known."""
    listed = {word for word in words if word in {"spf", "dkim"}}
    open_ones = [method for method in ("spf", "dkim") if method not in failed]
    if not open_ones or not (listed or "none" in words):
        return
    known = [method for method in ("spf", "dkim") if method in failed]
    if failed.get("dmarc"):  # then nothing was aligned, so a list of what was has to be empty
        is_old = not listed
    else:
        is_old = bool(known) and (known[0] in listed) != failed[known[0]]
    flaws.tell(
        FlawCode.GUESSED, f"Identity-Alignment was taken for a list of what {'was aligned' if is_old else 'failed'}"
    )
    for method in open_ones:
        failed[method] = (method in listed) != is_old
