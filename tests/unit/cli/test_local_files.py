"""Names from data never lead out of the folder that they are written to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.cli.exits import CommandError
from lakebed.cli.local_files import LocalFile, Skipped, local_target, object_name, walk

# A folder that is not there: nothing on the disk has a say.
FOLDER = Path("/nowhere/at/all")

names = st.text(st.sampled_from("a./\0\\:~ "), max_size=12) | st.text()


@given(name=names)
def test_a_target_is_below_its_folder_or_refused(name: str) -> None:
    try:
        target = local_target(FOLDER, name)
    except CommandError:
        return

    normal = Path(os.path.normpath(target))
    assert normal == target
    assert normal.is_relative_to(FOLDER)
    assert normal != FOLDER


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "."]
)
def test_names_that_are_no_files_are_refused(name: str) -> None:
    with pytest.raises(CommandError, match="cannot be a file below"):
        local_target(FOLDER, name)


def test_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/")
    (tmp_path / "file").symlink_to("/etc/passwd")

    for name in ("out/x", "file"):
        with pytest.raises(CommandError, match="is a link"):
            local_target(tmp_path, name)


def test_a_walk_finds_files_by_name_and_says_what_it_skips(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "2").write_text("22")
    (tmp_path / "a").write_text("1")
    (tmp_path / "to-file").symlink_to("a")
    (tmp_path / "to-folder").symlink_to("b")
    (tmp_path / "to-nothing").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")

    found = list(walk(tmp_path))

    files = [
        (file.name, file.size_bytes) for file in found if isinstance(file, LocalFile)
    ]
    skipped = [
        (item.path.name, item.reason) for item in found if isinstance(item, Skipped)
    ]
    assert files == [("a", 1), ("b/c/2", 2), ("to-file", 1)]
    assert skipped == [
        ("pipe", "not a file"),
        ("to-folder", "a link to a directory"),
        ("to-nothing", "no such file or directory"),
    ]


def test_a_walk_goes_in_the_order_of_the_names_that_objects_get(tmp_path: Path) -> None:
    """As a listing does: else a copy would send again what is there."""
    names = ["a", "a.b", "a/b", "a-/c", "a0", "b/a/x", "b/a.x", "b/a", "é/1", "z"]
    for name in names:
        if name in ("a", "b/a"):
            continue  # a folder has its name
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    found = [item.name for item in walk(tmp_path) if isinstance(item, LocalFile)]

    assert found == sorted(found, key=str.encode)
    assert len(found) == 8


def test_a_walk_tells_what_should_have_been_copied_and_cannot(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "f").write_text("x")
    (tmp_path / os.fsdecode(b"\xff.csv")).write_text("x")
    (tmp_path / "good").write_text("x")

    found = list(walk(tmp_path))

    failures = [
        item.reason for item in found if isinstance(item, Skipped) and item.is_failure
    ]
    assert failures == [
        "its name is 1207 bytes long, over 1024",
        "its name is not UTF-8",
    ]
    assert [item.name for item in found if isinstance(item, LocalFile)] == ["good"]


def test_a_name_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(CommandError, match="is not UTF-8"):
        object_name(os.fsdecode(b"\xff.csv"))
