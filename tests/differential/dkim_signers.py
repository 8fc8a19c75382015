"""Other DKIM signers, each given many messages at once; an answer is the field that it would put on top."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

import dkim
from tests.differential.dkim_peers import HERE, Dkimpy, MailDkim, OpenDkim
from tests.differential.messages import SignedMessage
from tests.differential.milters import ForeignMilter
from tests.dkim.material import ED25519, ED25519_SEED, RSA_PEM

DOMAIN = "example.com"


class Way(NamedTuple):
    """How a message shall be signed."""

    algorithm: str
    """`rsa` or `ed25519`; the selector, too."""
    form: str
    """`relaxed/simple` and the like."""


class DkimSigner(Protocol):
    """One other signer."""

    name: str
    algorithms: tuple[str, ...]

    def missing(self) -> str | None:
        """What is not installed, if so."""

    def sign(self, messages: Sequence[SignedMessage], way: Way) -> list[bytes]:
        """Its field for each message, with its line end; nothing where it does not sign."""


class DkimpySigner(Dkimpy):
    """In this process."""

    algorithms: tuple[str, ...] = ("rsa", "ed25519")

    def sign(self, messages: Sequence[SignedMessage], way: Way) -> list[bytes]:
        return [self._sign(message.text, way) for message in messages]

    def _sign(self, text: bytes, way: Way) -> bytes:
        header, _, body = way.form.encode().partition(b"/")
        try:
            field: bytes = dkim.sign(
                text,
                way.algorithm.encode(),
                DOMAIN.encode(),
                RSA_PEM if way.algorithm == "rsa" else ED25519_SEED,
                canonicalize=(header, body),
                signature_algorithm=f"{way.algorithm}-sha256".encode(),
            )
        except dkim.DKIMException:
            return b""
        return field


class MailDkimSigner(MailDkim):
    """Perl's Mail::DKIM, in one process for all messages. Debian's knows no Ed25519."""

    algorithms: tuple[str, ...] = ("rsa",)

    def sign(self, messages: Sequence[SignedMessage], way: Way) -> list[bytes]:
        key = load_pem_private_key(RSA_PEM, None).private_bytes(
            Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        case = {"form": way.form, "domain": DOMAIN, "selector": way.algorithm, "key": base64.b64encode(key).decode()}
        lines = [json.dumps({**case, "text": base64.b64encode(each.text).decode()}) for each in messages]
        run = subprocess.run(
            ["perl", str(HERE / "mail_dkim_sign.pl")],
            input="\n".join(lines).encode(),
            capture_output=True,
            check=True,
            timeout=60,
        )
        fields = [base64.b64decode(json.loads(line)) for line in run.stdout.splitlines()]
        return [field.rstrip(b"\r\n") + b"\r\n" for field in fields]


class OpenDkimSigner(OpenDkim):
    """OpenDKIM as a milter."""

    algorithms: tuple[str, ...] = ("rsa", "ed25519")

    def sign(self, messages: Sequence[SignedMessage], way: Way) -> list[bytes]:
        opendkim = shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            key = folder / "key.pem"
            key.touch(0o600)
            key.write_bytes(RSA_PEM if way.algorithm == "rsa" else ED25519.private_key.to_pem())
            lines = [
                "Mode s", "Syslog no", "RequireSafeKeys no", "InternalHosts 0.0.0.0/0", f"Canonicalization {way.form}",
                f"SignatureAlgorithm {way.algorithm}-sha256", f"KeyTable csl:k={DOMAIN}:{way.algorithm}:{key}",
                f"SigningTable csl:{DOMAIN}=k,.{DOMAIN}=k", "",
            ]  # fmt: skip
            (folder / "conf").write_text("\n".join(lines))
            with ForeignMilter([str(opendkim), "-f", "-x", str(folder / "conf")], folder) as milter:
                return [self._sign(milter, message.text) for message in messages]

    def _sign(self, milter: ForeignMilter, text: bytes) -> bytes:
        fields = [
            name + b":" + value.replace(b"\n", b"\r\n") + b"\r\n"
            for name, value in milter.fields_for(text)
            if name == b"DKIM-Signature"
        ]
        return b"".join(fields)


SIGNERS: tuple[DkimSigner, ...] = (DkimpySigner(), MailDkimSigner(), OpenDkimSigner())
