"""Ways in which a request can be wrong, for every operation, mechanism and payload mode.

A case makes a wrong request out of a valid one, and says with which codes a correct
server may refuse it.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from lakebed.server.auth.secrets import AccessKey
from lakebed.server.s3.table import Operation

from support.s3answers import code_of
from support.s3raw import (
    SIGNED_CHUNKS,
    SIGNED_CHUNKS_TRAILER,
    UNSIGNED,
    UNSIGNED_CHUNKS_TRAILER,
    Raw,
    Signer,
    Wire,
    frame,
)
from support.s3server import ADMIN, Answer
from support.s3writes import WRITES, Scene, Write

MECHANISMS = ("header", "query")
SHA256 = "sha256"
"""Stands for the hex digest of the body."""
MODES = (
    SHA256,
    UNSIGNED,
    SIGNED_CHUNKS,
    SIGNED_CHUNKS_TRAILER,
    UNSIGNED_CHUNKS_TRAILER,
)
CRC32 = "x-amz-checksum-crc32"
CHUNK_BYTES = 8 * 1024


@dataclass(frozen=True)
class Way:
    """How a request is signed, and its body protected."""

    mechanism: str
    mode: str

    @property
    def is_chunked(self) -> bool:
        return self.mode.startswith("STREAMING-")

    def __str__(self) -> str:
        return f"{self.mechanism}-{self.mode}"


WAYS = [Way(mechanism, mode) for mechanism in MECHANISMS for mode in MODES]


@dataclass
class Plan:
    """A request that is about to be signed, and by whom."""

    method: str
    write: Write
    way: Way
    signer: Signer
    data: bytes
    items: list[bytes] = field(default_factory=list[bytes])
    """The framing of the body, once it is signed."""

    def sign(self) -> Raw:
        """Return the request, signed, with its body as it goes over the wire."""
        write, way = self.write, self.way
        headers = {"host": write.headers.get("host", ""), **write.headers}
        raw = Raw(self.method, write.path, [*write.query], headers)
        takes_checksum = write.body is not None and not write.has_object_checksum
        if write.has_object_checksum:
            md5 = hashlib.md5(self.data).digest()
            raw.headers["content-md5"] = base64.b64encode(md5).decode()
        crc = base64.b64encode(zlib.crc32(self.data).to_bytes(4, "big")).decode()
        trailers: dict[str, str] = {}
        if way.is_chunked:
            raw.headers["x-amz-decoded-content-length"] = str(len(self.data))
        if takes_checksum and way.mode.endswith("TRAILER"):
            raw.headers["x-amz-trailer"] = CRC32
            trailers = {CRC32: crc}
        elif takes_checksum:
            raw.headers[CRC32] = crc
        payload = way.mode
        if payload == SHA256:
            payload = hashlib.sha256(self.data).hexdigest()
        if way.mechanism == "header":
            seed = raw.sign_header(self.signer, payload)
        else:
            seed = raw.sign_query(self.signer, payload)
        raw.body = self.data
        if way.is_chunked:
            pieces = [
                self.data[at : at + CHUNK_BYTES]
                for at in range(0, len(self.data), CHUNK_BYTES)
            ]
            is_signed = way.mode != UNSIGNED_CHUNKS_TRAILER
            self.items = frame(
                pieces,
                signer=self.signer if is_signed else None,
                seed=seed,
                trailers=trailers,
                sign_trailer=way.mode == SIGNED_CHUNKS_TRAILER,
            )
            raw.body = b"".join(self.items)
        return raw


def plan(scene: Scene, operation: Operation, way: Way) -> Plan:
    """Return a plan for a valid request."""
    write = WRITES[operation.name](scene)
    write.headers["host"] = scene.server.address
    return Plan(operation.method, write, way, Signer(ADMIN), write.body or b"")


Break = Callable[[Plan, Scene], Raw]


@dataclass(frozen=True)
class Case:
    """A way to be wrong."""

    name: str
    make: Break
    codes: Callable[[Plan], set[str]]


def _by(name: str, make: Break, *codes: str) -> Case:
    return Case(name, make, lambda plan: set(codes))


def _sign_as(key: AccessKey) -> Break:
    def make(plan: Plan, scene: Scene) -> Raw:
        plan.signer = Signer(key)
        return plan.sign()

    return make


def _sign_as_revoked(plan: Plan, scene: Scene) -> Raw:
    plan.signer = Signer(scene.revoked)
    return plan.sign()


def _tamper(plan: Plan, scene: Scene) -> Raw:
    raw = plan.sign()
    if not plan.data:
        raw.body = b"1\r\nx\r\n" + raw.body if plan.way.is_chunked else b"x"
        return raw
    at = raw.body.index(plan.data[:16]) + 7
    raw.body = raw.body[:at] + bytes([raw.body[at] ^ 1]) + raw.body[at + 1 :]
    return raw


def _tampered_codes(plan: Plan) -> set[str]:
    if not plan.data:
        return {
            "IncompleteBody",
            "MaxMessageLengthExceeded",
            "XAmzContentSHA256Mismatch",
            "BadDigest",
        }
    match plan.way.mode:
        case "sha256":
            return {"XAmzContentSHA256Mismatch"}
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
            return {"SignatureDoesNotMatch"}
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
            return {"SignatureDoesNotMatch"}
        case _:
            return {"BadDigest"}


def _add(name: str, value: str) -> Break:
    def make(plan: Plan, scene: Scene) -> Raw:
        raw = plan.sign()
        # One that is there already is joined with the signed one.
        raw.headers[name if name not in raw.headers else name.upper()] = value
        return raw

    return make


def _age(age_s: int) -> Break:
    def make(plan: Plan, scene: Scene) -> Raw:
        plan.signer = Signer(ADMIN, age=timedelta(seconds=age_s))
        return plan.sign()

    return make


def _time_codes(plan: Plan) -> set[str]:
    is_header = plan.way.mechanism == "header"
    return {"RequestTimeTooSkewed" if is_header else "AccessDenied"}


def _to_other_bucket(plan: Plan, scene: Scene) -> Raw:
    raw = plan.sign()
    raw.path = raw.path.replace(f"/{scene.repository}", f"/{scene.other}", 1)
    return raw


def _to_other_path(plan: Plan, scene: Scene) -> Raw:
    raw = plan.sign()
    raw.path += "/main/y" if raw.path.count("/") == 1 else "y"
    return raw


def _with_other_query(plan: Plan, scene: Scene) -> Raw:
    raw = plan.sign()
    raw.query.append(("x-id", "Other"))
    return raw


def _by_both(plan: Plan, scene: Scene) -> Raw:
    raw = plan.sign()
    if plan.way.mechanism == "header":
        other = Raw(raw.method, raw.path, [*plan.write.query], {"host": "h"})
        other.sign_query(plan.signer, UNSIGNED)
        raw.query = other.query
    else:
        other = Raw(raw.method, raw.path, [*raw.query], {**raw.headers})
        other.sign_header(plan.signer, UNSIGNED)
        raw.headers["authorization"] = other.headers["authorization"]
    return raw


CASES = (
    _by(
        "wrong secret",
        _sign_as(AccessKey(ADMIN.id, "not-the-secret")),
        "SignatureDoesNotMatch",
    ),
    _by(
        "unknown key",
        _sign_as(AccessKey("NOBODYSKEY", ADMIN.secret)),
        "InvalidAccessKeyId",
    ),
    _by("revoked key", _sign_as_revoked, "InvalidAccessKeyId"),
    Case("tampered body", _tamper, _tampered_codes),
    _by("unsigned metadata", _add("x-amz-meta-evil", "1"), "AccessDenied"),
    _by("unsigned tags", _add("x-amz-tagging", "evil=1"), "AccessDenied"),
    _by(
        "unsigned access list",
        _add("x-amz-acl", "public-read"),
        "AccessDenied",
        "SignatureDoesNotMatch",  # where one was signed, and this is joined with it
    ),
    _by(
        "unsigned copy source",
        _add("x-amz-copy-source", "/evil/main/x"),
        "AccessDenied",
        "SignatureDoesNotMatch",
    ),
    Case("expired", _age(16 * 60), _time_codes),
    Case("from the future", _age(-16 * 60), _time_codes),
    _by("other bucket", _to_other_bucket, "SignatureDoesNotMatch"),
    _by("other path", _to_other_path, "SignatureDoesNotMatch"),
    _by("other query", _with_other_query, "SignatureDoesNotMatch"),
    _by("both mechanisms", _by_both, "InvalidArgument"),
)


def _reframe(change: Callable[[list[bytes]], None]) -> Break:
    def make(plan: Plan, scene: Scene) -> Raw:
        raw = plan.sign()
        change(plan.items)
        raw.body = b"".join(plan.items)
        return raw

    return make


def _head(items: list[bytes], size: str) -> None:
    """Let the first chunk claim another size."""
    _, mark, rest = items[0].partition(b";")
    items[0] = size.encode() + (mark + rest if mark else b"\r\n")


def _last_head(items: list[bytes]) -> int:
    return max(n for n, item in enumerate(items) if item.startswith((b"0;", b"0\r")))


def _resign(items: list[bytes], at: int) -> None:
    """Change the last digit of a signature."""
    text = items[at].rstrip(b"\r\n")
    items[at] = text[:-1] + (b"1" if text.endswith(b"0") else b"0") + b"\r\n"


def _first_signature(items: list[bytes]) -> None:
    _resign(items, 0)


def _last_signature(items: list[bytes]) -> None:
    _resign(items, _last_head(items))


def _trailer_signature(items: list[bytes]) -> None:
    _resign(items, len(items) - 2)


def _no_last_chunk(items: list[bytes]) -> None:
    del items[_last_head(items) :]


def _no_end(items: list[bytes]) -> None:
    items.pop()


def _no_data(items: list[bytes]) -> None:
    del items[:-1]
    items.append(b"0\r\n\r\n")


def _no_trailer(items: list[bytes]) -> None:
    del items[_last_head(items) + 1]


def _other_trailer(items: list[bytes]) -> None:
    at = _last_head(items) + 1
    items[at] = items[at].replace(b"crc32", b"crc32c")


def _second_trailer(items: list[bytes]) -> None:
    at = _last_head(items) + 1
    items.insert(at, items[at])


def _more_behind(items: list[bytes]) -> None:
    items.append(b"0\r\n\r\n")


_BROKEN = ("IncompleteBody",)
_SIGNED = (SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER)
_ALL_CHUNKED = (*_SIGNED, UNSIGNED_CHUNKS_TRAILER)
_TRAILED = (SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER)
_FORGED = ("SignatureDoesNotMatch",)
_TRAILER = ("MalformedTrailerError",)

Framing = tuple[str, tuple[str, ...], Callable[[list[bytes]], None], tuple[str, ...]]

FRAMINGS: tuple[Framing, ...] = (
    ("first signature", _SIGNED, _first_signature, _FORGED),
    ("last signature", _SIGNED, _last_signature, _FORGED),
    ("signature of the trailer", (SIGNED_CHUNKS_TRAILER,), _trailer_signature, _FORGED),
    ("no last chunk", _ALL_CHUNKED, _no_last_chunk, _BROKEN),
    ("no end", _ALL_CHUNKED, _no_end, _BROKEN),
    ("no data", _ALL_CHUNKED, _no_data, _BROKEN),
    ("more behind the end", _ALL_CHUNKED, _more_behind, _BROKEN),
    ("smaller", _ALL_CHUNKED, lambda items: _head(items, "1"), _BROKEN),
    ("larger", _ALL_CHUNKED, lambda items: _head(items, "fffff"), _BROKEN),
    ("huge", _ALL_CHUNKED, lambda items: _head(items, "f" * 16), _BROKEN),
    ("endless", _ALL_CHUNKED, lambda items: _head(items, "f" * 5000), _BROKEN),
    ("negative", _ALL_CHUNKED, lambda items: _head(items, "-1"), _BROKEN),
    ("no number", _ALL_CHUNKED, lambda items: _head(items, ""), _BROKEN),
    ("no trailer", _TRAILED, _no_trailer, _TRAILER),
    ("another trailer", _TRAILED, _other_trailer, _TRAILER),
    ("a trailer twice", _TRAILED, _second_trailer, _TRAILER),
)
"""What can be wrong with the framing of a body: name, where, how, and the codes."""


def list_framings(way: Way, *, has_trailer: bool = True) -> list[Case]:
    """Return the cases of wrong framing for a way of sending a body."""
    return [
        _by(name, _reframe(change), *codes)
        for name, modes, change, codes in FRAMINGS
        if way.mode in modes and (has_trailer or "trailer" not in name)
    ]


CASE_BY_NAME = {case.name: case for case in CASES}


def refuse_all(
    scene: Scene, operation: Operation, way: Way, cases: Sequence[Case]
) -> None:
    """Send a wrong request for each of `cases`; return if all are refused rightly.

    Raises:
        AssertionError: one was let in, refused in other words, or left the connection in
            disorder; or one of them stored something.
    """
    plan(scene, operation, way)  # what it refers to is made now, and not by a case
    before = scene.fingerprint()
    for case in cases:
        planned = plan(scene, operation, way)
        raw = case.make(planned, scene)
        label = (operation.name, str(way), case.name)
        answer = send(scene, raw, label)
        assert 400 <= answer.status < 500, (label, answer)
        assert code_of(answer) in case.codes(planned), (label, answer)
    assert scene.fingerprint() == before, (operation.name, str(way))


def send(scene: Scene, raw: Raw, label: object) -> Answer:
    """Return the answer to `raw`, after which the connection goes on, or is closed."""
    raw.headers["content-length"] = str(len(raw.body))
    with Wire(scene.server) as wire:
        answer = wire.exchange(raw)
        if wire.closes:
            assert wire.is_closed(), label
            return answer
        path = f"/{scene.repository}/main/x"
        probe = Raw("GET", path, headers={"host": scene.server.address})
        probe.sign_header(Signer(ADMIN), UNSIGNED)
        after = wire.exchange(probe)
        assert (after.status, after.body) == (200, b"new"), (label, answer, after)
    return answer
