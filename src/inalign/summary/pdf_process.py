"""The process that makes a PDF: HTML comes in, a line of JSON and the PDF go out; WeasyPrint is imported here alone.

What reporters wrote meets libraries in C here, which have crashed on less (a host without fonts, say). So it is not the
process that has the store, it opens nothing but fonts, and it has its limits.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import resource
import sys
import warnings

SECONDS = 120
"""Of a core; a report of 30 domains takes 15."""
OCTETS = 2 << 30
"""Of memory; the same report takes 400 MB, most of it addresses that are never touched."""
WEASYPRINT, LIBRARIES, FONTS = "weasyprint", "libraries", "fonts"
"""What may be missing."""
_NO_FONTS = ("No fonts configured", "FontConfig cannot load")


class Letters(logging.Handler):
    """Gathers the letters that WeasyPrint found in no font, from its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(".notdef") and isinstance(record.args, tuple) and record.args:
            self.found.add(str(record.args[0]))


def make(page: str) -> tuple[dict[str, str], bytes]:
    """What is missing, and the PDF, as far as it could be made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in _NO_FONTS:
            warnings.filterwarnings("error", text)  # it would crash later
        try:
            from weasyprint import HTML  # noqa: PLC0415 - an extra, and a second to import
            from weasyprint.urls import URLFetcher  # noqa: PLC0415
        except ImportError as problem:
            return {"missing": WEASYPRINT, "detail": str(problem)}, b""
        except OSError as problem:  # of cffi, which opens the libraries
            return {"missing": LIBRARIES, "detail": str(problem).partition("\n")[0]}, b""
        except Warning as problem:
            return {"missing": FONTS, "detail": str(problem)}, b""
        letters = Letters()
        log = logging.getLogger("weasyprint")
        log.handlers, log.propagate = [letters], False
        made: bytes = HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=())).write_pdf(pdf_tags=True)
    return {"letters": "".join(sorted(letters.found))}, made


def main() -> None:
    """From standard input to standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (OCTETS, OCTETS))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints how to install it
        result, made = make(sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + made)


if __name__ == "__main__":
    main()
