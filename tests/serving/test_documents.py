"""The documents on a port that speaks S3 too, where a bucket may be called `docs`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Generator

import pytest

from support.s3server import ServerProcess, run_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    with run_server(tmp_path_factory.mktemp("lake") / "lake") as running:
        running.create_repository("docs")
        running.s3().put_object(Bucket="docs", Key="main/a", Body=b"1")
        yield running


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_reads_docs_without_a_signature_gets_the_page(
    server: ServerProcess, method: str
) -> None:
    answer = server.send_as_it_is(method, "/docs", {})

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body.startswith(b"<!doctype html>" if method == "GET" else b"")


def test_who_signs_gets_the_bucket(server: ServerProcess) -> None:
    listed = server.send("GET", "/docs?list-type=2")
    presigned = server.s3(signature_version="s3v4").generate_presigned_url(
        "list_objects_v2", Params={"Bucket": "docs"}
    )

    assert b"<Prefix>main/</Prefix>" in listed.body
    with urllib.request.urlopen(presigned, timeout=30) as response:
        assert b"<Prefix>main/</Prefix>" in response.read()


@pytest.mark.parametrize(
    "target", ["/docs/", "/docs?x=1", "/docs/main/a", "/docsx", "/docs%2F"]
)
def test_other_paths_are_those_of_s3(server: ServerProcess, target: str) -> None:
    answer = server.send_as_it_is("GET", target, {})

    assert (answer.status, answer.headers["content-type"]) == (403, "application/xml")


def test_a_form_for_the_bucket_is_a_form(server: ServerProcess) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    answer = server.send_as_it_is("POST", "/docs", headers, b"--b--\r\n")

    assert answer.headers["content-type"] == "application/xml"


def test_the_document_tells_of_the_server_that_serves_it(server: ServerProcess) -> None:
    answer = server.send_as_it_is("GET", "/openapi.json", {})
    document = json.loads(answer.body)

    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] in (
        server.send_as_it_is("GET", "/docs", {}).body.decode()
    )
    for path in document["paths"]:
        base = document["servers"][0]["url"]
        answer = server.send_as_it_is("OPTIONS", base + path, {})
        assert answer.status == 204, path
