"""Large downloads: several requests, one version, resumed, verified; and whole folders."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lakebed.client import (
    AsyncBranch,
    Branch,
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
    Repository,
    RetryPolicy,
    ServerError,
    ServerUnreachableError,
    connect_async,
)
from lakebed.client.operations.resuming import PIECE_BYTES, PartialFile
from lakebed.client.operations.uploading import Watch

from support.api import ADMIN, serve_api
from support.lakes import noise
from support.losing import LosingProxy, losing_proxy

SIZE = 3 * PIECE_BYTES + 12345


async def no_wait(delay_s: float) -> None:
    del delay_s


@pytest.fixture
def main(repository: Repository) -> Branch:
    return repository.branch("main")


@asynccontextmanager
async def behind_proxy(
    directory: Path, data: bytes
) -> AsyncGenerator[tuple[AsyncBranch, LosingProxy]]:
    """Give a branch with `data` at `large`, reached through the proxy."""
    retries = RetryPolicy(attempts_max=1, sleep=no_wait)
    async with (
        serve_api(directory / "lake") as served,
        losing_proxy(served.url) as proxy,
        connect_async(
            proxy.url,
            access_key_id=ADMIN.id,
            secret_access_key=ADMIN.secret,
            retries=retries,
        ) as lake,
    ):
        main = (await lake.create_repository("penguins")).branch("main")
        await main.upload("large", data)
        await main.commit("large")
        proxy.seen.clear()
        yield main, proxy


def into(told: list[tuple[int, int | None]]) -> Watch:
    return lambda done, total: told.append((done, total))


def left_beside(target: Path) -> list[str]:
    return sorted(each.suffix for each in target.parent.glob(".lakebed-*"))


def test_a_large_object_comes_in_pieces_and_whole(main: Branch, tmp_path: Path) -> None:
    data = noise(SIZE)
    main.upload("large", data)
    told: list[tuple[int, int | None]] = []
    target = tmp_path / "large"

    size = main.download(
        "large", target, progress=lambda done, total: told.append((done, total))
    )

    assert size == SIZE
    assert target.read_bytes() == data
    assert {total for _, total in told} == {SIZE}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (SIZE, SIZE)
    assert left_beside(target) == []


async def test_what_came_is_not_fetched_again(directory: Path, tmp_path: Path) -> None:
    data, target = noise(SIZE), tmp_path / "large"
    async with behind_proxy(directory, data) as (main, proxy):
        # After HEAD and two ranges everything is lost: one of them is whole then.
        proxy.decide = lambda number, line: "request" if number > 2 else None
        with pytest.raises(ServerUnreachableError, match="'large' in 'penguins/main'"):
            await main.download("large", target, parallel=2)
        assert not target.exists()
        assert left_beside(target) == [".partial", ".pieces"]
        first = len(proxy.seen)

        proxy.decide = lambda number, line: None
        told: list[int] = []
        await main.download(
            "large", target, progress=lambda done, total: told.append(done)
        )

    assert target.read_bytes() == data
    # HEAD, and of four pieces the two or three that are missing.
    assert len(proxy.seen) - first in (3, 4)
    assert told[1] in (PIECE_BYTES, 2 * PIECE_BYTES)
    assert left_beside(target) == []


async def test_another_version_begins_anew(directory: Path, tmp_path: Path) -> None:
    target, new = tmp_path / "large", noise(SIZE, seed=2)
    async with behind_proxy(directory, noise(SIZE)) as (main, proxy):
        proxy.decide = lambda number, line: "request" if number > 2 else None
        with pytest.raises(ServerUnreachableError):
            await main.download("large", target, parallel=2)
        proxy.decide = lambda number, line: None
        await main.upload("large", new)

        await main.download("large", target)

    assert target.read_bytes() == new


async def test_a_branch_that_moves_meanwhile_gives_the_old_version(
    directory: Path, tmp_path: Path
) -> None:
    old, target = noise(SIZE), tmp_path / "large"
    async with behind_proxy(directory, old) as (main, _):
        moved = False

        def move(done: int, total: int | None) -> None:
            nonlocal moved
            if not moved and done:
                moved = True
                moves.append(asyncio.ensure_future(main.delete("large")))

        moves: list[asyncio.Task[None]] = []
        await main.download("large", target, parallel=1 + 1, progress=move)
        await asyncio.gather(*moves)

    assert target.read_bytes() == old


def test_what_does_not_match_its_checksum_is_thrown_away(
    main: Branch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main.upload("large", noise(SIZE))
    target = tmp_path / "large"
    write = PartialFile.write

    def flip(self: PartialFile, offset: int, data: bytes) -> None:
        write(self, offset, bytes([data[0] ^ 1]) + data[1:] if offset == 0 else data)

    monkeypatch.setattr(PartialFile, "write", flip)
    with pytest.raises(ServerError, match="not what its checksum says"):
        main.download("large", target)

    assert not target.exists()
    assert left_beside(target) == []


def test_marks_of_before_a_restart_of_the_machine_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes may have been in memory only."""

    def missing() -> int:
        with PartialFile(tmp_path / "t", identity="i", size_bytes=SIZE) as file:
            found = len(file.missing())
            file.write(0, b"x" * PIECE_BYTES)
            file.mark(0)
            return found

    assert [missing(), missing()] == [4, 3]
    monkeypatch.setattr(
        "lakebed.client.operations.resuming._boot_id", lambda: b"another"
    )
    assert missing() == 4
    monkeypatch.setattr("lakebed.client.operations.resuming._boot_id", lambda: b"")
    assert [missing(), missing()] == [4, 4]


def test_of_two_at_once_each_has_its_own(tmp_path: Path) -> None:
    target = tmp_path / "t"
    with (
        PartialFile(target, identity="i", size_bytes=10) as one,
        PartialFile(target, identity="i", size_bytes=10) as two,
    ):
        one.write(0, b"1" * 10)
        two.write(0, b"2" * 10)
        one.publish()
        assert target.read_bytes() == b"1" * 10
        two.publish()
        assert target.read_bytes() == b"2" * 10
    assert left_beside(target) == []


def test_a_link_where_the_partial_file_would_be_is_not_followed(tmp_path: Path) -> None:
    target, victim = tmp_path / "t", tmp_path / "victim"
    victim.write_bytes(b"precious")
    with PartialFile(target, identity="i", size_bytes=10):
        [partial] = tmp_path.glob(".lakebed-*.partial")
    partial.unlink()
    partial.symlink_to(victim)

    with pytest.raises(OSError):
        PartialFile(target, identity="i", size_bytes=10)

    assert victim.read_bytes() == b"precious"


def test_memory_does_not_grow_with_the_object(main: Branch, tmp_path: Path) -> None:
    size = 8 * PIECE_BYTES
    main.upload("large", noise(size))
    tracemalloc.start()
    main.download("large", tmp_path / "large", parallel=4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # The server is in this process too: together they hold far less than the object.
    assert peak < size / 2


def test_a_prefix_goes_into_a_folder(main: Branch, tmp_path: Path) -> None:
    for path in ("a/1", "a/b/2", "c"):
        main.upload(path, path.encode())
    told: list[tuple[int, int | None]] = []

    size = main.download(
        "a/", tmp_path / "to", progress=lambda done, total: told.append((done, total))
    )
    main.download("", tmp_path / "all")
    main.download("c", tmp_path)

    assert size == 8
    assert told[-1] == (8, 8)
    assert (tmp_path / "to/1").read_bytes() == b"a/1"
    assert (tmp_path / "to/b/2").read_bytes() == b"a/b/2"
    assert (tmp_path / "all/a/b/2").read_bytes() == b"a/b/2"
    assert (tmp_path / "c").read_bytes() == b"c"


@pytest.mark.parametrize("path", ["x/../../out", "x//out", "x/./out"])
def test_a_path_that_leaves_the_folder_is_refused(
    main: Branch, tmp_path: Path, path: str
) -> None:
    main.upload(path, b"evil")

    with pytest.raises(InvalidRequestError, match="cannot be a file below"):
        main.download("x/", tmp_path / "deep" / "to")

    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "deep" / "out").exists()


def test_a_link_in_the_folder_is_not_gone_through(main: Branch, tmp_path: Path) -> None:
    main.upload("link/file", b"evil")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InvalidRequestError, match="is a link"):
        main.download("", tmp_path / "to")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_not_there_and_where_nothing_can_be_written(
    main: Branch, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="'none'"):
        main.download("none", tmp_path / "none")
    main.upload("large", noise(SIZE))
    with pytest.raises(OSError):
        main.download("large", tmp_path / "no" / "folder")
    main.download("large", Path(os.devnull))
    assert list(tmp_path.iterdir()) == []


def test_uploads_tell_how_far_they_are(main: Branch, tmp_path: Path) -> None:
    data = noise(3_000_000)
    (tmp_path / "file").write_bytes(data)
    for body in (data, tmp_path / "file"):
        told: list[tuple[int, int | None]] = []
        main.upload("a", body, progress=into(told))
        assert told[0] == (0, len(data))
        assert told[-1] == (len(data), len(data))
    told = []
    main.upload("a", iter([b"x" * 10]), progress=into(told))
    assert told == [(10, None)]


def test_an_uncommitted_object_that_changes_meanwhile_is_an_error(
    main: Branch, tmp_path: Path
) -> None:
    main.upload("large", noise(SIZE))
    pinned = main.repository.lake.client.pin_object("penguins", "main", "large")
    main.upload("large", noise(SIZE, seed=2))

    with pytest.raises(PreconditionFailedError, match="it changed while it was read"):
        main.repository.lake.client.read_pinned(pinned)
