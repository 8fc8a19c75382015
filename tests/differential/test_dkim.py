"""The same signed messages for other verifiers and for us: the same answers, or a known reason why not."""

from __future__ import annotations

import pytest

from tests.differential.differences import CASES, SEED, unexplained
from tests.differential.dkim_differences import DIFFERENCES, NOW, SECONDS, cases_of, results_of
from tests.differential.dkim_peers import PEERS, DkimPeer
from tests.differential.messages import SignedMessage, make, make_signed_by_us

each_peer = pytest.mark.parametrize(
    "peer",
    [pytest.param(peer, marks=[] if peer.name == "dkimpy" else [pytest.mark.interop], id=peer.name) for peer in PEERS],
)


@pytest.fixture(scope="module")
def messages() -> list[SignedMessage]:
    return [make(SEED, number, SECONDS) for number in range(CASES)]


@each_peer
def test_peer_agrees_or_departs_in_a_known_way(peer: DkimPeer, messages: list[SignedMessage]) -> None:
    _need(peer)
    asked = [message for message in messages if peer.can_judge(message)]
    answers = peer.judge(asked)
    cases = [case for pair in zip(asked, answers, strict=True) for case in cases_of(*pair)]
    left = unexplained(peer.name, cases, DIFFERENCES)
    assert not left, f"{len(left)}, the first: {left[0]}"


@each_peer
def test_peer_lets_pass_what_we_sign(peer: DkimPeer) -> None:
    _need(peer)
    made = [make_signed_by_us(SEED, number, NOW) for number in range(CASES // 2)]
    messages = [message for message in made if message is not None]
    assert len(messages) > CASES // 4
    cases = []
    for message, answer in zip(messages, peer.judge(messages), strict=True):
        assert all(result.result == "pass" for result in results_of(message))
        cases += cases_of(message, answer)
    left = unexplained(peer.name, cases, DIFFERENCES)
    assert not left, f"{len(left)}, the first: {left[0]}"


@each_peer
def test_each_known_difference_is_still_there(peer: DkimPeer) -> None:
    _need(peer)
    known = [difference for difference in DIFFERENCES if peer.name in difference.peers]
    examples = [difference.example() for difference in known]
    gone = []
    for difference, message, answer in zip(known, examples, peer.judge(examples), strict=True):
        if not any(difference.shows(case) for case in cases_of(message, answer)):
            gone.append((difference.name, answer))
    assert not gone


def _need(peer: DkimPeer) -> None:
    missing = peer.missing()
    if missing:
        pytest.skip(missing)
