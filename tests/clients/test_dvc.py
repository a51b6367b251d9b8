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
    """A shell in a project with the page's settings."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / "site"))
    project = tmp_path / "project"
    project.mkdir()
    shell = Shell("", project)
    shell.run("git", "init", "--quiet")
    shell.run("dvc", "init", "--quiet")
    section = documented("DVC")
    (project / ".dvc" / "config").write_text(section.text("ini"))
    (project / ".dvc" / "config.local").write_text(section.text("ini", 1))
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
    stored = {key.rsplit("/", 2)[0] for key in lake.list_keys()}
    assert stored == {"main/dvc/files/md5"}


def test_data_of_another_repository_is_imported_at_its_version(
    documented: Callable[[str], Section], other_lake: Lake, shell: Shell
) -> None:
    other_lake.write("main/raw/a b.csv", b"old")
    other_lake.write("main/raw/c.csv", b"c")
    commit_id = other_lake.commit()
    Shell(documented("DVC").text("sh"), shell.folder).run("true")
    other_lake.write("main/raw/a b.csv", b"new")
    other_lake.commit()

    shell.run("rm", "-r", "a.csv", ".dvc/cache")
    shell.run("dvc", "pull", "a.csv")
    pinned = (shell.folder / "a.csv").read_bytes()
    version = f"version_id: {commit_id}"
    is_named = version in (shell.folder / "a.csv.dvc").read_text()
    shell.run("dvc", "update", "a.csv.dvc")

    assert pinned == b"old"
    assert is_named
    assert (shell.folder / "a.csv").read_bytes() == b"new"
