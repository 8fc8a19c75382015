"""Real SASL for Postfix: Cyrus with its database of logins, and Dovecot as a server that Postfix asks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pytest

from tests.programs import Program

PASSWORD = "secret"
DOVECOT_CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
default_internal_user = postfix
default_login_user = postfix
default_internal_group = postfix
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/logins
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Logins(ABC):
    """Those who may log in, as `USER@DOMAIN`, all with the same password."""

    name: ClassVar[str]

    def __init__(self, *logins: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"inalign-{self.name}-"))
        self.folder.chmod(0o755)
        try:
            self._start(logins)
        except BaseException:
            self.stop()
            raise

    @abstractmethod
    def _start(self, logins: tuple[str, ...]) -> None: ...

    @property
    @abstractmethod
    def main_cf(self) -> str:
        """What Postfix needs to ask."""

    @abstractmethod
    def configure(self, conf: Path) -> None:
        """Lay what Postfix needs beside its main.cf."""

    def stop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Cyrus(Logins):
    """libsasl2 reads sasldb2 within Postfix."""

    name = "cyrus"

    def _start(self, logins: tuple[str, ...]) -> None:
        if not shutil.which("saslpasswd2", path="/usr/sbin:/usr/bin"):
            pytest.skip("sasl2-bin is not installed: run packaging/test-parts")
        database = self.folder / "sasldb2"
        for login in logins:
            user, _, realm = login.partition("@")
            command = ["saslpasswd2", "-p", "-c", "-f", str(database), "-u", realm, user]
            subprocess.run(command, input=PASSWORD.encode(), check=True, timeout=30)
        shutil.chown(database, "postfix")
        database.chmod(0o600)

    @property
    def main_cf(self) -> str:
        return "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\n"

    def configure(self, conf: Path) -> None:
        """Debian's Postfix looks there and nowhere else, whatever cyrus_sasl_config_path says."""
        (conf / "sasl").mkdir()
        (conf / "sasl" / "smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\nsasldb_path: {self.folder}/sasldb2\n"
        )


class Dovecot(Logins):
    """Dovecot's auth service, behind a unix socket, with a file of passwords."""

    name = "dovecot"
    _program: Program | None = None

    def _start(self, logins: tuple[str, ...]) -> None:
        dovecot = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
        if dovecot is None:
            pytest.skip("Dovecot is not installed: run packaging/test-parts")
        version = subprocess.run([dovecot, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        if not version.startswith("2.3."):
            pytest.skip(f"the configuration here is for Dovecot 2.3, installed is {version.strip()}")
        (self.folder / "logins").write_text("".join(f"{login}:{PASSWORD}\n" for login in logins))
        (self.folder / "dovecot.conf").write_text(DOVECOT_CONF.format(folder=self.folder))
        self._program = Program([dovecot, "-F", "-c", self.folder / "dovecot.conf"], self.folder / "start")
        try:
            self._program.wait_ready((self.folder / "auth").exists)
        except AssertionError as failure:
            log = self.folder / "dovecot.log"
            raise AssertionError(f"{failure}\n{log.read_text() if log.exists() else ''}") from None

    def stop(self) -> None:
        if self._program is not None:
            self._program.stop()
            self._program = None
        super().stop()

    @property
    def main_cf(self) -> str:
        return f"smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {self.folder}/auth\n"

    def configure(self, conf: Path) -> None:
        """Nothing."""


KINDS: dict[str, type[Logins]] = {kind.name: kind for kind in (Cyrus, Dovecot)}
