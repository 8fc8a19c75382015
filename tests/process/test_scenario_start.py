"""How it starts: sockets with owner and mode, from root to a user, limits that are checked, systemd told."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import socket
import stat
from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.process.privileges import become, find_account, find_group, find_user
from inalign.process.systemd import notify, reloading
from inalign.settings.file import distrust, parse_settings, read_config
from inalign.settings.postfix import milter_content_timeout
from inalign.wiring.milter import workers
from inalign.wiring.run import warnings
from tests.process.milter_service import OUTSIDE, Service
from tests.process.test_scenario_workers import delivers
from tests.programs import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_unix_socket_has_its_mode_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    with Service(tmp_path, listen=f"unix:{path}", milter="socket_mode = '0620'") as service:
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
        assert delivers(service)
    assert not path.exists()


def test_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    other = tmp_path / "other"
    other.mkdir()
    with Service(tmp_path, listen=f"unix:{path}") as service:
        service.signal(signal.SIGKILL)
        service.wait_for_log("the supervisor is gone")
        wait_until(lambda: not delivers(service), "the end of accepting", 3.0)
    assert path.exists()
    with Service(other, listen=f"unix:{path}") as service:
        assert delivers(service)


def test_live_unix_socket_is_in_use(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Service(tmp_path, listen=f"unix:{tmp_path}/m.sock") as service:
        with pytest.raises(AssertionError, match="another process listens there"):
            Service(other, listen=service.address).start()
        assert delivers(service)


def test_mode_of_a_unix_socket_is_changed_by_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    with Service(tmp_path, listen=f"unix:{path}") as service:
        service.configure(milter="socket_mode = '0600'")
        service.signal(signal.SIGHUP)
        service.wait_for_log("is in force")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert delivers(service)


def test_ipv6_is_served(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this host has no IPv6 loopback")
        port = probe.getsockname()[1]
    with Service(tmp_path, listen=f"inet:[::1]:{port}") as service:
        assert delivers(service)


@needs_root
def test_root_becomes_the_user_after_binding(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    tmp_path.chmod(0o755)
    path = tmp_path / "m.sock"
    service = Service(tmp_path, listen=f"unix:{path}", milter="socket_group = 'mail'")
    service.config.write_text('user = "nobody"\n' + service.config.read_text())
    with service:
        for pid in (service.pid, *service.workers()):
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert set(status["Uid"].split()) == {str(nobody.pw_uid)}
            assert set(status["Gid"].split()) == {str(nobody.pw_gid)}
            assert set(status["Groups"].split()) <= {str(nobody.pw_gid)}
            assert int(status["CapEff"], 16) == 0
        assert (path.stat().st_uid, path.stat().st_gid) == (nobody.pw_uid, grp.getgrnam("mail").gr_gid)
        assert delivers(service)
        with service.peer(OUTSIDE) as peer:  # all that a message needs has been imported while we could
            assert peer.greet().deliver()[-1][0] == "a"
        assert "Traceback" not in service.log()
        assert "running as root" not in service.log()
        assert "SIGHUP will not change the configuration" in service.log()  # pytest's folder is root's alone


def test_account_is_found_by_name() -> None:
    assert find_account("", "") is None
    with pytest.raises(SettingsError, match=r"^group: group is set and user is not"):
        find_account("", "mail")
    with pytest.raises(SettingsError, match=r"^user: there is no user 'nosuchuser'"):
        find_account("nosuchuser", "")
    with pytest.raises(SettingsError, match=r"^milter.socket_owner: there is no user"):
        find_user("nosuchuser", "milter.socket_owner")
    with pytest.raises(SettingsError, match=r"^group: there is no group"):
        find_group("nosuchgroup", "group")
    me = pwd.getpwuid(os.geteuid()).pw_name
    account = find_account(me, "")
    assert account is not None
    assert account.uid == os.geteuid()


def test_who_is_not_root_becomes_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    account = find_account("nobody", "") if os.geteuid() == 0 else None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(SettingsError, match=r"^user: only root can become nobody"):
        find_account("nobody", "")
    if account is not None:
        become(account)  # nothing to do, and nothing done
        assert os.getuid() == 0


def test_configuration_that_anybody_may_write_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(SettingsError, match=r"/inalign.toml: anybody may write .*chmod o-w .*/inalign.toml$"):
        read_config(path)
    path.chmod(0o664)
    read_config(path)


def status(*, mode: int = 0o640, uid: int = 0, gid: int = 0) -> os.stat_result:
    return os.stat_result((stat.S_IFREG | mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (status(), None),
        (status(uid=900, gid=900), None),
        (status(mode=0o660), None),
        (status(mode=0o660, uid=900, gid=900), None),
        (status(mode=0o642), "anybody may write this file, so it is not read; try: chmod o-w"),
        (status(uid=1000), "user 1000 owns this file, neither root nor who runs Inalign"),
        (status(mode=0o660, gid=50), "group 50 may write this file, so it is not read; try: chmod g-w"),
        (status(mode=0o640, gid=50), None),
    ],
)
def test_configuration_is_in_the_hands_of_root_and_of_who_runs_it(
    monkeypatch: pytest.MonkeyPatch, found: os.stat_result, words: str | None
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 900)
    monkeypatch.setattr(os, "getegid", lambda: 900)
    reason = distrust(found)
    assert (reason is None) if words is None else (reason is not None and words in reason)


@needs_root
def test_configuration_that_another_user_owns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text("")
    os.chown(path, 12345, 0)
    with pytest.raises(SettingsError, match=r"inalign.toml: user 12345 owns this file, .*; try: chown root /"):
        read_config(path)


NO_POSTFIX = Path("/nonexistent/main.cf")


def test_times_that_do_not_fit_each_other_are_warnings() -> None:
    assert warnings(parse_settings(""), NO_POSTFIX) == []
    text = "[dns]\nmessage_budget_seconds = 30\n[milter]\ndecision_seconds = 30\nmta_timeout_seconds = 20"
    budget, decision = warnings(parse_settings(text), NO_POSTFIX)
    assert "dns.message_budget_seconds = 30 is no less than milter.decision_seconds = 30" in budget
    assert "milter.decision_seconds = 30 is no less than milter.mta_timeout_seconds = 20" in decision


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 300.0),
        ("milter_content_timeout = 20s\n", 20.0),
        ("milter_content_timeout=2m\n", 120.0),
        ("#milter_content_timeout = 20s\nmilter_content_timeout =\n# a comment\n\t45\n", 45.0),
        ("milter_content_timeout = 20s\nmyhostname = a\n milter_content_timeout = 1s\n", 20.0),
        ("milter_content_timeout = 1h\nmilter_content_timeout = 1d\n", 86_400.0),
        ("milter_content_timeout = $milter_command_timeout\n", None),
        ("xmilter_content_timeout = 20s\n", 300.0),
    ],
)
def test_time_that_postfix_waits_is_read_as_postfix_reads_it(tmp_path: Path, text: str, seconds: float | None) -> None:
    path = tmp_path / "main.cf"
    path.write_text(text)
    assert milter_content_timeout(path) == seconds
    assert milter_content_timeout(NO_POSTFIX) is None


def test_postfix_that_waits_less_than_is_set_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "main.cf"
    path.write_text("milter_content_timeout = 90s\n")
    (warning,) = warnings(parse_settings(""), path)
    assert "mta_timeout_seconds = 300, but Postfix on this host waits only 90 s (milter_content_timeout in /" in warning
    assert warnings(parse_settings("[milter]\nmta_timeout_seconds = 90"), path) == []


def test_too_few_open_files_are_a_warning() -> None:
    (warning,) = warnings(parse_settings("[milter]\nmax_connections = 1000000"), NO_POSTFIX)
    assert "too few for milter.max_connections = 1000000" in warning


def test_workers_are_as_many_as_cores_by_default() -> None:
    assert workers(parse_settings("")) == len(os.sched_getaffinity(0))
    assert workers(parse_settings("[milter]\nworkers = 7")) == 7


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(where)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", where)
        with Service(tmp_path) as service:
            heard = systemd.recv(4096)
            while b"READY=1" not in heard:
                heard = systemd.recv(4096)
            assert b"STATUS=2 workers serve" in heard
            service.signal(signal.SIGHUP)
            while b"RELOADING=1" not in heard:
                heard = systemd.recv(4096)
            assert b"MONOTONIC_USEC=" in heard
            while b"READY=1" not in heard:
                heard = systemd.recv(4096)
            service.signal(signal.SIGTERM)
            while b"STOPPING=1" not in heard:
                heard = systemd.recv(4096)


def test_nobody_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    reloading()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        name = f"inalign-test-notify-{os.getpid()}"
        systemd.bind(f"\0{name}")
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("READY=1", "STATUS=x")
        assert systemd.recv(100) == b"READY=1\nSTATUS=x"
