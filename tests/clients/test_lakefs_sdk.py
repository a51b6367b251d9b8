"""`lakefs-sdk`, generated from the lakeFS API: every method, none forgotten.

The package checks each answer against the shapes that it was generated with, strictly.
A method is in one of the tables below: exercised, or known to be missing here.
"""

from __future__ import annotations

import inspect
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lakefs_sdk
import pytest

from support.s3server import ADMIN, ServerProcess

SDK: Any = lakefs_sdk
_numbers = itertools.count(1)

UNBUILT = {
    # Known to the server, which answers 501.
    "abort_presign_multipart_upload",
    "complete_presign_multipart_upload",
    "create_group",
    "create_policy",
    "create_presign_multipart_upload",
    "create_pull_request",
    "delete_group",
    "delete_policy",
    "dump_refs",
    "dump_status",
    "dump_submit",
    "get_group",
    "get_physical_address",
    "get_policy",
    "get_pull_request",
    "get_run",
    "get_run_hook_output",
    "import_cancel",
    "import_start",
    "import_status",
    "link_physical_address",
    "list_group_members",
    "list_group_policies",
    "list_groups",
    "list_policies",
    "list_pull_requests",
    "list_repository_runs",
    "list_run_hooks",
    "list_user_groups",
    "list_user_policies",
    "merge_pull_request",
    "prepare_garbage_collection_commits",
    "prepare_garbage_collection_uncommitted",
    "restore_refs",
    "restore_status",
    "restore_submit",
    "stage_object",
    "update_policy",
    "update_pull_request",
    "upload_part",
    "upload_part_copy",
}
UNKNOWN = {
    # Internals of another server, and what its own company counts.
    "add_group_membership",
    "attach_policy_to_group",
    "attach_policy_to_user",
    "create_branch_protection_rule_preflight",
    "create_commit_record",
    "create_symlink_file",
    "create_user_external_principal",
    "delete_group_membership",
    "delete_user_external_principal",
    "detach_policy_from_group",
    "detach_policy_from_user",
    "external_principal_login",
    "get_external_principal",
    "get_garbage_collection_config",
    "get_lake_fs_version",
    "get_meta_range",
    "get_metadata_object",
    "get_range",
    "get_storage_config",
    "get_usage_report_summary",
    "internal_create_branch_protection_rule",
    "internal_delete_branch_protection_rule",
    "internal_delete_garbage_collection_rules",
    "internal_get_branch_protection_rules",
    "internal_get_garbage_collection_rules",
    "internal_set_garbage_collection_rules",
    "list_user_external_principals",
    "post_stats_events",
    "prepare_garbage_collection_commits_async",
    "prepare_garbage_collection_commits_status",
    "set_garbage_collection_rules_preflight",
    "setup_comm_prefs",
    "sts_login",
    "upload_object_preflight",
}


class Scene:
    """A repository with two branches that have gone apart, and the APIs to ask."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        configuration = SDK.Configuration(
            host=f"{server.url}/api/v1", username=ADMIN.id, password=ADMIN.secret
        )
        self.client = SDK.ApiClient(configuration)
        self.methods = methods_of(self.client)
        self.repository = f"sdk-{next(_numbers)}"
        self.folder = folder
        self.call(
            "create_repository",
            SDK.RepositoryCreation(
                name=self.repository, storage_namespace=f"local://{self.repository}"
            ),
        )
        self.upload("main", "a/b.txt", b"1")
        self.first = self.commit("main", "first")
        branch = SDK.BranchCreation(name="dev", source="main")
        self.in_repository("create_branch", branch)
        self.upload("dev", "c.txt", b"22")
        self.second = self.commit("dev", "second")

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        return self.methods[name](*arguments, **options)

    def in_repository(self, name: str, *arguments: Any, **options: Any) -> Any:
        return self.call(name, self.repository, *arguments, **options)

    def upload(self, branch: str, path: str, data: bytes) -> Any:
        file = self.folder / "content"
        file.write_bytes(data)
        return self.in_repository("upload_object", branch, path, content=str(file))

    def commit(self, branch: str, message: str) -> Any:
        creation = SDK.CommitCreation(message=message, metadata={"k": "v"})
        return self.in_repository("commit", branch, creation)


def methods_of(client: Any) -> dict[str, Callable[..., Any]]:
    """Return every method of every API class of the package, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name, kind in inspect.getmembers(SDK, inspect.isclass):
        if name.endswith("Api"):
            api = kind(client)
            found |= {
                method: function
                for method, function in inspect.getmembers(api, inspect.ismethod)
                if not method.startswith("_") and not method.endswith("_http_info")
            }
    return found


@pytest.fixture
def scene(server: ServerProcess, tmp_path: Path) -> Scene:
    return Scene(server, tmp_path)


def objects(s: Scene) -> None:
    stat = s.in_repository("stat_object", "main", "a/b.txt")
    assert (stat.path, stat.path_type, stat.size_bytes) == ("a/b.txt", "object", 1)
    assert stat.checksum == "c4ca4238a0b923820dcc509a6f75849b"
    assert abs(stat.mtime - time.time()) < 1000
    namespace, _, rest = stat.physical_address.partition("/data/")
    assert namespace == f"local://{s.repository}"
    assert [len(part) for part in rest.split("/")] == [20, 20]
    assert set(rest) <= set("0123456789abcdefghijklmnopqrstuv/")
    assert s.in_repository("get_object", "main", "a/b.txt") == b"1"
    s.in_repository("head_object", "main", "a/b.txt")
    assert s.in_repository("get_underlying_properties", "main", "a/b.txt") is not None
    page = s.in_repository("list_objects", "main", delimiter="/")
    assert [(each.path, each.path_type) for each in page.results] == [
        ("a/", "common_prefix")
    ]
    assert page.pagination.has_more is False
    copy = SDK.ObjectCopyCreation(src_path="a/b.txt", src_ref="main")
    assert s.in_repository("copy_object", "dev", "copy", copy).checksum == stat.checksum
    s.in_repository(
        "update_object_user_metadata",
        "dev",
        "copy",
        SDK.UpdateObjectUserMetadata(set={"x": "y"}),
    )
    assert s.in_repository("stat_object", "dev", "copy").metadata == {"x": "y"}
    s.in_repository("delete_object", "dev", "copy")
    left = s.in_repository("delete_objects", "dev", SDK.PathList(paths=["c.txt"]))
    assert left.errors == []
    changes = s.in_repository("diff_branch", "dev")
    assert [(each.path, each.type) for each in changes.results] == [
        ("c.txt", "removed")
    ]


def history(s: Scene) -> None:
    got = s.in_repository("get_commit", s.first.id)
    assert (got.message, got.metadata, len(got.id)) == ("first", {"k": "v"}, 64)
    assert len(got.meta_range_id) == 64
    log = s.in_repository("log_commits", "dev", objects=["c.txt"])
    assert [each.id for each in log.results] == [s.second.id]
    diff = s.in_repository("diff_refs", "main", "dev")
    assert [(each.path, each.type) for each in diff.results] == [("c.txt", "added")]
    base = s.in_repository("find_merge_base", "dev", "main")
    assert base.base_commit_id == s.first.id
    pick = SDK.CherryPickCreation(ref=s.second.id)
    assert s.in_repository("cherry_pick", "main", pick).message == "second"
    s.upload("dev", "d.txt", b"3")
    s.commit("dev", "third")
    merged = s.in_repository(
        "merge_into_branch", "dev", "main", merge=SDK.Merge(message="m")
    )
    assert s.in_repository("get_branch", "main").commit_id == merged.reference
    revert = SDK.RevertCreation(ref=merged.reference, parent_number=1)
    s.in_repository("revert_branch", "main", revert)
    s.in_repository("hard_reset_branch", "main", s.first.id)
    assert s.in_repository("get_branch", "main").commit_id == s.first.id


def refs(s: Scene) -> None:
    assert [each.id for each in s.in_repository("list_branches").results] == [
        "dev",
        "main",
    ]
    tag = s.in_repository("create_tag", SDK.TagCreation(id="v1", ref="main"))
    assert s.in_repository("get_tag", "v1") == tag
    assert s.in_repository("list_tags").results == [tag]
    s.in_repository("delete_tag", "v1")
    s.upload("dev", "late", b"x")
    s.in_repository("reset_branch", "dev", SDK.ResetCreation(type="reset"))
    s.in_repository("delete_branch", "dev")


def repositories(s: Scene) -> None:
    assert s.in_repository("get_repository").id == s.repository
    listed = s.call("list_repositories", prefix=s.repository)
    assert [each.id for each in listed.results] == [s.repository]
    metadata = SDK.RepositoryMetadataSet(metadata={"owner": "ann"})
    s.in_repository("set_repository_metadata", metadata)
    assert s.in_repository("get_repository_metadata") == {"owner": "ann"}
    keys = SDK.RepositoryMetadataKeys(keys=["owner"])
    s.in_repository("delete_repository_metadata", keys)
    rules = [SDK.BranchProtectionRule(pattern="v*")]
    s.in_repository("set_branch_protection_rules", rules)
    assert s.in_repository("get_branch_protection_rules") == rules
    retention = SDK.GarbageCollectionRules(
        default_retention_days=7,
        branches=[SDK.GarbageCollectionRule(branch_id="main", retention_days=9)],
    )
    s.in_repository("set_gc_rules", retention)
    assert s.in_repository("get_gc_rules") == retention
    s.in_repository("delete_gc_rules")
    s.in_repository("delete_repository")


def people(s: Scene) -> None:
    user = f"user-{s.repository}"
    assert s.call("create_user", user_creation=SDK.UserCreation(id=user)).id == user
    assert s.call("get_user", user).id == user
    assert user in [each.id for each in s.call("list_users", amount=1000).results]
    made = s.call("create_credentials", user)
    assert made.secret_access_key
    assert s.call("get_credentials", user, made.access_key_id).creation_date
    keys = s.call("list_user_credentials", user).results
    assert [each.access_key_id for each in keys] == [made.access_key_id]
    s.call("delete_credentials", user, made.access_key_id)
    s.call("delete_user", user)
    assert s.call("get_current_user").user.id == "admin"


def the_server(s: Scene) -> None:
    s.call("health_check")
    assert s.call("get_config").version_config.version == "1.88.0"
    assert s.call("get_setup_state").state == "initialized"
    with pytest.raises(SDK.ApiException) as caught:
        s.call("setup", SDK.Setup(username="x"))
    assert caught.value.status == 409


STORIES: dict[Callable[[Scene], None], str] = {
    objects: "upload_object stat_object get_object head_object get_underlying_properties "
    "list_objects copy_object update_object_user_metadata delete_object delete_objects "
    "diff_branch",
    history: "commit get_commit log_commits diff_refs find_merge_base cherry_pick "
    "merge_into_branch get_branch revert_branch hard_reset_branch",
    refs: "list_branches create_branch create_tag get_tag list_tags delete_tag "
    "reset_branch delete_branch",
    repositories: "create_repository get_repository list_repositories "
    "set_repository_metadata get_repository_metadata delete_repository_metadata "
    "set_branch_protection_rules get_branch_protection_rules set_gc_rules get_gc_rules "
    "delete_gc_rules delete_repository",
    people: "create_user get_user list_users create_credentials get_credentials "
    "list_user_credentials delete_credentials delete_user get_current_user",
    the_server: "health_check get_config get_setup_state setup",
}
"""What is tried, and the methods that it tries."""
NOT_YET = {"login"}


def test_no_method_of_the_package_is_forgotten() -> None:
    tried = {name for names in STORIES.values() for name in names.split()}

    assert tried | UNBUILT | UNKNOWN | NOT_YET == set(methods_of(SDK.ApiClient()))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_answers_are_of_the_shapes_of_the_package(
    scene: Scene, story: Callable[[Scene], None]
) -> None:
    called: set[str] = {"create_repository", "upload_object", "commit", "create_branch"}
    for name, method in scene.methods.items():

        def note(
            *given: Any, name: str = name, method: Any = method, **by_name: Any
        ) -> Any:
            called.add(name)
            return method(*given, **by_name)

        scene.methods[name] = note

    story(scene)

    assert called >= set(STORIES[story].split())


@pytest.mark.filterwarnings("ignore:PUT:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(UNBUILT))
def test_what_is_not_built_says_so(scene: Scene, name: str) -> None:
    method = scene.methods[name]
    arguments = [
        argument_for(scene, parameter)
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]

    with pytest.raises(SDK.ApiException) as caught:
        method(*arguments)

    assert caught.value.status == 501, caught.value
    assert "not built yet" in caught.value.body


POLICY = SDK.Policy(
    id="p", statement=[SDK.Statement(effect="allow", resource="*", action=["fs:Read"])]
)
ARGUMENTS: dict[str, Any] = {
    "branch": "main",
    "pull_request": "1",
    "part_number": 1,
    "policy": POLICY,
    "import_creation": SDK.ImportCreation(
        paths=[], commit=SDK.CommitCreation(message="m")
    ),
    "staging_metadata": SDK.StagingMetadata(
        staging=SDK.StagingLocation(), checksum="c", size_bytes=1
    ),
    "upload_part_copy_from": SDK.UploadPartCopyFrom(
        physical_address="x",
        copy_source=SDK.CopyPartSource(repository="r", ref="f", path="p"),
    ),
}


def argument_for(scene: Scene, parameter: inspect.Parameter) -> Any:
    """Return something that the method takes for `parameter`."""
    if parameter.name == "repository":
        return scene.repository
    if parameter.name in ARGUMENTS:
        return ARGUMENTS[parameter.name]
    model = "".join(part.capitalize() for part in parameter.name.split("_"))
    kind = getattr(SDK, model, None)
    # Its fields do not matter: nothing reads them.
    return kind.construct() if kind is not None else "x"
