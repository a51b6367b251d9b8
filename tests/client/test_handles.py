"""What handles do, through the blocking client and a directory."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from lakebed.client import (
    AsyncLake,
    Branch,
    ConflictError,
    InvalidRequestError,
    Lake,
    Measured,
    MergeConflictError,
    NotFoundError,
    PermissionDeniedError,
    Repository,
)


@pytest.fixture
def main(repository: Repository) -> Branch:
    return repository.branch("main")


def test_to_name_a_thing_asks_nobody_and_equal_names_are_equal(lake: Lake) -> None:
    branch = lake.repository("none").branch("none")

    assert branch == lake.repository("none").branch("none")
    assert branch != lake.repository("none").tag("none")
    assert branch != lake.repository("other").branch("none")
    assert len({branch, lake.repository("none").branch("none")}) == 1
    assert not branch.exists()
    assert not branch.repository.exists()


def test_what_is_made_is_listed(lake: Lake, repository: Repository) -> None:
    lake.create_repository("other")
    dev = repository.create_branch("dev")
    repository.create_branch("hidden", hidden=True)
    tag = repository.create_tag("v1", dev)

    assert [each.name for each in lake.repositories()] == ["other", "penguins"]
    assert list(repository.branches()) == [dev, repository.branch("main")]
    assert list(repository.branches("d")) == [dev]
    assert repository.tags().collect() == (tag,)
    assert repository.default_branch() == repository.branch("main")

    repository.delete_branch("dev")
    repository.delete_tag("v1")
    lake.delete_repository("other")

    assert not dev.exists()
    assert not tag.exists()
    assert [each.name for each in lake.repositories()] == ["penguins"]
    with pytest.raises(PermissionDeniedError, match="'main'"):
        repository.delete_branch("main")


def test_making_what_is_there_is_an_error_unless_it_may_be(
    lake: Lake, repository: Repository, main: Branch
) -> None:
    with pytest.raises(ConflictError):
        lake.create_repository("penguins")
    assert lake.create_repository("penguins", exist_ok=True) == repository
    repository.create_branch("dev")
    with pytest.raises(ConflictError):
        repository.create_branch("dev")
    assert repository.create_branch("dev", exist_ok=True).name == "dev"
    repository.create_tag("v1", main)
    assert repository.create_tag("v1", "main", exist_ok=True).name == "v1"
    with pytest.raises(ConflictError):
        repository.create_branch("v1", exist_ok=True)
    main.commit("another", allow_empty=True)
    with pytest.raises(ConflictError):
        repository.create_tag("v1", main, exist_ok=True)


def test_objects_are_written_read_and_removed(main: Branch) -> None:
    made = main.upload("a/1", b"one", content_type="text/x", metadata={"k": "v"})
    main.upload("a/2", [b"t", b"wo"])
    main.write_text("b", "drei ü")
    main.copy("a/1", "c/1")
    assert main.move("a/", "d/", recursive=True) == 2

    assert made.size_bytes == 3
    found = main.stat("d/1")
    assert (found.content_type, found.metadata, found.etag) == (
        "text/x",
        {"k": "v"},
        made.etag,
    )
    assert [each.path for each in main.objects()] == ["b", "c/1", "d/1", "d/2"]
    assert [(each.path, each.is_prefix) for each in main.objects(delimiter="/")] == [
        ("b", False),
        ("c/", True),
        ("d/", True),
    ]
    assert main.read("d/2", start=1) == b"wo"
    assert main.read_text("b") == "drei ü"
    assert main.du("d/").object_count == 2
    assert len(list(main.uncommitted())) == 4

    main.delete("b")
    main.delete(["c/1", "none"])
    main.delete_prefix("d/")

    assert list(main.objects()) == []
    assert not main.exists("b")
    with pytest.raises(NotFoundError, match="'b'"):
        main.read("b")


def test_a_text_is_no_upload(main: Branch) -> None:
    """It could be meant as a path: nothing is guessed."""
    with pytest.raises(TypeError, match="give bytes"):
        main.upload("a", "text")  # type: ignore[arg-type]


def test_history_goes_forth_and_back(repository: Repository, main: Branch) -> None:
    main.upload("a", b"1")
    first = main.commit("first", {"job": "1"})
    main.upload("a", b"2")
    main.upload("b", b"2")
    second = main.commit("second")

    assert [each.subject for each in main.log(limit=2)] == ["second", "first"]
    assert [each.subject for each in main.log(paths=["b"])] == ["second"]
    assert repository.log(limit=1).first() == second
    assert repository.ref("main~1").head() == first
    changes = {each.path: each.kind for each in repository.ref("main~1").diff(main)}
    assert changes == {"a": "changed", "b": "added"}

    main.revert("main")
    assert main.read("a") == b"1"
    main.cherry_pick(second.id)
    assert main.read("a") == b"2"
    main.reset_to(first.id)
    assert main.head() == first
    undone = main.undo()
    assert main.read("b") == b"2"
    assert undone.action == "undo"
    assert main.reflog(limit=1).first() == undone

    main.upload("c", b"3")
    main.reset(path="c")
    assert main.uncommitted().first() is None


def test_a_conflict_lists_its_paths_and_is_resolved_by_path(
    repository: Repository, main: Branch
) -> None:
    for path in ("a", "b"):
        main.upload(path, b"base")
    main.commit("base")
    dev = repository.create_branch("dev")
    for branch in (dev, main):
        for path in ("a", "b"):
            branch.upload(path, branch.name.encode())
        branch.commit(branch.name)

    with pytest.raises(MergeConflictError) as raised:
        dev.merge_into(main)
    rows = raised.value.rows
    assert [(row.path, row.source and row.source.size_bytes) for row in rows] == [
        ("a", 3),
        ("b", 3),
    ]
    with pytest.raises(MergeConflictError) as raised:
        dev.merge_into(main, resolutions={"a": "source"})
    assert [row.path for row in raised.value.rows] == ["b"]

    made = dev.merge_into(main, resolutions={"a": "source", "b": "base"})

    assert made == main.commit_id()
    assert (main.read("a"), main.read("b")) == (b"dev", b"base")


def test_a_listing_is_asked_again_and_cut_where_one_says(
    repository: Repository,
) -> None:
    for number in range(5):
        repository.create_tag(f"v{number}", "main")
    tags = repository.tags()

    assert len(list(tags)) == len(list(tags)) == 5
    assert [each.name for each in tags.collect(2)] == ["v0", "v1"]
    assert tags.collect(2).is_cut
    assert not tags.collect(5).is_cut
    assert len(repository.tags(limit=3).collect()) == 3
    assert repository.tags("x").first() is None
    assert repr(tags) == "<tags of penguins>"


def test_handles_are_pickled_by_server_and_name_and_never_with_a_key(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakebed.client import connect

    with connect(
        "http://127.0.0.1:1", access_key_id="KEYID", secret_access_key="S3CRET"
    ) as lake:
        for handle in (
            lake.repository("r"),
            lake.repository("r").branch("b"),
            lake.repository("r").tag("t"),
            lake.repository("r").ref("main~1"),
        ):
            data = pickle.dumps(handle)
            assert b"S3CRET" not in data
            assert b"KEYID" not in data
            revived = pickle.loads(data)
            assert revived == handle
            assert type(revived) is type(handle)
            revived_lake = (
                revived if isinstance(revived, Repository) else revived.repository
            ).lake
            assert copy.copy(handle) == handle
        assert "S3CRET" not in repr(vars(lake.client)) + repr(lake)
        revived_lake.close()
        with pytest.raises(TypeError, match="cannot pickle a transaction"):
            pickle.dumps(lake.repository("r").branch("b").transaction("m"))


def test_a_closed_client_says_so(directory: Path) -> None:
    from lakebed.client import connect

    lake = connect(directory / "lake", create_directory=True)
    lake.close()
    lake.close()

    with pytest.raises(RuntimeError, match="closed"):
        lake.repository("r").exists()


def test_control_characters_of_names_never_reach_the_server(
    repository: Repository,
) -> None:
    with pytest.raises(InvalidRequestError):
        repository.create_branch("a\x1b[2J")


async def test_the_same_with_await(async_lake: AsyncLake) -> None:
    repository = await async_lake.create_repository("penguins")
    main = repository.branch("main")
    await main.upload("a", b"1")
    commit = await main.commit("first")
    dev = await repository.create_branch("dev")
    async with dev.transaction("more") as tx:
        await tx.upload("b", b"2")

    await dev.merge_into(main)

    assert [each.path async for each in main.objects()] == ["a", "b"]
    assert (await main.log().collect(1))[0].parents[0] == commit.id
    assert [
        each.path for each in await repository.ref(commit.id).diff(main).collect()
    ] == ["b"]
    assert "await" in repr(main.log())


async def test_the_blocking_client_works_inside_of_a_loop(lake: Lake) -> None:
    """As in a notebook, where a loop runs already."""
    assert lake.create_repository("inside").branch("main").exists()


def test_many_places_are_measured_at_once(repository: Repository, main: Branch) -> None:
    main.upload("a/1", b"12")
    main.upload("b", b"123")
    first = main.commit("one")
    places: list[tuple[Branch | str, str]] = [(main, "a/"), (first.id, ""), ("no", "")]

    found = repository.measure(places * 401)  # in two requests

    assert [each.object_count for each in found] == [1, 2, None] * 401
    assert [each.size_bytes for each in found[:3]] == [2, 5, None]
    assert (found[2].code, found[2].ref) == ("ref-not-found", "no")
    assert "not found" in Measured.table("sizes", found)


def test_conflicts_are_listed_before_a_merge(
    repository: Repository, main: Branch
) -> None:
    dev = repository.create_branch("dev")
    for branch in (main, dev):
        for path in ("a", "p/1", "p/2"):
            branch.upload(path, str(branch).encode())
        branch.commit("both")

    listed = dev.conflicts_with(main).collect()
    below = dev.conflicts_with("main", prefix="p/", limit=1).collect()

    with pytest.raises(MergeConflictError) as refused:
        dev.merge_into(main)
    assert listed == refused.value.rows
    assert [each.path for each in below] == ["p/1"]
    assert listed[0].source is not None
    assert listed[0].source.size_bytes == len("dev")
