"""The tables, and how a new database comes to be. `docs/format/database.md`; change both.

A database is built by sqlite-utils in a private file, which is closed, fsynced and only
then linked to its name, never over an existing one. From there on nothing but apsw opens
it: closing the handle of a second SQLite library in one process would drop the POSIX
locks of the first.

Paths and ids are BLOBs and never collated text. Ids are AUTOINCREMENT where something
may outlive the row that an id named: a branch id is never used twice. The tables are not
STRICT, because the standard library of Enterprise Linux 9, which builds them, cannot.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .run_tables import ADDED_IN_3

APPLICATION_ID = 0x4C4B4244
"""`LKBD`, in the header of the file: says whose database it is."""

SCHEMA_VERSION = 3
"""`PRAGMA user_version`. A step of `migrations.py` leads from each to the next."""

_TABLES = """
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Names -----------------------------------------------------------------------------

CREATE TABLE repository (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT UNIQUE,  -- NULL: deleted, its rows are being purged
    storage_namespace TEXT NOT NULL,
    default_branch    TEXT NOT NULL,
    read_only         INTEGER NOT NULL,
    created_ms        INTEGER NOT NULL
);

-- One table for branches and tags, so that they share one namespace.
CREATE TABLE ref (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL,
    name          TEXT NOT NULL,
    kind          INTEGER NOT NULL,            -- 0 branch, 1 tag
    head          BLOB NOT NULL,
    epoch         INTEGER NOT NULL DEFAULT 1,  -- staged writes go in under it
    floor         INTEGER NOT NULL DEFAULT 1,  -- the lowest live epoch
    resets        INTEGER NOT NULL DEFAULT 0,  -- how often staged rows were thrown away
    staged_epoch  INTEGER NOT NULL DEFAULT 0,  -- the newest epoch that took a row
    hidden        INTEGER NOT NULL DEFAULT 0,
    created_ms    INTEGER NOT NULL,
    UNIQUE (repository_id, name)
);
CREATE INDEX ref_by_kind ON ref (repository_id, kind, name);

-- Kept when a ref is deleted, dropped with the repository.
CREATE TABLE ref_log (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL,
    ref           TEXT NOT NULL,
    kind          INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,  -- never goes back within a ref
    actor         TEXT NOT NULL,
    action        TEXT NOT NULL,
    old           BLOB,
    new           BLOB
);
CREATE INDEX ref_log_by_sequence ON ref_log (repository_id, ref, sequence);
CREATE INDEX ref_log_by_time ON ref_log (repository_id, ref, at_ms, sequence);

CREATE TABLE commit_record (
    repository_id INTEGER NOT NULL,
    id            BLOB NOT NULL,
    record        BLOB NOT NULL,
    expired       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, id)
) WITHOUT ROWID;

-- Staging ---------------------------------------------------------------------------

CREATE TABLE staged (
    branch_id INTEGER NOT NULL,
    path      BLOB NOT NULL,
    epoch     INTEGER NOT NULL,
    entry     BLOB,  -- NULL: a tombstone
    PRIMARY KEY (branch_id, path, epoch)
) WITHOUT ROWID;

-- Chunks ----------------------------------------------------------------------------

CREATE TABLE pack (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL CHECK (state IN ('writing', 'sealed', 'dead')),
    size_bytes INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
);
CREATE INDEX pack_unsealed ON pack (state) WHERE state <> 'sealed';

CREATE TABLE chunk (
    kind         INTEGER NOT NULL,
    id           BLOB NOT NULL,
    pack_id      INTEGER NOT NULL,
    offset       INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    plain_bytes  INTEGER NOT NULL,
    codec        INTEGER NOT NULL,
    base         BLOB,     -- the chunk that is the dictionary of codec 2
    condemned_ms INTEGER,  -- collection wants to delete it
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX chunk_condemned ON chunk (condemned_ms) WHERE condemned_ms IS NOT NULL;

CREATE TABLE lease (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    expires_at_ms INTEGER NOT NULL
);

CREATE TABLE lease_item (
    lease_id INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    id       BLOB NOT NULL,
    PRIMARY KEY (lease_id, kind, id)
) WITHOUT ROWID;

-- Roots that became reachable while collection marks.
CREATE TABLE mark_queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     INTEGER NOT NULL,
    id       BLOB NOT NULL
);

-- Retries, users, house-keeping -----------------------------------------------------

CREATE TABLE idempotency (
    scope          TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_digest BLOB NOT NULL,
    response       BLOB NOT NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_ms);

CREATE TABLE user (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    is_admin   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE credential (
    access_key_id TEXT PRIMARY KEY,
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    sealed_secret BLOB NOT NULL,  -- encrypted before it comes here
    created_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX credential_by_user ON credential (user_id);

-- What was deleted in one row and leaves many to remove, in batches.
CREATE TABLE purge (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    what      TEXT NOT NULL CHECK (what IN ('branch', 'repository')),
    target_id INTEGER NOT NULL
);
"""

ADDED_IN_2 = """
-- The commits of a repository in the order of walks: newest first.
CREATE TABLE commit_step (
    repository_id INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    id            BLOB NOT NULL,
    parents       BLOB NOT NULL,     -- ids, one behind the other
    created_ms    INTEGER NOT NULL,
    traces        BLOB,              -- of paths it may have changed; NULL: any
    PRIMARY KEY (repository_id, generation DESC, id)
) WITHOUT ROWID;

-- JSON list of globs: branches that change only by merges; empty: none.
ALTER TABLE repository ADD COLUMN protection TEXT NOT NULL DEFAULT '';

-- What is kept with a repository, by name: user metadata, rules for collection.
CREATE TABLE repository_document (
    repository_id INTEGER NOT NULL,
    name          TEXT NOT NULL,
    document      BLOB NOT NULL,  -- JSON
    PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;

-- Rights: what a user may do where; the patterns are globs.
CREATE TABLE access_grant (
    user_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    repository TEXT NOT NULL,
    ref        TEXT NOT NULL,
    level      INTEGER NOT NULL,  -- 1 read, 2 write, 3 admin; each holds the ones below
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, repository, ref)
) WITHOUT ROWID;

-- Multipart uploads that are not an object yet.
CREATE TABLE upload (
    id         TEXT PRIMARY KEY,
    branch_id  INTEGER NOT NULL,
    path       BLOB NOT NULL,
    initiator  TEXT NOT NULL,     -- who began it: id and name of a user
    checksum   TEXT NOT NULL,     -- algorithm and type that were asked for, or empty
    created_ms INTEGER NOT NULL,
    touched_ms INTEGER NOT NULL,  -- when it or one of its parts came last
    revision   INTEGER NOT NULL DEFAULT 0,  -- how many parts came
    ended      INTEGER NOT NULL DEFAULT 0,  -- 1: gone, its parts are being purged
    extra      BLOB NOT NULL      -- of the entry that it will become
) WITHOUT ROWID;
CREATE INDEX upload_by_path ON upload (branch_id, path, id) WHERE ended = 0;
CREATE INDEX upload_by_age ON upload (touched_ms) WHERE ended = 0;
CREATE INDEX upload_ended ON upload (id) WHERE ended = 1;

CREATE TABLE upload_part (
    upload_id  TEXT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    md5        BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum   BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    pieces     BLOB NOT NULL,     -- the chunks of its bytes, or slices of chunks
    PRIMARY KEY (upload_id, number)
);
"""
"""Tables of version 2; `migrations.py` adds them to a database of version 1."""


DAMAGE_ADDED_IN_3 = """
-- When its bytes were found not to be those of its id: stored anew when it comes again.
ALTER TABLE chunk ADD COLUMN damaged_ms INTEGER;
CREATE INDEX chunk_damaged ON chunk (damaged_ms) WHERE damaged_ms IS NOT NULL;
"""
"""What chunks got in version 3, beside the tables of runs."""


def create_database(path: Path, *, created_by: str, reserved: list[str]) -> None:
    """Create the database `path`, durably, unless there is one.

    Args:
        path: where it goes; beside it a private file is built first. A stop before the
            end leaves that file, which the next initialisation removes.
        created_by: version of the program, kept for whoever looks into the file.
        reserved: repository names that are kept for later use.
    """
    draft = path.with_name(f"{path.name}.new-{secrets.token_hex(8)}")
    # Only here: its import takes as long as that of all the rest of the server.
    from sqlite_utils import Database

    database = Database(draft)
    try:
        database.executescript(_TABLES + ADDED_IN_2 + ADDED_IN_3 + DAMAGE_ADDED_IN_3)
        settings = {
            "instance_id": secrets.token_hex(16),
            "created_by": created_by,
            "reserved_repositories": " ".join(reserved),
        }
        database.table("setting").insert_all(
            {"name": name, "value": value} for name, value in settings.items()
        )
        database.executescript(
            f"PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION};"
        )
        database.enable_wal()
    finally:
        database.close()
    draft.chmod(0o600)
    _sync(draft)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # somebody else's is as good as ours, and may be in use
    finally:
        draft.unlink()
    _sync(path.parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
