"""Input that cannot be right: 400 that names it; never a 5xx, never a traceback.

Every field of every body and every parameter is tried, from the shapes that the handlers
declare, so that a new operation is tried too. Each answer is held to the document.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect
import pytest
from lakebed.client.wire import RequestBody
from lakebed.client.wire import routes as paths
from lakebed.server.api.call import Streamed
from lakebed.server.api.parameters import SIGNATURE_EXPIRES
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.routing import JSON_BYTES_MAX
from yarl import URL

from support.api import ADMIN, Served
from support.asking import Answer, Asker
from support.story import BUILT, Operation, Teller

ROUTE_OF = {route.name: route for route in ROUTES}


def is_object(body: Any) -> bool:
    return isinstance(body, type) and issubclass(body, RequestBody)


WITH_BODY = [
    operation for operation in BUILT if is_object(ROUTE_OF[operation.name].models[1])
]
WITH_QUERY = [
    operation
    for operation in BUILT
    if ROUTE_OF[operation.name].models[0].__struct_fields__
]
OF_ONE_THING = [
    operation
    for operation in BUILT
    if operation.names and operation.described.get("security") != []
]

LONG = "x" * 100_000
TEXTS = [
    "",
    LONG,
    "é" * 5000,
    "\x00",
    "\x1b[2J",
    "a\x00b",
    "\n",
    "\u202e",
    "😀",
    "\u2028",
]
"""None of which is a good name; some are good paths and messages."""
NUMBERS = [
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    10**400,
    -1,
    -(2**63),
    -(10**30),
]
WRONG: dict[type[msgspec.inspect.Type], list[Any]] = {
    msgspec.inspect.StrType: [1, True, [], {}, ["a"]],
    msgspec.inspect.IntType: ["1", True, 1.5, [], {}],
    msgspec.inspect.BoolType: ["true", 1, 0, [], {}],
    msgspec.inspect.ListType: ["a", 1, {}, [1], [[]], [None], ["a", 1]],
    msgspec.inspect.DictType: ["a", 1, [], {"a": 1}, {"a": None}, {"a": {}}],
    msgspec.inspect.LiteralType: ["nosuch", 1, True, [], {}, "READ", LONG],
    msgspec.inspect.StructType: ["a", 1, [], {"nosuch": 1}],
}
"""What a field of each type is not."""


def fields_of(operation: Operation) -> tuple[msgspec.inspect.Field, ...]:
    described = msgspec.inspect.type_info(ROUTE_OF[operation.name].models[1])
    assert isinstance(described, msgspec.inspect.StructType)
    return described.fields


def kinds_of(field: msgspec.inspect.Field) -> list[type[msgspec.inspect.Type]]:
    """Return the types that a field may have, without null."""
    kind = field.type
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return [
        type(each) for each in kinds if not isinstance(each, msgspec.inspect.NoneType)
    ]


def may_be_null(field: msgspec.inspect.Field) -> bool:
    kind = field.type
    return isinstance(kind, msgspec.inspect.UnionType) and kind.includes_none


def has_numbers(field: msgspec.inspect.Field) -> bool:
    """Tell whether numbers may be in the object that `field` takes."""
    match field.type:
        case msgspec.inspect.DictType(value_type=inner):
            pass
        case msgspec.inspect.UnionType(types=types):
            objects = [
                each for each in types if isinstance(each, msgspec.inspect.DictType)
            ]
            if not objects:
                return False
            inner = objects[0].value_type
        case _:
            return False
    kinds = inner.types if isinstance(inner, msgspec.inspect.UnionType) else (inner,)
    return any(
        isinstance(each, msgspec.inspect.AnyType | msgspec.inspect.IntType)
        for each in kinds
    )


def wrong_values(field: msgspec.inspect.Field) -> Iterator[Any]:
    """Yield values of which `field` takes none."""
    allowed = kinds_of(field)
    for value in [each for kind in allowed for each in WRONG[kind]]:
        fits = msgspec.inspect.StrType in allowed and isinstance(value, str)
        fits |= msgspec.inspect.BoolType in allowed and isinstance(value, bool)
        fits |= isinstance(value, dict) and has_numbers(field)
        if not fits:
            yield value
    if not may_be_null(field):
        yield None


def odd_values(field: msgspec.inspect.Field) -> Iterator[Any]:
    """Yield values of the right type that hardly anybody means."""
    for kind in kinds_of(field):
        if kind is msgspec.inspect.StrType:
            yield from TEXTS
        elif kind is msgspec.inspect.IntType:
            yield from NUMBERS
        elif kind is msgspec.inspect.ListType:
            yield from ([text] for text in TEXTS)
            yield from (["a"] * 5000, [])
        elif kind is msgspec.inspect.DictType:
            yield from ({text: "base"} for text in TEXTS)
            yield from ({"a": text} for text in TEXTS)


def names(answer: Answer, field: str) -> bool:
    """Tell whether `answer` is a refusal that names `field`, or what is in it."""
    named = answer.json.get("field", "")
    return answer.status == 400 and named.split(".")[0].split("[")[0] == field


def is_bounded(answer: Answer) -> bool:
    """Tell whether what the answer says fits a terminal, and changes nothing there."""
    said = answer.json["message"] + answer.json.get("detail", "")
    return len(said) < 1000


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_each_field_of_a_wrong_type_is_named(
    teller: Teller, operation: Operation
) -> None:
    for field in fields_of(operation):
        for value in wrong_values(field):
            body = {**operation.body, field.encode_name: value}
            answer = await teller.ask(operation, body=body)
            assert names(answer, field.encode_name), (field.encode_name, value, answer)
            assert is_bounded(answer)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_each_odd_value_is_taken_or_named(
    teller: Teller, operation: Operation
) -> None:
    """Or met by what the lake is: a conflict, or that nothing is there."""
    for field in fields_of(operation):
        for value in odd_values(field):
            body = {**operation.body, field.encode_name: value}
            answer = await teller.ask(operation, body=body)
            assert answer.status < 500, (field.encode_name, value, answer)
            if answer.status == 400 and answer.json["code"].startswith("invalid"):
                assert names(answer, field.encode_name), (
                    field.encode_name,
                    value,
                    answer,
                )
            if answer.status >= 400:
                assert is_bounded(answer), (field.encode_name, answer)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_each_missing_field_is_named(
    teller: Teller, operation: Operation
) -> None:
    for field in fields_of(operation):
        if field.required:
            body = {**operation.body}
            del body[field.encode_name]
            assert names(await teller.ask(operation, body=body), field.encode_name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_unknown_and_doubled_fields_are_named(
    teller: Teller, operation: Operation
) -> None:
    known = [field.encode_name for field in fields_of(operation)]
    for name in ("surprise", "\x1b[2J", known[0].upper(), f"{known[0]} "):
        answer = await teller.ask(operation, body={**operation.body, name: 1})
        assert answer.status == 400
        assert answer.json["field"] == name

    body = json.dumps(operation.body)[1:-1]
    for name in known:
        spelled = "".join(f"\\u{ord(letter):04x}" for letter in name)
        pair = f'"{name}": {json.dumps(operation.body.get(name))}'
        double = (
            f'{{{pair}, "{spelled}": {json.dumps(operation.body.get(name))}, {body}}}'
        )
        answer = await teller.ask(operation, data=double.encode())
        assert names(answer, name) or name not in operation.body, (name, answer)
        assert answer.status == 400


NOISE = [
    b"",
    b" ",
    b"{",
    b"null",
    b"[]",
    b"1",
    b"NaN",
    b'"text"',
    b"{}{}",
    b"\xff",
    b'{"name":"\xff"}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'"\\ud800"',
    b'{"\\ud800": 1}',
    b"\x00" * 100,
    b"{'a': 1}",
    b'{"a": 1,}',
]
CONSTANTS = [b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b'"\\udc00\\ud800"', b"01", b"1e999",
             b"[" * 10_000, b'{"a":' * 10_000]  # fmt: skip
"""What is no JSON, or none that can be meant, in place of a value."""


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_noise_is_no_body(teller: Teller, operation: Operation) -> None:
    for data in NOISE:
        answer = await teller.ask(operation, data=data)
        assert answer.status == 400, (data[:20], answer)
        assert is_bounded(answer)
    for field in fields_of(operation):
        for constant in CONSTANTS:
            data = b'{"%b": %b}' % (field.encode_name.encode(), constant)
            answer = await teller.ask(operation, data=data)
            assert answer.status == 400, (data[:20], answer)
            assert is_bounded(answer)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_a_body_that_is_not_called_json_or_is_packed_is_not_read(
    teller: Teller, operation: Operation
) -> None:
    data = json.dumps(operation.body).encode()
    for headers in (
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ):
        answer = await teller.ask(operation, data=data, headers=headers)
        assert answer.status == 415, (headers, answer)
        assert answer.json["field"] in headers


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_a_body_over_the_limit_is_413(
    teller: Teller, operation: Operation
) -> None:
    data = json.dumps(operation.body).encode() + b" " * JSON_BYTES_MAX

    async def chunks() -> Any:
        yield data

    announced = await teller.ask(operation, data=io.BytesIO(data))
    chunked = await teller.ask(operation, data=chunks())

    assert (announced.status, chunked.status) == (413, 413)


PARAMETERS: dict[type[msgspec.inspect.Type], list[str]] = {
    msgspec.inspect.BoolType: ["", "yes", "2", "null", "tru", LONG[:5000]],
    msgspec.inspect.IntType: [
        "",
        "x",
        "1.5",
        "-2",
        "1001",
        "9" * 100,
        "0x1",
        "NaN",
    ],
    msgspec.inspect.LiteralType: ["", "nosuch", "TWO_DOT"],
    msgspec.inspect.StrType: [LONG[:5000]],
    msgspec.inspect.VarTupleType: [LONG[:5000]],
}
"""What no parameter of the type takes."""
ENCODED = ["%ff", "%", "%zz", "%ed%a0%80", "%c0%80"]
ODD_PARAMETERS = ["", "%00", "%1b%5b2J", "a%00b", "%e2%80%ae", "%0d%0aX:y", "9" * 19, "0", "-1", "~", "main~1",
                  "2026-13-45", "0001-01-01T00:00%2B14:00", "9999-12-31T23:59-14:00"]  # fmt: skip


def spell(operation: Operation, name: str, encoded: str) -> str:
    """Return the target of the example, with a parameter as it is written here."""
    target = operation.fill()
    path, _, query = target.partition("?")
    pairs = [
        pair for pair in query.split("&") if pair and not pair.startswith(f"{name}=")
    ]
    return f"{path}?{'&'.join([*pairs, f'{name}={encoded}'])}"


async def ask_for(teller: Teller, operation: Operation, target: str) -> Answer:
    # HEAD has no body that could name a field.
    method = "GET" if operation.method == "HEAD" else operation.method
    body = operation.body
    if issubclass(ROUTE_OF[operation.name].models[1], Streamed):
        body = b"x"
    return await teller.send(method, target, body)


@pytest.mark.parametrize("operation", WITH_QUERY, ids=str)
async def test_each_wrong_parameter_is_named(
    teller: Teller, operation: Operation
) -> None:
    described = msgspec.inspect.type_info(ROUTE_OF[operation.name].models[0])
    assert isinstance(described, msgspec.inspect.StructType)
    for field in described.fields:
        name = field.encode_name
        for encoded in [*PARAMETERS[type(field.type)], *ENCODED]:
            if (name, encoded) == (SIGNATURE_EXPIRES, "1001"):
                continue  # a time, and not a count
            answer = await ask_for(teller, operation, spell(operation, name, encoded))
            assert names(answer, name), (name, encoded[:20], answer)
            assert is_bounded(answer)
        if not isinstance(field.type, msgspec.inspect.VarTupleType):
            twice = spell(operation, name, f"a&{name}=a")
            assert names(await ask_for(teller, operation, twice), name)
        if field.required:
            without = spell(operation, name, "").removesuffix(f"{name}=")
            assert names(await ask_for(teller, operation, without), name)


@pytest.mark.parametrize("operation", WITH_QUERY, ids=str)
async def test_each_odd_parameter_is_taken_or_named(
    teller: Teller, operation: Operation
) -> None:
    for name in ROUTE_OF[operation.name].models[0].__struct_encode_fields__:
        for encoded in ODD_PARAMETERS:
            answer = await ask_for(teller, operation, spell(operation, name, encoded))
            assert answer.status < 500 or answer.status == 501, (name, encoded, answer)
            if answer.status == 400 and answer.json["code"].startswith("invalid"):
                assert names(answer, name), (name, encoded, answer)


@pytest.mark.parametrize("operation", OF_ONE_THING, ids=str)
async def test_each_thing_that_is_not_there_is_a_404_that_says_which(
    teller: Teller, operation: Operation
) -> None:
    """Or, where making it is what was asked, or again is the same, the answer to that."""
    for name in operation.names:
        answer = await teller.ask(operation, names={name: "nosuch"})
        if answer.status < 300:
            assert operation.name in (
                "deleteObject",
                "moveModelAlias",
                "registerModelVersion",
            )
            continue
        assert answer.status == 404, (name, answer)
        if operation.method != "HEAD":
            assert "nosuch" in answer.json.get("detail", answer.json["message"])
            assert "nosuch" in answer.json.values()
    if "path" in operation.query and operation.name not in (
        "uploadObject",
        "deleteObject",
        "proveObject",  # proves that nothing is there
    ):
        answer = await teller.ask(operation, query={"path": "no/such"})
        assert answer.status == 404
        if operation.method != "HEAD":
            assert answer.json["path"] == "no/such"


@pytest.mark.parametrize("operation", OF_ONE_THING, ids=str)
async def test_each_odd_name_in_a_path_is_refused_or_not_found(
    teller: Teller, operation: Operation
) -> None:
    for name in operation.names:
        for text in (*TEXTS[1:], "...", "~", "main~x", "main@{}", "a/b", "main~" + "9" * 50, "main$$", "-", "*", "%"):  # fmt: skip
            answer = await teller.ask(operation, names={name: text[:300]})
            assert answer.status in (400, 403, 404), (name, text, answer)
            if operation.method != "HEAD":
                assert is_bounded(answer)
                if answer.status == 400:
                    assert names(answer, name), (name, text, answer)


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


UNUSABLE_HEADERS = {
    "x-lakefs-meta-": b"x",
    "x-lakefs-meta-long": b"x" * 3000,
    "x-lakefs-meta-tab": b"a\tb",
    "x-lakefs-meta-escape": "\u200b".encode(),
    "X-Lakefs-Meta-Latin": b"\xfc",
    "X-Lakefs-Meta-Surrogate": b"\xed\xa0\x80",
    "Content-Type": b"text/\xfc",
    "content-type": b"t" * 3000,
    "Content-Encoding": b"gzip\xff",
}
"""Of an upload; other values of the same headers are kept and given back."""


@pytest.mark.parametrize("name", UNUSABLE_HEADERS)
async def test_a_header_that_cannot_be_given_back_is_named(
    server: Served, name: str
) -> None:
    head = _head("POST", UPLOAD, "Content-Length: 1", "Connection: close", f"{name}: ")
    value = UNUSABLE_HEADERS[name]

    answer = await _talk(
        server, head[: -len("\r\n\r\n")] + value + b"\r\n\r\nx", then_close=False
    )

    assert answer.startswith(b"HTTP/1.1 400 "), answer
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "invalid-value"
    assert problem["field"].lower() == name.lower()


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
