"""Octets of an aggregate report -> text, piece by piece, whatever its encoding is or is said to be.

A piece ends behind a `>`, so that no tag and hardly ever a value is divided.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from inalign.reports.flaw import FlawCode, Flaws

BLOCK = 1 << 16
MOST_UNDIVIDED = 1 << 18  # octets without a `>`, after which the text is divided anywhere

_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z][\w.:-]{0,39})""")
# From its beginning on alone: a search at each place of a long text in ASCII would be quadratic.
_NODE = re.compile(rb"(?<![^<>])[^<>\x80-\xff]*+[\x80-\xff][^<>]*+")
_WIDE = frozenset({"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "iso2022_jp_2"})
_SINGLE = "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 koi8-r koi8-u cp437 cp850 cp866 mac-roman"
_SINGLE_OCTET = frozenset({*_SINGLE.split(), *(f"iso8859-{part}" for part in range(2, 17) if part != 12)})
_DOUBLE_OCTET = frozenset({"cp932", "euc_jp", "gb18030", "big5", "euc_kr"})
_STANDS_FOR = {
    "ascii": "utf-8", "iso8859-1": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_2", "iso2022_jp_1": "iso2022_jp_2", "euc_jis_2004": "euc_jp", "cp949": "euc_kr",
    "big5hkscs": "big5", "cp950": "big5", "shift_jisx0213": "cp932", "windows_31j": "cp932",
}  # fmt: skip
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff][\u3001\u3002\u3005\u3040-\u30ff\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_NOT_COMMON = re.compile(r"[\ue000-\uf8ff\ufffd]")


class Decoder:
    """Takes octets in any portions; gives text in pieces of about 64 kB."""

    def __init__(self, flaws: Flaws, declared: str = "utf-8") -> None:
        self._flaws = flaws
        self._held = bytearray()
        self._due = BLOCK
        self._text = ""  # of a wide encoding: what stands behind the last `>`
        self._begun = False
        self._declared = declared
        self._guess = ""
        self._wide: codecs.IncrementalDecoder | None = None

    def feed(self, octets: bytes) -> Iterator[str]:
        """The text that is now whole."""
        self._held += octets
        if len(self._held) >= self._due:
            block = bytes(self._held)
            self._held.clear()
            for start in range(0, len(block), BLOCK):
                yield from self._block(block[start : start + BLOCK], last=False)
            self._due = len(self._held) + BLOCK

    def close(self) -> Iterator[str]:
        """The rest."""
        block = bytes(self._held)
        self._held.clear()
        yield from self._block(block, last=True)

    def _block(self, block: bytes, *, last: bool) -> Iterator[str]:
        if not self._begun:
            self._begun = True
            block = self._begin(block)
        if self._wide is not None:
            yield from self._decoded(self._wide.decode(block, last), last=last)
            return
        block = bytes(self._held) + block
        self._held.clear()
        end = len(block) if last else block.rfind(b">") + 1
        if not end and len(block) > MOST_UNDIVIDED:
            end = len(block)
        self._held += block[end:]
        if end:
            yield self._narrow(block[:end])

    def _decoded(self, text: str, *, last: bool) -> Iterator[str]:
        if "\ufffd" in text:
            self._flaws.tell(FlawCode.ENCODING, f"not all of it is {self._declared}; U+FFFD stands for what is not")
        text = self._text + text
        end = len(text) if last or len(text) > MOST_UNDIVIDED else text.rfind(">") + 1
        self._text = text[end:]
        if end:
            yield text[:end]

    def _begin(self, block: bytes) -> bytes:
        """Find the encoding (XML 1.0 appendix F): byte-order mark, zero octets, declaration; in this order."""
        wide, mark = _sniff(block)
        declared = _DECLARED.search(block[:1024])
        if not wide and declared:
            self._declared = _known(declared[1].decode("ascii"))
        elif not wide and _DECLARED.search(block[:1024].replace(b"\0", b"")) is None and _escaped_japanese(block):
            self._declared = "iso2022_jp_2"
            self._flaws.tell(FlawCode.ENCODING, "an undeclared ISO-2022-JP was seen and read as such")
        if wide:
            self._declared = wide
        if self._declared in _WIDE and (wide or self._declared == "iso2022_jp_2"):
            if self._declared == "iso2022_jp_2" and b"\x1b" not in block and not block.isascii():
                self._declared = "utf-8"  # octets over 127 without an escape are no ISO-2022-JP
            else:
                self._wide = codecs.getincrementaldecoder(self._declared)("replace")
        return block[mark:]

    def _narrow(self, block: bytes) -> str:
        """Text of an encoding in which ASCII is ASCII."""
        try:
            if self._declared not in _DOUBLE_OCTET or block.isascii():
                text = block.decode("utf-8")
                if self._declared not in {"utf-8", "unknown"} and not block.isascii():
                    self._tell("utf-8")
                return text
        except UnicodeDecodeError:
            pass
        return _NODE.sub(lambda node: self.value(node[0]).encode(), block).decode("utf-8", "replace")

    def value(self, octets: bytes) -> str:
        """One value that is not ASCII."""
        utf8 = _strict(octets, "utf-8")
        declared = self._declared
        if utf8 is not None and (declared not in _DOUBLE_OCTET or max(map(ord, utf8)) > 0x7FF):
            if declared not in {"utf-8", "unknown"}:
                self._tell("utf-8")
            return utf8
        text = _strict(octets, declared) if declared in _SINGLE_OCTET | _DOUBLE_OCTET else None
        if text is not None:
            return text
        for name in (self._guess, "cp932", "euc_jp", "cp1252", "latin-1"):
            found = _strict(octets, name) if name else None
            if found is None or (name != self._guess and name in _DOUBLE_OCTET and not _likely(found, name)):
                continue
            if name in _DOUBLE_OCTET:
                self._guess = name
            self._tell(name)
            return found
        return octets.decode("utf-8", "replace")

    def _tell(self, name: str) -> None:
        self._flaws.tell(FlawCode.ENCODING, f"what does not fit {self._declared} was read as {name}")


def value_text(octets: bytes, flaws: Flaws, charset: str = "utf-8") -> str:
    """One value that came by itself, in the encoding that is told or the one that it is seen to be in."""
    codec = "iso2022_jp_2" if _escaped_japanese(octets) else _known(charset)
    if codec == "iso2022_jp_2" and octets.isascii():
        return octets.decode(codec, "replace")
    if octets.isascii():
        return octets.decode("ascii")
    return Decoder(flaws, codec).value(octets)


def _sniff(block: bytes) -> tuple[str, int]:
    """A wide encoding by its first octets, and how many of them are a byte-order mark."""
    padding = len(block) - len(block.lstrip(b"\0"))
    if padding > 1 and 0 not in block[padding : padding + 64]:
        return "", padding
    start = block[:64]
    zeros = start.count(0)
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):  # fmt: skip
        if block.startswith(mark):
            return (name if zeros else ""), len(mark)
    if block.startswith(codecs.BOM_UTF8):
        return "", len(codecs.BOM_UTF8)
    if len(start) >= 8 and 3 * zeros >= len(start):
        quad = 3 * zeros >= 2 * len(start)
        little = start[0] != 0
        return ("utf-32-" if quad else "utf-16-") + ("le" if little else "be"), 0
    return "", 0


def _known(name: str) -> str:
    """The codec of a declared name; `unknown` where there is none, or none that a report could be in."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return "unknown"
    codec = _STANDS_FOR.get(codec, codec)
    usable = codec in _SINGLE_OCTET or codec in _DOUBLE_OCTET or codec in {"utf-8", "iso2022_jp_2"}
    return codec if usable else "unknown"


def _escaped_japanese(block: bytes) -> bool:
    return block.isascii() and (b"\x1b$B" in block or b"\x1b$@" in block)


def _strict(octets: bytes, name: str) -> str | None:
    try:
        text = octets.decode(name)
    except UnicodeDecodeError:
        return None
    return text


def _likely(text: str, name: str) -> bool:
    """Whether a decoded value looks Japanese, and is not some accented letters that also decode."""
    if _NOT_COMMON.search(text):
        return False
    return bool(_JAPANESE.search(text) and (name == "cp932" or _KANA.search(text) or len(text) >= 4))
