"""A server that is killed in the middle of bundles: what it acknowledged is there (P1, P2)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lakebed.client import (
    NO_RETRIES,
    Client,
    ClientError,
    ObjectUpload,
)

from support.s3server import ADMIN, run_server

ACKED_BEFORE_THE_KILL = 12
WRITERS = 4
OBJECTS = 100


def body_of(path: str) -> bytes:
    return path.encode() * 50


def test_every_acknowledged_bundle_is_whole_and_no_other_is_torn(
    tmp_path: Path,
) -> None:
    acked: list[int] = []
    enough = threading.Event()
    numbers = iter(range(10**6))

    def open_client(url: str) -> Client:
        return Client(
            url,
            access_key_id=ADMIN.id,
            secret_access_key=ADMIN.secret,
            retries=NO_RETRIES,
        )

    def write(url: str) -> None:
        with open_client(url) as lake:
            while True:
                number = next(numbers)
                paths = [f"{number:06}/{each}" for each in range(OBJECTS)]
                try:
                    lake.upload_objects(
                        "lake", "main", [ObjectUpload(p, body_of(p)) for p in paths]
                    )
                except ClientError:
                    return
                acked.append(number)
                if len(acked) >= ACKED_BEFORE_THE_KILL:
                    enough.set()

    with run_server(tmp_path / "lake") as server:
        with open_client(server.url) as lake:
            lake.create_repository("lake")
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, server.url) for _ in range(WRITERS)]
            assert enough.wait(60)
            server.process.kill()
            server.process.wait()
            for writer in writers:
                writer.result(60)

    with run_server(tmp_path / "lake") as server, open_client(server.url) as lake:
        found: dict[int, int] = {}
        for each in lake.read_objects("lake", "main"):
            assert each.data == body_of(each.path)
            number = int(each.path.partition("/")[0])
            found[number] = found.get(number, 0) + 1

    assert len(acked) >= ACKED_BEFORE_THE_KILL
    assert not set(acked) - set(found), "acknowledged and lost"
    assert set(found.values()) == {OBJECTS}, "a bundle is torn"
