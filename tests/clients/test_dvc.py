"""DVC: a branch as its remote, and data imported from another repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.client_page import Section
from support.client_shell import Shell
from support.lakes import Lake, noise


@pytest.fixture
def shell(
    documented: Callable[[str], Section],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """A shell in a project that has the page's remote."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / "site"))
    project = tmp_path / "project"
    project.mkdir()
    shell = Shell("", project)
    shell.run("dvc", "init", "--no-scm", "--quiet")
    settings = documented("DVC").text("sh")
    Shell(settings, project).run("dvc", "config", "core.analytics", "false")
    return shell


def test_a_branch_keeps_what_is_pushed(lake: Lake, shell: Shell) -> None:
    data = {"data.bin": noise(300_000), "folder/a": b"a", "folder/b ü+": b"b"}
    for name, content in data.items():
        (shell.folder / name).parent.mkdir(exist_ok=True)
        (shell.folder / name).write_bytes(content)
    shell.run("dvc", "add", "--quiet", "data.bin", "folder")

    shell.run("dvc", "push")
    shell.run("rm", "-r", "data.bin", "folder", ".dvc/cache")
    shell.run("dvc", "pull")

    for name, content in data.items():
        assert (shell.folder / name).read_bytes() == content
    assert {key.rsplit("/", 2)[0] for key in lake.list_keys()} == {"main/dvc/files/md5"}


def test_data_of_another_repository_is_imported_at_its_version(
    documented: Callable[[str], Section], lake: Lake, shell: Shell
) -> None:
    lake.write("main/raw/a b.csv", b"old")
    lake.write("main/raw/c.csv", b"c")
    lake.commit()
    Shell(documented("DVC").text("sh", 1), shell.folder).run(
        *("dvc", "import-url", "--version-aware"),
        *("remote://raw/a b.csv", "a.csv"),
    )
    lake.write("main/raw/a b.csv", b"new")
    lake.commit()

    shell.run("rm", "-r", "a.csv", ".dvc/cache")
    shell.run("dvc", "pull", "a.csv")
    pinned = (shell.folder / "a.csv").read_bytes()
    shell.run("dvc", "update", "a.csv.dvc")

    assert pinned == b"old"
    assert (shell.folder / "a.csv").read_bytes() == b"new"
