"""What is captured of a work tree puts it back as it was, wherever that is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lakebed.client.capture import Captured, Limits, capture_code, capture_commits
from lakebed.client.restoring import RestoredCode, RestoreError, restore_code
from lakebed.client.wire import Code

from support.git_repositories import (
    Repository,
    git,
    make_repository,
    picture,
    state_of_git,
)


def restore(captured: Captured[Code], into: Path) -> RestoredCode:
    files = {file.name: file.content for file in captured.files}
    return restore_code(captured.part, files.__getitem__, into)


def clean(_: Repository) -> None:
    pass


def changed_text(repository: Repository) -> None:
    repository.write("train.py", "print('changed')\nno newline at the end")


def changed_binary(repository: Repository) -> None:
    repository.write("weights.bin", os.urandom(3000) + b"\0\r\n")


def staged(repository: Repository) -> None:
    repository.write("train.py", "print('staged')\n")
    repository.write("new.py", "NEW = 1\n")
    repository.git("add", "-A")


def staged_and_changed_again(repository: Repository) -> None:
    staged(repository)
    repository.write("train.py", "print('and again')\n")
    (repository.root / "new.py").unlink()


def deleted(repository: Repository) -> None:
    (repository.root / "notes.txt").unlink()
    repository.git("rm", "-q", "pkg/model.py")


def removed_from_the_index_only(repository: Repository) -> None:
    repository.git("rm", "-q", "--cached", "notes.txt")


def mode(repository: Repository) -> None:
    (repository.root / "train.py").chmod(0o755)


def links(repository: Repository) -> None:
    (repository.root / "link").symlink_to("train.py")
    (repository.root / "away").symlink_to("/nowhere/at/all")
    (repository.root / "folder").symlink_to("pkg")


def changed_link(repository: Repository) -> None:
    (repository.root / "link").symlink_to("train.py")
    repository.commit()
    (repository.root / "link").unlink()
    (repository.root / "link").symlink_to("weights.bin")


def file_became_link(repository: Repository) -> None:
    (repository.root / "notes.txt").unlink()
    (repository.root / "notes.txt").symlink_to("train.py")


def file_became_folder(repository: Repository) -> None:
    (repository.root / "notes.txt").unlink()
    repository.write("notes.txt/inner.txt", "inner\n")


def untracked(repository: Repository) -> None:
    repository.write("fresh.py", "FRESH = True\n")
    repository.write("deep/er/file", b"\xff\0\xfe")
    repository.write("empty", b"")
    repository.write("run.sh", "#!/bin/sh\n").chmod(0o755)


def ignored(repository: Repository) -> None:
    repository.write("noise.log", "noise\n")
    repository.write("data/large.bin", b"1" * 100)


def odd_names(repository: Repository) -> None:
    for name in (b"with space", b"new\nline", b'quo"te', b"back\\slash", b"tab\there"):
        repository.write(b"tracked " + name, b"1\n")
    repository.write(b"tracked \xff\xfe not utf-8", b"1\n")
    repository.write("tracked ünïcode", "1\n")
    repository.write("-leading-dash", "1\n")
    repository.write(":(exclude)magic", "1\n")
    repository.commit()
    for path in list(picture(repository.root)):
        if path.startswith((b"tracked", b"-", b":")):
            repository.write(path, b"2\n")
            repository.write(b"untracked " + path, b"3\n")


def line_ends(repository: Repository) -> None:
    repository.write(".gitattributes", "lines.txt text eol=crlf\n")
    repository.write("lines.txt", b"one\r\ntwo\r\n")
    repository.commit()
    repository.write("lines.txt", b"one\r\ntwo\r\nthree\r\n")


def merge_in_progress(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "other")
    repository.write("notes.txt", "theirs\n")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("notes.txt", "ours\n")
    repository.commit()
    with pytest.raises(AssertionError):
        repository.git("merge", "other")


def intent_to_add(repository: Repository) -> None:
    repository.write("soon.py", "SOON = 1\n")
    repository.git("add", "-N", "soon.py")


def hidden_from_git(repository: Repository) -> None:
    repository.git("update-index", "--assume-unchanged", "train.py")
    repository.git("update-index", "--skip-worktree", "notes.txt")
    repository.write("train.py", "print('nobody looks')\n")
    repository.write("notes.txt", "nobody looks\n")


def large_file_pointers(repository: Repository) -> None:
    """As Git LFS has it, without the program: pointers in Git, content in the work tree."""
    repository.write(".gitattributes", "*.ckpt filter=lfs diff=lfs merge=lfs -text\n")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 3\n"
    repository.write("a.ckpt", pointer % ("0" * 64))
    repository.commit()
    repository.write("a.ckpt", b"changed content of a checkpoint")


def touched(repository: Repository) -> None:
    """Times that the index does not have: git would like to write it anew."""
    changed_text(repository)
    for name in ("weights.bin", "notes.txt", ".gitignore"):
        os.utime(repository.root / name, (1_700_000_000, 1_700_000_000))


def configured_by_the_user(repository: Repository) -> None:
    """Settings that change what a diff looks like, and programs that would run."""
    for name, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.external": "false",
        "diff.algorithm": "patience",
        "diff.context": "0",
        "diff.renames": "copies",
        "diff.submodule": "log",
        "core.quotepath": "true",
        "color.ui": "always",
        "color.diff": "always",
        "core.pager": "false",
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "true",
        "diff.upper.textconv": "false",
        "diff.orderFile": "order",
        "core.fsmonitor": "false",
    }.items():
        repository.git("config", name, value)
    repository.write(".gitattributes", "*.bin diff=upper\n")
    repository.write("order", "*.py\n")
    repository.commit()
    changed_text(repository)
    changed_binary(repository)
    untracked(repository)
    shutil.copy(repository.root / "pkg/model.py", repository.root / "pkg/copy.py")


STATES: list[Callable[[Repository], None]] = [
    clean,
    changed_text,
    changed_binary,
    staged,
    staged_and_changed_again,
    deleted,
    removed_from_the_index_only,
    mode,
    links,
    changed_link,
    file_became_link,
    file_became_folder,
    untracked,
    ignored,
    odd_names,
    line_ends,
    merge_in_progress,
    intent_to_add,
    hidden_from_git,
    large_file_pointers,
    touched,
    configured_by_the_user,
]
states = pytest.mark.parametrize("state", STATES, ids=lambda each: each.__name__)


@states
def test_a_work_tree_comes_back_as_it_was(
    state: Callable[[Repository], None], tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "work")
    state(repository)
    before = picture(repository.root)

    captured = capture_code(repository.root, ["python", "train.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.missing == ()
    assert picture(restored.root) == before


@states
def test_capturing_and_restoring_leave_the_repository_untouched(
    state: Callable[[Repository], None], tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "work")
    state(repository)
    before, git_before = (
        picture(repository.root, ignored=True),
        state_of_git(repository.root),
    )

    restore(capture_code(repository.root, ["python", "train.py"]), tmp_path / "again")

    git_after = state_of_git(repository.root)
    assert picture(repository.root, ignored=True) == before
    changed = {path for path in git_after if git_after[path] != git_before.get(path)}
    assert changed == set()
    assert git_after.keys() == git_before.keys()


@states
def test_what_was_restored_is_captured_alike(
    state: Callable[[Repository], None], tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "work")
    repository.push_to(tmp_path / "bare.git")
    state(repository)
    if state is not merge_in_progress and state is not changed_link:
        repository.git("push", "-q", "origin", "HEAD")
    first = capture_code(repository.root, ["python", "train.py"])

    restored = restore(first, tmp_path / "again")
    second = capture_code(restored.directory, ["python", "train.py"])

    hidden = {hidden_from_git, removed_from_the_index_only, large_file_pointers}
    kept = [] if state in hidden else [file.content for file in first.files]
    assert [file.content for file in second.files][: len(kept)] == kept
    for name in (
        "commit",
        "branch",
        "tree",
        "remote",
        "is_pushed",
        "directory",
        "entry",
    ):
        assert getattr(second.part, name) == getattr(first.part, name), name


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_repository_without_a_commit_comes_back(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    git(root, "init", "-q", f"--object-format={kind}")
    repository = Repository(root)
    repository.write("staged.py", "STAGED = 1\n")
    repository.git("add", "staged.py")
    repository.write("untracked.py", "UNTRACKED = 1\n")

    captured = capture_code(root, ["python", "staged.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.part.commit is None
    assert captured.part.kind == "git"
    assert picture(restored.root) == picture(root)


def test_a_repository_with_sha256_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    git(root, "init", "-q", "--object-format=sha256")
    repository = Repository(root)
    repository.write("train.py", "1\n")
    repository.commit()
    changed_text(repository)

    captured = capture_code(root, ["python", "train.py"])

    assert len(captured.part.commit or "") == 64
    assert picture(restore(captured, tmp_path / "again").root) == picture(root)


def test_a_command_in_a_subdirectory_runs_there_again(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("pkg/fresh.py", "FRESH = 1\n")

    captured = capture_code(repository.root / "pkg", ["python", "fresh.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.part.directory == "pkg"
    assert captured.part.entry is not None
    assert captured.part.entry.path == "pkg/fresh.py"
    assert restored.directory == tmp_path / "again" / "pkg"
    assert picture(restored.root) == picture(repository.root)
    assert restored.moved == {str(repository.root): tmp_path / "again"}


def test_a_detached_head_stays_detached(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work", commits=2)
    repository.git("checkout", "-q", "--detach", "HEAD~1")

    captured = capture_code(repository.root, ["python", "train.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.part.branch is None
    assert picture(restored.root) == picture(repository.root)
    assert git(restored.root, "rev-parse", "HEAD") == captured.part.commit


def test_a_second_work_tree_comes_back(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")
    second = Repository(tmp_path / "second")
    changed_text(second)
    untracked(second)

    captured = capture_code(second.root, ["python", "train.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.part.branch == "side"
    assert picture(restored.root) == picture(second.root)


def test_a_sparse_checkout_comes_back_whole_and_says_so(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    everything = picture(repository.root)
    repository.git("sparse-checkout", "set", "--no-cone", "/train.py", "/.gitignore")

    captured = capture_code(repository.root, ["python", "train.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.part.is_sparse
    assert not captured.part.is_dirty
    assert picture(restored.root) == everything
    assert "left out then" in restored.notes[0]


def test_a_shallow_clone_comes_back(tmp_path: Path) -> None:
    origin = make_repository(tmp_path / "origin", commits=5)
    git(tmp_path, "clone", "-q", "--depth=2", origin.root.as_uri(), "work")
    work = Repository(tmp_path / "work")
    changed_text(work)

    captured = capture_code(work.root, ["python", "train.py"])
    restored = restore(captured, tmp_path / "again")

    assert captured.part.is_pushed is True
    assert picture(restored.root) == picture(work.root)


# Where the commit comes from ---------------------------------------------------------


def moved_away(repository: Repository) -> None:
    repository.root.rename(repository.root.with_name("moved away"))


def test_the_commit_comes_from_the_remote_when_the_folder_is_gone(
    tmp_path: Path,
) -> None:
    repository = make_repository(tmp_path / "work", commits=3)
    repository.push_to(tmp_path / "bare.git")
    untracked(repository)
    changed_binary(repository)
    before = picture(repository.root)
    captured = capture_code(repository.root, ["python", "train.py"])
    moved_away(repository)

    restored = restore(captured, tmp_path / "again")

    assert captured.part.remote == str(tmp_path / "bare.git")
    assert captured.part.is_pushed is True
    assert picture(restored.root) == before


def test_the_commit_comes_from_a_url(tmp_path: Path) -> None:
    """Through git's own protocol, though over a file."""
    repository = make_repository(tmp_path / "work", commits=3)
    repository.push_to(tmp_path / "bare.git")
    before = picture(repository.root)
    captured = capture_code(repository.root, ["python", "train.py"])
    moved_away(repository)
    shutil.move(tmp_path / "bare.git", tmp_path / "elsewhere.git")
    files = {file.name: file.content for file in captured.files}

    restored = restore_code(
        captured.part,
        files.__getitem__,
        tmp_path / "again",
        fetch_from=(tmp_path / "elsewhere.git").as_uri(),
    )

    assert picture(restored.root) == before


def test_a_local_folder_is_asked_first_and_not_changed(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    captured = capture_code(repository.root, ["python", "train.py"])
    before = picture(repository.root)
    moved_away(repository)
    there = Repository(tmp_path / "moved away")
    state = state_of_git(there.root)

    restored = restore_code(
        captured.part,
        dict[str, bytes]().__getitem__,
        tmp_path / "again",
        fetch_from=there.root,
    )

    assert picture(restored.root) == before
    assert state_of_git(there.root) == state


def test_a_commit_that_nobody_has_names_who_was_asked_and_the_way_out(
    tmp_path: Path,
) -> None:
    repository = make_repository(tmp_path / "work")
    repository.push_to(tmp_path / "bare.git")
    repository.commit("Not pushed")
    captured = capture_code(repository.root, ["python", "train.py"])
    moved_away(repository)

    with pytest.raises(RestoreError) as raised:
        restore(captured, tmp_path / "again")

    message = raised.value.message
    assert captured.part.is_pushed is False
    assert (captured.part.commit or "")[:12] in message
    assert "bare.git' does not have it" in message
    assert "as a folder or URL" in message
    assert "\n" not in message


def test_a_remote_that_is_gone_is_told(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.git("remote", "add", "origin", "file:///nowhere/at/all.git")
    captured = capture_code(repository.root, ["python", "train.py"])
    moved_away(repository)

    with pytest.raises(RestoreError, match=r"'file:///nowhere/at/all\.git'"):
        restore(captured, tmp_path / "again")


def test_a_diff_that_is_not_the_recorded_one_is_refused(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    changed_text(repository)
    captured = capture_code(repository.root, ["python", "train.py"])
    for number, wrong in enumerate((b"print('chansed')", b"print('chang")):
        content = captured.files[0].content.replace(b"print('changed')", wrong)

        with pytest.raises(RestoreError, match="the record is damaged"):
            restore_code(
                captured.part,
                {"code.diff": content}.__getitem__,
                tmp_path / f"{number}",
            )


def test_a_tree_that_is_not_the_recorded_one_is_refused(tmp_path: Path) -> None:
    import msgspec

    repository = make_repository(tmp_path / "work")
    captured = capture_code(repository.root, ["python", "train.py"])
    wrong = msgspec.structs.replace(captured.part, tree="0" * 40)

    with pytest.raises(RestoreError, match="the tree of commit"):
        restore(Captured(wrong, captured.files), tmp_path / "again")


def test_only_an_empty_folder_is_written_to(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    captured = capture_code(repository.root, ["python", "train.py"])
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "mine").write_text("mine")

    with pytest.raises(RestoreError, match="not an empty folder"):
        restore(captured, tmp_path / "again")

    assert [path.name for path in (tmp_path / "again").iterdir()] == ["mine"]


# What no remote has ------------------------------------------------------------------


def test_commits_that_are_not_pushed_are_kept_as_a_bundle(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work", commits=3)
    repository.push_to(tmp_path / "bare.git")
    repository.write("train.py", "print('not pushed')\n")
    repository.commit("Not pushed")
    repository.write("notes.txt", "nor this\n")
    repository.commit("Not pushed either")
    untracked(repository)
    before, state = picture(repository.root), state_of_git(repository.root)
    captured = capture_code(repository.root, ["python", "train.py"])

    with_commits = capture_commits(captured.part)

    assert state_of_git(repository.root) == state
    assert with_commits.part.bundle == "code.bundle"
    assert len(with_commits.files[0].content) < 2000
    moved_away(repository)
    whole = Captured(with_commits.part, captured.files + with_commits.files)
    assert picture(restore(whole, tmp_path / "again").root) == before


def test_without_a_remote_the_commit_is_kept_alone(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work", commits=3)
    repository.write("weights.bin", os.urandom(20_000))
    repository.commit("Large")
    repository.write("weights.bin", b"small")
    repository.commit("Small")
    before = picture(repository.root)
    captured = capture_code(repository.root, ["python", "train.py"])

    first, second = capture_commits(captured.part), capture_commits(captured.part)

    assert first.part.bundle == "code.bundle.pack"
    assert first == second
    assert len(first.files[0].content) < 5000
    moved_away(repository)
    restored = restore(first, tmp_path / "again")
    assert picture(restored.root) == before
    assert git(restored.root, "log", "--format=%s") == "Small"


def test_a_pushed_commit_needs_no_bundle(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.push_to(tmp_path / "bare.git")
    captured = capture_code(repository.root, ["python", "train.py"])

    assert capture_commits(captured.part) == Captured(captured.part)


def test_commits_that_are_too_large_to_keep_are_a_gap(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("weights.bin", os.urandom(20_000))
    repository.commit("Large")
    captured = capture_code(repository.root, ["python", "train.py"])

    kept = capture_commits(captured.part, limits=Limits(bundle_bytes_max=10_000))

    assert kept.part == captured.part
    assert [each.what for each in kept.missing] == ["code.bundle"]
    assert "push it" in kept.missing[0].reason


def test_without_a_remote_a_commit_of_very_many_files_is_not_packed(
    tmp_path: Path,
) -> None:
    repository = make_repository(tmp_path / "work")
    captured = capture_code(repository.root, ["python", "train.py"])

    assert capture_commits(
        captured.part, limits=Limits(pack_objects_max=5)
    ) == Captured(captured.part)
