"""The files of versions are plain reads, through every protocol; and nothing but reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest
from botocore.exceptions import ClientError
from lakebed.cli.main import run
from lakebed.client import Client
from lakebed.client.fs import LakebedFileSystem
from lakebed.server.auth.secrets import AccessKey

from support.s3server import ServerProcess

REFS = {
    "fraud@1": b"first",
    "fraud@2": b"second",
    "fraud": b"second",
    "fraud@prod": b"first",
}
FILES = ["conf/a.json", "weights.bin"]


@pytest.mark.parametrize("ref", REFS)
def test_an_s3_client_reads_it(s3: Any, ref: str) -> None:
    body = s3.get_object(Bucket="models", Key=f"{ref}/weights.bin")["Body"].read()
    listed = s3.list_objects_v2(Bucket="models", Prefix=f"{ref}/")["Contents"]
    folders = s3.list_objects_v2(Bucket="models", Prefix=f"{ref}/", Delimiter="/")

    assert body == REFS[ref]
    assert [each["Key"] for each in listed] == [f"{ref}/{name}" for name in FILES]
    assert folders["CommonPrefixes"] == [{"Prefix": f"{ref}/conf/"}]
    assert s3.head_object(Bucket="models", Key=f"{ref}/weights.bin")["ContentLength"]


def test_the_bucket_lists_versions_and_aliases(s3: Any) -> None:
    pages: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(Bucket="models", Delimiter="/", MaxKeys=1, **token)
        pages += [each["Prefix"] for each in page["CommonPrefixes"]]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}

    assert pages == ["fraud/", "fraud@1/", "fraud@2/", "fraud@prod/"]
    assert "models" in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_pages_of_a_version_go_on(s3: Any) -> None:
    first = s3.list_objects_v2(Bucket="models", Prefix="fraud@prod/", MaxKeys=1)
    rest = s3.list_objects_v2(
        Bucket="models",
        Prefix="fraud@prod/",
        ContinuationToken=first["NextContinuationToken"],
    )

    found = [each["Key"] for page in (first, rest) for each in page["Contents"]]
    assert found == [f"fraud@prod/{name}" for name in FILES]


def test_a_bucket_may_have_the_model_in_its_name(
    s3: Any, server: ServerProcess
) -> None:
    newest = s3.get_object(Bucket="models.fraud", Key="weights.bin")["Body"].read()
    alias = server.send("GET", "/models.fraud%40prod/weights.bin")

    assert (newest, alias.body) == (b"second", b"first")


WRITES: dict[str, Callable[[Any], object]] = {
    "put": lambda s3: s3.put_object(Bucket="models", Key="fraud@prod/x", Body=b"x"),
    "put to the newest": lambda s3: s3.put_object(Bucket="models", Key="fraud/x", Body=b"x"),
    "put to nothing": lambda s3: s3.put_object(Bucket="models", Key="new/x", Body=b"x"),
    "copy": lambda s3: s3.copy_object(Bucket="models", Key="fraud@prod/x", CopySource="models/fraud@1/weights.bin"),
    "delete": lambda s3: s3.delete_object(Bucket="models", Key="fraud@prod/weights.bin"),
    "upload": lambda s3: s3.create_multipart_upload(Bucket="models", Key="fraud@prod/x"),
    "tag": lambda s3: s3.put_object_tagging(Bucket="models", Key="fraud@prod/weights.bin", Tagging={"TagSet": []}),
    "delete bucket": lambda s3: s3.delete_bucket(Bucket="models"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_an_s3_client_changes_nothing(s3: Any, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        WRITES[name](s3)

    refused: Any = caught.value
    assert refused.response["Error"]["Code"] == "AccessDenied"
    assert "model registry" in refused.response["Error"]["Message"]


def test_many_deletes_are_refused(s3: Any) -> None:
    keys = [{"Key": "fraud@prod/weights.bin"}, {"Key": "fraud@1/weights.bin"}]

    answer = s3.delete_objects(Bucket="models", Delete={"Objects": keys})

    assert [each["Code"] for each in answer["Errors"]] == ["AccessDenied"] * 2


def test_a_bucket_models_is_not_made(s3: Any) -> None:
    with pytest.raises(ClientError, match="model registry"):
        s3.create_bucket(Bucket="models")


@pytest.mark.parametrize("ref", REFS)
def test_the_client_reads_it(client: Client, ref: str, tmp_path: Path) -> None:
    found = [each.path for each in client.iter_objects("models", ref)]
    assert found == FILES
    with client.open_object("models", ref, "weights.bin") as stream:
        assert stream.read() == REFS[ref]
    client.download_folder("models", ref, "", tmp_path / "files")
    assert (tmp_path / "files/weights.bin").read_bytes() == REFS[ref]


@pytest.mark.parametrize("ref", REFS)
def test_fsspec_reads_it(environment: None, ref: str) -> None:
    fs = LakebedFileSystem(skip_instance_cache=True)
    assert fs.cat(f"lakebed://models/{ref}/weights.bin") == REFS[ref]
    assert sorted(fs.find(f"lakebed://models/{ref}/")) == [
        f"models/{ref}/{name}" for name in FILES
    ]
    fs.close()
    with fsspec.open(f"lakebed://models/{ref}/weights.bin", "rb") as opened:
        assert opened.read() == REFS[ref]


@pytest.mark.parametrize("ref", REFS)
def test_the_command_line_reads_it(
    environment: None, ref: str, tmp_path: Path, capfdbinary: Any
) -> None:
    address = f"lakebed://models/{ref}"
    assert run(["ls", f"{address}/"]) == 0
    listed = capfdbinary.readouterr().out
    assert b"weights.bin" in listed
    assert b"conf/" in listed
    assert run(["cat", f"{address}/weights.bin"]) == 0
    assert capfdbinary.readouterr().out == REFS[ref]
    assert run(["cp", "-r", f"{address}/", str(tmp_path / "files")]) == 0
    assert (tmp_path / "files/conf/a.json").read_bytes() == b"{}"


def test_the_command_line_tells_two_versions_apart(
    environment: None, capfdbinary: Any
) -> None:
    assert run(["diff", "models/fraud@1", "models/fraud@2"]) == 0
    out = capfdbinary.readouterr().out
    assert b"weights.bin" in out
    assert b"a.json" not in out


def test_files_are_copied_from_a_version(
    server: ServerProcess, s3: Any, environment: None, capfdbinary: Any
) -> None:
    source = "models/fraud@prod/weights.bin"
    s3.copy_object(Bucket="lake", Key="main/by-s3", CopySource=source)
    assert run(["cp", f"lakebed://{source}", "lakebed://lake/main/by-cp"]) == 0

    for key in ("main/by-s3", "main/by-cp"):
        assert s3.get_object(Bucket="lake", Key=key)["Body"].read() == b"first"


def test_an_alias_is_read_where_it_was(s3: Any, server: ServerProcess) -> None:
    for number in (2, 1):
        server.rest("PUT", "/models/fraud/aliases/old", {"version": number})
    log = server.rest("GET", "/models/fraud/aliases/old/log")["results"]
    then = datetime.fromtimestamp(log[1]["at_ms"] / 1000, UTC).isoformat()

    found = s3.get_object(Bucket="models", Key=f"fraud@old@{{{then}}}/weights.bin")

    assert found["Body"].read() == b"second"
    server.rest("DELETE", "/models/fraud/aliases/old")


def test_a_grant_is_for_a_whole_model(environment: None, capfdbinary: Any) -> None:
    assert run(["user", "create", "reader"]) == 0
    assert run(["grant", "add", "reader", "read", "models/fraud@prod"]) == 1
    assert b"a grant is for a model" in capfdbinary.readouterr().err


def test_the_repository_shows_its_refs(environment: None, capfdbinary: Any) -> None:
    assert run(["ls", "models"]) == 0
    out = capfdbinary.readouterr().out
    for ref in REFS:
        assert ref.encode() in out


def test_a_grant_of_a_model_is_one_of_its_versions_and_aliases(
    server: ServerProcess,
) -> None:
    key = AccessKey("LKGUEST", "guest-secret")
    made = server.rest("POST", "/auth/users", {"id": "guest"})
    assert made["id"] == "guest"
    for model in ("fr?ud", "other"):
        server.rest(
            "POST",
            "/auth/users/guest/grants",
            {"repository": "models", "ref": model, "level": "read"},
        )
    secret = server.rest("POST", "/auth/users/guest/credentials")
    key = AccessKey(secret["access_key_id"], secret["secret_access_key"])
    s3 = server.s3(key)

    for ref, body in REFS.items():
        found = s3.get_object(Bucket="models", Key=f"{ref}/weights.bin")
        assert found["Body"].read() == body
    server.rest("DELETE", "/auth/users/guest/grants?repository=models&ref=fr?ud")
    for ref in REFS:
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket="models", Key=f"{ref}/weights.bin")
    assert "CommonPrefixes" not in s3.list_objects_v2(Bucket="models", Delimiter="/")
