"""Who may see and change what: users, their sessions and tokens, and what was done, in the control state.

Secrets that are handed out (sessions, tokens, links) are 256 random bits, of which only a hash is kept: whoever reads
the file can use none of them.
"""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum

import msgspec
from msgspec import Struct

from inalign.store.state.control import Control

LINK_SECONDS = 86_400
"""How long a one-time link may be used."""
SEEN_SECONDS = 60.0
"""How exactly the last use of a session is kept; finer would write at every request."""
AUDIT_ENTRIES = 100_000
"""Kept, at most: what outsiders do (attempts to sign in) is among them."""


class Role(StrEnum):
    """What a user may do; each may also do what those before it may."""

    READER = "reader"
    EDITOR = "editor"
    """Change what is known of the user's domains, and have reports read again."""
    ADMIN = "admin"
    """Users, tokens, and what concerns all domains."""

    def may(self, role: Role) -> bool:
        """Whether this role has the rights of that one."""
        order = list(Role)
        return order.index(self) >= order.index(role)


Domains = tuple[str, ...] | None
"""A scope: the domains, with all below them; None: all there are."""


class User(Struct, frozen=True, kw_only=True):
    """A user of the web pages, with role and scope."""

    name: str
    role: Role
    domains: Domains = None
    password: str = ""
    """Its Argon2 hash; empty: nobody can sign in with a password yet."""
    subject: str = ""
    """Who it is at a provider of OpenID Connect: issuer, blank, subject."""
    made: float = 0.0


class UserSession(Struct, frozen=True, kw_only=True):
    """A user who is signed in with a browser."""

    user: str
    made: float
    seen: float
    address: str = ""


class Token(Struct, frozen=True, kw_only=True):
    """What a program signs in with; it may never do more than its user."""

    name: str
    user: str
    role: Role
    domains: Domains = None
    made: float
    expires: float


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Something that was done."""

    at: float
    who: str
    act: str
    about: str = ""
    address: str = ""


class _Link(Struct, frozen=True):
    expires: float


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def narrowed(domains: Domains, to: Domains) -> Domains:
    """What is in both scopes."""
    if domains is None or to is None:
        return to if domains is None else domains
    return tuple(
        sorted({a for a in domains for b in to if _within(a, b)} | {b for a in domains for b in to if _within(b, a)})
    )


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


class Accounts:
    """Users and what belongs to them. Everything raises `ControlError` where the file cannot be read or written."""

    def __init__(self, control: Control) -> None:
        self._control = control

    # Users

    def users(self) -> list[User]:
        """Return all users, ordered by name."""
        rows = self._control.ask("SELECT name, record FROM users ORDER BY name")
        return [msgspec.json.decode(record, type=User) for _, record in rows]

    def user(self, name: str) -> User | None:
        """Return the user called `name`, or None."""
        rows = self._control.ask("SELECT name, record FROM users WHERE name = ?", [name])
        return msgspec.json.decode(rows[0][1], type=User) if rows else None

    def none_yet(self) -> bool:
        """Whether there is no user at all."""
        return not self._control.ask("SELECT name, record FROM users LIMIT 1")

    def write_user(self, user: User) -> None:
        """Keep it in place of what was there; whoever is signed in as it must do so again."""
        with self._control.change() as connection:
            connection.execute("INSERT OR REPLACE INTO users VALUES (?, ?)", (user.name, msgspec.json.encode(user)))
            connection.execute("DELETE FROM sessions WHERE user = ?", (user.name,))

    def remove_user(self, name: str) -> None:
        """With sessions, tokens and links."""
        with self._control.change() as connection:
            for sql in (
                "DELETE FROM users WHERE name = ?",
                "DELETE FROM sessions WHERE user = ?",
                "DELETE FROM tokens WHERE user = ?",
                "DELETE FROM links WHERE user = ?",
            ):
                connection.execute(sql, (name,))

    # Sessions

    def open_session(self, user: str, now: float, address: str, *, longest: float) -> str:
        """A new session; what the browser keeps is returned. Those older than `longest` seconds are forgotten."""
        secret = secrets.token_urlsafe(32)
        session = UserSession(user=user, made=now, seen=now, address=address)
        with self._control.change() as connection:
            connection.execute("DELETE FROM sessions WHERE at < ?", (now - longest,))
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hash(secret), user, now, msgspec.json.encode(session))
            )
        return secret

    def session(self, secret: str, now: float, *, idle: float, longest: float) -> UserSession | None:
        """The session, where it has not ended: by `idle` seconds without use, or `longest` seconds after its begin."""
        key = _hash(secret)
        rows = self._control.ask("SELECT id, record FROM sessions WHERE id = ?", [key])
        if not rows:
            return None
        session = msgspec.json.decode(rows[0][1], type=UserSession)
        if now - session.seen > idle or now - session.made > longest:
            self.close_session(secret)
            return None
        if now - session.seen > SEEN_SECONDS:
            seen = msgspec.json.encode(msgspec.structs.replace(session, seen=now))
            with self._control.change() as connection:
                connection.execute("UPDATE sessions SET record = ? WHERE id = ?", (seen, key))
        return session

    def sessions(self, user: str) -> list[UserSession]:
        """Those of a user."""
        rows = self._control.ask("SELECT id, record FROM sessions WHERE user = ? ORDER BY at", [user])
        return [msgspec.json.decode(record, type=UserSession) for _, record in rows]

    def close_session(self, secret: str) -> None:
        """It counts no more."""
        with self._control.change() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (_hash(secret),))

    def close_sessions(self, user: str) -> None:
        """All of a user."""
        with self._control.change() as connection:
            connection.execute("DELETE FROM sessions WHERE user = ?", (user,))

    # Tokens

    def make_token(self, token: Token) -> str:
        """The secret; it cannot be had again."""
        secret = f"inalign_{secrets.token_urlsafe(32)}"
        with self._control.change() as connection:
            connection.execute(
                "INSERT INTO tokens VALUES (?, ?, ?)", (_hash(secret), token.user, msgspec.json.encode(token))
            )
        return secret

    def token(self, secret: str, now: float) -> Token | None:
        """What it stands for, until it expires."""
        rows = self._control.ask("SELECT id, record FROM tokens WHERE id = ?", [_hash(secret)])
        token = msgspec.json.decode(rows[0][1], type=Token) if rows else None
        return token if token is not None and now < token.expires else None

    def tokens(self) -> list[tuple[str, Token]]:
        """All, with what each is removed by."""
        rows = self._control.ask("SELECT id, record FROM tokens ORDER BY user, id")
        return [(key[:12], msgspec.json.decode(record, type=Token)) for key, record in rows]

    def remove_token(self, key: str) -> bool:
        """Whether there was one of this key."""
        with self._control.change() as connection:
            return connection.execute("DELETE FROM tokens WHERE substr(id, 1, 12) = ?", (key,)).rowcount > 0

    # One-time links

    def make_link(self, user: str, now: float) -> str:
        """The secret of a link with which a user sets a password; one made before counts no more."""
        secret = secrets.token_urlsafe(32)
        with self._control.change() as connection:
            connection.execute("DELETE FROM links WHERE user = ?", (user,))
            record = msgspec.json.encode(_Link(now + LINK_SECONDS))
            connection.execute("INSERT INTO links VALUES (?, ?, ?)", (_hash(secret), user, record))
        return secret

    def linked(self, secret: str, now: float) -> str:
        """The user of a link that still counts, or nothing."""
        rows = self._control.ask("SELECT user, record FROM links WHERE id = ?", [_hash(secret)])
        return rows[0][0] if rows and now < msgspec.json.decode(rows[0][1], type=_Link).expires else ""

    def take_link(self, secret: str, now: float) -> str:
        """Likewise, and it counts no more: of two who use it one gets the user."""
        user = self.linked(secret, now)
        with self._control.change() as connection:
            taken = connection.execute("DELETE FROM links WHERE id = ?", (_hash(secret),)).rowcount
        return user if taken else ""

    # Keys of our own

    def stored_secret(self, name: str) -> bytes:
        """256 random bits, made when they are first asked for, and the same ever after."""
        with self._control.change() as connection:
            connection.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(32)))
            (value,) = connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return bytes(value)

    # What was done

    def note(self, entry: AuditEntry) -> None:
        """Keep it; the oldest ones are forgotten."""
        with self._control.change() as connection:
            connection.execute("INSERT INTO audit (record) VALUES (?)", (msgspec.json.encode(entry),))
            connection.execute("DELETE FROM audit WHERE number <= last_insert_rowid() - ?", (AUDIT_ENTRIES,))

    def audit(self, limit: int = 200) -> list[AuditEntry]:
        """Return up to `limit` entries of the audit log, the newest first."""
        rows = self._control.ask("SELECT '', record FROM audit ORDER BY number DESC LIMIT ?", [limit])
        return [msgspec.json.decode(record, type=AuditEntry) for _, record in rows]
