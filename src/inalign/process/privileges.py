"""Giving up root: names of users and groups become numbers, and the process becomes one of them for good."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from inalign.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Account:
    """The user, group and supplementary groups to switch to."""

    user: str
    uid: int
    gid: int


def find_account(user: str, group: str) -> Account | None:
    """The account of the settings `user` and `group`; None when nobody is named. Raises `SettingsError`."""
    if not user:
        if group:
            raise SettingsError("group is set and user is not; set both, or user only", key="group")
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise SettingsError(f"there is no user {user!r} on this host", key="user") from None
    account = Account(user, found.pw_uid, find_group(group, "group") if group else found.pw_gid)
    if os.geteuid() not in (0, account.uid):
        raise SettingsError(f"only root can become {user}; start as root or as {user}", key="user")
    return account


def find_user(name: str, key: str) -> int:
    """The number of a user that the setting `key` names. Raises `SettingsError`."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise SettingsError(f"there is no user {name!r} on this host", key=key) from None


def find_group(name: str, key: str) -> int:
    """The number of a group that the setting `key` names. Raises `SettingsError`."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise SettingsError(f"there is no group {name!r} on this host", key=key) from None


def become(account: Account) -> None:
    """Become the account with all its groups, for good; nothing to do where we are it already."""
    if os.geteuid() != 0:
        return
    os.initgroups(account.user, account.gid)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
