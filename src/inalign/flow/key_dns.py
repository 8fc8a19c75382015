"""Whether DNS has the keys that we sign with: asked when a key is first used, and again from time to time.

The key signs something, and what DNS says is judged as a receiver would: a record that is missing, of another key,
revoked, or not a record of DKIM shows before the first receiver refuses a message.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

from inalign.dkim.crypto import PrivateKey
from inalign.dkim.result import DkimReason
from inalign.dkim.sign import SigningKey
from inalign.dkim.verify_key import KeyRules, SignatureToVerify, prove
from inalign.resolver import Resolver

RECHECK_SECONDS = 3600
"""After a key was found: a record that is taken away too early shows within an hour."""
RETRY_SECONDS = 300
"""After it was not, or DNS gave no answer; most resolvers keep a negative answer for as long."""
MAX_KEYS = 10_000

_DIGEST = hashlib.sha256(b"").digest()
_RULES = KeyRules()


class _Seen(NamedTuple):
    private_key: PrivateKey
    problem: str | None
    until: float


class PublishedKeys:
    """What is known of the keys of one process."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def is_due(self, key: SigningKey, now: datetime) -> bool:
        """Whether `problem` would ask DNS."""
        seen = self._seen.get(key.key_name)
        return seen is None or seen.private_key is not key.private_key or seen.until <= now.timestamp()

    async def problem(self, key: SigningKey, resolver: Resolver, now: datetime) -> str | None:
        """What is wrong with the record of a key, for people; None where nothing is, or DNS gives no answer."""
        name = key.key_name
        if not self.is_due(key, now):
            return self._seen[name].problem
        answer = await resolver.txt(name)
        claim = SignatureToVerify(key.algorithm, key.private_key.sign(_DIGEST), _DIGEST)
        proof = prove(claim, answer, _RULES)
        problem, seconds = None, RECHECK_SECONDS
        if proof.reason is DkimReason.DNS_FAILED:  # which proves nothing: what was true before is as good
            before = self._seen.get(name)
            problem = before.problem if before is not None and before.private_key is key.private_key else None
            seconds = RETRY_SECONDS
        elif proof.reason is not DkimReason.VALID:
            problem, seconds = f"{name}: {_words(proof.reason, proof.detail)}", RETRY_SECONDS
        self._seen[name] = _Seen(key.private_key, problem, now.timestamp() + seconds)
        self._seen.move_to_end(name)
        if len(self._seen) > MAX_KEYS:
            self._seen.popitem(last=False)
        return problem


def _words(reason: DkimReason, detail: str) -> str:
    if reason is DkimReason.SIGNATURE_MISMATCH:
        return "DNS has another key than the one that signs"
    return detail or str(reason)
