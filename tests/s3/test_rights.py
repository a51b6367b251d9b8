"""Every operation, asked by users who may do something and not everything.

`guest` may read `main` and write `dev-*` in one repository; `lead` administers
repositories called `team-*`, and only `dev-*` in that one. The table below has each row
of the gateway's own: a row that is added without a case fails.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest
from lakebed.server.auth.requirements import SignedIn
from lakebed.server.auth.secrets import AccessKey
from lakebed.server.ids import CommitId
from lakebed.server.s3.page_token import PageToken
from lakebed.server.s3.table import TABLE

from support.s3server import ADMIN, Answer, ServerProcess

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """What the cases are about, and who asks."""

    repository: str
    """With `main`, `dev-x`, `secret`, each with the object `a`; and the tag `v1`."""
    other: str
    """A repository of nobody, with the object `main/a`."""
    team: str
    """An empty repository of `lead`."""
    commit: str
    """That of `main`."""
    upload: str
    """An upload of `guest`, to `dev-x/b`."""
    keys: Mapping[str, AccessKey]

    def fill(self, text: str) -> str:
        """Return `text` with our names in place of the capital ones."""
        for name, value in (
            ("REPO", self.repository),
            ("OTHER", self.other),
            ("TEAM", self.team),
            ("COMMIT", self.commit),
            ("UPLOAD", self.upload),
        ):
            text = text.replace(name, value)
        return text


@dataclass(frozen=True)
class Case:
    """A request, and whether it may be sent."""

    status: int | None
    """None: it is denied."""
    target: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    who: str = "guest"

    def fill(self, place: Place) -> Case:
        """Return the case with the names of `place` in it."""
        headers = {name: place.fill(value) for name, value in self.headers.items()}
        return replace(
            self,
            target=place.fill(self.target),
            body=place.fill(self.body),
            headers=headers,
        )

    def swap(self, old: str, new: str) -> Case:
        """Return the case about `new` wherever it is about `old`."""
        headers = {name: text.replace(old, new) for name, text in self.headers.items()}
        return replace(
            self,
            target=self.target.replace(old, new),
            body=self.body.replace(old, new),
            headers=headers,
        )


def reads(sub_resource: str = "", status: int = 200, **headers: str) -> list[Case]:
    """Return the cases of an operation that reads an object."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    mark = f"?{sub_resource}" if sub_resource else ""
    more = f"{mark}&" if mark else "?"
    allowed = ["/REPO/main/a", "/REPO.main/a", "/REPO/dev-x/a", "/REPO/main~0/a", "/REPO/main%40/a"]  # fmt: skip
    denied = ["/REPO/secret/a", "/REPO.secret/a", "/REPO/secret~0/a", "/REPO/v1/a",
              "/REPO/COMMIT/a", "/REPO.COMMIT/a", "/OTHER/main/a", "/REPO/mai/a",
              "/REPO/main-2/a", "/REPO/secret/nothing", "/REPO/v1"]  # fmt: skip
    return [
        *(Case(status, path + mark, headers=named) for path in allowed),
        *(Case(None, path + mark, headers=named) for path in denied),
        Case(None, f"/REPO/main/a{more}versionId=COMMIT", headers=named),
        Case(None, f"/REPO.main/a{more}versionId=COMMIT", headers=named),
        Case(None, f"/REPO/secret/a{more}versionId=null", headers=named),
        Case(None, "/REPO/main/a" + mark, headers=named, who="lead"),
    ]


def writes(
    method_status: int, sub_resource: str = "", body: str = "", **headers: str
) -> list[Case]:
    """Return the cases of an operation that writes an object."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    mark = f"?{sub_resource}" if sub_resource else ""
    allowed = ["/REPO/dev-x/a", "/REPO.dev-x/a"]
    denied = ["/REPO/main/a", "/REPO.main/a", "/REPO/secret/a", "/REPO/v1/a", "/OTHER/main/a",
              "/REPO/COMMIT/a", "/REPO/dev/a", "/REPO/main"]  # fmt: skip
    return [
        *(Case(method_status, path + mark, body, named) for path in allowed),
        Case(method_status, "/REPO/dev-x/a" + mark, body, named, who="lead"),
        *(Case(None, path + mark, body, named) for path in denied),
        Case(None, "/REPO/main/a" + mark, body, named, who="lead"),
    ]


def of_version(sub_resource: str = "", body: str = "", **headers: str) -> list[Case]:
    """Return the case of a write to a version, which is read to be refused."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    mark = f"?{sub_resource}&" if sub_resource else "?"
    return [Case(None, f"/REPO/dev-x/a{mark}versionId=COMMIT", body, named)]


def of_bucket(sub_resource: str = "", status: int = 200) -> list[Case]:
    """Return the cases of an operation that reads something of a bucket."""
    mark = f"?{sub_resource}" if sub_resource else ""
    return [
        Case(status, "/REPO" + mark),
        Case(status, "/REPO.main" + mark),
        Case(None, "/REPO.secret" + mark),
        Case(None, "/REPO.COMMIT" + mark),
        Case(None, "/OTHER" + mark),
        Case(None, "/OTHER.main" + mark),
    ]


def lists(query: str) -> list[Case]:
    """Return the cases of a listing of objects."""
    more = f"{query}&" if query else ""
    denied = ["secret%2F", "secret%2Fa", "v1%2F", "secret~1%2F", "COMMIT%2F", "mai%2F"]
    return [
        *of_bucket(query),
        Case(200, f"/REPO?{more}prefix=main%2F"),
        Case(200, f"/REPO?{more}prefix=secret"),  # lists refs: none that they may read
        Case(200, f"/REPO?{more}prefix=main~0%2Fa&delimiter=%2F"),
        *(Case(None, f"/REPO?{more}prefix={prefix}") for prefix in denied),
        Case(None, f"/OTHER?{more}prefix=main%2F"),
    ]


def copies(status: int, query: str = "", **headers: str) -> list[Case]:
    """Return the cases of an operation that copies what a header names."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    denied = ["/REPO/secret/a", "REPO/secret/a", "REPO.secret/a", "/REPO/v1/a", "/REPO/COMMIT/a",
              "/OTHER/main/a", "/REPO/main/a?versionId=COMMIT", "/REPO/secret/nothing",
              "/REPO/%73ecret/a"]  # fmt: skip

    def case(status: int | None, target: str, source: str) -> Case:
        return Case(
            status, target + query, headers={**named, "x-amz-copy-source": source}
        )

    return [
        case(status, "/REPO/dev-x/b", "/REPO/main/a"),
        case(status, "/REPO.dev-x/b", "REPO.main/a"),
        case(404, "/REPO/dev-x/b", "/REPO/main/../secret/a"),  # a path of `main`
        *(case(None, "/REPO/dev-x/b", source) for source in denied),
        case(None, "/REPO/main/b", "/REPO/main/a"),
        case(None, "/REPO/secret/b", "/REPO/main/a"),
    ]


def uploads(status: int, query: str, body: str = "") -> list[Case]:
    """Return the cases of an operation on the upload of `guest`."""
    mark = f"?{query}uploadId=UPLOAD"
    denied = ["/REPO/secret/b", "/REPO.secret/b", "/REPO/v1/b", "/OTHER/main/b", "/REPO/COMMIT/b"]  # fmt: skip
    return [
        Case(status, "/REPO/dev-x/b" + mark, body),
        Case(404, "/REPO/dev-x/c" + mark, body),
        Case(404, "/REPO/dev-x/b" + mark, body, who="lead"),
        *(Case(None, path + mark, body) for path in denied),
    ]


def md5(body: str) -> dict[str, str]:
    digest = hashlib.md5(body.encode(), usedforsecurity=False).digest()
    return {"Content-MD5": b64encode(digest).decode()}


PROBES = {
    "GetBucketAccelerateConfiguration": ("accelerate", 200),
    "GetBucketAcl": ("acl", 200),
    "GetBucketAnalyticsConfiguration": ("analytics", 200),
    "GetBucketCors": ("cors", 404),
    "GetBucketEncryption": ("encryption", 404),
    "GetBucketIntelligentTieringConfiguration": ("intelligent-tiering", 200),
    "GetBucketInventoryConfiguration": ("inventory", 200),
    "GetBucketLifecycleConfiguration": ("lifecycle", 404),
    "GetBucketLocation": ("location", 200),
    "GetBucketLogging": ("logging", 200),
    "GetBucketMetricsConfiguration": ("metrics", 200),
    "GetBucketNotificationConfiguration": ("notification", 200),
    "GetBucketOwnershipControls": ("ownershipControls", 200),
    "GetBucketPolicy": ("policy", 404),
    "GetBucketPolicyStatus": ("policyStatus", 404),
    "GetBucketReplication": ("replication", 404),
    "GetBucketRequestPayment": ("requestPayment", 200),
    "GetBucketTagging": ("tagging", 404),
    "GetBucketVersioning": ("versioning", 200),
    "GetBucketWebsite": ("website", 404),
    "GetObjectLockConfiguration": ("object-lock", 404),
    "GetPublicAccessBlock": ("publicAccessBlock", 404),
}
"""What clients ask of a bucket: the parameter, and the answer to who may read it."""

TAGGING = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
COMPLETE = (
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
    f"<ETag>{'0' * 32}</ETag></Part></CompleteMultipartUpload>"
)
DELETE = "<Delete><Object><Key>dev-x/a</Key></Object></Delete>"

CASES: dict[str, list[Case]] = {
    "ListBuckets": [Case(200, "/")],
    "HeadBucket": of_bucket(),
    "CreateBucket": [
        Case(200, "/TEAM-new", who="lead"),
        Case(409, "/TEAM", who="lead"),
        Case(None, "/REPO", who="lead"),
        Case(None, "/REPO-new", who="lead"),
        Case(None, "/TEAM-new"),
        Case(None, "/REPO"),
        Case(None, "/OTHER"),
    ],
    "DeleteBucket": [
        Case(204, "/TEAM", who="lead"),
        Case(404, "/TEAM-nosuch", who="lead"),
        Case(None, "/REPO", who="lead"),
        Case(None, "/REPO.dev-x", who="lead"),
        Case(None, "/REPO"),
        Case(None, "/TEAM"),
        Case(None, "/OTHER"),
    ],
    **{name: of_bucket(*probe) for name, probe in PROBES.items()},
    "PutBucketAcl": [
        Case(200, "/TEAM?acl", headers={"x-amz-acl": "private"}, who="lead"),
        Case(None, "/REPO?acl", headers={"x-amz-acl": "private"}),
        Case(None, "/REPO?acl", headers={"x-amz-acl": "private"}, who="lead"),
        Case(None, "/REPO.dev-x?acl", headers={"x-amz-acl": "private"}, who="lead"),
        Case(None, "/OTHER?acl", headers={"x-amz-acl": "private"}),
    ],
    "ListObjectsV2": lists("list-type=2"),
    "ListObjects": lists(""),
    "ListObjectVersions": lists("versions"),
    "GetObject": reads(),
    "HeadObject": reads(),
    "GetObjectAttributes": reads("attributes", x_amz_object_attributes="ETag"),
    "GetObjectTagging": reads("tagging"),
    "GetObjectAcl": reads("acl"),
    "GetObjectLegalHold": reads("legal-hold", 400),
    "GetObjectRetention": reads("retention", 400),
    "PutObject": writes(200, body="new"),
    "CreateMultipartUpload": writes(200, "uploads"),
    "UploadPart": [
        *uploads(200, "partNumber=1&", "part"),
        Case(None, "/REPO/main/b?partNumber=1&uploadId=UPLOAD", "part"),
    ],
    "UploadPartCopy": copies(200, "?partNumber=1&uploadId=UPLOAD"),
    "CompleteMultipartUpload": [
        *uploads(400, "", COMPLETE),
        Case(None, "/REPO/main/b?uploadId=UPLOAD", COMPLETE),
    ],
    "AbortMultipartUpload": [
        *uploads(204, ""),
        Case(None, "/REPO/main/b?uploadId=UPLOAD"),
    ],
    "ListParts": uploads(200, ""),
    "ListMultipartUploads": lists("uploads"),
    "CopyObject": copies(200),
    "PutObjectTagging": writes(200, "tagging", TAGGING)
    + of_version("tagging", TAGGING),
    "DeleteObjectTagging": writes(204, "tagging") + of_version("tagging"),
    "PutObjectAcl": [
        *writes(200, "acl", x_amz_acl="private"),
        *of_version("acl", x_amz_acl="private"),
    ],
    "DeleteObject": writes(204) + of_version(),
    "DeleteObjects": [
        Case(200, "/REPO?delete", DELETE, md5(DELETE)),
        Case(None, "/OTHER?delete", DELETE, md5(DELETE)),
        Case(None, "/TEAM?delete", DELETE, md5(DELETE)),
    ],
}


@pytest.fixture
def place(server: ServerProcess) -> Place:
    """Make what the cases are about; each test has its own."""
    number = next(_numbers)
    names = [f"{word}-{number}" for word in ("rights", "nobodys", "team")]
    repository, other, team = (server.create_repository(name) for name in names)
    server.send("PUT", f"/{repository}/main/a", body=b"a")
    server.send("PUT", f"/{other}/main/a", body=b"a")
    commit = server.commit(repository)
    for branch in ("dev-x", "secret"):
        server.create_branch(repository, branch)
    server.tag(repository, "v1", "main")
    grants = {
        "guest": [(repository, "main", "read"), (repository, "dev-*", "write")],
        "lead": [("team-*", "*", "admin"), (repository, "dev-*", "admin")],
    }
    keys = {"admin": ADMIN}
    for user, rows in grants.items():
        name = f"{user}-{number}"
        keys[user] = add_user(server, name)
        for where, ref, level in rows:
            grant(server, name, where, ref, level)
    guest = server.s3(keys["guest"])
    made = guest.create_multipart_upload(Bucket=repository, Key="dev-x/b")
    return Place(repository, other, team, commit, made["UploadId"], keys)


def add_user(server: ServerProcess, name: str) -> AccessKey:
    """Make the user `name`; return a key of theirs."""
    server.rest("POST", "/auth/users", {"id": name})
    made = server.rest("POST", f"/auth/users/{name}/credentials")
    return AccessKey(made["access_key_id"], made["secret_access_key"])


def grant(
    server: ServerProcess, user: str, repository: str, ref: str, level: str
) -> None:
    body = {"repository": repository, "ref": ref, "level": level}
    server.rest("POST", f"/auth/users/{user}/grants", body)


def ask(server: ServerProcess, place: Place, method: str, case: Case) -> Answer:
    key = place.keys[case.who]
    return server.send(method, case.target, case.headers, case.body.encode(), key=key)


def is_denied(answer: Answer, method: str) -> bool:
    """Tell whether it is rights that are missing, not something else."""
    if method == "HEAD":
        return answer.status == 403
    return answer.status == 403 and b"may not" in answer.body


def test_every_operation_has_cases_of_both_kinds() -> None:
    assert set(CASES) == {operation.name for operation in TABLE}
    for operation in TABLE:
        if not isinstance(operation.requirement, SignedIn):
            denied = [case for case in CASES[operation.name] if case.status is None]
            assert denied, operation.name


METHODS = {operation.name: operation.method for operation in TABLE}


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_operation_is_open_to_whom_it_was_granted(
    server: ServerProcess, place: Place, name: str
) -> None:
    # First those that are denied: what is let in may remove what they are about.
    for case in sorted(CASES[name], key=lambda case: case.status is not None):
        answer = ask(server, place, METHODS[name], case.fill(place))

        if case.status is None:
            assert is_denied(answer, METHODS[name]), (case, answer)
        else:
            assert answer.status == case.status, (case, answer)


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_denied_is_answered_like_what_is_not_there(
    server: ServerProcess, place: Place, name: str
) -> None:
    absents = {
        "secret": "absent1",
        place.other: "absent2",
        "v1": "v9",
        place.commit: "f" * 64,
    }
    for case in CASES[name]:
        if case.status is not None:
            continue
        real = case.fill(place)
        answer = ask(server, place, METHODS[name], real)
        for old, new in absents.items():
            elsewhere = ask(server, place, METHODS[name], real.swap(old, new))

            assert elsewhere.status == answer.status
            assert show(elsewhere).replace(new, old) == show(answer)


def show(answer: Answer) -> str:
    """Return the text of an error without what names the request."""
    return re.sub(r"<(RequestId|HostId)>.*?</\1>", "", answer.body.decode())


def test_the_administrator_may_do_all_of_it(
    server: ServerProcess, place: Place
) -> None:
    """Else a case could be denied for another reason than its rights."""
    for name, cases in CASES.items():
        for case in cases:
            asked = replace(case.fill(place), who="admin")
            answer = ask(server, place, METHODS[name], asked)
            assert not (b"may not" in answer.body and answer.status == 403)
            assert answer.status < 500, (asked, answer)


def test_lists_show_what_may_be_read(server: ServerProcess, place: Place) -> None:
    for number in range(5):
        server.tag(place.repository, f"w{number}", "main")
        server.tag(place.repository, f"dev-x.{number}", "main")
    guest, lead = server.s3(place.keys["guest"]), server.s3(place.keys["lead"])

    def buckets(s3: Any) -> set[str]:
        return {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}

    def roots(operation: str, s3: Any) -> list[str]:
        pages = s3.get_paginator(operation).paginate(
            Bucket=place.repository, PaginationConfig={"PageSize": 2}
        )
        return [prefix["Prefix"] for page in pages for prefix in page["CommonPrefixes"]]

    assert buckets(guest) == {place.repository}
    assert place.other not in buckets(lead)
    assert {place.repository, place.team} <= buckets(lead)
    expected = ["dev-x.0/", "dev-x.1/", "dev-x.2/", "dev-x.3/", "dev-x.4/", "dev-x/", "main/"]  # fmt: skip
    for operation in ("list_objects_v2", "list_objects", "list_object_versions"):
        assert roots(operation, guest) == expected


def test_a_token_does_not_open_a_commit(server: ServerProcess, place: Place) -> None:
    """Whoever may list `main~0` could write any commit into the token of a page."""
    server.send("PUT", f"/{place.repository}/secret/hidden1", body=b"x")
    server.send("PUT", f"/{place.repository}/secret/hidden2", body=b"x")
    secret = server.commit(place.repository, "secret")
    url = f"/{place.repository}?list-type=2&max-keys=1&prefix="

    def list_with(text: str, *, key: AccessKey) -> bytes:
        target = f"{url}main~0%2F&continuation-token={quote(text)}"
        return server.send("GET", target, key=key).body

    forged = PageToken("main~0/a", CommitId(bytes.fromhex(secret))).encode()
    assert b"main~0/hidden1" in list_with(forged, key=ADMIN)
    assert b"<KeyCount>0</KeyCount>" in list_with(forged, key=place.keys["guest"])


def test_many_deletes_are_let_in_one_by_one(
    server: ServerProcess, place: Place
) -> None:
    guest = server.s3(place.keys["guest"])
    keys = ["dev-x/a", "main/a", "secret/a", "v1/a", f"{place.commit}/a", "absent/a"]

    answer = guest.delete_objects(
        Bucket=place.repository,
        Delete={"Objects": [{"Key": key} for key in keys]},
    )

    assert [item["Key"] for item in answer["Deleted"]] == ["dev-x/a"]
    assert {item["Key"]: item["Code"] for item in answer["Errors"]} == dict.fromkeys(
        keys[1:], "AccessDenied"
    )
    for branch in ("main", "secret"):
        target = f"/{place.repository}/{branch}/a"
        assert server.send("GET", target).status == 200
