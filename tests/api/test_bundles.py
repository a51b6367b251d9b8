"""Many small objects in one request: what comes in is what single uploads would have made."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import ClientPayloadError, encode_basic_auth
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client import AsyncClient, ServerError
from lakebed.client.wire import WireError, bundle
from lakebed.server.ids import Kind
from lakebed.server.repository.gathering import LIST_ENTRIES, iter_prefix
from lakebed.server.repository.objects import stat_object

from support.api import ADMIN, Served
from support.asking import Asker
from support.bundles import (
    HEAD,
    MEDIA_TYPE,
    make_bundle,
    read_bundles,
    read_many,
    row,
    send_bundle,
)

OBJECTS = {"a": b"alpha", "b/c.csv": b"1,2\n" * 999, "empty": b"", "é/ü": b"\0\xff"}


async def test_a_bundle_comes_in_and_goes_out(ask: Asker) -> None:
    answer = await send_bundle(ask, make_bundle(OBJECTS))

    assert answer.status == 200
    assert answer.json == {"staged": len(OBJECTS), "kept": []}
    assert await read_many(ask, prefix="") == (OBJECTS, [])
    assert await read_many(ask, paths=["empty", "nosuch", "a"]) == (
        {"empty": b"", "a": b"alpha"},
        ["nosuch"],
    )


async def test_an_object_of_a_bundle_is_that_of_an_upload_by_itself(
    ask: Asker,
) -> None:
    for path, data in OBJECTS.items():
        await ask.put(f"alone/{quote(path)}", data)
    await send_bundle(
        ask, make_bundle({f"lots/{path}": data for path, data in OBJECTS.items()})
    )

    for path, data in OBJECTS.items():
        alone, lots = [
            (
                await ask(
                    "GET", f"/lake/refs/main/objects/stat?path={where}/{quote(path)}"
                )
            ).json
            for where in ("alone", "lots")
        ]
        assert lots["checksum"] == hashlib.md5(data).hexdigest()
        for each in (alone, lots):
            del each["mtime"], each["path"]
        # The physical address follows from the blob id.
        assert alone == lots


async def test_types_and_metadata_come_and_go(ask: Asker) -> None:
    rows = [
        row("a.csv", b"1", "text/csv", {"Owner": "ann", "note": "ü"}),
        row("b", b"2", "application/octet-stream"),
    ]
    await send_bundle(ask, make_bundle(rows=rows, contents=b"12"))

    stat = (await ask("GET", "/lake/refs/main/objects/stat?path=a.csv")).json
    answer = await ask("POST", "/lake/refs/main/objects/bundle", json={"prefix": "a"})
    index = msgspec.msgpack.decode(answer.data[HEAD.size :].partition(b"1LBBU")[0])

    assert stat["content_type"] == "text/csv"
    assert stat["metadata"] == {"owner": "ann", "note": "ü"}
    assert index[0][0][3:] == ["text/csv", {"owner": "ann", "note": "ü"}]


MD5 = hashlib.md5(b"x").digest()
WRONG: list[tuple[str, bytes, str]] = [
    ("no bytes", b"", "cut off in its head"),
    ("no bundle", b"LBPK" + bytes(8), "not a bundle"),
    ("a later version", HEAD.pack(b"LBBU", 2, 0), "not a bundle of version 1"),
    ("an index beyond all", HEAD.pack(b"LBBU", 1, 2**32 - 1), "index of the bundle"),
    ("an index that is cut off", HEAD.pack(b"LBBU", 1, 99) + b"\x93", "not decode"),
    ("an index that is a number", make_bundle(index=1), "not decode"),
    ("a deep index", HEAD.pack(b"LBBU", 1, 99_999) + b"\x91" * 99_999, "not decode"),
    ("no rows", make_bundle({}), "has rows"),
    ("an unknown field", make_bundle(index=[[], [], True, 1]), "not decode"),
    ("missing paths", make_bundle(index=[[row("a", b"x")], ["b"]], contents=b"x"), "nothing else"),
    ("more to come", make_bundle(index=[[row("a", b"x")], [], False], contents=b"x"), "nothing else"),
    ("a row that is cut off", make_bundle(rows=[["a", 1]], contents=b"x"), "not decode"),
    ("a size that is text", make_bundle(rows=[["a", "1", MD5]], contents=b"x"), "not decode"),
    ("a size below zero", make_bundle(rows=[["a", -1, MD5]]), "do not fit"),
    ("a path of bytes", make_bundle(rows=[[b"a", 1, MD5]], contents=b"x"), "not decode"),
    ("no digest", make_bundle(rows=[["a", 1, b""]], contents=b"x"), "do not fit"),
    ("half a digest", make_bundle(rows=[["a", 1, MD5[:8]]], contents=b"x"), "do not fit"),
    ("another digest", make_bundle(rows=[["wrong.bin", 1, MD5]], contents=b"y"), "'wrong.bin' have the MD5"),
    ("contents too short", make_bundle({"a": b"xx"}, contents=b"x"), "its index says 2"),
    ("contents too long", make_bundle({"a": b"xx"}, contents=b"xxx"), "its index says 2"),
    ("a path twice", make_bundle(rows=[row("twice", b"x"), row("twice", b"y")], contents=b"xy"), "'twice' comes twice"),
    ("an empty path", make_bundle({"": b"x"}), "rows[0]: path is empty"),
    ("a long path", make_bundle({"ok": b"", "p" * 1025: b"x"}), "rows[1]: path is 1025 bytes"),
    ("a NUL in a path", make_bundle({"a\0b": b"x"}), "NUL"),
    ("a large object", make_bundle(rows=[["large", 2**20, b""]]), "'large' is 1048576 bytes long"),
    ("a huge size", make_bundle(rows=[["large", 2**63, b""]]), "'large' is"),
    ("too many", make_bundle({str(n): b"" for n in range(2049)}), "at most 2048 objects"),
    ("a line break in a type", make_bundle(rows=[row("a", b"x", "a\r\nb")], contents=b"x"), "rows[0].content_type"),
    ("a name that is no header", make_bundle(rows=[row("a", b"x", "", {"a b": "c"})], contents=b"x"), "metadata name 'a b'"),
    ("a name twice", make_bundle(rows=[row("a", b"x", "", {"k": "c", "K": "d"})], contents=b"x"), "metadata name 'K'"),
    ("a long value", make_bundle(rows=[row("a", b"x", "", {"k": "v" * 2049})], contents=b"x"), "rows[0].metadata.k"),
    ("much metadata", make_bundle(rows=[row("a", b"x", "", {str(n): "v" * 2000 for n in range(5)})], contents=b"x"), "at most 8192 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "data", "words"), WRONG, ids=[w for w, _, _ in WRONG])
async def test_what_is_wrong_is_refused_by_name_and_nothing_of_it_stays(
    ask: Asker, what: str, data: bytes, words: str
) -> None:
    del what
    answer = await send_bundle(ask, data)

    assert answer.status == 400, answer
    assert words in answer.json["message"]
    assert (await ask("GET", "/lake/refs/main/objects/ls")).paths == []


async def test_a_body_of_another_type_or_beyond_the_limit_is_refused(
    ask: Asker,
) -> None:
    route = "/lake/branches/main/objects/bundle"
    data = make_bundle({"a": b"x"})

    as_bytes = await ask("POST", route, data=data)
    too_long = await send_bundle(ask, data + bytes(bundle.BUNDLE_BYTES_MAX))

    assert as_bytes.status == 415
    assert MEDIA_TYPE in as_bytes.json["message"]
    assert too_long.status == 413


async def test_a_bundle_goes_to_a_branch_that_may_be_written_to(ask: Asker) -> None:
    data = make_bundle({"a": b"x"})
    await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    await ask("POST", "", json={"name": "frozen", "read_only": True})

    statuses = {
        branch: (await send_bundle(ask, data, branch=branch)).status
        for branch in ("v1", "nosuch", "main@")
    }
    frozen = await ask(
        "POST",
        "/frozen/branches/main/objects/bundle",
        data=data,
        headers={"Content-Type": MEDIA_TYPE},
    )

    assert statuses == {"v1": 400, "nosuch": 404, "main@": 400}
    assert frozen.status == 403


async def test_what_is_there_is_kept_if_asked(ask: Asker) -> None:
    await ask.put("committed", b"old")
    await ask.put("deleted", b"old")
    await ask.commit()
    await ask.put("staged", b"old")
    await ask("DELETE", "/lake/branches/main/objects?path=deleted")
    objects = dict.fromkeys(["committed", "deleted", "fresh", "staged"], b"new")

    answer = await send_bundle(ask, make_bundle(objects), query="?if_absent=true")

    assert answer.json == {"staged": 2, "kept": ["committed", "staged"]}
    assert (await read_many(ask, prefix=""))[0] == {
        "committed": b"old",
        "deleted": b"new",
        "fresh": b"new",
        "staged": b"old",
    }


async def test_of_many_who_want_the_same_paths_one_gets_each(ask: Asker) -> None:
    """P4, with commits in between that move the head under the conditions."""
    paths = [f"p{number}" for number in range(40)]
    bundles = [
        make_bundle(dict.fromkeys(paths[start : start + 20], b"%d" % start))
        for start in range(0, 21, 5)
    ]

    answers = await asyncio.gather(
        *(send_bundle(ask, data, query="?if_absent=true") for data in bundles),
        *(
            ask(
                "POST",
                "/lake/branches/main/commits",
                json={"message": "m", "allow_empty": True},
            )
            for _ in range(5)
        ),
    )

    assert [answer.status for answer in answers[:5]] == [200] * 5
    staged = sum(answer.json["staged"] for answer in answers[:5])
    assert staged == len(paths)


async def test_two_who_write_the_same_paths_leave_the_bytes_of_one_of_them(
    ask: Asker,
) -> None:
    paths = [f"p{number}" for number in range(50)]
    values = [b"%d" % number * 100 for number in range(8)]

    await asyncio.gather(
        *(send_bundle(ask, make_bundle(dict.fromkeys(paths, data))) for data in values)
    )

    objects, _ = await read_many(ask, prefix="")
    assert set(objects) == set(paths)
    # One transaction each: never some of the one and some of the other.
    assert len(set(objects.values())) == 1


async def test_equal_contents_are_stored_once(ask: Asker, server: Served) -> None:
    await send_bundle(ask, make_bundle({str(n): b"same" * 99 for n in range(100)}))
    await send_bundle(ask, make_bundle({f"b{n}": b"same" * 99 for n in range(100)}))
    await ask.commit()

    du = (await ask("GET", "/lake/refs/main/du")).json

    assert du["object_count"] == 200
    found = await server.engine.metadata.find(
        Kind.CHUNK, [(await _entry(server, "0")), (await _entry(server, "b7"))]
    )
    assert len(found) == 1


async def _entry(server: Served, path: str) -> bytes:
    located = await stat_object(server.engine, "lake", "main", path.encode())
    return located.entry.blob_id


async def test_a_reading_is_of_one_commit_whatever_happens_meanwhile(
    ask: Asker, server: Served
) -> None:
    names = [f"{n:05}" for n in range(2 * LIST_ENTRIES + 1)]
    for start in range(0, len(names), LIST_ENTRIES):
        some = names[start : start + LIST_ENTRIES]
        await send_bundle(ask, make_bundle({name: name.encode() for name in some}))
    commit = await ask.commit()
    seen: list[bytes] = []

    async for found in iter_prefix(server.engine, "lake", "main", b"", b""):
        assert found.commit_id is not None
        assert found.commit_id.hex() == commit
        seen += [entry.path for entry in found.entries]
        # While the first page is on its way to a slow client.
        new = b"%d" % len(seen)
        await send_bundle(ask, make_bundle({names[-1]: new, "z": new}))
        await ask("DELETE", f"/lake/branches/main/objects?path={names[-2]}")
        await ask.commit()

    assert seen == [name.encode() for name in names]


async def test_the_answer_says_which_commit_it_is_of(ask: Asker) -> None:
    await ask.put("a")
    commit = await ask.commit()
    route = "/lake/refs/main/objects/bundle"

    wishes: list[dict[str, Any]] = [{"prefix": ""}, {"paths": ["a"]}]
    clean = [await ask("POST", route, json=wish) for wish in wishes]
    await ask.put("b")
    dirty = [await ask("POST", route, json=wish) for wish in wishes]

    assert [answer.headers["X-Lakebed-Commit"] for answer in clean] == [commit] * 2
    assert all("X-Lakebed-Commit" not in answer.headers for answer in dirty)


async def test_a_reader_sees_a_bundle_whole_or_not_at_all(ask: Asker) -> None:
    paths = [f"p{number}" for number in range(60)]
    is_over = False

    async def write() -> None:
        nonlocal is_over
        for number in range(60):
            await send_bundle(ask, make_bundle(dict.fromkeys(paths, b"%d" % number)))
        is_over = True

    async def read() -> int:
        count = 0
        while not is_over:
            objects, _ = await read_many(ask, paths=paths)
            assert len(set(objects.values())) <= 1, "part of a bundle"
            count += 1
        return count

    _, *counts = await asyncio.gather(write(), read(), read())

    assert min(counts) > 1


async def test_uncommitted_changes_are_read_where_they_show(ask: Asker) -> None:
    await send_bundle(ask, make_bundle({"a": b"1", "b": b"1", "c": b"1"}))
    await ask.commit()
    await send_bundle(ask, make_bundle({"b": b"2", "d": b"2"}))
    await ask("DELETE", "/lake/branches/main/objects?path=c")
    paths = ["a", "b", "c", "d"]

    merged = {"a": b"1", "b": b"2", "d": b"2"}
    assert await read_many(ask, "main", paths=paths) == (merged, ["c"])
    assert await read_many(ask, "main", prefix="") == (merged, [])
    committed = {"a": b"1", "b": b"1", "c": b"1"}
    assert await read_many(ask, "main@", paths=paths) == (committed, ["d"])
    assert await read_many(ask, "main@", prefix="") == (committed, [])
    staged = {"b": b"2", "d": b"2"}
    assert await read_many(ask, "main$", paths=paths) == (staged, ["a", "c"])
    assert await read_many(ask, "main$", prefix="") == (staged, [])


async def test_large_objects_are_named_and_read_by_themselves(ask: Asker) -> None:
    large = bytes(2**20)
    await ask.put("large", large)
    await ask.put("nearly", large[:-1])
    await ask.put("small", b"x")

    assert (await read_many(ask, prefix=""))[0] == {
        "large": None,
        "nearly": large[:-1],
        "small": b"x",
    }
    assert (await read_many(ask, paths=["large"]))[0] == {"large": None}


async def test_an_answer_comes_in_bundles_that_a_client_can_hold(ask: Asker) -> None:
    objects = {f"{n:03}": bytes([n]) * (n * 4001) for n in range(200)}
    for start in range(0, 200, 10):
        some = dict(list(objects.items())[start : start + 5])
        await send_bundle(ask, make_bundle(some))
        some = dict(list(objects.items())[start + 5 : start + 10])
        await send_bundle(ask, make_bundle(some))
    answer = await ask("POST", "/lake/refs/main/objects/bundle", json={"prefix": ""})

    assert read_bundles(answer.data) == (objects, [])
    assert max(_sizes(answer.data)) <= 2**20


def _sizes(data: bytes) -> list[int]:
    """Return the bytes of the contents of each bundle."""
    sizes: list[int] = []
    at = 0
    while at < len(data):
        index_bytes = HEAD.unpack_from(data, at)[2]
        at += HEAD.size
        index = bundle.decode_index(data[at : at + index_bytes])
        sizes.append(sum(row.content_bytes for row in index.rows))
        at += index_bytes + sizes[-1]
    return sizes


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, "give one of"),
        ({"paths": ["a"], "prefix": ""}, "give one of"),
        ({"paths": [""]}, "path is empty"),
        ({"paths": ["p" * 1025]}, "1025 bytes"),
        ({"paths": ["a"] * 1025}, "at most 1024"),
        ({"paths": "a"}, "'paths'"),
        ({"prefix": "p" * 1025}, "1025 bytes"),
        ({"prefix": "", "nosuch": 1}, "'nosuch'"),
    ],
)
async def test_a_wish_that_cannot_be_right_is_refused(
    ask: Asker, wish: dict[str, Any], words: str
) -> None:
    answer = await ask("POST", "/lake/refs/main/objects/bundle", json=wish)

    assert answer.status == 400
    assert words in answer.json["message"]


async def test_a_reading_of_nothing_or_nowhere_says_so(ask: Asker) -> None:
    assert await read_many(ask, prefix="nosuch/") == ({}, [])
    assert await read_many(ask, paths=[]) == ({}, [])
    answer = await ask("POST", "/lake/refs/nosuch/objects/bundle", json={"prefix": ""})
    assert answer.status == 404


def links(*pairs: tuple[str, str], **more: Any) -> dict[str, Any]:
    rows = [{"src_path": source, "dst_path": path} for source, path in pairs]
    return {"links": rows, **more}


async def test_links_copy_many_objects_of_another_ref_with_all_that_is_said_of_them(
    ask: Asker,
) -> None:
    rows = [row("a", b"1", "text/csv", {"owner": "ann"}), row("b", b"2")]
    await send_bundle(ask, make_bundle(rows=rows, contents=b"12"))
    await ask.put("large", bytes(2**20))
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await ask.commit()

    body = links(("a", "x"), ("a", "y"), ("b", "a"), ("large", "l"), src_ref="main")
    answer = await ask("POST", "/lake/branches/dev/objects/link", json=body)

    assert answer.json == {"staged": 4, "kept": []}
    found = {
        item["path"]: item
        for item in (await ask("GET", "/lake/refs/dev/objects/ls")).json["results"]
    }
    assert set(found) == {"a", "l", "x", "y"}
    assert found["x"]["content_type"] == found["y"]["content_type"] == "text/csv"
    assert found["x"]["metadata"] == {"owner": "ann"}
    assert (await read_many(ask, "dev", paths=["a", "x"]))[0] == {"a": b"2", "x": b"1"}
    large = await ask("GET", "/lake/refs/dev/objects?path=l")
    assert large.data == bytes(2**20)


async def test_links_on_one_branch_read_all_before_they_write(ask: Asker) -> None:
    await send_bundle(ask, make_bundle({"a": b"1", "b": b"2"}))

    body = links(("a", "b"), ("b", "a"))
    await ask("POST", "/lake/branches/main/objects/link", json=body)

    assert (await read_many(ask, prefix=""))[0] == {"a": b"2", "b": b"1"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (links(("a", "x"), ("nosuch", "y")), 404, "nosuch"),
        (links(("a", "x"), ("a", "x")), 400, "'x' comes twice"),
        (links(("a", "")), 400, "path is empty"),
        (links(("a", "p" * 1025)), 400, "1025 bytes"),
        (links(), 400, "1 to 2048"),
        (links(*[("a", str(n)) for n in range(2049)]), 400, "1 to 2048"),
        (links(("a", "x"), src_ref="nosuch"), 404, "nosuch"),
        ({"links": [{"src_path": "a"}]}, 400, "dst_path"),
        ({"links": [{"src_path": "a", "dst_path": "x", "n": 1}]}, 400, "'links[0].n'"),
    ],
)
async def test_links_that_cannot_be_are_refused_whole(
    ask: Asker, body: dict[str, Any], status: int, words: str
) -> None:
    await ask.put("a", b"1")

    answer = await ask("POST", "/lake/branches/main/objects/link", json=body)

    assert answer.status == status, answer
    assert words in answer.json.get("detail", answer.json["message"])
    assert (await ask("GET", "/lake/refs/main/objects/ls")).paths == ["a"]


async def test_links_keep_what_is_there_if_asked(ask: Asker) -> None:
    await send_bundle(ask, make_bundle({"a": b"1", "b": b"2"}))

    body = links(("a", "b"), ("a", "c"), if_absent=True)
    answer = await ask("POST", "/lake/branches/main/objects/link", json=body)

    assert answer.json == {"staged": 1, "kept": ["b"]}
    assert (await read_many(ask, paths=["b", "c"]))[0] == {"b": b"2", "c": b"1"}


async def test_damage_is_an_error_and_never_an_object(
    ask: Asker, server: Served, directory: Path
) -> None:
    objects = {f"{n:04}": os.urandom(9000) for n in range(400)}
    names = sorted(objects)
    for start in range(0, 400, 200):
        some = {name: objects[name] for name in names[start : start + 200]}
        await send_bundle(ask, make_bundle(some))
    damaged = objects[names[-1]]
    for pack in directory.rglob("*.pack"):  # noqa: ASYNC240
        data = pack.read_bytes()
        if (at := data.find(damaged)) >= 0:
            pack.write_bytes(data[:at] + b"?" + data[at + 1 :])

    url = "/api/v1/repositories/lake/refs/main/objects/bundle"
    with pytest.raises(ClientPayloadError):
        async with ask.session.post(url, json={"prefix": ""}) as response:
            await response.read()
    by_itself = await ask(
        "POST", "/lake/refs/main/objects/bundle", json={"paths": [names[-1]]}
    )
    async with AsyncClient(
        server.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
    ) as lake:
        seen: dict[str, bytes | None] = {}

        async def read_all() -> None:
            async for each in lake.read_objects("lake", "main", paths=names):
                seen[each.path] = each.data

        with pytest.raises(ServerError, match="cannot read"):
            await read_all()

    assert by_itself.status == 500
    # All that came before the damage came, in spite of it.
    assert seen.items() <= objects.items()
    assert len(seen) > 200
    assert names[-1] not in seen


@pytest.mark.parametrize("sent", [0.0, 0.5, 0.99])
async def test_half_a_bundle_is_nothing(
    ask: Asker, server: Served, sent: float
) -> None:
    data = make_bundle({f"{n}": bytes(1000) for n in range(500)})
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        "POST /api/v1/repositories/lake/branches/main/objects/bundle HTTP/1.1\r\n"
        f"Host: {host}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(data)}\r\n"
        f"Authorization: {encode_basic_auth(ADMIN.id, ADMIN.secret)}\r\n\r\n"
    )
    writer.write(head.encode() + data[: int(len(data) * sent)])
    await writer.drain()
    writer.write_eof()

    answer = await reader.read()
    writer.close()

    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert (await ask("GET", "/lake/refs/main/objects/ls")).paths == []


@given(data=st.binary(max_size=200))
def test_noise_is_a_bundle_or_an_error_of_ours(data: bytes) -> None:
    for tail in (data, struct.pack("<4sB3xI", b"LBBU", 1, len(data)) + data):
        try:
            end = bundle.HEAD_BYTES + bundle.decode_head(tail)
            index = bundle.decode_index(tail[bundle.HEAD_BYTES : end])
            list(bundle.split_contents(index, memoryview(tail)[end:]))
        except WireError:
            pass
