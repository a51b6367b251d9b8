"""The table: every operation of the interface, in the order of the reference.

Requests are routed, permissions checked and bodies limited from it, and the documents
are written from it. Where two templates fit a path, the one whose names stand in the
same places as those of the earlier route wins: `refs/{ref}/commits` before
`refs/log/{name}`, so that a branch may be called `log`.
"""

from __future__ import annotations

from lakebed.client.wire import routes

from ..auth.authorize import Permission
from ..provenance.views import Use
from .headers import CHANGE_CONDITIONS, READ_CONDITIONS, WRITE_CONDITIONS, Header
from .model_routes import MODEL_ROUTES
from .operations import (
    branches,
    bundles,
    commits,
    gathering,
    merges,
    objects,
    people,
    repositories,
    runs,
    service,
    tags,
    tracing,
    writing,
)
from .routing import Anyone, ForEach, Route, SignedIn, Themselves
from .unbuilt import UNBUILT

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN

ROUTES: tuple[Route, ...] = (
    # The server, and who is asking.
    Route("GET", routes.HEALTHCHECK, service.health_check, Anyone()),
    Route("GET", routes.CONFIG, service.get_config, SignedIn()),
    Route("GET", routes.SETUP, service.get_setup_state, Anyone()),
    Route(
        "POST",
        routes.SETUP,
        service.setup,
        Anyone(),
        headers=(
            Header(routes.SETUP_TOKEN_HEADER, "What the server printed at its start."),
        ),
    ),
    Route("POST", routes.LOGIN, service.login, Anyone()),
    Route("POST", routes.LOGOUT, service.logout, Anyone()),
    Route("GET", routes.CURRENT_USER, service.get_current_user, SignedIn()),
    # People.
    Route("GET", routes.USERS, people.list_users, ADMIN),
    Route("POST", routes.USERS, people.create_user, ADMIN),
    Route("GET", routes.USER, people.get_user, Themselves()),
    Route("DELETE", routes.USER, people.delete_user, ADMIN),
    Route("GET", routes.USER_KEYS, people.list_user_credentials, Themselves()),
    Route("POST", routes.USER_KEYS, people.create_credentials, Themselves()),
    Route("GET", routes.USER_KEY, people.get_credentials, Themselves()),
    Route("DELETE", routes.USER_KEY, people.delete_credentials, Themselves()),
    Route("GET", routes.USER_GRANTS, people.list_grants, Themselves()),
    Route("POST", routes.USER_GRANTS, people.add_grant, ADMIN),
    Route("DELETE", routes.USER_GRANTS, people.remove_grant, ADMIN),
    # Repositories.
    Route("GET", routes.REPOSITORIES, repositories.list_repositories, SignedIn()),
    Route(
        "POST",
        routes.REPOSITORIES,
        repositories.create_repository,
        ADMIN,
        repository_name="body.name",
    ),
    Route("GET", routes.REPOSITORY, repositories.get_repository, READ),
    Route("DELETE", routes.REPOSITORY, repositories.delete_repository, ADMIN),
    Route(
        "GET", routes.REPOSITORY_METADATA, repositories.get_repository_metadata, READ
    ),
    Route(
        "POST", routes.REPOSITORY_METADATA, repositories.set_repository_metadata, ADMIN
    ),
    Route(
        "DELETE",
        routes.REPOSITORY_METADATA,
        repositories.delete_repository_metadata,
        ADMIN,
    ),
    Route(
        "GET", routes.BRANCH_PROTECTION, repositories.get_branch_protection_rules, READ
    ),
    Route(
        "PUT",
        routes.BRANCH_PROTECTION,
        repositories.set_branch_protection_rules,
        ADMIN,
        headers=CHANGE_CONDITIONS,
    ),
    Route(
        "GET", routes.GC_RULES, repositories.get_gc_rules, READ, operation="getGCRules"
    ),
    Route(
        "PUT", routes.GC_RULES, repositories.set_gc_rules, ADMIN, operation="setGCRules"
    ),
    Route(
        "DELETE",
        routes.GC_RULES,
        repositories.delete_gc_rules,
        ADMIN,
        operation="deleteGCRules",
    ),
    # Branches.
    Route("GET", routes.BRANCHES, branches.list_branches, READ),
    Route(
        "POST",
        routes.BRANCHES,
        branches.create_branch,
        WRITE,
        "body.name",
        reads=("body.source",),
        is_idempotent=True,
        use=Use.ITSELF,
    ),
    Route("GET", routes.BRANCH, branches.get_branch, READ, "branch"),
    Route("PUT", routes.BRANCH, branches.reset_branch, WRITE, "branch"),
    Route(
        "DELETE", routes.BRANCH, branches.delete_branch, WRITE, "branch", use=Use.MOVE
    ),
    Route(
        "POST",
        routes.BRANCH_COMMITS,
        commits.commit,
        WRITE,
        "branch",
        is_idempotent=True,
    ),
    Route(
        "GET",
        routes.BRANCH_DIFF,
        merges.diff_branch,
        READ,
        "branch",
        use=Use.WRITE,  # what the run itself has not committed
    ),
    Route(
        "POST",
        routes.BRANCH_REVERT,
        commits.revert_branch,
        WRITE,
        "branch",
        reads=("body.ref",),
        is_idempotent=True,
    ),
    Route(
        "POST",
        routes.BRANCH_CHERRY_PICK,
        commits.cherry_pick,
        WRITE,
        "branch",
        reads=("body.ref",),
        is_idempotent=True,
    ),
    Route(
        "PUT",
        routes.BRANCH_HARD_RESET,
        branches.hard_reset_branch,
        WRITE,
        "branch",
        reads=("query.ref",),
    ),
    # Writing objects.
    Route(
        "POST",
        routes.BRANCH_OBJECTS,
        writing.upload_object,
        WRITE,
        "branch",
        body_bytes_max=None,
        headers=WRITE_CONDITIONS,
    ),
    Route(
        "DELETE",
        routes.BRANCH_OBJECTS,
        writing.delete_object,
        WRITE,
        "branch",
        headers=WRITE_CONDITIONS,
    ),
    Route("POST", routes.OBJECTS_DELETE, writing.delete_objects, WRITE, "branch"),
    Route(
        "POST",
        routes.OBJECTS_COPY,
        writing.copy_object,
        WRITE,
        "branch",
        reads=("body.src_ref",),
        headers=WRITE_CONDITIONS,
    ),
    Route("POST", routes.OBJECTS_MOVE, writing.move_objects, WRITE, "branch"),
    Route(
        "POST",
        routes.OBJECTS_BUNDLE,
        bundles.upload_bundle,
        WRITE,
        "branch",
        body_bytes_max=None,
    ),
    Route(
        "POST",
        routes.OBJECTS_LINK,
        bundles.link_objects,
        WRITE,
        "branch",
        reads=("body.src_ref",),
    ),
    Route(
        "PUT",
        routes.OBJECT_USER_METADATA,
        writing.update_object_user_metadata,
        WRITE,
        "branch",
    ),
    # Tags.
    Route("GET", routes.TAGS, tags.list_tags, READ),
    Route(
        "POST",
        routes.TAGS,
        tags.create_tag,
        WRITE,
        "body.id",
        reads=("body.ref",),
        is_idempotent=True,
        use=Use.ITSELF,
    ),
    Route("GET", routes.TAG, tags.get_tag, READ, "tag", use=Use.ITSELF),
    Route("DELETE", routes.TAG, tags.delete_tag, WRITE, "tag", use=Use.ITSELF),
    # History.
    Route("GET", routes.COMMIT, commits.get_commit, READ, "commit"),
    Route(
        "GET",
        routes.REF_COMMITS,
        commits.log_commits,
        READ,
        "ref",
        reads=("query.stop_at",),
    ),
    Route("GET", routes.REF_BLAME, commits.list_blame, READ, "ref"),
    Route("GET", routes.REF_DIFF, merges.diff_refs, READ, "right", reads=("left",)),
    Route(
        "GET",
        routes.REF_MERGE,
        merges.find_merge_base,
        READ,
        "source",
        reads=("destination",),
    ),
    Route(
        "POST",
        routes.REF_MERGE,
        merges.merge_into_branch,
        WRITE,
        "destination",
        reads=("source",),
        is_idempotent=True,
    ),
    Route(
        "GET",
        routes.MERGE_CONFLICTS,
        merges.list_merge_conflicts,
        READ,
        "source",
        reads=("destination",),
    ),
    # Reading objects.
    Route(
        "GET",
        routes.REF_OBJECTS,
        objects.get_object,
        READ,
        "ref",
        headers=READ_CONDITIONS,
    ),
    Route(
        "HEAD",
        routes.REF_OBJECTS,
        objects.head_object,
        READ,
        "ref",
        headers=READ_CONDITIONS,
    ),
    Route("GET", routes.REF_OBJECT_STAT, objects.stat_object, READ, "ref"),
    Route("GET", routes.REF_OBJECTS_LS, objects.list_objects, READ, "ref"),
    Route(
        "GET",
        routes.REF_OBJECT_PROPERTIES,
        objects.get_underlying_properties,
        READ,
        "ref",
    ),
    Route("POST", routes.REF_OBJECTS_BUNDLE, gathering.read_bundle, READ, "ref"),
    Route("GET", routes.REF_DU, objects.get_usage, READ, "ref"),
    Route("POST", routes.BATCH_STAT, objects.measure_many, ForEach(READ)),
    Route("GET", routes.REF_PROOF, objects.prove_object, READ, "ref"),
    # What moved a ref.
    Route("GET", routes.REF_LOG, branches.list_ref_moves, READ, "name", use=Use.ITSELF),
    Route("POST", routes.REF_UNDO, branches.undo_ref_move, WRITE, "name", use=Use.MOVE),
    # Runs.
    Route("GET", routes.ALL_RUNS, runs.list_runs, SignedIn()),
    Route("GET", routes.ANY_RUN, runs.find_run, SignedIn()),
    Route("GET", routes.WHY, tracing.get_why, SignedIn()),
    Route("GET", routes.LINEAGE, tracing.get_lineage, SignedIn()),
    Route("POST", routes.RUNS, runs.begin_run, ForEach(WRITE), is_idempotent=True),
    Route("DELETE", routes.RUN, runs.delete_run, ADMIN),
    Route("POST", routes.RUN_BATCHES, runs.append_run_batch, ForEach(WRITE)),
    Route("POST", routes.RUN_END, runs.end_run, ForEach(WRITE)),
    Route(
        "POST",
        routes.RUN_FILES,
        runs.keep_run_file,
        ForEach(WRITE),
        body_bytes_max=None,
    ),
    Route("GET", routes.RUN_FILES, runs.get_run_file, READ),
    Route("GET", routes.RUN_METRICS, runs.get_run_metric, READ),
    Route("GET", routes.RUN_LOG, runs.get_run_log, READ),
    Route("GET", routes.RUN_RECORD, runs.get_run_record, READ),
    Route("POST", routes.RUN_VERDICTS, runs.add_run_verdict, ForEach(WRITE)),
    *MODEL_ROUTES,
    *UNBUILT,
)
