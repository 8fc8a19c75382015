"""Every section that is cited exists, and every RFC that is cited has its state told."""

from __future__ import annotations

import pytest

from tests.house.citations import Citation, find_citations, read_citations, read_sections, read_state

KNOWN = frozenset({5322, 6532, 6376, 7208})


def cited(text: str) -> list[tuple[int, str | None]]:
    return [(one.rfc, one.section) for one in find_citations(text, "x.py", KNOWN)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# RFC 6376 section 3.6.1", [(6376, "3.6.1")]),
        ("(RFC 6376 section 3.6.1).", [(6376, "3.6.1")]),
        ("RFC 6376 section 6.1.2 and 6.1.3", [(6376, "6.1.2"), (6376, "6.1.3")]),
        ("RFC 5322 section 3.2.3 and section 3.2.4, without", [(5322, "3.2.3"), (5322, "3.2.4")]),
        ("RFC 7208 sections 4.5, 4.6, 5, 6 and 7.1: read", [(7208, n) for n in ("4.5", "4.6", "5", "6", "7.1")]),
        ("RFC 6376 sections 3.2 (tags), 3.5 (the\nfield) and 4", [(6376, "3.2"), (6376, "3.5"), (6376, "4")]),
        ("# RFC 6376 appendix C.2, as", [(6376, "C.2")]),
        ("# RFC 7208\n    # section 4.6.4", [(7208, "4.6.4")]),
        ("RFC 5322, 6532 section 3.2 (x), 6376", [(5322, None), (6532, "3.2"), (6376, None)]),
        ("RFC 5322 section 4.5.3, 256 octets", [(5322, "4.5.3")]),
        ("RFC 7208 section 4.6.4, 2048 bits", [(7208, "4.6.4")]),
        ("RFC 7208 section 4 and 3 more", [(7208, "4")]),
        ("RFC 6376 asks. Of it (section 5.4.2) more", [(6376, None), (6376, "5.4.2")]),
        ("RFC 6376, but design section 10.1 says", [(6376, None)]),
        ("section 10.1 of nothing", []),
        ("cite RFC3339 so", []),
    ],
)
def test_what_counts_as_a_citation(text: str, expected: list[tuple[int, str | None]]) -> None:
    assert cited(text) == expected


def test_a_citation_knows_its_line() -> None:
    assert list(find_citations("\n\n# RFC 6376 section 1", "x.py", KNOWN)) == [Citation(6376, "1", "x.py", 3)]


def test_every_cited_section_exists() -> None:
    sections = read_sections()
    wrong = [
        f"{one} does not exist" if sections.get(one.rfc) else f"{one} is of an RFC that docs/rfc/sections.txt lacks"
        for one in read_citations()
        if one.section and (one.rfc not in sections or one.section not in sections[one.rfc].titles)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_cited_rfc_has_its_state() -> None:
    state = read_state()
    missing = sorted({one.rfc for one in read_citations()} - set(state))
    assert not missing, f"docs/rfc/state.tsv lacks {missing}"


def test_no_state_is_told_of_an_rfc_that_is_not_cited() -> None:
    idle = sorted(set(read_state()) - {one.rfc for one in read_citations()})
    assert not idle, f"docs/rfc/state.tsv lists {idle}, which nothing cites"
