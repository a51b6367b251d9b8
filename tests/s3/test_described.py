"""What is said of an object beside its bytes: tags, attributes, access lists."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from support.s3answers import code_of, refusal
from support.s3server import ServerProcess

TAGS = [{"Key": "k", "Value": "v"}, {"Key": "with space/ü", "Value": ""}]


# --- tags -----------------------------------------------------------------------------


def test_tags_are_put_read_and_deleted(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x", Metadata={"one": "1"}, ContentType="a/b")
    before = s3.head_object(**key)
    assert s3.get_object_tagging(**key)["TagSet"] == []

    s3.put_object_tagging(**key, Tagging={"TagSet": TAGS})

    assert s3.get_object_tagging(**key)["TagSet"] == TAGS
    after = s3.head_object(**key)
    assert after["TagCount"] == 2
    for name in ("ETag", "Metadata", "ContentType", "LastModified"):
        assert after[name] == before[name]

    s3.delete_object_tagging(**key)

    assert s3.get_object_tagging(**key)["TagSet"] == []
    assert "TagCount" not in s3.head_object(**key)


def test_tags_of_an_upload_are_read_as_tags(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}

    s3.put_object(**key, Body=b"x", Tagging="with%20space/%C3%BC=&k=v")

    assert s3.get_object_tagging(**key)["TagSet"] == TAGS


def test_tags_are_of_a_version(server: ServerProcess, s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x", Tagging="old=1")
    commit_id = server.commit(repository)

    s3.put_object_tagging(**key, Tagging={"TagSet": TAGS})

    old = s3.get_object_tagging(**key, VersionId=commit_id)
    assert old["TagSet"] == [{"Key": "old", "Value": "1"}]
    assert old["VersionId"] == commit_id
    new = s3.get_object_tagging(**key, VersionId="null")
    assert (new["TagSet"], new["VersionId"]) == (TAGS, "null")
    changes = server.rest("GET", f"/repositories/{repository}/branches/main/diff")
    assert [each["path"] for each in changes["results"]] == ["x"]


def test_tags_of_a_committed_version_do_not_change(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x")
    commit_id = server.commit(repository)
    server.tag(repository, "v1", "main")
    tagging = {"Tagging": {"TagSet": TAGS}}

    denied = ("AccessDenied", 403)
    by_id = {**key, "VersionId": commit_id}
    at_tag = {"Bucket": repository, "Key": "v1/x"}
    assert refusal(s3.put_object_tagging, **by_id, **tagging) == denied
    assert refusal(s3.delete_object_tagging, **by_id) == denied
    assert refusal(s3.put_object_tagging, **at_tag, **tagging) == denied
    null = {**key, "VersionId": "null"}
    assert refusal(s3.delete_object_tagging, **null)[0] == "NoSuchVersion"
    assert s3.get_object_tagging(**key)["TagSet"] == []


def test_tags_of_nothing(s3: Any, repository: str) -> None:
    tagging = {"Tagging": {"TagSet": TAGS}}
    for key in ("main/none", "main/"):
        name = {"Bucket": repository, "Key": key}
        assert refusal(s3.get_object_tagging, **name) == ("NoSuchKey", 404)
        assert refusal(s3.put_object_tagging, **name, **tagging) == ("NoSuchKey", 404)
    name = {"Bucket": repository, "Key": "none/x"}
    assert refusal(s3.put_object_tagging, **name, **tagging) == ("NoSuchBucket", 404)


def tag_document(*pairs: tuple[str, str]) -> bytes:
    tags = "".join(f"<Tag><Key>{k}</Key><Value>{v}</Value></Tag>" for k, v in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (tag_document(("a", "1"), ("a", "2")), "InvalidTag"),
        (tag_document(*((f"k{n}", "") for n in range(11))), "InvalidTag"),
        (tag_document(("", "1")), "InvalidTag"),
        (tag_document(("k" * 129, "1")), "InvalidTag"),
        (tag_document(("k", "v" * 257)), "InvalidTag"),
        (b"<Tagging/>", "MalformedXML"),
        (
            b"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
            "MalformedXML",
        ),
        (b"<TagSet/>", "MalformedXML"),
        (b"", "MalformedXML"),
    ],
)
def test_tags_that_are_none_are_refused(
    server: ServerProcess, repository: str, body: bytes, code: str
) -> None:
    server.send("PUT", f"/{repository}/main/x", {"x-amz-tagging": "k=v"}, b"x")

    got = server.send("PUT", f"/{repository}/main/x?tagging", {}, body)

    assert (got.status, code_of(got)) == (400, code)
    assert server.send("HEAD", f"/{repository}/main/x").headers["x-amz-tagging-count"]


def test_as_many_tags_as_may_be(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x")
    tags = [{"Key": f"{n}" + "ü" * 127, "Value": "v" * 256} for n in range(10)]

    s3.put_object_tagging(**key, Tagging={"TagSet": tags})

    assert s3.get_object_tagging(**key)["TagSet"] == tags


# --- attributes -----------------------------------------------------------------------


def test_attributes_say_what_is_asked_for(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    put = s3.put_object(**key, Body=b"content", ChecksumAlgorithm="SHA256")
    commit_id = server.commit(repository)
    names = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]

    got = s3.get_object_attributes(**key, ObjectAttributes=names)
    size = s3.get_object_attributes(**key, ObjectAttributes=["ObjectSize"])

    assert got["ETag"] == put["ETag"].strip('"')
    assert got["Checksum"] == {
        "ChecksumSHA256": put["ChecksumSHA256"],
        "ChecksumType": "FULL_OBJECT",
    }
    assert (got["StorageClass"], got["ObjectSize"]) == ("STANDARD", 7)
    assert "ObjectParts" not in got
    assert got["VersionId"] == commit_id
    assert got["LastModified"] == s3.head_object(**key)["LastModified"]
    assert (size["ObjectSize"], "ETag" in size) == (7, False)


def test_parts_are_told_page_by_page(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    upload = s3.create_multipart_upload(**key)["UploadId"]
    sizes = [5 * 2**20, 5 * 2**20, 6 * 2**20, 7]
    done: list[dict[str, Any]] = []
    for number, size in enumerate(sizes, 1):
        part = s3.upload_part(
            **key, UploadId=upload, PartNumber=number, Body=bytes(size)
        )
        done.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(
        **key, UploadId=upload, MultipartUpload={"Parts": done}
    )

    pages: list[list[int]] = []
    marker = 0
    while True:
        got = s3.get_object_attributes(
            **key,
            ObjectAttributes=["ObjectParts"],
            MaxParts=3,
            PartNumberMarker=marker,
        )["ObjectParts"]
        assert got["TotalPartsCount"] == 4
        pages.append([part["Size"] for part in got["Parts"]])
        if not got["IsTruncated"]:
            break
        marker = got["NextPartNumberMarker"]

    assert pages == [sizes[:3], sizes[3:]]


@pytest.mark.parametrize("names", ["", ",", "Size", "ETag,Owner"])
def test_attributes_that_are_none_are_refused(
    server: ServerProcess, repository: str, names: str
) -> None:
    server.send("PUT", f"/{repository}/main/x", {}, b"x")
    headers = {"x-amz-object-attributes": names}

    got = server.send("GET", f"/{repository}/main/x?attributes", headers)
    bare = server.send("GET", f"/{repository}/main/x?attributes")

    assert (got.status, code_of(got)) == (400, "InvalidArgument")
    assert (bare.status, code_of(bare)) == (400, "InvalidArgument")


def test_attributes_of_nothing(s3: Any, repository: str) -> None:
    call = {"Bucket": repository, "ObjectAttributes": ["ETag"]}
    assert refusal(s3.get_object_attributes, **call, Key="main/x") == ("NoSuchKey", 404)


# --- access lists ---------------------------------------------------------------------


def test_everything_is_the_owners(s3: Any, repository: str) -> None:
    s3.put_object(Bucket=repository, Key="main/x", Body=b"x")

    for acl in (
        s3.get_bucket_acl(Bucket=repository),
        s3.get_object_acl(Bucket=repository, Key="main/x"),
    ):
        assert acl["Owner"]["ID"] == "admin"
        (grant,) = acl["Grants"]
        assert grant["Permission"] == "FULL_CONTROL"
        assert (grant["Grantee"]["Type"], grant["Grantee"]["ID"]) == (
            "CanonicalUser",
            "admin",
        )


def test_the_list_that_is_there_may_be_set(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x", ACL="bucket-owner-full-control")
    acl = s3.get_object_acl(**key)
    policy = {"Owner": acl["Owner"], "Grants": acl["Grants"]}

    s3.put_object_acl(**key, ACL="private")
    s3.put_object_acl(**key, AccessControlPolicy=policy)
    s3.put_bucket_acl(Bucket=repository, ACL="private")
    s3.put_bucket_acl(Bucket=repository, AccessControlPolicy=policy)


def test_any_other_list_is_refused(s3: Any, repository: str) -> None:
    key = {"Bucket": repository, "Key": "main/x"}
    s3.put_object(**key, Body=b"x")
    acl = s3.get_object_acl(**key)
    everyone = {
        "Grantee": {
            "Type": "Group",
            "URI": "http://acs.amazonaws.com/groups/global/AllUsers",
        },
        "Permission": "READ",
    }
    policy = {"Owner": acl["Owner"], "Grants": [*acl["Grants"], everyone]}

    unsupported = ("AccessControlListNotSupported", 400)
    assert refusal(s3.put_object_acl, **key, ACL="public-read") == unsupported
    assert refusal(s3.put_object_acl, **key, AccessControlPolicy=policy) == unsupported
    assert (
        refusal(s3.put_bucket_acl, Bucket=repository, ACL="public-read") == unsupported
    )
    assert refusal(s3.put_object_acl, **key, GrantRead="id=1")[0] == "NotImplemented"
    none = {"Bucket": repository, "Key": "main/none"}
    assert refusal(s3.get_object_acl, **none) == ("NoSuchKey", 404)
    assert refusal(s3.put_object_acl, **none, ACL="private") == ("NoSuchKey", 404)


def test_names_in_an_access_list_do_not_become_elements(
    server: ServerProcess, repository: str
) -> None:
    answer = server.send("GET", f"/{repository}?acl")

    root = ElementTree.fromstring(answer.body)
    assert len(root.findall(".//{*}Grantee")) == 1


# --- metadata -------------------------------------------------------------------------


def test_metadata_that_no_header_can_say_is_counted(
    server: ServerProcess, s3: Any, repository: str
) -> None:
    s3.put_object(Bucket=repository, Key="main/x", Body=b"x")
    path = f"/repositories/{repository}/branches/main/objects/stat/user_metadata?path=x"
    said = {"one": "1", "a name": "2", "two": "lines\r\nx-evil: 1", "": "3", "ü": "4"}
    server.rest("PUT", path, {"set": said})

    for method in ("GET", "HEAD"):
        got = server.send(method, f"/{repository}/main/x")

        assert got.status == 200
        named = {name for name in got.headers if name.startswith("x-amz-meta-")}
        assert named == {"x-amz-meta-one"}
        assert got.headers["x-amz-missing-meta"] == "4"
        assert "x-evil" not in got.headers


@pytest.mark.parametrize(
    "header",
    [
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-customer-algorithm",
    ],
)
def test_encryption_is_refused_with_the_reason(
    server: ServerProcess, repository: str, header: str
) -> None:
    got = server.send("PUT", f"/{repository}/main/x", {header: "AES256"}, b"x")

    assert (got.status, code_of(got)) == (501, "NotImplemented")
    assert b"encrypt the disk" in got.body
