"""Identifier alignment where it is not a matter of the vectors: what is not asked, and what is unknown."""

from __future__ import annotations

from inalign.dmarc.alignment import Alignment, check_alignment
from inalign.dmarc.discovery import Discovery
from inalign.dmarc.record import AlignmentMode
from inalign.mail.domain import parse_domain
from tests.dmarc.material import Recorder
from tests.helpers import run_now

REJECT = "v=DMARC1; p=reject"


def check(author: str, identifier: str, resolver: Recorder, mode: AlignmentMode = AlignmentMode.RELAXED) -> Alignment:
    return run_now(check_alignment(parse_domain(author), parse_domain(identifier), mode, Discovery(resolver)))


def test_identical_domains_ask_nothing() -> None:
    resolver = Recorder({})
    assert check("example.com", "example.com", resolver) is Alignment.ALIGNED
    assert resolver.asked == []


def test_strict_mode_asks_nothing() -> None:
    resolver = Recorder({"example.com": REJECT})
    assert check("example.com", "mail.example.com", resolver, AlignmentMode.STRICT) is Alignment.UNALIGNED
    assert resolver.asked == []


def test_another_top_level_domain_asks_nothing() -> None:
    resolver = Recorder({"example.com": REJECT})
    assert check("example.com", "example.net", resolver) is Alignment.UNALIGNED
    assert resolver.asked == []


def test_a_domain_outside_the_organization_is_not_asked_about() -> None:
    resolver = Recorder({"example.com": REJECT}, {"_dmarc.evil.com": {"error": "timeout"}})
    assert check("example.com", "evil.com", resolver) is Alignment.UNALIGNED
    assert "_dmarc.evil.com" not in resolver.asked


def test_alignment_is_unknown_without_an_answer_that_matters() -> None:
    resolver = Recorder({"example.com": REJECT}, {"_dmarc.mail.example.com": {"error": "timeout"}})
    assert check("example.com", "mail.example.com", resolver) is Alignment.UNKNOWN
    assert check("mail.example.com", "example.com", resolver) is Alignment.UNKNOWN


def test_an_answer_that_cannot_matter_leaves_no_doubt() -> None:
    resolver = Recorder(
        {"example.com": REJECT, "dept.example.com": REJECT + "; psd=n"},
        {"_dmarc.x.dept.example.com": {"error": "timeout"}},
    )
    assert check("example.com", "x.dept.example.com", resolver) is Alignment.UNALIGNED
    assert check("x.dept.example.com", "example.com", resolver) is Alignment.UNALIGNED
