"""A private Dovecot: IMAP in the clear and over TLS, mailboxes in a folder of its own, any user with one password.

With an address for tokens it takes them, too, and asks there what they are worth.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

from tests.programs import Program, free_port, is_bound

PASSWORD = "secret"

CONF = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
disable_plaintext_auth = no
default_vsz_limit = 0
mail_location = maildir:~/Maildir
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain login {mechanisms}
auth_username_format = %Lu
auth_failure_delay = 0
{tokens}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%Lu allow_all_users=yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  # No waiting after a refused login.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

TOKENS = """\
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/tokens.conf
}}
"""

TOKENS_CONF = """\
grant_url =
tokeninfo_url = {url}
username_attribute = email
username_format = %Lu
active_attribute = active
active_value = true
"""


def missing_part() -> str | None:
    """Why no private Dovecot can be had here; None when it can."""
    if shutil.which("dovecot") is None or not Path("/usr/lib/dovecot/imap").exists():
        return "Dovecot is not installed: apt-get install dovecot-imapd"
    if os.geteuid() != 0:
        return "a private Dovecot needs root (its master process does): run the tests as root"
    return None


class Dovecot:
    """One running instance; `stop` in every case."""

    def __init__(self, certificate: Path, *, tokeninfo_url: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="inalign-dovecot-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.tls_port = free_port()
        self._nobody = pwd.getpwnam("nobody")
        for name in ("run", "home"):
            (self.folder / name).mkdir(mode=0o755)
        os.chown(self.folder / "home", self._nobody.pw_uid, self._nobody.pw_gid)
        (self.folder / "tokens.conf").write_text(TOKENS_CONF.format(url=tokeninfo_url))
        conf = self.folder / "dovecot.conf"
        conf.write_text(
            CONF.format(
                folder=self.folder,
                certificate=certificate,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
                uid=self._nobody.pw_uid,
                gid=self._nobody.pw_gid,
                mechanisms="xoauth2 oauthbearer" if tokeninfo_url else "",
                tokens=TOKENS.format(folder=self.folder) if tokeninfo_url else "",
            )
        )
        self._program = Program(["dovecot", "-F", "-c", str(conf)], self.folder / "start.log")
        try:
            self._program.wait_ready(lambda: is_bound(self.port) and is_bound(self.tls_port))
        except AssertionError as failure:
            log = self.log()
            self.stop()
            raise AssertionError(f"{failure}\n{log}") from None

    def deliver(self, user: str, content: bytes, folder: str = "") -> None:
        """Put a message into the mailbox as a delivery agent does."""
        maildir = self.folder / "home" / user / "Maildir" / folder
        for name in ("tmp", "new", "cur"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        number = sum(1 for name in ("new", "cur") for _ in (maildir / name).iterdir())
        path = maildir / "tmp" / f"{os.urandom(8).hex()}.{number}.test"
        path.write_bytes(content.replace(b"\r\n", b"\n"))
        for each in (self.folder / "home" / user).rglob("*"):
            os.chown(each, self._nobody.pw_uid, self._nobody.pw_gid)
        os.chown(self.folder / "home" / user, self._nobody.pw_uid, self._nobody.pw_gid)
        path.rename(maildir / "new" / path.name)

    def log(self) -> str:
        path = self.folder / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        self._program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
