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


def test_a_name_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(CommandError, match="is not UTF-8"):
        object_name(os.fsdecode(b"\xff.csv"))
