"""Passwords as Argon2id hashes; argon2-cffi is imported here alone."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

MIN_LENGTH = 12
"""Characters. What is shorter is found by guessing, whatever it is made of."""
MAX_LENGTH = 1_000
"""Characters: a passphrase is never longer, and hashing megabytes costs time."""

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_NOBODY = _HASHER.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Return the Argon2 hash of a password, which is stored instead of it."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def is_password(hashed: str, password: str) -> bool:
    """Whether a password has a stored hash. Without a hash it takes as long: the time shows no names of users."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        _HASHER.verify(hashed or _NOBODY, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)


def fault_of(password: str) -> str:
    """Return why a password is refused, as a key of the words of the pages, or an empty text."""
    if len(password) < MIN_LENGTH:
        return "password.short"
    return "password.long" if len(password) > MAX_LENGTH else ""
