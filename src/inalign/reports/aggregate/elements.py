"""Tags of an aggregate report -> a tree, mended by what the schema says about where an element belongs.

An element that may not stand where it is opened closes what is in its way; a closing tag closes all that is open in
its element; what no schema knows is opaque, with all that is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from inalign.reports.aggregate.schema import CONTAINERS, LEAVES, PARENTS, SECTIONS
from inalign.reports.flaw import FlawCode, Flaws
from inalign.reports.limits import XmlLimits

BLANKS = " \t\r\n\ufeff"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACES = re.compile(r"""\bxmlns(?::([\w.-]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class Element:
    """An element with its children. `leaf`: it holds a value; `opaque`: no schema knows it, or what is in it."""

    __slots__ = ("children", "leaf", "name", "opaque", "parts", "size", "space", "spaces")

    def __init__(self, name: str, space: str, spaces: Mapping[str, str], *, leaf: bool, opaque: bool) -> None:
        self.name, self.space, self.spaces, self.leaf, self.opaque = name, space, spaces, leaf, opaque
        self.parts: list[str] = []
        self.size = 0
        self.children: list[Element] = []

    @property
    def value(self) -> str:
        """Its own text without blanks around it."""
        return "".join(self.parts).strip(BLANKS)


class Elements:
    """The open elements. `feedback` is the root when it is known, with all its children but the records."""

    def __init__(self, limits: XmlLimits, flaws: Flaws, record: Callable[[Element], None]) -> None:
        self._limits, self._flaws, self._record = limits, flaws, record
        self.feedback: Element | None = None
        self.implicit = False
        self.done = False
        self.stack: list[Element] = []
        self.wrappers: list[str] = []
        self._spaces: Mapping[str, str] = {}
        self._room = (limits.elements, limits.characters)
        self._head_room = self._room

    @property
    def between_records(self) -> bool:
        """Whether the next thing is a child of the root."""
        return not self.done and bool(self.stack) and self.stack[-1] is self.feedback

    def text(self, text: str) -> None:
        """Take text, its references resolved."""
        if CONTROL.search(text):
            self._tell("control characters were left out")
            text = CONTROL.sub("", text)
        if not self.stack:
            if self.feedback is None and text.strip(BLANKS) and not self.wrappers:
                self._tell(f"text before the report was left out: {text.strip(BLANKS)[:60]!r}")
            return
        element = self.stack[-1]
        room = min(self._limits.text - element.size, self._room[1])
        if len(text) > room:
            self._flaws.tell(FlawCode.CUT, f"{element.name}: more text than is read")
            text = text[: max(room, 0)]
        if text:
            self._room = self._room[0], self._room[1] - len(text)
            element.size += len(text)
            element.parts.append(text)

    def open_tag(self, name: str, body: str, literal: str) -> bool:
        """Take an opening tag: name with prefix, attributes, and the tag as it stands. Gives whether it is one."""
        prefix, _, local = name.rpartition(":")
        local = self._folded(local)
        spaces = self.stack[-1].spaces if self.stack else self._spaces
        if "xmlns" in body:
            found = {match[1] or "": match[2] or match[3] or "" for match in _SPACES.finditer(body)}
            spaces = {**spaces, **found}
        space = spaces.get(prefix, "")
        if self.feedback is None and not self._begin(local, space, spaces):
            return True
        if not self.stack:
            return False
        top = self.stack[-1]
        foreign = bool(prefix) and self._foreign(space)
        opaque = foreign or top.opaque or top.name == "extension"
        if local == "feedback" and not opaque:
            self._tell("feedback within feedback")
            return False
        if local in SECTIONS and opaque and not foreign and all(one.name != "extension" for one in self.stack):
            opaque = False  # some unknown element was not closed
        placed = not opaque and local in PARENTS and (self._make_way(local) or not top.leaf)
        if not placed and top.leaf:
            self._tell(f"a bare < was kept: {literal[:60]!r}")
            self.text(literal)
            return False
        opaque = not placed
        parent = self.stack[-1]
        leaf = not opaque and (local in LEAVES or (local in {"dkim", "spf"} and parent.name == "policy_evaluated"))
        self._push(Element(local, space, spaces, leaf=leaf, opaque=opaque))
        return True

    def close_tag(self, name: str, literal: str) -> None:
        """Take a closing tag; `literal` is empty for one that an opening tag brings with it."""
        local = self._folded(name.rpartition(":")[2])
        if not self.stack:
            if local in self.wrappers:
                self.wrappers.remove(local)
            return
        top = self.stack[-1]
        if top.name == local:
            self._pop()
            return
        names = [element.name for element in self.stack]
        if local in names:
            place = len(names) - 1 - names[::-1].index(local)
            self._tell(f"not closed: {', '.join(names[place + 1 :])[:100]}")
            while len(self.stack) > place:
                self._pop()
        elif not literal:
            return  # it was not opened
        elif local in self.wrappers:
            self.wrappers.remove(local)
            self.end(within="")
        elif top.leaf and f"<{name}" in "".join(top.parts):
            self._tell(f"a bare < was kept: {literal[:60]!r}")
            self.text(literal)
        else:
            self._tell(f"</{local[:60]}> closes nothing")
            if top.leaf and (local in LEAVES or local not in PARENTS):
                self._pop()

    def end(self, *, within: str) -> None:
        """No more comes, though the root may be open."""
        names = [element.name for element in self.stack[1 if self.implicit else 0 :]]
        if within or names:
            names = names[-3:] or [within]
            self._flaws.tell(FlawCode.TRUNCATED, f"it ends within {', '.join(names)[:100]}; what is whole was read")
        self.done = True

    # -- the stack

    def _begin(self, local: str, space: str, spaces: Mapping[str, str]) -> bool:
        """Before the root: whether the tag is still to be taken, because the root that it belongs in is missing."""
        self.implicit = local in SECTIONS and local != "record"  # other documents have records, too
        if local != "feedback" and not self.implicit:
            if len(self.wrappers) < self._limits.depth:
                self.wrappers.append(local)
            self._spaces = spaces if len(spaces) <= self._limits.extensions else {}
            return False
        if self.implicit:
            self._flaws.tell(FlawCode.MISSING, "feedback")
        self.feedback = Element("feedback", space, spaces, leaf=False, opaque=False)
        self.stack.append(self.feedback)
        return self.implicit

    def _make_way(self, local: str) -> bool:
        """Close what stands between an element and the one in which it may stand; whether there is one."""
        wanted = PARENTS[local]
        if self.stack[-1].name in wanted:
            return True
        for place in range(len(self.stack) - 2, -1, -1):
            if self.stack[place].name in wanted:
                self._tell(f"not closed before {local}: {', '.join(one.name for one in self.stack[place + 1 :])[:100]}")
                while len(self.stack) > place + 1:
                    self._pop()
                return True
        return False

    def _push(self, element: Element) -> None:
        parent = self.stack[-1]
        if element.name == "record" and parent is self.feedback and not element.opaque:
            self._head_room = self._room
            self._room = (self._limits.elements, self._limits.characters)
        elif self._room[0] > 0:
            parent.children.append(element)
        else:
            self._flaws.tell(FlawCode.CUT, f"{parent.name}: more elements than are read")
        self._room = self._room[0] - 1, self._room[1]
        self.stack.append(element)

    def _pop(self) -> None:
        element = self.stack.pop()
        if not element.leaf and not element.opaque and element.name not in {"reason", "extension"} and element.value:
            self._tell(f"text in {element.name} was left out: {element.value[:60]!r}")
        if element is self.feedback:
            self.done = True
        elif element.name == "record" and not element.opaque and self.stack[-1] is self.feedback:
            self._room = self._head_room
            self._record(element)

    def _folded(self, local: str) -> str:
        lower = local.lower()
        if lower == local or (lower not in PARENTS and lower not in CONTAINERS):
            return local
        self._tell("tags in upper case")
        return lower

    def _foreign(self, space: str) -> bool:
        return bool(space) and self.feedback is not None and space != self.feedback.space and "dmarc" not in space

    def _tell(self, detail: str) -> None:
        self._flaws.tell(FlawCode.MARKUP, detail)
