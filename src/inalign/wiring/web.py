"""What the settings say of the pages, for `web`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inalign.errors import Error
from inalign.mail.networks import Networks
from inalign.settings.config import Config
from inalign.settings.secret import read_secret
from inalign.settings.tables import Settings
from inalign.store.state.account_texts import parse_scope
from inalign.store.state.accounts import Role
from inalign.web.access.oidc import Grant, OidcOptions
from inalign.web.app import WebOptions

if TYPE_CHECKING:
    from inalign.net.oidc import Provider


def make_web_options(settings: Settings, *, loopback: bool) -> WebOptions:
    """All but the provider. Raises `ParseError` for a domain that is none."""
    web = settings.web
    return WebOptions(
        url=web.url,
        loopback=loopback,
        zone=web.time_zone,
        proxies=Networks(web.proxies),
        oidc=OidcOptions(
            label=web.oidc.label,
            grants=tuple(
                Grant(each.claim, each.value, Role(each.role), parse_scope(" ".join(each.domains)))
                for each in web.oidc.grants
            ),
        ),
    )


def make_provider(config: Config) -> Provider | None:
    """Where users can sign in besides, None where no provider is set. Raises `SettingsError`."""
    table, key = config.settings.web.oidc, "web.oidc.issuer"
    if not table.issuer:
        return None
    try:
        # Here alone, so that nobody else needs or loads these libraries.
        from inalign.net.oidc import Provider, ProviderOptions  # noqa: PLC0415
    except ImportError as problem:
        raise config.error(key, f"{problem.name} is not installed: pip install 'inalign[oidc]'") from None
    if not config.settings.web.url or not table.client_id:
        raise config.error(key, "web.url, to which the provider sends browsers back, and client_id are required")
    if any(not each.value for each in table.grants):
        raise config.error("web.oidc.grants", "each needs a value")
    try:
        return Provider(
            ProviderOptions(
                issuer=table.issuer,
                client_id=table.client_id,
                client_secret=read_secret(table.client_secret) if table.client_secret else "",
                scope=table.scope,
                ca_file=config.relative(table.ca_file) if table.ca_file else None,
            )
        )
    except Error as problem:
        raise config.error(key, problem) from None
