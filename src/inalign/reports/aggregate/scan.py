"""Text of an aggregate report -> elements, whether it is well-formed or not. Each `record` is given away when it ends.

No document type is obeyed, no entity is known but the five of XML. Names are compared without prefix and case. What
is crossed, missing or bare is mended by the tables of the schema, and told. Linear in the text, and as flat as its
limits: only what is outside the records is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from inalign.reports.aggregate.elements import BLANKS, CONTROL, Element, Elements
from inalign.reports.flaw import FlawCode, Flaws, RefusalCode
from inalign.reports.limits import XmlLimits

_TAG = re.compile(r"<(/?)([^\W\d][\w.:-]*)(\s[^<>]*|/)?>")
_LONGER = re.compile(r"""[^<>"']*["'][^<>]*>""")  # of a tag with `>` in a quoted value
_REFERENCE = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ENDS = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_DECLARATION = re.compile(r"<!\s{0,9}(DOCTYPE|ENTITY|ATTLIST)\b", re.IGNORECASE)
_DECLARED = re.compile(r"<!\s{0,9}(?:ENTITY|ATTLIST)\b|\[[^\]]*%", re.IGNORECASE)
_SUBSET_END = re.compile(r"\]\s{0,99}>")
_HALF_A_TAG = re.compile(r"<(?:[/!?]?[\w.:-]*|[\w.:-]*\s[^<>]*)\Z")
_AFTER = re.compile(r"<!--.*?-->|<\?.*?\?>|</(?:[\w.-]*:)?([\w.-]*)\s*>|[^<]+|<", re.DOTALL)
_MOST_AFTER = 4096  # characters behind the report that are looked at
_MOST_DOCTYPE = 16_384  # characters; real ones have a hundred


class XmlRefusedError(Exception):
    """It will not be read: code and detail."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


class Scanner:
    """Takes text in pieces and tells `elements` what it finds."""

    def __init__(self, limits: XmlLimits, flaws: Flaws, record: Callable[[Element], None]) -> None:
        self.elements = Elements(limits, flaws, record)
        self._limits, self._flaws = limits, flaws
        self._rest = ""
        self._until = ""  # what ends the comment, instruction or CDATA section in which a piece ended
        self._after = ""
        self._bare = 0

    @property
    def between_records(self) -> bool:
        """Whether the next thing is a child of the root."""
        return not self._rest and not self._until and self.elements.between_records

    def scan(self, text: str, *, last: bool = False) -> None:
        """Take the next piece. Raises `RefusedError`."""
        text, self._rest = self._rest + text, ""
        position = 0
        elements = self.elements
        while not elements.done:
            if self._until:
                position = self._skip(text, position)
                if position < 0:
                    return
            start = text.find("<", position)
            if start != position:
                self._take(text[position:] if start < 0 else text[position:start])
            if start < 0:
                return
            tag = _TAG.match(text, start)
            if tag:
                position = self._tag(text, tag)
                continue
            position = self._other(text, start, last=last)
            if position < 0:
                self._rest = text[start:]
                return
        if len(self._after) < _MOST_AFTER:
            self._after += text[position : position + _MOST_AFTER]

    def close(self) -> None:
        """The text has ended. Raises `RefusedError`."""
        self.scan("", last=True)
        if self.elements.done:
            self._judge_what_follows()
        elif self.elements.feedback is not None:
            self.elements.end(within="a comment" if self._until else "")

    # -- between tags

    def _take(self, text: str) -> None:
        if not text.strip(BLANKS):
            return
        if "&" in text:
            if text.count("&") > sum(1 for _ in _REFERENCE.finditer(text)):
                self._tell(f"a bare & was kept: {text.strip()[:60]!r}")
            text = _REFERENCE.sub(self._reference, text)
        self.elements.text(text)

    def _reference(self, match: re.Match[str]) -> str:
        if match[3]:
            return _NAMED[match[3]]
        number = int(match[1]) if match[1] else int(match[2], 16)
        if number > 0x10FFFF or CONTROL.match(chr(number)):
            self._tell(f"a reference to no character was kept: {match[0]}")
            return match[0]
        return chr(number)

    # -- tags and what looks like them

    def _tag(self, text: str, tag: re.Match[str]) -> int:
        closing, name, body = tag.groups()
        end = tag.end()
        if closing:
            self.elements.close_tag(name, tag[0])
            return end
        while body and len(body) < self._limits.tag and (body.count('"') % 2 or body.count("'") % 2):
            longer = _LONGER.match(text, end)
            if not longer:
                break
            body, end = body + ">" + longer[0][:-1], longer.end()
        if len(self.elements.stack) >= self._limits.depth:
            raise XmlRefusedError(RefusalCode.TOO_DEEP, f"elements in more than {self._limits.depth} others")
        opened = self.elements.open_tag(name, (body or "")[: self._limits.tag], tag[0])
        if opened and body and body.endswith("/"):
            self.elements.close_tag(name, "")
        return end

    def _other(self, text: str, start: int, *, last: bool) -> int:
        """A `<` with which no tag begins. Gives where to go on; -1: more text is needed."""
        for opener, ending in _ENDS.items():
            if text.startswith(opener, start):
                self._until = ending
                return start + len(opener)
        if _DECLARATION.match(text, start):
            return self._doctype(text, start, last=last)
        stop = text.find("<", start + 1)
        end = text.find(">", start + 1, stop if stop >= 0 else len(text))
        if end < 0 and stop < 0:
            if not last and len(text) - start < self._limits.tag:
                return -1
            if last and _HALF_A_TAG.match(text, start):
                return len(text)
        if end > 0:
            tag = _TAG.fullmatch(CONTROL.sub("", text[start : end + 1]))
            if tag:
                self._tell(f"control characters in the tag {tag[0][:60]} were left out")
                self._tag(tag[0], tag)
                return end + 1
        self._bare += 1
        if self._bare > self._limits.bare:
            raise XmlRefusedError(RefusalCode.MALFORMED, f"more than {self._limits.bare} times a < without a tag")
        if self.elements.feedback is not None:
            self._tell(f"a bare < was kept: {text[start : start + 60]!r}")
        self.elements.text("<")
        return start + 1

    def _doctype(self, text: str, start: int, *, last: bool) -> int:
        end = text.find(">", start)
        if "[" in text[start : end if end > 0 else start + _MOST_DOCTYPE]:
            subset = _SUBSET_END.search(text, start, start + _MOST_DOCTYPE)
            end = subset.end() - 1 if subset else -1
        whole = end > 0 or last or len(text) - start >= _MOST_DOCTYPE
        if _DECLARED.search(text, start, end if end > 0 else start + _MOST_DOCTYPE):
            raise XmlRefusedError(RefusalCode.ENTITIES, "its document type declares entities or attributes")
        if end < 0 and whole:
            raise XmlRefusedError(RefusalCode.MALFORMED, "a document type without an end")
        return end + 1 if end > 0 else -1

    def _skip(self, text: str, position: int) -> int:
        """Past a comment, instruction or CDATA section; -1: it does not end in this piece."""
        end = text.find(self._until, position)
        if self._until == "]]>":
            self.elements.text(text[position : end if end >= 0 else max(position, len(text) - 2)])
        if end < 0:
            self._rest = text[max(position, len(text) - 2) :]
            return -1
        end += len(self._until)
        self._until = ""
        return end

    def _judge_what_follows(self) -> None:
        wrappers = list(self.elements.wrappers)
        for match in _AFTER.finditer(self._after[:_MOST_AFTER]):
            if match[1] is not None and match[1] in wrappers:
                wrappers.remove(match[1])
            elif not match[0].startswith(("<!--", "<?")) and match[0].strip(BLANKS):
                self._flaws.tell(FlawCode.AFTER, f"after the report: {self._after.strip(BLANKS)[:60]!r}")
                return
        if wrappers:
            self._tell(f"{wrappers[-1]} is not closed")

    def _tell(self, detail: str) -> None:
        self._flaws.tell(FlawCode.MARKUP, detail)
