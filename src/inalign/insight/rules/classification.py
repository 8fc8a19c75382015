"""What a rule answers, and what several rules ask."""

from __future__ import annotations

from typing import NamedTuple

from inalign.insight.context import Look, Site, is_of_host
from inalign.insight.directory import Directory, ServiceKind
from inalign.insight.result import Evidence, SourceClass
from inalign.mail.organization import is_same_organization

INDIRECT = (ServiceKind.FREE_MAIL, ServiceKind.FORWARDER, ServiceKind.LISTS, ServiceKind.ACCESS)
"""Kinds that pass on what others received."""
RENTED = (ServiceKind.HOSTING, ServiceKind.DYNAMIC)
"""Kinds that say where a machine stands, not whose it is."""
HOUSES = (ServiceKind.MAILBOX, ServiceKind.GATEWAY)
"""Kinds where many owners' mail leaves from the same addresses."""


class Classification(NamedTuple):
    """A class and its evidence."""

    source_class: SourceClass
    evidence: tuple[Evidence, ...]


def ruling(source_class: SourceClass, *evidence: Evidence | None) -> Classification:
    """A class with what spoke for it, where there is something."""
    return Classification(source_class, tuple(each for each in evidence if each is not None))


def is_shared_pool(site: Site) -> bool:
    """Whether everybody's mail comes from these addresses: being named in SPF says little then."""
    return site.include_service is not None and site.include_service.kind in (*HOUSES, ServiceKind.HOSTING)


def fits(site: Site, look: Look) -> bool:
    """Whether the host is of the organisation whose identity passes."""
    return any(is_of_host(site, name) for name in look.foreign_names)


def is_name_of_host(site: Site, look: Look, directory: Directory) -> bool:
    """Whether SPF passes for the name of a known host itself, as for bounces."""
    if not look.foreign_spf or directory.by_identity(look.foreign_spf) is None:
        return False
    of_include = site.include is not None and is_same_organization(site.include.name, look.foreign_spf)
    return fits(site, look) or (of_include and not site.host)
