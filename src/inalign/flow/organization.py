"""The organizational domain of a name by the public suffix list: offline, for telling who is who among reporters.

DMARC itself does not use the list (RFC 9989 section 4.10.2 has the tree walk); nothing of a verdict depends on this.
"""

from __future__ import annotations

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from inalign.mail.domain import DomainName


@lru_cache(maxsize=8192)
def organizational_domain(name: DomainName) -> DomainName:
    """The name one label below its public suffix; a public suffix is its own."""
    return DomainName(_suffixes().privatesuffix(name) or name)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
