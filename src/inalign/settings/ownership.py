"""Who may have written a file that we believe.

The configuration says as whom a program runs that root starts, and where it listens: it must be in no other hands than
those of root and of the user that runs us.
"""

from __future__ import annotations

import os
import stat

ROOT = 0


def distrust(status: os.stat_result) -> str | None:
    """Why a file with this status is not believed, and what would help; None where it is."""
    if status.st_mode & stat.S_IWOTH:
        return "anybody may write this file, so it is not read; try: chmod o-w"
    if status.st_uid not in (ROOT, os.geteuid()):
        return (
            f"user {status.st_uid} owns this file, neither root nor who runs Inalign, so it is not read; "
            f"try: chown {'root' if os.geteuid() == ROOT else os.geteuid()}"
        )
    if status.st_mode & stat.S_IWGRP and status.st_gid not in (ROOT, os.getegid()):
        return f"group {status.st_gid} may write this file, so it is not read; try: chmod g-w"
    return None
