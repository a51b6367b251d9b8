"""Logging in, and what other commands do with what was kept."""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Lakebed
from support.s3server import ADMIN_ENVIRONMENT, ServerProcess

PROGRAM = [sys.executable, "-m", "lakebed.cli"]
KEY_ID = ADMIN_ENVIRONMENT["LAKEBED_ACCESS_KEY_ID"]
SECRET = ADMIN_ENVIRONMENT["LAKEBED_SECRET_ACCESS_KEY"]


@pytest.fixture
def bare(
    lakebed: Lakebed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """An environment that says nothing of a server or key, for us and for others."""
    del lakebed
    for name in os.environ.copy():
        if name.startswith("LAKEBED_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return dict(os.environ)


def login(
    environment: dict[str, str], *arguments: str, given: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "login", *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_what_was_logged_in_to_is_asked_without_a_word(
    lakebed: Lakebed, bare: dict[str, str], server: ServerProcess, tmp_path: Path
) -> None:
    done = login(bare, server.url, given=f"{KEY_ID}\n{SECRET}\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"logged in to {server.url} as 'admin'\n"
    kept = tmp_path / "lakebed" / "profiles.toml"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert lakebed("whoami").out == (
        f"user\tadmin\nkind\tadministrator\nserver\t{server.url} (profile 'default')\n"
        "key\tfrom profile 'default'\n"
    )
    lakebed("repo", "list")
    assert "would log out" in lakebed("logout", "--dry-run").out
    assert lakebed("logout").out.startswith(f"logged out of {server.url}; key ")
    assert SECRET not in kept.read_text()
    refused = lakebed("whoami", "-S", server.url, succeeds=False)
    assert (refused.code, "lakebed login" in refused.err) == (1, True)
    assert lakebed("logout", succeeds=False).code == 1


def test_a_profile_has_a_name(
    lakebed: Lakebed, bare: dict[str, str], server: ServerProcess
) -> None:
    done = login(bare, server.url, "--profile", "work", given=f"{KEY_ID}\n{SECRET}\n")

    assert "--profile work" in done.stdout
    assert lakebed("--profile", "work", "whoami", "--json").json["profile"] == "work"
    wrong = lakebed("--profile", "wrk", "whoami", succeeds=False)
    assert "no profile 'wrk' (there is: 'work')" in wrong.err


def test_a_wrong_key_is_not_kept(
    bare: dict[str, str], server: ServerProcess, tmp_path: Path
) -> None:
    for given, message in (
        (f"{KEY_ID}\nwrong\n", "is not accepted"),
        (f"{KEY_ID}\n", "no access key"),
        ("", "no access key"),
        ("a b c", "no access key"),
    ):
        done = login(bare, server.url, given=given)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        if given.count("\n") < 2:
            assert message in done.stderr
    assert not (tmp_path / "lakebed").exists()


def test_a_server_that_is_none_is_not_kept(
    bare: dict[str, str], tmp_path: Path
) -> None:
    away = login(bare, "http://127.0.0.1:1", given="a\nb\n")
    folder = login(bare, "./lake", given="a\nb\n")

    assert away.returncode == 5
    assert folder.returncode == 2
    assert "a directory needs no login" in folder.stderr
    assert not (tmp_path / "lakebed").exists()


def test_a_secret_that_is_typed_is_not_shown(
    bare: dict[str, str], server: ServerProcess
) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "login", server.url],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=bare,
        start_new_session=True,
    )
    os.close(follower)
    shown = read_until(leader, b"Access key id")
    os.write(leader, f"{KEY_ID}\n".encode())
    shown += read_until(leader, b"Secret access key: ")
    os.write(leader, f"{SECRET}\n".encode())
    shown += read_until(leader, b"as 'admin'")
    os.close(leader)

    assert process.wait(30) == 0
    assert KEY_ID.encode() in shown
    assert SECRET.encode() not in shown


def read_until(handle: int, text: bytes) -> bytes:
    """Return what a terminal shows up to `text`, within half a minute."""
    shown = b""
    while text not in shown:
        ready, _, _ = select.select([handle], [], [], 30)
        assert ready, shown
        shown += os.read(handle, 4096)
    return shown
