"""The PDF: its text is that of the report, its letters are there, nothing is fetched, and what is missing is told."""

from __future__ import annotations

import io
import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from inalign.summary.blocks import Cards, TableBlock
from inalign.summary.document import SummaryDocument, make_document
from inalign.summary.html import whole
from inalign.summary.pdf import PdfError, make_pdf
from inalign.summary.pdf_process import Letters
from inalign.summary.words import words_of
from tests.house.citations import ROOT
from tests.summary.vectors import document, summary

pypdf = pytest.importorskip("pypdf")
PATHS = f"{ROOT / 'src'}:{ROOT}"
Made = tuple[SummaryDocument, str, list[tuple[float, float]]]


def _can() -> bool:
    try:
        return bool(make_pdf(document("week", "ja")))
    except PdfError:
        return False


needs_parts = pytest.mark.skipif(not _can(), reason="WeasyPrint, Pango or a Japanese font is not here")


def squeezed(text: str) -> str:
    """Lines of a page break anywhere."""
    return "".join(text.split())


@pytest.fixture(scope="module", params=[("month", "ja"), ("week", "en")], ids=str)
def made(request: pytest.FixtureRequest) -> Made:
    found = document(*request.param)
    reader = pypdf.PdfReader(io.BytesIO(make_pdf(found)))
    sizes = [(float(page.mediabox.width), float(page.mediabox.height)) for page in reader.pages]
    return found, squeezed("".join(page.extract_text() for page in reader.pages)), sizes


@needs_parts
def test_text_is_that_of_the_report(made: Made) -> None:
    found, text, _ = made
    for wanted in (found.title, found.period, found.made, *(term for term, _ in found.glossary)):
        assert squeezed(wanted) in text
    for section in found.sections:
        assert squeezed(section.title) in text
        for block in section.blocks:
            if isinstance(block, Cards):
                assert all(squeezed(card.value) in text for card in block.cards)
            if isinstance(block, TableBlock):
                assert all(squeezed(cell) in text for row in block.rows for cell in row)


@needs_parts
def test_pages_are_a4_and_numbered(made: Made) -> None:
    _, text, sizes = made
    assert all((round(width), round(height)) == (595, 842) for width, height in sizes)
    assert all(f"{number}/{len(sizes)}" in text for number in range(1, len(sizes) + 1))


@needs_parts
def test_title_and_language_are_in_it() -> None:
    found = document("month", "ja")
    reader = pypdf.PdfReader(io.BytesIO(make_pdf(found)))
    assert reader.metadata.title == found.subject
    assert reader.trailer["/Root"]["/Lang"] == "ja"
    assert not reader.attachments


@needs_parts
def test_letters_that_no_font_has_are_those_of_others() -> None:
    found = summary("month")
    odd = replace(found.domains[0], domain="\U0001fbf9\ue000.example")
    assert make_pdf(make_document(replace(found, domains=(odd,)), words_of("ja")))


@needs_parts
def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        web = f"http://127.0.0.1:{server.getsockname()[1]}"
        secret = tmp_path / "secret.txt"
        secret.write_text("hidden-words", "utf-8")
        page = whole(document("month", "en")).replace(
            "</body>",
            f'<img src="file://{secret}"><img src="{web}/x.png"><link rel="attachment" href="file://{secret}">'
            f'<link rel="stylesheet" href="{web}/x.css"><object data="file://{secret}"></object></body>',
        )
        monkeypatch.setattr("inalign.summary.pdf.whole", lambda _: page)
        made = make_pdf(document("month", "en"))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert b"hidden-words" not in made
    assert not pypdf.PdfReader(io.BytesIO(made)).attachments


LATIN = Path("/usr/share/fonts/truetype/dejavu")
TRY = """
import sys
from inalign.summary.pdf import PdfError, make_pdf
from tests.summary.vectors import document
try:
    print(len(make_pdf(document("week", sys.argv[1]))))
except PdfError as problem:
    print(problem)
"""


def with_fonts(folder: Path, fonts: Path, language: str) -> str:
    """What is told in a host with these fonts alone."""
    settings = folder / "fonts.conf"
    settings.write_text(f"<fontconfig><dir>{fonts}</dir><cachedir>{folder}/cache</cachedir></fontconfig>", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TRY, language],
        env={"PATH": "/usr/bin", "HOME": str(folder), "FONTCONFIG_FILE": str(settings), "PYTHONPATH": PATHS},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode()


@needs_parts
@pytest.mark.skipif(not LATIN.is_dir(), reason="the fonts of DejaVu are not here")
def test_fonts_without_japanese_are_refused_and_do_for_english(tmp_path: Path) -> None:
    assert "apt install fonts-noto-cjk" in with_fonts(tmp_path, LATIN, "ja")
    assert with_fonts(tmp_path, LATIN, "en").strip().isdecimal()


@needs_parts
def test_a_host_without_fonts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert "apt install fonts-noto-cjk" in with_fonts(tmp_path, tmp_path / "none", "en")


def broken(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is told where WeasyPrint is a module of these lines."""
    (folder / "weasyprint.py").write_text(text, "utf-8")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    with pytest.raises(PdfError) as told:
        make_pdf(document("month", "en"))
    return str(told.value)


def test_without_weasyprint_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pip install 'inalign[pdf]'" in broken(tmp_path, "import nothing_like_it", monkeypatch)


def test_without_pango_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "print('-----')\nraise OSError('cannot load libpango-1.0-0: no such file\\nmore')"
    told = broken(tmp_path, lines, monkeypatch)
    assert "apt install libpango-1.0-0 libpangoft2-1.0-0" in told
    assert told.endswith("(cannot load libpango-1.0-0: no such file)")


def test_a_crash_of_a_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ended with -11" in broken(tmp_path, "import os; os.kill(os.getpid(), 11)", monkeypatch)
    assert "ValueError: a bug" in broken(tmp_path, "raise ValueError('a bug')", monkeypatch)


def test_a_process_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inalign.summary.pdf_process.SECONDS", 0.25)
    assert "timed out" in broken(tmp_path, "import time; time.sleep(60)", monkeypatch)


def test_letters_are_gathered_from_the_log() -> None:
    letters = Letters()
    log = logging.getLogger("inalign-test-letters")
    log.addHandler(letters)
    log.propagate = False
    log.warning('.notdef glyph rendered for Unicode string unsupported by fonts: "%s" (U+%04X)', "報", 0x5831)
    log.warning("Ignored `x` at 1:1, unknown property")
    assert letters.found == {"報"}
