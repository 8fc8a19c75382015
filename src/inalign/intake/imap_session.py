"""One session with an IMAP server (RFC 3501), blocking: the only place that knows imap-tools.

Messages are known by their UID, which means something only together with the folder's UIDVALIDITY (RFC 3501 section
2.3.1.1). Only what is done here to a message is done: imap-tools expunges the whole folder when it sets a flag, so
flags are set here, and only the one message is expunged where the server can do that (UIDPLUS, RFC 4315).
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError
from imap_tools.utils import encode_folder

from inalign.errors import Error, ParseError, TransportError
from inalign.intake.oauth import OAuthOptions, Tokens, is_loopback
from inalign.settings.secret import read_secret

TIMEOUT = 60.0
"""For one answer of the server."""
SIZES_AT_ONCE = 200
"""Messages whose size is asked in one command, so that no line gets too long."""


class MessageError(Error):
    """The server does not do with this one message what it is asked; the session goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapOptions:
    """A mailbox of the settings."""

    name: str
    host: str
    port: int = 0
    """0: 993, or 143 without TLS from the start."""
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: Path | None = None
    user: str
    password: str = ""
    """A reference, as `secret` has them."""
    oauth: OAuthOptions | None = None
    folder: str = "INBOX"
    after: Literal["seen", "move", "delete", "keep"] = "seen"
    """What becomes of a message that is in the spool."""
    move_to: str = "Inalign"
    poll_seconds: float = 300.0
    idle: bool = True
    max_bytes: int = 50 << 20


class ImapMessage(NamedTuple):
    """A message as the server has it."""

    content: bytes
    arrived: datetime | None


class ImapSession:
    """A connection, logged in, with the folder open."""

    def __init__(self, options: ImapOptions, tokens: Tokens | None) -> None:
        """Raises `ParseError` for a password that would cross the network in the clear."""
        if options.tls == "none" and not is_loopback(options.host):
            raise ParseError(f"{options.host}: without TLS everybody on the way reads the password")
        self._options = options
        self._tokens = tokens
        self._box: BaseMailBox | None = None
        self.validity = 0
        self.capabilities: frozenset[str] = frozenset()

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of new mail by itself."""
        return self._options.idle and "IDLE" in self.capabilities

    def open(self) -> None:
        """Connect, log in, open the folder. Raises `TransportError`."""
        options = self._options
        with self._explained():
            box = self._box = self._connect()
            self._learn(box)
            self._login(box)
            self._learn(box)
        with self._explained():
            try:
                box.folder.set(options.folder)
            except ImapToolsError:
                names = ", ".join(each.name for each in box.folder.list()[:50])
                raise TransportError(f"{options.host} has no folder {options.folder!r}; there are {names}") from None
            self.validity = box.folder.status(options.folder, ["UIDVALIDITY"]).get("UIDVALIDITY", 0)
            if options.after == "move" and not box.folder.exists(options.move_to):
                box.folder.create(options.move_to)

    def _connect(self) -> BaseMailBox:
        options = self._options
        if options.tls == "none":
            return MailBoxUnencrypted(options.host, options.port or 143, timeout=TIMEOUT)
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.tls == "starttls":
            return _StartTls(options.host, options.port or 143, context)
        return MailBox(options.host, options.port or 993, timeout=TIMEOUT, ssl_context=context)

    def _learn(self, box: BaseMailBox) -> None:
        _, data = box.client.capability()
        words = b" ".join(line for line in data if isinstance(line, bytes))
        self.capabilities = frozenset(words.decode("ascii", "replace").upper().split())

    def _login(self, box: BaseMailBox) -> None:
        user = self._options.user
        if self._tokens is None:
            password = read_secret(self._options.password)
            if user.isascii() and password.isascii():
                box.login(user, password, None)
            else:
                box.login_utf8(user, password, None)
            return
        token = self._tokens.token()
        bearer = "AUTH=OAUTHBEARER" in self.capabilities
        refusal = b""

        def answer(challenge: bytes) -> bytes:
            nonlocal refusal
            if challenge:
                refusal = challenge  # RFC 7628 section 3.2.3: why not; an answer is due before the server says no
                return b"\x01" if bearer else b""
            if not bearer:
                return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
            name = user.replace("=", "=3D").replace(",", "=2C")
            port = box.client.port
            # RFC 7628 section 3.1
            return f"n,a={name},\x01host={self._options.host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()

        try:
            box.client.authenticate("OAUTHBEARER" if bearer else "XOAUTH2", answer)
        except imaplib.IMAP4.error as problem:
            self._tokens.forget()
            raise TransportError(f"{self._options.host} refuses the token: {problem} {refusal.decode()}") from None

    def search(self, above: int) -> list[int]:
        """The UIDs of the messages to take, ascending; in a folder that is left as it is, those above the last one."""
        criteria = {"seen": "UNSEEN UNDELETED", "keep": f"UID {above + 1}:*"}.get(self._options.after, "UNDELETED")
        with self._explained():
            found = sorted(int(uid) for uid in self._opened.uids(criteria, charset=None))
        # RFC 3501 section 6.4.8: `*` is the last message, even where it is below the first number
        return [uid for uid in found if uid > above] if self._options.after == "keep" else found

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """The sizes of messages; of those that are not there any more none."""
        found: dict[int, int] = {}
        with self._explained():
            for start in range(0, len(uids), SIZES_AT_ONCE):
                chosen = ",".join(map(str, uids[start : start + SIZES_AT_ONCE]))
                for text in _texts(self._opened.client.uid("FETCH", chosen, "(RFC822.SIZE)")):
                    uid, size = _UID.search(text), _SIZE.search(text)
                    if uid and size:
                        found[int(uid[1])] = int(size[1])
        return found

    def fetch(self, uid: int) -> ImapMessage | None:
        """A message, which stays as it is; None where it is not there any more. Raises `MessageError`."""
        with self._explained(f"message {uid}"):
            answer = self._opened.client.uid("FETCH", str(uid), "(INTERNALDATE BODY.PEEK[])")
            for part in _expect_ok(answer):
                if isinstance(part, tuple) and b"BODY[]" in part[0].upper():
                    return ImapMessage(part[1], _internal_date(part[0]))
        return None

    def let_go(self, uid: int) -> None:
        """Do with a message that is in the spool what the settings say. Raises `MessageError`."""
        with self._explained(f"message {uid}"):
            client = self._opened.client
            after = self._options.after
            if after == "seen":
                _expect_ok(client.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)"))
            elif after == "move" and "MOVE" in self.capabilities:  # RFC 6851
                _expect_ok(client.uid("MOVE", str(uid), encode_folder(self._options.move_to).decode("ascii")))
            elif after in ("move", "delete"):
                if after == "move":
                    _expect_ok(client.uid("COPY", str(uid), encode_folder(self._options.move_to).decode("ascii")))
                _expect_ok(client.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)"))
                if "UIDPLUS" in self.capabilities:
                    _expect_ok(client.uid("EXPUNGE", str(uid)))
                else:
                    _expect_ok(client.expunge())

    def wait(self, seconds: float) -> None:
        """Return when the server tells of something, or after so many seconds. Raises `TransportError`."""
        idle, client = self._opened.idle, self._opened.client
        with self._explained():
            idle.start()  # type: ignore[no-untyped-call]  # imap-tools leaves both without types
            try:
                if not _is_line_at_hand(client):
                    idle.poll(timeout=seconds)
            finally:
                idle.stop()  # type: ignore[no-untyped-call]

    def describe(self) -> list[str]:
        """What is seen: folders, how many messages, the newest one."""
        options, box = self._options, self._opened
        with self._explained():
            lines = [f"{options.host}: logged in as {options.user}, {self._transport()}"]
            lines.append("folders: " + ", ".join(each.name for each in box.folder.list()[:50]))
            status = box.folder.status(options.folder, ["MESSAGES", "UNSEEN"])
            lines.append(f"{options.folder}: {status.get('MESSAGES', 0)} mails, {status.get('UNSEEN', 0)} unread")
            newest = next(iter(box.fetch(reverse=True, limit=1, mark_seen=False, headers_only=True)), None)
            if newest is not None:
                lines.append(f"the newest: {newest.subject!r} of {newest.date:%Y-%m-%d %H:%M}, from {newest.from_}")
                said = dict(newest.headers).get("authentication-results", ("",))[0].partition(";")[0].strip()
                if said:
                    name = "-" if "=" in said else said
                    lines.append(f"its server calls itself {name!r} (intake.authserv_ids)")
            lines.append(f"to take: {len(self.search(0))}")
        return lines

    def _transport(self) -> str:
        stream = self._opened.client.sock
        return f"{stream.version()}" if isinstance(stream, ssl.SSLSocket) else "without TLS"

    def close(self) -> None:
        """End the connection, also one that another thread waits on; never raises, never waits."""
        if self._box is not None:
            client = self._box.client
            with contextlib.suppress(OSError):
                client.sock.shutdown(socket.SHUT_RDWR)
            # The thread that reads holds a lock until it sees that.
            threading.Thread(target=_forget, args=(client,), daemon=True, name="imap close").start()

    def logout(self) -> None:
        """End it politely; never raises."""
        if self._box is not None:
            with contextlib.suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
                self._box.logout()

    @property
    def _opened(self) -> BaseMailBox:
        if self._box is None:
            raise TransportError("there is no session")
        return self._box

    @contextlib.contextmanager
    def _explained(self, message: str = "") -> Iterator[None]:
        """What imaplib and imap-tools raise, as ours: of one message, or of the session."""
        host = self._options.host
        try:
            yield
        except (imaplib.IMAP4.abort, OSError) as problem:
            raise TransportError(f"{host}: {str(problem) or type(problem).__name__}") from None
        except (imaplib.IMAP4.error, ImapToolsError, ValueError, UnicodeError) as problem:
            if isinstance(problem, Error):
                raise
            if message:
                raise MessageError(f"{message}: {problem}") from None
            raise TransportError(f"{host}: {problem}") from None


def _is_line_at_hand(client: imaplib.IMAP4) -> bool:
    """Whether the server has told something together with its consent to IDLE: that is in a buffer, not in the socket,
    where alone imap-tools looks."""
    stream = client.sock
    timeout = stream.gettimeout()
    stream.settimeout(0)
    try:
        client._get_line()  # noqa: SLF001 - there is no other way to the buffer
    except (OSError, imaplib.IMAP4.error):
        return False  # nothing there; or the end, which the next command meets
    finally:
        stream.settimeout(timeout)
    return True


class _StartTls(MailBoxUnencrypted):
    """As that of imap-tools, and closed where TLS cannot be had."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(host, port, timeout=TIMEOUT)

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        client = super()._get_mailbox_client()
        try:
            client.starttls(self._context)
        except (OSError, imaplib.IMAP4.error):
            _forget(client)
            raise
        return client


def _forget(client: imaplib.IMAP4) -> None:
    with contextlib.suppress(OSError, ValueError):
        client.shutdown()


_UID = re.compile(r"\bUID (\d+)", re.ASCII | re.IGNORECASE)
_SIZE = re.compile(r"\bRFC822\.SIZE (\d+)", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r'INTERNALDATE "([^"]{1,40})"', re.IGNORECASE)


def _expect_ok(answer: tuple[str, Sequence[object]]) -> Sequence[object]:
    status, data = answer
    if status != "OK":
        raise MessageError(
            f"{status} {b' '.join(part for part in data if isinstance(part, bytes)).decode('ascii', 'replace')}"
        )
    return data


def _texts(answer: tuple[str, Sequence[object]]) -> list[str]:
    parts = [part[0] if isinstance(part, tuple) else part for part in _expect_ok(answer)]
    return [part.decode("ascii", "replace") for part in parts if isinstance(part, bytes)]


def _internal_date(text: bytes) -> datetime | None:
    found = _DATE.search(text.decode("ascii", "replace"))
    try:
        return datetime.strptime(found[1].strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC) if found else None
    except ValueError:
        return None
