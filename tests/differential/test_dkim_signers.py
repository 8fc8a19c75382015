"""What other signers sign passes with us, whatever the message, the kind of key and the canonicalization."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.differential.differences import CASES, SEED
from tests.differential.dkim_differences import results_of
from tests.differential.dkim_peers import OpenDkim
from tests.differential.dkim_signers import SIGNERS, DkimSigner, OpenDkimSigner, Way
from tests.differential.messages import SignedMessage, make_unsigned
from tests.dkim.material import ED25519, RSA

FORMS = [f"{header}/{body}" for header in ("simple", "relaxed") for body in ("simple", "relaxed")]
NOT_OF_THIS_WORLD = {"bare line end in header", "bare line end in body", "other blanks", "no line end at the end"}
"""What no mail server hands to a signer, or where docs/differences.md has what others make of it."""
SPOILT = [("OpenDKIM", Way("ed25519", "simple/simple")), ("OpenDKIM", Way("ed25519", "simple/relaxed"))]
"""OpenDKIM 2.11.0 signs another header here than it prints."""
ZONE: dict[str, dict[str, object]] = {
    f"{name}._domainkey.example.com": {"TXT": [key.key_record()]} for name, key in (("rsa", RSA), ("ed25519", ED25519))
}


def _signed(signer: DkimSigner, way: Way) -> list[SignedMessage]:
    missing = signer.missing()
    if missing:
        pytest.skip(missing)
    made = [make_unsigned(SEED, number) for number in range(CASES // 4)]
    messages = [each for each in made if not each.traits & NOT_OF_THIS_WORLD]
    return [
        SignedMessage(each.number, field + each.text, ZONE, [way.algorithm], each.traits)
        for each, field in zip(messages, signer.sign(messages, way), strict=True)
        if field
    ]


@pytest.mark.parametrize(
    ("signer", "way"),
    [
        pytest.param(
            signer,
            Way(algorithm, form),
            marks=[] if signer.name == "dkimpy" else [pytest.mark.interop],
            id=f"{signer.name}-{algorithm}-{form}",
        )
        for signer in SIGNERS
        for algorithm in signer.algorithms
        for form in FORMS
        if (signer.name, Way(algorithm, form)) not in SPOILT
    ],
)
def test_we_let_pass_what_others_sign(signer: DkimSigner, way: Way) -> None:
    signed = _signed(signer, way)
    assert len(signed) > CASES // 12
    now = datetime.now(UTC)  # the signers read the clock of the machine, after this module was imported
    found = [(each, results_of(each, now=now)) for each in signed]
    failed = [pair for pair in found if pair[1][0].result != "pass"]
    assert not failed, f"{len(failed)} of {len(signed)}, the first: {failed[0]}"


@pytest.mark.interop
@pytest.mark.parametrize("way", [way for _, way in SPOILT], ids=lambda way: way.form)
def test_opendkim_itself_refuses_what_it_spoils(way: Way) -> None:
    signed = _signed(OpenDkimSigner(), way)
    assert {each[way.algorithm].word for each in OpenDkim().judge(signed)} == {"fail"}
    now = datetime.now(UTC)
    assert {results_of(each, now=now)[0].reason for each in signed} == {"signature_mismatch"}
