"""`lakefs`, the high-level client of the lakeFS API, as it comes from PyPI."""

from __future__ import annotations

import itertools
from typing import Any

import lakefs
import pytest
from lakefs.exceptions import (
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotAuthorizedException,
    NotFoundException,
    ObjectExistsException,
    ObjectNotFoundException,
    ServerException,
    TransactionException,
)

from support.s3server import ADMIN, ServerProcess

LIBRARY: Any = lakefs  # it has types for its users, and few for type checkers
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Any:
    return LIBRARY.Client(host=server.url, username=ADMIN.id, password=ADMIN.secret)


@pytest.fixture
def repo(client: Any) -> Any:
    name = f"lakefs-{next(_numbers)}"
    made = LIBRARY.Repository(name, client=client)
    return made.create(storage_namespace=f"local://{name}", default_branch="main")


@pytest.fixture
def main(repo: Any) -> Any:
    return repo.branch("main")


def paths(listed: Any) -> list[str]:
    return [each.path for each in listed]


def test_a_repository_lives_and_dies(client: Any, repo: Any) -> None:
    assert repo.properties.id == repo.id
    assert repo.properties.default_branch == "main"
    assert repo.properties.storage_namespace == f"local://{repo.id}"
    assert repo.metadata == {}
    again = LIBRARY.Repository(repo.id, client=client)
    with pytest.raises(ConflictException):
        again.create(storage_namespace="local://again")
    assert again.create(storage_namespace="local://y", exist_ok=True).id == repo.id
    assert repo.id in [each.id for each in LIBRARY.repositories(client)]

    repo.delete()

    with pytest.raises(NotFoundException):
        repo.delete()
    assert repo.id not in [each.id for each in LIBRARY.repositories(client)]


def test_objects_are_written_and_read_in_every_mode(main: Any) -> None:
    for mode, data in (("w", "ü\n"), ("wb", b"\x00\xff"), ("x", "new"), ("xb", b"new")):
        target = main.object(f"by-{mode}")
        with target.writer(
            mode=mode, content_type="text/csv", metadata={"k": "v"}
        ) as out:
            out.write(data[:1])
            out.write(data[1:])
        expected = data.encode() if isinstance(data, str) else data
        with target.reader(mode="rb") as reader:
            assert reader.read() == expected
        assert target.stat().content_type == "text/csv"
        assert target.stat().metadata == {"k": "v"}
        assert target.stat().size_bytes == len(expected)
    for mode in ("x", "xb"):
        with pytest.raises(ObjectExistsException):
            main.object("by-w").upload("again", mode=mode)
    with main.object("by-w").reader(mode="r") as reader:
        assert reader.read() == "ü\n"


def test_a_reader_seeks_and_knows_the_end(main: Any) -> None:
    data = bytes(range(256)) * 64
    main.object("long").upload(data, mode="wb")

    with main.object("long").reader() as reader:
        reader.seek(100)
        assert reader.read(5) == data[100:105]
        assert reader.tell() == 105
        reader.seek(-3, 2)
        assert reader.read() == data[-3:]
        assert reader.read() == b""
        reader.seek(len(data) + 10)
        assert reader.read(1) == b""
    main.object("lines").upload("one\ntwo\n\nfour", mode="w")
    with main.object("lines").reader(mode="r") as reader:
        assert list(reader) == ["one\n", "two\n", "\n", "four"]


def test_a_presigned_reader_reads_what_a_reader_reads(main: Any) -> None:
    main.object("p").upload(b"bytes", mode="wb")

    for pre_sign in (False, None):
        with main.object("p").reader(mode="rb", pre_sign=pre_sign) as reader:
            assert reader.read() == b"bytes"


def test_a_writer_that_fails_writes_nothing(main: Any) -> None:
    def fail() -> None:
        with main.object("half").writer() as out:
            out.write("half")
            raise ValueError

    with pytest.raises(ValueError):
        fail()

    assert not main.object("half").exists()


def test_objects_are_copied_and_deleted(repo: Any, main: Any) -> None:
    source = main.object("a/b")
    source.upload(b"x", mode="wb")
    copy = source.copy("main", "c")

    assert copy.stat().checksum == source.stat().checksum
    assert paths(main.objects()) == ["a/b", "c"]
    prefixes = list(main.objects(delimiter="/"))
    assert [type(each).__name__ for each in prefixes] == ["CommonPrefix", "ObjectInfo"]
    main.delete_objects(["a/b", "nosuch"])
    copy.delete()
    assert list(main.objects()) == []
    with pytest.raises(ObjectNotFoundException):
        main.object("a/b").stat()
    with pytest.raises(NotFoundException):
        repo.branch("nosuch").object("x").upload("x")


def test_a_branch_is_committed_compared_and_merged(repo: Any, main: Any) -> None:
    main.object("base").upload("1", mode="w")
    assert [(each.path, each.type) for each in main.uncommitted()] == [
        ("base", "added")
    ]
    first = main.commit("first", metadata={"who": "me"})
    assert first.get_commit().metadata == {"who": "me"}
    assert len(first.id) == 64
    with pytest.raises(BadRequestException, match="no changes"):
        main.commit("nothing")
    dev = repo.branch("dev").create("main")
    with pytest.raises(ConflictException):
        repo.branch("dev").create("main")
    assert repo.branch("dev").create("main", exist_ok=True).id == "dev"
    dev.object("new").upload("2", mode="w")
    dev.commit("on dev")

    assert [(each.path, each.type) for each in main.diff(dev)] == [("new", "added")]
    merged = dev.merge_into(main, message="bring")
    assert [each.message for each in main.log(max_amount=1)] == ["bring"]
    assert main.get_commit().id == merged
    assert [branch.id for branch in repo.branches()] == ["dev", "main"]
    dev.delete()
    with pytest.raises(NotFoundException):
        dev.get_commit()
    with pytest.raises(ForbiddenException):
        main.delete()


def test_conflicts_and_what_takes_commits_back(repo: Any, main: Any) -> None:
    main.object("p").upload("0", mode="w")
    base = main.commit("base")
    dev = repo.branch("dev").create(main)
    for branch, text in ((main, "main"), (dev, "dev")):
        branch.object("p").upload(text, mode="w")
        branch.commit(text)

    with pytest.raises(ConflictException):
        dev.merge_into(main)
    dev.merge_into(main, strategy="source-wins")
    assert main.object("p").reader(mode="r").read() == "dev"
    main.revert(main.head, parent_number=1)
    assert main.object("p").reader(mode="r").read() == "main"
    other = repo.branch("other").create(base)
    assert other.cherry_pick(dev.head).message == "dev"
    main.object("late").upload("x", mode="w")
    main.reset_changes("object", "late")
    assert list(main.uncommitted()) == []


def test_tags_stay_where_they_are(repo: Any, main: Any) -> None:
    main.object("p").upload("1", mode="w")
    commit = main.commit("first")
    tag = repo.tag("v1").create(commit)
    with pytest.raises(ConflictException):
        repo.tag("v1").create(commit)

    main.object("p").upload("2", mode="w")
    main.commit("second")

    assert tag.object("p").reader(mode="r").read() == "1"
    assert [each.id for each in repo.tags()] == ["v1"]
    assert repo.ref("v1").get_commit().id == commit.id == repo.commit(commit.id).id
    tag.delete()
    assert list(repo.tags()) == []


def test_a_transaction_is_one_merge_or_nothing(repo: Any, main: Any) -> None:
    def fail() -> None:
        with main.transact() as tx:
            tx.object("never").upload("x", mode="w")
            raise ZeroDivisionError

    def clash() -> None:
        with main.transact() as tx:
            tx.object("p").upload("mine", mode="w")
            main.object("p").upload("theirs", mode="w")
            main.commit("meanwhile")

    main.object("p").upload("0", mode="w")
    main.commit("base")

    with main.transact(commit_message="both", tag="done") as tx:
        tx.object("p").upload("1", mode="w")
        tx.object("q").upload("2", mode="w")
        assert main.object("p").reader(mode="r").read() == "0"

    assert paths(main.objects()) == ["p", "q"]
    assert repo.ref("done").object("p").reader(mode="r").read() == "1"
    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(TransactionException):
        clash()
    assert paths(main.objects()) == ["p", "q"]
    assert [branch.id for branch in repo.branches()] == ["main"]


def test_a_protected_branch_takes_transactions_only(
    server: ServerProcess, repo: Any, main: Any
) -> None:
    settings = f"/repositories/{repo.id}/settings/branch_protection"
    server.rest("PUT", settings, [{"pattern": "main"}])

    with pytest.raises(ForbiddenException, match="protected branch"):
        main.object("p").upload("x", mode="w")
    with main.transact(commit_message="allowed") as tx:
        tx.object("p").upload("1", mode="w")

    assert main.object("p").reader(mode="r").read() == "1"


def test_who_is_not_known_is_not_let_in(server: ServerProcess, repo: Any) -> None:
    stranger = LIBRARY.Client(host=server.url, username=ADMIN.id, password="wrong")

    with pytest.raises(NotAuthorizedException):
        list(LIBRARY.Repository(repo.id, client=stranger).branches())


def test_credentials_are_found_in_the_environment(
    server: ServerProcess, repo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", server.url)
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", ADMIN.id)
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", ADMIN.secret)

    found = LIBRARY.Client()

    assert found.version == "1.88.0"
    assert repo.id in [each.id for each in LIBRARY.repositories(found)]


def test_what_is_not_built_says_so(main: Any) -> None:
    importer = main.import_data("import").prefix("s3://bucket/x/", destination="x/")

    with pytest.raises(ServerException, match="not built yet"):
        importer.start()


def test_errors_have_the_classes_that_programs_catch(repo: Any, main: Any) -> None:
    main.object("p").upload(b"abc", mode="wb")
    with pytest.raises(FileNotFoundError):
        main.object("nosuch").reader().read()
    with pytest.raises(NotFoundException):
        list(repo.ref("nosuch").log())
