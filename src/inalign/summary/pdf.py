"""A report as PDF, by WeasyPrint: the extra `pdf`, with libraries and a font of the system. The only place that
imports it.

What is missing is told with what to install: never a report with boxes in place of letters. Nothing is fetched,
whatever a document names.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator

from inalign.errors import Error
from inalign.summary.document import Document
from inalign.summary.html import whole
from inalign.summary.words import words_of

INSTALL_PYTHON = "pip install 'inalign[pdf]'"
INSTALL_SYSTEM = "apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
INSTALL_FONT = "apt install fonts-noto-cjk"
_ONE_AT_A_TIME = threading.Lock()
"""A report of many domains takes seconds of a core and 100 MB; and what the log tells must be of one report."""


class PdfError(Error):
    """PDF cannot be made here; the text says what to install."""


def make_pdf(document: Document) -> bytes:
    """All of it. Raises `PdfError`."""
    with _ONE_AT_A_TIME, _quiet():
        try:
            from weasyprint import HTML  # noqa: PLC0415 - an extra, and a second to import
            from weasyprint.urls import URLFetcher  # noqa: PLC0415
        except ImportError as problem:
            raise PdfError(f"PDF needs WeasyPrint, which is not here ({problem}): {INSTALL_PYTHON}") from None
        except OSError as problem:  # cffi, which opens the libraries
            raise PdfError(f"PDF needs Pango, which is not here ({_first(problem)}): {INSTALL_SYSTEM}") from None
        with _missing_letters() as missing:
            made: bytes = HTML(string=whole(document), url_fetcher=URLFetcher(allowed_protocols=())).write_pdf(
                pdf_tags=True
            )
    # Letters of others may be in no font of this host; ours are in the words of the language.
    lost = missing & words_of(document.language).letters
    if lost:
        shown = "".join(sorted(lost)[:10])
        raise PdfError(f"PDF in this language needs a font with its letters ({shown} and others): {INSTALL_FONT}")
    return made


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """It prints how to install it, and warns of what comes; neither is for whoever reads our output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


class _Letters(logging.Handler):
    """Gathers the letters that it found in no font."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(".notdef") and isinstance(record.args, tuple) and record.args:
            self.found.add(str(record.args[0]))


@contextlib.contextmanager
def _missing_letters() -> Iterator[set[str]]:
    log = logging.getLogger("weasyprint")
    letters = _Letters()
    handlers, passes_on = log.handlers[:], log.propagate
    log.handlers, log.propagate = [letters], False
    try:
        yield letters.found
    finally:
        log.handlers, log.propagate = handlers, passes_on


def _first(problem: OSError) -> str:
    return str(problem).partition("\n")[0][:200]
