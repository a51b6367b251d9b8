"""Every way to damage a row of the database that names something stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from support.injuries import INSERT_RUN, Lake

NOWHERE = b"\x07" * 32
"""An id of nothing."""


def _edit(sql: str, *values: object) -> Callable[[Lake], None]:
    def damage(lake: Lake) -> None:
        lake.run(sql, *values)

    return damage


def _flip_value(table: str, column: str, where: str, at: int) -> Callable[[Lake], None]:
    def damage(lake: Lake) -> None:
        value = bytearray(lake.value(f"SELECT {column} FROM {table} WHERE {where}"))
        value[at] ^= 1
        lake.run(f"UPDATE {table} SET {column} = ? WHERE {where}", bytes(value))

    return damage


_HEAD = "id = (SELECT head FROM ref WHERE name = 'main')"
_ARTIFACT = "INSERT INTO artifact VALUES (1, 1, x'61', 0, x'00', 1)"


def _runs(*statements: tuple[str, tuple[object, ...]]) -> Callable[[Lake], None]:
    def damage(lake: Lake) -> None:
        for sql, values in statements:
            lake.run(sql, *values)

    return damage


_A_RUN: tuple[str, tuple[object, ...]] = (INSERT_RUN, (1, "other", None))

ROWS: Mapping[str, Mapping[str, Callable[[Lake], None]]] = {
    "pack": {
        "deleted": _edit("DELETE FROM pack"),
        "size": _edit("UPDATE pack SET size_bytes = size_bytes + 1"),
        "renamed": _edit("UPDATE pack SET name = replace(name, 'a', 'b')"),
    },
    "chunk": {"all deleted": _edit("DELETE FROM chunk")},
    "commit_record": {
        "head deleted": _edit(f"DELETE FROM commit_record WHERE {_HEAD}"),
        "parent deleted": _edit(f"DELETE FROM commit_record WHERE NOT {_HEAD}"),
        "flipped": _flip_value("commit_record", "record", _HEAD, 40),
        "empty": _edit(f"UPDATE commit_record SET record = x'' WHERE {_HEAD}"),
        "of another id": _edit(
            f"UPDATE commit_record SET id = ? WHERE {_HEAD}", NOWHERE
        ),
    },
    "commit_step": {
        "deleted": _edit(f"DELETE FROM commit_step WHERE {_HEAD}"),
        "generation": _edit("UPDATE commit_step SET generation = generation + 1"),
        "parents": _edit(f"UPDATE commit_step SET parents = ? WHERE {_HEAD}", NOWHERE),
        "one too many": _edit(
            "INSERT INTO commit_step VALUES (1, 9, ?, x'', 0, NULL)", NOWHERE
        ),
    },
    "ref": {
        "branch to nowhere": _edit(
            "UPDATE ref SET head = ? WHERE name = 'main'", NOWHERE
        ),
        "tag to nowhere": _edit("UPDATE ref SET head = ? WHERE name = 'v1'", NOWHERE),
        "short head": _edit("UPDATE ref SET head = x'07' WHERE name = 'main'"),
    },
    "ref_log": {
        "from nowhere": _edit(
            "UPDATE ref_log SET old = ? WHERE old IS NOT NULL", NOWHERE
        ),
        "to nowhere": _edit("UPDATE ref_log SET new = ?", NOWHERE),
    },
    "staged": {
        "blob": _flip_value("staged", "entry", "path = CAST('staged' AS BLOB)", 3),
        "size": _flip_value("staged", "entry", "path = CAST('staged' AS BLOB)", 32),
        "cut": _edit(
            "UPDATE staged SET entry = substr(entry, 1, 40) WHERE entry NOT NULL"
        ),
        "extras": _edit(
            "UPDATE staged SET entry = CAST(entry || x'c1' AS BLOB) WHERE entry NOT NULL"
        ),
        "a text": _edit("UPDATE staged SET entry = 'text'"),
        "no text": _edit("UPDATE staged SET entry = CAST(x'ff' AS TEXT)"),
    },
    "upload_part": {
        "chunk": _flip_value("upload_part", "pieces", "number = 1", 5),
        "size of a chunk": _flip_value("upload_part", "pieces", "number = 2", 33),
        "version": _flip_value("upload_part", "pieces", "number = 1", 0),
        "cut": _edit("UPDATE upload_part SET pieces = substr(pieces, 1, 20)"),
        "size": _edit("UPDATE upload_part SET size_bytes = size_bytes + 1"),
    },
    "run": {"record to nowhere": _edit(INSERT_RUN, 1, "other", NOWHERE)},
    "run_file": {
        "blob to nowhere": _runs(
            _A_RUN, ("INSERT INTO run_file VALUES (1, 'log', ?, 5)", (NOWHERE,))
        )
    },
    "run_input": {
        "commit to nowhere": _runs(
            _A_RUN,
            (_ARTIFACT, ()),
            ("INSERT INTO run_input VALUES (1, 1, ?, 'main', 0, NULL)", (NOWHERE,)),
        )
    },
    "run_output": {
        "commit to nowhere": _runs(
            _A_RUN,
            (_ARTIFACT, ()),
            ("INSERT INTO run_output VALUES (1, 1, ?, 'main', 0, NULL)", (NOWHERE,)),
        )
    },
    "needed_commit": {
        "commit to nowhere": _edit(
            "INSERT INTO needed_commit VALUES (1, ?, 1)", NOWHERE
        )
    },
    "model_version": {
        "commit to nowhere": _runs(
            ("INSERT INTO model VALUES (1, 'bert', '', '', 0, 1, 0)", ()),
            (
                (
                    "INSERT INTO model_version VALUES "
                    "(1, 1, 1, 1, ?, x'61', 0, x'', 0, 0, x'', '', x'', 0, '', 0)"
                ),
                (NOWHERE,),
            ),
        )
    },
}
"""Damage of each table that names something stored."""

TABLES_WITHOUT = {
    "setting": "settings",
    "repository": "names",
    "repository_document": "what people wrote",
    "upload": "what its parts will become; they are in upload_part",
    "lease": "a time",
    "lease_item": "what is kept for a while; it may be gone",
    "mark_queue": "what collection still has to look at",
    "idempotency": "answers of a day",
    "user": "people",
    "credential": "keys",
    "access_grant": "rights",
    "purge": "what is left to remove",
    "run_key": "keys",
    "run_writer": "numbers",
    "run_gap": "numbers",
    "run_branch": "names of branches",
    "run_draft": "what a recorder gave, until it is sealed",
    "run_written": "names of paths",
    "run_log": "text",
    "run_param": "values, which are in the record too",
    "run_metric": "values, which are in the record too",
    "run_points": "values, until they are sealed into a blob",
    "artifact": "identities: what has one may be gone, and this stays",
    "run_verdict": "what was compared",
    "model": "names",
    "model_alias": "names",
    "model_alias_move": "names",
    "model_rule": "names",
    "model_approval": "names",
    "model_check": "names",
}
"""Tables that name nothing stored, and what they hold. Their pages are still checked."""
