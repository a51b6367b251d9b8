"""Open files: whole or not at all, and one version for one reader."""

from __future__ import annotations

import gc
import gzip
import io
import random
from pathlib import Path

import pytest
from fsspec.callbacks import Callback
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.client.fs import LakebedFileSystem

from support.asked import Asked

MIB = 1024 * 1024

whences = st.integers(0, 2)
offsets = st.integers(-1_100_000, 1_100_000)
counts = st.integers(-1, 300_000)


def test_what_is_written_is_there_on_close_and_not_before(
    fs: LakebedFileSystem, root: str
) -> None:
    with fs.open(f"{root}/a", "wb") as file:
        file.write(b"one ")
        file.flush()
        assert not fs.exists(f"{root}/a")
        file.write(memoryview(b"two"))

    assert fs.cat(f"{root}/a") == b"one two"


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_with_that_fails_writes_nothing(
    fs: LakebedFileSystem, root: str, mode: str, name: str
) -> None:
    text = b"x" if "b" in mode else "x"

    with (
        pytest.raises(ZeroDivisionError),
        fs.open(f"{root}/{name}", mode, compression="infer") as file,
    ):
        file.write(text)
        raise ZeroDivisionError

    assert fs.ls(root) == []


def test_a_compressed_file_is_whole_when_its_with_ends(
    fs: LakebedFileSystem, root: str
) -> None:
    with fs.open(f"{root}/a.gz", "wt", compression="infer") as file:
        file.write("hello")

    assert gzip.decompress(fs.cat(f"{root}/a.gz")) == b"hello"
    with fs.open(f"{root}/a.gz", "rt", compression="infer") as file:
        assert file.read() == "hello"


def test_a_forgotten_file_writes_nothing_and_says_so(
    fs: LakebedFileSystem, root: str
) -> None:
    file = fs.open(f"{root}/a", "wb")
    file.write(b"x")

    with pytest.warns(ResourceWarning, match="was never closed"):
        del file
        gc.collect()

    assert not fs.exists(f"{root}/a")


@pytest.mark.parametrize("mode", ["ab", "a", "r+b"])
def test_append_is_refused_in_words(
    fs: LakebedFileSystem, root: str, mode: str
) -> None:
    with pytest.raises(io.UnsupportedOperation, match=f"'{root}/a'"):
        fs.open(f"{root}/a", mode)


def test_exclusive_creation_loses_to_whoever_was_there_at_the_end(
    fs: LakebedFileSystem, root: str
) -> None:
    with pytest.raises(FileExistsError), fs.open(f"{root}/a", "xb") as file:
        file.write(b"late")
        fs.pipe(f"{root}/a", b"early")

    assert fs.cat(f"{root}/a") == b"early"


def test_a_reader_gets_one_version_or_an_error(
    fs: LakebedFileSystem, root: str
) -> None:
    fs.pipe(f"{root}/a", bytes(9 * MIB))

    with fs.open(f"{root}/a") as file:
        file.read(10)
        fs.pipe(f"{root}/a", b"\1" * (9 * MIB))
        with pytest.raises(OSError, match="changed since it was opened"):
            file.read()


def test_seek_and_read_are_those_of_a_local_file(
    fs: LakebedFileSystem, root: str
) -> None:
    data = random.Random(1).randbytes(1_000_000)
    fs.pipe(f"{root}/a", data)

    @settings(max_examples=25)
    @given(steps=st.lists(st.tuples(whences, offsets, counts)))
    def check(steps: list[tuple[int, int, int]]) -> None:
        local = io.BytesIO(data)
        with fs.open(f"{root}/a", block_size=200_000) as remote:
            for whence, offset, count in steps:
                if (0, local.tell(), len(data))[whence] + offset >= 0:
                    assert remote.seek(offset, whence) == local.seek(offset, whence)
                    assert remote.read(count) == local.read(count)

    check()


def test_memory_is_bounded_while_a_large_file_is_written(
    fs: LakebedFileSystem, root: str, asked: list[Asked]
) -> None:
    piece = random.Random(1).randbytes(MIB)

    with fs.open(f"{root}/large", "wb") as file:
        for _ in range(20):
            file.write(piece)
        assert file._pending._spool._rolled
        assert asked == []

    assert fs.size(f"{root}/large") == 20 * MIB
    with fs.open(f"{root}/large") as file:
        assert all(file.read(MIB) == piece for _ in range(20))


def test_put_and_get_tell_how_far_they_are(
    fs: LakebedFileSystem, root: str, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(bytes(3 * MIB))
    up, down = Callback(), Callback()

    fs.put_file(str(tmp_path / "a"), f"{root}/a", callback=up)
    fs.get_file(f"{root}/a", str(tmp_path / "b"), callback=down)

    assert (up.size, up.value) == (down.size, down.value) == (3 * MIB, 3 * MIB)
    assert (tmp_path / "b").read_bytes() == bytes(3 * MIB)


def test_a_failed_get_leaves_what_was_there(
    fs: LakebedFileSystem, root: str, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"mine")

    with pytest.raises(FileNotFoundError):
        fs.get_file(f"{root}/none", str(tmp_path / "a"))

    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"mine"


def test_ranges_are_those_of_a_slice(fs: LakebedFileSystem, root: str) -> None:
    data = bytes(range(100))
    fs.pipe(f"{root}/a", data)
    bounds = [None, 0, 1, 50, 99, 100, 150, -1, -100]

    for start in bounds:
        for end in bounds:
            assert fs.cat_file(f"{root}/a", start, end) == data[start:end]


def test_close_ranges_are_read_together(
    fs: LakebedFileSystem, root: str, asked: list[Asked]
) -> None:
    data = random.Random(1).randbytes(10_000)
    fs.pipe({f"{root}/a": data, f"{root}/b": data})
    asked.clear()
    paths = [f"{root}/{name}" for name in "aabba"]
    starts, ends = [9000, 100, 0, 50, 120], [9500, 110, 10, None, 130]

    read = fs.cat_ranges(paths, starts, ends, max_gap=100)

    assert read == [data[s:e] for s, e in zip(starts, ends, strict=True)]
    assert len(asked) == 3


def test_an_empty_object_reads_as_nothing(fs: LakebedFileSystem, root: str) -> None:
    fs.touch(f"{root}/empty")

    with fs.open(f"{root}/empty") as file:
        assert file.read() == b""
    assert fs.cat(f"{root}/empty") == b""
    assert fs.cat_file(f"{root}/empty", 0, 10) == b""


async def test_files_open_with_await(server: object, root: str) -> None:
    fs = LakebedFileSystem(asynchronous=True, skip_instance_cache=True)

    async with await fs.open_async(f"{root}/a", "wb") as file:
        await file.write(b"hello")
    with pytest.raises(ZeroDivisionError):
        async with await fs.open_async(f"{root}/b", "wb") as file:
            await file.write(b"hello")
            raise ZeroDivisionError

    async with await fs.open_async(f"{root}/a") as file:
        assert await file.read(2) == b"he"
        assert await file.read() == b"llo"
    assert not await fs._exists(f"{root}/b")
    await fs.aclose()
