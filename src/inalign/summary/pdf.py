"""A report as PDF, by WeasyPrint: the extra `pdf`, with libraries and a font of the system, in a process of its own.

An error says what is missing and what to install, so that no report has boxes in place of letters.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import msgspec

from inalign.errors import Error
from inalign.summary import pdf_process
from inalign.summary.document import SummaryDocument
from inalign.summary.html import whole
from inalign.summary.pdf_process import FONTS, LIBRARIES, WEASYPRINT
from inalign.summary.words import words_of

INSTALL = {
    WEASYPRINT: "PDF needs WeasyPrint: pip install 'inalign[pdf]'",
    LIBRARIES: "PDF needs Pango: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
    FONTS: "PDF needs a font with the letters of the language: apt install fonts-noto-cjk",
}
_ONE_AT_A_TIME = threading.Lock()
"""It takes seconds of a core and hundreds of MB; whoever wants many waits."""


class PdfError(Error):
    """PDF cannot be made here; the text says what to install."""


class _Result(msgspec.Struct):
    missing: str = ""
    detail: str = ""
    letters: str = ""


def make_pdf(document: SummaryDocument) -> bytes:
    """Return a document as PDF. Raises `PdfError`."""
    page = whole(document).encode()
    with _ONE_AT_A_TIME:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "inalign.summary.pdf_process"],
                input=page,
                capture_output=True,
                timeout=2 * pdf_process.SECONDS,
                check=False,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise PdfError(f"PDF cannot be made: {problem}") from None
    head, _, made = done.stdout.partition(b"\n")
    if done.returncode or not head:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise PdfError(f"PDF cannot be made: the process ended with {done.returncode} {last[:200]}".rstrip())
    result = msgspec.json.decode(head, type=_Result)
    if result.missing:
        raise PdfError(f"{INSTALL[result.missing]} ({result.detail[:200]})")
    # Letters of others may be in no font of this host; ours are in the words of the language.
    lost = set(result.letters) & words_of(document.language).letters
    if lost:
        raise PdfError(f"{INSTALL[FONTS]} (it has no {''.join(sorted(lost)[:10])})")
    return made
