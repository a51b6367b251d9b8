"""Uploads over several servers on one directory, which may be killed at any moment."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.s3server import ServerProcess, run_server

MIB = 1024 * 1024
WORKER_BYTES_MAX = 256 * MIB
LIMITS = ("--limit", "part_bytes_min=1")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes") / "lake"


@pytest.fixture(scope="module")
def one(lake: Path) -> Iterator[ServerProcess]:
    with run_server(lake, *LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def other(lake: Path, one: ServerProcess) -> Iterator[ServerProcess]:
    with run_server(lake, *LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def repository(one: ServerProcess) -> str:
    return one.create_repository("parts")


def random_bytes(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def begin(s3: Any, repository: str, key: str) -> dict[str, str]:
    target = {"Bucket": repository, "Key": key}
    return {
        **target,
        "UploadId": s3.create_multipart_upload(**target)["UploadId"],
    }


def put(s3: Any, target: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    etag = s3.upload_part(**target, PartNumber=number, Body=body)["ETag"]
    return {"PartNumber": number, "ETag": etag}


def complete(
    s3: Any, target: dict[str, str], parts: list[dict[str, Any]], **given: Any
) -> dict[str, Any]:
    listed = {"Parts": sorted(parts, key=lambda part: part["PartNumber"])}
    done: dict[str, Any] = s3.complete_multipart_upload(
        **target, MultipartUpload=listed, **given
    )
    return done


def test_parts_come_to_two_servers_and_either_completes(
    one: ServerProcess, other: ServerProcess, repository: str
) -> None:
    servers = [one.s3(), other.s3()]
    target = begin(servers[0], repository, "main/shared")
    bodies = {number: random_bytes(MIB + number, number) for number in range(1, 9)}

    def send(number: int) -> dict[str, Any]:
        return put(servers[number % 2], target, number, bodies[number])

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(send, sorted(bodies, reverse=True)))
    first = complete(servers[1], target, parts)
    again = complete(servers[0], target, parts)

    assert first["ETag"] == again["ETag"]
    whole = b"".join(bodies[number] for number in sorted(bodies))
    for s3 in servers:
        got = s3.get_object(Bucket=repository, Key="main/shared")["Body"].read()
        assert got == whole


def test_of_many_completions_on_two_servers_one_wins(
    one: ServerProcess, other: ServerProcess, repository: str
) -> None:
    servers = [one.s3(), other.s3()]
    uploads = [
        (begin(servers[0], repository, "main/race"), b"%d" % number)
        for number in range(8)
    ]
    parts = [put(servers[0], target, 1, body) for target, body in uploads]
    start = threading.Barrier(len(uploads))

    def race(number: int) -> int:
        start.wait()
        try:
            complete(
                servers[number % 2],
                uploads[number][0],
                [parts[number]],
                IfNoneMatch="*",
            )
        except ClientError as error:
            response: Any = error.response
            return int(response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    with ThreadPoolExecutor(len(uploads)) as pool:
        statuses = list(pool.map(race, range(len(uploads))))

    assert sorted(statuses) == [200] + [412] * 7
    got = servers[0].get_object(Bucket=repository, Key="main/race")["Body"].read()
    assert got == uploads[statuses.index(200)][1]


def test_the_same_completion_sent_many_times_at_once_always_succeeds(
    one: ServerProcess, other: ServerProcess, repository: str
) -> None:
    servers = [one.s3(), other.s3()]
    target = begin(servers[0], repository, "main/same")
    parts = [
        put(servers[0], target, number, random_bytes(MIB, number))
        for number in (1, 2, 3)
    ]

    with ThreadPoolExecutor(6) as pool:
        done = [
            pool.submit(complete, servers[number % 2], target, parts)
            for number in range(6)
        ]
        etags = {each.result()["ETag"] for each in done}

    assert len(etags) == 1


def test_a_server_that_is_killed_between_parts_loses_none(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    bodies = [random_bytes(2 * MIB, seed) for seed in range(3)]
    with run_server(lake, *LIMITS) as server:
        repository = server.create_repository("parts")
        target = begin(server.s3(), repository, "main/x")
        parts = [put(server.s3(), target, 1, bodies[0])]
        parts.append(put(server.s3(), target, 2, bodies[1]))
        server.kill()
    with run_server(lake, *LIMITS) as server:
        s3 = server.s3()
        listed = s3.list_parts(**target)["Parts"]
        assert [part["ETag"] for part in listed] == [part["ETag"] for part in parts]
        parts.append(put(s3, target, 3, bodies[2]))
        done = complete(s3, target, parts)
        server.kill()
    with run_server(lake, *LIMITS) as server:
        s3 = server.s3()
        assert complete(s3, target, parts)["ETag"] == done["ETag"]
        got = s3.get_object(Bucket=repository, Key="main/x")["Body"].read()
        assert got == b"".join(bodies)


def test_a_large_object_in_parts_takes_little_memory(
    one: ServerProcess, repository: str
) -> None:
    """256 MiB in 32 parts, two at a time."""
    s3 = one.s3()
    target = begin(s3, repository, "main/large")
    body = random_bytes(8 * MIB, 5)
    unsigned = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}

    def body_of(number: int) -> bytes:
        return body[number:] + body[:number]

    def send(number: int) -> dict[str, Any]:
        answer = one.send(
            "PUT",
            f"/{repository}/main/large?partNumber={number}&uploadId={target['UploadId']}",
            unsigned,
            body_of(number),
        )
        assert answer.status == 200, answer.body
        return {"PartNumber": number, "ETag": answer.headers["etag"]}

    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(send, range(1, 33)))
    complete(s3, target, parts)

    got = s3.get_object(Bucket=repository, Key="main/large")["Body"]
    sums = hashlib.sha256(), hashlib.sha256()
    for number in range(1, 33):
        sums[0].update(body_of(number))
        sums[1].update(got.read(8 * MIB))
    assert sums[0].digest() == sums[1].digest()
    assert one.peak_bytes() <= WORKER_BYTES_MAX
