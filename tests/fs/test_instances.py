"""Instances: shared, pickled, forked; secrets stay where they were given."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from lakebed.client import Client
from lakebed.client.errors import InvalidRequestError
from lakebed.client.fs import LakebedFileSystem

from support.asked import Asked
from support.s3server import ADMIN, ADMIN_ENVIRONMENT, ServerProcess


@pytest.fixture(autouse=True)
def no_instances() -> Iterator[None]:
    LakebedFileSystem.clear_instance_cache()
    yield
    for made in LakebedFileSystem._cache.values():
        made.close()
    LakebedFileSystem.clear_instance_cache()


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ADMIN_ENVIRONMENT:
        monkeypatch.delenv(name)


def read(fs: LakebedFileSystem, path: str) -> bytes:
    return fs.cat_file(path)


def write_and_read(fs: LakebedFileSystem, path: str) -> bytes:
    with fs.open(path, "wb") as file:
        file.write(b"of a worker")
    return fs.cat_file(path)


def test_it_is_found_by_its_name() -> None:
    fs, path = fsspec.url_to_fs("lakebed://penguins/main/a.csv")

    assert type(fs) is LakebedFileSystem
    assert path == "penguins/main/a.csv"
    assert fs.unstrip_protocol(path) == "lakebed://penguins/main/a.csv"


def test_the_same_server_and_key_are_the_same_instance(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = LakebedFileSystem()

    assert LakebedFileSystem(server=server.url) is fs
    assert LakebedFileSystem(server=f"{server.url}/") is fs
    assert LakebedFileSystem(server=Path("lake")) is LakebedFileSystem(server="./lake")
    assert LakebedFileSystem(access_key_id="A", secret_access_key="b") != fs
    monkeypatch.setenv("LAKEBED_SERVER", "http://127.0.0.1:9")
    assert LakebedFileSystem() != fs


def test_a_secret_is_in_nothing_that_leaves_the_process(
    no_keys: None, root: str
) -> None:
    fs = LakebedFileSystem(access_key_id=ADMIN.id, secret_access_key=ADMIN.secret)

    fs.pipe(f"{root}/a", b"x")

    with fs.open(f"{root}/a") as file:
        for text in (
            pickle.dumps(fs),
            pickle.dumps(file),
            fs.to_json().encode(),
            f"{vars(fs)} {fs.storage_options}".encode(),
            str([fs.__dask_tokenize__()]).encode(),
        ):
            assert ADMIN.secret.encode() not in text
    copy = pickle.loads(pickle.dumps(fs))
    assert copy is fs
    assert copy.cat(f"{root}/a") == b"x"


def test_a_process_without_the_secret_says_what_it_needs(no_keys: None) -> None:
    fs = LakebedFileSystem(access_key_id="GONE")

    with pytest.raises(PermissionError, match="no secret for access key 'GONE'"):
        fs.ls("")
    with pytest.raises(InvalidRequestError, match="access_key_id"):
        LakebedFileSystem(secret_access_key="half")


def test_another_secret_for_the_same_key_is_used_at_once(no_keys: None) -> None:
    wrong = LakebedFileSystem(access_key_id=ADMIN.id, secret_access_key="wrong")
    with pytest.raises(PermissionError):
        wrong.ls("")

    right = LakebedFileSystem(access_key_id=ADMIN.id, secret_access_key=ADMIN.secret)

    assert right.ls("") == wrong.ls("")


def test_open_files_are_pickled_with_their_version_and_place(
    fs: LakebedFileSystem, root: str
) -> None:
    fs.pipe(f"{root}/a", b"0123456789")
    with fs.open(f"{root}/a") as file:
        file.read(3)
        with pickle.loads(pickle.dumps(file)) as copy:
            assert copy.read() == b"3456789"
        frozen = pickle.dumps(file)
    fs.pipe(f"{root}/a", b"other")

    with pytest.raises(OSError, match="changed since"):
        pickle.loads(frozen)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_read_and_write(root: str, method: str) -> None:
    fs = LakebedFileSystem()
    fs.pipe(f"{root}/a", b"before")  # connections are open when it forks
    context = multiprocessing.get_context(method)

    with ProcessPoolExecutor(2, context) as pool:
        read_there = list(pool.map(read, [fs] * 4, [f"{root}/a"] * 4))
        wrote = pool.submit(write_and_read, fs, f"{root}/b").result(60)

    assert read_there == [b"before"] * 4
    assert wrote == b"of a worker"
    assert fs.cat(f"{root}/b") == b"of a worker", "the parent's connections still work"


def _use_inherited(root: str, answers: multiprocessing.Queue[bytes]) -> None:
    answers.put(_inherited[0].cat_file(f"{root}/a"))


_inherited: list[LakebedFileSystem] = []


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_an_instance_that_a_fork_inherits_works_on_both_sides(root: str) -> None:
    fs = LakebedFileSystem()
    fs.pipe(f"{root}/a", b"x")
    _inherited[:] = [fs]
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[bytes] = context.Queue()

    child = context.Process(target=_use_inherited, args=(root, answers))
    child.start()
    assert answers.get(timeout=60) == b"x"
    child.join(60)

    assert child.exitcode == 0
    assert fs.cat(f"{root}/a") == b"x"


def test_many_threads_share_one(root: str, asked: list[Asked]) -> None:
    fs = LakebedFileSystem()

    def work(i: int) -> bytes:
        fs.pipe(f"{root}/{i}", b"%d" % i)
        return fs.cat_file(f"{root}/{i}")

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(50))) == [b"%d" % i for i in range(50)]
    assert len(fs._connections._opened) == 1


async def test_it_may_be_called_where_a_loop_is_running(root: str) -> None:
    fs = LakebedFileSystem()

    fs.pipe(f"{root}/a", b"x")

    assert fs.cat(f"{root}/a") == b"x"


def test_an_asynchronous_one_serves_loop_after_loop(root: str) -> None:
    fs = LakebedFileSystem(asynchronous=True, skip_instance_cache=True)

    async def work(i: int) -> list[str]:
        await asyncio.gather(
            *(fs._pipe_file(f"{root}/{i}/{j}", b"") for j in range(10))
        )
        found: list[str] = await fs._find(f"{root}/{i}")
        await fs.aclose()
        return found

    for i in range(3):
        assert len(asyncio.run(work(i))) == 10
    assert fs._connections._opened == {}


def test_a_directory_is_a_server(tmp_path: Path, no_keys: None) -> None:
    with Client(tmp_path / "lake", create_directory=True) as client:
        client.create_repository("penguins")
    fs = LakebedFileSystem(server=str(tmp_path / "lake"), skip_instance_cache=True)

    with fs.transaction("In a directory"):
        fs.pipe("penguins/main/a", b"x")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(read, fs, "penguins/main/a").result(60) == b"x"
    fs.close()
