"""Multipart uploads in SQL: `repository/upload_store.py` keeps the contract.

Parts of many bytes have many pieces, up to 640 KiB of them, so the parts of an upload are
removed in its last transaction only if they are few. Else the upload is marked as ended,
which hides it at once, and `purge.py` removes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import RefNotFoundError, UploadNotFoundError
from ..repository.upload_store import Ending, Part, Upload
from .database import Row, Session
from .refs import BRANCH

PARTS_AT_ONCE = 64
"""Parts removed in one transaction: at 64 MiB each 200 chunks a part, half a MiB in all. At
5 GiB each they are 40 MiB, which takes some 30 ms."""

_UPLOAD = (
    "id, branch_id, path, initiator, checksum, extra, created_ms, revision FROM upload"
)


class UploadReads:
    """`UploadReader` on one connection."""

    _session: Session

    async def find_upload(self, upload_id: str) -> Upload | None:
        """See `UploadReader.find_upload`."""
        row = self._session.row(
            f"SELECT {_UPLOAD} WHERE id = ? AND ended = 0", (upload_id,)
        )
        return None if row is None else Upload(*row)

    async def list_parts(self, upload_id: str, *, after: int, limit: int) -> list[Part]:
        """See `UploadReader.list_parts`."""
        rows = self._session.rows(
            "SELECT number, md5, size_bytes, checksum, created_ms FROM upload_part "
            "WHERE upload_id = ? AND number > ? AND EXISTS "
            "(SELECT 1 FROM upload WHERE id = upload_id AND ended = 0) "
            "ORDER BY number LIMIT ?",
            (upload_id, after, limit),
        )
        return [Part(*row) for row in rows]

    async def list_uploads(
        self,
        branch_id: int,
        *,
        after: tuple[bytes, str],
        stop: bytes | None,
        limit: int,
    ) -> list[Upload]:
        """See `UploadReader.list_uploads`."""
        values: Row = (branch_id, *after, limit)
        if stop is not None:
            values = (branch_id, *after, stop, limit)
        rows = self._session.rows(
            f"SELECT {_UPLOAD} WHERE branch_id = ? AND ended = 0 "
            "AND (path, id) > (?, ?) "
            + ("AND path < ? " if stop is not None else "")
            + "ORDER BY path, id LIMIT ?",
            values,
        )
        return [Upload(*row) for row in rows]

    async def list_uploading(self, repository_id: int) -> list[tuple[str, int]]:
        """See `UploadReader.list_uploading`."""
        rows = self._session.rows(
            "SELECT name, id FROM ref WHERE repository_id = ? AND id IN "
            "(SELECT branch_id FROM upload WHERE ended = 0)",
            (repository_id,),
        )
        return [(row[0], row[1]) for row in rows]


class UploadWrites(UploadReads):
    """`UploadTransaction` inside a write transaction."""

    async def create_upload(self, upload: Upload) -> None:
        """See `UploadTransaction.create_upload`."""
        created = self._session.run(
            "INSERT INTO upload (id, branch_id, path, initiator, checksum, extra, "
            "created_ms, touched_ms) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 "
            "FROM ref JOIN repository ON repository.id = repository_id "
            f"WHERE ref.id = ?2 AND kind = {BRANCH} AND repository.name IS NOT NULL",
            (
                upload.id,
                upload.branch_id,
                upload.path,
                upload.initiator,
                upload.checksum,
                upload.extra,
                upload.created_ms,
            ),
        )
        if not created:
            raise RefNotFoundError("", f"#{upload.branch_id}", what="branch")

    async def put_part(self, upload_id: str, part: Part, pieces: bytes) -> None:
        """See `UploadTransaction.put_part`."""
        touched = self._session.run(
            "UPDATE upload SET revision = revision + 1, touched_ms = max(touched_ms, ?) "
            "WHERE id = ? AND ended = 0",
            (part.created_ms, upload_id),
        )
        if not touched:
            raise UploadNotFoundError(upload_id)
        self._session.run(
            "INSERT OR REPLACE INTO upload_part (upload_id, number, md5, size_bytes, "
            "checksum, created_ms, pieces) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                upload_id,
                part.number,
                part.md5,
                part.size_bytes,
                part.checksum,
                part.created_ms,
                pieces,
            ),
        )

    async def end_upload(
        self, upload_id: str, *, revision: int | None = None
    ) -> Ending:
        """See `UploadTransaction.end_upload`."""
        row = self._session.row(
            "SELECT revision FROM upload WHERE id = ? AND ended = 0", (upload_id,)
        )
        if row is None or revision not in (None, row[0]):
            return Ending.REFUSED
        if row[0] <= PARTS_AT_ONCE:  # there are no more parts than revisions
            self._session.run("DELETE FROM upload WHERE id = ?", (upload_id,))
            return Ending.DONE
        self._session.run("UPDATE upload SET ended = 1 WHERE id = ?", (upload_id,))
        return Ending.PARTS_LEFT

    async def end_idle_uploads(self, before_ms: int, *, limit: int) -> int:
        """See `UploadTransaction.end_idle_uploads`."""
        return self._session.run(
            "UPDATE upload SET ended = 1 WHERE id IN (SELECT id FROM upload "
            "WHERE touched_ms < ? AND ended = 0 ORDER BY touched_ms LIMIT ?)",
            (before_ms, limit),
        )


def find_pieces(
    session: Session, upload_id: str, numbers: Sequence[int]
) -> list[bytes | None]:
    """Return what `UploadScanner.read_pieces_blocking` does."""
    found: list[bytes | None] = []
    for number in numbers:
        row = session.row(
            "SELECT pieces FROM upload_part WHERE upload_id = ? AND number = ?",
            (upload_id, number),
        )
        found.append(None if row is None else row[0])
    return found


def purge_ended(session: Session) -> int:
    """Remove parts of an upload that has ended, and it with the last of them."""
    row = session.row("SELECT id FROM upload WHERE ended = 1 LIMIT 1")
    if row is None:
        return 0
    removed = session.run(
        "DELETE FROM upload_part WHERE upload_id = ?1 AND number IN (SELECT number "
        f"FROM upload_part WHERE upload_id = ?1 LIMIT {PARTS_AT_ONCE})",
        row,
    )
    if removed < PARTS_AT_ONCE:
        removed += session.run("DELETE FROM upload WHERE id = ?", row)
    return removed


def end_uploads_of(session: Session, branch_id: int, *, limit: int) -> int:
    """End up to `limit` uploads of a branch that was deleted; return how many."""
    return session.run(
        "UPDATE upload SET ended = 1 WHERE id IN "
        "(SELECT id FROM upload WHERE branch_id = ? AND ended = 0 LIMIT ?)",
        (branch_id, limit),
    )
