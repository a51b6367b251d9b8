"""The tables of runs and models, added in version 3. `docs/format/database.md`."""

from __future__ import annotations

ADDED_IN_3 = """
-- Runs ------------------------------------------------------------------------------

-- One execution of a command. While it goes on the row may change; sealed, never.
CREATE TABLE run (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they began
    name          TEXT NOT NULL UNIQUE,  -- 32 hex digits, random: what people call it by
    repository_id INTEGER NOT NULL,
    experiment    TEXT NOT NULL,
    status        INTEGER NOT NULL,  -- 0 running, 1 succeeded, 2 failed, 3 interrupted, 4 lost
    user_id       INTEGER NOT NULL,  -- 0: the owner of the directory
    user_name     TEXT NOT NULL,
    host          TEXT NOT NULL,
    command       TEXT NOT NULL,     -- for lists
    parent_id     INTEGER,
    rerun_of_id   INTEGER,
    started_ms    INTEGER NOT NULL,
    heard_ms      INTEGER NOT NULL,
    lost_after_s  INTEGER NOT NULL,
    ended_ms      INTEGER,           -- without a record: its end was asked for
    exit_code     INTEGER,
    grade         TEXT,
    log_sequence  INTEGER NOT NULL,  -- of `ref_log`, at its start: what branches are read at
    log_bytes     INTEGER NOT NULL DEFAULT 0,
    record        BLOB               -- id of the sealed record; NULL: it goes on
);
CREATE INDEX run_by_repository ON run (repository_id, id);
CREATE INDEX run_by_experiment ON run (repository_id, experiment, id);
CREATE INDEX run_by_status ON run (repository_id, status, id);
CREATE INDEX run_by_parent ON run (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX run_by_rerun ON run (rerun_of_id) WHERE rerun_of_id IS NOT NULL;
CREATE INDEX run_by_user ON run (repository_id, user_name, id);
CREATE INDEX run_by_record ON run (record) WHERE record IS NOT NULL;
CREATE INDEX run_going_on ON run (heard_ms) WHERE record IS NULL;

-- What of a run that goes on has no rows: parts that a recorder gave, outputs to come.
-- Apart from `run`, whose rows are written with each batch.
CREATE TABLE run_draft (
    run_id INTEGER PRIMARY KEY,
    draft  BLOB NOT NULL  -- JSON
);

-- Keys that belong to a run, and end with it.
CREATE TABLE run_key (
    access_key_id TEXT PRIMARY KEY,
    run_id        INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_key_by_run ON run_key (run_id);

-- How far the batches of each writer were taken: none is taken twice.
CREATE TABLE run_writer (
    run_id   INTEGER NOT NULL,
    writer   TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (run_id, writer)
) WITHOUT ROWID;

-- Numbers that a writer passed over: what was never taken is not taken later.
CREATE TABLE run_gap (
    run_id INTEGER NOT NULL,
    writer TEXT NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (run_id, writer, first)
) WITHOUT ROWID;

-- Hidden branches on which a run prepares what it will publish.
CREATE TABLE run_branch (
    run_id         INTEGER NOT NULL,
    repository_id  INTEGER NOT NULL,
    branch         TEXT NOT NULL,    -- where it will be published
    work_branch_id INTEGER NOT NULL,
    base      BLOB NOT NULL,         -- commit that it began at
    published BLOB,                  -- commit that it became; NULL: not yet
    PRIMARY KEY (run_id, repository_id, branch)
) WITHOUT ROWID;

-- What a run wrote to its work branches, noted before it is committed there: what came
-- out as it was is in no difference of trees.
CREATE TABLE run_written (
    run_id        INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    branch        TEXT NOT NULL,
    path          BLOB NOT NULL,
    PRIMARY KEY (run_id, repository_id, branch, path)
) WITHOUT ROWID;

-- Bytes kept with a run: the diff, lock files, the log. They are blobs like any other.
CREATE TABLE run_file (
    run_id     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    blob_id    BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

CREATE TABLE run_log (
    run_id   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) WITHOUT ROWID;

CREATE TABLE run_param (
    run_id INTEGER NOT NULL,
    name   TEXT NOT NULL,
    value  ANY,               -- NULL, a number or a text; booleans are texts
    type   INTEGER NOT NULL,  -- 0 null, 1 bool, 2 int, 3 float, 4 str
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID, STRICT;  -- else a text of digits would be kept as a number
CREATE INDEX run_param_by_value ON run_param (repository_id, name, value, run_id);

-- A metric in short; its points are in `run_points`.
CREATE TABLE run_metric (
    run_id     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    last       REAL,          -- NULL: not a number
    last_step  INTEGER NOT NULL,
    min        REAL,
    max        REAL,
    count      INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX run_metric_by_value ON run_metric (repository_id, name, last, run_id);

CREATE TABLE run_points (
    run_id   INTEGER NOT NULL,
    name     TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    points   BLOB NOT NULL,   -- columns: see docs/format/run.md
    PRIMARY KEY (run_id, name, sequence)
) WITHOUT ROWID;

-- What runs read and wrote: each object or prefix with one content once.
CREATE TABLE artifact (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL,
    path          BLOB NOT NULL,
    is_prefix     INTEGER NOT NULL,
    identity      BLOB NOT NULL,   -- blob id of a file, content id below a prefix
    size_bytes    INTEGER NOT NULL,
    UNIQUE (repository_id, path, is_prefix, identity)
);
CREATE INDEX artifact_by_identity ON artifact (identity);

CREATE TABLE run_input (
    run_id      INTEGER NOT NULL,
    artifact_id INTEGER NOT NULL,
    commit_id   BLOB NOT NULL,
    ref         TEXT NOT NULL,     -- as it was written
    how         INTEGER NOT NULL,  -- 0 declared, 1 observed
    local       TEXT,
    PRIMARY KEY (run_id, artifact_id, commit_id, ref)
) WITHOUT ROWID;
CREATE INDEX run_input_by_artifact ON run_input (artifact_id, run_id);

CREATE TABLE run_output (
    run_id      INTEGER NOT NULL,
    artifact_id INTEGER NOT NULL,
    commit_id   BLOB NOT NULL,
    branch      TEXT NOT NULL,
    how         INTEGER NOT NULL,
    local       TEXT,
    PRIMARY KEY (run_id, artifact_id, commit_id)
) WITHOUT ROWID;
CREATE INDEX run_output_by_artifact ON run_output (artifact_id, run_id);

-- Commits that sealed runs and versions name: their repository is not deleted.
CREATE TABLE needed_commit (
    repository_id INTEGER NOT NULL,
    commit_id     BLOB NOT NULL,
    run_id        INTEGER NOT NULL,
    PRIMARY KEY (repository_id, commit_id, run_id)
) WITHOUT ROWID;

CREATE TABLE run_verdict (
    run_id       INTEGER NOT NULL,  -- the first run
    rerun_id     INTEGER NOT NULL,
    is_identical INTEGER NOT NULL,
    compared     INTEGER NOT NULL,
    differences  BLOB NOT NULL,     -- JSON
    user_name    TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (run_id, rerun_id)
) WITHOUT ROWID;

-- Models ----------------------------------------------------------------------------

CREATE TABLE model (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0,  -- numbers are not used twice
    is_deleted  INTEGER NOT NULL DEFAULT 0   -- 1: the row is kept for its numbers
);

CREATE TABLE model_version (
    model_id      INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    run_id        INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,  -- where the run published it
    commit_id     BLOB NOT NULL,
    path          BLOB NOT NULL,
    is_prefix     INTEGER NOT NULL,
    identity      BLOB NOT NULL,
    files         INTEGER NOT NULL,
    size_bytes    INTEGER NOT NULL,
    files_commit  BLOB NOT NULL,     -- of the repository `models`: the files alone
    description   TEXT NOT NULL,
    metadata      BLOB NOT NULL,     -- JSON
    user_id       INTEGER NOT NULL,
    user_name     TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    PRIMARY KEY (model_id, number)
) WITHOUT ROWID;
CREATE INDEX model_version_by_run ON model_version (run_id);
CREATE INDEX model_version_by_identity ON model_version (identity);

CREATE TABLE model_alias (
    model_id INTEGER NOT NULL,
    alias    TEXT NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (model_id, alias)
) WITHOUT ROWID;

CREATE TABLE model_alias_move (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id  INTEGER NOT NULL,
    alias     TEXT NOT NULL,
    action    TEXT NOT NULL,
    old       INTEGER,
    new       INTEGER,
    user_name TEXT NOT NULL,
    reason    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
);
CREATE INDEX model_alias_move_by_alias ON model_alias_move (model_id, alias, sequence);

CREATE TABLE model_rule (
    model_id       INTEGER NOT NULL,
    alias          TEXT NOT NULL,
    needs_approval INTEGER NOT NULL,
    checks         BLOB NOT NULL,    -- JSON
    PRIMARY KEY (model_id, alias)
) WITHOUT ROWID;

CREATE TABLE model_approval (
    model_id  INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    alias     TEXT NOT NULL,
    user_id   INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    comment   TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (model_id, number, alias, user_id)
) WITHOUT ROWID;

CREATE TABLE model_check (
    model_id   INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    run_id     INTEGER NOT NULL,
    has_passed INTEGER NOT NULL,
    user_name  TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (model_id, number, name)
) WITHOUT ROWID;
"""
"""Tables of version 3; `migrations.py` adds them to a database of version 2."""
