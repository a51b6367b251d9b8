"""The path of every operation, written once for both sides.

Each is a template: the server gives it to its router as it stands, the client fills it
with `fill`. Paths of objects travel in the query, never in these.
"""

from __future__ import annotations

from urllib.parse import quote

BASE = "/api/v1"

HEALTHCHECK = f"{BASE}/healthcheck"
CONFIG = f"{BASE}/config"
SETUP = f"{BASE}/setup_lakefs"
LOGIN = f"{BASE}/auth/login"
LOGOUT = f"{BASE}/auth/logout"
CURRENT_USER = f"{BASE}/user"

USERS = f"{BASE}/auth/users"
USER = f"{USERS}/{{user}}"
USER_KEYS = f"{USER}/credentials"
USER_KEY = f"{USER_KEYS}/{{key}}"
USER_GRANTS = f"{USER}/grants"
"""GET `Page[Grant]`, POST `GrantCreation`, DELETE with `?repository=&ref=`. Ours."""

REPOSITORIES = f"{BASE}/repositories"
REPOSITORY = f"{REPOSITORIES}/{{repository}}"
REPOSITORY_METADATA = f"{REPOSITORY}/metadata"
BRANCH_PROTECTION = f"{REPOSITORY}/settings/branch_protection"
GC_RULES = f"{REPOSITORY}/settings/gc_rules"

BRANCHES = f"{REPOSITORY}/branches"
BRANCH = f"{BRANCHES}/{{branch}}"
"""GET, DELETE; PUT with `BranchReset` throws uncommitted changes away."""
BRANCH_COMMITS = f"{BRANCH}/commits"
BRANCH_DIFF = f"{BRANCH}/diff"
BRANCH_REVERT = f"{BRANCH}/revert"
BRANCH_CHERRY_PICK = f"{BRANCH}/cherry-pick"
BRANCH_HARD_RESET = f"{BRANCH}/hard_reset"
"""PUT with `?ref=`."""
BRANCH_OBJECTS = f"{BRANCH}/objects"
"""POST an upload, DELETE one path; `?path=`."""
OBJECTS_DELETE = f"{BRANCH_OBJECTS}/delete"
OBJECTS_COPY = f"{BRANCH_OBJECTS}/copy"
"""POST with `?dest_path=`."""
OBJECTS_MOVE = f"{BRANCH_OBJECTS}/move"
"""POST `ObjectMove`, answers 200 `ObjectMoveResult`. Ours."""
OBJECTS_BUNDLE = f"{BRANCH_OBJECTS}/bundle"
"""POST a bundle of small objects with `?if_absent=`, answers 200 `BundleResult`. Ours."""
OBJECTS_LINK = f"{BRANCH_OBJECTS}/link"
"""POST `ObjectLinks`, answers 200 `BundleResult`. Ours."""
OBJECT_USER_METADATA = f"{BRANCH_OBJECTS}/stat/user_metadata"

TAGS = f"{REPOSITORY}/tags"
TAG = f"{TAGS}/{{tag}}"
COMMIT = f"{REPOSITORY}/commits/{{commit}}"
BATCH_STAT = f"{REPOSITORY}/commits/batch-stat"
"""POST `BatchStat`, answers 200 `BatchStatResult`. Ours."""

REF_LOG = f"{REPOSITORY}/refs/log/{{name}}"
"""GET `Page[RefLogEntry]`, newest first. Ours."""
REF_UNDO = f"{REF_LOG}/undo"
"""POST `Undo`, answers 200 `RefLogEntry`: the move that it made. Ours."""
REF_COMMITS = f"{REPOSITORY}/refs/{{ref}}/commits"
REF_DIFF = f"{REPOSITORY}/refs/{{left}}/diff/{{right}}"
REF_MERGE = f"{REPOSITORY}/refs/{{source}}/merge/{{destination}}"
MERGE_CONFLICTS = f"{REF_MERGE}/conflicts"
"""GET `Page[Conflict]`. Ours."""
REF_DU = f"{REPOSITORY}/refs/{{ref}}/du"
"""GET `?prefix=`, answers `Du`. Ours."""
REF_PROOF = f"{REPOSITORY}/refs/{{ref}}/proof"
"""GET `?path=`, answers `Proof`. Ours."""
REF_BLAME = f"{REPOSITORY}/refs/{{ref}}/blame"
"""GET `Page[Blame]`. Ours."""
REF_OBJECTS = f"{REPOSITORY}/refs/{{ref}}/objects"
REF_OBJECT_STAT = f"{REF_OBJECTS}/stat"
REF_OBJECTS_LS = f"{REF_OBJECTS}/ls"
REF_OBJECTS_BUNDLE = f"{REF_OBJECTS}/bundle"
"""POST `BundleWish`, answers 200 with a sequence of bundles. Ours."""
REF_OBJECT_PROPERTIES = f"{REF_OBJECTS}/underlyingProperties"

# Known, and not built: every method answers 501.
IMPORT = f"{BRANCH}/import"
STAGING_BACKING = f"{BRANCH}/staging/backing"
STAGING_UPLOADS = f"{BRANCH}/staging/pmpu"
STAGING_UPLOAD = f"{STAGING_UPLOADS}/{{upload}}"
STAGING_PART = f"{STAGING_UPLOAD}/parts/{{part}}"
STAGING_PART_COPY = f"{STAGING_PART}/copy"
ACTION_RUNS = f"{REPOSITORY}/actions/runs"
ACTION_RUN = f"{ACTION_RUNS}/{{run}}"
ACTION_HOOKS = f"{ACTION_RUN}/hooks"
ACTION_HOOK_OUTPUT = f"{ACTION_HOOKS}/{{hook_run}}/output"
PULLS = f"{REPOSITORY}/pulls"
PULL = f"{PULLS}/{{pull}}"
PULL_MERGE = f"{PULL}/merge"
DUMP = f"{REPOSITORY}/dump"
RESTORE = f"{REPOSITORY}/restore"
REFS_DUMP = f"{REPOSITORY}/refs/dump"
REFS_RESTORE = f"{REPOSITORY}/refs/restore"
GC_PREPARE_COMMITS = f"{REPOSITORY}/gc/prepare_commits"
GC_PREPARE_UNCOMMITTED = f"{REPOSITORY}/gc/prepare_uncommited"
"""Misspelt in the interface."""
GROUPS = f"{BASE}/auth/groups"
GROUP = f"{GROUPS}/{{group}}"
GROUP_MEMBERS = f"{GROUP}/members"
GROUP_POLICIES = f"{GROUP}/policies"
POLICIES = f"{BASE}/auth/policies"
POLICY = f"{POLICIES}/{{policy}}"
USER_GROUPS = f"{USER}/groups"
USER_POLICIES = f"{USER}/policies"

USER_METADATA_HEADER = "x-lakefs-meta-"
"""Prefix of the headers of an upload that carry user metadata."""
SETUP_TOKEN_HEADER = "X-Lakebed-Setup-Token"  # noqa: S105 - a name, no token
"""The token that a server printed when it started, which lets its bearer set it up."""
IDEMPOTENCY_HEADER = "Idempotency-Key"
"""A request with the key of an earlier one gets that one's answer, and does nothing."""


def fill(template: str, **names: str) -> str:
    """Return the path of `template` with `names` put in, percent-encoded."""
    return template.format(
        **{field: quote(name, safe="") for field, name in names.items()}
    )
