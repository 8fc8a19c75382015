"""The summaries of `tests/vectors/summary`, and the texts that they must become.

`python -m tests.summary.vectors` writes the texts anew, to be read before they are committed.
"""

from __future__ import annotations

import msgspec

from inalign.summary.document import SummaryDocument, make_document
from inalign.summary.model import Summary
from inalign.summary.text import as_text
from inalign.summary.words import words_of
from tests.house.citations import ROOT

FOLDER = ROOT / "tests/vectors/summary"
NAMES = ("month", "week")
LANGUAGES = ("en", "ja")


def summary(name: str) -> Summary:
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Summary)


def document(name: str, language: str) -> SummaryDocument:
    return make_document(summary(name), words_of(language))


if __name__ == "__main__":
    for each in NAMES:
        for tag in LANGUAGES:
            (FOLDER / f"{each}.{tag}.txt").write_text(as_text(document(each, tag)), "utf-8")
