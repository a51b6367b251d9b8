"""Errors are one line that names the thing and the way out, and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lakebed.client import Client

from support.commands import Lakebed

PROGRAM = [sys.executable, "-m", "lakebed.cli"]


def test_a_misspelt_name_gets_a_suggestion(
    lakebed: Lakebed, repository: str, put: Callable[[str, str], None]
) -> None:
    put(f"{repository}/main/data/table.csv", "x")

    branch = lakebed("log", f"{repository}/mian", succeeds=False)
    path = lakebed("cat", f"{repository}/main/data/tabel.csv", succeeds=False)
    name = lakebed("repo", "show", f"{repository}x", succeeds=False)

    assert branch.code == path.code == name.code == 3
    assert branch.err.endswith(
        "'mian' in repository '" + repository + "'; did you mean 'main'?\n"
    )
    assert path.err.endswith("did you mean 'data/table.csv'?\n")
    assert f"did you mean '{repository}" in name.err
    for result in (branch, path, name):
        assert result.err.startswith("error: ")
        assert result.err.count("\n") == 1


def test_what_exists_already_is_a_conflict(lakebed: Lakebed, repository: str) -> None:
    lakebed("tag", "create", f"{repository}/v1")

    for arguments in (
        ("repo", "create", repository),
        ("branch", "create", f"{repository}/v1"),
        ("tag", "create", f"{repository}/main"),
    ):
        result = lakebed(*arguments, succeeds=False)
        assert result.code == 4
        assert "exists already" in result.err


def test_a_commit_of_nothing_fails(lakebed: Lakebed, repository: str) -> None:
    result = lakebed("commit", f"{repository}/main", "-m", "m", succeeds=False)

    assert (result.code, result.err) == (1, "error: commit: no changes\n")


def test_a_write_to_a_tag_fails_and_says_why(
    lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    lakebed("tag", "create", f"{repository}/v1")
    (tmp_path / "f").write_text("x")

    result = lakebed(
        "cp", str(tmp_path / "f"), f"lakebed://{repository}/v1/f", succeeds=False
    )

    assert result.code == 1
    assert "v1" in result.err


def test_a_wrong_key_is_told_by_where_it_came_from(
    lakebed: Lakebed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBED_SECRET_ACCESS_KEY", "wrong")

    result = lakebed("repo", "list", succeeds=False)

    assert result.code == 1
    assert "LAKEBED_ACCESS_KEY_ID" in result.err
    assert "wrong" not in result.err.replace("is wrong", "")


def test_no_server_is_its_own_exit_code(lakebed: Lakebed) -> None:
    result = lakebed("-S", "http://127.0.0.1:1", "repo", "list", succeeds=False)

    assert result.code == 5
    assert "cannot reach 'http://127.0.0.1:1': connection refused; " in result.err
    assert "'lakebed serve DIR' starts a server" in result.err


def test_a_missing_local_file_is_named(lakebed: Lakebed, repository: str) -> None:
    result = lakebed(
        "cp", "/nowhere/f", f"lakebed://{repository}/main/f", succeeds=False
    )

    assert result.code == 3
    assert result.err == "error: cannot use '/nowhere/f': no such file or directory\n"


def test_a_name_that_would_leave_the_folder_is_refused(
    lakebed: Lakebed, repository: str, environment: dict[str, str], tmp_path: Path
) -> None:
    del environment
    with Client() as lake:
        lake.upload_object(repository, "main", "d/../../evil", b"x")

    result = lakebed(
        "cp",
        "-r",
        f"lakebed://{repository}/main/d",
        str(tmp_path / "out"),
        succeeds=False,
    )

    assert result.code == 1
    assert "'../../evil'" in result.err
    assert not (tmp_path / "evil").exists()


def test_control_characters_never_reach_standard_output(
    lakebed: Lakebed, repository: str, environment: dict[str, str]
) -> None:
    del environment
    with Client() as lake:
        lake.upload_object(repository, "main", "a\x1b[31m\tb\nc", b"x")

    lakebed("commit", f"{repository}/main", "-m", "red \x1b[31m alert")

    for arguments in (
        ("log", f"{repository}/main"),
        ("log", f"{repository}/main", "--oneline"),
        ("show", f"{repository}/main"),
        ("ls", f"{repository}/main"),
        ("ls", f"{repository}/main", "--json"),
        ("diff", f"{repository}/main~1..main"),
        ("rm", "-r", f"{repository}/main/", "--dry-run"),
    ):
        assert "\x1b" not in lakebed(*arguments).out


def test_an_interrupt_ends_quietly_with_130(
    environment: dict[str, str], repository: str
) -> None:
    """`cp -` waits for its input, until Ctrl-C."""
    process = subprocess.Popen(
        [*PROGRAM, "cp", "-", f"lakebed://{repository}/main/f"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stdin is not None
    assert process.stderr is not None
    with process:
        # What is written is read once the upload has begun.
        process.stdin.write(b"x" * 4_000_000)
        process.stdin.flush()

        process.send_signal(signal.SIGINT)
        code = process.wait(30)

        assert (code, process.stderr.read()) == (130, b"")


def test_a_reader_that_leaves_ends_us_quietly(
    environment: dict[str, str], repository: str
) -> None:
    with Client() as lake:
        lake.upload_object(repository, "main", "big", bytes(8_000_000))
    process = subprocess.Popen(
        [*PROGRAM, "cat", f"{repository}/main/big"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdout.read(1)
        process.stdout.close()

        assert (process.wait(30), process.stderr.read()) == (141, b"")


def test_a_resolution_of_what_does_not_conflict_is_refused(
    lakebed: Lakebed, repository: str, put: Callable[[str, str], None]
) -> None:
    main, dev = f"{repository}/main", f"{repository}/dev"
    put(f"{main}/a", "base")
    lakebed("commit", main, "-m", "m")
    lakebed("branch", "create", dev)
    for branch in (main, dev):
        put(f"{branch}/a", branch)
    put(f"{dev}/new", "x")
    for branch in (main, dev):
        lakebed("commit", branch, "-m", "m")
    head = lakebed("branch", "show", main).out

    for words in (("new=delete", "a=source"), ("a=source", "typo=source")):
        chosen = [word for each in words for word in ("--resolve", each)]
        refused = lakebed("merge", dev, "main", *chosen, succeeds=False)
        assert refused.code == 1
        assert "it does not conflict, so that a resolution would" in refused.err
    twice = ("--resolve", "a=source", "--resolve", "a=base")
    refused = lakebed("merge", dev, "main", *twice, succeeds=False)
    assert (refused.code, "names 'a' twice" in refused.err) == (2, True)
    assert lakebed("branch", "show", main).out == head

    lakebed("merge", dev, "main", "--resolve", "a=source")
    assert lakebed("cat", f"{main}/a").out == dev


def test_a_local_end_with_a_slash_is_a_folder(
    lakebed: Lakebed, repository: str, put: Callable[[str, str], None], tmp_path: Path
) -> None:
    put(f"{repository}/main/up/a", "x")
    source = f"lakebed://{repository}/main/up/a"

    lakebed("cp", source, f"{tmp_path}/new/folder/")
    missing = lakebed("cp", source, f"{tmp_path}/none/b", succeeds=False)

    assert (tmp_path / "new" / "folder" / "a").read_text() == "x"
    assert missing.code == 3
    assert f"cannot use '{tmp_path}/none': no such file" in missing.err


def test_messages_name_the_way_out(
    lakebed: Lakebed, repository: str, put: Callable[[str, str], None]
) -> None:
    main, dev = f"{repository}/main", f"{repository}/dev"
    lakebed("branch", "create", dev)
    put(f"{dev}/a", "x")
    empty = lakebed("commit", dev, "-m", " ", succeeds=False)
    lakebed("commit", dev, "-m", "m")
    lakebed("merge", dev, "main")
    lakebed("tag", "create", f"{repository}/v1", main)
    lakebed("tag", "delete", f"{repository}/v1", "--yes")

    tag = lakebed("undo", f"{repository}/v1", "--yes", succeeds=False)
    merge = lakebed("revert", main, succeeds=False)
    key = lakebed("key", "revoke", "admin", "LBNOSUCHKEY", "--yes", succeeds=False)

    assert (empty.code, "the message is empty" in empty.err) == (2, True)
    assert "'v1' was a tag, and tags are not undone" in tag.err
    assert "--mainline NUMBER" in merge.err
    assert (key.code, "the key comes first" in key.err) == (3, True)
