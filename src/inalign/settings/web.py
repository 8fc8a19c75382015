"""The settings of the pages."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from inalign.settings.secret import FORM


class GrantSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has this value in this claim signs in with this role. The first that fits counts."""

    claim: Annotated[str, Meta(description="A claim of the ID token: text, or a list of texts.")] = "groups"
    value: Annotated[str, Meta(description="What stands there, to the letter.")] = ""
    role: Annotated[Literal["reader", "editor", "admin"], Meta(description="What they may do.")] = "reader"
    domains: Annotated[
        list[str], Meta(description="The domains that they see, with all below them; * alone: all of them.")
    ] = msgspec.field(default_factory=list)


class OidcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signing in by a provider of OpenID Connect, beside passwords; it needs the extra `oidc` and `web.url`."""

    issuer: Annotated[
        str, Meta(description="The provider, as it calls itself: https://login.example.org. Empty: none.")
    ] = ""
    client_id: Annotated[str, Meta(description="What we are called there.")] = ""
    client_secret: Annotated[
        str, Meta(pattern=FORM, description="Where our secret is: env:NAME or file:/PATH. Empty: we have none there.")
    ] = ""
    scope: Annotated[
        str, Meta(pattern=r"^openid( [!-~]+)*$", description="What is asked for; claims of grants may want more.")
    ] = "openid email"
    ca_file: Annotated[
        str, Meta(description="Certificates to trust in place of the system's, for a provider of one's own.")
    ] = ""
    label: Annotated[str, Meta(max_length=100, description="What its link says.")] = "OpenID Connect"
    grants: Annotated[
        list[GrantSettings],
        Meta(
            description="Who gets which rights, by claims; then users are made and changed as they sign in, and whom "
            "no grant fits is refused. None: only users that are here sign in, with their rights here."
        ),
    ] = msgspec.field(default_factory=list)


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pages: who sends as us, and what to do next (docs/dashboard.md)."""

    listen: Annotated[
        str,
        Meta(
            description="One address. While there are no users (inalign user add), it must be on loopback, and whoever "
            "is on this host may read. Empty: no pages."
        ),
    ] = "inet:127.0.0.1:8897"
    url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[A-Za-z0-9.:_\[\]-]+/?)?$",
            description="What browsers open, where a proxy with TLS stands in front: https://reports.example.org. No "
            "other host name is answered, and nobody reads without signing in. Empty: the pages are for this host.",
        ),
    ] = ""
    proxies: Annotated[
        list[str],
        Meta(
            description="Addresses and networks of proxies that are believed when they tell, in X-Forwarded-For, whose "
            "request they hand in: for the audit log and the limits on signing in. A UNIX socket counts as 127.0.0.1."
        ),
    ] = msgspec.field(default_factory=list)
    time_zone: Annotated[
        str,
        Meta(description="The time zone of days and times, such as Asia/Tokyo; each visitor may choose another."),
    ] = "UTC"
    oidc: OidcSettings = msgspec.field(default_factory=OidcSettings)
