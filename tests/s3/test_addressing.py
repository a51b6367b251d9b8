"""How buckets are addressed: in the path, in the host, and on flat listeners."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from support.edges import at, make_client, names_lead_here
from support.s3server import Answer, ServerProcess, run_server

DOMAIN = "s3.lake.test"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that can be reached in every way."""
    arguments = ["--s3-domain", DOMAIN, "--s3-domain", "Lake.Test."]
    for ref in ("main", "v1", "main~1", "dev"):
        arguments += ["--flat-s3", f"127.0.0.1:0={ref}"]
    directory = tmp_path_factory.mktemp("addressing") / "lake"
    with names_lead_here("lake.test"), run_server(directory, *arguments) as running:
        yield running


@pytest.fixture
def bucket(lake: ServerProcess) -> str:
    return lake.create_repository(f"addressed-{next(_numbers)}")


def virtual(lake: ServerProcess, domain: str = DOMAIN) -> Any:
    port = urlsplit(lake.url).port
    return make_client(f"http://{domain}:{port}", s3={"addressing_style": "virtual"})


def code_of(answer: Answer) -> tuple[int, str]:
    root = ElementTree.fromstring(answer.body)
    return answer.status, root.findtext("Code") or ""


# --- the host names the bucket --------------------------------------------------------


@pytest.mark.parametrize("domain", [DOMAIN, "lake.test"])
def test_boto_reaches_buckets_by_their_host(
    lake: ServerProcess, bucket: str, domain: str
) -> None:
    s3 = virtual(lake, domain)

    s3.put_object(Bucket=bucket, Key="main/a b/ü", Body=b"by host")

    got = lake.send("GET", f"/{bucket}/main/a%20b/%C3%BC")
    assert (got.status, got.body) == (200, b"by host")
    assert s3.get_object(Bucket=bucket, Key="main/a b/ü")["Body"].read() == b"by host"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="main/", Delimiter="/")
    assert listed["CommonPrefixes"] == [{"Prefix": "main/a b/"}]
    assert listed["Name"] == bucket
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    s3.delete_object(Bucket=bucket, Key="main/a b/ü")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="main/a b/ü")


@pytest.mark.parametrize(
    "host",
    ["B.s3.lake.test", "B.S3.LAKE.TEST:8000", "B.s3.lake.test.", "B.lake.test:1"],
)
def test_a_host_has_no_case_and_its_port_is_not_looked_at(
    lake: ServerProcess, bucket: str, host: str
) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"x")

    got = lake.send("GET", "/main/x", {"Host": host.replace("B", bucket)})

    assert (got.status, got.body) == (200, b"x")


def test_a_ref_may_stand_in_the_host(lake: ServerProcess, bucket: str) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"x")
    commit = lake.commit(bucket)
    lake.tag(bucket, "v1.0", "main")

    for ref in ("main", "v1.0", commit, "main@"):
        got = lake.send("GET", "/x", {"Host": f"{bucket}.{ref}.{DOMAIN}"})
        assert (got.status, got.body) == (200, b"x"), ref


def test_a_ref_with_capitals_is_not_found_by_host(
    lake: ServerProcess, bucket: str
) -> None:
    """Hosts have no case: what is asked for is the ref in lower case, and no other."""
    lake.create_branch(bucket, "Dev")
    lake.send("PUT", f"/{bucket}/Dev/x", body=b"capital")
    host = {"Host": f"{bucket}.Dev.{DOMAIN}"}

    assert code_of(lake.send("GET", "/x", host)) == (404, "NoSuchKey")
    assert lake.send("GET", f"/{bucket}.Dev/x").body == b"capital"
    lake.create_branch(bucket, "dev")
    lake.send("PUT", f"/{bucket}/dev/x", body=b"small")
    assert lake.send("GET", "/x", host).body == b"small"


def test_the_domain_itself_is_path_style(lake: ServerProcess, bucket: str) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"x")

    for host in (DOMAIN, "lake.test", "LAKE.TEST:80", "127.0.0.1", "evil.test"):
        got = lake.send("GET", f"/{bucket}/main/x", {"Host": host})
        assert (got.status, got.body) == (200, b"x"), host


def test_slashes_below_a_host_are_of_the_key(lake: ServerProcess, bucket: str) -> None:
    host = {"Host": f"{bucket}.main.{DOMAIN}"}

    assert lake.send("PUT", "//a/../b/", host, b"x").status == 200

    assert lake.send("GET", f"/{bucket}.main//a/../b/").body == b"x"
    assert lake.send("GET", "/a/../b/", host).status == 404


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [("GET", "/main/x", b""), ("PUT", "/main/x", b"new"), ("DELETE", "/main/x", b"")],
)
def test_a_signature_for_one_host_is_none_for_another(
    lake: ServerProcess, bucket: str, method: str, target: str, body: bytes
) -> None:
    other = lake.create_repository(f"{bucket}-other")
    for each in (bucket, other):
        lake.send("PUT", f"/{each}/main/x", body=b"old")
    own = {"Host": f"{bucket}.{DOMAIN}"}
    signed = lake.sign(method, target, own, body=body)
    plain = lake.sign(method, f"/{bucket}/main/x", {"Host": DOMAIN}, body=body)

    for headers, replayed in (
        ({**signed, "Host": f"{other}.{DOMAIN}"}, target),
        ({**signed, "Host": f"{bucket}.main.{DOMAIN}"}, target),
        ({**signed, "Host": DOMAIN}, f"/{other}{target}"),
        ({**plain, "Host": f"{other}.{DOMAIN}"}, f"/{bucket}/main/x"),
    ):
        got = lake.send_as_it_is(method, replayed, headers, body)
        assert code_of(got) == (403, "SignatureDoesNotMatch"), headers["Host"]
    assert lake.send("GET", f"/{other}/main/x").body == b"old"
    assert lake.send_as_it_is(method, target, signed, body).status < 300


def test_the_host_of_an_absolute_target_decides_nothing(
    lake: ServerProcess, bucket: str
) -> None:
    """The host that was signed is the one of the header."""
    other = lake.create_repository(f"{bucket}-other")
    lake.send("PUT", f"/{bucket}/main/x", body=b"right")
    lake.send("PUT", f"/{other}/main/x", body=b"wrong")
    signed = lake.sign("GET", "/main/x", {"Host": f"{bucket}.{DOMAIN}"})

    got = lake.send_as_it_is("GET", f"http://{other}.{DOMAIN}/main/x", signed)

    assert (got.status, got.body) == (200, b"right")


def test_a_presigned_url_names_its_bucket_in_the_host(
    lake: ServerProcess, bucket: str
) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"x")
    other = lake.create_repository(f"{bucket}-other")
    lake.send("PUT", f"/{other}/main/x", body=b"secret")
    port = urlsplit(lake.url).port
    client = make_client(
        f"http://{DOMAIN}:{port}",
        s3={"addressing_style": "virtual"},
        signature_version="s3v4",
    )
    presigned = client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "main/x"}
    )
    url = urlsplit(str(presigned))
    target = f"{url.path}?{url.query}"

    got = lake.send_as_it_is("GET", target, {"Host": url.netloc})
    assert (got.status, got.body) == (200, b"x")
    stolen = {"Host": url.netloc.replace(bucket, other)}
    got = lake.send_as_it_is("GET", target, stolen)
    assert code_of(got) == (403, "SignatureDoesNotMatch")


def test_below_a_bucket_there_is_neither_rest_nor_a_page(
    lake: ServerProcess, bucket: str
) -> None:
    host = {"Host": f"{bucket}.{DOMAIN}"}

    for target in ("/", "/api/v1/healthcheck", "/openapi.json"):
        got = lake.send_as_it_is("GET", target, host)
        assert code_of(got) == (403, "AccessDenied"), target
    lake.send("PUT", f"/{bucket}.main/api/v1/healthcheck", body=b"an object")
    got = lake.send("GET", "/api/v1/healthcheck", {"Host": f"{bucket}.main.{DOMAIN}"})
    assert got.body == b"an object"


def test_a_host_without_a_bucket_is_refused(lake: ServerProcess) -> None:
    got = lake.send("GET", "/main/x", {"Host": f".{DOMAIN}"})

    assert code_of(got) == (400, "InvalidURI")


# --- flat -----------------------------------------------------------------------------


def flat(lake: ServerProcess, ref: str = "main") -> ServerProcess:
    return at(lake, f"S3 at the ref '{ref}'")


def test_a_flat_listener_has_plain_buckets_and_keys(
    lake: ServerProcess, bucket: str
) -> None:
    s3 = flat(lake).s3()

    for key in ("a", "main/b", "dir/c", "v1.0"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    for key in ("a", "main/b", "dir/c", "v1.0"):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        assert lake.send("GET", f"/{bucket}/main/{key}").body == key.encode()
    listed = s3.list_objects_v2(Bucket=bucket)
    assert [found["Key"] for found in listed["Contents"]] == [
        "a", "dir/c", "main/b", "v1.0",
    ]  # fmt: skip
    listed = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="")
    assert [found["Prefix"] for found in listed["CommonPrefixes"]] == ["dir/", "main/"]
    assert [found["Key"] for found in listed["Contents"]] == ["a", "v1.0"]
    s3.head_bucket(Bucket=bucket)
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    s3.delete_object(Bucket=bucket, Key="dir/c")
    assert lake.send("GET", f"/{bucket}/main/dir/c").status == 404


def test_pages_of_a_flat_bucket_go_on(lake: ServerProcess, bucket: str) -> None:
    s3 = flat(lake).s3()
    keys = [f"{number:02}/x" for number in range(7)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")

    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 3}
    )

    assert [found["Key"] for page in pages for found in page["Contents"]] == keys


@pytest.mark.parametrize("ref", ["v1", "main~1"])
def test_a_flat_listener_of_a_commit_is_read_only(
    lake: ServerProcess, bucket: str, ref: str
) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"pinned")
    lake.commit(bucket)
    lake.tag(bucket, "v1", "main")
    lake.send("PUT", f"/{bucket}/main/x", body=b"newer")
    lake.commit(bucket)
    s3 = flat(lake, ref).s3()

    assert s3.get_object(Bucket=bucket, Key="x")["Body"].read() == b"pinned"
    for method in ("PUT", "DELETE"):
        got = flat(lake, ref).send(method, f"/{bucket}/x", body=b"")
        assert code_of(got) == (403, "AccessDenied")
    assert s3.get_object(Bucket=bucket, Key="x")["Body"].read() == b"pinned"


def test_a_repository_without_the_ref_is_no_bucket(
    lake: ServerProcess, bucket: str
) -> None:
    s3 = flat(lake, "dev").s3()

    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=bucket)
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket=bucket, Key="x", Body=b"")
    lake.create_branch(bucket, "dev")
    s3.put_object(Bucket=bucket, Key="x", Body=b"")
    assert lake.send("GET", f"/{bucket}/dev/x").status == 200


def test_a_flat_bucket_has_no_ref_in_its_name(lake: ServerProcess, bucket: str) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"x")

    got = flat(lake, "v1").send("GET", f"/{bucket}.main/x")

    assert code_of(got)[0] == 404


def test_a_flat_listener_reads_hosts_too(lake: ServerProcess, bucket: str) -> None:
    lake.send("PUT", f"/{bucket}/main/x", body=b"x")

    got = flat(lake).send("GET", "/x", {"Host": f"{bucket}.{DOMAIN}"})

    assert (got.status, got.body) == (200, b"x")


def test_what_is_signed_for_one_listener_is_nothing_to_one_that_reads_differently(
    lake: ServerProcess, bucket: str
) -> None:
    # `open/x` is an object at the ref `open`; on the flat listener, one at `main`.
    lake.create_branch(bucket, "open")
    lake.s3().put_object(Bucket=bucket, Key="open/x", Body=b"open")
    lake.s3().put_object(Bucket=bucket, Key="main/open/x", Body=b"secret")
    target = f"/{bucket}/open/x"

    for own, other in ((lake, flat(lake)), (flat(lake), lake)):
        signed = own.sign("GET", target, {}) | {"Host": own.address}
        assert own.send_as_it_is("GET", target, signed).status == 200
        assert code_of(other.send_as_it_is("GET", target, signed)) == (
            400,
            "InvalidRequest",
        )


def test_a_flat_listener_speaks_s3_only(lake: ServerProcess) -> None:
    for target in ("/", "/api/v1/healthcheck", "/openapi.json"):
        got = flat(lake).send_as_it_is("GET", target, {})
        assert code_of(got) == (403, "AccessDenied"), target


# --- S3 on a port of its own ----------------------------------------------------------


def test_s3_may_have_ports_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    listen = ["--s3-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]
    with run_server(tmp_path_factory.mktemp("own") / "lake", *listen) as main:
        s3 = at(main, "S3")
        repository = main.create_repository("apart")

        assert s3.send("PUT", f"/{repository}/main/x", body=b"x").status == 200
        assert s3.send("GET", f"/{repository}/main/x").body == b"x"
        assert code_of(s3.send_as_it_is("GET", "/api/v1/healthcheck", {})) == (
            403,
            "AccessDenied",
        )
        got = main.send("GET", f"/{repository}/main/x")
        assert got.status == 404
        assert got.headers["content-type"] == "application/json"
        hint = main.send_as_it_is("GET", "/", {}).body.decode()
        assert "REST" in hint
        assert "S3" not in hint
        second = [line for line in main.early_lines if line.startswith("http")]
        assert len(second) == 1, "REST listens in two places"
