"""The examples of docs/api.md. They run as tests; the page shows the lines below the docstrings."""

from __future__ import annotations


def verify() -> None:
    """Verify a message against DNS from a mapping; `LiveResolver()` asks name servers."""
    from datetime import UTC, datetime

    from inalign import DmarcStatus, Envelope, ZoneResolver, authenticate, run

    resolver = ZoneResolver.from_json(
        {
            "example.org": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]},
            "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
        }
    )
    message = b"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: Hello\r\n\r\nHello.\r\n"
    envelope = Envelope(client_ip="192.0.2.7", helo="mail.example.org", mail_from="alice@example.org")
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    verdict = run(authenticate(message, envelope, resolver, now=now, authserv_id="mx.example.net"))
    assert verdict.dmarc.result is DmarcStatus.PASS
    assert verdict.spf.result.value == "pass"
    assert str(verdict.authentication_results).startswith("mx.example.net; spf=pass")


def sign_in_pieces() -> None:
    """Sign a message whose body comes in pieces."""
    from datetime import UTC, datetime

    from inalign import BodyHashes, KeyType, Signing, SigningKey, generate_private_key, parse_domain, parse_message

    key = SigningKey(parse_domain("example.org"), parse_domain("s1"), generate_private_key(KeyType.ED25519))
    header = parse_message(b"From: alice@example.org\r\nSubject: Hello\r\n\r\n").fields
    signing = Signing(header, [key], now=datetime(2026, 11, 24, 12, tzinfo=UTC))
    hashes = BodyHashes(signing.body_specs)
    for piece in (b"Hello", b", wor", b"ld.\r\n"):
        hashes.update(piece)
    fields = signing.fields(hashes.digests())
    assert fields.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
