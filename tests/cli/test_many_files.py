"""`cp -r` of many files: what stops it, what does not, and how it goes on."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lakebed.client import Client, ObjectUpload

from support.commands import Lakebed

PROGRAM = [sys.executable, "-m", "lakebed.cli"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    for number in range(300):
        path = made / str(number % 7) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * number)
    (made / "large.bin").write_bytes(os.urandom(2**20 + 5))
    (made / "empty").touch()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_comes_back_as_it_was(
    lakebed: Lakebed, repository: str, folder: Path, tmp_path: Path
) -> None:
    remote = f"lakebed://{repository}/main/x/"

    up = lakebed("cp", "-r", "-j", "2", str(folder), remote)
    again = lakebed("cp", "-r", str(folder), remote)
    dirty = lakebed("cp", "-r", remote, str(tmp_path / "dirty"))
    lakebed("commit", f"{repository}/main", "-m", "all")
    clean = lakebed("cp", "-r", "-j", "32", remote, str(tmp_path / "clean"))

    assert up.out.startswith("uploaded 302 objects, ")
    assert up.err == ""
    assert again.out == "uploaded 0 objects, 0 B; 302 unchanged\n"
    assert dirty.out.startswith("downloaded 302 objects, ")
    assert clean.out == dirty.out
    assert contents(tmp_path / "dirty") == contents(folder)
    assert contents(tmp_path / "clean") == contents(folder)


def test_objects_go_across_refs_and_repositories(
    lakebed: Lakebed, repository: str, folder: Path, tmp_path: Path
) -> None:
    lakebed("cp", "-r", "--meta", "k=v", str(folder), f"lakebed://{repository}/main/x/")
    lakebed("branch", "create", f"{repository}/dev", "main")
    other = f"{repository}-other"
    lakebed("repo", "create", other)

    for target in (f"{repository}/dev/y", f"{other}/main/y", f"{repository}/main/x/x"):
        source = f"lakebed://{repository}/main/x"
        done = lakebed("cp", "-r", source, f"lakebed://{target}")
        again = lakebed("cp", "-r", source, f"lakebed://{target}", "--no-clobber")
        stat = lakebed("stat", f"{target}/large.bin", "--json").json
        out = tmp_path / target
        lakebed("cp", "-r", f"lakebed://{target}", str(out))

        assert done.out.startswith("copied 302 objects, ")
        if target.startswith(f"{repository}/main"):
            # What was copied into its own source is below it from then on.
            assert again.out.startswith("copied 302 objects, ")
            continue
        assert again.out == "copied 0 objects, 0 B; 302 kept as they were\n"
        assert stat["metadata"] == {"k": "v"}
        assert contents(out) == contents(folder)


def test_names_that_would_leave_the_folder_are_named_and_the_rest_comes(
    lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    names = ["../evil", "a/../../evil", "/etc/evil", "a//b", "link/evil", "to", "good"]
    with Client() as lake:
        lake.upload_objects(
            repository, "main", [ObjectUpload(f"x/{name}", b"x") for name in names]
        )
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    (out / "to").symlink_to(tmp_path / "evil")

    result = lakebed(
        "cp", "-r", f"lakebed://{repository}/main/x/", str(out), succeeds=False
    )

    assert result.code == 1
    for name in names[:-1]:
        assert f"x/{name}" in result.err
    assert "6 files could not be copied" in result.err
    assert result.out == "downloaded 1 object, 1 B\n"
    assert (out / "good").read_text() == "x"
    assert not (tmp_path / "evil").exists()
    assert sorted(path.name for path in out.iterdir()) == ["good", "link", "to"]


def test_files_that_cannot_be_read_are_told_at_the_end(
    lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good").write_text("x")
    (folder / os.fsdecode(b"bad-\xff")).write_text("x")
    (folder / "a\x1b[31mb").symlink_to("nowhere")

    result = lakebed(
        "cp", "-r", str(folder), f"lakebed://{repository}/main/", succeeds=False
    )

    assert result.code == 1
    assert result.out == "uploaded 1 object, 1 B\n"
    assert "its name is not UTF-8" in result.err
    assert "1 file could not be copied" in result.err
    assert "skipped" in result.err
    assert "\x1b" not in result.err


def test_an_interrupted_copy_goes_on_where_it_stopped(
    environment: dict[str, str], lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number:05}").write_bytes(b"%d" % number * 900)
    with (folder / "z").open("wb") as last:
        last.truncate(2**30)  # a second's work after all the others
    remote = f"lakebed://{repository}/main/"
    process = subprocess.Popen(
        [*PROGRAM, "cp", "-r", "-j", "1", str(folder), remote],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    with process, Client() as lake:
        while lake.du(repository, "main").object_count == 0:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    with Client() as lake:
        there = lake.du(repository, "main").object_count
    (folder / "z").unlink()

    again = lakebed("cp", "-r", str(folder), remote)

    assert (process.returncode, out, err) == (130, b"", b"")
    assert 0 < there <= 1500
    assert again.out.startswith(f"uploaded {1500 - there:,} object")
    assert again.out.endswith(f"; {there:,} unchanged\n")


def test_progress_on_a_terminal_is_no_part_of_what_is_printed(
    environment: dict[str, str], repository: str, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number}").write_bytes(os.urandom(200_000))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "cp", "-r", str(folder), f"lakebed://{repository}/main/"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, **environment, "TERM": "xterm"},
    )
    os.close(theirs)
    with process:
        assert process.stdout is not None
        out = process.stdout.read()
        assert process.wait(60) == 0
    os.close(ours)

    assert out.startswith(b"uploaded 200 objects, ")


@pytest.mark.parametrize("jobs", ["0", "33", "x"])
def test_jobs_are_a_number_that_a_client_has_connections_for(
    lakebed: Lakebed, repository: str, jobs: str
) -> None:
    result = lakebed(
        "cp", "-r", "-j", jobs, ".", f"lakebed://{repository}/main/", succeeds=False
    )

    assert result.code == 2
    assert "jobs" in result.err


def test_a_dry_run_of_a_download_names_what_would_come(
    lakebed: Lakebed, repository: str, folder: Path, tmp_path: Path
) -> None:
    remote = f"lakebed://{repository}/main/x"
    lakebed("cp", "-r", str(folder), remote)
    out = tmp_path / "out"

    dry = lakebed("cp", "-r", "--dry-run", remote, str(out)).out

    assert dry.count("would copy ") == 302
    assert f"would copy {remote}/empty to {out}/empty\n" in dry
    assert not out.exists()
