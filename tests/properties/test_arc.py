"""ARC under arbitrary input: nothing raises, and a sealed octet cannot change unseen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inalign.arc.result import ArcStatus
from inalign.arc.validate import validate_arc
from inalign.mail.fields import parse_message
from tests.arc.test_seal import add_set
from tests.dkim.material import ED25519, PLAIN, ZONE
from tests.helpers import NOW, run_now, zone

CHAIN = add_set(add_set(PLAIN), ED25519)
RAWS = [field.raw for field in parse_message(CHAIN).fields]
pieces = st.sampled_from(
    [b"i=1;", b"i=2;", b" cv=none;", b" cv=fail;", b"a=rsa-sha256;", b"b=AA==;", b"\r\n", b" ", b"("]
)


def state_of(text: bytes) -> ArcStatus:
    return run_now(validate_arc(text, zone(ZONE), now=NOW)).result


@given(
    fields=st.lists(
        st.tuples(
            st.sampled_from([b"ARC-Seal:", b"ARC-Message-Signature:", b"ARC-Authentication-Results:"]),
            st.lists(pieces).map(b"".join) | st.binary(max_size=40),
        ),
        max_size=8,
    )
)
def test_validation_never_raises(fields: list[tuple[bytes, bytes]]) -> None:
    text = b"".join(name + value + b"\r\n" for name, value in fields)
    assert state_of(text + PLAIN) is not ArcStatus.PASS
    assert state_of(text + CHAIN) in ArcStatus


@given(order=st.permutations(range(len(RAWS))))
def test_the_order_of_the_fields_does_not_matter(order: list[int]) -> None:
    # RFC 8617 section 5.1.1: the instances give the order
    assert state_of(b"".join(RAWS[place] for place in order) + b"\r\n" + parse_message(CHAIN).body) is ArcStatus.PASS


@given(dropped=st.sets(st.integers(0, 5), min_size=1, max_size=5))
def test_no_field_of_a_chain_can_be_dropped(dropped: set[int]) -> None:
    kept = [raw for place, raw in enumerate(RAWS) if place not in dropped]
    state = state_of(b"".join(kept) + b"\r\n" + parse_message(CHAIN).body)
    # the newest set as a whole is the one thing whose absence nobody can see
    assert (state is ArcStatus.PASS) == (dropped == {0, 1, 2})


# Base64 has bits that nobody reads at its end; only in the newest seal no other signature covers them.
@given(place=st.integers(len(RAWS[0]), CHAIN.index(PLAIN) - 1), octet=st.integers(0x21, 0x7E))
def test_a_sealed_octet_cannot_change_unseen(place: int, octet: int) -> None:
    changed = CHAIN[:place] + bytes([octet]) + CHAIN[place + 1 :]
    if relevant(changed) != relevant(CHAIN):
        assert state_of(changed) is not ArcStatus.PASS


def relevant(text: bytes) -> bytes:
    """The text without what no signature sees: the case of field names, and the blanks."""
    return b"".join(text.lower().split())
