"""Objects of any size, made and sent and read a piece at a time, never held whole."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from support.s3raw import UNSIGNED, UNSIGNED_CHUNKS_TRAILER, Raw, Signer, Wire
from support.s3server import ADMIN, Answer, ServerProcess

MIB = 1024 * 1024
GIB = 1024 * MIB
WORKER_BYTES_MAX = 256 * MIB
"""Memory of one server process, whatever is sent through it."""
PIECE_BYTES = MIB
ANSWER_S_MAX = 120.0
"""A server that has not answered by then hangs; the last fsync of 5 GiB takes seconds."""
_CRC32 = "x-amz-checksum-crc32"


@dataclass(frozen=True)
class Noise:
    """`size_bytes` bytes that follow from `seed`; no run of them comes twice."""

    seed: int
    size_bytes: int

    def iter_pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop` in order; `start` is a multiple of 16."""
        stop = self.size_bytes if stop is None else stop
        # A stream cipher over zeros: ten times as fast as `random`, from any place on.
        counter = modes.CTR((start // 16).to_bytes(16, "big"))
        key = algorithms.AES(self.seed.to_bytes(16, "big"))
        stream = Cipher(key, counter).encryptor()
        while start < stop:
            size = min(PIECE_BYTES, stop - start)
            yield stream.update(bytes(size))
            start += size

    def sha256(self, start: int = 0, stop: int | None = None) -> str:
        digest = hashlib.sha256()
        for piece in self.iter_pieces(start, stop):
            digest.update(piece)
        return digest.hexdigest()


def put_stream(server: ServerProcess, target: str, noise: Noise) -> Answer:
    """Put an object in one stream of aws-chunked, with its CRC32 in the trailer."""
    sizes = [PIECE_BYTES] * (noise.size_bytes // PIECE_BYTES)
    if rest := noise.size_bytes % PIECE_BYTES:
        sizes.append(rest)
    framed_bytes = sum(len(f"{size:x}") + 4 + size for size in sizes)
    trailer_bytes = len(f"0\r\n{_CRC32}:{_encode(0)}\r\n\r\n")
    headers = {
        "host": server.address,
        "content-encoding": "aws-chunked",
        "content-length": str(framed_bytes + trailer_bytes),
        "x-amz-decoded-content-length": str(noise.size_bytes),
        "x-amz-trailer": _CRC32,
    }
    raw = Raw("PUT", target, headers=headers)
    raw.sign_header(Signer(ADMIN), UNSIGNED_CHUNKS_TRAILER)
    crc = 0
    with Wire(server) as wire:
        wire.socket.settimeout(ANSWER_S_MAX)
        wire.send(raw.head)
        for piece in noise.iter_pieces():
            crc = zlib.crc32(piece, crc)
            wire.send(b"%x\r\n" % len(piece))
            wire.send(piece)
            wire.send(b"\r\n")
        wire.send(f"0\r\n{_CRC32}:{_encode(crc)}\r\n\r\n".encode())
        return wire.read()


def put_parts(
    server: ServerProcess, bucket: str, key: str, noise: Noise, part_bytes: int
) -> dict[str, Any]:
    """Put an object in parts, two at a time; return what completed it."""
    s3 = server.s3(read_timeout=ANSWER_S_MAX)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]

    def send(number: int) -> dict[str, Any]:
        start = (number - 1) * part_bytes
        stop = min(start + part_bytes, noise.size_bytes)
        query = [("partNumber", str(number)), ("uploadId", upload)]
        headers = {"host": server.address, "content-length": str(stop - start)}
        raw = Raw("PUT", f"/{bucket}/{key}", query, headers)
        raw.sign_header(Signer(ADMIN), UNSIGNED)
        with Wire(server) as wire:
            wire.socket.settimeout(ANSWER_S_MAX)
            wire.send(raw.head)
            for piece in noise.iter_pieces(start, stop):
                wire.send(piece)
            answer = wire.read()
        assert answer.status == 200, answer.body
        return {"PartNumber": number, "ETag": answer.headers["etag"]}

    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(send, range(1, -(-noise.size_bytes // part_bytes) + 1)))
    done: dict[str, Any] = s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    return done


def get_sha256(
    server: ServerProcess, target: str, byte_range: tuple[int, int] | None = None
) -> tuple[int, str]:
    """Get an object, or its bytes from `start` to before `stop`; return size and digest."""
    headers = {"x-amz-content-sha256": UNSIGNED}
    if byte_range is not None:
        headers["range"] = f"bytes={byte_range[0]}-{byte_range[1] - 1}"
    connection = HTTPConnection(server.address, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", target, headers=server.sign("GET", target, headers))
        response = connection.getresponse()
        assert response.status == (200 if byte_range is None else 206)
        digest, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(PIECE_BYTES))
        while count := response.readinto(buffer):
            digest.update(buffer[:count])
            size += count
        return size, digest.hexdigest()
    finally:
        connection.close()


def check_ranges(server: ServerProcess, target: str, noise: Noise, step: int) -> None:
    """Get all of an object in ranges of `step` bytes, and compare each."""
    for start in range(0, noise.size_bytes, step):
        stop = min(start + step, noise.size_bytes)
        got = get_sha256(server, target, (start, stop))
        assert got == (stop - start, noise.sha256(start, stop)), start


def _encode(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()
