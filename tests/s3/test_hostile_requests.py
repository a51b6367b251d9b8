"""Odd paths, queries, headers, times and URLs: refused in S3's words, or taken literally.

Whatever comes, there is no 5xx, nothing of another place is shown or changed, and the
connection goes on or is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from lakebed.server.auth.secrets import AccessKey
from lakebed.server.settings import Settings

from support.s3answers import code_of
from support.s3local import run_local
from support.s3negatives import send
from support.s3raw import EMPTY_SHA256, UNSIGNED, Raw, Signer, Wire
from support.s3server import ADMIN, Answer, ServerProcess
from support.s3writes import Scene


@pytest.fixture(scope="module")
def scene(server: ServerProcess) -> Scene:
    return Scene.make(server, "hostile")


def signed(scene: Scene, method: str, path: str, **headers: str) -> Raw:
    """Return a request that is signed as it should be."""
    raw = Raw(method, path, headers={"host": scene.server.address})
    raw.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw.sign_header(Signer(ADMIN), UNSIGNED)
    return raw


def presigned(scene: Scene, method: str = "GET", **options: str | int) -> Raw:
    path = f"/{scene.repository}/main/x"
    raw = Raw(method, path, headers={"host": scene.server.address})
    raw.sign_query(Signer(ADMIN), UNSIGNED, **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return raw


def assert_refused(answer: Answer, *codes: str) -> None:
    assert 400 <= answer.status < 500, answer
    if answer.body and codes:
        assert code_of(answer) in codes, answer


# --- paths ----------------------------------------------------------------------------

LITERAL = [
    "main/../x",
    "main/../../hostile-other/main/x",
    "main/%2e%2e/x",
    "main/%2E%2E%2F%2e%2e%2Fhostile-other%2Fmain%2Fx",
    "main//x",
    "main/./x",
    "main/.",
    "main/..",
    "main/%5c..%5cx",
    "main/x%0d%0aEvil:%201",
    "main/x%3f",
    "main/%2500",
]
ELSEWHERE = [
    "../hostile-other/main/x",
    "%2e%2e/hostile-other/main/x",
    "%2e%2e%2fhostile-other%2fmain%2fx",
    "./main/x",
    "/main/x",
    "ma%69n%00/x",
    "refs/heads/main/x",
    "main%00/x",
    "main%20/x",
    "MAIN/x",
]


@pytest.mark.parametrize("key", LITERAL)
def test_dots_and_slashes_are_letters_of_a_name(scene: Scene, key: str) -> None:
    """The object is found again under that very name, and nowhere else."""
    before = scene.fingerprint()
    path = f"/{scene.repository}/{key}"
    written = raw_send(scene, "PUT", path, b"literal")
    listed = scene.fingerprint()
    got = raw_send(scene, "GET", path)
    gone = raw_send(scene, "DELETE", path)

    assert (written.status, got.status, gone.status) == (200, 200, 204)
    assert got.body == b"literal"
    assert "evil" not in got.headers
    # In the one listing, that of the repository; and no more after the delete.
    changed = [now != was for now, was in zip(listed, before, strict=True)]
    assert changed.count(True) == 1
    assert scene.fingerprint() == before


def raw_send(scene: Scene, method: str, path: str, body: bytes = b"") -> Answer:
    """Sign the canonical form of `path`, and send it as it is written."""
    raw = signed(scene, method, canonical_path(path))
    raw.path = path
    raw.body = body
    return send(scene, raw, path)


def canonical_path(path: str) -> str:
    """Return `path` as a correct client signs it: each byte encoded but slashes."""
    return quote(unquote_to_bytes(path), safe="/-._~")


@pytest.mark.parametrize("key", ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_nothing_leads_out_of_a_repository(scene: Scene, method: str, key: str) -> None:
    before = scene.fingerprint()

    answer = raw_send(scene, method, f"/{scene.repository}/{key}", b"")

    assert_refused(
        answer, "NoSuchKey", "NoSuchBucket", "InvalidArgument", "AccessDenied"
    )
    assert b"new" not in answer.body.split(b"<Message>")[0]
    assert scene.fingerprint() == before


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("//hostile/main/x", {"InvalidURI"}),
        ("/%2e%2e/hostile/main/x", {"NoSuchBucket"}),
        ("/hostile%00/main/x", {"NoSuchBucket", "InvalidArgument"}),
        ("/hostile%20/main/x", {"NoSuchBucket", "InvalidArgument"}),
        ("/hostile/main/%ff", {"InvalidArgument"}),
        ("/hostile/main/%c0%af", {"InvalidArgument"}),
        ("/hostile/main/%ed%a0%80", {"InvalidArgument"}),
        ("/hostile/main/%", {"InvalidArgument"}),
        ("/hostile/main/%2", {"InvalidArgument"}),
        ("/hostile/main/" + "x" * 1025, {"KeyTooLongError"}),
        ("/hostile/main/" + "%e2%82%ac" * 342, {"KeyTooLongError"}),
        ("/hostile/" + "r" * 2000 + "/x", {"NoSuchBucket", "NoSuchKey"}),
        ("/" + "b" * 2000 + "/main/x", {"NoSuchBucket", "InvalidBucketName"}),
        ("/hostile/main~99999999999999999999/x", {"NoSuchBucket", "NoSuchKey"}),
        ("/hostile/main@%7b%7d/x", {"NoSuchBucket", "NoSuchKey"}),
        ("/hostile.main.x/y", {"NoSuchBucket", "NoSuchKey"}),
        ("/hostile./x", {"NoSuchBucket", "NoSuchKey"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_paths_that_lead_nowhere(
    scene: Scene, method: str, path: str, codes: set[str]
) -> None:
    before = scene.fingerprint()

    answer = raw_send(scene, method, path, b"")

    assert_refused(answer, *codes, "AccessDenied")
    assert scene.fingerprint() == before


def test_an_encoded_slash_is_a_slash(scene: Scene) -> None:
    plain = raw_send(scene, "GET", f"/{scene.repository}/main/x")
    encoded = raw_send(scene, "GET", f"/{scene.repository}%2Fmain%2fx")

    assert plain.body == encoded.body == b"new"


# --- queries and headers --------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("list-type=2&prefix=a&prefix=b", {"InvalidArgument"}),
        ("list-type=2&list-type=2", {"InvalidArgument"}),
        ("list-type=2&max-keys=-1", {"InvalidArgument"}),
        ("list-type=2&max-keys=a", {"InvalidArgument"}),
        ("list-type=2&max-keys=%D9%A3", {"InvalidArgument"}),
        ("list-type=2&continuation-token=x", {"InvalidArgument"}),
        ("list-type=2&continuation-token=" + "x" * 9000, {"InvalidArgument"}),
        ("list-type=2&encoding-type=evil", {"InvalidArgument"}),
        ("list-type=2&prefix=%ff", {"InvalidArgument"}),
        ("&".join(f"a{n}=1" for n in range(65)), {"InvalidArgument"}),
    ],
)
def test_queries_that_cannot_be_right(
    scene: Scene, query: str, codes: set[str]
) -> None:
    answer = _ask(scene, query)

    assert_refused(answer, *codes)


@pytest.mark.parametrize(
    "query",
    [
        "list-type=2&max-keys=2147483648",
        "list-type=2&max-keys=" + "9" * 30,
        "list-type=2&prefix=" + "x" * 3000,
        "list-type=2&start-after=" + "x" * 3000,
        "list-type=2&delimiter=" + "x" * 3000,
    ],
)
def test_what_is_large_does_no_harm(scene: Scene, query: str) -> None:
    answer = _ask(scene, query)

    assert answer.status in (200, 400)


def _ask(scene: Scene, query: str) -> Answer:
    """Ask for a bucket with `query`, exactly as it is written."""
    raw = Raw("GET", f"/{scene.repository}", headers={"host": scene.server.address})
    pieces = [piece.partition("=") for piece in query.split("&")]
    named = [
        (quote(unquote_to_bytes(name), safe="-._~"), unquote_to_bytes(value))
        for name, _, value in pieces
    ]
    raw.query = [
        (name, value.decode("utf-8", "surrogateescape")) for name, value in named
    ]
    try:
        raw.sign_header(Signer(ADMIN), UNSIGNED)
    except UnicodeEncodeError:  # no correct client could sign it
        raw.query = []
        raw.sign_header(Signer(ADMIN), UNSIGNED)
    raw.query = []
    raw.path += f"?{query}"
    return send(scene, raw, query)


@pytest.mark.parametrize(
    "line",
    [
        b"x-amz-meta-a: b\rEvil: c",
        b"x-amz-meta-a: b\x00c",
        b"x-amz-meta-a : b",
        b"x-amz-meta-a\x0b: b",
        b" x-amz-meta-a: b",
        b"x-amz-meta-a: b\r\n folded: c",
        b"x-amz-meta-a: " + b"x" * 17_000,
        b"\r\n".join(b"x-amz-meta-%d: b" % n for n in range(1000)),
        b"content-length: 5",
        b"content-length: -1",
        b"content-length: 0x5",
        b"transfer-encoding: chunked",
        b"transfer-encoding: identity, chunked",
        b"host: evil",
        b"authorization: AWS4-HMAC-SHA256 Credential=a",
    ],
)
def test_heads_that_are_no_http_are_refused(scene: Scene, line: bytes) -> None:
    """Unsigned and malformed, or twice what may be there once."""
    before = scene.fingerprint()
    raw = signed(scene, "PUT", f"/{scene.repository}/main/smuggled")
    raw.headers["content-length"] = "0"
    head = raw.head[:-2] + line + b"\r\n\r\n"

    with Wire(scene.server) as wire:
        wire.send(head)
        answer = wire.read()
        assert 400 <= answer.status < 500, answer
        if wire.closes:
            assert wire.is_closed()
    assert scene.fingerprint() == before


@pytest.mark.parametrize("name", ["x-amz-meta-a", "x-amz-tagging", "cache-control"])
@pytest.mark.parametrize("value", ["a\x7fb", "a\tb", "=?utf-8?q?a=0D=0AEvil:_1?="])
def test_values_that_would_break_lines_are_refused(
    scene: Scene, name: str, value: str
) -> None:
    before = scene.fingerprint()
    raw = signed(scene, "PUT", f"/{scene.repository}/main/lines", **{name: value})

    answer = send(scene, raw, name)

    assert_refused(answer)
    assert scene.fingerprint() == before


@pytest.mark.parametrize(
    "parameter",
    [
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    ],
)
@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\0b", "ü", "a\x7fb"])
def test_overrides_do_not_break_lines(scene: Scene, parameter: str, value: str) -> None:
    raw = Raw("GET", f"/{scene.repository}/main/x")
    raw.headers = {"host": scene.server.address}
    raw.query = [(parameter, value)]
    raw.sign_query(Signer(ADMIN), UNSIGNED)

    answer = send(scene, raw, parameter)

    assert_refused(answer, "InvalidArgument")
    assert "evil" not in answer.headers


def test_overrides_are_for_signed_requests(scene: Scene) -> None:
    path = f"/{scene.repository}/main/x?response-content-type=text/html"

    answer = scene.server.send_as_it_is("GET", path, {})

    assert (answer.status, code_of(answer)) == (403, "AccessDenied")


# --- copy sources ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "",
        "/",
        "//",
        "x",
        "/hostile",
        "/hostile/",
        "/hostile/main",
        "/hostile/main/",
        "/../hostile-other/main/x",
        "/hostile/../hostile-other/main/x",
        "/hostile/%2e%2e/hostile-other/main/x",
        "/hostile/main/../../hostile-other/main/x",
        "//hostile-other/main/x",
        "/hostile/main/none",
        "/hostile/none/x",
        "/none/main/x",
        "/hostile/main/x?versionId=",
        "/hostile/main/x?versionId=../x",
        "/hostile/main/x?versionId=" + "0" * 40,
        "/hostile/main/x?acl",
        "/hostile/main/%00",
        "/hostile/main/%ff",
        "/hostile/main/%zz",
        "/hostile/main/" + "x" * 1025,
        "http://127.0.0.1/hostile/main/x",
        "file:///etc/passwd",
    ],
)
def test_copy_sources_lead_to_an_object_or_nowhere(scene: Scene, source: str) -> None:
    before = scene.fingerprint()
    path = f"/{scene.repository}/main/copied"
    raw = signed(scene, "PUT", path, x_amz_copy_source=source)

    answer = send(scene, raw, source)

    assert_refused(
        answer,
        "InvalidArgument",
        "InvalidRequest",
        "KeyTooLongError",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchVersion",
    )
    assert scene.fingerprint() == before


# --- presigned URLs -------------------------------------------------------------------


@pytest.mark.parametrize(
    "expires",
    ["0", "-1", "604801", "1e3", "", " 5", "5 ", "+5", "٣", "9" * 40, "600.0", "0x5"],
)
def test_lives_of_urls_have_bounds(scene: Scene, expires: str) -> None:
    answer = send(scene, presigned(scene, expires_s=expires), expires)

    assert_refused(answer, "AuthorizationQueryParametersError")


@pytest.mark.parametrize("expires", [1, 604800])
def test_urls_live_from_a_second_to_a_week(scene: Scene, expires: int) -> None:
    # A life begins with a whole second: that of one second may end at once.
    tries = (send(scene, presigned(scene, expires_s=expires), expires) for _ in "12345")
    assert any(answer.body == b"new" for answer in tries)


def drop(name: str) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        raw.query = [pair for pair in raw.query if pair[0] != name]

    return change


def twice(name: str) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        raw.query.append((name, dict(raw.query)[name]))

    return change


def replace(name: str, value: str) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        raw.query = [(key, value if key == name else old) for key, old in raw.query]

    return change


@pytest.mark.parametrize(
    "name",
    [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ],
)
@pytest.mark.parametrize("change", [drop, twice], ids=["without", "twice"])
def test_each_part_of_a_url_is_there_once(
    scene: Scene, name: str, change: Callable[[str], Callable[[Raw], None]]
) -> None:
    raw = presigned(scene)
    change(name)(raw)

    answer = send(scene, raw, name)

    assert_refused(
        answer, "AuthorizationQueryParametersError", "InvalidRequest", "InvalidArgument"
    )


def delete_instead(raw: Raw) -> None:
    raw.method = "DELETE"


CHANGES: list[Callable[[Raw], None]] = [
    replace("X-Amz-Signature", "0" * 64),
    replace("X-Amz-Signature", ""),
    replace("X-Amz-Signature", "ü"),
    replace("X-Amz-Date", "20261101T000000Z"),
    replace("X-Amz-Date", "now"),
    replace("X-Amz-Expires", "601"),
    replace("X-Amz-SignedHeaders", ""),
    replace("X-Amz-SignedHeaders", "range"),
    replace("X-Amz-SignedHeaders", "host;range"),
    replace("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"),
    replace("X-Amz-Algorithm", "none"),
    replace("X-Amz-Credential", "ADMINKEY"),
    replace("X-Amz-Credential", "/20261101/us-east-1/s3/aws4_request"),
    lambda raw: raw.query.append(("X-Amz-Content-Sha256", EMPTY_SHA256)),
    lambda raw: raw.query.append(("versionId", "null")),
    lambda raw: raw.headers.update({"x-amz-content-sha256": EMPTY_SHA256}),
    lambda raw: raw.headers.update({"x-amz-date": "20261101T000000Z"}),
    delete_instead,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_url_that_was_changed_is_refused(
    scene: Scene, change: Callable[[Raw], None]
) -> None:
    before = scene.fingerprint()
    raw = presigned(scene)
    change(raw)

    answer = send(scene, raw, raw.target)

    assert 400 <= answer.status <= 403
    assert scene.fingerprint() == before


def test_a_url_may_say_in_its_query_how_its_body_is_signed(scene: Scene) -> None:
    """JavaScript's SDK does so."""
    path = f"/{scene.repository}/main/x"
    raw = Raw("GET", path, headers={"host": scene.server.address})
    raw.query = [("X-Amz-Content-Sha256", UNSIGNED)]
    raw.sign_query(Signer(ADMIN), UNSIGNED)

    assert send(scene, raw, "").body == b"new"


@pytest.mark.parametrize(
    "names",
    [
        ("x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm"),
        ("X-Amz-Checksum-Crc32", "X-Amz-Sdk-Checksum-Algorithm"),
    ],
    ids=["JavaScript", "Go"],
)
def test_a_checksum_in_a_url_is_that_of_no_bytes(
    scene: Scene, names: tuple[str, str]
) -> None:
    """SDKs presign the checksum of the empty body that they have then."""
    path = f"/{scene.repository}/main/hoisted"
    raw = Raw("PUT", path, headers={"host": scene.server.address}, body=b"bytes")
    raw.query = list(zip(names, ("AAAAAA==", "CRC32"), strict=True))
    raw.sign_query(Signer(ADMIN), UNSIGNED)

    answer = send(scene, raw, "")

    assert answer.status == 200
    assert "x-amz-checksum-crc32" not in answer.headers
    assert raw_send(scene, "DELETE", path).status == 204


def test_a_url_may_bind_the_bytes_that_are_uploaded(scene: Scene) -> None:
    path = f"/{scene.repository}/main/bound"
    raw = Raw("PUT", path, headers={"host": scene.server.address})
    raw.sign_query(Signer(ADMIN), EMPTY_SHA256)
    wrong = raw.copy()
    wrong.body = b"x"

    assert code_of(send(scene, wrong, "")) == "XAmzContentSHA256Mismatch"
    assert send(scene, raw, "").status == 200


@pytest.mark.parametrize("mechanism", ["header", "query"])
def test_tokens_of_sessions_are_unknown(scene: Scene, mechanism: str) -> None:
    path = f"/{scene.repository}/main/x"
    raw = Raw("GET", path, headers={"host": scene.server.address})
    if mechanism == "header":
        raw.headers["x-amz-security-token"] = "token"
        raw.sign_header(Signer(ADMIN), UNSIGNED)
    else:
        raw.query = [("X-Amz-Security-Token", "token")]
        raw.sign_query(Signer(ADMIN), UNSIGNED)

    answer = send(scene, raw, mechanism)

    assert (answer.status, code_of(answer)) == (400, "InvalidToken")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"region": "mars-1"}, "AuthorizationHeaderMalformed"),
        ({"service": "ec2"}, "AuthorizationHeaderMalformed"),
        ({"age": timedelta(minutes=14)}, None),
        ({"age": timedelta(minutes=-14)}, None),
        ({"age": timedelta(minutes=16)}, "RequestTimeTooSkewed"),
        ({"age": timedelta(days=365)}, "RequestTimeTooSkewed"),
    ],
)
def test_scopes_and_clocks(
    scene: Scene, options: dict[str, object], code: str | None
) -> None:
    path = f"/{scene.repository}/main/x"
    raw = Raw("GET", path, headers={"host": scene.server.address})
    raw.sign_header(Signer(ADMIN, **options), UNSIGNED)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    answer = send(scene, raw, options)

    if code is None:
        assert answer.body == b"new"
    else:
        assert_refused(answer, code)


@pytest.fixture(scope="module")
def by_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("by-host") / "lake"
    with run_local(directory, Settings(s3_domains=("s3.test",))) as running:
        for name in ("one", "two"):
            running.create_repository(name)
            running.send("PUT", f"/{name}/main/x", {}, name.encode())
        yield running


@pytest.mark.parametrize("presign", [False, True], ids=["header", "query"])
def test_what_is_signed_for_one_bucket_is_not_for_another(
    by_host: ServerProcess, presign: bool
) -> None:
    """Neither by host nor by path."""

    def make(path: str, host: str) -> Raw:
        raw = Raw("GET", path, headers={"host": host})
        if presign:
            raw.sign_query(Signer(ADMIN), UNSIGNED)
        else:
            raw.sign_header(Signer(ADMIN), UNSIGNED)
        return raw

    def ask(raw: Raw) -> Answer:
        with Wire(by_host) as wire:
            return wire.exchange(raw)

    host = make("/main/x", "one.s3.test")
    path = make("/one/main/x", "s3.test")
    assert ask(host).body == ask(path).body == b"one"

    host.headers["host"] = "two.s3.test"
    path.path = "/two/main/x"
    moved = make("/two/main/x", "s3.test")
    moved.headers["host"] = "one.s3.test"
    for raw in (host, path, moved):
        assert code_of(ask(raw)) == "SignatureDoesNotMatch"


# --- browsers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
    ],
)
def test_pages_do_not_run_in_our_origin(scene: Scene, content_type: str) -> None:
    """Not as objects, ranges or heads, nor when an answer repeats what was asked."""
    server, path = scene.server, f"/{scene.repository}/main/page"
    page = b"<script>alert(1)</script>"
    server.send("PUT", path, {"Content-Type": content_type}, page)
    etag = server.send("HEAD", path).headers["etag"]
    answers = [
        server.send("GET", path),
        server.send("HEAD", path),
        server.send("GET", path, {"Range": "bytes=0-4"}),
        server.send("GET", path, {"If-None-Match": etag}),
        server.send("GET", path, {"Range": "bytes=999-"}),
        server.send("GET", path + "?response-content-type=text%2Fhtml"),
        server.send("GET", f"/{scene.repository}/main/%3Cscript%3E"),
        server.send("GET", f"/{scene.repository}?list-type=2"),
        server.send("GET", f"/{scene.repository}/main/x", key=None),
        server.send("GET", path, key=AccessKey("NOBODYSKEY", "secret-of-nobody")),
    ]
    scene.server.send("DELETE", path)

    assert [answer.status for answer in answers] == [
        200, 200, 206, 304, 416, 200, 404, 200, 403, 403,
    ]  # fmt: skip
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff", answer
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; sandbox"
        )
        assert b"<script>" not in answer.body or answer.body == page


def test_there_is_no_file_behind_a_path(tmp_path: Path, scene: Scene) -> None:
    """Keys are never paths of files: one that exists is not found."""
    secret = tmp_path / "secret"
    secret.write_text("secret")

    for path in (str(secret), f"/{scene.repository}/main/../../..{secret}"):
        answer = raw_send(scene, "GET", path)
        assert answer.status == 404
        assert b"secret\n" not in answer.body
