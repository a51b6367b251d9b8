"""Conflicts of a merge, however many there are."""

from __future__ import annotations

import pytest
from lakebed.client.wire import bundle

from support.asking import Answer, Asker

COUNT = 1203


async def put_many(ask: Asker, branch: str, content: bytes) -> None:
    rows = [
        bundle.BundleRow(f"p/{n:05}", len(content), bundle.md5_of_content(content))
        for n in range(COUNT)
    ]
    data = bundle.encode_bundle(
        bundle.BundleIndex(rows, [], True), [content] * len(rows)
    )
    headers = {"Content-Type": bundle.MEDIA_TYPE}
    path = f"/lake/branches/{branch}/objects/bundle"
    assert (await ask("POST", path, data=data, headers=headers)).status == 200
    await ask.commit(branch=branch)


@pytest.fixture
async def apart(ask: Asker) -> Asker:
    """Have `dev` and `main` differ at all of `p/`, and agree at `same`."""
    await ask.put("same")
    await ask.commit()
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    await put_many(ask, "dev", b"theirs")
    await put_many(ask, "main", b"ours")
    return ask


async def list_all(ask: Asker, path: str, amount: int) -> list[Answer]:
    pages: list[Answer] = []
    after = ""
    while True:
        page = await ask("GET", f"{path}?amount={amount}&after={after}")
        pages.append(page)
        if not page.json["pagination"]["has_more"]:
            return pages
        after = page.json["pagination"]["next_offset"]


async def test_a_refused_merge_says_where_the_rest_is(apart: Asker) -> None:
    refused = await apart("POST", "/lake/refs/dev/merge/main", json={})

    assert (refused.status, refused.json["conflict_count"]) == (409, COUNT)
    assert len(refused.json["conflicts"]) == 1000
    where = "/api/v1/repositories/lake/refs/dev/merge/main/conflicts"
    assert refused.json["detail"].endswith(f"; GET {where} lists all of them")
    pages = await list_all(apart, "/lake/refs/dev/merge/main/conflicts", 500)
    listed = [item for page in pages for item in page.json["results"]]
    assert [len(page.json["results"]) for page in pages] == [500, 500, 203]
    assert [item["path"] for item in listed] == [f"p/{n:05}" for n in range(COUNT)]
    assert listed[:1000] == refused.json["conflicts"]
    assert {item["base"] for item in listed} == {None}
    assert [listed[0][side]["size_bytes"] for side in ("source", "destination")] == [
        6,
        4,
    ]


async def test_a_refused_merge_that_says_all_says_no_more(ask: Asker) -> None:
    await ask("POST", "/lake/branches", json={"name": "dev", "source": "main"})
    for branch in ("main", "dev"):
        await ask.put("a", branch.encode(), branch=branch)
        await ask.commit(branch=branch)

    refused = await ask("POST", "/lake/refs/dev/merge/main", json={})

    assert refused.status == 409
    assert "conflicts lists" not in refused.json["detail"]


async def test_they_are_listed_below_a_prefix_of_any_refs(apart: Asker) -> None:
    await apart("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    await apart.put("staged")

    below = await apart("GET", "/lake/refs/dev/merge/v1/conflicts?prefix=p/0120")
    same = await apart("GET", "/lake/refs/main/merge/v1/conflicts")
    before = await apart("GET", "/lake/refs/dev/merge/main~1/conflicts")
    none = await apart("GET", "/lake/refs/dev/merge/nosuch/conflicts")

    assert below.paths == ["p/01200", "p/01201", "p/01202"]
    assert (same.paths, before.paths) == ([], [])
    assert (none.status, none.json["code"]) == (404, "ref-not-found")


async def test_what_is_decided_is_no_conflict_any_more(apart: Asker) -> None:
    body = {"strategy": "dest-wins"}

    merged = await apart("POST", "/lake/refs/dev/merge/main", json=body)

    assert merged.status == 200
    listed = await apart("GET", "/lake/refs/dev/merge/main/conflicts")
    assert listed.paths == []
