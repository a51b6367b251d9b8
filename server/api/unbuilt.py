"""The rows of operations that are known, and not built; `operations/later.py` answers."""

from __future__ import annotations

from lakebed.client.wire import routes

from ..auth.authorize import Permission
from .operations import later
from .routing import Route, SignedIn, Themselves

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN

UNBUILT: tuple[Route, ...] = (
    Route(
        "GET",
        routes.IMPORT,
        later.use_imports,
        WRITE,
        "branch",
        operation="importStatus",
    ),
    Route(
        "POST",
        routes.IMPORT,
        later.use_imports,
        WRITE,
        "branch",
        operation="importStart",
    ),
    Route(
        "DELETE",
        routes.IMPORT,
        later.use_imports,
        WRITE,
        "branch",
        operation="importCancel",
    ),
    Route(
        "GET",
        routes.STAGING_BACKING,
        later.use_staging,
        WRITE,
        "branch",
        operation="getPhysicalAddress",
    ),
    Route(
        "PUT",
        routes.STAGING_BACKING,
        later.use_staging,
        WRITE,
        "branch",
        operation="linkPhysicalAddress",
    ),
    Route(
        "POST",
        routes.STAGING_UPLOADS,
        later.use_staging,
        WRITE,
        "branch",
        operation="createPresignMultipartUpload",
    ),
    Route(
        "PUT",
        routes.STAGING_UPLOAD,
        later.use_staging,
        WRITE,
        "branch",
        operation="completePresignMultipartUpload",
    ),
    Route(
        "DELETE",
        routes.STAGING_UPLOAD,
        later.use_staging,
        WRITE,
        "branch",
        operation="abortPresignMultipartUpload",
    ),
    Route(
        "PUT",
        routes.STAGING_PART,
        later.use_staging,
        WRITE,
        "branch",
        operation="uploadPart",
    ),
    Route(
        "PUT",
        routes.STAGING_PART_COPY,
        later.use_staging,
        WRITE,
        "branch",
        operation="uploadPartCopy",
    ),
    Route(
        "PUT",
        routes.BRANCH_OBJECTS,
        later.use_staging,
        WRITE,
        "branch",
        operation="stageObject",
    ),
    Route(
        "GET",
        routes.ACTION_RUNS,
        later.use_actions,
        READ,
        operation="listRepositoryRuns",
    ),
    Route("GET", routes.ACTION_RUN, later.use_actions, READ, operation="getRun"),
    Route(
        "GET", routes.ACTION_HOOKS, later.use_actions, READ, operation="listRunHooks"
    ),
    Route(
        "GET",
        routes.ACTION_HOOK_OUTPUT,
        later.use_actions,
        READ,
        operation="getRunHookOutput",
    ),
    Route("GET", routes.PULLS, later.use_pulls, READ, operation="listPullRequests"),
    Route("POST", routes.PULLS, later.use_pulls, READ, operation="createPullRequest"),
    Route("GET", routes.PULL, later.use_pulls, READ, operation="getPullRequest"),
    Route("PATCH", routes.PULL, later.use_pulls, READ, operation="updatePullRequest"),
    Route(
        "PUT", routes.PULL_MERGE, later.use_pulls, READ, operation="mergePullRequest"
    ),
    Route("GET", routes.DUMP, later.use_dumps, ADMIN, operation="dumpStatus"),
    Route("POST", routes.DUMP, later.use_dumps, ADMIN, operation="dumpSubmit"),
    Route("GET", routes.RESTORE, later.use_dumps, ADMIN, operation="restoreStatus"),
    Route("POST", routes.RESTORE, later.use_dumps, ADMIN, operation="restoreSubmit"),
    Route("PUT", routes.REFS_DUMP, later.use_dumps, ADMIN, operation="dumpRefs"),
    Route("PUT", routes.REFS_RESTORE, later.use_dumps, ADMIN, operation="restoreRefs"),
    Route("POST", routes.VERIFY, later.use_verify, ADMIN, operation="verify"),
    Route("POST", routes.GC, later.use_collection, ADMIN, operation="collect"),
    Route(
        "POST",
        routes.GC_PREPARE_COMMITS,
        later.use_collection,
        ADMIN,
        operation="prepareGarbageCollectionCommits",
    ),
    Route(
        "POST",
        routes.GC_PREPARE_UNCOMMITTED,
        later.use_collection,
        ADMIN,
        operation="prepareGarbageCollectionUncommitted",
    ),
    Route("GET", routes.GROUPS, later.use_policies, SignedIn(), operation="listGroups"),
    Route(
        "POST", routes.GROUPS, later.use_policies, SignedIn(), operation="createGroup"
    ),
    Route("GET", routes.GROUP, later.use_policies, SignedIn(), operation="getGroup"),
    Route(
        "DELETE", routes.GROUP, later.use_policies, SignedIn(), operation="deleteGroup"
    ),
    Route(
        "GET",
        routes.GROUP_MEMBERS,
        later.use_policies,
        SignedIn(),
        operation="listGroupMembers",
    ),
    Route(
        "GET",
        routes.GROUP_POLICIES,
        later.use_policies,
        SignedIn(),
        operation="listGroupPolicies",
    ),
    Route(
        "GET",
        routes.POLICIES,
        later.use_policies,
        SignedIn(),
        operation="listPolicies",
    ),
    Route(
        "POST",
        routes.POLICIES,
        later.use_policies,
        SignedIn(),
        operation="createPolicy",
    ),
    Route("GET", routes.POLICY, later.use_policies, SignedIn(), operation="getPolicy"),
    Route(
        "PUT", routes.POLICY, later.use_policies, SignedIn(), operation="updatePolicy"
    ),
    Route(
        "DELETE",
        routes.POLICY,
        later.use_policies,
        SignedIn(),
        operation="deletePolicy",
    ),
    Route(
        "GET",
        routes.USER_GROUPS,
        later.use_policies,
        Themselves(),
        operation="listUserGroups",
    ),
    Route(
        "GET",
        routes.USER_POLICIES,
        later.use_policies,
        Themselves(),
        operation="listUserPolicies",
    ),
)
