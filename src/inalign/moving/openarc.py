"""openarc.conf(5)."""

from __future__ import annotations

from inalign.moving.configuration import Dialect, Line
from inalign.moving.draft import Draft, Left
from inalign.moving.opendkim import action
from inalign.moving.source import (
    Program,
    Source,
    authserv_id,
    clients,
    header_size,
    listen,
    log_format,
    socket_mode,
    unsafe_keys,
    user,
)


def unable(draft: Draft, source: Source, line: Line) -> None:
    """ResponseUnable."""
    word = action(line)
    if word in ("accept", "tempfail"):
        draft.take("milter.failure_action", word, source.origin(line))
    else:
        why = "milter.failure_action is accept or tempfail; it stays accept."
        draft.left.append(Left(source.origin(line), "instead", why))


PROGRAM = Program(
    dialect=Dialect(includes=True),
    lines={
        "AuthservID": authserv_id,
        "InternalHosts": clients,
        "MaximumHeaders": header_size,
        "PeerList": clients,
        "RequireSafeKeys": unsafe_keys,
        "ResponseUnable": unable,
        "Socket": listen,
        "Syslog": log_format,
        "UMask": socket_mode,
        "UserID": user,
    },
    finish=lambda draft, source: None,
    together=frozenset(),
)
