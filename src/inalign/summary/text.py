"""A report as plain text: for mail programs that show no HTML, and for terminals."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from inalign.summary.blocks import (
    Block,
    Cards,
    ChartBlock,
    Lead,
    ListBlock,
    Notes,
    RecordBlock,
    RowBlock,
    Section,
    TableBlock,
)
from inalign.summary.document import SummaryDocument

WIDTH = 76
"""Columns of a terminal or of quoted mail; letters of East Asia take two."""
GAP = 2


def as_text(document: SummaryDocument) -> str:
    """All of it; control characters of others are shown, not obeyed."""
    lines = [document.title, document.period, document.domains, document.made, ""]
    for section in document.sections:
        lines += _section(section)
    lines += ["", *_title(document.glossary_title)]
    for term, meaning in document.glossary:
        lines += wrapped(f"{term}: {meaning}", hanging=2)
    return "\n".join(visible(line).rstrip() for line in lines) + "\n"


def visible(text: str) -> str:
    """Text of others on a line of its own."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _section(section: Section) -> Iterator[str]:
    head = f"{section.title} [{section.state}]" if section.state else section.title
    yield from ("", head, "=" * min(width_of(head), WIDTH))
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Lead():
            yield ""
            for sentence in block.sentences:
                yield from wrapped(sentence)
        case Cards() | ChartBlock():
            return  # the table of figures has the same; columns of days want a picture
        case TableBlock():
            yield from _title(block.title) if block.title else [""]
            yield from _table(block)
        case RowBlock():
            for table in block.tables:
                yield from _block(table)
        case ListBlock():
            yield from _title(block.title)
            for place, line in enumerate(block.lines, 1):
                mark = f"{place}. " if block.numbered else "- "
                yield from wrapped(mark + line.text, hanging=len(mark))
                if line.page:
                    yield " " * len(mark) + line.page
        case RecordBlock():
            yield f"    {block.name} {block.type} {block.value}"
        case Notes():
            yield from _title(block.title) if block.title else []
            for paragraph in block.paragraphs:
                yield from wrapped(paragraph)


def _title(text: str) -> list[str]:
    return ["", text, "-" * min(width_of(text), WIDTH)]


def _table(table: TableBlock) -> Iterator[str]:
    """In columns where they fit, else each row as a short list."""
    lines = [tuple(table.columns), *table.rows]
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    if sum(widths) + GAP * (len(widths) - 1) <= WIDTH:
        for line in lines:
            yield (" " * GAP).join(
                padded(text, width, right=place in table.numbers)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            )
        return
    for first, *rest in table.rows:
        yield from wrapped(f"* {first}", hanging=2)
        cells = ", ".join(f"{name}: {text}" for name, text in zip(table.columns[1:], rest, strict=True))
        yield from wrapped("  " + cells, hanging=2)


def width_of(text: str) -> int:
    """Columns of a terminal."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter) for letter in text
    )


def padded(text: str, width: int, *, right: bool) -> str:
    """With blanks on one side."""
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def wrapped(text: str, *, hanging: int = 0) -> Iterable[str]:
    """Lines that fit; Japanese has no blanks to break at, and breaks anywhere."""
    if not any(unicodedata.east_asian_width(letter) in "WF" for letter in text):
        return textwrap.wrap(text, WIDTH, subsequent_indent=" " * hanging, break_on_hyphens=False) or [""]
    return _broken(text, " " * hanging)


def _broken(text: str, indent: str) -> Sequence[str]:
    lines, line = [], ""
    for part in _PARTS.findall(text):
        if width_of(line + part) > WIDTH and line.strip() and part not in _NOT_FIRST:
            lines.append(line)
            line = indent + part.lstrip()
        else:
            line += part
    return [*lines, line]


_PARTS = re.compile(r"[!-~]+|.", re.DOTALL)
"""What is not broken: words and numbers in ASCII; else each letter."""
_NOT_FIRST = "、。,.・)」）]:：;!?ー%ぁぃぅぇぉっゃゅょ"
"""Letters that begin no line."""
