"""Both clients against a real server: what the command line does not use as well."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from lakebed.client import (
    AsyncClient,
    Client,
    ConflictError,
    InvalidRequestError,
    MergeConflictError,
    NotFoundError,
    PreconditionFailedError,
)
from lakebed.client.blocking.streams import BlockingUpload


@pytest.fixture
def lake(environment: dict[str, str]) -> Iterator[Client]:
    del environment
    with Client() as opened:
        yield opened


def test_the_server_tells_who_we_are_and_is_set_up_once(lake: Client) -> None:
    lake.check_health()

    assert lake.get_current_user().id == "admin"
    assert lake.get_config().version_config.version.count(".") == 2
    with pytest.raises(ConflictError):
        lake.setup("second")


def test_every_kind_of_body_arrives_as_it_is(
    lake: Client, repository: str, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "f").write_bytes(data)
    pieces = (data[at : at + 100_000] for at in range(0, len(data), 100_000))

    bodies: list[BlockingUpload] = [
        data,
        bytearray(data),
        memoryview(data),
        tmp_path / "f",
        io.BytesIO(data),
        pieces,
    ]
    for number, body in enumerate(bodies):
        made = lake.upload_object(repository, "main", f"{number}", body)
        assert made.size_bytes == len(data)
        assert lake.read_object(repository, "main", f"{number}") == data


def test_an_object_is_read_whole_in_part_and_as_a_stream(
    lake: Client, repository: str, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 10_000
    lake.upload_object(repository, "main", "p", data, content_type="x/y")

    with lake.open_object(repository, "main", "p") as stream:
        assert (stream.size_bytes, stream.content_type) == (len(data), "x/y")
        assert b"".join(stream) == data
    assert lake.read_object(repository, "main", "p", start=5, end=9) == data[5:9]
    assert lake.read_object(repository, "main", "p", start=len(data) - 3) == data[-3:]
    with pytest.raises(InvalidRequestError):
        lake.read_object(repository, "main", "p", start=len(data))
    counted: list[int] = []
    assert lake.download_object(
        repository, "main", "p", tmp_path / "f", progress=counted.append
    ) == len(data)
    assert sum(counted) == len(data)
    assert (tmp_path / "f").read_bytes() == data


def test_conditions_hold(lake: Client, repository: str) -> None:
    made = lake.upload_object(
        repository, "main", "p", b"1", if_absent=True, metadata={"k": "v"}
    )

    with pytest.raises(PreconditionFailedError):
        lake.upload_object(repository, "main", "p", b"2", if_absent=True)
    lake.upload_object(repository, "main", "p", b"2", if_match=made.checksum)
    with pytest.raises(PreconditionFailedError):
        lake.upload_object(repository, "main", "p", b"3", if_match=made.checksum)

    assert made.metadata == {"k": "v"}
    assert lake.read_object(repository, "main", "p") == b"2"


def test_a_refused_upload_says_why_and_does_not_send_everything(lake: Client) -> None:
    sent: list[int] = []

    with pytest.raises(NotFoundError, match="nowhere"):
        lake.upload_object(
            "nowhere", "main", "p", bytes(300_000_000), progress=sent.append
        )

    assert sum(sent) < 300_000_000


def test_listings_go_over_many_pages(lake: Client, repository: str) -> None:
    paths = [f"{number:04}" for number in range(1100)]
    lake.upload_object(repository, "main", paths[0], b"x")
    for path in paths[1:]:
        lake.copy_object(repository, "main", path, source_path=paths[0])

    listed = [found.path for found in lake.iter_objects(repository, "main")]
    some = [found.path for found in lake.iter_objects(repository, "main", limit=3)]
    changed = [change.path for change in lake.iter_uncommitted(repository, "main")]
    errors = lake.delete_objects(repository, "main", paths)

    assert listed == changed == paths
    assert some == paths[:3]
    assert errors == []
    assert list(lake.iter_objects(repository, "main")) == []


def test_a_conflict_is_a_value(lake: Client, repository: str) -> None:
    lake.create_branch(repository, "dev", source="main")
    for branch in ("main", "dev"):
        lake.upload_object(repository, branch, "p", branch.encode())
        lake.commit(repository, branch, branch)

    with pytest.raises(MergeConflictError) as caught:
        lake.merge(repository, "dev", "main")
    (conflict,) = caught.value.conflicts
    base = lake.find_merge_base(repository, "dev", "main")
    reference = lake.merge(repository, "dev", "main", resolutions={"p": "source"})

    assert conflict.path == "p"
    assert conflict.base is None
    assert conflict.source is not None
    assert conflict.source.size_bytes == 3
    assert base.base_commit_id == lake.get_commit(repository, "main~2").id
    assert lake.get_branch(repository, "main").commit_id == reference
    assert lake.read_object(repository, "main", "p") == b"dev"


async def test_the_asynchronous_client_takes_an_asynchronous_stream(
    environment: dict[str, str], repository: str
) -> None:
    del environment

    async def pieces() -> AsyncGenerator[bytes]:
        for _ in range(30):
            yield bytes(100_000)

    async with AsyncClient() as lake:
        made = await lake.upload_object(repository, "main", "p", pieces())
        log = [commit.message async for commit in lake.iter_log(repository, "main")]

    assert made.size_bytes == 3_000_000
    assert log == ["Repository created"]
