"""Rights where one request names several places: copies, multi-deletes, versions."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from lakebed.server.auth.secrets import AccessKey

from support.s3answers import refusal
from support.s3server import ServerProcess

DENIED = ("AccessDenied", 403)
_numbers = itertools.count(1)


def add_user(server: ServerProcess, *grants: tuple[str, str, str]) -> Any:
    """Return a client of a new user with `grants`: (repository, ref, level)."""
    name = f"user-{next(_numbers)}"
    server.rest("POST", "/auth/users", {"id": name})
    for repository, ref, level in grants:
        grant = {"repository": repository, "ref": ref, "level": level}
        server.rest("POST", f"/auth/users/{name}/grants", grant)
    key = server.rest("POST", f"/auth/users/{name}/credentials")
    return server.s3(AccessKey(key["access_key_id"], key["secret_access_key"]))


@pytest.fixture
def shared(server: ServerProcess, s3: Any, repository: str) -> str:
    """A repository with `x` on `open`, `secret` and `mine`, `y` staged on `secret`."""
    s3.put_object(Bucket=repository, Key="main/x", Body=b"x", Tagging="k=v")
    server.commit(repository)
    for branch in ("open", "secret", "mine"):
        server.create_branch(repository, branch)
    s3.put_object(Bucket=repository, Key="secret/y", Body=b"secret")
    return repository


@pytest.fixture
def person(server: ServerProcess, shared: str) -> Any:
    """Who may read `open` and write `mine`, and nothing else."""
    return add_user(server, (shared, "open", "read"), (shared, "mine", "write"))


def test_a_copy_needs_the_right_to_read_its_source(
    person: Any, s3: Any, shared: str
) -> None:
    to = {"Bucket": shared, "Key": "mine/copy"}

    person.copy_object(**to, CopySource=f"{shared}/open/x")
    for source in (
        f"{shared}/secret/y",
        f"{shared}/secret/none",
        f"{shared}.secret/y",
        f"{shared}/none/x",
        "no-such-repository/main/x",
    ):
        assert refusal(person.copy_object, **to, CopySource=source) == DENIED
    # What they may not read does not show in an answer to a condition either.
    wrong = refusal(
        person.copy_object,
        **to,
        CopySource=f"{shared}/secret/y",
        CopySourceIfMatch='"other"',
    )
    assert wrong == DENIED
    assert s3.get_object(**to)["Body"].read() == b"x"


def test_a_copy_needs_the_right_to_write_its_destination(
    person: Any, shared: str
) -> None:
    for key in ("open/copy", "secret/copy", "main/copy"):
        to = {"Bucket": shared, "Key": key}
        assert (
            refusal(person.copy_object, **to, CopySource=f"{shared}/open/x") == DENIED
        )


def test_a_version_is_not_read_through_a_ref_that_is_ones_own(
    server: ServerProcess, person: Any, s3: Any, shared: str
) -> None:
    secret_commit = server.commit(shared, "secret")
    key = {"Bucket": shared, "Key": "open/y", "VersionId": secret_commit}

    assert refusal(person.get_object, **key) == DENIED
    assert refusal(person.get_object_tagging, **key) == DENIED
    assert refusal(person.get_object_acl, **key) == DENIED
    names = {"ObjectAttributes": ["ETag"]}
    assert refusal(person.get_object_attributes, **key, **names) == DENIED
    copied = refusal(person.copy_object, Bucket=shared, Key="mine/copy", CopySource=key)
    assert copied == DENIED
    assert s3.get_object(**key)["Body"].read() == b"secret"


def test_each_key_of_a_multi_delete_needs_its_own_right(
    person: Any, s3: Any, shared: str
) -> None:
    s3.put_object(Bucket=shared, Key="mine/z", Body=b"z")
    keys = ["mine/x", "secret/y", "open/x", "mine/z", "none/x", "main/", "main"]

    done = person.delete_objects(
        Bucket=shared, Delete={"Objects": [{"Key": key} for key in keys]}
    )

    assert [item["Key"] for item in done["Deleted"]] == ["mine/x", "mine/z"]
    errors = {error["Key"]: error["Code"] for error in done["Errors"]}
    assert errors == dict.fromkeys(
        ["secret/y", "open/x", "none/x", "main/", "main"], "AccessDenied"
    )
    assert s3.get_object(Bucket=shared, Key="secret/y")["Body"].read() == b"secret"
    assert s3.get_object(Bucket=shared, Key="open/x")["Body"].read() == b"x"


def test_who_may_write_nowhere_deletes_nothing_and_is_told_so(
    server: ServerProcess, s3: Any, shared: str
) -> None:
    reader = add_user(server, (shared, "open", "read"))
    asked = {"Objects": [{"Key": "open/x"}]}

    assert refusal(reader.delete_objects, Bucket=shared, Delete=asked) == DENIED
    nowhere = refusal(reader.delete_objects, Bucket="no-such-one", Delete=asked)
    assert nowhere == DENIED
    s3.head_object(Bucket=shared, Key="open/x")


def test_tags_need_rights_as_objects_do(person: Any, shared: str) -> None:
    key = {"Bucket": shared, "Key": "open/x"}
    tagging: dict[str, Any] = {"Tagging": {"TagSet": []}}

    assert person.get_object_tagging(**key)["TagSet"] == [{"Key": "k", "Value": "v"}]
    assert refusal(person.put_object_tagging, **key, **tagging) == DENIED
    assert refusal(person.delete_object_tagging, **key) == DENIED
    assert refusal(person.put_object_acl, **key, ACL="private") == DENIED
    person.put_object_tagging(Bucket=shared, Key="mine/x", **tagging)


def test_listings_show_what_may_be_read(person: Any, shared: str) -> None:
    for list_ in (
        person.list_objects,
        person.list_objects_v2,
        person.list_object_versions,
    ):
        assert refusal(list_, Bucket=shared, Prefix="secret/") == DENIED
        assert refusal(list_, Bucket=f"{shared}.secret") == DENIED
        page = list_(Bucket=shared)
        prefixes = [item["Prefix"] for item in page["CommonPrefixes"]]
        assert prefixes == ["mine/", "open/"]
    assert [each["Name"] for each in person.list_buckets()["Buckets"]] == [shared]


def test_buckets_are_for_who_may_administer_all_of_them(
    server: ServerProcess, s3: Any, shared: str
) -> None:
    of_a_ref = add_user(server, (shared, "main", "admin"), (shared, "mine", "write"))
    prefix = f"team-{next(_numbers)}"
    of_names = add_user(server, (f"{prefix}-*", "*", "admin"))

    for name in (shared, f"{shared}.main", "new-one"):
        assert refusal(of_a_ref.delete_bucket, Bucket=name) == DENIED
        assert refusal(of_a_ref.create_bucket, Bucket=name) == DENIED
    assert refusal(of_names.create_bucket, Bucket="new-one") == DENIED
    of_names.create_bucket(Bucket=f"{prefix}-one")
    of_names.put_object(Bucket=f"{prefix}-one", Key="main/x", Body=b"x")
    of_names.delete_object(Bucket=f"{prefix}-one", Key="main/x")
    of_names.delete_bucket(Bucket=f"{prefix}-one")
    assert refusal(s3.head_bucket, Bucket=f"{prefix}-one") == ("404", 404)
