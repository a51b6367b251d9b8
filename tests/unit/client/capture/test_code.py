"""What is told of code in odd places: none of it is silently absent."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from lakebed.client.capture import Captured, Limits, capture_code
from lakebed.client.restoring import RestoreError, restore_code
from lakebed.client.wire import Code, LeftOut

from support.git_repositories import Repository, git, make_repository, picture


def capture(root: Path, *argv: str, limits: Limits | None = None) -> Captured[Code]:
    return capture_code(root, argv or ("python", "train.py"), limits=limits or Limits())


def gaps(captured: Captured[Code]) -> list[tuple[str, str]]:
    return [(each.what, each.reason) for each in captured.missing]


def kept(captured: Captured[Code], name: str) -> bytes:
    return {file.name: file.content for file in captured.files}[name]


def names_in_tar(captured: Captured[Code]) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(kept(captured, "code.tar"))) as tar:
        return tar.getnames()


def test_a_clean_work_tree_keeps_nothing_and_says_all(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.push_to(tmp_path / "bare.git")

    code = capture(repository.root).part

    assert code.kind == "git"
    assert code.commit == repository.git("rev-parse", "HEAD")
    assert code.tree == repository.git("rev-parse", "HEAD^{tree}")
    assert code.branch == "main"
    assert code.remote == str(tmp_path / "bare.git")
    assert code.is_pushed is True
    assert not code.is_dirty
    assert (code.diff, code.untracked, code.directory) == (None, None, ".")
    assert code.entry is not None
    assert code.entry.path == "train.py"


def test_without_a_remote_nobody_says_that_it_is_not_pushed(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")

    code = capture(repository.root).part

    assert (code.remote, code.is_pushed) == (None, None)


def test_the_remote_of_the_branch_goes_before_origin(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.push_to(tmp_path / "bare.git")
    git(tmp_path, "init", "-q", "--bare", "other.git")
    repository.git("remote", "add", "other", "../other.git")
    repository.git("push", "-q", "-u", "other", "main")

    assert capture(repository.root).part.remote == str(tmp_path / "other.git")


def test_credentials_of_a_remote_are_left_out(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.git(
        "remote", "add", "origin", "https://ann:c4nary-t0ken@example.org/a.git"
    )

    assert capture(repository.root).part.remote == "https://example.org/a.git"


def test_variables_of_git_do_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook, where they name the repository of the hook."""
    repository = make_repository(tmp_path / "work")
    other = make_repository(tmp_path / "other", commits=2)
    commit = repository.git("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")

    code = capture(repository.root).part

    assert (code.root, code.commit) == (str(repository.root), commit)


# Too large, too many, not to be read -------------------------------------------------


def test_a_huge_untracked_file_is_left_out_by_name_with_its_size(
    tmp_path: Path,
) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("small.py", "1\n")
    with repository.write("huge.bin").open("wb") as file:
        file.truncate(3 << 30)

    captured = capture(repository.root)

    assert names_in_tar(captured) == ["small.py"]
    row = LeftOut(
        path="huge.bin", size_bytes=3 << 30, reason="it is larger than 4194 kB"
    )
    assert captured.part.untracked_left_out == [row]
    assert captured.part.is_dirty


def test_all_untracked_files_together_have_a_limit(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    for number in range(5):
        repository.write(f"{number}.bin", b"x" * 1000)

    captured = capture(repository.root, limits=Limits(untracked_bytes_max=2500))

    assert names_in_tar(captured) == ["0.bin", "1.bin"]
    assert len(captured.part.untracked_left_out) == 3


def test_of_many_untracked_files_the_rest_is_counted(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    for number in range(300):
        repository.write(f"out/{number:03}.txt", "x")

    captured = capture(repository.root, limits=Limits(untracked_files_max=10))

    assert len(names_in_tar(captured)) == 10
    assert len(captured.part.untracked_left_out) == 200
    assert gaps(captured) == [
        (
            "code.untracked",
            "90 more files are not kept than are named: have Git ignore what is data",
        )
    ]


def test_a_large_changed_file_does_not_take_the_rest_of_the_diff_with_it(
    tmp_path: Path,
) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("weights.bin", os.urandom(5000))
    repository.write("train.py", "print('changed')\n")

    captured = capture(repository.root, limits=Limits(diff_file_bytes_max=4000))

    diff = kept(captured, "code.diff")
    assert b"print('changed')" in diff
    assert b"weights" not in diff
    assert [row.path for row in captured.part.untracked_left_out] == ["weights.bin"]
    assert captured.part.is_dirty


def test_a_diff_that_is_too_large_is_named(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("weights.bin", os.urandom(100_000))

    captured = capture(repository.root, limits=Limits(diff_bytes_max=1000))

    assert captured.part.diff is None
    assert captured.part.is_dirty
    assert [each.what for each in captured.missing] == ["code.diff"]
    assert "too large to keep" in captured.missing[0].reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("closed.py").chmod(0)

    captured = capture(repository.root)

    assert "cannot be read" in captured.part.untracked_left_out[0].reason


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """So that they are stored once, run after run."""
    repository = make_repository(tmp_path / "work")
    repository.write("fresh.py", "1\n")
    first = kept(capture(repository.root), "code.tar")
    os.utime(repository.root / "fresh.py", (1, 1))

    assert kept(capture(repository.root), "code.tar") == first


def test_where_data_lies_nothing_is_taken_for_code(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    for path in ("in/table.csv", "out.bin", "fresh.py", "in.py"):
        repository.write(path, "1\n")
    (tmp_path / "link").symlink_to(repository.root)
    data = [tmp_path / "link" / "in", repository.root / "out.bin"]

    captured = capture_code(tmp_path / "link", ["python", "train.py"], exclude=data)

    assert names_in_tar(captured) == ["fresh.py", "in.py"]


# Submodules and nested repositories --------------------------------------------------


@pytest.fixture
def outer(tmp_path: Path) -> Repository:
    inner = make_repository(tmp_path / "inner origin")
    deepest = make_repository(tmp_path / "deepest origin")
    inner.git("submodule", "add", "-q", str(deepest.root), "deep")
    inner.commit("With a submodule")
    repository = make_repository(tmp_path / "work")
    repository.git("submodule", "add", "-q", str(inner.root), "libs/inner")
    repository.git("submodule", "update", "-q", "--init", "--recursive")
    repository.commit("With a submodule")
    return repository


def restored_picture(
    captured: Captured[Code], into: Path
) -> dict[bytes, tuple[str, bytes]]:
    files = {file.name: file.content for file in captured.files}
    return picture(restore_code(captured.part, files.__getitem__, into).root)


def test_submodules_come_back_at_their_commits(
    outer: Repository, tmp_path: Path
) -> None:
    captured = capture(outer.root)

    assert [each.path for each in captured.part.submodules] == [
        "libs/inner",
        "libs/inner/deep",
    ]
    assert not any(each.is_dirty for each in captured.part.submodules)
    assert not captured.part.is_dirty
    assert gaps(captured) == []
    assert restored_picture(captured, tmp_path / "again") == picture(outer.root)


def test_submodules_come_back_from_their_remotes(
    outer: Repository, tmp_path: Path
) -> None:
    outer.push_to(tmp_path / "bare.git")
    before = picture(outer.root)
    captured = capture(outer.root)
    outer.root.rename(tmp_path / "moved away")

    assert restored_picture(captured, tmp_path / "again") == before


def test_a_submodule_at_another_commit_is_recorded_as_it_is(
    outer: Repository, tmp_path: Path
) -> None:
    inner = Repository(outer.root / "libs" / "inner")
    inner.git("checkout", "-q", "HEAD~1")

    captured = capture(outer.root)

    assert captured.part.submodules[0].commit == inner.git("rev-parse", "HEAD")
    assert captured.part.diff is None
    again = restored_picture(captured, tmp_path / "again")
    # Git leaves the folder of the submodule's own submodule, which that commit has not.
    left = {
        path for path in picture(outer.root) if path.startswith(b"libs/inner/deep/")
    }
    assert again.keys() == picture(outer.root).keys() - left
    assert captured.part.submodules[0].is_dirty


def test_a_dirty_submodule_is_told(outer: Repository) -> None:
    Repository(outer.root / "libs" / "inner").write("train.py", "print('inner')\n")

    captured = capture(outer.root)

    assert [each.is_dirty for each in captured.part.submodules] == [True, False]


def test_a_commit_of_a_submodule_that_nobody_else_has_is_a_gap(
    outer: Repository,
) -> None:
    Repository(outer.root / "libs" / "inner").commit("Only here")

    captured = capture(outer.root)

    assert (
        "code.submodules",
        "the commit of 'libs/inner' is on no remote: push it",
    ) in gaps(captured)


def test_a_submodule_that_is_not_checked_out_is_not_claimed(
    outer: Repository, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", str(outer.root), "clone")

    captured = capture(tmp_path / "clone")

    assert captured.part.submodules == []
    assert restored_picture(captured, tmp_path / "again") == picture(tmp_path / "clone")


def test_a_nested_repository_is_recorded_like_a_submodule(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    nested = make_repository(repository.root / "nested")

    captured = capture(repository.root)

    assert captured.part.submodules[0].path == "nested"
    assert captured.part.submodules[0].commit == nested.git("rev-parse", "HEAD")
    assert gaps(captured) == [
        ("code.submodules", "'nested' has no remote that it could be fetched from")
    ]
    assert restored_picture(captured, tmp_path / "again") == picture(repository.root)


def test_a_nested_repository_without_a_commit_is_a_gap(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    git(tmp_path, "init", "-q", str(repository.root / "nested"))
    (repository.root / "nested" / "file").write_text("x")

    assert gaps(capture(repository.root)) == [
        ("code.submodules", "'nested' cannot be recorded: it has no commit yet")
    ]


# Without Git -------------------------------------------------------------------------


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    folder = tmp_path / "loose"
    files = {
        "train.py": "import model\nfrom tools import load as l\nimport numpy, os\n",
        "model.py": "from tools.deep import thing\n",
        "tools/__init__.py": "",
        "tools/load.py": "from . import save\n",
        "tools/save.py": "broken syntax (\n",
        "tools/deep.py": "thing = 1\n",
        "unused.py": "",
        "data.csv": "1,2\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_without_git_the_entry_file_and_its_modules_are_kept(
    loose: Path, tmp_path: Path
) -> None:
    captured = capture(loose)

    assert captured.part.kind == "none"
    assert captured.part.entry is not None
    assert captured.part.entry.file == "entry.py"
    assert kept(captured, "entry.py") == (loose / "train.py").read_bytes()
    assert names_in_tar(captured) == [
        *(
            "model.py",
            "tools/__init__.py",
            "tools/deep.py",
            "tools/load.py",
            "tools/save.py",
        ),
    ]
    assert gaps(captured) == []
    again = restored_picture(captured, tmp_path / "again")
    assert again[b"train.py"][1] == (loose / "train.py").read_bytes()
    assert set(again) == set(picture(loose)) - {b"unused.py", b"data.csv"}


def test_without_git_and_without_an_entry_file_there_is_nothing(tmp_path: Path) -> None:
    captured = capture(tmp_path, "python", "-c", "print(1)")

    assert [each.what for each in captured.missing] == ["code.entry"]
    with pytest.raises(RestoreError, match="nothing to run again"):
        restore_code(captured.part, dict[str, bytes]().__getitem__, tmp_path / "again")


def test_an_entry_file_elsewhere_is_kept_with_what_lies_beside_it(
    loose: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()

    captured = capture(tmp_path / "empty", "python", str(loose / "train.py"))

    assert captured.part.root == str(loose)
    assert captured.part.entry is not None
    assert captured.part.entry.path == "train.py"
    assert "model.py" in names_in_tar(captured)


def test_without_the_program_git_that_is_said(
    loose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    captured = capture(loose)

    assert captured.part.entry is not None
    assert captured.missing[0].reason.startswith("git is not installed")


def test_a_repository_that_git_refuses_is_said(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    (repository.root / ".git" / "HEAD").write_text("damaged")

    captured = capture(repository.root)

    assert captured.part.kind == "none"
    assert captured.missing[0].what == "code.commit"


# The entry file ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "entry"),
    [
        (["python", "train.py", "--lr", "1"], "train.py"),
        (["python3.11", "-u", "-W", "ignore", "-X", "dev", "train.py"], "train.py"),
        (["/usr/bin/env", "python3", "train.py"], "train.py"),
        (["python", "-m", "pkg.model"], "pkg/model.py"),
        (["python", "-um", "pkg.model"], "pkg/model.py"),
        (["python", "-m", "pkg"], "pkg/__main__.py"),
        (["python", "pkg"], "pkg/__main__.py"),
        (
            ["python", "-m", "torch.distributed.run", "--nproc", "2", "train.py"],
            "train.py",
        ),
        (["uv", "run", "--frozen", "train.py"], "train.py"),
        (["uv", "run", "python", "-m", "pkg.model"], "pkg/model.py"),
        (["poetry", "run", "python", "train.py"], "train.py"),
        (["torchrun", "--nproc_per_node=2", "train.py", "x"], "train.py"),
        (["accelerate", "launch", "train.py"], "train.py"),
        (["bash", "run.sh"], "run.sh"),
        (["python", "-c", "import train"], None),
        (["python", "gone.py"], None),
        (["python"], None),
        (["ls", "-l"], None),
        ([], None),
    ],
)
def test_the_file_that_a_command_runs_is_found(
    argv: list[str], entry: str | None, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "work")
    repository.write("pkg/__main__.py", "")
    repository.write("run.sh", "")

    found = capture_code(repository.root, argv).part.entry

    assert (found.path if found is not None else None) == entry


def test_what_is_unpacked_stays_in_the_folder(tmp_path: Path) -> None:
    for number, (name, link) in enumerate(
        [
            ("../out", None),
            ("/out", None),
            ("a/../../out", None),
            (".git/hooks/x", None),
            ("l", ".."),
        ]
    ):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            if link is not None:
                header = tarfile.TarInfo(name)
                header.type, header.linkname = tarfile.SYMTYPE, link
                tar.addfile(header)
                name = f"{name}/out"
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        code = Code(kind="none", argv=[], directory=".", untracked="code.tar")

        with pytest.raises(RestoreError, match="leads out of the folder"):
            restore_code(
                code,
                {"code.tar": buffer.getvalue()}.__getitem__,
                tmp_path / f"r{number}",
            )

        assert not (tmp_path / "out").exists()
