"""`inalign user`: who may use the pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from msgspec.structs import replace

from inalign.cli.configuration import config_option, load
from inalign.errors import Error
from inalign.settings.tables import Settings
from inalign.store.folders import Folders
from inalign.store.state.account_texts import described, new_token, new_user
from inalign.store.state.accounts import Accounts, AuditEntry, Role, User
from inalign.store.state.control import Control
from inalign.web.access.passwords import MIN_LENGTH, fault_of, hash_password
from inalign.wiring.store import store_folder

_DOMAINS = click.option("--domain", "domains", multiple=True, help="A domain, with all below it. Default: all.")
_ROLE = click.option("--role", type=click.Choice(list(map(str, Role))), default="reader", show_default=True)


@click.group()
def command() -> None:
    """Who may use the pages. While there are no users, they are open for reading, on this host alone.

    Example: inalign user add alice --role admin --link
    """


@command.command()
@click.argument("name")
@_ROLE
@_DOMAINS
@click.option("--link", is_flag=True, help="Print a link with which the user sets a password, in place of asking.")
@config_option
def add(name: str, *, role: str, domains: tuple[str, ...], link: bool, config_file: Path | None) -> None:
    """Add a user.

    Example: inalign user add bob --domain example.org
    """
    with _accounts(config_file) as (accounts, settings):
        if accounts.user(name) is not None:
            raise Error(f"{name}: there is such a user")
        user = new_user(name, role, " ".join(domains) or "*", time.time())
        user = user if link else replace(user, password=hash_password(_ask_password()))
        accounts.write_user(user)
        _note(accounts, "user added", described(user))
        if link:
            _print_link(accounts, settings, name)


@command.command(name="list")
@config_option
def list_(config_file: Path | None) -> None:
    """List users and tokens.

    Example: inalign user list
    """
    with _accounts(config_file) as (accounts, _):
        for user in accounts.users():
            click.echo(f"{described(user)}{'' if user.password else ' (no password yet)'}")
        for key, token in accounts.tokens():
            until = time.strftime("%Y-%m-%d", time.gmtime(token.expires))
            click.echo(f"  token {key} {token.name} of {token.user}: {token.role}, until {until}")


@command.command()
@click.argument("name")
@config_option
def password(name: str, config_file: Path | None) -> None:
    """Set a password; the user is signed out everywhere.

    Example: inalign user password alice
    """
    with _accounts(config_file) as (accounts, _):
        user = _known(accounts, name)
        accounts.write_user(replace(user, password=hash_password(_ask_password())))
        _note(accounts, "password set", name)


@command.command()
@click.argument("name")
@config_option
def remove(name: str, config_file: Path | None) -> None:
    """Remove a user, with sessions and tokens.

    Example: inalign user remove bob
    """
    with _accounts(config_file) as (accounts, _):
        _known(accounts, name)
        accounts.remove_user(name)
        _note(accounts, "user removed", name)


@command.command()
@click.argument("name")
@click.argument("purpose")
@_ROLE
@_DOMAINS
@click.option("--days", default="365", show_default=True, help="How long it may be used.")
@config_option
def token(name: str, purpose: str, *, role: str, domains: tuple[str, ...], days: str, config_file: Path | None) -> None:
    """Print a new token, with which a program asks in the user's name: Authorization: Bearer TOKEN.

    Example: inalign user token alice "weekly export"
    """
    with _accounts(config_file) as (accounts, _):
        user = _known(accounts, name)
        made = new_token(purpose, user, role=role, domains=" ".join(domains) or "*", days=days, now=time.time())
        click.echo(accounts.make_token(made))
        _note(accounts, "token made", f"{purpose} of {name}")


@command.command()
@click.argument("name")
@config_option
def link(name: str, config_file: Path | None) -> None:
    """Print a link with which a user sets a password; it works once, for a day.

    Example: inalign user link alice
    """
    with _accounts(config_file) as (accounts, settings):
        _known(accounts, name)
        _note(accounts, "link made", name)
        _print_link(accounts, settings, name)


@contextmanager
def _accounts(config_file: Path | None) -> Iterator[tuple[Accounts, Settings]]:
    config = load(config_file)
    control = Control(Folders(base=store_folder(config)).control)
    try:
        yield Accounts(control), config.settings
    finally:
        control.close()


def _known(accounts: Accounts, name: str) -> User:
    user = accounts.user(name)
    if user is None:
        raise Error(f"{name}: there is no such user")
    return user


def _ask_password() -> str:
    text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if fault_of(text):
        raise Error(f"a password has at least {MIN_LENGTH} characters")
    return text


def _print_link(accounts: Accounts, settings: Settings, name: str) -> None:
    base = settings.web.url.rstrip("/")
    if not base:
        where = settings.web.listen.removeprefix("inet:") or "127.0.0.1:PORT"
        base = f"http://{where}"
    click.echo(f"{base}/link/{accounts.make_link(name, time.time())}")


def _note(accounts: Accounts, act: str, about: str) -> None:
    accounts.note(AuditEntry(at=time.time(), who="command line", act=act, about=about))
