"""How to build a valid request for every operation of the gateway that writes.

A row of the table without a builder here fails a test: nothing that writes goes without
the negatives of `tests/s3/test_write_negatives.py`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from lakebed.server.auth.secrets import AccessKey
from lakebed.server.s3.address import Level
from lakebed.server.s3.table import TABLE, Operation

from support.s3raw import UNSIGNED, Raw, Signer, Wire
from support.s3server import ADMIN, ServerProcess

DATA = bytes(range(256)) * 40
"""Of an object: more than one signed chunk."""
_TAGS = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
_DELETE = b"<Delete><Object><Key>main/victim</Key></Object></Delete>"


@dataclass
class Scene:
    """Two repositories that look alike; `repository` is the one that is written to."""

    server: ServerProcess
    repository: str
    other: str
    revoked: AccessKey
    """A key of an administrator that was good once."""
    is_kept: bool
    """What a request refers to may be used again: none of them is let in."""
    made: dict[str, str] = field(default_factory=dict[str, str])
    """What was made for requests to refer to."""

    @classmethod
    def make(cls, server: ServerProcess, name: str, *, is_kept: bool = True) -> Self:
        """Make two repositories with `x`, which is committed and changed again."""
        names = (name, f"{name}-other")
        for each in names:
            server.create_repository(each)
            for body in (b"old", b"new"):
                server.send("PUT", f"/{each}/main/x", {}, body)
                server.send("PUT", f"/{each}/main/victim", {}, body)
                if body == b"old":
                    server.commit(each)
        return cls(server, *names, _revoke(server, name), is_kept)

    def obtain(self, what: str, make: Callable[[], str]) -> str:
        """Return something to refer to, made now if there is none to be used again."""
        if what not in self.made or not self.is_kept:
            self.made[what] = make()
        return self.made[what]

    def fingerprint(self) -> list[bytes]:
        """Return all that a write could change."""
        reads: list[tuple[str, list[tuple[str, str]]]] = [("/", [])]
        for name in (self.repository, self.other):
            reads.append((f"/{name}", [("list-type", "2"), ("prefix", "main/")]))
            reads += [(f"/{name}/main/x", [(what, "")]) for what in _ASIDE]
            reads += [(f"/{name}", [(what, "")]) for what in _BUCKET_ASIDE]
        found: list[bytes] = []
        with Wire(self.server) as wire:
            for path, query in reads:
                raw = Raw("GET", path, query, {"host": self.server.address})
                raw.sign_header(Signer(ADMIN), UNSIGNED)
                answer = wire.exchange(raw)
                assert answer.status in (200, 404), (path, query, answer)
                # The errors among them name the request.
                found.append(answer.body.partition(b"<RequestId>")[0])
        return found


def _revoke(server: ServerProcess, name: str) -> AccessKey:
    """Return a key of an administrator that was good until now."""
    user = f"{name}-gone"
    server.rest("POST", "/auth/users", {"id": user, "is_admin": True})
    made = server.rest("POST", f"/auth/users/{user}/credentials")
    key = AccessKey(made["access_key_id"], made["secret_access_key"])
    assert server.send("GET", f"/{name}/main/x", key=key).status == 200
    server.rest("DELETE", f"/auth/users/{user}/credentials/{key.id}")
    return key


def _readable(level: Level, *sub_resources: str) -> list[str]:
    """Return those of `sub_resources` that a GET of the table reads."""
    rows = {
        row.sub_resource for row in TABLE if (row.method, row.level) == ("GET", level)
    }
    return [name for name in sub_resources if name in rows]


_ASIDE = _readable(Level.OBJECT, "tagging")
_BUCKET_ASIDE = _readable(Level.BUCKET, "uploads", "cors", "tagging")


@dataclass
class Write:
    """A valid request, not signed yet."""

    path: str
    query: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    """None: the operation takes none."""
    has_object_checksum: bool = False
    """Its checksum headers speak of an object, not of the body: MD5 protects that."""


def _object(name: str) -> Callable[[Scene], str]:
    return lambda scene: f"/{scene.repository}/main/{name}"


def _put(scene: Scene) -> Write:
    return Write(_object("written")(scene), body=DATA)


def _copy(scene: Scene) -> Write:
    headers = {"x-amz-copy-source": f"/{scene.repository}/main/x"}
    return Write(_object("copied")(scene), headers=headers)


def _delete(scene: Scene) -> Write:
    return Write(_object("victim")(scene))


def _delete_many(scene: Scene) -> Write:
    return Write(f"/{scene.repository}", [("delete", "")], body=_DELETE)


def _put_tags(scene: Scene) -> Write:
    return Write(_object("x")(scene), [("tagging", "")], body=_TAGS)


def _delete_tags(scene: Scene) -> Write:
    return Write(_object("x")(scene), [("tagging", "")])


def _put_object_acl(scene: Scene) -> Write:
    headers = {"x-amz-acl": "private"}
    return Write(_object("x")(scene), [("acl", "")], headers, b"")


def _put_bucket_acl(scene: Scene) -> Write:
    headers = {"x-amz-acl": "private"}
    return Write(f"/{scene.repository}", [("acl", "")], headers, b"")


def _create_bucket(scene: Scene) -> Write:
    return Write(f"/{scene.repository}-new-{next(_numbers)}", body=b"")


def _delete_bucket(scene: Scene) -> Write:
    def make() -> str:
        name = f"{scene.repository}-gone-{next(_numbers)}"
        return scene.server.create_repository(name)

    return Write(f"/{scene.obtain('bucket', make)}")


def _create_upload(scene: Scene) -> Write:
    return Write(_object("uploaded")(scene), [("uploads", "")])


def _upload_of(scene: Scene, *query: tuple[str, str]) -> Write:
    """Return a request to an upload with one part."""
    path = _object("uploaded")(scene)

    def make() -> str:
        answer = scene.server.send("POST", f"{path}?uploads=")
        assert answer.status == 200, answer
        found = answer.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0]
        part = f"{path}?partNumber=1&uploadId={found.decode()}"
        assert scene.server.send("PUT", part, {}, DATA).status == 200
        return found.decode()

    return Write(path, [*query, ("uploadId", scene.obtain("upload", make))])


def _put_part(scene: Scene) -> Write:
    write = _upload_of(scene, ("partNumber", "2"))
    write.body = DATA
    return write


def _copy_part(scene: Scene) -> Write:
    write = _upload_of(scene, ("partNumber", "3"))
    write.headers["x-amz-copy-source"] = f"/{scene.repository}/main/x"
    return write


def _complete(scene: Scene) -> Write:
    write = _upload_of(scene)
    write.has_object_checksum = True
    etag = hashlib.md5(DATA).hexdigest()
    write.body = (
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
        f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    ).encode()
    return write


def _abort(scene: Scene) -> Write:
    return _upload_of(scene)


_numbers = itertools.count(1)

WRITES: dict[str, Callable[[Scene], Write]] = {
    "AbortMultipartUpload": _abort,
    "CompleteMultipartUpload": _complete,
    "CopyObject": _copy,
    "CreateBucket": _create_bucket,
    "CreateMultipartUpload": _create_upload,
    "DeleteBucket": _delete_bucket,
    "DeleteObject": _delete,
    "DeleteObjectTagging": _delete_tags,
    "DeleteObjects": _delete_many,
    "PutBucketAcl": _put_bucket_acl,
    "PutObject": _put,
    "PutObjectAcl": _put_object_acl,
    "PutObjectTagging": _put_tags,
    "UploadPart": _put_part,
    "UploadPartCopy": _copy_part,
}


def list_writes() -> list[Operation]:
    """Return the operations that write, by the method that the table gives them."""
    return [row for row in TABLE if row.method in ("PUT", "POST", "DELETE")]
