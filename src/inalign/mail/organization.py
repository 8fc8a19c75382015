"""The registrable domain of a name by the public suffix list: which names belong to one organization.

Insight, the store, the intake of reports and the authenticity of a report mail compare owners with it, without DNS. A
DMARC result does not depend on it: RFC 9989 section 4.10.2 finds the organizational domain in DNS, by the tree walk in
`dmarc/discovery.py`. The two have different names because they can differ. The tree walk gives the
*organizational domain*, this module gives the *registrable domain*.

The rules are those of the list (https://github.com/publicsuffix/list/wiki/Format):

- Of the rules that match, an exception (`!city.kawasaki.jp`) prevails, else the rule with the most labels.
- `*` matches one label. If no rule matches, the rule is `*`: the last label is the suffix.
- The registrable domain is the suffix and one more label.

Rules of the private section (`github.io`) apply like those of the ICANN section. The customers of such a provider are
different owners: a customer must not pass as the provider, or as another customer. The price is that a provider's own
names below such a suffix do not count as the provider's. Mail is then shown as that of an unknown sender, which the
operator can correct; the opposite fault would show forged mail as genuine (docs/decisions/011-organizations.md).

The list is the copy in the package `publicsuffixlist`. It is read when the first name is asked for.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, overload

from inalign.errors import ParseError
from inalign.mail.domain import DomainName, parse_domain

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@overload
def registrable_domain(name: DomainName) -> DomainName: ...
@overload
def registrable_domain(name: str) -> str: ...
def registrable_domain(name: str) -> str:
    """Return the registrable domain of a name by the public suffix list, in A-labels and lower case.

    These have no registrable domain, and the answer is the name itself: a public suffix, a single label, an address or
    a name whose last label is a number, and a text that is no domain name.
    """
    return _registrable_domain(name)


def is_same_organization(name: str, other: str) -> bool:
    """Return whether two names have the same registrable domain. Empty names belong to no organization."""
    return bool(name) and bool(other) and _registrable_domain(name) == _registrable_domain(other)


@lru_cache(maxsize=65_536)
def _registrable_domain(name: str) -> str:
    try:
        domain = parse_domain(name)
    except ParseError:
        return name
    # No top-level domain is all digits: this is an IPv4 address, or nothing that anybody can register.
    if domain.rpartition(".")[2].isdigit():
        return domain
    return _public_suffix_list().privatesuffix(domain) or domain


@cache
def _public_suffix_list() -> PublicSuffixList:
    # Reading the list takes about 50 ms: a command that asks for no registrable domain does not need it.
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList()
