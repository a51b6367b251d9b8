"""A repository beside the client under test: prepares what it reads, sees what it wrote.

It speaks REST, so that what one S3 client does is not checked by S3 again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from lakebed.client import Client

MANY_PATHS = tuple(f"many/{number:04} +%ü" for number in range(1100))
"""More than a page holds, and than one request deletes."""


@dataclass(frozen=True, slots=True)
class Lake:
    """One repository, with the branch `main`. A key is `REF/PATH`."""

    client: Client
    repository: str

    def uri(self, key: str = "") -> str:
        """Return the address of `key` as S3 clients write it."""
        return f"s3://{self.repository}/{key}"

    def write(self, key: str, data: bytes) -> None:
        ref, _, path = key.partition("/")
        self.client.upload_object(self.repository, ref, path, data)

    def read(self, key: str) -> bytes:
        ref, _, path = key.partition("/")
        return self.client.read_object(self.repository, ref, path)

    def etag(self, key: str) -> str:
        ref, _, path = key.partition("/")
        return self.client.stat_object(self.repository, ref, path).checksum

    def list_keys(self, ref: str = "main") -> list[str]:
        found = self.client.iter_objects(self.repository, ref)
        return [f"{ref}/{each.path}" for each in found]

    def commit(self, branch: str = "main") -> str:
        """Commit a branch; return the id of the commit."""
        return self.client.commit(self.repository, branch, "test").id

    def branch(self, name: str, source: str = "main") -> None:
        self.client.create_branch(self.repository, name, source=source)

    def tag(self, name: str, ref: str = "main") -> None:
        self.client.create_tag(self.repository, name, ref=ref)

    def merge(self, source: str, destination: str = "main") -> None:
        self.client.merge(self.repository, source, destination)


def noise(size_bytes: int, seed: int = 1) -> bytes:
    """Return bytes that neither repeat nor compress, the same each time."""
    return random.Random(seed).randbytes(size_bytes)


def write_folder(folder: Path) -> dict[str, bytes]:
    """Write files into `folder`, one of them large; return what is in each."""
    sizes = {"a": 1000, "b/c": 0, "b/ü +%": 1000, "large": 9 * 1024 * 1024}
    files = {path: noise(size, seed=size) for path, size in sizes.items()}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return files


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return what is in each file below `folder`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
