"""Users, roles, scopes and tokens from text, as it is written in a form of the pages or on the command line."""

from __future__ import annotations

import math
import re

from inalign.errors import ParseError
from inalign.mail.domain import parse_domain
from inalign.store.state.accounts import Domains, Role, Token, User

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
MAX_TOKEN_NAME = 100
MAX_TOKEN_DAYS = 3_650
MAX_DOMAINS = 1_000
"""Of a scope. They are in every query of the user."""


def new_user(name: str, role: str, domains: str, now: float) -> User:
    """Make a user. Raises `ParseError` for a name, a role or domains that are not valid."""
    if not USER_NAME.fullmatch(name):
        raise ParseError(
            f"name: {name[:100]!r} is no name of a user; expected at most 64 letters, digits and ._@+-, "
            "of which the first is a letter or a digit"
        )
    return User(name=name, role=parse_role(role), domains=parse_scope(domains), made=now)


def new_token(name: str, user: User, *, role: str, domains: str, days: str, now: float) -> Token:
    """Make a token of a user, for a purpose and for some days. Raises `ParseError` for what is not valid."""
    if not name or len(name) > MAX_TOKEN_NAME or not name.isprintable():
        raise ParseError(f"name: expected what the token is for, in at most {MAX_TOKEN_NAME} printable characters")
    try:
        span = float(days)
    except ValueError:
        span = math.nan
    if not 0 < span <= MAX_TOKEN_DAYS:
        raise ParseError(f"days: {days[:100]!r} is no number from 1 to {MAX_TOKEN_DAYS}")
    return Token(
        name=name,
        user=user.name,
        role=parse_role(role),
        domains=parse_scope(domains),
        made=now,
        expires=now + span * 86_400,
    )


def parse_role(text: str) -> Role:
    """Return the role of a name. Raises `ParseError` for an unknown one."""
    try:
        return Role(text)
    except ValueError:
        raise ParseError(f"role: {text[:100]!r} is no role; expected one of {', '.join(Role)}") from None


def parse_scope(text: str) -> Domains:
    """Return the domains of a scope, separated by blanks or commas; `*` by itself is all domains.

    An empty text could mean all or none. Raises `ParseError` for it, and for what is not a domain.
    """
    names = re.split(r"[\s,]+", text.strip())
    if names == ["*"]:
        return None
    if len(names) > MAX_DOMAINS:
        raise ParseError(f"domains: {len(names)} domains; expected at most {MAX_DOMAINS}")
    return tuple(sorted({str(parse_domain(name)) for name in names}))


def described(user: User) -> str:
    """Return the name, the role and the scope of a user, for the audit log."""
    return f"{user.name}: {user.role} of {'all domains' if user.domains is None else ' '.join(user.domains)}"
