"""What is seen of repositories, refs and objects, and with how many requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.client import Client
from lakebed.client.fs import LakebedFileSystem

from support.asked import Asked

names = st.sampled_from(["a", "b", "a.b", "a-b", "é", "x y", "%2F"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


def files_and_directories(objects: set[str]) -> tuple[set[str], set[str]]:
    directories: set[str] = set()
    for path in objects:
        while path := path.rpartition("/")[0]:
            directories.add(path)
    return objects, directories


def test_find_walk_and_glob_agree_with_a_model(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    numbers = iter(range(10**6))

    @settings(max_examples=15)
    @given(objects=st.sets(paths, min_size=1, max_size=6))
    def check(objects: set[str]) -> None:
        branch = f"b{next(numbers)}"
        client.create_branch(repository, branch, source="main")
        root = f"{repository}/{branch}"
        fs.pipe({f"{root}/{path}": b"xyz" for path in objects})
        files, directories = files_and_directories(objects)
        both = sorted(f"{root}/{path}" for path in files | directories)

        assert fs.find(root) == sorted(f"{root}/{path}" for path in files)
        assert fs.find(root, withdirs=True) == sorted({*both, root})
        for depth in (1, 2):
            assert fs.find(root, maxdepth=depth) == sorted(
                f"{root}/{path}" for path in files if path.count("/") < depth
            )
        walked = [
            f"{parent}/{name}"
            for parent, inner, outer in fs.walk(root)
            for name in (*inner, *outer)
        ]
        assert sorted(set(walked)) == both
        assert fs.glob(f"{root}/a*") == [
            name
            for name in both
            if fnmatchcase(name, f"{root}/a*") and name.count("/") == 2
        ]
        assert fs.du(root) == 3 * len(files)
        for path in directories - files:
            assert fs.info(f"{root}/{path}")["type"] == "directory"
            assert fs.du(f"{root}/{path}") == sum(
                fs.du(f"{root}/{path}", total=False).values()
            )

    check()


def test_the_upper_levels_are_directories(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    client.create_tag(repository, "v1", ref="main")

    assert repository in fs.ls("", detail=False)
    assert fs.ls(repository, detail=False) == [f"{repository}/main", f"{repository}/v1"]
    assert fs.ls(f"{repository}/main") == []
    assert all(map(fs.isdir, ("", repository, f"{repository}/main~0")))
    assert not fs.exists(f"{repository}/none")
    assert not fs.exists("no-such-repository/main/a")


def test_an_object_and_a_directory_of_one_name_are_both_there(
    fs: LakebedFileSystem, root: str
) -> None:
    fs.pipe({f"{root}/a": b"file", f"{root}/a/b": b"inside"})

    assert fs.cat(f"{root}/a") == b"file"
    assert fs.find(root) == [f"{root}/a", f"{root}/a/b"]
    assert fs.ls(f"{root}/a", detail=False) == [f"{root}/a/b"]


def test_a_marker_of_a_directory_is_no_file_and_goes_with_it(
    fs: LakebedFileSystem, root: str, client: Client
) -> None:
    repository = root.partition("/")[0]
    client.upload_object(repository, "main", "empty/", b"")

    assert fs.isdir(f"{root}/empty")
    assert fs.find(root) == []
    fs.rm(f"{root}/empty", recursive=True)
    assert not fs.exists(f"{root}/empty")


def test_times_and_sums(fs: LakebedFileSystem, root: str) -> None:
    fs.pipe(f"{root}/a", b"1")
    before = fs.checksum(f"{root}/a"), fs.ukey(f"{root}/a")

    assert datetime.now(UTC) - fs.modified(f"{root}/a") < timedelta(minutes=1)
    assert fs.created(f"{root}/a") == fs.modified(f"{root}/a")
    fs.touch(f"{root}/a", truncate=False)
    assert (fs.checksum(f"{root}/a"), fs.ukey(f"{root}/a")) == before
    fs.pipe(f"{root}/a", b"2")
    assert fs.checksum(f"{root}/a") != before[0]
    assert fs.ukey(f"{root}/a") != before[1]


def test_how_many_requests_each_look_takes(
    fs: LakebedFileSystem, root: str, asked: list[Asked]
) -> None:
    fs.pipe({f"{root}/d{i % 3}/{i}": b"x" for i in range(30)})

    def count(action: object) -> int:
        asked.clear()
        assert callable(action)
        action()
        return len(asked)

    assert count(lambda: fs.info(f"{root}/d0/0")) == 1
    assert count(lambda: fs.info(f"{root}/d0")) == 2
    assert count(lambda: fs.ls(f"{root}/d0")) == 1
    assert count(lambda: fs.find(root)) == 1
    assert count(lambda: fs.du(root)) == 1
    assert count(lambda: fs.glob(f"{root}/d0/*")) == 1
    assert count(lambda: fs.glob(f"{root}/**/1*")) == 1
    assert count(lambda: fs.cat_file(f"{root}/d0/0")) == 1
    assert count(lambda: fs.open(f"{root}/d0/0").read()) == 2
    assert count(lambda: fs.pipe_file(f"{root}/new", b"x")) == 1
    assert count(lambda: fs.makedirs(f"{root}/d9/e", exist_ok=True)) == 0
    assert count(lambda: fs.rm(root, recursive=True)) == 2


def test_what_is_at_a_commit_is_asked_for_once(
    fs: LakebedFileSystem, repository: str, client: Client, asked: list[Asked]
) -> None:
    root = f"{repository}/main"
    fs.pipe({f"{root}/d/a": b"a", f"{root}/d/b": b"b"})
    client.commit(repository, "main", "m")
    pinned = fs.pin(f"{root}/d")

    def look() -> list[object]:
        return [
            fs.ls(pinned),
            fs.find(pinned, detail=True),
            fs.info(f"{pinned}/a"),
            fs.info(pinned),
            fs.exists(f"{pinned}/none"),
            fs.glob(f"{pinned}/*"),
        ]

    first = look()
    asked.clear()
    assert look() == first
    assert asked == []

    fs.info(f"{pinned}/a")["size"] = 77
    assert fs.info(f"{pinned}/a")["size"] == 1, "what callers get is theirs to change"
    fs.invalidate_cache()
    assert look() == first
    assert asked != []


@pytest.mark.parametrize("ref", ["main", "v1"])
def test_what_is_at_a_branch_or_a_tag_is_asked_for_again(
    fs: LakebedFileSystem, repository: str, client: Client, ref: str
) -> None:
    client.create_tag(repository, "v1", ref="main")
    root = f"{repository}/main"
    assert not fs.exists(f"{repository}/{ref}/a")
    assert fs.find(f"{repository}/{ref}") == []

    with LakebedFileSystem(skip_instance_cache=True).open(f"{root}/a", "w") as file:
        file.write("x")
    client.commit(repository, "main", "m")
    client.delete_tag(repository, "v1")
    client.create_tag(repository, "v1", ref="main")

    assert fs.exists(f"{repository}/{ref}/a")
    assert fs.find(f"{repository}/{ref}") == [f"{repository}/{ref}/a"]


def test_what_is_kept_of_commits_is_bounded(
    fs: LakebedFileSystem,
    repository: str,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lakebed.client.fs.infos.INFOS_MAX", 10)
    fs.pipe({f"{repository}/main/{d}/{i}": b"" for d in range(9) for i in range(3)})
    client.commit(repository, "main", "m")
    pinned = fs.pin(f"{repository}/main")

    for directory in range(9):
        assert len(fs.ls(f"{pinned}/{directory}")) == 3
        for i in range(3):
            fs.info(f"{pinned}/{directory}/{i}")
            fs.exists(f"{pinned}/{directory}/none{i}")

    kept: Any = vars(fs)["_pinned"]
    assert 10 < kept.count() <= 20
