"""Canonicalization, the form of a message that is hashed (RFC 6376 section 3.4), and the hash of the body by chunks.

Header fields are small and come whole. The body comes in chunks of any size and is never kept: what a cut leaves
undecided (a blank that may end its line, a CR that may begin a CRLF, empty lines that may end the body) is held as a
few octets and one counter. All steps are searches and replacements over whole chunks, linear for any input.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from inalign.dkim.algorithm import HashAlgorithm
from inalign.mail.fields import Field

HASHES: dict[HashAlgorithm, Callable[[bytes], hashlib._Hash]] = {
    HashAlgorithm.SHA1: partial(hashlib.sha1, usedforsecurity=False),
    HashAlgorithm.SHA256: hashlib.sha256,
}
"""Makes the hash object of an algorithm, fed with its first octets."""

BLOCK_OCTETS = 65536  # large chunks are worked on in blocks of this size, which stay in the processor's cache


OCTETS_A_RUN = 48  # with more runs of blanks than one in so many octets, whole passes are cheaper than single steps


class Canonicalization(StrEnum):
    """The algorithms of RFC 6376 section 3.4, for header and body alike."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


# ------------------------------------------------------------------------------------------------- header


def relaxed_field(raw: bytes) -> bytes:
    """A header field in the relaxed form, with its CRLF (RFC 6376 section 3.4.2)."""
    name, _, value = raw.partition(b":")
    value = value.replace(b"\r\n", b"")
    if b"  " in value or b"\t" in value:
        value = _collapse(value)
    return name.strip(b" \t").lower() + b":" + value.strip(b" ") + b"\r\n"


_SPACES = re.compile(rb"  +")


def _collapse(octets: bytes) -> bytes:
    """Every run of blanks becomes one space."""
    if b"\t" in octets:
        octets = octets.replace(b"\t", b" ")
    # The search costs far less than the expression, and most of what is large (base64) has no two blanks in a row.
    if b"  " not in octets:
        return octets
    few = len(octets) // OCTETS_A_RUN + 8
    octets, runs = _SPACES.subn(b" ", octets, few)
    if runs == few:
        octets = octets.replace(b"     ", b" ")  # indentation goes in one pass instead of several
        while b"  " in octets:
            octets = octets.replace(b"  ", b" ")
    return octets


# The tag `b` as the first of the list and as a later one. Its value runs to the next semicolon, since none can stand
# within a value (RFC 6376 section 3.2); `z=` may hold a colon, a `b` and an equals sign in a row.
_FIRST_TAG = re.compile(rb"[ \t\r\n]*b[ \t\r\n]*=")
_LATER_TAG = re.compile(rb";[ \t\r\n]*b[ \t\r\n]*=")


def without_signature(raw: bytes) -> bytes:
    """A signature field as it was hashed: the value of `b=` deleted, and the CRLF at the end (RFC 6376 section 3.7)."""
    raw = raw[:-2]
    start = raw.index(b":") + 1
    found = _FIRST_TAG.match(raw, start) or _LATER_TAG.search(raw, start)
    if found is None:
        return raw
    end = raw.find(b";", found.end())
    return raw[: found.end()] + (raw[end:] if end >= 0 else b"")


def signature_octets(raw: bytes, canonicalization: Canonicalization) -> bytes:
    """A signature field as its own hash sees it, in canonical form (RFC 6376 section 3.7, the end of hash step 2)."""
    bare = without_signature(raw)
    return bare if canonicalization is Canonicalization.SIMPLE else relaxed_field(bare)[:-2]


class Header:
    """The header of one message, with each field's relaxed form made once however many signatures cover it."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = fields
        self._relaxed: dict[int, bytes] = {}
        self._places: dict[bytes, list[int]] = {}
        for place, field in enumerate(fields):
            self._places.setdefault(field.key, []).append(place)

    def count(self, name: bytes) -> int:
        """How often the field occurs; `name` in lower case."""
        return len(self._places.get(name, ()))

    def named(self, name: bytes) -> list[Field]:
        """The fields of this name, in lower case, from top to bottom."""
        return [self.fields[place] for place in self._places.get(name, ())]

    def repeated(self) -> list[bytes]:
        """The names of the fields that occur more than once, in lower case."""
        return [name for name, places in self._places.items() if len(places) > 1]

    def canonical(self, place: int, canonicalization: Canonicalization) -> bytes:
        """The field at `place` in canonical form, with its CRLF."""
        if canonicalization is Canonicalization.SIMPLE:
            return self.fields[place].raw  # RFC 6376 section 3.4.1
        relaxed = self._relaxed.get(place)
        if relaxed is None:
            relaxed = self._relaxed[place] = relaxed_field(self.fields[place].raw)
        return relaxed

    def selected_octets(
        self, names: Iterable[bytes], canonicalization: Canonicalization, own: int | None = None
    ) -> bytes:
        """The fields that `h=` names, in canonical form (RFC 6376 section 3.7, the first part of hash step 2).

        `names` are in lower case. Of a repeated name the instances count from the bottom up (section 5.4.2); a name
        without an instance left stands for nothing (section 3.5, `h=`). The signature itself, the field at `own`, is
        never one of them.
        """
        chosen: list[int] = []
        left: dict[bytes, list[int]] = {}
        for name in names:
            places = left.get(name)
            if places is None:
                places = left[name] = list(self._places.get(name, ()))
                if own in places:
                    places.remove(own)
            if places:
                chosen.append(places.pop())
        return b"".join([self.canonical(place, canonicalization) for place in chosen])

    def signed_octets(self, names: Iterable[bytes], canonicalization: Canonicalization, own: int) -> bytes:
        """All that the signature field at `own` signs of the header: the named fields and itself."""
        return self.selected_octets(names, canonicalization, own) + signature_octets(
            self.fields[own].raw, canonicalization
        )


# --------------------------------------------------------------------------------------------------- body


class BodySpec(NamedTuple):
    """One way to hash a body; signatures that agree in it share the work."""

    canonicalization: Canonicalization
    hash_algorithm: HashAlgorithm
    length: int | None = None
    """`l=`: how many octets of the canonical body count, None for all."""


class BodyDigest(NamedTuple):
    """The hash of a body made one way."""

    digest: bytes
    octets: int
    """How many octets were hashed."""
    total: int
    """How many octets the whole canonical body has."""


class BodyHashes:
    """Hashes a body that comes in chunks, in all the ways asked for.

    The chunks may fall anywhere; the digests do not depend on it. Memory does not grow with the body.
    """

    def __init__(self, specs: Iterable[BodySpec]) -> None:
        streams: dict[Canonicalization, _Stream] = {}
        for spec in set(specs):
            stream = streams.get(spec.canonicalization)
            if stream is None:
                stream = streams[spec.canonicalization] = _Stream(spec.canonicalization)
            stream.sinks.append(_Sink(spec))
        self._streams = tuple(streams.values())
        self._digests: dict[BodySpec, BodyDigest] | None = None

    def update(self, chunk: bytes) -> None:
        """Take the next octets of the body."""
        if len(chunk) <= BLOCK_OCTETS:
            for stream in self._streams:
                stream.update(chunk)
            return
        for start in range(0, len(chunk), BLOCK_OCTETS):
            block = chunk[start : start + BLOCK_OCTETS]
            for stream in self._streams:
                stream.update(block)

    def digests(self) -> Mapping[BodySpec, BodyDigest]:
        """End the body and give the digests; more chunks must not follow."""
        if self._digests is None:
            self._digests = {}
            for stream in self._streams:
                stream.finish()
                self._digests.update((sink.spec, sink.digest(stream.total)) for sink in stream.sinks)
        return self._digests


class _Sink:
    """One hash, which stops to listen at `l=` octets."""

    def __init__(self, spec: BodySpec) -> None:
        self.spec = spec
        self._hash = HASHES[spec.hash_algorithm](b"")
        self._left = spec.length

    def take(self, octets: bytes) -> None:
        if self._left is not None:
            octets = octets[: self._left]
            self._left -= len(octets)
        self._hash.update(octets)

    def digest(self, total: int) -> BodyDigest:
        octets = total if self.spec.length is None else min(total, self.spec.length)
        return BodyDigest(self._hash.digest(), octets, total)


class _Stream:
    """The canonical form of a body, chunk by chunk, handed to the sinks as soon as it is certain."""

    def __init__(self, canonicalization: Canonicalization) -> None:
        self.sinks: list[_Sink] = []
        self.total = 0
        self._relaxed = canonicalization is Canonicalization.RELAXED
        self._held = b""  # undecided octets at the end of the last chunk: a blank, a CR, or both
        self._line_ends = 0  # CRLFs before them, which count only if something other than CRLFs follows

    def update(self, chunk: bytes) -> None:
        data = self._held + chunk if self._held else chunk
        if self._relaxed:
            data = _relaxed_lines(data)
        data = self._hold_back(data)
        remaining = len(data)
        line_ends = 0
        if data.endswith(b"\n"):
            line_ends = _line_ends_at_the_end(data)
            remaining -= 2 * line_ends
        if remaining:
            self._emit_line_ends()
            self._emit(data[:remaining])
        self._line_ends += line_ends

    def _hold_back(self, data: bytes) -> bytes:
        """Cut off what the next chunk decides."""
        held = b""
        if data.endswith(b"\r"):
            held = b" \r" if self._relaxed and data.endswith(b" \r") else b"\r"
        elif self._relaxed and data.endswith(b" "):
            held = b" "
        self._held = held
        return data[: len(data) - len(held)] if held else data

    def finish(self) -> None:
        if self._held.endswith(b"\r"):  # a CR alone ends no line; a blank before the end of the body is dropped
            self._emit_line_ends()
            self._emit(self._held)
        # RFC 6376 section 3.4.3: the simple body ends with one CRLF, and an empty one is that CRLF.
        # RFC 6376 section 3.4.4: the relaxed body ends with one, too, yet an empty one is nothing.
        if self.total or not self._relaxed:
            self._emit(b"\r\n")

    def _emit_line_ends(self) -> None:
        while self._line_ends:
            count = min(self._line_ends, BLOCK_OCTETS // 2)
            self._emit(b"\r\n" * count)
            self._line_ends -= count

    def _emit(self, octets: bytes) -> None:
        self.total += len(octets)
        for sink in self.sinks:
            sink.take(octets)


def _relaxed_lines(data: bytes) -> bytes:
    """Blanks reduced and those at the ends of lines deleted (RFC 6376 section 3.4.4, step a)."""
    if b" " in data or b"\t" in data:
        data = _collapse(data)
        if b" \r\n" in data:
            # One search over the data where `replace` makes two, as long as there are few.
            lines = data.split(b" \r\n", len(data) // OCTETS_A_RUN + 8)
            lines[-1] = lines[-1].replace(b" \r\n", b"\r\n")
            data = b"\r\n".join(lines)
    return data


def _line_ends_at_the_end(data: bytes) -> int:
    """How many CRLFs, and nothing else, the data end with."""
    tail = data[len(data.rstrip(b"\r\n")) :]
    marked = tail.replace(b"\r\n", b"\0")  # the tail holds CR and LF alone, so that NUL marks a whole CRLF
    return len(marked) - len(marked.rstrip(b"\0"))
