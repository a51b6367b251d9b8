"""No write is let in that a correct server would refuse: every operation, in every way.

{header, query} x five payload modes x what can be wrong x all operations of the table.
Each is refused with the right words, stores nothing, and leaves a connection in order.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from lakebed.server.auth import sigv4
from lakebed.server.s3.body import Body
from lakebed.server.s3.checksums import Checksum, StoredChecksum
from lakebed.server.s3.chunk_signatures import ChunkSignatures
from lakebed.server.s3.table import Operation

from support.s3local import run_local
from support.s3negatives import (
    CASE_BY_NAME,
    CASES,
    SHA256,
    WAYS,
    Way,
    list_framings,
    plan,
    refuse_all,
    send,
)
from support.s3raw import SIGNED_CHUNKS, UNSIGNED, Wire
from support.s3server import ServerProcess
from support.s3writes import WRITES, Scene, list_writes

OPERATIONS = list_writes()
CHUNKED_WAYS = [way for way in WAYS if way.is_chunked]


@pytest.fixture(scope="module")
def scene(server: ServerProcess) -> Scene:
    """Nothing is ever written to it: all is refused."""
    return Scene.make(server, "negatives")


@pytest.fixture(scope="module")
def written(server: ServerProcess) -> Scene:
    return Scene.make(server, "positives", is_kept=False)


def test_every_write_of_the_table_is_among_them() -> None:
    assert {row.name for row in OPERATIONS} == set(WRITES)


def test_so_many_cases_there_are(
    record_property: Callable[[str, object], None],
) -> None:
    count = len(OPERATIONS) * len(WAYS) * len(CASES)
    framings = sum(len(list_framings(way)) for way in CHUNKED_WAYS)

    record_property("wrong requests", count)
    record_property("wrong framings of each body", framings)
    assert len(WAYS) == 2 * 5
    assert len(CASES) >= 14
    assert count >= 2000
    assert framings >= 80


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_wrong_request_is_refused_and_stores_nothing(
    scene: Scene, operation: Operation, way: Way
) -> None:
    refuse_all(scene, operation, way, CASES)


@pytest.mark.parametrize("way", CHUNKED_WAYS, ids=str)
def test_wrong_framing_is_refused_and_stores_nothing(scene: Scene, way: Way) -> None:
    for operation in list_with_body(scene, way):
        has_trailer = not plan(scene, operation, way).write.has_object_checksum
        cases = list_framings(way, has_trailer=has_trailer)
        refuse_all(scene, operation, way, cases)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_body_that_breaks_off_stores_nothing(scene: Scene, way: Way) -> None:
    """Whether the client is gone, or waits for the answer to half of a body."""
    for operation in list_with_body(scene, way):
        raw = plan(scene, operation, way).sign()
        raw.headers["content-length"] = str(len(raw.body))
        before = scene.fingerprint()
        for sent in (0, len(raw.body) // 2, len(raw.body) - 1):
            with Wire(scene.server) as wire:
                wire.send(raw.head + raw.body[:sent])
            with Wire(scene.server) as wire:
                wire.send(raw.head + raw.body[:sent])
                wire.socket.shutdown(socket.SHUT_WR)
                ends = wire.is_closed()
                assert ends, (operation.name, way)
        assert scene.fingerprint() == before, (operation.name, way)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_body_is_asked_for_once_the_caller_is_let_in(
    written: Scene, way: Way
) -> None:
    """And never of a caller who is not; then the connection is of no use any more."""
    for operation in list_with_body(written, way):
        raw = plan(written, operation, way).sign()
        raw.headers |= {"content-length": str(len(raw.body)), "expect": "100-continue"}
        with Wire(written.server) as wire:
            wire.send(raw.head)
            assert wire.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.send(raw.body)
            assert wire.read().status < 300, operation.name

        wrong = CASE_BY_NAME["wrong secret"].make(
            plan(written, operation, way), written
        )
        wrong.headers |= {"content-length": "1000000", "expect": "100-continue"}
        with Wire(written.server) as wire:
            wire.send(wrong.head)
            assert wire.read().status == 403
            assert wire.closes
            assert wire.is_closed()


def list_with_body(scene: Scene, way: Way) -> list[Operation]:
    """Return the operations whose valid request has a body."""
    found = [row for row in OPERATIONS if plan(scene, row, way).data]
    assert "PutObject" in {row.name for row in found}
    return found


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_right_request_is_taken(
    written: Scene, operation: Operation, way: Way
) -> None:
    """Or the refusals above would be those of requests that are wrong anyway."""
    raw = plan(written, operation, way).sign()

    answer = send(written, raw, operation.name)

    assert 200 <= answer.status < 300, answer
    assert b"<Error>" not in answer.body


# --- the tests are able to fail ---------------------------------------------------------


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A server in this process, whose checks can be taken away."""
    with run_local(tmp_path_factory.mktemp("soft") / "lake") as server:
        yield Scene.make(server, "soft")


def _nothing(*_: object, **__: object) -> None:
    pass


def _yes(*_: object, **__: object) -> bool:
    return True


def _believe(
    self: Checksum, computed: bytes, trailers: dict[str, str]
) -> StoredChecksum:
    return StoredChecksum(self.algorithm, computed)


CHECKS: list[tuple[object, str, Callable[..., object], str, str]] = [
    (sigv4.Claim, "verify", _yes, "wrong secret", SHA256),
    (sigv4.Claim, "verify", _yes, "other bucket", SHA256),
    (sigv4.Claim, "verify", _yes, "other path", SHA256),
    (sigv4.Claim, "check_time", _nothing, "expired", SHA256),
    (sigv4.Claim, "check_time", _nothing, "from the future", SHA256),
    (sigv4, "_check_signed_headers", _nothing, "unsigned metadata", SHA256),
    (sigv4, "_check_signed_headers", _nothing, "unsigned copy source", SHA256),
    (Body, "_check_sha256", _nothing, "tampered body", SHA256),
    (Checksum, "verify", _believe, "tampered body", UNSIGNED),
    (ChunkSignatures, "_compare", _nothing, "tampered body", SIGNED_CHUNKS),
]


@pytest.mark.parametrize("mechanism", ["header", "query"])
@pytest.mark.parametrize(
    ("owner", "name", "stub", "case", "mode"),
    CHECKS,
    ids=[f"{name}-{case}" for _, name, _, case, _ in CHECKS],
)
def test_without_a_check_its_test_turns_red(
    soft: Scene,
    monkeypatch: pytest.MonkeyPatch,
    mechanism: str,
    owner: object,
    name: str,
    stub: Callable[..., object],
    case: str,
    mode: str,
) -> None:
    (put,) = (row for row in OPERATIONS if row.name == "PutObject")
    way = Way(mechanism, mode)
    refuse_all(soft, put, way, [CASE_BY_NAME[case]])

    monkeypatch.setattr(owner, name, stub)
    if (name, mode) == ("_check_sha256", SHA256):
        # Two checks hold here: the checksum that is signed beside the SHA-256.
        monkeypatch.setattr(Checksum, "verify", _believe)

    with pytest.raises(AssertionError):
        refuse_all(soft, put, way, [CASE_BY_NAME[case]])
