"""Of many writers with one condition, on two servers of one lake, exactly one wins."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.s3server import ServerProcess, run_server

RACERS = 8
ROUNDS = 6


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    lake = tmp_path_factory.mktemp("races") / "lake"
    with run_server(lake) as one, run_server(lake) as two:
        one.create_repository("shared")
        yield [one, two]


def race(
    servers: list[ServerProcess], run: Callable[[Any, int], object]
) -> Counter[str]:
    """Let all racers start at one moment; return how often each outcome came."""
    clients = [servers[number % 2].s3() for number in range(RACERS)]
    start = threading.Barrier(RACERS)

    def attempt(number: int) -> str:
        start.wait(30)
        try:
            run(clients[number], number)
        except ClientError as caught:
            error: Any = caught.response
            return str(error["Error"]["Code"])
        return "won"

    with ThreadPoolExecutor(RACERS) as pool:
        return Counter(pool.map(attempt, range(RACERS)))


LOST = {"PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"}


def check_one_won(outcomes: Counter[str]) -> None:
    assert outcomes["won"] == 1, outcomes
    assert outcomes.keys() <= LOST | {"won"}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_creates(servers: list[ServerProcess], number: int) -> None:
    key = {"Bucket": "shared", "Key": f"main/created-{number}"}
    outcomes = race(
        servers,
        lambda s3, racer: s3.put_object(**key, Body=b"%d" % racer, IfNoneMatch="*"),
    )

    check_one_won(outcomes)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_updates(servers: list[ServerProcess], number: int) -> None:
    key = {"Bucket": "shared", "Key": f"main/updated-{number}"}
    etag = servers[0].s3().put_object(**key, Body=b"old")["ETag"]
    if number % 2:
        servers[0].commit("shared")

    outcomes = race(
        servers,
        lambda s3, racer: s3.put_object(**key, Body=b"%d" % racer, IfMatch=etag),
    )

    check_one_won(outcomes)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_copies(servers: list[ServerProcess], number: int) -> None:
    s3 = servers[0].s3()
    for racer in range(RACERS):
        key = {"Bucket": "shared", "Key": f"main/source-{racer}"}
        s3.put_object(**key, Body=b"%d" % racer)

    outcomes = race(
        servers,
        lambda s3, racer: s3.copy_object(
            Bucket="shared",
            Key=f"main/copied-{number}",
            CopySource=f"shared/main/source-{racer}",
            IfNoneMatch="*",
        ),
    )

    check_one_won(outcomes)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_deletes(servers: list[ServerProcess], number: int) -> None:
    key = {"Bucket": "shared", "Key": f"main/deleted-{number}"}
    etag = servers[0].s3().put_object(**key, Body=b"old")["ETag"]
    if number % 2:
        servers[0].commit("shared")
    listed = {"Objects": [{"Key": key["Key"], "ETag": etag}]}

    def delete(s3: Any, racer: int) -> None:
        if racer % 4 < 2:
            s3.delete_object(**key, IfMatch=etag)
            return
        done = s3.delete_objects(Bucket="shared", Delete=listed)
        for error in done.get("Errors", []):
            raise ClientError({"Error": error}, "DeleteObjects")

    check_one_won(race(servers, delete))
