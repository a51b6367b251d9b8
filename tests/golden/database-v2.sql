CREATE TABLE access_grant (
    user_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    repository TEXT NOT NULL,
    ref        TEXT NOT NULL,
    level      INTEGER NOT NULL,  -- 1 read, 2 write, 3 admin; each holds the ones below
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, repository, ref)
) WITHOUT ROWID;
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
