"""Copies, moves, deletes, and how they fail."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from lakebed.client import Client
from lakebed.client.fs import LakebedFileSystem

from support.asked import Asked


def test_a_copy_moves_no_bytes_across_refs(
    fs: LakebedFileSystem, repository: str, client: Client, asked: list[Asked]
) -> None:
    fs.pipe(f"{repository}/main/a", b"old")
    client.commit(repository, "main", "m")
    client.create_tag(repository, "v1", ref="main")
    fs.pipe(f"{repository}/main/a", b"new")
    asked.clear()

    fs.cp_file(f"{repository}/v1/a", f"{repository}/main/b")

    assert [request.path.rpartition("/")[2] for request in asked] == ["copy"]
    assert fs.cat(f"{repository}/main/b") == b"old"


def test_a_copy_to_another_repository_has_bytes_type_and_metadata(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    other = f"{repository}-other"
    client.create_repository(other)
    fs.pipe_file(
        f"{repository}/main/a", b"x" * 999, content_type="text/x", metadata={"k": "v"}
    )

    fs.cp_file(f"{repository}/main/a", f"{other}/main/b")

    info = fs.info(f"{other}/main/b")
    assert fs.cat(f"{other}/main/b") == b"x" * 999
    assert (info["content_type"], info["metadata"]) == ("text/x", {"k": "v"})


def test_a_directory_is_renamed_with_one_write(
    fs: LakebedFileSystem, root: str, asked: list[Asked]
) -> None:
    fs.pipe({f"{root}/d/{i}": b"%d" % i for i in range(20)})
    asked.clear()

    fs.mv(f"{root}/d", f"{root}/e", recursive=True)

    assert [request.method for request in asked if request.method != "GET"] == ["POST"]
    assert fs.find(root) == sorted(f"{root}/e/{i}" for i in range(20))
    assert fs.cat(f"{root}/e/7") == b"7"


def test_where_a_move_ends_depends_on_what_is_there(
    fs: LakebedFileSystem, root: str
) -> None:
    fs.pipe({f"{root}/a": b"a", f"{root}/d/x": b"x", f"{root}/e/y": b"y"})

    fs.mv(f"{root}/a", f"{root}/d")
    assert fs.find(f"{root}/d") == [f"{root}/d/a", f"{root}/d/x"]
    fs.mv(f"{root}/d/a", f"{root}/new/")
    assert fs.exists(f"{root}/new/a")
    fs.mv(f"{root}/d", f"{root}/e", recursive=True)
    assert fs.find(f"{root}/e") == [f"{root}/e/d/x", f"{root}/e/y"]
    fs.mv(f"{root}/e/d/x", f"{root}/e/y")
    assert fs.cat(f"{root}/e/y") == b"x"
    with pytest.raises(IsADirectoryError):
        fs.mv(f"{root}/e", f"{root}/f")
    with pytest.raises(FileNotFoundError):
        fs.mv(f"{root}/none", f"{root}/f")


def test_a_move_to_another_branch_is_a_copy_and_a_delete(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    client.create_branch(repository, "dev", source="main")
    fs.pipe({f"{repository}/main/d/{i}": b"x" for i in range(3)})

    fs.mv(f"{repository}/main/d", f"{repository}/dev/d", recursive=True)

    assert fs.find(f"{repository}/main") == []
    assert len(fs.find(f"{repository}/dev/d")) == 3


def test_deletes(fs: LakebedFileSystem, root: str) -> None:
    fs.pipe({f"{root}/{name}": b"x" for name in ("a", "b", "c1", "c2", "d/e", "d/f")})

    fs.rm([f"{root}/a", f"{root}/b"])
    fs.rm(f"{root}/c*")
    assert fs.find(root) == [f"{root}/d/e", f"{root}/d/f"]
    with pytest.raises(IsADirectoryError):
        fs.rm(f"{root}/d")
    with pytest.raises(OSError, match="not empty") as refused:
        fs.rmdir(f"{root}/d")
    assert refused.value.errno == errno.ENOTEMPTY
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{root}/none")
    with pytest.raises(FileNotFoundError):
        fs.rm_file(f"{root}/none")
    fs.rm(f"{root}/d", recursive=True)
    fs.rmdir(f"{root}/d")
    assert fs.ls(root) == []


def test_nothing_larger_than_a_ref_is_made_or_deleted_by_the_way(
    fs: LakebedFileSystem, repository: str
) -> None:
    with pytest.raises(PermissionError, match=repository):
        fs.rm(repository, recursive=True)
    with pytest.raises(PermissionError):
        fs.rm("", recursive=True)
    with pytest.raises(FileNotFoundError):
        fs.makedirs("another-repository", exist_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.makedirs(f"{repository}/dev", exist_ok=True)
    with pytest.raises(FileExistsError):
        fs.mkdir(f"{repository}/main")
    fs.makedirs(f"{repository}/main", exist_ok=True)


Action = Callable[[LakebedFileSystem, str], object]


FAILURES: list[tuple[Action, type[OSError], str]] = [
    (lambda fs, r: fs.cat(f"{r}/main/none"), FileNotFoundError, "none"),
    (lambda fs, r: fs.info(f"{r}/main/none"), FileNotFoundError, "none"),
    (lambda fs, r: fs.ls(f"{r}/main/none"), FileNotFoundError, "none"),
    (lambda fs, r: fs.ls(f"{r}/nope"), FileNotFoundError, "nope"),
    (lambda fs, r: fs.ls("no-such-one"), FileNotFoundError, "no-such-one"),
    (lambda fs, r: fs.open(f"{r}/main/none"), FileNotFoundError, "none"),
    (lambda fs, r: fs.open(f"{r}/main/d"), IsADirectoryError, "d"),
    (lambda fs, r: fs.cat_file(f"{r}/main/d"), IsADirectoryError, "d"),
    (lambda fs, r: fs.cat_file(f"{r}/main"), IsADirectoryError, "main"),
    (lambda fs, r: fs.pipe_file(f"{r}/main", b""), IsADirectoryError, "PATH"),
    (lambda fs, r: fs.pipe_file(f"{r}/v1/a", b""), OSError, "v1"),
    (lambda fs, r: fs.pipe_file(f"{r}/nope/a", b""), FileNotFoundError, "nope"),
    (lambda fs, r: fs.pipe_file(f"{r}/{'0' * 64}/a", b""), OSError, "never change"),
    (lambda fs, r: fs.open(f"{r}/{'0' * 64}/a", "w"), OSError, "never change"),
    (
        lambda fs, r: fs.pipe_file(f"{r}/main/d/a", b"", mode="create"),
        FileExistsError,
        "d/a",
    ),
    (
        lambda fs, r: fs.cp_file(f"{r}/main/none", f"{r}/main/b"),
        FileNotFoundError,
        "none",
    ),
]


@pytest.mark.parametrize(("action", "error", "words"), FAILURES)
def test_an_error_is_that_of_a_file_and_has_our_words(
    fs: LakebedFileSystem,
    repository: str,
    client: Client,
    action: Action,
    error: type[OSError],
    words: str,
) -> None:
    fs.pipe(f"{repository}/main/d/a", b"x")
    client.create_tag(repository, "v1", ref="main")

    with pytest.raises(error, match=words) as raised:
        action(fs, repository)

    assert raised.value.errno is not None
    assert "\n" not in str(raised.value)
    assert "Errno" not in str(raised.value)


def test_a_wrong_key_is_a_permission_error(repository: str) -> None:
    fs = LakebedFileSystem(
        access_key_id="ADMINKEY", secret_access_key="wrong", skip_instance_cache=True
    )

    for look in (fs.ls, fs.isdir, fs.exists, fs.isfile):
        with pytest.raises(PermissionError):
            look(f"{repository}/main/a")
    fs.close()


def test_a_server_that_is_away_is_no_missing_file() -> None:
    fs = LakebedFileSystem(server="http://127.0.0.1:9", skip_instance_cache=True)

    with pytest.raises(ConnectionError, match="cannot reach"):
        fs.exists("a/main/b")
    fs.close()
