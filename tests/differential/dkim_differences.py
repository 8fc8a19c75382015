"""Where other DKIM verifiers pass what we do not, or the other way round, and an example of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from inalign.dkim.result import DkimReason, DkimResult
from inalign.dkim.verify import verify_dkim
from inalign.mail.fields import Field, parse_message
from tests.differential.differences import Difference
from tests.differential.dkim_peers import Judgement, Judgements
from tests.differential.messages import SignedMessage
from tests.dkim.material import ED25519, PLAIN, RSA, sign_as
from tests.helpers import run_now, zone

NOW = datetime.now(UTC)  # OpenDKIM reads the clock of the machine
SECONDS = int(NOW.timestamp())
PUBLIC = RSA.key_record().partition("p=")[2]

DKIMPY, MAIL_DKIM, OPENDKIM = "dkimpy", "Mail::DKIM", "OpenDKIM"


class DkimCase(NamedTuple):
    """One signature, with both answers."""

    message: SignedMessage
    field: Field
    author_fields: int
    ours: DkimResult
    theirs: Judgement


def results_of(message: SignedMessage, *, now: datetime = NOW) -> tuple[DkimResult, ...]:
    """Our answers."""
    return run_now(verify_dkim(message.text, zone(message.zone), now=now))


def cases_of(message: SignedMessage, judgements: Judgements) -> list[DkimCase]:
    """The signatures that only one of both lets pass."""
    fields = parse_message(message.text).fields
    signatures = [field for field in fields if field.key == b"dkim-signature"]
    authors = sum(field.key == b"from" for field in fields)
    cases = []
    for selector, field, ours in zip(message.selectors, signatures, results_of(message), strict=True):
        theirs = judgements.get(selector, Judgement("not judged", ""))
        if (ours.result == "pass") != theirs.passes:
            cases.append(DkimCase(message, field, authors, ours, theirs))
    return cases


def example(
    *,
    tags: str = "",
    names: str = "From:To",
    form: str = "relaxed/relaxed",
    algorithm: str = "rsa-sha256",
    written: str = "",
    before: str = " ",
    record: str = "",
    text: bytes = PLAIN,
    traits: tuple[str, ...] = (),
) -> SignedMessage:
    """A signed message; `written` stands for the whole tag list."""
    key = ED25519 if algorithm.startswith("ed25519") else RSA
    value = (
        written or f"v=1; a={algorithm}; c={form}; d=example.com; s={key.selector}; {tags}h={names}; bh={{bh}}; b={{b}}"
    )
    names_of_zone: dict[str, dict[str, object]] = {key.key_name: {"TXT": [record or key.key_record()]}}
    return SignedMessage(0, sign_as(value, text, key, before=before), names_of_zone, [str(key.selector)], set(traits))


Shows = Callable[[DkimCase], bool]


def _they_pass(*reasons: DkimReason, trait: str = "") -> Shows:
    """Theirs passes what ours refuses for one of these reasons."""
    return lambda case: case.theirs.passes and case.ours.reason in reasons and trait in {"", *case.message.traits}


def _we_pass(shows: Shows) -> Shows:
    return lambda case: case.ours.result == "pass" and shows(case)


def _has(*traits: str) -> Shows:
    return lambda case: bool(case.message.traits.intersection(traits))


def _one(name: str, peers: tuple[str, ...], shows: Shows, **made: Any) -> Difference[DkimCase, SignedMessage]:
    return Difference(name=name, peers=peers, shows=shows, example=lambda: example(**made))


def _one_right_one_broken() -> SignedMessage:
    right = example(traits=("edited signature",))
    return replace(right, text=b"DKIM-Signature: v=1; broken\r\n" + right.text, selectors=["none", "rsa"])


BARE = PLAIN.replace(b"Hello.", b"H\re\nllo.")

DIFFERENCES = [
    _one(
        "dkim-l-beyond-the-body",
        (DKIMPY, MAIL_DKIM),
        _they_pass(DkimReason.BODY_SHORTER_THAN_L),
        tags="l=1000; ",
    ),
    _one(
        "dkim-expired-a-moment-ago",
        (DKIMPY, OPENDKIM),
        _they_pass(DkimReason.EXPIRED),
        tags=f"t={SECONDS - 100}; x={SECONDS - 50}; ",
    ),
    _one(
        "dkim-times-not-compared",
        (MAIL_DKIM,),
        _they_pass(DkimReason.FUTURE_TIMESTAMP, DkimReason.EXPIRY_BEFORE_TIMESTAMP),
        tags=f"t={SECONDS + 100_000}; ",
    ),
    _one("dkim-from-not-signed", (DKIMPY, MAIL_DKIM), _they_pass(DkimReason.FROM_NOT_SIGNED), names="To:Subject"),
    _one(
        "dkim-key-hashes-ignored",
        (DKIMPY,),
        _they_pass(DkimReason.KEY_HASH_MISMATCH),
        record=f"v=DKIM1; h=sha1; p={PUBLIC}",
    ),
    _one(
        "dkim-key-version-not-first",
        (DKIMPY, MAIL_DKIM, OPENDKIM),
        _they_pass(DkimReason.KEY_SYNTAX, trait="key with v behind"),
        record=f"k=rsa; v=DKIM1; p={PUBLIC}",
        traits=("key with v behind",),
    ),
    _one(
        "dkim-key-tag-twice",
        (MAIL_DKIM, OPENDKIM),
        _they_pass(DkimReason.KEY_SYNTAX, trait="key with tag twice"),
        record=f"v=DKIM1; p={PUBLIC}; p={PUBLIC}",
        traits=("key with tag twice",),
    ),
    _one(
        "dkim-key-not-base64",
        (DKIMPY, OPENDKIM),
        lambda case: _they_pass(DkimReason.KEY_SYNTAX)(case) and "is not base64" in case.ours.detail,
        record=f"v=DKIM1; p={PUBLIC[:20]}.{PUBLIC[20:]}",
    ),
    _one(
        "dkim-key-no-tag-list",
        (DKIMPY, MAIL_DKIM, OPENDKIM),
        lambda case: _they_pass(DkimReason.KEY_SYNTAX)(case) and "no tag list" in case.ours.detail,
        record=f"v.=DKIM1; p={PUBLIC}",
    ),
    _one(
        "dkim-key-of-no-known-form",
        (DKIMPY,),
        lambda case: _they_pass(DkimReason.KEY_SYNTAX)(case) and "is no DER-encoded RSA" in case.ours.detail,
        record=f"v=DKIM1; p={PUBLIC.replace('SIb3', 'S1b3', 1)}",
    ),
    _one(
        "dkim-signature-syntax",
        (DKIMPY, MAIL_DKIM, OPENDKIM),
        _they_pass(DkimReason.SYNTAX, DkimReason.INVALID_DOMAIN),
        names="From:a b",
    ),
    _one(
        "dkim-blanks-within-words",
        (OPENDKIM,),
        _they_pass(
            DkimReason.NO_KEY,
            DkimReason.KEY_TYPE_MISMATCH,
            DkimReason.UNSUPPORTED_ALGORITHM,
            DkimReason.UNSUPPORTED_CANONICALIZATION,
            DkimReason.UNSUPPORTED_QUERY,
        ),
        record=f"v=DKIM 1; p={PUBLIC}",
    ),
    Difference(
        name="dkim-one-broken-spoils-all",
        peers=(OPENDKIM,),
        shows=lambda case: case.theirs.word == "not judged" and _has("edited signature")(case),
        example=_one_right_one_broken,
    ),
    _one(
        "dkim-key-type-ignored",
        (OPENDKIM,),
        lambda case: _they_pass(DkimReason.KEY_SYNTAX)(case) and _has("key of another type", "edited key")(case),
        record=f"v=DKIM1; k=ed25519; p={PUBLIC}",
        traits=("key of another type",),
    ),
    _one(
        "dkim-key-type-in-capitals",
        (DKIMPY, MAIL_DKIM),
        _we_pass(_has("key with k in capitals")),
        record=f"v=DKIM1; k=RSA; p={PUBLIC}",
        traits=("key with k in capitals",),
    ),
    _one(
        "dkim-key-granularity",
        (MAIL_DKIM,),
        _we_pass(lambda case: "granularity mismatch" in case.theirs.detail),
        record=f"v=DKIM1; g=other; p={PUBLIC}",
    ),
    _one("dkim-sha1", (DKIMPY, OPENDKIM), _they_pass(DkimReason.OBSOLETE_ALGORITHM), algorithm="rsa-sha1"),
    _one(
        "dkim-algorithm-in-capitals",
        (DKIMPY,),
        _we_pass(lambda case: "unknown signature algorithm" in case.theirs.detail),
        algorithm="rsa-SHA256",
    ),
    _one(
        "dkim-no-ed25519",
        (MAIL_DKIM,),
        _we_pass(lambda case: "unsupported algorithm ed25519" in case.theirs.detail),
        algorithm="ed25519-sha256",
    ),
    _one(
        "dkim-other-versions",
        (MAIL_DKIM, OPENDKIM),
        _they_pass(DkimReason.UNSUPPORTED_VERSION, DkimReason.MISSING_TAG),
        written="v=0.5; a=rsa-sha256; d=example.com; s=rsa; h=From; bh={bh}; b={b}",
    ),
    _one(
        "dkim-several-query-methods",
        (DKIMPY,),
        _we_pass(lambda case: "q= value is not dns/txt" in case.theirs.detail),
        tags="q=dns/txt:x/y; ",
    ),
    _one(
        "dkim-b-tag-first",
        (DKIMPY,),
        _we_pass(lambda case: case.field.value.startswith(b"b")),
        written="b={b}; v=1; a=rsa-sha256; d=example.com; s=rsa; h=From; bh={bh}",
        before="",
    ),
    _one(
        "dkim-blank-at-the-end",
        (DKIMPY,),
        _we_pass(lambda case: case.field.value[-1:] in b" \t" and str(case.ours.canonicalization).startswith("simple")),
        written="v=1; a=rsa-sha256; d=example.com; s=rsa; h=From; bh={bh}; b={b}; ",
    ),
    _one(
        "dkim-signs-other-signatures",
        (DKIMPY, MAIL_DKIM),
        _we_pass(lambda case: "dkim-signature" in case.ours.signed_fields),
        names="From:DKIM-Signature",
        traits=("signs signatures",),
    ),
    _one(
        "dkim-more-authors-than-signed",
        (DKIMPY,),
        lambda case: case.author_fields > case.ours.signed_fields.count("from"),
        text=b"From: another@example.com\r\n" + PLAIN,
    ),
    _one("dkim-l-zero-or-one", (MAIL_DKIM,), _we_pass(lambda case: case.ours.body_length in (0, 1)), tags="l=0; "),
    _one(
        "dkim-key-strict-ignored",
        (DKIMPY,),
        _they_pass(DkimReason.IDENTITY_MISMATCH, trait="key strict"),
        tags="i=@a.example.com; ",
        record=f"v=DKIM1; t=s; p={PUBLIC}",
        traits=("key strict",),
    ),
    _one(
        "dkim-key-empty-tag",
        (MAIL_DKIM,),
        _they_pass(DkimReason.KEY_SYNTAX, trait="key with empty tag"),
        record=f"v=DKIM1;; p={PUBLIC}",
        traits=("key with empty tag",),
    ),
    _one(
        "dkim-blank-before-colon",
        (DKIMPY,),
        _we_pass(lambda case: "Unexpected characters" in case.theirs.detail and _has("blank before colon")(case)),
        text=b"X-Space : a\r\n" + PLAIN,
        traits=("blank before colon",),
    ),
    _one(
        "dkim-bare-line-end",
        (DKIMPY, OPENDKIM),
        _we_pass(_has("bare line end in header", "bare line end in body")),
        text=BARE,
        traits=("bare line end in body",),
    ),
    _one(
        "dkim-other-blanks",
        (OPENDKIM,),
        _we_pass(_has("other blanks")),
        names="From:X",
        text=b"X: a\x0bb\r\n" + PLAIN,
        traits=("other blanks",),
    ),
    _one(
        "dkim-no-last-line-end",
        (DKIMPY, OPENDKIM),
        _we_pass(_has("no line end at the end")),
        text=PLAIN.removesuffix(b"\r\n") + b" ",
        traits=("no line end at the end",),
    ),
    _one(
        "dkim-no-last-line-end-simple",
        (MAIL_DKIM,),
        _we_pass(_has("no line end at the end")),
        form="relaxed/simple",
        text=PLAIN.removesuffix(b"\r\n"),
        traits=("no line end at the end",),
    ),
]
