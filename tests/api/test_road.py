"""The road over HTTP: every operation in the shape that clients of lakeFS know."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

import pytest
from aiohttp import ClientSession, FormData
from lakebed.client.wire import (
    Commit,
    Config,
    CurrentUser,
    Diff,
    Du,
    MergeBase,
    ObjectStats,
    Page,
    Ref,
    RefLogEntry,
    Repository,
    SetupState,
    decode,
)

from support.asking import Asker


async def test_health_needs_no_key(session: ClientSession) -> None:
    async with session.get(
        "/api/v1/healthcheck", headers={"Authorization": ""}
    ) as response:
        assert response.status == 204
        assert await response.read() == b""


@pytest.mark.parametrize(
    ("path", "shape"),
    [("config", Config), ("setup_lakefs", SetupState), ("user", CurrentUser)],
)
async def test_the_server_describes_itself(
    session: ClientSession, path: str, shape: type[Any]
) -> None:
    async with session.get(f"/api/v1/{path}") as response:
        assert response.status == 200
        decode(await response.read(), shape)


async def test_a_repository_lives_and_dies(ask: Asker) -> None:
    body = {"name": "other", "storage_namespace": "s3://bucket/prefix"}

    created = await ask("POST", "", json=body)
    again = await ask("POST", "", json=body)
    listed = await ask("GET", "?prefix=o")
    metadata = await ask("GET", "/other/metadata")
    deleted = await ask("DELETE", "/other")
    gone = await ask("GET", "/other")

    assert created.status == 201
    assert decode(created.data, Repository).storage_namespace == "s3://bucket/prefix"
    assert decode(created.data, Repository).default_branch == "main"
    assert (again.status, again.json["message"]) == (409, "not unique")
    assert [found.id for found in decode(listed.data, Page[Repository]).results] == [
        "other"
    ]
    assert metadata.json == {}
    assert (deleted.status, deleted.data) == (204, b"")
    assert (gone.status, gone.json["message"]) == (404, "repository not found")
    assert "'other'" in gone.json["detail"]


async def test_a_branch_is_created_with_its_bare_commit_id(ask: Asker) -> None:
    head = (await ask("GET", "/lake/branches/main")).json["commit_id"]

    created = await ask(
        "POST", "/lake/branches", json={"name": "dev", "source": "main"}
    )
    again = await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})

    assert (created.status, created.data.decode()) == (201, head)
    assert created.headers["Content-Type"].startswith("text/plain")
    assert again.status == 409
    assert decode((await ask("GET", "/lake/branches/dev")).data, Ref).commit_id == head


async def test_hidden_branches_are_listed_on_request(ask: Asker) -> None:
    body = {"name": "tx-1", "source": "main", "hidden": True}
    await ask("POST", "/lake/branches", json=body)

    plain = await ask("GET", "/lake/branches")
    hidden = await ask("GET", "/lake/branches?show_hidden=True")

    assert [ref["id"] for ref in plain.json["results"]] == ["main"]
    assert [ref["id"] for ref in hidden.json["results"]] == ["main", "tx-1"]


async def test_the_default_branch_cannot_be_deleted(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})

    assert (await ask("DELETE", "/lake/branches/dev")).status == 204
    assert (await ask("DELETE", "/lake/branches/dev")).status == 404
    assert (await ask("DELETE", "/lake/branches/main")).status == 403


async def test_a_page_has_all_four_fields_and_goes_on(ask: Asker) -> None:
    for name in ["a", "b", "c"]:
        await ask("POST", "/lake/branches", json={"name": name, "source": "main"})

    first = await ask("GET", "/lake/branches?amount=3")
    last = await ask(
        "GET",
        f"/lake/branches?amount=3&after={first.json['pagination']['next_offset']}",
    )

    assert first.json["pagination"] == {
        "has_more": True, "next_offset": "c", "results": 3, "max_per_page": 1000,
    }  # fmt: skip
    assert [ref["id"] for ref in last.json["results"]] == ["main"]
    assert last.json["pagination"] == {
        "has_more": False, "next_offset": "", "results": 1, "max_per_page": 1000,
    }  # fmt: skip


async def test_an_upload_is_described_by_its_md5_and_address(ask: Asker) -> None:
    headers = {"Content-Type": "text/csv", "X-Lakefs-Meta-Source": "field"}

    answer = await ask(
        "POST", "/lake/branches/main/objects?path=a/b.csv", data=b"1,2", headers=headers
    )

    assert answer.status == 201
    stats = decode(answer.data, ObjectStats)
    assert stats.checksum == hashlib.md5(b"1,2").hexdigest()
    assert stats.path == "a/b.csv"
    assert stats.path_type == "object"
    assert stats.size_bytes == 3
    assert stats.content_type == "text/csv"
    assert stats.metadata == {"source": "field"}
    namespace, _, address = stats.physical_address.partition("/data/")
    assert namespace == "local://lake"
    first, second = address.split("/")
    assert len(first) == len(second) == 20
    assert set(address) <= set("0123456789abcdefghijklmnopqrstuv/")
    stat = await ask("GET", "/lake/refs/main/objects/stat?path=a%2Fb.csv")
    assert decode(stat.data, ObjectStats) == stats


@pytest.mark.parametrize("size_bytes", [0, 1, 300_000, 3_000_000])
async def test_a_form_upload_gives_the_bytes_of_its_field(
    ask: Asker, size_bytes: int
) -> None:
    data = os.urandom(size_bytes)
    form = FormData()
    form.add_field("other", "before")
    form.add_field(
        "content", io.BytesIO(data), filename="x.csv", content_type="text/csv"
    )

    answer = await ask("POST", "/lake/branches/main/objects?path=f", data=form)

    assert answer.status == 201
    assert answer.json["content_type"] == "text/csv"
    assert answer.json["checksum"] == hashlib.md5(data).hexdigest()
    assert (await ask("GET", "/lake/refs/main/objects?path=f")).data == data


@pytest.mark.parametrize("size_bytes", [0, 1, 300_000, 5_000_000])
async def test_an_object_comes_back_whole_and_in_part(
    ask: Asker, size_bytes: int
) -> None:
    data = os.urandom(size_bytes)
    await ask.put("o", data)
    route = "/lake/refs/main/objects?path=o"

    whole = await ask("GET", route)
    head = await ask("HEAD", route)

    assert (whole.status, whole.data) == (200, data)
    assert (head.status, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(size_bytes)
    assert head.headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    for start, stop in [(0, 1), (size_bytes // 3, size_bytes // 2), (0, size_bytes)]:
        if not start < stop <= size_bytes:
            continue
        part = await ask("GET", route, headers={"Range": f"bytes={start}-{stop - 1}"})
        assert (part.status, part.data) == (206, data[start:stop])
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size_bytes}"
    past = await ask("GET", route, headers={"Range": f"bytes={size_bytes}-"})
    assert past.status == 416
    assert past.headers["Content-Range"] == f"bytes */{size_bytes}"


async def test_a_head_of_nothing_is_404_without_a_body(ask: Asker) -> None:
    answer = await ask("HEAD", "/lake/refs/main/objects?path=none")

    assert (answer.status, answer.data) == (404, b"")


async def test_reads_keep_their_conditions(ask: Asker) -> None:
    await ask.put("o", b"x")
    route = "/lake/refs/main/objects?path=o"
    etag = (await ask("HEAD", route)).headers["ETag"]

    same = await ask("GET", route, headers={"If-None-Match": etag})
    other = await ask("GET", route, headers={"If-None-Match": '"other"'})
    refused = await ask("GET", route, headers={"If-Match": '"other"'})
    stale = {"If-Range": '"other"', "Range": "bytes=0-0"}

    assert (same.status, same.data, same.headers["ETag"]) == (304, b"", etag)
    assert other.status == 200
    assert refused.status == 412
    assert (await ask("GET", route, headers=stale)).status == 200


async def test_a_page_among_the_objects_does_not_run(ask: Asker) -> None:
    await ask(
        "POST",
        "/lake/branches/main/objects?path=evil.html",
        data=b"<script>alert(1)</script>",
        headers={"Content-Type": "text/html"},
    )

    answer = await ask("GET", "/lake/refs/main/objects?path=evil.html")

    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_writes_keep_their_conditions(ask: Asker) -> None:
    route = "/lake/branches/main/objects?path=o"
    first = await ask("POST", route, data=b"1", headers={"If-None-Match": "*"})
    etag = first.json["checksum"]

    exists = await ask("POST", route, data=b"2", headers={"If-None-Match": "*"})
    changed = await ask("POST", route, data=b"2", headers={"If-Match": f'"{etag}"'})
    stale = await ask("POST", route, data=b"3", headers={"If-Match": f'"{etag}"'})

    assert [a.status for a in (first, exists, changed, stale)] == [201, 412, 201, 412]
    assert (await ask("GET", "/lake/refs/main/objects?path=o")).data == b"2"


async def test_a_listing_rolls_up_and_pages(ask: Asker) -> None:
    for path in ["a/1", "a/2", "b", "c/3"]:
        await ask.put(path)
    route = "/lake/refs/main/objects/ls"

    everything = await ask("GET", route)
    rolled = await ask("GET", f"{route}?delimiter=%2F")
    first = await ask("GET", f"{route}?delimiter=/&amount=1")
    second = await ask("GET", f"{route}?delimiter=/&amount=1&after=a/")

    assert everything.paths == ["a/1", "a/2", "b", "c/3"]
    assert rolled.paths == ["a/", "b", "c/"]
    assert [i["path_type"] for i in rolled.json["results"]] == [
        "common_prefix", "object", "common_prefix",
    ]  # fmt: skip
    assert (first.paths, first.json["pagination"]["next_offset"]) == (["a/"], "a/")
    assert second.paths == ["b"]
    decode(rolled.data, Page[ObjectStats])


async def test_a_commit_makes_history(ask: Asker) -> None:
    await ask.put("o")
    changes = await ask("GET", "/lake/branches/main/diff")

    commit = await ask(
        "POST",
        "/lake/branches/main/commits",
        json={"message": "first", "metadata": {"k": "v"}, "date": 1_600_000_000},
    )
    nothing = await ask("POST", "/lake/branches/main/commits", json={"message": "m"})
    log = await ask("GET", "/lake/refs/main/commits?amount=1")

    assert [d["type"] for d in changes.json["results"]] == ["added"]
    assert commit.status == 201
    made = decode(commit.data, Commit)
    assert (made.message, made.metadata, made.creation_date) == (
        "first", {"k": "v"}, 1_600_000_000,
    )  # fmt: skip
    assert made.committer == "admin"
    assert len(made.id) == len(made.meta_range_id) == 64
    assert (nothing.status, nothing.json["message"]) == (400, "commit: no changes")
    assert decode(log.data, Page[Commit]).results == [made]
    assert log.json["pagination"]["has_more"]
    assert log.json["pagination"]["next_offset"] == made.id
    found = await ask("GET", f"/lake/commits/{made.id}")
    assert decode(found.data, Commit) == made
    unknown = await ask("GET", f"/lake/commits/{'0' * 64}")
    assert (unknown.status, unknown.json["message"]) == (404, "commit not found")


async def test_a_log_is_filtered(ask: Asker) -> None:
    await ask.put("a/1")
    first = await ask.commit("one")
    await ask.put("b")
    second = await ask.commit("two")
    route = "/lake/refs/main/commits"

    async def ids(query: str) -> list[str]:
        return [c["id"] for c in (await ask("GET", f"{route}?{query}")).json["results"]]

    assert await ids("objects=b") == [second]
    assert await ids("prefixes=a/&first_parent=True") == [first]
    assert await ids(f"stop_at={first}") == [second, first]
    assert await ids("since=2001-01-01T00:00:00.000000%2B0000&amount=1") == [second]
    assert await ids("since=2100-01-01T00:00:00Z") == []
    limited = await ask("GET", f"{route}?amount=1&limit=true")
    assert not limited.json["pagination"]["has_more"]


async def test_refs_are_compared_and_merged(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("new", branch="dev")
    head = await ask.commit(branch="dev")
    await ask.put("mine")
    ours = await ask.commit()

    three_dot = await ask("GET", "/lake/refs/main/diff/dev?include_right_stats=true")
    two_dot = await ask("GET", "/lake/refs/main/diff/dev?type=two_dot")
    base = await ask("GET", "/lake/refs/dev/merge/main")
    merged = await ask("POST", "/lake/refs/dev/merge/main", json={"message": "join"})
    again = await ask("POST", "/lake/refs/dev/merge/main", json={})

    (difference,) = decode(three_dot.data, Page[Diff]).results
    assert (difference.type, difference.path, difference.size_bytes) == (
        "added",
        "new",
        1,
    )
    assert difference.right is not None
    assert [(d["type"], d["path"]) for d in two_dot.json["results"]] == [
        ("removed", "mine"), ("added", "new"),
    ]  # fmt: skip
    assert decode(base.data, MergeBase).source_commit_id == head
    assert decode(base.data, MergeBase).destination_commit_id == ours
    commit = await ask("GET", f"/lake/commits/{merged.json['reference']}")
    assert commit.json["parents"] == [ours, head]
    assert commit.json["message"] == "join"
    assert again.status == 400


async def test_a_merge_conflict_is_listed_and_resolved_by_path(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("o", b"theirs", branch="dev")
    await ask.commit(branch="dev")
    await ask.put("o", b"ours!")
    await ask.commit()
    route = "/lake/refs/dev/merge/main"

    refused = await ask("POST", route, json={})
    merged = await ask("POST", route, json={"resolutions": {"o": "source"}})

    assert (refused.status, refused.json["message"]) == (409, "conflict found")
    (conflict,) = refused.json["conflicts"]
    assert conflict["path"] == "o"
    assert conflict["base"] is None
    assert (
        conflict["source"]["size_bytes"],
        conflict["destination"]["size_bytes"],
    ) == (6, 5)
    assert merged.status == 200
    assert (await ask("GET", "/lake/refs/main/objects?path=o")).data == b"theirs"


@pytest.mark.parametrize(
    ("strategy", "content"), [("source-wins", b"theirs"), ("dest-wins", b"ours!")]
)
async def test_a_strategy_decides_conflicts(
    ask: Asker, strategy: str, content: bytes
) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("o", b"theirs", branch="dev")
    await ask.commit(branch="dev")
    await ask.put("o", b"ours!")
    await ask.commit()

    merged = await ask("POST", "/lake/refs/dev/merge/main", json={"strategy": strategy})

    assert merged.status == 200
    assert (await ask("GET", "/lake/refs/main/objects?path=o")).data == content


async def test_a_dirty_destination_refuses_a_merge(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("o", branch="dev")
    await ask.commit(branch="dev")
    await ask.put("p")

    answer = await ask("POST", "/lake/refs/dev/merge/main", json={})

    assert (answer.status, answer.json["code"]) == (400, "dirty-branch")


async def test_a_tag_pins_a_commit(ask: Asker) -> None:
    head = (await ask("GET", "/lake/branches/main")).json["commit_id"]

    created = await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    again = await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    listed = await ask("GET", "/lake/tags")

    assert (created.status, decode(created.data, Ref).commit_id) == (201, head)
    assert again.status == 409
    assert decode(listed.data, Page[Ref]).results == [Ref(id="v1", commit_id=head)]
    assert (await ask("GET", "/lake/tags/v1")).json["commit_id"] == head
    assert (await ask("DELETE", "/lake/tags/v1")).status == 204
    assert (await ask("GET", "/lake/tags/v1")).status == 404


async def test_uncommitted_changes_are_reset(ask: Asker) -> None:
    for path in ["a/1", "a/2", "b", "c"]:
        await ask.put(path)
    route = "/lake/branches/main"

    async def staged() -> list[str]:
        return (await ask("GET", f"{route}/diff")).paths

    one = await ask("PUT", route, json={"type": "object", "path": "b"})
    assert (one.status, await staged()) == (204, ["a/1", "a/2", "c"])
    await ask("PUT", route, json={"type": "common_prefix", "path": "a/"})
    assert await staged() == ["c"]
    await ask("PUT", route, json={"type": "reset"})
    assert await staged() == []
    no_path = await ask("PUT", route, json={"type": "object"})
    assert (no_path.status, no_path.json["field"]) == (400, "path")


async def test_history_is_reverted_picked_reset_and_undone(ask: Asker) -> None:
    await ask.put("o", b"1")
    first = await ask.commit("one")
    await ask.put("o", b"2")
    second = await ask.commit("two")
    route = "/lake/branches/main"

    async def content() -> bytes:
        return (await ask("GET", "/lake/refs/main/objects?path=o")).data

    body = {"ref": second, "parent_number": 0, "commit_overrides": {"message": "back"}}
    assert (await ask("POST", f"{route}/revert", json=body)).status == 204
    assert await content() == b"1"
    log = await ask("GET", "/lake/refs/main/commits?amount=1")
    assert log.json["results"][0]["message"] == "back"
    picked = await ask("POST", f"{route}/cherry-pick", json={"ref": second})
    assert (picked.status, picked.json["message"]) == (201, "two")
    assert await content() == b"2"
    assert (await ask("PUT", f"{route}/hard_reset?ref={first}")).status == 204
    assert await content() == b"1"
    undone = await ask("POST", "/lake/refs/log/main/undo", json={})
    assert decode(undone.data, RefLogEntry).action == "undo"
    assert await content() == b"2"
    moves = decode((await ask("GET", "/lake/refs/log/main")).data, Page[RefLogEntry])
    assert [move.action for move in moves.results] == [
        "undo", "hard-reset", "cherry-pick", "revert", "commit", "commit", "create",
    ]  # fmt: skip
    named = {"sequence": moves.results[-2].sequence}
    assert (await ask("POST", "/lake/refs/log/main/undo", json=named)).status == 200
    assert (await ask("GET", "/lake/refs/main/objects?path=o")).status == 404


async def test_the_ref_log_pages_backwards(ask: Asker) -> None:
    for n in range(3):
        await ask.put("o", b"%d" % n)
        await ask.commit()

    first = await ask("GET", "/lake/refs/log/main?amount=2")
    offset = first.json["pagination"]["next_offset"]
    second = await ask("GET", f"/lake/refs/log/main?amount=2&after={offset}")

    sequences = [m["sequence"] for m in first.json["results"] + second.json["results"]]
    assert len(sequences) == 4
    assert sequences == sorted(sequences, reverse=True)


async def test_the_revert_of_a_merge_needs_a_parent(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.put("o", branch="dev")
    await ask.commit(branch="dev")
    await ask("POST", "/lake/refs/dev/merge/main", json={})

    answer = await ask(
        "POST", "/lake/branches/main/revert", json={"ref": "main", "parent_number": 0}
    )

    assert (answer.status, answer.json["code"]) == (409, "parent-needed")


async def test_objects_are_copied_moved_measured_and_deleted(ask: Asker) -> None:
    await ask.put("a/1", b"one")
    await ask.put("a/2", b"two!")
    route = "/lake/branches/main/objects"

    copied = await ask("POST", f"{route}/copy?dest_path=c", json={"src_path": "a/1"})
    moved = await ask("POST", f"{route}/move", json={"src_path": "c", "dst_path": "d"})
    prefix = {"src_path": "a/", "dst_path": "b/", "recursive": True}
    moved_prefix = await ask("POST", f"{route}/move", json=prefix)
    usage = await ask("GET", "/lake/refs/main/du?prefix=b/")
    deleted = await ask("DELETE", f"{route}?path=d")
    again = await ask("DELETE", f"{route}?path=d")
    batch = await ask("POST", f"{route}/delete", json={"paths": ["b/1", "none"]})

    assert (copied.status, copied.json["path"]) == (201, "c")
    assert (moved.json, moved_prefix.json) == ({"moved": 1}, {"moved": 2})
    assert decode(usage.data, Du) == Du(prefix="b/", object_count=2, size_bytes=7)
    assert (deleted.status, again.status) == (204, 204)
    assert (batch.status, batch.json) == (200, {"errors": []})
    assert (await ask("GET", "/lake/refs/main/objects/ls")).paths == ["b/2"]


async def test_user_metadata_is_replaced(ask: Asker) -> None:
    await ask(
        "POST", "/lake/branches/main/objects?path=o", data=b"x",
        headers={"x-lakefs-meta-a": "1", "Content-Type": "text/plain"},
    )  # fmt: skip
    route = "/lake/branches/main/objects/stat/user_metadata?path=o"

    answer = await ask("PUT", route, json={"set": {"b": "2"}})

    assert answer.status == 201
    stat = await ask("GET", "/lake/refs/main/objects/stat?path=o")
    assert stat.json["metadata"] == {"b": "2"}
    assert stat.json["content_type"] == "text/plain"


async def test_a_read_only_repository_refuses_writes(ask: Asker) -> None:
    await ask("POST", "", json={"name": "fixed", "read_only": True})

    upload = await ask("POST", "/fixed/branches/main/objects?path=o", data=b"x")

    assert (upload.status, upload.json["code"]) == (403, "read-only-repository")
