"""Models of real runs: trained, registered, judged, and read as a run reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from lakebed.client import Client, ConflictError
from lakebed.server.auth.secrets import AccessKey

from support.s3server import ADMIN, ServerProcess, run_server

LAKE = "lake"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ServerProcess]:
    with run_server(tmp_path / "lake") as server:
        server.create_repository(LAKE)
        yield server


@pytest.fixture
def client(running: ServerProcess) -> Iterator[Client]:
    with Client(
        running.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret
    ) as opened:
        yield opened


def begin(server: ServerProcess, **wish: Any) -> tuple[str, Any]:
    """Begin a run; return its id and an S3 client with its key."""
    body = server.rest("POST", f"/repositories/{LAKE}/runs", wish)
    key = AccessKey(body["access_key_id"], body["secret_access_key"])
    return str(body["run"]["id"]), server.s3(key)


def end(server: ServerProcess, run: str, status: str = "succeeded") -> Any:
    route = f"/repositories/{LAKE}/runs/{run}/end"
    return server.rest("POST", route, {"status": status})


def train(server: ServerProcess, weights: bytes, **wish: Any) -> str:
    run, s3 = begin(server, **wish)
    s3.put_object(Bucket=LAKE, Key="main/model/weights.bin", Body=weights)
    s3.put_object(Bucket=LAKE, Key="main/model/conf/a.json", Body=b"{}")
    assert end(server, run)["status"] == "succeeded"
    return run


DECLARED = {
    "outputs": [{"repository": LAKE, "branch": "main", "path": "model/"}],
}


def test_what_a_run_wrote_is_registered(running: ServerProcess, client: Client) -> None:
    declared = train(running, b"1", **DECLARED)
    observed = train(running, b"2")

    first = client.register_model("fraud", declared)
    second = client.register_model("fraud", observed, path="model")

    assert (first.path, first.kind, first.files) == ("model/", "prefix", 2)
    assert (second.path, second.kind, second.files) == ("model/", "prefix", 2)
    for number, weights in ((1, b"1"), (2, b"2")):
        with client.open_object("models", f"fraud@{number}", "weights.bin") as stream:
            assert stream.read() == weights
    record = running.rest("GET", f"/runs/{declared}")
    assert first.record == record["record"]
    assert first.grade == record["grade"]


def test_a_run_that_reads_an_alias_is_a_check_of_the_version_it_was_at(
    running: ServerProcess, client: Client
) -> None:
    for weights in (b"1", b"2"):
        client.register_model("fraud", train(running, weights, **DECLARED))
    client.promote_model("fraud", 1, "staging")
    run, s3 = begin(running)
    client.promote_model("fraud", 2, "staging")

    body = s3.get_object(Bucket="models", Key="fraud@staging/weights.bin")[
        "Body"
    ].read()
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="models", Key="fraud@staging/weights.bin", Body=b"x")
    end(running, run)

    assert body == b"1", "the alias is read where it was when the run began"
    check = client.check_model("fraud", 1, "bias", run[:12])
    assert (check.has_passed, check.run) == (True, run)
    with pytest.raises(ConflictError, match="did not read its files"):
        client.check_model("fraud", 2, "bias", run)


def test_what_a_version_or_a_check_needs_is_not_deleted(
    running: ServerProcess, client: Client
) -> None:
    trained = train(running, b"1", **DECLARED)
    client.register_model("fraud", trained)
    judging, s3 = begin(running)
    s3.get_object(Bucket="models", Key="fraud/weights.bin")["Body"].read()
    end(running, judging)
    client.check_model("fraud", 1, "bias", judging)

    for run in (trained, judging):
        with pytest.raises(HTTPError) as caught:
            running.rest("DELETE", f"/repositories/{LAKE}/runs/{run}")
        assert caught.value.code == 409
        caught.value.close()
    with pytest.raises(
        ConflictError, match=r"version 'fraud@1', check 'bias of fraud@1'"
    ):
        client.delete_repository(LAKE)

    client.delete_model("fraud")
    for run in (trained, judging):
        running.rest("DELETE", f"/repositories/{LAKE}/runs/{run}")
    client.delete_repository(LAKE)


def test_a_run_of_another_repository_keeps_what_it_read(
    running: ServerProcess, client: Client
) -> None:
    client.create_repository("other")
    train(running, b"1")
    body = running.rest("POST", "/repositories/other/runs", {})
    key = AccessKey(body["access_key_id"], body["secret_access_key"])
    s3 = running.s3(key)
    s3.get_object(Bucket=LAKE, Key="main/model/weights.bin")["Body"].read()
    run = body["run"]["id"]
    running.rest("POST", f"/repositories/other/runs/{run}/end", {"status": "failed"})

    with pytest.raises(ConflictError, match=f"run '{run}'") as caught:
        client.delete_repository(LAKE)

    assert caught.value.code == "still-needed"
    assert caught.value.fields["count"] == 1
    client.delete_repository("other")
    client.delete_repository(LAKE)
