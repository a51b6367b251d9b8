"""The graph of runs and artifacts in SQL: `runs/graph.py` keeps the contract.

Each step is a look-up in an index: `artifact_by_identity`, then the edges of the artifact,
whose index is in the order of runs. Nothing scans.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..runs.graph import Artifact, RunTag, Tree, Use, VersionTag
from .database import Row, Session

_ARTIFACT = (
    "coalesce((SELECT name FROM repository WHERE repository.id = "
    "artifact.repository_id), ''), artifact.path, artifact.is_prefix, artifact.identity"
)
_RUN = (
    "run.id, run.name, coalesce((SELECT name FROM repository WHERE repository.id = "
    "run.repository_id), ''), run.experiment, run.command, "
    "(SELECT name FROM run AS first WHERE first.id = run.rerun_of_id)"
)
_BELOW_ALL = b"\xff"
"""Paths are UTF-8, which never has this byte."""


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _run(row: Row) -> RunTag:
    return RunTag(*row[:6])


def _artifact(row: Row) -> Artifact:
    return Artifact(row[0], row[1], bool(row[2]), row[3])


def _use(row: Row) -> Use:
    return Use(_run(row), _artifact(row[6:]), row[10], bool(row[11]))


def _version(row: Row) -> VersionTag:
    return VersionTag(row[0], row[1], row[2], _artifact(row[3:]))


def _uses(edge: str, where: str) -> str:
    return (
        f"SELECT {_RUN}, {_ARTIFACT}, edge.commit_id, edge.how FROM {edge} AS edge "
        "JOIN artifact ON artifact.id = edge.artifact_id JOIN run ON run.id = "
        f"edge.run_id WHERE {where} LIMIT ?"
    )


_INPUTS = _uses("run_input", "edge.run_id = ?")
_OUTPUTS = _uses("run_output", "edge.run_id = ?")
_PLACES = "SELECT id FROM artifact WHERE identity = ? ORDER BY id DESC LIMIT ?"
# Of one place at a time: then the index gives the newest, and nothing is sorted, though
# 10^5 runs read the same file.
_CONSUMERS = _uses("run_input", "edge.artifact_id = ? ORDER BY edge.run_id DESC")
_PRODUCERS = _uses(
    "run_output",
    "edge.artifact_id = ? AND run.rerun_of_id IS NULL ORDER BY edge.run_id DESC",
)
_TREES = (
    f"SELECT {_ARTIFACT}, (SELECT commit_id FROM run_input WHERE artifact_id = "
    "artifact.id ORDER BY run_id DESC LIMIT 1) AS seen FROM artifact "
    "WHERE repository_id = (SELECT id FROM repository WHERE name = ?) AND path = ? "
    "AND is_prefix = 1 AND seen IS NOT NULL ORDER BY artifact.id DESC LIMIT ?"
)
# From each path to the next one: a prefix may have been written 10^5 times.
_WRITTEN_BELOW = """
WITH RECURSIVE place (id) AS (SELECT id FROM repository WHERE name = ?1),
written (path) AS (
    SELECT min(path) FROM artifact
    WHERE repository_id = (SELECT id FROM place) AND path >= ?2 AND path < ?3
    UNION ALL
    SELECT (SELECT min(path) FROM artifact
            WHERE repository_id = (SELECT id FROM place) AND path > written.path
            AND path < ?3)
    FROM written WHERE written.path IS NOT NULL LIMIT ?4
)
SELECT path FROM written WHERE path IS NOT NULL
"""
_VERSION = (
    "SELECT model.name, number, run_id, coalesce((SELECT name FROM repository WHERE "
    "repository.id = model_version.repository_id), ''), path, is_prefix, identity "
    "FROM model_version JOIN model ON model.id = model_id "
)


class GraphReads:
    """`GraphReader` on one connection."""

    _session: Session

    async def find_producers(self, identity: bytes, *, limit: int) -> list[Use]:
        """See `GraphReader.find_producers`."""
        return self._find_uses(_PRODUCERS, identity, limit)

    async def find_consumers(self, identity: bytes, *, limit: int) -> list[Use]:
        """See `GraphReader.find_consumers`."""
        return self._find_uses(_CONSUMERS, identity, limit)

    def _find_uses(self, sql: str, identity: bytes, limit: int) -> list[Use]:
        uses: list[Use] = []
        for (place,) in self._session.rows(_PLACES, (identity, limit)):
            uses += (_use(row) for row in self._session.rows(sql, (place, limit)))
        uses.sort(key=lambda use: use.run.id, reverse=True)
        return uses[:limit]

    async def find_inputs(self, run_id: int, *, limit: int) -> list[Use]:
        """See `GraphReader.find_inputs`."""
        return [_use(row) for row in self._session.rows(_INPUTS, (run_id, limit))]

    async def find_outputs(self, run_id: int, *, limit: int) -> list[Use]:
        """See `GraphReader.find_outputs`."""
        return [_use(row) for row in self._session.rows(_OUTPUTS, (run_id, limit))]

    async def find_readers(
        self, artifact: Artifact, run_ids: Sequence[int]
    ) -> set[int]:
        """See `GraphReader.find_readers`."""
        rows = self._session.rows(
            "SELECT run_id FROM run_input WHERE artifact_id = (SELECT id FROM artifact "
            "WHERE repository_id = (SELECT id FROM repository WHERE name = ?) "
            "AND path = ? AND is_prefix = ? AND identity = ?) "
            f"AND run_id IN ({_marks(run_ids)})",
            (
                artifact.repository,
                artifact.path,
                artifact.is_prefix,
                artifact.identity,
                *run_ids,
            ),
        )
        return {row[0] for row in rows}

    async def find_trees_of(
        self, run_ids: Sequence[int], repository: str, prefixes: Sequence[bytes]
    ) -> dict[bytes, set[int]]:
        """See `GraphReader.find_trees_of`."""
        rows = self._session.rows(
            "SELECT run_input.commit_id, run_id FROM artifact "
            "JOIN run_input ON artifact_id = artifact.id "
            "WHERE repository_id = (SELECT id FROM repository WHERE name = ?) "
            f"AND is_prefix = 1 AND path IN ({_marks(prefixes)}) "
            f"AND run_id IN ({_marks(run_ids)})",
            (repository, *prefixes, *run_ids),
        )
        found: dict[bytes, set[int]] = {}
        for commit_id, run_id in rows:
            found.setdefault(commit_id, set()).add(run_id)
        return found

    async def find_places(self, identity: bytes, *, limit: int) -> list[Artifact]:
        """See `GraphReader.find_places`."""
        rows = self._session.rows(
            f"SELECT {_ARTIFACT} FROM artifact WHERE identity = ? "
            "ORDER BY id DESC LIMIT ?",
            (identity, limit),
        )
        return [_artifact(row) for row in rows]

    async def find_trees(
        self, repository: str, prefixes: Sequence[bytes], *, limit: int
    ) -> list[Tree]:
        """See `GraphReader.find_trees`."""
        trees: list[Tree] = []
        for prefix in prefixes:
            rows = self._session.rows(_TREES, (repository, prefix, limit - len(trees)))
            trees += (Tree(_artifact(row), row[4]) for row in rows)
        return trees

    async def find_written_below(
        self, repository: str, prefix: bytes, *, limit: int
    ) -> list[bytes]:
        """See `GraphReader.find_written_below`."""
        values = (repository, prefix, prefix + _BELOW_ALL, limit)
        return [row[0] for row in self._session.rows(_WRITTEN_BELOW, values)]

    async def find_version_tags(
        self, identity: bytes, *, limit: int
    ) -> list[VersionTag]:
        """See `GraphReader.find_version_tags`."""
        rows = self._session.rows(
            f"{_VERSION} WHERE identity = ? ORDER BY model.name, number LIMIT ?",
            (identity, limit),
        )
        return [_version(row) for row in rows]

    async def get_run_tag(self, run_id: int) -> RunTag | None:
        """See `GraphReader.get_run_tag`."""
        row = self._session.row(f"SELECT {_RUN} FROM run WHERE run.id = ?", (run_id,))
        return None if row is None else _run(row)
