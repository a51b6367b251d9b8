"""Input that cannot be right: 400 that names it; never a 5xx, never a traceback."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import msgspec
import msgspec.inspect
import pytest
from lakebed.client.wire import RequestBody
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.routing import JSON_BYTES_MAX, Route
from yarl import URL

from support.api import ADMIN, Served
from support.asking import Answer, Asker

WITH_BODY = [
    route
    for route in ROUTES
    if issubclass(route.models[1], RequestBody)
    and route.template.startswith(paths.REPOSITORIES)
]
NAMES = {"repository": "lake", "commit": "main", "name": "main"}
QUERY = "path=o&dest_path=p&ref=main"


def fill(route: Route) -> str:
    fields = [s[1:-1] for s in route.template.split("/") if s.startswith("{")]
    values = {field: NAMES.get(field, "main") for field in fields}
    return paths.fill(route.template, **values) + "?" + QUERY


def name(route: Route) -> str:
    return f"{route.method} {route.template.removeprefix(paths.BASE)}"


def fields_of(route: Route) -> tuple[msgspec.inspect.Field, ...]:
    described = msgspec.inspect.type_info(route.models[1])
    assert isinstance(described, msgspec.inspect.StructType)
    return described.fields


def example(kind: msgspec.inspect.Type) -> Any:
    """Return a value of the right type."""
    match kind:
        case msgspec.inspect.UnionType(types=(first, *_)):
            return example(first)
        case msgspec.inspect.StrType():
            return "main"
        case msgspec.inspect.LiteralType(values=values):
            return values[0]
        case msgspec.inspect.IntType():
            return 1
        case msgspec.inspect.BoolType():
            return False
        case msgspec.inspect.DictType():
            return {}
        case msgspec.inspect.ListType():
            return []
        case msgspec.inspect.StructType(fields=fields):
            return {f.encode_name: example(f.type) for f in fields if f.required}
        case _:
            raise AssertionError(kind)


def takes(field: msgspec.inspect.Field, kind: type[msgspec.inspect.Type]) -> bool:
    kinds = (
        field.type.types
        if isinstance(field.type, msgspec.inspect.UnionType)
        else (field.type,)
    )
    return any(isinstance(each, kind) for each in kinds)


def full_body(route: Route) -> dict[str, Any]:
    return {field.encode_name: example(field.type) for field in fields_of(route)}


async def send(ask: Asker, route: Route, **options: Any) -> Answer:
    path = fill(route).removeprefix(paths.REPOSITORIES)
    return await ask(route.method, path, **options)


@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_each_field_of_a_wrong_type_is_named(ask: Asker, route: Route) -> None:
    for field in fields_of(route):
        wrong: Any = "1" if takes(field, msgspec.inspect.IntType) else 1
        values: list[Any] = [wrong, [[]], {"a": [1]}]
        for value in values:
            body = full_body(route) | {field.encode_name: value}
            answer = await send(ask, route, json=body)
            assert answer.status == 400, (field.encode_name, value, answer)
            assert answer.json["field"].startswith(field.encode_name)


@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_each_missing_field_is_named(ask: Asker, route: Route) -> None:
    for field in fields_of(route):
        if field.required:
            body = full_body(route)
            del body[field.encode_name]
            answer = await send(ask, route, json=body)
            assert answer.status == 400
            assert answer.json["field"] == field.encode_name


@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_an_unknown_field_is_named(ask: Asker, route: Route) -> None:
    answer = await send(ask, route, json=full_body(route) | {"surprise": 1})

    assert answer.status == 400
    assert answer.json["field"] == "surprise"


@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_each_text_that_is_too_long_is_refused(ask: Asker, route: Route) -> None:
    for field in fields_of(route):
        if not takes(field, msgspec.inspect.StrType):
            continue
        for value in ("x" * 100_000, "\x00", "\x1b[2J", ""):
            body = full_body(route) | {field.encode_name: value}
            answer = await send(ask, route, json=body)
            assert answer.status < 500, (field.encode_name, answer)


NOISE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"1",
    b"\xff",
    b'{"name":"\xff"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'"\\ud800"',
    b"\x00" * 100,
]


@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_noise_is_no_body(ask: Asker, route: Route) -> None:
    headers = {"Content-Type": "application/json"}
    for data in NOISE:
        answer = await send(ask, route, data=data, headers=headers)

        assert answer.status == 400, (data[:20], answer)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded"]
)
async def test_a_body_that_is_not_called_json_is_not_read(
    ask: Asker, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    data = json.dumps({"name": "sneaked"})

    answer = await ask("POST", "", data=data, headers=headers)

    assert (answer.status, answer.json["field"]) == (400, "Content-Type")
    assert (await ask("GET", "/sneaked")).status == 404


async def test_a_body_over_the_limit_is_413(ask: Asker) -> None:
    data = b'{"name": "' + b"x" * JSON_BYTES_MAX + b'"}'
    headers = {"Content-Type": "application/json"}

    async def chunks() -> Any:
        yield data

    announced = await ask("POST", "", data=io.BytesIO(data), headers=headers)
    chunked = await ask("POST", "", data=chunks(), headers=headers)

    assert (announced.status, chunked.status) == (413, 413)


@pytest.mark.parametrize(
    "path",
    ["", "x" * 1025, "a%00b", "%ff", "%", "%zz", "%ed%a0%80"],
)
async def test_an_odd_path_is_refused_by_every_operation(ask: Asker, path: str) -> None:
    for method, route in [
        ("GET", "/lake/refs/main/objects"),
        ("HEAD", "/lake/refs/main/objects"),
        ("GET", "/lake/refs/main/objects/stat"),
        ("POST", "/lake/branches/main/objects"),
        ("DELETE", "/lake/branches/main/objects"),
    ]:
        answer = await ask(method, f"{route}?path={path}")
        assert answer.status == 400, (method, route)
        if method != "HEAD":
            assert answer.json["field"] == "path"


async def test_a_doubled_parameter_is_refused(ask: Asker) -> None:
    answer = await ask("GET", "/lake/refs/main/objects?path=a&path=b")

    assert (answer.status, answer.json["field"]) == (400, "path")


@pytest.mark.parametrize("amount", ["1001", "-2", "x", "", "9" * 100])
async def test_an_odd_amount_is_refused(ask: Asker, amount: str) -> None:
    for route in ["/lake/branches", "/lake/refs/main/objects/ls", "/lake/refs/main/commits",
                  "/lake/refs/log/main", "/lake/tags", "", "/lake/branches/main/diff"]:  # fmt: skip
        answer = await ask("GET", f"{route}?amount={amount}")
        assert (answer.status, answer.json["field"]) == (400, "amount")


@pytest.mark.parametrize(
    "ref", ["", "~", "main~x", "main%40%7B%7D", "a%2Fb", "main~" + "9" * 50, "%00", "a" * 2000,
            "..", "main%24%24", "%F0%9F%98%80"]
)  # fmt: skip
async def test_an_odd_ref_is_refused_or_not_found(ask: Asker, ref: str) -> None:
    for method, route in [
        ("GET", f"/lake/refs/{ref}/objects?path=o"),
        ("GET", f"/lake/refs/{ref}/commits"),
        ("GET", f"/lake/branches/{ref}"),
        ("GET", f"/lake/commits/{ref}"),
        ("GET", f"/lake/tags/{ref}"),
        ("DELETE", f"/lake/branches/{ref}"),
        ("POST", f"/lake/branches/{ref}/objects?path=o"),
    ]:
        answer = await ask(method, route)
        assert answer.status in (400, 404, 405), (method, route, answer)


async def test_a_batch_of_too_many_paths_is_refused(ask: Asker) -> None:
    body = {"paths": ["a"] * 1001}

    answer = await ask("POST", "/lake/branches/main/objects/delete", json=body)

    assert (answer.status, answer.json["field"]) == (400, "paths")


CONTENT = b'Content-Disposition: form-data; name="content"\r\n'
BROKEN_FORMS = [
    b"",
    b"noise",
    b"--b\r\n\r\nx\r\n--b--\r\n",
    b"--b--\r\n",
    b"--b\r\n%b\r\nhalf" % CONTENT,
    b"--b\r\n%b\r\nhalf\r\n--b\r\n" % CONTENT,
    b"--b\r\n%bContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b--\r\n" % CONTENT,
    b"--b\r\n%b\r\n1\r\n--b\r\n%b\r\n2\r\n--b--\r\n" % (CONTENT, CONTENT),
    b"--b\r\n%bContent-Type: multipart/mixed; boundary=c\r\n\r\n1\r\n--b--\r\n"
    % CONTENT,
    b"--b\r\n" + b"A: b\r\n" * 1000,
    b"--b\r\nA: " + b"b" * 20_000,
]
FORM = "multipart/form-data"


async def test_a_form_that_is_none_stores_nothing(ask: Asker) -> None:
    bad = [(f"{FORM}; boundary=b", data) for data in BROKEN_FORMS]
    bad += [
        (FORM, b"x"),
        (f"{FORM}; boundary=", b"x"),
        (f"{FORM}; boundary={'b' * 71}", b""),
    ]
    for content_type, data in bad:
        answer = await ask(
            "POST",
            "/lake/branches/main/objects?path=o",
            data=data,
            headers={"Content-Type": content_type},
        )
        assert answer.status == 400, (content_type, data[:80], answer)

    assert (await ask("GET", "/lake/refs/main/objects/ls")).paths == []


async def _talk(server: Served, data: bytes, *, then_close: bool = True) -> bytes:
    """Send raw bytes, end our side, and return all that comes back."""
    url = URL(server.url)
    assert url.host is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(data)
    if then_close:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def _head(method: str, target: str, *headers: str) -> bytes:
    key = base64.b64encode(f"{ADMIN.id}:{ADMIN.secret}".encode()).decode()
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Basic {key}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


UPLOAD = f"{paths.REPOSITORIES}/lake/branches/main/objects?path=o"


@pytest.mark.parametrize(
    "request_bytes",
    [
        _head("POST", UPLOAD, "Content-Length: 10") + b"half",
        _head("POST", UPLOAD, "Content-Length: 3000000") + b"half" * 100_000,
        _head("POST", UPLOAD, "Transfer-Encoding: chunked") + b"4\r\nhalf\r\n",
        _head("POST", UPLOAD, "Transfer-Encoding: chunked")
        + b"zz\r\nhalf\r\n0\r\n\r\n",
        _head("POST", UPLOAD, "Transfer-Encoding: chunked") + b"2\r\nhalf\r\n0\r\n\r\n",
    ],
    ids=["short", "short-large", "chunks-cut", "chunk-noise", "chunk-lies"],
)
async def test_a_body_that_breaks_off_stores_nothing(
    ask: Asker, server: Served, request_bytes: bytes
) -> None:
    answer = await _talk(server, request_bytes)

    assert b" 5" not in answer.partition(b"\r\n")[0]
    assert b" 20" not in answer.partition(b"\r\n")[0]
    assert (await ask("GET", "/lake/refs/main/objects/ls")).paths == []


async def test_a_client_that_waits_is_told_to_go_on(ask: Asker, server: Served) -> None:
    head = _head("POST", UPLOAD, "Content-Length: 2", "Expect: 100-continue",
                 "Connection: close")  # fmt: skip

    answer = await _talk(server, head + b"hi", then_close=False)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201")


async def test_a_client_that_may_not_write_is_not_told_to_go_on(server: Served) -> None:
    url = URL(server.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
    lines = [f"POST {UPLOAD} HTTP/1.1", "Host: x", "Expect: 100-continue",
             "Content-Length: 2", "", ""]  # fmt: skip
    writer.write("\r\n".join(lines).encode())

    assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
    writer.close()


@pytest.mark.parametrize(
    "target",
    ["*", "http://x/api/v1/user", "/api/v1/../user", "//api/v1/user", "/api/v1/user%00",
     "/api/v1/us\xe9r", "/api/v1/user?a=\xff", "/api/v1/user#x", "/api/v1/%75ser"],
)  # fmt: skip
async def test_odd_targets_are_answered(server: Served, target: str) -> None:
    head = _head("GET", target, "Connection: close")
    answer = await _talk(server, head, then_close=False)

    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 40", b"HTTP/1.0 400")), answer
