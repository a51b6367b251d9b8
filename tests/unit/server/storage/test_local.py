"""What the local directory does when the system below it does not do as asked."""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lakebed.server.errors import (
    DurabilityLostError,
    StorageFailedError,
    StorageFullError,
)
from lakebed.server.storage import direct, local
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.storage.store import new_pack_name

Buffers = Sequence[bytes | memoryview]


def failing(code: int) -> Any:
    def fail(*arguments: object, **options: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def storage(tmp_path: Path) -> LocalPackStorage:
    return LocalPackStorage(tmp_path)


def test_packs_lie_where_the_format_says(
    storage: LocalPackStorage, tmp_path: Path
) -> None:
    name = "ab" + new_pack_name()[2:]

    storage.create(name).close()

    path = tmp_path / "packs" / "ab" / f"{name}.pack"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("size", [100_000, 2_000_000])
def test_short_writes_are_taken_up(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    random_ = random.Random(size)
    data = random_.randbytes(size)
    calls = 0

    def short(fd: int, buffers: Buffers, offset: int) -> int:
        nonlocal calls
        calls += 1
        whole = b"".join(buffers)
        return os.pwrite(fd, whole[: random_.randint(1, len(whole))], offset)

    monkeypatch.setattr(os, "pwritev", short)
    file = storage.create(new_pack_name())

    file.append([b"head", data[:999], data[999:]])

    assert calls > 1
    assert storage.read_blocking(file.name, 4, size) == data
    assert storage.size_bytes(file.name) == size + 4
    file.close()


@pytest.mark.parametrize("size", [10, 2_000_000])
@pytest.mark.parametrize(
    ("code", "error_type"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EIO, StorageFailedError),
    ],
)
def test_a_failed_append_ends_the_file_but_not_what_it_took(
    storage: LocalPackStorage,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    error_type: type[Exception],
    size: int,
) -> None:
    file = storage.create(new_pack_name())
    file.append([b"taken before"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", failing(code))

        with pytest.raises(error_type, match=f"{file.name}.pack"):
            file.append([bytes(size)])

    with pytest.raises(StorageFailedError, match="earlier append failed"):
        file.append([b"more"])
    file.sync()
    assert file.size_bytes == len(b"taken before")
    assert storage.read_blocking(file.name, 0, 12) == b"taken before"
    file.close()


def test_a_full_disk_is_said_in_one_line_with_the_way_out(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "mkdir", failing(errno.ENOSPC))

    with pytest.raises(StorageFullError) as caught:
        storage.create(new_pack_name())

    text = str(caught.value)
    assert "no space left on device" in text
    assert "free some space" in text
    assert "\n" not in text


def test_a_failed_sync_poisons_the_file_for_ever(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = storage.create(new_pack_name())
    file.append([b"bytes"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing(errno.EIO))
        with pytest.raises(DurabilityLostError, match=file.name):
            file.sync()

    with pytest.raises(DurabilityLostError):
        file.sync()
    with pytest.raises(StorageFailedError):
        file.append([b"more"])
    file.close()


def test_a_failed_sync_of_a_folder_is_lost_durability_too(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))

    with pytest.raises(DurabilityLostError, match="cannot sync"):
        storage.create(new_pack_name())


def test_every_folder_above_a_pack_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes may share the folders: each must sync them itself."""
    synced: list[str] = []
    real_fsync = os.fsync

    def fsync(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        real_fsync(fd)

    LocalPackStorage(tmp_path).create("ab" + new_pack_name()[2:]).close()
    monkeypatch.setattr(os, "fsync", fsync)
    storage = LocalPackStorage(tmp_path)

    storage.create("ab" + new_pack_name()[2:]).close()
    storage.create("ab" + new_pack_name()[2:]).close()

    packs = tmp_path / "packs"
    assert synced == [
        str(tmp_path),
        str(packs),
        str(packs / "ab"),
        str(packs / "ab"),
    ]


def test_large_appends_go_past_the_page_cache(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[tuple[int, int]] = []
    real_pwritev = os.pwritev

    def pwritev(fd: int, buffers: Buffers, offset: int) -> int:
        writes.append((offset, sum(len(buffer) for buffer in buffers)))
        return real_pwritev(fd, buffers, offset)

    file = storage.create(new_pack_name())
    file.append([b"x" * 100])
    monkeypatch.setattr(os, "pwritev", pwritev)

    file.append([b"y" * 1_000_000])

    block = direct.BLOCK_BYTES
    whole = (100 + 1_000_000) // block * block - block
    if direct.open_direct(Path(f"/proc/self/fd/{file._fd}")) is None:  # pyright: ignore
        pytest.skip("this file system has no direct writes")
    assert writes == [
        (100, block - 100),
        (block, whole),
        (block + whole, 1_000_100 - block - whole),
    ]
    file.close()


def test_a_file_system_without_direct_writes_gets_the_same_bytes(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(path: Path) -> None: ...

    monkeypatch.setattr(local, "open_direct", none)
    data = random.Random(1).randbytes(3_000_000)
    file = storage.create(new_pack_name())

    file.append([b"head", data])

    assert storage.read_blocking(file.name, 4, len(data)) == data
    file.close()


def test_direct_writes_that_are_refused_late_go_through_the_cache(
    storage: LocalPackStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: direct.DirectFile, size: int, offset: int) -> int:
        return 0

    monkeypatch.setattr(direct.DirectFile, "_flush", refuse)
    data = random.Random(1).randbytes(3_000_000)
    file = storage.create(new_pack_name())

    file.append([b"head", data])

    assert storage.read_blocking(file.name, 4, len(data)) == data
    file.close()


def test_few_files_stay_open_however_many_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_OPEN_FILES_MAX", 4)
    storage = LocalPackStorage(tmp_path)
    names = [new_pack_name() for _ in range(20)]
    for name in names:
        file = storage.create(name)
        file.append([name.encode()])
        file.close()
    before = len(list(Path("/proc/self/fd").iterdir()))

    for name in names * 2:
        assert storage.read_blocking(name, 0, 32) == name.encode()

    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 4
    storage.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_packs_deleted_by_another_process_are_let_go(tmp_path: Path) -> None:
    ours, theirs = LocalPackStorage(tmp_path), LocalPackStorage(tmp_path)
    file = ours.create(new_pack_name())
    file.append([b"bytes"])
    file.close()
    ours.read_blocking(file.name, 0, 5)
    before = len(list(Path("/proc/self/fd").iterdir()))
    theirs.delete(file.name)

    ours.forget_deleted()

    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1


def test_files_that_are_not_packs_are_passed_over(tmp_path: Path) -> None:
    storage = LocalPackStorage(tmp_path)
    name = "ab" + new_pack_name()[2:]
    storage.create(name).close()
    packs = tmp_path / "packs"
    (packs / "lost+found").mkdir()
    (packs / "README").write_text("hello")
    (packs / "ab" / "notes.txt").write_text("hello")
    (packs / "ab" / ("cd" + name[2:] + ".pack")).write_text(
        "a pack in another's folder"
    )

    assert list(storage.names()) == [name]
