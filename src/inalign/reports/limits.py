"""How much of what a stranger sends is read: one number for each thing that he could make large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Of one aggregate report, unpacked."""

    octets: int = 1 << 30
    """The largest known report has 900,000 records in about 600 MB."""
    records: int = 5_000_000
    """Five times the largest known."""
    depth: int = 64
    """Elements within one another; RFC 9990 needs 6, an extension some more."""
    elements: int = 20_000
    """Of one record, and of all that is no record. 100 signatures (RFC 9990 section 3.1.3) make 500."""
    text: int = 65_536
    """Characters of one value; longer ones are cut."""
    characters: int = 1 << 20
    """Of all values of one record, and of all that is no record."""
    tag: int = 16_384
    """Characters of a tag with its attributes, of which only `xmlns` is read."""
    bare: int = 100_000
    """Times that a `<` stands where no tag begins. They are slow to mend, and a report of a faulty writer has few."""
    extensions: int = 100
    """Of one record, and of all that is no record."""


XML_LIMITS = XmlLimits()
