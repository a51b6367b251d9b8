"""What is sent again, and what is not; and reads that outlive a broken connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client import (
    AsyncClient,
    NotFoundError,
    RetryPolicy,
    ServerBusyError,
    ServerError,
    ServerUnreachableError,
)
from lakebed.client.wire import Commit, MergeResult, ObjectStats, Ref, encode
from lakebed.client.wire import encode_problem as problem

from support.scripted import Drop, Reply, ScriptedServer, serve_script

COMMIT = Commit(
    id="c",
    parents=[],
    committer="me",
    message="m",
    creation_date=1,
    meta_range_id="t",
    metadata={},
    generation=0,
)
STATS = ObjectStats(
    path="p", path_type="object", physical_address="a", checksum="e", mtime=1
)


class Clock:
    """Keeps the waits instead of waiting."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        self.waits.append(delay_s)


def client_of(script: ScriptedServer, clock: Clock | None = None) -> AsyncClient:
    retries = RetryPolicy(
        attempts_max=3, random=lambda: 1.0, sleep=(clock or Clock()).sleep
    )
    return AsyncClient(
        script.url, access_key_id="id", secret_access_key="hush", retries=retries
    )


def json(data: bytes, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(
        status=status, body=data, headers={"Content-Type": "application/json", **named}
    )


def busy(**headers: str) -> Reply:
    return json(problem("busy, try again", "busy"), 503, **headers)


async def test_a_read_is_sent_again_when_its_answer_is_lost() -> None:
    ref = Ref(id="main", commit_id="c")
    async with (
        serve_script(Drop(), json(encode(ref))) as script,
        client_of(script) as lake,
    ):
        assert await lake.get_branch("r", "main") == ref
        assert len(script.asked) == 2


async def test_a_creation_is_not_sent_again_when_its_answer_is_lost() -> None:
    """It may have worked; sent twice it would say that the name is taken."""
    async with serve_script(Drop()) as script, client_of(script) as lake:
        with pytest.raises(ServerUnreachableError, match="create repository 'r'"):
            await lake.create_repository("r")

        assert len(script.asked) == 1


async def test_branches_and_tags_are_created_under_a_key() -> None:
    """The server does it once then, and gives the same answer."""
    made = json(encode(Ref(id="v1", commit_id="c")), 201)
    async with (
        serve_script(
            Drop(), web.Response(status=201, text="c"), Drop(), made
        ) as script,
        client_of(script) as lake,
    ):
        await lake.create_branch("r", "v1", source="main")
        await lake.create_tag("r", "v1", ref="main")

        keys = [asked.headers["Idempotency-Key"] for asked in script.asked]
        assert keys[0] == keys[1] != keys[2] == keys[3]


async def test_a_commit_is_sent_again_under_the_same_key() -> None:
    async with (
        serve_script(Drop(), json(encode(COMMIT), 201)) as script,
        client_of(script) as lake,
    ):
        assert await lake.commit("r", "main", "m") == COMMIT

        keys = [asked.headers["Idempotency-Key"] for asked in script.asked]
        assert len(keys) == 2
        assert keys[0] == keys[1]


async def test_two_commits_have_two_keys() -> None:
    replies = [json(encode(COMMIT), 201), json(encode(COMMIT), 201)]
    async with serve_script(*replies) as script, client_of(script) as lake:
        await lake.commit("r", "main", "m")
        await lake.commit("r", "main", "m")

        keys = {asked.headers["Idempotency-Key"] for asked in script.asked}
        assert len(keys) == 2


async def test_a_busy_server_is_asked_again_whatever_was_asked() -> None:
    """It says so instead of doing anything."""
    ref = Ref(id="v1", commit_id="c")
    clock = Clock()
    replies = [busy(Retry_After="1.5"), busy(), json(encode(ref), 201)]
    async with serve_script(*replies) as script, client_of(script, clock) as lake:
        assert await lake.create_tag("r", "v1", ref="main") == ref

    assert clock.waits == [1.5, 0.2]


async def test_patience_has_an_end() -> None:
    async with (
        serve_script(busy(), busy(), busy()) as script,
        client_of(script) as lake,
    ):
        with pytest.raises(ServerBusyError, match="busy, try again"):
            await lake.create_tag("r", "v1", ref="main")

        assert len(script.asked) == 3


async def test_a_gateway_that_failed_is_asked_again_for_reads_only() -> None:
    merged = json(encode(MergeResult(reference="c")))
    ref = json(encode(Ref(id="main", commit_id="c")))
    lost = [web.Response(status=502, text="bad gateway") for _ in range(3)]
    async with (
        serve_script(lost[0], ref, lost[1], merged, lost[2]) as script,
        client_of(script) as lake,
    ):
        await lake.get_branch("r", "main")
        await lake.merge("r", "dev", "main")
        with pytest.raises(ServerError, match="502"):
            await lake.create_repository("r")


async def test_a_refused_connection_is_tried_again_then_told() -> None:
    clock = Clock()
    async with serve_script() as script:
        url = script.url
    retries = RetryPolicy(attempts_max=3, random=lambda: 1.0, sleep=clock.sleep)

    async with AsyncClient(url, retries=retries) as lake:
        with pytest.raises(
            ServerUnreachableError, match=f"'{url}': connection refused"
        ):
            await lake.check_health()

    assert clock.waits == [0.1, 0.2]


async def test_a_delete_that_finds_nothing_the_second_time_has_worked() -> None:
    gone = json(problem("ref not found", "ref-not-found"), 404)
    async with serve_script(Drop(), gone) as script, client_of(script) as lake:
        await lake.delete_branch("r", "dev")


async def test_a_delete_that_finds_nothing_the_first_time_says_so() -> None:
    gone = json(problem("ref not found", "ref-not-found"), 404)
    async with serve_script(gone) as script, client_of(script) as lake:
        with pytest.raises(NotFoundError):
            await lake.delete_branch("r", "dev")


@given(attempt=st.integers(1, 60), luck=st.floats(0, 1), asked_s=st.floats(0, 1e9))
def test_no_wait_is_longer_than_the_limit(
    attempt: int, luck: float, asked_s: float
) -> None:
    clock = Clock()
    policy = RetryPolicy(random=lambda: luck, sleep=clock.sleep)

    asyncio.run(policy.wait(attempt, asked_s=asked_s))

    assert 0 <= clock.waits[0] <= policy.delay_s_max


async def test_an_answer_that_is_not_ours_is_an_error_of_the_server() -> None:
    async with (
        serve_script(web.Response(text="<html>hello</html>")) as script,
        client_of(script) as lake,
    ):
        with pytest.raises(ServerError, match="does not answer like a lakebed server"):
            await lake.get_branch("r", "main")


async def test_the_key_travels_as_basic_authentication() -> None:
    async with (
        serve_script(web.Response(status=204)) as script,
        client_of(script) as lake,
    ):
        await lake.check_health()

        assert script.asked[0].headers["Authorization"] == "Basic aWQ6aHVzaA=="


async def test_odd_names_stay_in_their_place() -> None:
    async with (
        serve_script(json(encode(STATS))) as script,
        client_of(script) as lake,
    ):
        await lake.stat_object("r", "main~1/..", "a b/ü?&#+%2F")

        assert script.asked[0].target == (
            "/api/v1/repositories/r/refs/main~1%2F../objects/stat"
            "?path=a%20b/%C3%BC%3F%26%23%2B%252F"
        )


async def test_a_listing_that_does_not_get_ahead_is_an_error() -> None:
    page = b'{"pagination":{"has_more":true,"next_offset":"","results":0,'
    page += b'"max_per_page":1000},"results":[]}'
    async with serve_script(json(page)) as script, client_of(script) as lake:
        with pytest.raises(ServerError, match="but not where"):
            _ = [ref async for ref in lake.iter_branches("r")]


async def test_a_file_is_read_again_for_the_second_try(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_bytes(b"x" * 900_000)
    async with (
        serve_script(Drop(), json(encode(STATS), 201)) as script,
        client_of(script) as lake,
    ):
        await lake.upload_object("r", "main", "p", source)

        assert [len(asked.body) for asked in script.asked] == [900_000] * 2


async def test_a_stream_is_not_sent_again() -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b"once"

    async with serve_script(Drop()) as script, client_of(script) as lake:
        with pytest.raises(ServerUnreachableError):
            await lake.upload_object("r", "main", "p", body())

        assert len(script.asked) == 1


async def test_a_conditional_upload_is_not_sent_again() -> None:
    """The second would find what the first wrote, and say that it was there before."""
    async with serve_script(Drop()) as script, client_of(script) as lake:
        with pytest.raises(ServerUnreachableError):
            await lake.upload_object("r", "main", "p", b"x", if_absent=True)

        assert script.asked[0].headers["If-None-Match"] == "*"


async def test_a_source_that_fails_is_not_taken_for_the_network() -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b"some"
        raise OSError("the disk is gone")

    async with serve_script() as script, client_of(script) as lake:
        with pytest.raises(OSError, match="the disk is gone"):
            await lake.upload_object("r", "main", "p", body())
