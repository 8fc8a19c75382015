"""A mailbox that is read over IMAP: what is new goes to the spool, and only then is it flagged, moved or deleted.

One mail never hinders the others: what is too large, or cannot be fetched, is told once and stays where it is. While
the spool is full the run ends, and everything stays on the server. The server tells of new mail (IDLE), or it is
asked every `poll_seconds`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec

from inalign.errors import TransportError
from inalign.intake.imap_session import ImapMessage, ImapOptions, ImapSession, MessageError
from inalign.intake.oauth import Tokens
from inalign.intake.source import Desk, now
from inalign.spool.deliveries import Delivery, SpoolFull, SpoolUnavailable
from inalign.spool.provenance import Provenance

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_TRIES = 5
"""Runs in which a mail that cannot be fetched is tried."""
MAX_LEFT = 10_000
"""Mails that are remembered as left; of more, the oldest are looked at again."""
MAX_IDLE_SECONDS = 1500.0
"""RFC 2177 section 3: a server may end an IDLE of 30 minutes."""
BATCH = 100
"""Mails between two notes of where we are; after a crash so many are taken once more, and known as duplicates."""


class Cursor(msgspec.Struct):
    """Where a mailbox goes on."""

    validity: int = 0
    last: int = 0
    """The highest UID that was looked at; it counts only where the folder is left as it is."""
    left: dict[int, int] = {}
    """UIDs that stay in the folder, and how often each was tried."""
    taken: set[int] = set()
    """UIDs that the spool has, and that are still to be flagged, moved or deleted."""

    def forget_others(self, found: Collection[int]) -> None:
        """Remember nothing of mails that are not there any more."""
        self.left = {uid: tries for uid, tries in self.left.items() if uid in found}
        self.taken &= set(found)


class ImapSource:
    """The source."""

    kind = "imap"

    def __init__(self, options: ImapOptions) -> None:
        """Raises `ParseError` for options that would send secrets in the clear."""
        self.options = options
        self.name = options.name
        self._tokens = Tokens(options.oauth) if options.oauth else None
        ImapSession(options, self._tokens)

    async def test(self) -> list[str]:
        """Log in and say what is there. Raises `TransportError`."""
        session = ImapSession(self.options, self._tokens)
        try:
            await _apart(session.open)
            return await _apart(session.describe)
        finally:
            await _apart(session.logout)

    async def run(self, desk: Desk) -> None:
        """Take what is there and what comes. Raises `TransportError`, `SpoolFull`, `SpoolUnavailable`."""
        while True:
            desk.begin()
            session = ImapSession(self.options, self._tokens)
            try:
                await _apart(session.open)
                await self._stay(session, desk)
            finally:
                session.close()
            await asyncio.sleep(self.options.poll_seconds)

    async def _stay(self, session: ImapSession, desk: Desk) -> None:
        """Take what is there; with IDLE, until the server ends the session, as servers do now and then."""
        while True:
            left = await self._take_all(session, desk)
            desk.end(left=left, next_in=self.options.poll_seconds)
            if not session.can_idle:
                await _apart(session.logout)
                return
            try:
                await _apart(session.wait, min(self.options.poll_seconds, MAX_IDLE_SECONDS))
            except TransportError as problem:
                log.info("%s: the session ended: %s", self.name, problem)
                return
            desk.begin()

    async def _take_all(self, session: ImapSession, desk: Desk) -> int:
        """One run; how many mails were left."""
        cursor = _read(desk.record.cursor, session.validity)
        found = await _apart(session.search, cursor.last)
        if self.options.after != "keep":
            cursor.forget_others(frozenset(found))
        again = [uid for uid, tries in cursor.left.items() if tries < MAX_TRIES]
        wanted = sorted({uid for uid in found if uid not in cursor.left} | set(again))
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            sizes = await _apart(session.sizes, batch)
            try:
                for uid in batch:
                    await self._take(session, desk, cursor, uid, sizes.get(uid))
                    cursor.last = max(cursor.last, uid)
            finally:
                cursor.left = dict(sorted(cursor.left.items())[-MAX_LEFT:])
                desk.move(msgspec.json.encode(cursor).decode())
            await desk.save()
        return len(cursor.left)

    async def _take(self, session: ImapSession, desk: Desk, cursor: Cursor, uid: int, size: int | None) -> None:
        """Take one mail, or note that it is left."""
        if size is None:
            cursor.left.pop(uid, None)  # somebody else took it away
            return
        try:
            if size > self.options.max_bytes:
                cursor.left[uid] = MAX_TRIES
                desk.complain(f"message {uid} has {size} octets, more than the limit of {self.options.max_bytes}")
                return
            mail = None if uid in cursor.taken else await _apart(session.fetch, uid)
            if mail is not None:
                await self._hand_in(desk, mail, uid)
                cursor.taken.add(uid)
            if uid in cursor.taken:
                await _apart(session.let_go, uid)
                cursor.taken.discard(uid)
            cursor.left.pop(uid, None)
        except MessageError as problem:
            cursor.left[uid] = cursor.left.get(uid, 0) + 1
            desk.complain(str(problem))

    async def _hand_in(self, desk: Desk, mail: ImapMessage, uid: int) -> None:
        """To the spool. Raises `MessageError` where it is this mail alone that cannot be handed in."""
        provenance = Provenance(name=f"{uid}.eml", source=self.name, received=mail.arrived or now())
        try:
            await desk.take(Delivery(content=mail.content, provenance=provenance))
        except (SpoolFull, SpoolUnavailable):
            raise
        except Exception as problem:
            log.exception("%s: message %s", self.name, uid)
            raise MessageError(f"message {uid}: {problem}") from None


def _read(text: str, validity: int) -> Cursor:
    """Where we were; from the beginning, where the UIDs are not those of then (RFC 3501 section 2.3.1.1)."""
    try:
        cursor = msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError:
        return Cursor(validity)
    return cursor if cursor.validity == validity else Cursor(validity)


async def _apart(function: Callable[..., T], *arguments: object) -> T:
    """Call what blocks in a thread of its own, which nobody waits for when we are cancelled or the process ends.

    The threads of the event loop's pool are few, and a mailbox may wait in one for half an hour.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T is None

    def work() -> None:
        result, problem = None, None
        try:
            result = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=work, daemon=True, name=f"imap {getattr(function, '__name__', '')}").start()
    return await future
