"""docs/differences.md and the tests tell of the same differences."""

from __future__ import annotations

import pytest

from tests.differential import dkim_differences, test_dmarc, test_master_file, test_spf
from tests.differential.differences import Row, rows
from tests.house.citations import find_citations, read_sections, read_state

KNOWN = {
    difference.name: difference.peers
    for differences in (
        dkim_differences.DIFFERENCES,
        test_spf.DIFFERENCES,
        test_dmarc.DIFFERENCES,
        test_master_file.DIFFERENCES,
    )
    for difference in differences
}
ROWS = rows()


def test_every_difference_has_one_row_that_names_its_peers() -> None:
    assert sorted(row.name for row in ROWS) == sorted(KNOWN)
    assert {row.name: tuple(row.peers.split(", ")) for row in ROWS} == KNOWN


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_names_a_section_that_there_is(row: Row) -> None:
    sections = read_sections()
    found = list(find_citations(row.source, row.name, frozenset(read_state())))
    assert found
    for one in found:
        assert one.section is not None
        assert one.section in sections[one.rfc].titles, one
