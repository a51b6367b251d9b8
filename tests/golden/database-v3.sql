CREATE TABLE access_grant (
    user_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    repository TEXT NOT NULL,
    ref        TEXT NOT NULL,
    level      INTEGER NOT NULL,  -- 1 read, 2 write, 3 admin; each holds the ones below
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, repository, ref)
) WITHOUT ROWID;
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
CREATE TABLE chunk (
    kind         INTEGER NOT NULL,
    id           BLOB NOT NULL,
    pack_id      INTEGER NOT NULL,
    offset       INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    plain_bytes  INTEGER NOT NULL,
    codec        INTEGER NOT NULL,
    base         BLOB,     -- the chunk that is the dictionary of codec 2
    condemned_ms INTEGER, damaged_ms INTEGER,  -- collection wants to delete it
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX chunk_condemned ON chunk (condemned_ms) WHERE condemned_ms IS NOT NULL;
CREATE INDEX chunk_damaged ON chunk (damaged_ms) WHERE damaged_ms IS NOT NULL;
CREATE TABLE commit_record (
    repository_id INTEGER NOT NULL,
    id            BLOB NOT NULL,
    record        BLOB NOT NULL,
    expired       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, id)
) WITHOUT ROWID;
CREATE TABLE commit_step (
    repository_id INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    id            BLOB NOT NULL,
    parents       BLOB NOT NULL,     -- ids, one behind the other
    created_ms    INTEGER NOT NULL,
    traces        BLOB,              -- of paths it may have changed; NULL: any
    PRIMARY KEY (repository_id, generation DESC, id)
) WITHOUT ROWID;
CREATE TABLE credential (
    access_key_id TEXT PRIMARY KEY,
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    sealed_secret BLOB NOT NULL,  -- encrypted before it comes here
    created_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX credential_by_user ON credential (user_id);
CREATE TABLE idempotency (
    scope          TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_digest BLOB NOT NULL,
    response       BLOB NOT NULL,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_ms);
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
CREATE TABLE mark_queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     INTEGER NOT NULL,
    id       BLOB NOT NULL
);
CREATE TABLE model (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0,  -- numbers are not used twice
    is_deleted  INTEGER NOT NULL DEFAULT 0   -- 1: the row is kept for its numbers
);
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
CREATE TABLE model_rule (
    model_id       INTEGER NOT NULL,
    alias          TEXT NOT NULL,
    needs_approval INTEGER NOT NULL,
    checks         BLOB NOT NULL,    -- JSON
    PRIMARY KEY (model_id, alias)
) WITHOUT ROWID;
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
CREATE INDEX model_version_by_identity ON model_version (identity);
CREATE INDEX model_version_by_run ON model_version (run_id);
CREATE TABLE needed_commit (
    repository_id INTEGER NOT NULL,
    commit_id     BLOB NOT NULL,
    run_id        INTEGER NOT NULL,
    PRIMARY KEY (repository_id, commit_id, run_id)
) WITHOUT ROWID;
CREATE TABLE pack (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL CHECK (state IN ('writing', 'sealed', 'dead')),
    size_bytes INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
);
CREATE INDEX pack_unsealed ON pack (state) WHERE state <> 'sealed';
CREATE TABLE purge (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    what      TEXT NOT NULL CHECK (what IN ('branch', 'repository')),
    target_id INTEGER NOT NULL
);
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
CREATE TABLE repository (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT UNIQUE,  -- NULL: deleted, its rows are being purged
    storage_namespace TEXT NOT NULL,
    default_branch    TEXT NOT NULL,
    read_only         INTEGER NOT NULL,
    created_ms        INTEGER NOT NULL
, protection TEXT NOT NULL DEFAULT '');
CREATE TABLE repository_document (
    repository_id INTEGER NOT NULL,
    name          TEXT NOT NULL,
    document      BLOB NOT NULL,  -- JSON
    PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;
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
CREATE TABLE run_branch (
    run_id         INTEGER NOT NULL,
    repository_id  INTEGER NOT NULL,
    branch         TEXT NOT NULL,    -- where it will be published
    work_branch_id INTEGER NOT NULL,
    base      BLOB NOT NULL,         -- commit that it began at
    published BLOB,                  -- commit that it became; NULL: not yet
    PRIMARY KEY (run_id, repository_id, branch)
) WITHOUT ROWID;
CREATE INDEX run_by_experiment ON run (repository_id, experiment, id);
CREATE INDEX run_by_parent ON run (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX run_by_record ON run (record) WHERE record IS NOT NULL;
CREATE INDEX run_by_repository ON run (repository_id, id);
CREATE INDEX run_by_rerun ON run (rerun_of_id) WHERE rerun_of_id IS NOT NULL;
CREATE INDEX run_by_status ON run (repository_id, status, id);
CREATE INDEX run_by_user ON run (repository_id, user_name, id);
CREATE TABLE run_draft (
    run_id INTEGER PRIMARY KEY,
    draft  BLOB NOT NULL  -- JSON
);
CREATE TABLE run_file (
    run_id     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    blob_id    BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE run_gap (
    run_id INTEGER NOT NULL,
    writer TEXT NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (run_id, writer, first)
) WITHOUT ROWID;
CREATE INDEX run_going_on ON run (heard_ms) WHERE record IS NULL;
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
CREATE TABLE run_key (
    access_key_id TEXT PRIMARY KEY,
    run_id        INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_key_by_run ON run_key (run_id);
CREATE TABLE run_log (
    run_id   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) WITHOUT ROWID;
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
CREATE TABLE run_param (
    run_id INTEGER NOT NULL,
    name   TEXT NOT NULL,
    value  ANY,               -- NULL, a number or a text; booleans are texts
    type   INTEGER NOT NULL,  -- 0 null, 1 bool, 2 int, 3 float, 4 str
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID, STRICT;
CREATE INDEX run_param_by_value ON run_param (repository_id, name, value, run_id);
CREATE TABLE run_points (
    run_id   INTEGER NOT NULL,
    name     TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    points   BLOB NOT NULL,   -- columns: see docs/format/run.md
    PRIMARY KEY (run_id, name, sequence)
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
CREATE TABLE run_writer (
    run_id   INTEGER NOT NULL,
    writer   TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (run_id, writer)
) WITHOUT ROWID;
CREATE TABLE run_written (
    run_id        INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    branch        TEXT NOT NULL,
    path          BLOB NOT NULL,
    PRIMARY KEY (run_id, repository_id, branch, path)
) WITHOUT ROWID;
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE staged (
    branch_id INTEGER NOT NULL,
    path      BLOB NOT NULL,
    epoch     INTEGER NOT NULL,
    entry     BLOB,  -- NULL: a tombstone
    PRIMARY KEY (branch_id, path, epoch)
) WITHOUT ROWID;
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
CREATE INDEX upload_by_age ON upload (touched_ms) WHERE ended = 0;
CREATE INDEX upload_by_path ON upload (branch_id, path, id) WHERE ended = 0;
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
CREATE TABLE user (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    is_admin   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
