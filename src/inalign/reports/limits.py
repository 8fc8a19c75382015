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


@dataclass(frozen=True, slots=True)
class FeedbackLimits:
    """Of one failure or abuse report."""

    octets: int = 1 << 20
    """Of the feedback part; the longest in it, the forms of RFC 6591 section 3.2.4, have some kB."""
    fields: int = 1000
    """Of the feedback part, and of the reported message's header."""
    text: int = 65_536
    """Characters of one value."""
    repeats: int = 100
    """Values of one field that may be repeated, and fields that no RFC knows."""
    header: int = 262_144
    """Octets of the reported message's header; Postfix takes 102,400 by default."""
    words: int = 262_144
    """Characters of a report in plain text."""


FEEDBACK_LIMITS = FeedbackLimits()


@dataclass(frozen=True, slots=True)
class TlsLimits:
    """Of one TLS report, unpacked."""

    octets: int = 1 << 24
    """One of `failure-details` has some 300 octets, and a report of a day few of them."""
    containers: int = 400_000
    """Objects and lists of the JSON, since an empty one takes 30 times its octets as a value."""
    policies: int = 10_000
    """A report is of one domain, but some reporters send all that a host serves in one."""
    failures: int = 100_000
    """Of all policies."""
    values: int = 200
    """Of one `policy-string` or `mx-host`."""
    text: int = 4096
    """Characters of one value."""


TLS_LIMITS = TlsLimits()


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Of mails, archives and compressed files, for one input."""

    payload_bytes: int = 1 << 30
    """One unpacked report; as large as an aggregate report may be."""
    total_bytes: int = 2 << 30
    """All that one input unpacks to, at every level together; it bounds the time that an input takes."""
    ratio: int = 250
    """Unpacked octets for each packed one, over all layers: reports of many equal records reach 60, a bomb 1,000."""
    ratio_free_bytes: int = 16 << 20
    """What may be unpacked before the ratio counts: so little harms nobody, and small reports may be very regular."""
    archive_bytes: int = 64 << 20
    """A zip archive or a mail, which stand in memory whole. Mail servers take 25 to 50 MB."""
    held_bytes: int = 160 << 20
    """All that stands in memory whole at a time: a forwarded mail of 50 MB with a zip archive in it."""
    members: int = 100_000
    """Of one gzip file; those that are packed in blocks have one for each 64 kB."""
    depth: int = 10
    """Containers within one another; a forwarded mail with a gzip in a zip has 4."""
    mime_depth: int = 20
    """Multiparts within one another in one mail; mail programs make 4."""
    header_bytes: int = 1 << 20
    """The header of a mail or part; servers take 100 kB."""
    fields: int = 5_000
    """Of a mail or part; as many as of a mail that passes the milter."""
    words: int = 262_144
    """Octets of a part for people that are looked through; as many as of a report in plain text."""
    entries: int = 2_000
    """MIME parts and archive entries of one input together; a mailbox exported as a zip has hundreds."""
    document_bytes: int = 32 << 20
    """A TLS or feedback report, which stands in memory whole; large ones have 1 MB."""
    outcomes: int = 50
    """Refusals and flaws of one input that are told; more of them say nothing new."""


CONTAINER_LIMITS = ContainerLimits()
