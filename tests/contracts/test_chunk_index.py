"""Every database keeps the promises about chunks in `server/chunks/index.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from lakebed.server.chunks.index import Frame, Location, StoredFrame
from lakebed.server.errors import PackGoneError
from lakebed.server.ids import Kind, hash_chunk
from lakebed.server.metadata.database import READER_CACHE_KIB, Session
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.repository.contracts import Metadata
from lakebed.server.storage.store import new_pack_name

from support.databases import chunk, lake_directory, open_metadata


async def nothing(_: object) -> None:
    """Change nothing: the frames that come with it are the point."""


async def store(metadata: Metadata, *frames: Frame) -> None:
    await metadata.write(nothing, frames=frames)


async def ensure(
    metadata: Metadata, ids: Sequence[bytes], lease_id: int | None = None
) -> list[bytes]:
    return await metadata.write(lambda tx: tx.ensure(Kind.CHUNK, ids, lease_id))


class ChunkIndexContract:
    """Subclass with a `metadata` fixture, and the means to condemn and to collect."""

    async def condemn(self, metadata: Metadata, chunk_id: bytes) -> None:
        """Condemn a chunk, as collection will."""
        raise NotImplementedError

    async def is_condemned(self, metadata: Metadata, chunk_id: bytes) -> bool:
        """Tell whether a chunk is condemned."""
        raise NotImplementedError

    async def kill_pack(self, metadata: Metadata, name: str) -> None:
        """Flip a pack to dead, as collection will before it deletes it."""
        raise NotImplementedError

    async def test_what_was_stored_is_found_from_anywhere(
        self, metadata: Metadata
    ) -> None:
        frames = [chunk(b"%d" % n) for n in range(5)]
        ids = [frame.id for frame in frames]
        await store(metadata, *frames)

        found = await metadata.find(Kind.CHUNK, [*ids, b"x" * 32])

        assert sorted(found) == sorted(ids)
        assert {place.plain_bytes for place in found.values()} == {1}
        assert metadata.find_blocking(Kind.CHUNK, ids) == found
        assert await metadata.find(Kind.CHUNK, ids[:1]) == {ids[0]: found[ids[0]]}
        assert await metadata.snapshot(lambda s: s.find(Kind.CHUNK, ids)) == found
        assert await metadata.find(Kind.NODE, ids) == {}
        assert await metadata.find(Kind.CHUNK, []) == {}

    async def test_more_ids_than_one_statement_takes_are_found(
        self, metadata: Metadata
    ) -> None:
        frames = [chunk(b"%d" % n) for n in range(5000)]
        await store(metadata, *frames)

        found = await metadata.find(Kind.CHUNK, [frame.id for frame in frames])

        assert len(found) == 5000

    async def test_the_first_location_stays(self, metadata: Metadata) -> None:
        frame = chunk(b"same")
        first, second = metadata.appender.append([frame, frame])

        await metadata.write(nothing, stored=[first])
        await metadata.write(nothing, stored=[second])

        assert first.location != second.location
        assert await metadata.find(Kind.CHUNK, [frame.id]) == {frame.id: first.location}

    async def test_recording_into_a_dead_pack_fails_whole(
        self, metadata: Metadata
    ) -> None:
        good, bad = chunk(b"good"), chunk(b"bad")
        stored = metadata.appender.append([bad])
        await self.kill_pack(metadata, stored[0].location.pack)

        with pytest.raises(PackGoneError):
            await metadata.write(nothing, stored=stored)
        with pytest.raises(PackGoneError):
            await metadata.write(lambda tx: tx.record_chunks(stored))

        assert await metadata.find(Kind.CHUNK, [good.id, bad.id]) == {}

    async def test_recording_into_an_unknown_pack_fails(
        self, metadata: Metadata
    ) -> None:
        frame = chunk(b"lost")
        place = Location(new_pack_name(), 0, 4, 4, 0)

        with pytest.raises(PackGoneError):
            await metadata.write(
                nothing, stored=[StoredFrame(frame.kind, frame.id, place)]
            )

    async def test_ensure_names_what_is_missing(self, metadata: Metadata) -> None:
        frame = chunk(b"here")
        await store(metadata, frame)

        missing = await ensure(metadata, [b"y" * 32, frame.id, b"x" * 32])

        assert missing == [b"y" * 32, b"x" * 32]
        assert await ensure(metadata, []) == []

    async def test_ensure_takes_condemned_chunks_back(self, metadata: Metadata) -> None:
        frame = chunk(b"condemned")
        await store(metadata, frame)
        await self.condemn(metadata, frame.id)
        assert await self.is_condemned(metadata, frame.id)

        assert await ensure(metadata, [frame.id]) == []

        assert not await self.is_condemned(metadata, frame.id)

    async def test_storing_again_takes_a_condemned_chunk_back(
        self, metadata: Metadata
    ) -> None:
        """A dedup hit must not be acknowledged on what collection is about to delete."""
        frame = chunk(b"condemned")
        await store(metadata, frame)
        await self.condemn(metadata, frame.id)

        await store(metadata, frame)

        assert not await self.is_condemned(metadata, frame.id)

    async def test_a_copy_stored_by_another_way_takes_it_back_too(
        self, metadata: Metadata
    ) -> None:
        frame = chunk(b"condemned")
        await store(metadata, frame)
        await self.condemn(metadata, frame.id)

        await metadata.write(nothing, stored=metadata.appender.append([frame]))

        assert not await self.is_condemned(metadata, frame.id)

    async def test_leases_have_ids_of_their_own_and_end(
        self, metadata: Metadata
    ) -> None:
        frame = chunk(b"leased")
        await store(metadata, frame)
        first = await metadata.write(lambda tx: tx.create_lease(10))
        second = await metadata.write(lambda tx: tx.create_lease(10))

        assert await ensure(metadata, [frame.id, frame.id], first) == []
        assert await ensure(metadata, [frame.id], first) == []
        await metadata.write(lambda tx: tx.release_lease(first))
        await metadata.write(lambda tx: tx.release_lease(first))

        assert first != second
        assert await metadata.write(lambda tx: tx.create_lease(10)) not in (
            first,
            second,
        )

    async def test_effects_are_those_of_the_transaction(
        self, metadata: Metadata
    ) -> None:
        frame = chunk(b"refused")
        stored = metadata.appender.append([frame])
        metadata.appender.sync()

        async def record_and_refuse(tx: object) -> None:
            await tx.record_chunks(stored)  # type: ignore[attr-defined]
            raise PermissionError

        with pytest.raises(PermissionError):
            await metadata.write(record_and_refuse)

        assert await metadata.find(Kind.CHUNK, [hash_chunk(b"refused")]) == {}


class TestSqlChunkIndex(ChunkIndexContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as path, open_metadata(path) as metadata:
            yield metadata

    def session(self, metadata: Metadata) -> Session:
        assert isinstance(metadata, SqlMetadata)
        return Session(
            metadata.directory / "lakebed.db",
            cache_kib=READER_CACHE_KIB,
            may_write=True,
        )

    async def condemn(self, metadata: Metadata, chunk_id: bytes) -> None:
        session = self.session(metadata)
        session.run("UPDATE chunk SET condemned_ms = 1 WHERE id = ?", (chunk_id,))
        session.close()

    async def is_condemned(self, metadata: Metadata, chunk_id: bytes) -> bool:
        session = self.session(metadata)
        row = session.row("SELECT condemned_ms FROM chunk WHERE id = ?", (chunk_id,))
        session.close()
        assert row is not None
        return row[0] is not None

    async def kill_pack(self, metadata: Metadata, name: str) -> None:
        session = self.session(metadata)
        session.run("UPDATE pack SET state = 'dead' WHERE name = ?", (name,))
        session.close()
