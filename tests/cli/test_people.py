"""Users, keys and grants from the command line, at a server and on a directory."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lakebed.cli.main import run

from support.commands import Lakebed

_numbers = itertools.count(1)


@pytest.fixture
def ann(lakebed: Lakebed) -> str:
    name = f"ann-{next(_numbers)}"
    lakebed("user", "create", name)
    return name


@pytest.fixture
def become(lakebed: Lakebed, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Go on as another user, with a fresh key of theirs."""

    def call(user: str) -> None:
        lines = lakebed("key", "create", user).out.splitlines()
        for line in lines:
            name, _, value = line.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)

    return call


def test_users_are_made_shown_listed_and_deleted(lakebed: Lakebed) -> None:
    made = lakebed("user", "create", "bob")
    boss = lakebed("user", "create", "boss", "--admin", "--json")
    again = lakebed("user", "create", "bob", succeeds=False)
    listed = lakebed("user", "list", "bo")
    shown = lakebed("user", "show", "boss")
    facts = lakebed("user", "show", "bob", "--json")
    deleted = lakebed("user", "delete", "bob")
    missing = lakebed("user", "show", "bos", succeeds=False)

    assert made.out == "user 'bob' created\n"
    assert boss.json["is_admin"] is True
    assert (again.code, again.err) == (
        4,
        "error: not unique: user 'bob' exists already\n",
    )
    assert re.fullmatch(r"bob\tuser\t\S+Z\nboss\tadministrator\t\S+Z\n", listed.out)
    assert "user\tboss\nkind\tadministrator\n" in shown.out
    assert "may admin\teverything\n" in shown.out
    assert facts.json["user"]["id"] == "bob"
    assert (facts.json["grants"], facts.json["key_count"]) == ([], 0)
    assert deleted.out == "deleted user 'bob' with 0 keys and 0 grants\n"
    assert missing.code == 3
    assert missing.err == "error: user not found: 'bos'; did you mean 'boss'?\n"
    lakebed("user", "delete", "boss", "--yes")


def test_a_dry_run_deletes_nobody_and_says_what_goes_with_them(
    lakebed: Lakebed, ann: str
) -> None:
    lakebed("key", "create", ann)
    lakebed("grant", "add", ann, "read", "a/b")

    result = lakebed("user", "delete", ann, "--dry-run")

    assert result.out == f"would delete user '{ann}' with 1 key and 1 grant\n"
    lakebed("user", "show", ann)


def test_a_new_key_is_two_lines_for_the_shell(
    lakebed: Lakebed, ann: str, environment: dict[str, str]
) -> None:
    made = lakebed("key", "create", ann)
    lakebed("grant", "add", ann, "read", "no*/*")

    assert re.fullmatch(
        r"export LAKEBED_ACCESS_KEY_ID=LB[A-Z0-9]{18}\n"
        r"export LAKEBED_SECRET_ACCESS_KEY=[A-Za-z0-9]{40}\n",
        made.out,
    )
    assert "this once" in made.err
    script = f"{made.out}\nlakebed grant list"
    asked = subprocess.run(
        ["/bin/sh", "-c", script],
        env={**os.environ, **environment, "PATH": _path_of_lakebed()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.startswith("no*/*\tread\t")


def _path_of_lakebed() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_keys_are_listed_without_secrets_and_revoked(
    lakebed: Lakebed, ann: str
) -> None:
    made = lakebed("key", "create", ann, "--json").json
    key = made["access_key_id"]
    listed = lakebed("key", "list", ann)
    dry = lakebed("key", "revoke", key, ann, "--dry-run")
    unknown = lakebed("key", "revoke", "NOSUCH", ann, succeeds=False)
    revoked = lakebed("key", "revoke", key, ann)

    assert listed.out.startswith(f"{key}\t")
    assert made["secret_access_key"] not in listed.out
    assert dry.out == f"would revoke key '{key}' of '{ann}'\n"
    assert (unknown.code, unknown.err) == (
        3,
        f"error: access key not found: 'NOSUCH' of user '{ann}'\n",
    )
    assert revoked.out == f"key '{key}' of '{ann}' revoked\n"
    assert lakebed("key", "list", ann, "--json").json == []


def test_grants_are_added_listed_and_removed(lakebed: Lakebed, ann: str) -> None:
    added = lakebed("grant", "add", ann, "write", "penguins/dev-*")
    changed = lakebed("grant", "add", ann, "read", "penguins/dev-*", "--json")
    listed = lakebed("grant", "list", ann)
    removed = lakebed("grant", "remove", ann, "penguins/dev-*")
    again = lakebed("grant", "remove", ann, "penguins/dev-*", succeeds=False)
    odd = lakebed("grant", "add", ann, "read", "penguins/a~1", succeeds=False)

    assert added.out == f"'{ann}' may write 'penguins/dev-*'\n"
    assert changed.json["level"] == "read"
    assert re.fullmatch(r"penguins/dev-\*\tread\t\S+Z\n", listed.out)
    assert removed.out == f"grant on 'penguins/dev-*' taken from '{ann}'\n"
    assert (again.code, again.err.count("\n")) == (3, 1)
    assert odd.code == 1
    assert odd.err.startswith("error: invalid ref glob 'a~1': use the characters of ")


def test_a_user_does_what_was_granted_and_nothing_else(
    lakebed: Lakebed,
    repository: str,
    ann: str,
    become: Callable[[str], None],
    put: Callable[[str, str], None],
    tmp_path: Path,
) -> None:
    put(f"{repository}/main/a", "a")
    lakebed("commit", f"{repository}/main", "-m", "m")
    lakebed("branch", "create", f"{repository}/secret", "main")
    lakebed("tag", "create", f"{repository}/v1", "main")
    lakebed("grant", "add", ann, "read", f"{repository}/main")
    lakebed("grant", "add", ann, "write", f"{repository}/dev-*")
    become(ann)

    assert lakebed("repo", "list").out.split("\t")[0] == repository
    assert lakebed("cat", f"{repository}/main/a").out == "a"
    lakebed("branch", "create", f"{repository}/dev-x", "main")
    put(f"{repository}/dev-x/b", "b")
    lakebed("commit", f"{repository}/dev-x", "-m", "mine")
    lakebed("branch", "create", f"{repository}/dev-y", "main")
    lakebed("merge", f"{repository}/dev-x", "dev-y")
    lakebed("tag", "create", f"{repository}/dev-1", "dev-y")
    lakebed("tag", "show", f"{repository}/dev-1")
    lakebed("branch", "show", f"{repository}/dev-y")
    assert "b" in lakebed("show", f"{repository}/dev-x").out
    branches = lakebed("branch", "list", repository).out
    assert [line.split("\t")[0] for line in branches.splitlines()] == [
        "dev-x",
        "dev-y",
        "main",
    ]
    assert lakebed("user", "show").out.startswith(f"user\t{ann}\n")
    for arguments in (
        ("cat", f"{repository}/secret/a"),
        ("cat", f"{repository}/nosuch/a"),
        ("log", f"{repository}/v1"),
        ("commit", f"{repository}/main", "-m", "m"),
        ("merge", f"{repository}/dev-x", "main"),
        ("branch", "create", f"{repository}/x", "main"),
        ("branch", "create", f"{repository}/dev-z", "secret"),
        ("repo", "delete", repository),
        ("user", "list"),
        ("user", "create", "x"),
        ("key", "create", "admin"),
        ("grant", "add", ann, "admin", "*/*"),
    ):
        refused = lakebed(*arguments, succeeds=False)
        assert refused.code == 1, arguments
        assert refused.err.startswith(f"error: access denied: '{ann}' may not ")
        assert refused.err.count("\n") == 1


def test_everything_works_on_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = str(tmp_path / "lake")

    def call(*arguments: str) -> int:
        return run([*arguments, "--server", lake])

    assert call("repo", "create", "mine") == 0
    assert call("user", "create", "ann") == 4
    assert "the first user must be an administrator" in capsys.readouterr().err
    assert call("user", "create", "boss", "--admin") == 0
    assert call("user", "create", "ann") == 0
    assert call("key", "create", "ann") == 0
    assert call("grant", "add", "ann", "read", "mine/*") == 0
    capsys.readouterr()
    assert call("grant", "list", "ann") == 0
    assert capsys.readouterr().out.startswith("mine/*\tread\t")
    assert call("user", "delete", "ann") == 0
    assert call("user", "list") == 0
    assert "boss\t" in capsys.readouterr().out
    assert call("user", "delete", "boss") == 4
    assert "make another one first" in capsys.readouterr().err
