"""A transaction is one commit, or nothing."""

from __future__ import annotations

import errno
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from lakebed.client import Client
from lakebed.client.errors import MergeConflictError
from lakebed.client.fs import LakebedFileSystem

from support.asked import Asked


def log_of(client: Client, repository: str) -> list[str]:
    return [commit.message for commit in client.iter_log(repository, "main")]


def branches_of(client: Client, repository: str) -> list[str]:
    return [ref.id for ref in client.iter_branches(repository, hidden=True)]


def test_all_kinds_of_writes_become_one_commit(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    root = f"{repository}/main"
    fs.pipe({f"{root}/old": b"old", f"{root}/doomed": b"x", f"{root}/src": b"y"})
    client.commit(repository, "main", "Before")
    before = log_of(client, repository)

    with fs.transaction("Three things", metadata={"by": "test"}) as tx:
        fs.pipe(f"{root}/a", b"a")
        with fs.open(f"{root}/b", "w") as file:
            file.write("b")
        fs.cp_file(f"{root}/old", f"{root}/copy")
        fs.mv(f"{root}/src", f"{root}/dst")
        fs.rm(f"{root}/doomed")
        assert fs.cat(f"{root}/a") == b"a", "it reads what it wrote"
        assert "a" not in {
            stats.path for stats in client.iter_objects(repository, "main")
        }

    assert log_of(client, repository) == ["Three things", *before]
    commit = client.get_commit(repository, "main")
    assert tx.commit_id == commit.id
    assert len(commit.parents) == 1
    assert commit.metadata == {"by": "test"}
    names = [name.rpartition("/")[2] for name in fs.find(root)]
    assert names == ["a", "b", "copy", "dst", "old"]
    assert list(client.iter_uncommitted(repository, "main")) == []
    assert branches_of(client, repository) == ["main"]


@pytest.mark.parametrize("how", ["raise", "open file", "interrupt"])
def test_nothing_stays_of_one_that_fails(
    fs: LakebedFileSystem, repository: str, client: Client, how: str
) -> None:
    before = log_of(client, repository)
    errors = {"raise": ZeroDivisionError, "open file": ValueError}
    file: Any = None

    with pytest.raises(errors.get(how, KeyboardInterrupt)), fs.transaction:
        fs.pipe(f"{repository}/main/a", b"a")
        file = fs.open(f"{repository}/main/b", "wb")
        file.write(b"b")
        if how == "raise":
            raise ZeroDivisionError
        if how == "interrupt":
            raise KeyboardInterrupt
    file.close()

    assert fs.find(f"{repository}/main") == []
    assert log_of(client, repository) == before
    assert branches_of(client, repository) == ["main"]
    fs.pipe(f"{repository}/main/after", b"x")
    assert fs.find(f"{repository}/main") == [f"{repository}/main/after"]


def test_one_without_writes_asks_nothing(
    fs: LakebedFileSystem, repository: str, asked: list[Asked]
) -> None:
    with fs.transaction as tx:
        pass

    assert asked == []
    assert tx.commit_id is None


def test_one_that_changes_nothing_makes_no_commit(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    with fs.transaction as tx:
        fs.pipe(f"{repository}/main/a", b"a")
        fs.rm(f"{repository}/main/a")

    assert tx.commit_id is None
    assert branches_of(client, repository) == ["main"]


def test_a_conflict_leaves_the_branch_as_it_was_and_names_the_paths(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    with pytest.raises(OSError, match="conflict") as refused, fs.transaction:
        fs.pipe(f"{repository}/main/a", b"mine")
        client.upload_object(repository, "main", "a", b"theirs")
        client.commit(repository, "main", "Theirs")

    assert refused.value.errno == errno.EBUSY
    assert isinstance(refused.value.__cause__, MergeConflictError)
    assert [conflict.path for conflict in refused.value.__cause__.conflicts] == ["a"]
    assert fs.cat(f"{repository}/main/a") == b"theirs"
    assert branches_of(client, repository) == ["main"]


def test_what_others_commit_meanwhile_stays(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    with fs.transaction("Mine"):
        fs.pipe(f"{repository}/main/a", b"mine")
        client.upload_object(repository, "main", "b", b"theirs")
        client.commit(repository, "main", "Theirs")

    assert log_of(client, repository)[:2] == ["Mine", "Theirs"]
    assert len(fs.find(f"{repository}/main")) == 2


def test_a_branch_with_uncommitted_changes_is_refused_before_the_work(
    fs: LakebedFileSystem, repository: str
) -> None:
    fs.pipe(f"{repository}/main/a", b"a")

    with pytest.raises(OSError, match="uncommitted changes"), fs.transaction:
        fs.pipe(f"{repository}/main/b", b"b")

    assert fs.find(f"{repository}/main") == [f"{repository}/main/a"]


def test_a_second_branch_and_a_second_transaction_are_refused(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    client.create_branch(repository, "dev", source="main")

    with fs.transaction("One") as tx:
        fs.pipe(f"{repository}/main/a", b"a")
        with pytest.raises(OSError, match="one commit is on one branch"):
            fs.pipe(f"{repository}/dev/a", b"a")
        with pytest.raises(RuntimeError, match="one at a time"), fs.transaction:
            pass

    assert tx.commit_id == client.get_commit(repository, "main").id
    assert fs.find(f"{repository}/dev") == []


def test_a_file_does_not_cross_the_border_of_a_transaction(
    fs: LakebedFileSystem, repository: str
) -> None:
    outside = fs.open(f"{repository}/main/outside", "wb")

    with (
        fs.transaction,
        pytest.raises(ValueError, match="opened outside of a transaction"),
    ):
        outside.close()

    assert fs.find(f"{repository}/main") == []


def test_a_running_one_is_not_pickled(fs: LakebedFileSystem, repository: str) -> None:
    with fs.transaction, pytest.raises(TypeError, match="running transaction"):
        pickle.dumps(fs)

    assert pickle.loads(pickle.dumps(fs)).server == fs.server


def test_threads_write_to_the_same_one(
    fs: LakebedFileSystem, repository: str, client: Client, asked: list[Asked]
) -> None:
    def write(i: int) -> None:
        fs.pipe(f"{repository}/main/{i}", b"x")

    with fs.transaction("Many"), ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(30)))

    assert log_of(client, repository)[0] == "Many"
    assert len(fs.find(f"{repository}/main")) == 30
    assert sum(a.path.endswith("/branches") and a.method == "POST" for a in asked) == 1


def test_the_other_words_of_fsspec_work_too(
    fs: LakebedFileSystem, repository: str, client: Client
) -> None:
    fs.start_transaction()
    fs.pipe(f"{repository}/main/a", b"a")
    fs.end_transaction()

    assert client.read_object(repository, "main@", "a") == b"a"


async def test_it_works_with_await(repository: str, client: Client) -> None:
    fs = LakebedFileSystem(asynchronous=True, skip_instance_cache=True)

    async with fs.transaction("Awaited"):
        await fs._pipe_file(f"{repository}/main/a", b"a")
        async with await fs.open_async(f"{repository}/main/b", "wb") as file:
            await file.write(b"b")
    with pytest.raises(ZeroDivisionError):
        async with fs.transaction("Failed"):
            await fs._pipe_file(f"{repository}/main/c", b"c")
            raise ZeroDivisionError

    assert log_of(client, repository)[0] == "Awaited"
    assert len(await fs._find(f"{repository}/main@")) == 2
    await fs.aclose()
