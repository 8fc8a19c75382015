"""Every setting, typed, with its default and its meaning, one class a table of the file.

A setting selects a value, never a branch deep inside an engine. `settings_file` reads the file, `settings_page`
describes it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from inalign.settings.alerts import AlertsSettings
from inalign.settings.insight import InsightSettings
from inalign.settings.intake import IntakeSettings
from inalign.settings.mail import MailSettings
from inalign.settings.store import EvaluationsSettings, StoreSettings
from inalign.settings.summaries import SummarySettings
from inalign.settings.web import WebSettings

LOOPBACK = ["127.0.0.0/8", "::1/128"]
DEFAULT_LISTEN = "inet:127.0.0.1:8899"


class GatewaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A filter in front of us that may rewrite mail, one table for each (docs/operations.md)."""

    networks: Annotated[
        list[str], Meta(description="From where it hands in: addresses and networks, with `!` for exceptions. Needed.")
    ] = field(default_factory=list)
    authserv_id: Annotated[
        str,
        Meta(
            pattern=r"^[!-:<-~]*$",
            description="The name in the Authentication-Results that it writes above its own Received fields: its SPF "
            "result stands for ours, and a signature that it saw pass and that fails here was changed in transit. "
            "Empty: it writes none.",
        ),
    ] = ""
    client_field: Annotated[
        str,
        Meta(
            pattern=r"^[!-9;-~]*$",
            description="The field in which it names the address of the client, above its own Received fields, such as "
            "X-Client-IP. Empty: the client is taken from its Received fields.",
        ),
    ] = ""


class MilterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The milter: what Postfix or Sendmail connects to."""

    listen: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Sockets, as Postfix writes them: inet:HOST:PORT, inet:[ADDRESS]:PORT for IPv6, or unix:/PATH.",
        ),
    ] = field(default_factory=lambda: [DEFAULT_LISTEN])
    socket_mode: Annotated[
        str,
        Meta(pattern="^0[0-7]{3}$", description="Mode of a unix socket, octal; Postfix must be able to write to it."),
    ] = "0660"
    socket_owner: Annotated[
        str, Meta(description="Owner of a unix socket; setting it needs root. Empty: the user that Inalign runs as.")
    ] = ""
    socket_group: Annotated[
        str,
        Meta(
            description="Group of a unix socket, such as postfix; without root, one that the user is in. Empty: the "
            "group that Inalign runs as."
        ),
    ] = ""
    workers: Annotated[
        int, Meta(ge=0, le=1024, description="Processes that serve, each with a DNS cache of its own. 0: one a core.")
    ] = 0
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Connections at a time, of all workers. More are accepted and closed at once, so that the MTA "
            "does what its default action says, instead of waiting. One that is idle takes about 4 kB.",
        ),
    ] = 2000
    drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long SMTP connections under way may take after SIGTERM, or after SIGHUP in old workers.",
        ),
    ] = 30.0
    mta_timeout_seconds: Annotated[
        float,
        Meta(
            gt=1,
            le=86_400,
            description="How long the MTA waits for us at the end of a message: milter_content_timeout of Postfix, T=E "
            "of Sendmail; T=R there, if it is below 10 s. While a message takes longer than 5 s or a third of this "
            "time, the MTA is told to wait on.",
        ),
    ] = 300.0
    decision_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Most time for one decision at the end of a message. DNS ends earlier "
            "(dns.message_budget_seconds); what takes longer is a bug, and the message gets failure_action.",
        ),
    ] = 60.0
    max_header_bytes: Annotated[
        int,
        Meta(
            ge=32_768,
            le=1 << 26,
            description="Of the header of a message. Fields beyond it are not read, and then no author is believed. "
            "Sendmail takes 32,768; Postfix limits only each field, to 102,400.",
        ),
    ] = 1 << 20
    max_header_fields: Annotated[
        int, Meta(ge=100, le=1_000_000, description="Of a message. Fields beyond them are not read, as above.")
    ] = 5_000
    local_networks: Annotated[
        list[str],
        Meta(
            description="Clients whose mail is our own: not verified. Forged results are removed all the same. Like "
            "every list of clients it takes addresses, networks and, with `!`, exceptions; the most specific decides."
        ),
    ] = field(default_factory=lambda: list(LOOPBACK))
    trusted_relays: Annotated[
        list[str],
        Meta(
            description="Hosts (content filters, our other servers) whose Authentication-Results with our id are kept."
        ),
    ] = field(default_factory=lambda: list(LOOPBACK))
    relays: Annotated[
        list[str],
        Meta(
            description="Our hosts that hand in the mail of others, unchanged, and write Received fields: another MX, "
            "a mail proxy. The client is then the one that these fields name (docs/operations.md)."
        ),
    ] = field(default_factory=list)
    gateways: Annotated[
        list[GatewaySettings],
        Meta(description="Filters in front of us that may rewrite mail."),
    ] = field(default_factory=list)
    failure_action: Annotated[
        Literal["accept", "tempfail"],
        Meta(description="What a message gets when Inalign itself fails on it: accept (unmarked) or tempfail (451)."),
    ] = "accept"
    iprev: Annotated[
        bool, Meta(description="Check that the client's reverse name points back to it (RFC 8601 section 2.7.3).")
    ] = True
    helo_result: Annotated[
        bool,
        Meta(description="Check SPF for the HELO name and show its result, not only for the null reverse-path."),
    ] = False
    show_login: Annotated[
        bool,
        Meta(
            description="Name the login of an authenticated client (smtp.auth) in mail that is delivered here. It is "
            "never put on mail that leaves, but an alias or a Sieve rule may send mail on after us."
        ),
    ] = False
    own_macros: Annotated[
        list[str],
        Meta(
            description="Macros that make mail our own, beside login and local_networks: NAME, or NAME=VALUE|VALUE, "
            "such as {daemon_name}=ORIGINATING, which milter_macro_daemon_name sets in Postfix' master.cf."
        ),
    ] = field(default_factory=list)
    local_mailers: Annotated[
        list[str],
        Meta(description="Values of the macro {rcpt_mailer} that deliver here."),
    ] = field(default_factory=lambda: ["local", "virtual", "lmtp"])


class DnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How DNS is asked. A validating resolver on this host is the best choice."""

    servers: Annotated[
        list[str], Meta(description="Addresses, with :PORT where it is not 53. Empty: those of /etc/resolv.conf.")
    ] = field(default_factory=list)
    exchange_timeout_seconds: Annotated[
        float, Meta(gt=0, le=30, description="Time for one exchange with a name server, its retries included.")
    ] = 5.0
    message_budget_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=250,
            description="Time for the DNS of one message: for SPF and the reverse name from MAIL on (RFC 7208 section "
            "4.6.4: at least 20), for all else from the end of the message on, when the MTA waits for us.",
        ),
    ] = 20.0
    cache_entries: Annotated[int, Meta(ge=1, le=10_000_000, description="Answers kept, at most, by each worker.")] = (
        50_000
    )


class DkimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How DKIM results count."""

    partial_body: Annotated[
        Literal["policy", "pass"],
        Meta(
            description="A valid signature whose l= leaves octets of the body unsigned: policy (counts for nothing, "
            "since anybody can append) or pass."
        ),
    ] = "policy"
    max_signatures: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Signatures of a message that are checked (RFC 6376 section 8.4), from the top of its header.",
        ),
    ] = 10


class SigningKeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, and whose mail it signs. There may be any number of these tables; docs/signing.md tells which sign."""

    domain: Annotated[str, Meta(description="The domain that signs (d=); required.")] = ""
    selector: Annotated[str, Meta(description="The selector (s=); required.")] = ""
    file: Annotated[
        str, Meta(description="The private key, RSA or Ed25519; a relative path begins where this file is. Required.")
    ] = ""
    authors: Annotated[
        list[str],
        Meta(
            description="Whose mail it signs: example.org, .example.org (all names below it), alice@example.org, or * "
            "for everybody. Empty: its own domain."
        ),
    ] = field(name="for", default_factory=list)
    also: Annotated[
        bool,
        Meta(description="Sign beside whatever other key is found, in rules, tables, folder or database."),
    ] = False
    identity: Annotated[
        str, Meta(description="The identity (i=), at or below the domain; % is the author's domain. Empty: none.")
    ] = ""


class SignSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which keys sign; nothing is signed where none is named. The rules of [[sign.key]], OpenDKIM's tables, the folder
    and the database are asked in this order, and the first that has a key for an author decides."""

    key_table: Annotated[
        str,
        Meta(
            description="OpenDKIM's KeyTable, as it is: /PATH, file:, refile: or csl:. A relative path begins where "
            "this file is. Empty: none."
        ),
    ] = ""
    signing_table: Annotated[str, Meta(description="OpenDKIM's SigningTable, likewise; it needs the KeyTable.")] = ""
    multiple_signatures: Annotated[
        bool, Meta(description="All rules of the SigningTable that fit sign, not only the first (MultipleSignatures).")
    ] = False
    folder: Annotated[
        str, Meta(description="A folder of keys: example.org/SELECTOR.pem signs for example.org. Empty: none.")
    ] = ""
    database: Annotated[
        str,
        Meta(
            description="A database, which is only read: the path of an SQLite file, or postgresql://USER@HOST/NAME "
            "(with psycopg). Empty: none."
        ),
    ] = ""
    query: Annotated[
        str,
        Meta(
            description="What it is asked: a SELECT with :domain, :local or :address of the author, whose rows are "
            "domain, selector, key (a path, or PEM) and perhaps identity."
        ),
    ] = ""
    cache_seconds: Annotated[
        float, Meta(gt=0, le=86_400, description="How long an answer of the database counts, one without rows, too.")
    ] = 60.0
    unsafe_keys: Annotated[
        bool,
        Meta(description="Use key files that others than their owner may read, or exchange. false: they are refused."),
    ] = False
    passphrase_variable: Annotated[
        str, Meta(description="The environment variable with the passphrase of encrypted key files. Empty: none.")
    ] = ""
    canonicalization: Annotated[
        Literal["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"],
        Meta(description="Of header and body (c=). simple bears no change at all, of no blank."),
    ] = "relaxed/relaxed"
    signed_fields: Annotated[
        list[str],
        Meta(
            description="Fields to sign as often as they occur, beside those of RFC 6376 section 5.4.1; one of these "
            "that is named here may be added later."
        ),
    ] = field(default_factory=list)
    oversigned_fields: Annotated[
        list[str], Meta(description="Fields to sign once more than they occur, so that nobody can add one.")
    ] = field(default_factory=list)
    excluded_fields: Annotated[list[str], Meta(description="Fields not to sign. From always is.")] = field(
        default_factory=list
    )
    expire_days: Annotated[
        int, Meta(ge=0, le=3650, description="How long a signature counts (x=). 0: without end.")
    ] = 0
    on_failure: Annotated[
        Literal["tempfail", "unsigned"],
        Meta(
            description="What a message gets whose key cannot be had (a file, a database): tempfail (451), or it goes "
            "out unsigned. Both are in the log."
        ),
    ] = "tempfail"
    check_dns: Annotated[
        Literal["off", "warn", "require"],
        Meta(
            description="Whether DNS is asked for a key that is used, and again every hour. warn: one that is missing "
            "or differs is told in the log; require: it does not sign. No answer proves nothing."
        ),
    ] = "warn"
    must_agree: Annotated[
        list[Literal["login", "envelope"]],
        Meta(
            description="What must agree with the author's domain, or the message goes unsigned. login: the domain of "
            "an authenticated client's login is his or above it; envelope: that of the reverse-path is his, above or "
            "below it."
        ),
    ] = field(default_factory=list)
    except_recipients: Annotated[
        list[str],
        Meta(
            description="Mail is not signed whose recipients all are among these: bob@example.net, example.net, or "
            ".example.net for all names below it."
        ),
    ] = field(default_factory=list)
    key: Annotated[list[SigningKeySettings], Meta(description="Keys, and whose mail each signs: docs/signing.md.")] = (
        field(default_factory=list)
    )


class ArcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sealing mail of others that is handed on (RFC 8617); chains are validated in any case."""

    seal: Annotated[
        Literal["off", "forwarded", "all"],
        Meta(
            description="Which mail that was verified is sealed. forwarded: that with a recipient whose {rcpt_mailer} "
            "is not in milter.local_mailers; all: also what aliases, lists or Sieve may send on behind us."
        ),
    ] = "off"
    domain: Annotated[str, Meta(description="The domain that seals (d=).")] = ""
    selector: Annotated[str, Meta(description="The selector (s=).")] = ""
    file: Annotated[
        str, Meta(description="The private key; RSA, since few know Ed25519. Relative paths begin where this file is.")
    ] = ""


FailureAction = Literal["accept", "quarantine", "hold", "reject", "discard"]


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of messages. quarantine marks for the junk folder, hold is the MTA's queue (docs/operations.md)."""

    mode: Annotated[
        Literal["observe", "enforce"],
        Meta(description="observe: accept everything, and log what would have been done; enforce: do it."),
    ] = "observe"
    dmarc_reject: Annotated[
        FailureAction,
        Meta(
            description="What a message gets that fails DMARC where p=reject applies. RFC 9989 section 7.4: p=reject "
            "alone is no reason to refuse a message, but to treat it as with p=quarantine."
        ),
    ] = "quarantine"
    dmarc_quarantine: Annotated[
        FailureAction, Meta(description="What a message gets that fails DMARC where p=quarantine applies.")
    ] = "quarantine"
    dmarc_temperror: Annotated[
        Literal["accept", "tempfail"],
        Meta(description="What a message gets whose DMARC cannot be found out, since DNS gives no answer."),
    ] = "accept"
    author_problem: Annotated[
        FailureAction,
        Meta(description="What a message gets without an author domain, with several, or with an ambiguous From."),
    ] = "accept"
    spf_fail: Annotated[
        FailureAction,
        Meta(description="What a message gets whose SPF is fail, where the author domain has no DMARC record."),
    ] = "accept"
    refuse_lists: Annotated[
        bool,
        Meta(
            description="Refuse mailing list mail like other mail. false: it gets quarantine where it would get "
            "reject, since lists unsubscribe readers whose servers refuse (List-Id, List-Post, Precedence: list)."
        ),
    ] = False
    except_domains: Annotated[
        list[str],
        Meta(description="Author domains whose mail is always accepted; .example.org stands for all names below it."),
    ] = field(default_factory=list)
    trusted_sealers: Annotated[
        list[str],
        Meta(
            description="ARC sealers (d= of their seals) that are believed when they found the author authenticated: "
            "DMARC fail is accepted then. .example.org stands for all names below it."
        ),
    ] = field(default_factory=list)
    reject_text: Annotated[
        str,
        Meta(
            pattern="^[ -~]{0,200}$",
            description="Text of the reply 550, ASCII, at most 200 characters; {domain} and {rule} are filled in. "
            "Empty: a text that fits the rule.",
        ),
    ] = ""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The log: one line a message."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least urgent lines that are written.")
    ] = "info"
    format: Annotated[
        Literal["plain", "json", "syslog"],
        Meta(
            description="plain: name=value pairs on standard error; json: one object a line there; syslog: the pairs "
            "to the syslog daemon of this host, facility mail."
        ),
    ] = "plain"


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a monitor may ask over HTTP: /metrics in the text format of Prometheus, and /health."""

    listen: Annotated[
        str,
        Meta(
            description="One address, such as inet:127.0.0.1:8898. Whoever reaches it may read: there is no "
            "authentication. Empty: nobody can ask."
        ),
    ] = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, one table a part."""

    authserv_id: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._+-]*$",
            description="The name under which results are written: one for all our servers, normally our mail domain "
            "(RFC 8601 section 2.5). Empty: the host name.",
        ),
    ] = ""
    user: Annotated[
        str,
        Meta(description="Who to become after the sockets are bound, when started as root. Empty: stay who we are."),
    ] = ""
    group: Annotated[str, Meta(description="The group to become with it. Empty: the first group of the user.")] = ""
    summaries: Annotated[
        list[SummarySettings],
        Meta(description="Weekly and monthly reports for people, sent as mail: docs/summary.md. Empty: none."),
    ] = field(default_factory=list)
    milter: MilterSettings = field(default_factory=MilterSettings)
    dns: DnsSettings = field(default_factory=DnsSettings)
    dkim: DkimSettings = field(default_factory=DkimSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    sign: SignSettings = field(default_factory=SignSettings)
    arc: ArcSettings = field(default_factory=ArcSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    evaluations: EvaluationsSettings = field(default_factory=EvaluationsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    insight: InsightSettings = field(default_factory=InsightSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    web: WebSettings = field(default_factory=WebSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    alerts: AlertsSettings = field(default_factory=AlertsSettings)
