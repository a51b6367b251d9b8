"""Reads models in SQL: `registry/store.py` has the contract."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..ids import CommitId
from ..refs.names import MODELS
from ..registry.rules import AliasMove, AliasRule, Approval, Check, Person
from ..registry.store import AliasAt, Model, Need, Origin, Version
from ..tree.lookup import after_prefix
from .database import Row, Session
from .refs import LAST_CHARACTER, compare_above

_MODEL = "id, name, description, user_name, created_ms, last_number"
VERSION_COLUMNS = (
    "model_id, number, run_id, repository_id, commit_id, path, is_prefix, identity, "
    "files, size_bytes, files_commit, description, metadata, user_id, user_name, "
    "created_ms"
)
_OF_VERSION = ", ".join(f"v.{name}" for name in VERSION_COLUMNS.split(", "))
_VERSIONS = (
    f"SELECT {_OF_VERSION}, run.name, run.record, run.grade, repository.name "
    "FROM model_version v JOIN run ON run.id = v.run_id "
    "JOIN repository ON repository.id = v.repository_id "
)
_IS_PREFIX = VERSION_COLUMNS.split(", ").index("is_prefix")
_ABOVE_ALL_PATHS = b"\xff"
_NUMBER_MAX = 2**62
_NEEDS = """
WITH needing AS NOT MATERIALIZED (  -- a repository that is being purged needs nothing any more
    SELECT run.id, run.name, run.parent_id, run.rerun_of_id FROM run
    JOIN repository ON repository.id = run.repository_id
    WHERE run.repository_id <> ?1 AND repository.name IS NOT NULL
)
SELECT 'version', m.name || '@' || v.number FROM model_version v
JOIN model m ON m.id = v.model_id JOIN run ON run.id = v.run_id
WHERE v.repository_id = ?1 OR run.repository_id = ?1
UNION
SELECT 'check', c.name || ' of ' || m.name || '@' || c.number FROM model_check c
JOIN model m ON m.id = c.model_id JOIN run ON run.id = c.run_id
WHERE run.repository_id = ?1
UNION
SELECT 'run', needing.name FROM needed_commit n JOIN needing ON needing.id = n.run_id
WHERE n.repository_id = ?1
UNION
SELECT 'run', needing.name FROM needing JOIN run ON run.id = needing.parent_id
WHERE needing.parent_id IS NOT NULL AND run.repository_id = ?1
UNION
SELECT 'run', needing.name FROM needing JOIN run ON run.id = needing.rerun_of_id
WHERE needing.rerun_of_id IS NOT NULL AND run.repository_id = ?1
ORDER BY 1 DESC, 2 LIMIT ?2
"""


def model_of(row: Row) -> Model:
    """Return the model that a row of `_MODEL` is."""
    return Model(row[0], row[1], row[2], row[3], row[4], row[5])


def _version_of(row: Row) -> Version:
    (*fields, run, record, grade, repository) = row
    fields[_IS_PREFIX] = bool(fields[_IS_PREFIX])
    fields.append(Origin(run, record, grade, repository))
    return Version(*fields)


def _numbers(values: Sequence[int]) -> str:
    """Return numbers as a list that a statement takes as one value."""
    return msgspec.json.encode(values).decode()


class ModelReads:
    """`ModelReader` on one connection."""

    _session: Session

    async def find_model(self, name: str) -> Model | None:
        """See `ModelReader.find_model`."""
        row = self._session.row(
            f"SELECT {_MODEL} FROM model WHERE name = ? AND is_deleted = 0", (name,)
        )
        return None if row is None else model_of(row)

    async def find_last_number(self, name: str) -> int:
        """See `ModelReader.find_last_number`."""
        row = self._session.row("SELECT last_number FROM model WHERE name = ?", (name,))
        return 0 if row is None else int(row[0])

    async def list_models(self, *, prefix: str, after: str, limit: int) -> list[Model]:
        """See `ModelReader.list_models`."""
        rows = self._session.rows(
            f"SELECT {_MODEL} FROM model WHERE is_deleted = 0 "
            f"AND name {compare_above(prefix, after)} AND name < ? "
            "ORDER BY name LIMIT ?",
            (max(prefix, after), prefix + LAST_CHARACTER, limit),
        )
        return [model_of(row) for row in rows]

    async def find_version(self, model_id: int, number: int) -> Version | None:
        """See `ModelReader.find_version`."""
        row = self._session.row(
            f"{_VERSIONS} WHERE v.model_id = ? AND v.number = ?", (model_id, number)
        )
        return None if row is None else _version_of(row)

    async def find_version_by_files(
        self, model_id: int, files_commit: CommitId
    ) -> Version | None:
        """See `ModelReader.find_version_by_files`."""
        row = self._session.row(
            f"{_VERSIONS} WHERE v.model_id = ? AND v.files_commit = ?",
            (model_id, files_commit),
        )
        return None if row is None else _version_of(row)

    async def list_versions(
        self, model_id: int, *, before: int | None, limit: int
    ) -> list[Version]:
        """See `ModelReader.list_versions`."""
        rows = self._session.rows(
            f"{_VERSIONS} WHERE v.model_id = ? AND v.number < ? "
            "ORDER BY v.number DESC LIMIT ?",
            (model_id, _NUMBER_MAX if before is None else before, limit),
        )
        return [_version_of(row) for row in rows]

    async def list_newest(self, model_ids: Sequence[int]) -> dict[int, int]:
        """See `ModelReader.list_newest`."""
        rows = self._session.rows(
            "SELECT value, (SELECT max(number) FROM model_version "
            "WHERE model_id = value) FROM json_each(?)",
            (_numbers(model_ids),),
        )
        return {row[0]: row[1] for row in rows if row[1] is not None}

    async def list_aliases(self, model_ids: Sequence[int]) -> list[AliasAt]:
        """See `ModelReader.list_aliases`."""
        rows = self._session.rows(
            "SELECT model_id, alias, number FROM model_alias "
            "WHERE model_id IN (SELECT value FROM json_each(?)) ORDER BY model_id, alias",
            (_numbers(model_ids),),
        )
        return [AliasAt(*row) for row in rows]

    async def list_alias_moves(
        self, model_id: int, alias: str, *, before: int | None, limit: int
    ) -> list[AliasMove]:
        """See `ModelReader.list_alias_moves`."""
        rows = self._session.rows(
            "SELECT sequence, alias, action, old, new, user_name, reason, at_ms "
            "FROM model_alias_move WHERE model_id = ? AND alias = ? AND sequence < ? "
            "ORDER BY sequence DESC LIMIT ?",
            (model_id, alias, _NUMBER_MAX if before is None else before, limit),
        )
        return [AliasMove(*row) for row in rows]

    async def list_rules(self, model_ids: Sequence[int]) -> list[tuple[int, AliasRule]]:
        """See `ModelReader.list_rules`."""
        rows = self._session.rows(
            "SELECT model_id, alias, needs_approval, checks FROM model_rule "
            "WHERE model_id IN (SELECT value FROM json_each(?)) ORDER BY model_id, alias",
            (_numbers(model_ids),),
        )
        return [
            (
                row[0],
                AliasRule(
                    row[1],
                    bool(row[2]),
                    msgspec.json.decode(row[3], type=tuple[str, ...]),
                ),
            )
            for row in rows
        ]

    async def list_approvals(
        self, model_id: int, numbers: Sequence[int]
    ) -> list[Approval]:
        """See `ModelReader.list_approvals`."""
        rows = self._session.rows(
            "SELECT number, alias, user_id, user_name, comment, at_ms "
            "FROM model_approval WHERE model_id = ? "
            "AND number IN (SELECT value FROM json_each(?)) ORDER BY at_ms, alias",
            (model_id, _numbers(numbers)),
        )
        return [
            Approval(row[0], row[1], Person(row[2], row[3]), row[4], row[5])
            for row in rows
        ]

    async def list_checks(self, model_id: int, numbers: Sequence[int]) -> list[Check]:
        """See `ModelReader.list_checks`."""
        rows = self._session.rows(
            "SELECT number, c.name, run.name, has_passed, c.user_name, at_ms "
            "FROM model_check c JOIN run ON run.id = c.run_id WHERE model_id = ? "
            "AND number IN (SELECT value FROM json_each(?)) ORDER BY number, c.name",
            (model_id, _numbers(numbers)),
        )
        return [
            Check(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in rows
        ]

    async def list_needs_of_repository(
        self, repository_id: int, *, limit: int
    ) -> list[Need]:
        """See `ModelReader.list_needs_of_repository`."""
        rows = self._session.rows(_NEEDS, (repository_id, limit))
        return [Need(*row) for row in rows]

    async def has_read_version(self, run_id: int, version: Version) -> bool:
        """See `ModelReader.has_read_version`."""
        stop = after_prefix(version.path) if version.is_prefix else version.path + b"\0"
        row = self._session.row(
            "SELECT 1 FROM run_input JOIN artifact ON artifact.id = artifact_id "
            "JOIN repository ON repository.id = artifact.repository_id "
            "WHERE run_id = ?1 AND (identity = ?2 "
            "OR (commit_id = ?3 AND repository.name = ?4) "
            "OR (commit_id = ?5 AND repository.id = ?6 AND path >= ?7 AND path < ?8)) "
            "LIMIT 1",
            (
                run_id,
                version.identity,
                version.files_commit,
                MODELS,
                version.commit_id,
                version.repository_id,
                version.path,
                _ABOVE_ALL_PATHS if stop is None else stop,
            ),
        )
        return row is not None
