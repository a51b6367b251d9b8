"""Every database keeps the promises about uploads in `repository/upload_store.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lakebed.server.errors import RefNotFoundError, UploadNotFoundError
from lakebed.server.refs.store import Branch, Repository
from lakebed.server.repository.contracts import Metadata
from lakebed.server.repository.upload_store import Ending, Part, Upload

from support.databases import (
    NOW_MS,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)


def make_upload(
    branch: Branch, number: int = 1, path: bytes = b"a", created_ms: int = NOW_MS
) -> Upload:
    return Upload(
        f"{number:044x}", branch.id, path, "ann", "CRC32 COMPOSITE", b"x", created_ms
    )


def make_part(number: int, size_bytes: int = 5, created_ms: int = NOW_MS) -> Part:
    return Part(number, bytes([number % 256]) * 16, size_bytes, b"sum", created_ms)


async def create(metadata: Metadata, upload: Upload) -> Upload:
    await metadata.write(lambda tx: tx.create_upload(upload))
    return upload


async def put(
    metadata: Metadata, upload: Upload, part: Part, pieces: bytes = b"pieces"
) -> None:
    await metadata.write(lambda tx: tx.put_part(upload.id, part, pieces))


async def end(
    metadata: Metadata, upload: Upload, revision: int | None = None
) -> Ending:
    return await metadata.write(lambda tx: tx.end_upload(upload.id, revision=revision))


async def purge_all(metadata: Metadata) -> None:
    while await metadata.purge():
        pass


class UploadContract:
    """Subclass with a `metadata` fixture to hold an implementation to the contract."""

    @pytest.fixture
    async def repository(self, metadata: Metadata) -> Repository:
        return await make_repository(metadata)

    @pytest.fixture
    async def branch(self, metadata: Metadata, repository: Repository) -> Branch:
        return await make_branch(metadata, repository)

    @pytest.fixture
    async def upload(self, metadata: Metadata, branch: Branch) -> Upload:
        return await create(metadata, make_upload(branch))

    async def test_an_upload_is_found_as_it_was_made(
        self, metadata: Metadata, upload: Upload
    ) -> None:
        assert await metadata.find_upload(upload.id) == upload
        assert await metadata.find_upload("other") is None

    async def test_the_last_part_of_a_number_counts(
        self, metadata: Metadata, upload: Upload
    ) -> None:
        await put(metadata, upload, make_part(2), b"two")
        await put(metadata, upload, make_part(1), b"first")
        await put(metadata, upload, make_part(1, size_bytes=9), b"second")

        parts = await metadata.list_parts(upload.id, after=0, limit=99)
        assert parts == [make_part(1, size_bytes=9), make_part(2)]
        assert metadata.read_pieces_blocking(upload.id, [2, 3, 1]) == [
            b"two",
            None,
            b"second",
        ]

    async def test_parts_are_listed_in_pages(
        self, metadata: Metadata, upload: Upload
    ) -> None:
        for number in (1, 2, 7, 10_000):
            await put(metadata, upload, make_part(number))

        page = await metadata.list_parts(upload.id, after=1, limit=2)
        assert [part.number for part in page] == [2, 7]

    async def test_each_part_is_a_revision(
        self, metadata: Metadata, upload: Upload
    ) -> None:
        await put(metadata, upload, make_part(1))
        await put(metadata, upload, make_part(1))

        found = await metadata.find_upload(upload.id)
        assert found is not None
        assert found.revision == 2
        assert await end(metadata, upload, revision=1) is Ending.REFUSED
        assert await end(metadata, upload, revision=2) is Ending.DONE

    @pytest.mark.parametrize("part_count", [1, 200])
    async def test_an_upload_ends_once_and_takes_its_parts_along(
        self, metadata: Metadata, upload: Upload, part_count: int
    ) -> None:
        for number in range(1, part_count + 1):
            await put(metadata, upload, make_part(number))

        assert await end(metadata, upload) is not Ending.REFUSED

        assert await end(metadata, upload) is Ending.REFUSED
        assert await metadata.find_upload(upload.id) is None
        assert await metadata.list_parts(upload.id, after=0, limit=9) == []
        assert await metadata.list_uploading(1) == []
        with pytest.raises(UploadNotFoundError):
            await put(metadata, upload, make_part(1))
        await purge_all(metadata)
        assert metadata.read_pieces_blocking(upload.id, [1, 200]) == [None, None]

    async def test_uploads_are_listed_by_path_and_id(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        made = [
            await create(metadata, make_upload(branch, number, path))
            for number, path in enumerate([b"b", b"a", b"c", b"a"])
        ]
        by_path = [made[1], made[3], made[0], made[2]]

        async def listed(after: tuple[bytes, str], stop: bytes | None) -> list[Upload]:
            return await metadata.list_uploads(
                branch.id, after=after, stop=stop, limit=9
            )

        assert await listed((b"", ""), None) == by_path
        assert await listed((b"a", made[1].id), None) == by_path[1:]
        assert await listed((b"a", ""), b"b") == by_path[:2]

    async def test_branches_with_uploads_are_those_of_the_repository(
        self, metadata: Metadata, repository: Repository, upload: Upload
    ) -> None:
        other = await make_repository(metadata, "other")
        await make_branch(metadata, repository, "quiet")

        branch_id = upload.branch_id
        assert await metadata.list_uploading(repository.id) == [("main", branch_id)]
        assert await metadata.list_uploading(other.id) == []

    async def test_nothing_is_uploaded_to_a_branch_that_is_gone(
        self, metadata: Metadata, repository: Repository, branch: Branch
    ) -> None:
        await self._delete(metadata, repository, branch)

        with pytest.raises(RefNotFoundError):
            await create(metadata, make_upload(branch))

    @pytest.mark.parametrize("what", ["branch", "repository"])
    async def test_an_upload_does_not_outlive_its_branch(
        self,
        metadata: Metadata,
        repository: Repository,
        branch: Branch,
        upload: Upload,
        what: str,
    ) -> None:
        await put(metadata, upload, make_part(1))

        if what == "branch":
            await self._delete(metadata, repository, branch)
        else:
            await metadata.write(lambda tx: tx.delete_repository(repository.id))
        await purge_all(metadata)

        assert await metadata.find_upload(upload.id) is None
        assert metadata.read_pieces_blocking(upload.id, [1]) == [None]

    async def _delete(
        self, metadata: Metadata, repository: Repository, branch: Branch
    ) -> None:
        assert await metadata.write(
            lambda tx: tx.delete_ref(
                repository.id, branch.name, kind="branch", actor="ann", now_ms=NOW_MS
            )
        )

    async def test_only_uploads_that_got_nothing_for_long_expire(
        self, metadata: Metadata, branch: Branch
    ) -> None:
        idle, busy, fresh = [
            await create(
                metadata, make_upload(branch, number, created_ms=NOW_MS + created)
            )
            for number, created in enumerate((0, 0, 100))
        ]
        await put(metadata, busy, make_part(1, created_ms=NOW_MS + 100))

        expired = await metadata.write(
            lambda tx: tx.end_idle_uploads(NOW_MS + 50, limit=9)
        )

        assert expired == 1
        assert await metadata.find_upload(idle.id) is None
        assert await metadata.find_upload(busy.id) is not None
        assert await metadata.find_upload(fresh.id) is not None


class TestSqlUploads(UploadContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as directory, open_metadata(directory) as opened:
            yield opened
