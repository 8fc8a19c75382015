r"""Mailboxes of an originator field, read strictly (RFC 5322 sections 3.4 and 4.4, RFC 6532 section 3.2, RFC 6854).

The parser answers one question: whose domains stand in this field, and would every reader say the same? So it takes
all of the current and the obsolete grammar, and refuses on top what readers are known to disagree about, with
`AmbiguousError`:

- a route, `<@a,@b:c@d>` (RFC 5322 section 4.4): some take a domain of the route for the author's;
- blanks or comments within a domain behind its second label, `a@one.example .two.example`: some stop there;
- an encoded-word in a local part (RFC 2047 section 5 forbids it): some decode it before they look for the address;
- a quoted local part with `@`, `<` or `>` in it: some look for those without regard to quotes;
- `\` behind an octet that is no UTF-8: in Shift_JIS and GBK it can be the second half of a character.

Three things are taken though the grammar refuses them, since no reader makes another domain of them: dots anywhere in
a display name (`.NET News`), dots at any place of a local part (`a..b.@docomo.ne.jp`, handed out for years by Japanese
carriers), and octets in a display name or comment that are no UTF-8.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inalign.errors import LimitError, ParseError
from inalign.mail.lexical import ATOM, QUOTED_STRING, skip_cfws, unfold, unquote

MAX_MAILBOXES = 100  # one From field; RFC 9989 section 11.5 asks for a limit, and real mail has one or two

_WORD = re.compile(rf"[ \t]*+(?:({ATOM.pattern}|\.+)|{QUOTED_STRING.pattern})")
# What most mail has, `"Some Name" <user@example.org>`, in a fraction of the time that the reader below takes.
_PLAIN = re.compile(
    rb" *+(?:\x22[ !#-\[\]-~]*+\x22 *+|[0-9A-Za-z!#$%&'*+./=?^_`{|}~ -]*+)"
    rb"<([0-9A-Za-z!#$%&'*+/^_`{|}~-]++(?:\.[0-9A-Za-z!#$%&'*+/^_`{|}~-]++)*)@([0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*)>"
)
_DOMAIN_LITERAL = re.compile(r"\[[^][\\]*\]")
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[BbQq]\?")
_NO_UTF8_THEN_BACKSLASH = re.compile(r"[\udc80-\udcff]\\")


class MailboxError(ParseError):
    """The text is no list of mailboxes."""


class AmbiguousError(MailboxError):
    """Readers do not agree on whose address this is."""


class Mailbox(NamedTuple):
    """One mailbox of an address list: display name, local part and domain."""

    local_part: str
    """Without quotes and quoted pairs, comments and blanks."""
    domain: str
    """As written, without comments and blanks; an address literal with its brackets."""


def parse_mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    """Read the mailboxes of a From value, those of groups included, in order. May give none (an empty group).

    Raises `ParseError` for text outside the grammar and `AmbiguousError` for what the module text names.
    """
    plain = _PLAIN.fullmatch(value)
    if plain is not None:
        return (Mailbox(plain[1].decode("ascii"), plain[2].decode("ascii")),)
    text = unfold(value)
    if _NO_UTF8_THEN_BACKSLASH.search(text):
        raise AmbiguousError("a backslash behind an octet that is no UTF-8: a quoted pair, or half of a character")
    reader = _MailboxReader(text)
    reader.read_list()
    return tuple(reader.mailboxes)


class _MailboxReader:
    """A position in the text that only moves forward."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.mailboxes: list[Mailbox] = []

    def read_list(self) -> None:
        """address-list, with the null members of RFC 5322 section 4.4."""
        is_in_group = False
        while True:
            words = self.read_words()
            special = self.take()
            if special == ":" and words and not is_in_group:
                is_in_group = True
                continue
            if special in ("<", "@"):
                self.add(self.read_angle_address() if special == "<" else self.read_address(words))
                special = self.take()
            elif words:
                raise MailboxError(f"a name without an address before {self.place()} (RFC 5322 section 3.4)")
            if special == ";" and is_in_group:
                is_in_group = False
                special = self.take()
            if special == "" and not is_in_group:
                return
            if special != ",":
                raise MailboxError(f"{special or 'the end'!r} does not fit at {self.place()} (RFC 5322 section 3.4)")

    def read_angle_address(self) -> Mailbox:
        """What follows `<`, with its `>`."""
        words = self.read_words()
        special = self.take()
        if special == "@" and not words:
            raise AmbiguousError("a route in angle brackets (RFC 5322 section 4.4)")
        if special != "@":
            raise MailboxError(f"no address in the angle brackets before {self.place()} (RFC 5322 section 3.4)")
        mailbox = self.read_address(words)
        if self.take() != ">":
            raise MailboxError(f"no '>' behind the address at {self.place()} (RFC 5322 section 3.4)")
        return mailbox

    def read_address(self, words: list[str]) -> Mailbox:
        """What follows `@`, when `words` stood before it."""
        return Mailbox(_local_part(words), self.read_domain())

    def read_words(self) -> list[str]:
        """Atoms, quoted strings (with their quotes) and runs of dots, up to a special or the end."""
        words: list[str] = []
        while True:
            word = _WORD.match(self.text, self.position)
            if word is None:
                position = skip_cfws(self.text, self.position)
                if position == self.position or not _WORD.match(self.text, position):
                    self.position = position
                    return words
                self.position = position
                continue
            words.append(word[1] or word[0].lstrip(" \t"))
            self.position = word.end()

    def read_domain(self) -> str:
        """dot-atom, domain-literal or obs-domain (RFC 5322 sections 3.4.1 and 4.4)."""
        text = self.text
        position = skip_cfws(text, self.position)
        literal = _DOMAIN_LITERAL.match(text, position)
        if literal:
            self.position = literal.end()
            return literal[0]
        labels: list[str] = []
        while True:
            label = ATOM.match(text, position)
            if label is None:
                raise MailboxError(f"no domain behind '@' at {position} (RFC 5322 section 3.4.1)")
            labels.append(label[0])
            self.position = position = label.end()
            dot = skip_cfws(text, position)
            if text[dot : dot + 1] != ".":
                return ".".join(labels)
            position = skip_cfws(text, dot + 1)
            if position - label.end() > 1 and len(labels) > 1:
                raise AmbiguousError(f"a blank or comment within a domain at {dot} (RFC 5322 section 4.4)")

    def take(self) -> str:
        """The special that comes next, behind blanks and comments; empty at the end."""
        self.position = skip_cfws(self.text, self.position) + 1
        return self.text[self.position - 1 : self.position]

    def add(self, mailbox: Mailbox) -> None:
        if len(self.mailboxes) == MAX_MAILBOXES:
            raise LimitError(f"more than {MAX_MAILBOXES} addresses in one field")
        self.mailboxes.append(mailbox)

    def place(self) -> int:
        return min(self.position, len(self.text))


def _local_part(words: list[str]) -> str:
    """The local part that `words` make: dots between words (RFC 5322 section 3.4.1), or more of them (see above)."""
    parts: list[str] = []
    was_word = False
    for word in words:
        is_word = word[0] != "."
        if is_word and was_word:
            raise MailboxError(f"two words without a dot before '@': {word[:60]!r} (RFC 5322 section 3.4.1)")
        was_word = is_word
        parts.append(unquote(word[1:-1]) if word[0] == '"' else word)
    if not parts:
        raise MailboxError("no local part before '@' (RFC 5322 section 3.4.1)")
    local_part = "".join(parts)
    if _ENCODED_WORD.search(local_part):
        raise AmbiguousError("an encoded-word in a local part (RFC 2047 section 5)")
    if any(character in local_part for character in "@<>"):
        raise AmbiguousError("'@', '<' or '>' within a quoted local part")
    if not local_part.isascii() and any("\udc80" <= character <= "\udcff" for character in local_part):
        raise MailboxError("a local part that is no UTF-8 (RFC 6532 section 3.2)")
    return local_part
