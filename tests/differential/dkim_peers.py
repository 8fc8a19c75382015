"""Other DKIM verifiers, each asked about many messages at once; an answer is a word for each selector."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import dkim
from inalign.mail.authentication_results import parse_authentication_results
from tests.differential.messages import SignedMessage
from tests.differential.milters import ForeignMilter

HERE = Path(__file__).parent


class Judgement(NamedTuple):
    """What a peer says of one signature."""

    word: str
    """`pass`, or anything else."""
    detail: str

    @property
    def passes(self) -> bool:
        return self.word == "pass"


ENDS_OPENDKIM = "signs signatures"
"""The answers of OpenDKIM 2.11.0 to some messages of this kind do not repeat, so that it is asked about none."""

Judgements = Mapping[str, Judgement]
"""By selector; a signature that is not there was not judged."""


class DkimPeer(Protocol):
    """One other verifier."""

    name: str

    def missing(self) -> str | None:
        """What is not installed, if so."""

    def can_judge(self, message: SignedMessage) -> bool:
        """Whether it may be asked about this one."""

    def judge(self, messages: Sequence[SignedMessage]) -> list[Judgements]:
        """Its answers, for each message."""


def keys_of(message: SignedMessage) -> dict[str, list[str]]:
    """The key records by their names."""
    texts = {name: [str(text) for text in _list(entry.get("TXT"))] for name, entry in message.zone.items()}
    return {name: found for name, found in texts.items() if found}


def _list(values: object) -> list[object]:
    return values if isinstance(values, list) else []


class Dkimpy:
    """In this process."""

    name = "dkimpy"

    def missing(self) -> str | None:
        return None

    def can_judge(self, message: SignedMessage) -> bool:
        return True

    def judge(self, messages: Sequence[SignedMessage]) -> list[Judgements]:
        return [
            {selector: self._judge(message, place) for place, selector in enumerate(message.selectors)}
            for message in messages
        ]

    def _judge(self, message: SignedMessage, place: int) -> Judgement:
        keys = {f"{name}.".encode(): texts[0].encode() for name, texts in keys_of(message).items()}

        def look_up(name: bytes, timeout: int = 5) -> bytes | None:
            return keys.get(name.lower())

        try:
            passes = dkim.DKIM(message.text).verify(idx=place, dnsfunc=look_up)
        except Exception as problem:  # noqa: BLE001 - whatever a peer raises is its answer
            return Judgement("error", f"{type(problem).__name__}: {problem}")
        return Judgement("pass" if passes else "fail", "")


class MailDkim:
    """Perl's Mail::DKIM, in one process for all messages."""

    name = "Mail::DKIM"

    def missing(self) -> str | None:
        perl = shutil.which("perl")
        if perl is None:
            return "perl is not installed"
        run = subprocess.run([perl, "-MMail::DKIM::Verifier", "-MJSON::PP", "-e1"], capture_output=True, check=False)
        return "libmail-dkim-perl is not installed" if run.returncode else None

    def can_judge(self, message: SignedMessage) -> bool:
        return True

    def judge(self, messages: Sequence[SignedMessage]) -> list[Judgements]:
        with subprocess.Popen(
            ["perl", str(HERE / "mail_dkim.pl")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            found: list[Judgements] = []
            for message in messages:
                case = {"text": base64.b64encode(message.text).decode(), "zone": keys_of(message)}
                process.stdin.write(json.dumps(case).encode() + b"\n")
                process.stdin.flush()
                answer = json.loads(process.stdout.readline())
                found.append({selector: Judgement(*map(str, said)) for selector, said in answer.items()})
        return found


class OpenDkim:
    """OpenDKIM as a milter, its keys in a file."""

    name = "OpenDKIM"

    def missing(self) -> str | None:
        return None if self._command() else "opendkim is not installed"

    def can_judge(self, message: SignedMessage) -> bool:
        return ENDS_OPENDKIM not in message.traits

    def _command(self) -> str | None:
        return shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

    def judge(self, messages: Sequence[SignedMessage]) -> list[Judgements]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            records = [line for message in messages for line in keys_of(message).items()]
            (folder / "keys").write_text("".join(f"{key} {texts[0]}\n" for key, texts in records))
            (folder / "conf").write_text(
                f"Mode v\nTestDNSData {folder / 'keys'}\nNameservers 127.0.0.1\nDNSTimeout 1\nSyslog no\n"
                "AlwaysAddARHeader yes\nAuthservID mx.example.net\nMaximumSignaturesToVerify 20\n"
            )
            with ForeignMilter([str(self._command()), "-f", "-x", str(folder / "conf")], folder) as milter:
                return [self._read(milter.fields_for(message.text)) for message in messages]

    def _read(self, fields: Iterable[tuple[bytes, bytes]]) -> Judgements:
        judgements: dict[str, Judgement] = {}
        for name, value in fields:
            if name.lower() == b"authentication-results":
                for result in parse_authentication_results(value, lenient=True).results:
                    for selector in result.values("header", "s"):
                        detail = result.reason or result.comment or ""
                        judgements[selector] = Judgement(result.result, detail)
        return judgements


PEERS: tuple[DkimPeer, ...] = (Dkimpy(), MailDkim(), OpenDkim())
