"""Many objects at once against servers that do what a healthy one never does."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from lakebed.client import (
    AsyncClient,
    ObjectDownload,
    ObjectUpload,
    PermissionDeniedError,
    PreconditionFailedError,
    RetryPolicy,
    ServerError,
    ServerUnreachableError,
)
from lakebed.client.operations import bundling
from lakebed.client.operations.batching import BATCH_COUNT
from lakebed.client.wire import BundleResult, bundle, encode, encode_problem

from support.scripted import Drop, Reply, ScriptedServer, serve_script


def client(url: str) -> AsyncClient:
    async def sleep(delay_s: float) -> None:
        del delay_s

    return AsyncClient(url, retries=RetryPolicy(attempts_max=3, sleep=sleep))


def staged(count: int, *kept: str) -> web.Response:
    return web.Response(body=encode(BundleResult(staged=count, kept=list(kept))))


def bundle_of(
    *objects: tuple[str, bytes],
    missing: tuple[str, ...] = (),
    is_last: bool = False,
    md5: bytes | None = None,
) -> bytes:
    rows = [
        bundle.BundleRow(path, len(data), md5 or bundle.md5_of_content(data))
        for path, data in objects
    ]
    index = bundle.BundleIndex(rows, list(missing), is_last)
    return bundle.encode_bundle(index, [data for _, data in objects])


END = bundle_of(is_last=True)
HUGE = bundle.encode_bundle(
    bundle.BundleIndex(
        [bundle.BundleRow(str(n), 2**20 - 1, bytes(16)) for n in range(8)]
    ),
    (),
)
"""Claims more than a client should ever hold."""


def cut_off(data: bytes, commit_id: str = "") -> Reply:
    """Return a reply that begins with `data` and then breaks off."""

    async def reply(request: web.BaseRequest) -> object:
        response = web.StreamResponse(
            headers={"X-Lakebed-Commit": commit_id} if commit_id else {}
        )
        await response.prepare(request)
        await response.write(data)
        return Drop()

    return reply


def whole(data: bytes, commit_id: str = "") -> web.Response:
    headers = {"X-Lakebed-Commit": commit_id} if commit_id else {}
    return web.Response(body=data, headers=headers)


async def test_a_bundle_whose_answer_was_lost_is_sent_again_as_it_was() -> None:
    async with serve_script(Drop(), staged(2)) as server, client(server.url) as lake:
        report = await lake.upload_objects(
            "r", "main", [ObjectUpload("a", b"1"), ObjectUpload("b", b"22")]
        )

    assert (report.uploaded, report.uploaded_bytes) == (2, 3)
    first, second = server.asked
    assert first.body == second.body
    assert first.target.endswith("/branches/main/objects/bundle")


async def test_a_refused_bundle_stops_all_with_the_servers_own_words() -> None:
    problem = encode_problem("no", "permission-denied")
    refusal = web.Response(status=403, body=problem)
    taken: list[int] = []

    def uploads() -> Iterator[ObjectUpload]:
        for number in range(10 * BATCH_COUNT):
            taken.append(number)
            yield ObjectUpload(str(number), b"x")

    async with serve_script(refusal) as server, client(server.url) as lake:
        with pytest.raises(PermissionDeniedError, match="no"):
            await lake.upload_objects("r", "main", uploads(), jobs=1)

    assert len(taken) <= 2 * BATCH_COUNT, "taken long before they were needed"


async def test_what_is_kept_is_not_counted_as_sent() -> None:
    async with serve_script(staged(1, "b")) as server, client(server.url) as lake:
        report = await lake.upload_objects(
            "r",
            "main",
            [ObjectUpload("a", b"1"), ObjectUpload("b", b"22")],
            if_absent=True,
        )

    assert (report.uploaded, report.uploaded_bytes, report.kept) == (1, 1, 1)
    assert server.asked[0].target.endswith("?if_absent=true")


async def test_what_is_there_already_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    checksum = bundle.md5_of_content(b"same").hex()
    seen: list[int] = []

    async with serve_script() as server, client(server.url) as lake:
        report = await lake.upload_objects(
            "r",
            "main",
            [
                ObjectUpload("a", tmp_path / "a", 4, there=checksum),
                ObjectUpload("b", b"same", there=checksum),
            ],
            progress=seen.append,
        )

    assert (report.unchanged, report.uploaded) == (2, 0)
    assert sum(seen) == 8


async def test_files_that_cannot_be_read_fail_alone(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    names = ["folder", "gone", "good", "pipe"]

    async with serve_script(staged(1)) as server, client(server.url) as lake:
        report = await lake.upload_objects(
            "r", "main", (ObjectUpload(name, tmp_path / name) for name in names)
        )

    assert report.uploaded == 1
    assert [upload.path for upload, _ in report.failed] == ["folder", "gone", "pipe"]


def test_a_file_that_changes_while_it_is_read_is_read_again_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    read = os.read
    changes: list[Callable[[], Any]] = []

    def read_late(opened: int, size_bytes: int) -> bytes:
        data = read(opened, size_bytes)
        if changes:
            changes.pop()()
        return data

    monkeypatch.setattr("os.read", read_late)

    # The same length, another time: as an editor leaves it.
    changes[:] = [lambda: os.utime(path, ns=(1, 1))]
    assert bundling.read_small_file(path) == b"old"
    changes[:] = [lambda: path.write_bytes(b"longer")]
    assert bundling.read_small_file(path) == b"longer"
    numbers = iter(range(100))
    changes[:] = [lambda: os.utime(path, ns=(next(numbers), next(numbers)))] * 100
    with pytest.raises(bundling.FileChangedError, match="changed while it was read"):
        bundling.read_small_file(path)


def test_what_grows_too_large_for_a_bundle_goes_apart(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(2**20))
    uploads = [ObjectUpload(str(n), bytes([n]) * (2**20 - 1)) for n in range(9)]

    packed = bundling.pack([*uploads, ObjectUpload("large", tmp_path / "large", 1)])

    assert [upload.path for upload in packed.apart] == ["large"]
    assert [len(inside) for _, inside in packed.bundles] == [3, 3, 3]
    assert all(len(data) <= bundle.BUNDLE_BYTES_MAX for data, _ in packed.bundles)


def test_bundles_of_nothing_but_names_and_metadata_keep_to_their_limits() -> None:
    metadata = {"k": "ü" * 1500}
    uploads = [
        ObjectUpload(f"{n:05}" + "p" * 1019, b"", metadata=metadata)
        for n in range(5000)
    ]

    packed = bundling.pack(uploads)

    assert sum(len(inside) for _, inside in packed.bundles) == 5000
    for data, inside in packed.bundles:
        assert len(data) <= bundle.BUNDLE_BYTES_MAX
        assert len(inside) <= bundle.BUNDLE_OBJECTS_MAX


async def read_all(lake: AsyncClient, **wish: Any) -> dict[str, bytes | None]:
    return {
        each.path: each.data async for each in lake.read_objects("r", "main", **wish)
    }


async def test_a_reading_goes_on_where_it_broke_off() -> None:
    first = bundle_of(("a", b"1"), ("b", b"2")) + bundle_of(("c", b"3"))[:-1]
    rest = whole(bundle_of(("c", b"3"), missing=("d",)) + END, "X")
    replies = (cut_off(first, "X"), cut_off(b"", "X"), rest)
    async with serve_script(*replies) as server, client(server.url) as lake:
        found = await read_all(lake, paths=["a", "b", "c", "d"])

    assert found == {"a": b"1", "b": b"2", "c": b"3", "d": None}
    assert server.asked[-1].body == b'{"paths":["c","d"]}'


async def test_more_paths_than_one_request_takes_are_asked_for_in_several() -> None:
    paths = [f"{number:05}" for number in range(bundle.PATHS_MAX + 2)]
    some, rest = paths[: bundle.PATHS_MAX], paths[bundle.PATHS_MAX :]
    replies = [
        whole(bundle_of(*[(path, b"x") for path in each]) + END, "X")
        for each in (some, rest)
    ]
    async with serve_script(*replies) as server, client(server.url) as lake:
        found = await read_all(lake, paths=paths)
        assert await read_nothing(server, lake) == {}

    assert list(found) == paths


async def read_nothing(
    server: ScriptedServer, lake: AsyncClient
) -> dict[str, bytes | None]:
    server.replies.append(whole(END))
    return await read_all(lake, paths=[])


async def test_a_reading_by_prefix_goes_on_behind_the_last_path() -> None:
    first = bundle_of(("p/a", b"1"))
    replies = (cut_off(first), whole(bundle_of(("p/b", b"2")) + END))
    async with serve_script(*replies) as server, client(server.url) as lake:
        found = await read_all(lake, prefix="p/")

    assert found == {"p/a": b"1", "p/b": b"2"}
    assert server.asked[-1].body == b'{"prefix":"p/","after":"p/a"}'


async def test_a_reading_never_mixes_two_commits() -> None:
    first = bundle_of(("a", b"1"))
    replies = (cut_off(first, "X"), whole(bundle_of(("b", b"2")) + END, "Y"))
    async with serve_script(*replies) as server, client(server.url) as lake:
        with pytest.raises(PreconditionFailedError, match="moved while it was read"):
            await read_all(lake, paths=["a", "b"])


async def test_a_server_that_never_gets_to_the_end_is_given_up() -> None:
    replies = [cut_off(b"") for _ in range(50)]
    async with serve_script(*replies) as server, client(server.url) as lake:
        with pytest.raises(ServerUnreachableError, match="cannot read objects"):
            await read_all(lake, prefix="")

    assert len(server.asked) < 50


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bundle_of(("a", b"1"), md5=bytes(16)) + END, "'a' came damaged"),
        (b"<html>what is this?</html>", "not answer like a lakebed server"),
        (END + b"more", "bytes follow"),
        (HUGE, "a bundle of 8388600 bytes"),
    ],
    ids=["damaged", "no bundle", "too long", "huge"],
)
async def test_an_answer_that_is_not_right_is_no_object(
    data: bytes, words: str
) -> None:
    async with serve_script(whole(data)) as server, client(server.url) as lake:
        with pytest.raises(ServerError, match=words):
            await read_all(lake, prefix="")


async def test_downloads_say_what_was_missing_and_what_could_not_be_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    (tmp_path / "folder").mkdir()
    data = bundle_of(("good", b"1"), ("below", b"2"), ("over", b"3"), missing=("gone",))
    targets = {
        "good": tmp_path / "new" / "good",
        "below": tmp_path / "file" / "x",
        "over": tmp_path / "folder",
        "gone": tmp_path / "gone",
    }

    async def downloads() -> AsyncGenerator[ObjectDownload]:
        for path, target in targets.items():
            yield ObjectDownload(path, target)

    async with serve_script(whole(data + END)) as server, client(server.url) as lake:
        report = await lake.download_objects("r", "main", downloads())

    assert (report.downloaded, report.downloaded_bytes) == (1, 1)
    assert report.missing == ["gone"]
    assert [download.path for download, _ in report.failed] == ["below", "over"]
    assert targets["good"].read_bytes() == b"1"
    names = [name for _, _, files in os.walk(tmp_path) for name in files]
    assert sorted(names) == ["file", "good"], "half-written files stay"
