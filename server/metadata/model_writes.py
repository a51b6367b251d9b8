"""Changes models in SQL, inside a write transaction: `registry/store.py` has the contract.

A deleted model keeps its row, for the numbers that were given and the log of its aliases.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from ..registry.rules import AliasMove, AliasRule, Approval
from ..registry.store import Model, Version
from .models import VERSION_COLUMNS, ModelReads, model_of

_FIELDS = VERSION_COLUMNS.replace("user_name", "user").split(", ")
_MARKS = ", ".join("?" * len(_FIELDS))


class ModelWrites(ModelReads):
    """`ModelTransaction` inside a write transaction."""

    async def create_model(self, name: str, *, user: str, now_ms: int) -> Model:
        """See `ModelTransaction.create_model`."""
        row = self._session.row(
            "INSERT INTO model (name, description, user_name, created_ms) "
            "VALUES (?1, '', ?2, ?3) ON CONFLICT (name) DO UPDATE SET description = '', "
            "user_name = ?2, created_ms = ?3, is_deleted = 0 "
            "RETURNING id, name, description, user_name, created_ms, last_number",
            (name, user, now_ms),
        )
        assert row is not None
        return model_of(row)

    async def set_model_description(self, model_id: int, description: str) -> None:
        """See `ModelTransaction.set_model_description`."""
        self._session.run(
            "UPDATE model SET description = ? WHERE id = ?", (description, model_id)
        )

    async def add_version(self, version: Version) -> Version:
        """See `ModelTransaction.add_version`."""
        row = self._session.row(
            "UPDATE model SET last_number = last_number + 1 WHERE id = ? "
            "RETURNING last_number",
            (version.model_id,),
        )
        assert row is not None
        version = replace(version, number=row[0])
        self._session.run(
            f"INSERT INTO model_version ({VERSION_COLUMNS}) VALUES ({_MARKS})",
            tuple(getattr(version, field) for field in _FIELDS),
        )
        return version

    async def delete_version(self, model_id: int, number: int) -> bool:
        """See `ModelTransaction.delete_version`."""
        for table in ("model_check", "model_approval"):
            self._session.run(
                f"DELETE FROM {table} WHERE model_id = ? AND number = ?",
                (model_id, number),
            )
        return bool(
            self._session.run(
                "DELETE FROM model_version WHERE model_id = ? AND number = ?",
                (model_id, number),
            )
        )

    async def delete_model(self, model_id: int) -> None:
        """See `ModelTransaction.delete_model`."""
        for table in (
            "model_check",
            "model_approval",
            "model_version",
            "model_alias",
            "model_rule",
        ):
            self._session.run(f"DELETE FROM {table} WHERE model_id = ?", (model_id,))
        self._session.run("UPDATE model SET is_deleted = 1 WHERE id = ?", (model_id,))

    async def set_alias(
        self,
        model_id: int,
        alias: str,
        number: int | None,
        *,
        action: str,
        user: str,
        reason: str,
        now_ms: int,
    ) -> AliasMove:
        """See `ModelTransaction.set_alias`."""
        row = self._session.row(
            "SELECT number FROM model_alias WHERE model_id = ? AND alias = ?",
            (model_id, alias),
        )
        old = None if row is None else int(row[0])
        if number is None:
            self._session.run(
                "DELETE FROM model_alias WHERE model_id = ? AND alias = ?",
                (model_id, alias),
            )
        else:
            self._session.run(
                "INSERT OR REPLACE INTO model_alias (model_id, alias, number) "
                "VALUES (?, ?, ?)",
                (model_id, alias, number),
            )
        logged = self._session.row(
            "INSERT INTO model_alias_move "
            "(model_id, alias, action, old, new, user_name, reason, at_ms) "
            "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, max(?8, coalesce((SELECT max(at_ms) "
            "FROM model_alias_move WHERE model_id = ?1 AND alias = ?2), ?8)) "
            "RETURNING sequence, at_ms",
            (model_id, alias, action, old, number, user, reason, now_ms),
        )
        assert logged is not None
        return AliasMove(logged[0], alias, action, old, number, user, reason, logged[1])

    async def set_rules(self, model_id: int, rules: Sequence[AliasRule]) -> None:
        """See `ModelTransaction.set_rules`."""
        self._session.run("DELETE FROM model_rule WHERE model_id = ?", (model_id,))
        self._session.run_many(
            "INSERT INTO model_rule (model_id, alias, needs_approval, checks) "
            "VALUES (?, ?, ?, ?)",
            [
                (
                    model_id,
                    rule.alias,
                    int(rule.needs_approval),
                    msgspec.json.encode(rule.checks),
                )
                for rule in rules
            ],
        )

    async def put_approval(self, model_id: int, approval: Approval) -> None:
        """See `ModelTransaction.put_approval`."""
        self._session.run(
            "INSERT OR REPLACE INTO model_approval "
            "(model_id, number, alias, user_id, user_name, comment, at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                model_id,
                approval.number,
                approval.alias,
                approval.person.id,
                approval.person.name,
                approval.comment,
                approval.at_ms,
            ),
        )

    async def remove_approval(
        self, model_id: int, number: int, alias: str, user_id: int
    ) -> bool:
        """See `ModelTransaction.remove_approval`."""
        return bool(
            self._session.run(
                "DELETE FROM model_approval WHERE model_id = ? AND number = ? "
                "AND alias = ? AND user_id = ?",
                (model_id, number, alias, user_id),
            )
        )

    async def put_check(
        self,
        model_id: int,
        number: int,
        name: str,
        *,
        run_id: int,
        has_passed: bool,
        user: str,
        now_ms: int,
    ) -> None:
        """See `ModelTransaction.put_check`."""
        self._session.run(
            "INSERT OR REPLACE INTO model_check "
            "(model_id, number, name, run_id, has_passed, user_name, at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (model_id, number, name, run_id, int(has_passed), user, now_ms),
        )
