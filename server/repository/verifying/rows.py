"""Checks the rows of the database that name something stored, a page at a time.

Each page is one statement or a few on one state, in a thread; nothing stays open between
pages, so that a server beside us folds its write-ahead log as ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from ...chunks.pieces import decode_pieces
from ...errors import CorruptDataError
from ...history.commit import Commit, decode_commit
from ...history.step import step_of
from ...ids import Kind
from ...tree.entry import PackedEntry, unpack_entry
from ...tree.extra import decode_extra
from ..contracts import Metadata, Snapshot
from .report import Fault, Name, Report
from .store import CommitRecord, NamedCommit, PartRow, StagedRow
from .structure import Structure

_PAGE_ROWS = 1000
"""Rows of a page: some milliseconds. At double a server beside us waits longer for the
interpreter of its own process; at half there are twice the statements."""

_OF_SQLITE = ("sqlite_schema", "sqlite_sequence")
"""Tables that SQLite keeps for itself: what there is, and which ids were given."""

_TEXT_LISTED_MAX = 100
"""Rows of a kind that should not be there at all."""

K = TypeVar("K")


async def _call(
    check: Callable[[Snapshot, K], Awaitable[tuple[int, K]]],
    after: K,
    snapshot: Snapshot,
) -> tuple[int, K]:
    return await check(snapshot, after)


async def _check_table(table: str, snapshot: Snapshot) -> list[str]:
    return await snapshot.check_table(table)


class RowVerifier:
    """Checks tables one after the other."""

    def __init__(
        self, metadata: Metadata, structure: Structure, report: Report, *, whole: bool
    ) -> None:
        """Check the rows of `metadata`; `whole` reads the root of each commit's tree."""
        self._metadata = metadata
        self._structure = structure
        self._report = report
        self._whole = whole

    async def check(self) -> None:
        """Check all of them."""
        await self._check_database()
        await self._check_homeless()
        await self._page("ref", 0, self._check_refs)
        await self._page("ref_log", 0, self._check_ref_log)
        await self._page("commit_record", (0, b""), self._check_commits)
        await self._check_steps()
        await self._page("staged", (0, b"", 0), self._check_staged)
        await self._page("upload_part", ("", 0), self._check_parts)
        await self._page("run", 0, self._check_runs)
        await self._page("run_file", (0, ""), self._check_run_files)
        await self._check_dangling()

    async def _page(
        self,
        table: str,
        start: K,
        check: Callable[[Snapshot, K], Awaitable[tuple[int, K]]],
    ) -> None:
        after, count = start, _PAGE_ROWS
        while count == _PAGE_ROWS:
            try:
                count, after = await self._metadata.snapshot(
                    partial(_call, check, after)
                )
            except (CorruptDataError, TypeError, ValueError) as error:
                # A page, or a row with a value of another type: nobody wrote that.
                reason = f"its rows cannot be read: {error}"
                self._report.add(Fault("database", table, reason))
                return
            self._report.rows[table] += count

    async def _check_database(self) -> None:
        """Let the database check its own pages, a table at a time."""
        try:
            tables = await self._metadata.snapshot(
                lambda snapshot: snapshot.list_tables()
            )
            for table in (*tables, *_OF_SQLITE):
                problems = await self._metadata.snapshot(partial(_check_table, table))
                for problem in problems:
                    self._report.add(Fault("database", table, problem))
        except CorruptDataError as error:
            self._report.add(Fault("database", "lakebed.db", str(error)))

    async def _check_homeless(self) -> None:
        rows = await self._metadata.snapshot(
            lambda snapshot: snapshot.list_homeless(limit=_TEXT_LISTED_MAX)
        )
        for number, id_ in rows:
            kind = Kind(number)
            reason = "the index puts it into a pack that the database does not know"
            fault = Fault(kind.name.lower(), id_.hex(), reason)
            self._report.add(fault, [(kind, id_)])

    async def _check_refs(self, snapshot: Snapshot, after: int) -> tuple[int, int]:
        rows = await snapshot.page_refs(after=after, limit=_PAGE_ROWS)
        await self._check_named(snapshot, "ref", rows)
        return len(rows), rows[-1].key if rows else after

    async def _check_ref_log(self, snapshot: Snapshot, after: int) -> tuple[int, int]:
        rows = await snapshot.page_ref_log(after=after, limit=_PAGE_ROWS)
        await self._check_named(snapshot, "ref-log", rows)
        return len(rows), rows[-1].key if rows else after

    async def _check_named(
        self, snapshot: Snapshot, what: str, rows: Sequence[NamedCommit]
    ) -> None:
        by_repository: dict[int, list[NamedCommit]] = {}
        for row in rows:
            by_repository.setdefault(row.repository_id, []).append(row)
        for repository_id, some in by_repository.items():
            wanted = list(dict.fromkeys(id_ for row in some for id_ in row.commit_ids))
            missing = set(await snapshot.missing_commits(repository_id, wanted))
            for row in some:
                for id_ in row.commit_ids:
                    if id_ in missing:
                        fault = Fault(
                            what,
                            f"{row.repository}/{row.ref}",
                            f"its commit '{id_.hex()}' is not there",
                            names=[Name(row.repository, row.ref)],
                        )
                        self._report.add(fault)

    async def _check_commits(
        self, snapshot: Snapshot, after: tuple[int, bytes]
    ) -> tuple[int, tuple[int, bytes]]:
        rows = await snapshot.page_commits(after=after, limit=_PAGE_ROWS)
        for row in rows:
            await self._check_commit(snapshot, row)
        return len(rows), (rows[-1].repository_id, rows[-1].id) if rows else after

    async def _check_commit(self, snapshot: Snapshot, row: CommitRecord) -> None:
        try:
            commit = decode_commit(row.record)
        except CorruptDataError as error:
            self._blame_commit(row, str(error))
            return
        if commit.id != row.id:
            self._blame_commit(row, "its record is not the one of its id")
            return
        self._report.rows["commit_step"] += 1
        step = await snapshot.find_commit_step(
            row.repository_id, commit.generation, row.id
        )
        if step is None or step != step_of(commit, step.traces):
            self._blame_commit(
                row, "its step is missing, or another one", "commit-step"
            )
        await self._check_parents(snapshot, row, commit)
        if row.expired:
            return  # retention has collected what it points to
        stored = await snapshot.find(Kind.COMMIT, [row.id])
        if row.id not in stored:
            self._blame_commit(
                row, "no pack has its record: a lost database would lose it"
            )
        where = f"commit '{row.id.hex()}' of '{row.repository}'"
        if self._whole:
            content_id = self._structure.content_id_of(commit.tree_id, where)
            if content_id not in (None, commit.content_id):
                self._blame_commit(row, "its content id is not that of its tree")
        elif commit.tree_id not in await snapshot.find(Kind.NODE, [commit.tree_id]):
            fault = Fault(
                "node", commit.tree_id.hex(), f"it is not stored: {where} needs it"
            )
            self._report.add(fault, [(Kind.NODE, commit.tree_id)])

    async def _check_parents(
        self, snapshot: Snapshot, row: CommitRecord, commit: Commit
    ) -> None:
        missing = await snapshot.missing_commits(row.repository_id, commit.parents)
        for parent in missing:
            self._blame_commit(row, f"its parent '{parent.hex()}' is not there")
        if missing:
            return
        generation = 0
        parents = await snapshot.find_commits(row.repository_id, commit.parents)
        for parent_row in parents:
            try:
                assert parent_row is not None
                parent_commit = decode_commit(parent_row.record)
            except CorruptDataError:
                return  # blamed by itself
            generation = max(generation, parent_commit.generation + 1)
        if generation != commit.generation:
            self._blame_commit(
                row, f"it is of generation {commit.generation}, not {generation}"
            )

    def _blame_commit(
        self, row: CommitRecord, reason: str, what: str = "commit"
    ) -> None:
        names = [Name(row.repository, row.id.hex())]
        self._report.add(Fault(what, row.id.hex(), reason, names=names))

    async def _check_steps(self) -> None:
        rows = await self._metadata.snapshot(
            lambda snapshot: snapshot.list_steps_without_commit(limit=_TEXT_LISTED_MAX)
        )
        for row in rows:
            names = [Name(row.repository, row.commit_ids[0].hex())]
            reason = "there is a step of a commit that is not there"
            self._report.add(
                Fault("commit-step", row.commit_ids[0].hex(), reason, names=names)
            )

    async def _check_staged(
        self, snapshot: Snapshot, after: tuple[int, bytes, int]
    ) -> tuple[int, tuple[int, bytes, int]]:
        rows = await snapshot.page_staged(after=after, limit=_PAGE_ROWS)
        by_branch: dict[tuple[str, str], list[tuple[bytes, bytes, int]]] = {}
        for row in rows:
            try:
                entry = unpack_entry(row.path, PackedEntry(row.entry))
                if entry.extra:
                    decode_extra(entry.extra)
            except CorruptDataError as error:
                self._blame_staged(row, str(error))
                continue
            found = (row.path, bytes(entry.blob_id), entry.size_bytes)
            by_branch.setdefault((row.repository, row.branch), []).append(found)
        for (repository, branch), entries in by_branch.items():
            where = f"an uncommitted change of '{repository}/{branch}'"
            self._structure.check_entries(where, entries)
        if not rows:
            return 0, after
        return len(rows), (rows[-1].branch_id, rows[-1].path, rows[-1].epoch)

    def _blame_staged(self, row: StagedRow, reason: str) -> None:
        path = row.path.decode(errors="replace")
        names = [Name(row.repository, row.branch, path)]
        self._report.add(Fault("staged", path, reason, names=names))

    async def _check_parts(
        self, snapshot: Snapshot, after: tuple[str, int]
    ) -> tuple[int, tuple[str, int]]:
        rows = await snapshot.page_parts(after=after, limit=_PAGE_ROWS)
        for row in rows:
            self._check_part(row)
        return len(rows), (rows[-1].upload_id, rows[-1].number) if rows else after

    def _check_part(self, row: PartRow) -> None:
        where = f"part {row.number} of upload '{row.upload_id}'"
        path = row.path.decode(errors="replace")
        names = [Name(row.repository, row.branch, path)]
        try:
            pieces = list(decode_pieces(row.pieces))
            size_bytes = sum(piece.size_bytes for piece in pieces)
            if size_bytes != row.size_bytes:
                raise CorruptDataError(
                    f"it has {size_bytes} bytes, not {row.size_bytes}"
                )
        except CorruptDataError as error:
            self._report.add(Fault("upload-part", where, str(error), names=names))
            return
        self._structure.check_pieces(
            f"{where}, for '{row.repository}/{row.branch}/{path}',",
            {piece.chunk_id: piece.chunk_bytes for piece in pieces},
        )

    async def _check_runs(self, snapshot: Snapshot, after: int) -> tuple[int, int]:
        rows = await snapshot.page_runs(after=after, limit=_PAGE_ROWS)
        stored = await snapshot.find(Kind.RUN, [row.record for row in rows])
        for row in rows:
            if row.record not in stored:
                reason = f"its record '{row.record.hex()}' is not stored"
                self._report.add(Fault("run", row.name, reason))
        return len(rows), rows[-1].key if rows else after

    async def _check_run_files(
        self, snapshot: Snapshot, after: tuple[int, str]
    ) -> tuple[int, tuple[int, str]]:
        rows = await snapshot.page_run_files(after=after, limit=_PAGE_ROWS)
        for row in rows:
            entry = (row.name.encode(), row.blob_id, row.size_bytes)
            self._structure.check_entries(f"run '{row.run}'", [entry])
        return len(rows), (rows[-1].run_id, rows[-1].name) if rows else after

    async def _check_dangling(self) -> None:
        rows = await self._metadata.snapshot(
            lambda snapshot: snapshot.list_dangling_commits(limit=_TEXT_LISTED_MAX)
        )
        for row in rows:
            reason = f"{row.table} names the commit '{row.commit_id.hex()}': not there"
            self._report.add(Fault("run", row.owner, reason))
