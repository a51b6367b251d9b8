"""What one process has done, another one on the same directory shows at once.

Each operation of both interfaces that changes something is done through one server, after
the other has been asked, and may have kept what it found; then the other is asked again.
Nothing is waited for. An operation that is added without a case fails.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.unbuilt import UNBUILT
from lakebed.server.auth.secrets import AccessKey
from lakebed.server.s3.table import TABLE

from support.bundles import MEDIA_TYPE, make_bundle
from support.s3server import ADMIN, ServerProcess, run_server

Name = tuple[str, str]
"""The method and template of a route, or `S3` and the name of an operation."""


@dataclass(frozen=True)
class Process:
    """One of the two servers, as a client of both interfaces sees it."""

    server: ServerProcess
    s3: Any

    def ask(
        self,
        route: Name,
        body: Any = None,
        *,
        query: str = "",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        key: AccessKey | str = ADMIN,
        **names: str,
    ) -> tuple[int, Any]:
        """Return the status and the body of an answer; `key` may be a token."""
        method, template = route
        target = paths.fill(template, **names) + query
        if isinstance(key, str):
            authorization = f"Bearer {key}"
        else:
            pair = base64.b64encode(f"{key.id}:{key.secret}".encode()).decode()
            authorization = f"Basic {pair}"
        kind = "application/json" if data is None else "application/octet-stream"
        sent = {"Authorization": authorization, "Content-Type": kind, **(headers or {})}
        if data is None:
            data = b"" if body is None else json.dumps(body).encode()
        answer = self.server.send_as_it_is(method, target, sent, data)
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.status, json.loads(answer.body) if is_json else answer.body

    def answer(self, route: Name, **more: Any) -> tuple[int, Any]:
        """Return the same as `ask`."""
        return self.ask(route, **more)

    def done(self, route: Name, body: Any = None, **more: Any) -> Any:
        """Return what is answered to what must succeed."""
        status, answer = self.ask(route, body, **more)
        assert status < 300, (route, status, answer)
        return answer

    def status(self, route: Name, body: Any = None, **more: Any) -> int:
        return self.ask(route, body, **more)[0]


@dataclass(frozen=True)
class Twins:
    """Through which server things are done, and through which they are looked at."""

    doing: Process
    seeing: Process
    repository: str

    @property
    def main(self) -> dict[str, str]:
        return {"repository": self.repository, "branch": "main"}

    def put(self, path: str, data: bytes = b"x", branch: str = "main") -> None:
        self.doing.done(
            UPLOAD, data=data, query=f"?path={path}", **{**self.main, "branch": branch}
        )

    def commit(self, branch: str = "main") -> str:
        names = {**self.main, "branch": branch}
        return str(self.doing.done(COMMIT, {"message": "m"}, **names)["id"])

    def read(self, path: str, ref: str = "main") -> bytes | int:
        """Return the bytes of an object as they are seen, or the status that there is."""
        status, body = self.seeing.ask(
            READ, query=f"?path={path}", repository=self.repository, ref=ref
        )
        return body if status == 200 else status

    def head(self, branch: str = "main") -> str:
        names = {**self.main, "branch": branch}
        return str(self.seeing.done(("GET", paths.BRANCH), **names)["commit_id"])

    def changes(self, look: Callable[[], Any], act: Callable[[], Any]) -> Any:
        """Check that what is seen changes with what is done; return what it was."""
        before = look()
        assert look() == before
        act()
        after = look()
        assert after != before, "what was done is not seen"
        return after


UPLOAD = ("POST", paths.BRANCH_OBJECTS)
COMMIT = ("POST", paths.BRANCH_COMMITS)
READ = ("GET", paths.REF_OBJECTS)
COVERED: dict[Name, str] = {}
CASES: list[Callable[[Twins], None]] = []

NOT_SEEN = {
    ("POST", paths.LOGOUT): "the client forgets its token, the server does nothing",
    ("POST", paths.SETUP): "once a lake: tests/api/test_login.py",
    ("POST", paths.REF_OBJECTS_BUNDLE): "reads",
    ("POST", paths.BATCH_STAT): "reads",
    ("S3", "PutObjectAcl"): "nothing but what holds already can be set",
    ("S3", "PutBucketAcl"): "nothing but what holds already can be set",
}


def covers(
    *names: Name,
) -> Callable[[Callable[[Twins], None]], Callable[[Twins], None]]:
    """Say which operations a case does."""

    def note(case: Callable[[Twins], None]) -> Callable[[Twins], None]:
        COVERED.update(dict.fromkeys(names, case.__name__))
        CASES.append(case)
        return case

    return note


def s3(*names: str) -> list[Name]:
    return [("S3", name) for name in names]


_numbers = count(1)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Process]]:
    lake = tmp_path_factory.mktemp("twins") / "lake"
    limits = ("--limit", "part_bytes_min=1")
    with run_server(lake, *limits) as one, run_server(lake, *limits) as other:
        yield [Process(server, server.s3()) for server in (one, other)]


@pytest.fixture(params=[0, 1], ids=["one", "other"])
def twins(request: pytest.FixtureRequest, processes: list[Process]) -> Twins:
    number = int(request.param)
    doing, seeing = processes[number], processes[1 - number]
    repository = f"twins-{next(_numbers)}"
    doing.server.create_repository(repository)
    return Twins(doing, seeing, repository)


@covers(
    ("POST", paths.USERS),
    ("DELETE", paths.USER),
    ("POST", paths.USER_KEYS),
    ("DELETE", paths.USER_KEY),
    ("POST", paths.USER_GRANTS),
    ("DELETE", paths.USER_GRANTS),
    ("POST", paths.LOGIN),
)
def people_keys_and_grants(twins: Twins) -> None:
    doing, seeing, name = twins.doing, twins.seeing, f"u-{twins.repository}"

    def is_there() -> int:
        return seeing.status(("GET", paths.USER), user=name)

    twins.changes(is_there, lambda: doing.done(("POST", paths.USERS), {"id": name}))
    made = doing.done(("POST", paths.USER_KEYS), user=name)
    key = AccessKey(made["access_key_id"], made["secret_access_key"])

    def may_read() -> int:
        target = {"repository": twins.repository}
        return seeing.status(("GET", paths.REPOSITORY), key=key, **target)

    def is_known() -> int:
        return seeing.status(("GET", paths.CURRENT_USER), key=key)

    assert (is_known(), may_read()) == (200, 403)
    grant = {"repository": twins.repository, "ref": "*", "level": "read"}
    add = ("POST", paths.USER_GRANTS)
    assert twins.changes(may_read, lambda: doing.done(add, grant, user=name)) == 200
    login = {"access_key_id": key.id, "secret_access_key": key.secret}
    token = doing.done(("POST", paths.LOGIN), login)["token"]

    def is_token_good() -> int:
        return seeing.status(("GET", paths.CURRENT_USER), key=token)

    assert is_token_good() == 200
    query = f"?repository={twins.repository}&ref={quote('*')}"
    remove = ("DELETE", paths.USER_GRANTS)
    twins.changes(may_read, lambda: doing.done(remove, user=name, query=query))
    # By its path: here `key` says who asks.
    revoke = ("DELETE", paths.fill(paths.USER_KEY, user=name, key=key.id))
    twins.changes(lambda: (is_known(), is_token_good()), lambda: doing.done(revoke))
    assert (is_known(), is_token_good()) == (401, 401)
    twins.changes(is_there, lambda: doing.done(("DELETE", paths.USER), user=name))


@covers(
    ("POST", paths.REPOSITORIES),
    ("DELETE", paths.REPOSITORY),
    ("POST", paths.REPOSITORY_METADATA),
    ("DELETE", paths.REPOSITORY_METADATA),
    ("PUT", paths.BRANCH_PROTECTION),
    ("PUT", paths.GC_RULES),
    ("DELETE", paths.GC_RULES),
)
def repositories_and_their_settings(twins: Twins) -> None:
    doing, seeing, name = twins.doing, twins.seeing, f"{twins.repository}-new"
    one = {"repository": name}

    def see(template: str) -> Callable[[], tuple[int, Any]]:
        return lambda: seeing.ask(("GET", template), repository=name)

    def act(method: str, template: str, body: Any = None) -> Callable[[], Any]:
        return lambda: doing.done((method, template), body, **one)

    body = {"name": name, "storage_namespace": f"local://{name}"}
    twins.changes(
        see(paths.REPOSITORY), lambda: doing.done(("POST", paths.REPOSITORIES), body)
    )
    meta, rules = paths.REPOSITORY_METADATA, paths.BRANCH_PROTECTION
    twins.changes(see(meta), act("POST", meta, {"metadata": {"k": "v"}}))
    twins.changes(see(meta), act("DELETE", meta, {"keys": ["k"]}))
    gc: dict[str, Any] = {"default_retention_days": 7, "branches": []}
    twins.changes(see(paths.GC_RULES), act("PUT", paths.GC_RULES, gc))
    twins.changes(see(paths.GC_RULES), act("DELETE", paths.GC_RULES))

    def write() -> int:
        names = {**one, "branch": "main"}
        return seeing.status(UPLOAD, data=b"x", query="?path=a", **names)

    assert write() == 201
    twins.changes(see(rules), act("PUT", rules, [{"pattern": "ma*"}]))
    assert write() == 403
    doing.done(("PUT", rules), [], **one)
    assert write() == 201
    twins.changes(see(paths.REPOSITORY), act("DELETE", paths.REPOSITORY))
    assert write() == 404


@covers(
    ("POST", paths.BRANCHES),
    ("DELETE", paths.BRANCH),
    ("PUT", paths.BRANCH),
    COMMIT,
    ("POST", paths.REF_MERGE),
    ("POST", paths.BRANCH_REVERT),
    ("POST", paths.BRANCH_CHERRY_PICK),
    ("PUT", paths.BRANCH_HARD_RESET),
    ("POST", paths.REF_UNDO),
)
def branches_and_history(twins: Twins) -> None:
    doing, seeing, main = twins.doing, twins.seeing, twins.main
    one = {"repository": twins.repository}
    first = twins.head()

    def twice(name: Name, body: Any, **names: str) -> None:
        """Do something, and ask the other server for it again under the same key."""
        headers = {paths.IDEMPOTENCY_HEADER: f"key-{next(_numbers)}"}
        answers = [
            process.done(name, body, headers=headers, **names)
            for process in (doing, seeing)
        ]
        assert answers[0] == answers[1]

    def heads() -> Any:
        return seeing.done(("GET", paths.BRANCHES), **one)["results"]

    def act(name: Name, body: Any, **names: str) -> Callable[[], None]:
        return lambda: twice(name, body, **names)

    dev = {"name": "dev", "source": "main"}
    twins.changes(heads, act(("POST", paths.BRANCHES), dev, **one))
    twins.put("a", b"1")
    twins.changes(heads, act(COMMIT, {"message": "m"}, **main))
    assert twins.read("a", twins.head()) == b"1"
    assert twins.read("a", "dev") == 404
    merge = {"source": "main", "destination": "dev"}
    twins.changes(heads, act(("POST", paths.REF_MERGE), {}, **one, **merge))
    assert twins.read("a", "dev") == b"1"
    revert = {"ref": "main", "parent_number": 0}
    twins.changes(heads, act(("POST", paths.BRANCH_REVERT), revert, **main))
    assert twins.read("a") == 404
    pick = {"ref": "main~1"}
    twins.changes(heads, act(("POST", paths.BRANCH_CHERRY_PICK), pick, **main))
    assert twins.read("a") == b"1"
    undo = ("POST", paths.REF_UNDO)
    twins.changes(heads, lambda: doing.done(undo, {}, name="main", **one))
    assert twins.read("a") == 404
    hard = ("PUT", paths.BRANCH_HARD_RESET)
    twins.changes(heads, lambda: doing.done(hard, query=f"?ref={first}", **main))
    assert twins.head() == first
    twins.put("staged")
    reset = ("PUT", paths.BRANCH)
    assert (
        twins.changes(
            lambda: twins.read("staged"),
            lambda: doing.done(reset, {"type": "reset"}, **main),
        )
        == 404
    )
    drop = ("DELETE", paths.BRANCH)
    twins.changes(heads, lambda: doing.done(drop, branch="dev", **one))
    assert twins.read("a", "dev") == 404


@covers(("POST", paths.TAGS), ("DELETE", paths.TAG))
def tags(twins: Twins) -> None:
    doing, one = twins.doing, {"repository": twins.repository}
    twins.put("a", b"1")
    twins.commit()

    def read() -> bytes | int:
        return twins.read("a", "v1")

    make, drop = ("POST", paths.TAGS), ("DELETE", paths.TAG)
    body = {"id": "v1", "ref": "main"}
    assert twins.changes(read, lambda: doing.done(make, body, **one)) == b"1"
    assert twins.changes(read, lambda: doing.done(drop, tag="v1", **one)) == 404
    first = {**body, "ref": "main~1"}
    doing.done(make, first, **one)
    assert read() == 404, "it is another commit that is called so now"


@covers(
    UPLOAD,
    ("DELETE", paths.BRANCH_OBJECTS),
    ("POST", paths.OBJECTS_DELETE),
    ("POST", paths.OBJECTS_COPY),
    ("POST", paths.OBJECTS_MOVE),
    ("POST", paths.OBJECTS_BUNDLE),
    ("POST", paths.OBJECTS_LINK),
    ("PUT", paths.OBJECT_USER_METADATA),
)
def objects_over_rest(twins: Twins) -> None:
    doing, seeing, main = twins.doing, twins.seeing, twins.main

    def listing() -> Any:
        names = {"repository": twins.repository, "ref": "main"}
        query = "?user_metadata=true"
        found = seeing.done(("GET", paths.REF_OBJECTS_LS), query=query, **names)
        return [(row["path"], row.get("metadata")) for row in found["results"]]

    def act(name: Name, body: Any = None, query: str = "") -> Callable[[], Any]:
        return lambda: doing.done(name, body, query=query, **main)

    for data in (b"1", b"2"):
        twins.changes(lambda: twins.read("a"), partial(twins.put, "a", data))
        assert twins.read("a") == data
    copied = act(("POST", paths.OBJECTS_COPY), {"src_path": "a"}, "?dest_path=b")
    twins.changes(listing, copied)
    move = {"src_path": "b", "dst_path": "c"}
    twins.changes(listing, act(("POST", paths.OBJECTS_MOVE), move))
    link = {"links": [{"src_path": "a", "dst_path": "d"}]}
    twins.changes(listing, act(("POST", paths.OBJECTS_LINK), link))
    headers, bundle = {"Content-Type": MEDIA_TYPE}, make_bundle({"e": b"5"})
    twins.changes(
        listing,
        lambda: doing.done(
            ("POST", paths.OBJECTS_BUNDLE), data=bundle, headers=headers, **main
        ),
    )
    assert [twins.read(path) for path in "acde"] == [b"2", b"2", b"2", b"5"]
    meta = ("PUT", paths.OBJECT_USER_METADATA)
    twins.changes(listing, act(meta, {"set": {"k": "v"}}, "?path=a"))
    twins.changes(listing, act(("DELETE", paths.BRANCH_OBJECTS), query="?path=a"))
    many = {"paths": ["c", "d"]}
    twins.changes(listing, act(("POST", paths.OBJECTS_DELETE), many))
    assert [twins.read(path) for path in "acde"] == [404, 404, 404, b"5"]
    twins.commit()
    assert twins.read("e", "main@") == b"5"


@covers(
    *s3(
        "PutObject",
        "CopyObject",
        "PutObjectTagging",
        "DeleteObjectTagging",
        "DeleteObject",
        "DeleteObjects",
    )
)
def objects_over_s3(twins: Twins) -> None:
    do, see = twins.doing.s3, twins.seeing.s3
    bucket = {"Bucket": twins.repository}
    a = {**bucket, "Key": "main/a"}

    def listing() -> Any:
        return see.list_objects_v2(**bucket, Prefix="main/").get("Contents")

    def tagged() -> Any:
        return see.get_object_tagging(**a)["TagSet"]

    for body in (b"1", b"22"):
        twins.changes(listing, partial(do.put_object, **a, Body=body))
        assert see.get_object(**a)["Body"].read() == body
    for key in ("main/b", "main/c"):
        twins.changes(listing, partial(do.copy_object, **bucket, Key=key, CopySource=a))
    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    twins.changes(tagged, lambda: do.put_object_tagging(**a, Tagging=tags))
    twins.changes(tagged, lambda: do.delete_object_tagging(**a))
    twins.changes(listing, lambda: do.delete_object(**a))
    twins.changes(
        listing,
        lambda: do.delete_objects(**bucket, Delete={"Objects": [{"Key": "main/b"}]}),
    )
    assert [row["Key"] for row in listing()] == ["main/c"]


@covers(*s3("CreateBucket", "DeleteBucket"))
def buckets(twins: Twins) -> None:
    name = f"{twins.repository}-bucket"

    def is_there() -> bool:
        return name in [
            row["Name"] for row in twins.seeing.s3.list_buckets()["Buckets"]
        ]

    twins.changes(is_there, lambda: twins.doing.s3.create_bucket(Bucket=name))
    twins.changes(is_there, lambda: twins.doing.s3.delete_bucket(Bucket=name))


@covers(
    *s3(
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
        "AbortMultipartUpload",
    )
)
def uploads_in_parts(twins: Twins) -> None:
    do, see = twins.doing.s3, twins.seeing.s3
    bucket = {"Bucket": twins.repository}
    target = {**bucket, "Key": "main/parts"}
    do.put_object(**bucket, Key="main/source", Body=b"source")

    def uploads() -> Any:
        return see.list_multipart_uploads(**bucket).get("Uploads")

    def begin() -> dict[str, str]:
        made = do.create_multipart_upload(**target)
        return {**target, "UploadId": made["UploadId"]}

    begun: list[dict[str, str]] = []
    twins.changes(uploads, lambda: begun.append(begin()))
    (upload,) = begun

    def parts() -> Any:
        return see.list_parts(**upload).get("Parts")

    for body in (b"1", b"2"):
        twins.changes(parts, partial(do.upload_part, **upload, PartNumber=1, Body=body))
    source = {**bucket, "Key": "main/source"}
    twins.changes(
        parts,
        lambda: do.upload_part_copy(**upload, PartNumber=2, CopySource=source),
    )
    listed = {
        "Parts": [
            {"PartNumber": row["PartNumber"], "ETag": row["ETag"]} for row in parts()
        ]
    }
    twins.changes(
        uploads,
        lambda: do.complete_multipart_upload(**upload, MultipartUpload=listed),
    )
    assert see.get_object(**target)["Body"].read() == b"2source"
    again = begin()
    see.upload_part(**again, PartNumber=1, Body=b"x")
    twins.changes(uploads, lambda: do.abort_multipart_upload(**again))
    with pytest.raises(ClientError, match="NoSuchUpload"):
        see.upload_part(**again, PartNumber=1, Body=b"x")


def run_key(start: Any) -> AccessKey:
    return AccessKey(start["access_key_id"], start["secret_access_key"])


def do_run(twins: Twins, path: str, **more: Any) -> str:
    """Do a run that writes an object, and return its id."""
    doing, one = twins.doing, {"repository": twins.repository}
    outputs = [{"repository": twins.repository, "branch": "main", "path": path}]
    begun = doing.done(("POST", paths.RUNS), {"outputs": outputs, **more}, **one)
    query = f"?path={path}"
    doing.done(UPLOAD, data=b"m", query=query, key=run_key(begun), **twins.main)
    name = str(begun["run"]["id"])
    doing.done(("POST", paths.RUN_END), {"status": "succeeded"}, run=name, **one)
    return name


@covers(
    ("POST", paths.RUNS),
    ("DELETE", paths.RUN),
    ("POST", paths.RUN_BATCHES),
    ("POST", paths.RUN_END),
    ("POST", paths.RUN_FILES),
    ("POST", paths.RUN_VERDICTS),
)
def runs(twins: Twins) -> None:
    doing, seeing, one = twins.doing, twins.seeing, {"repository": twins.repository}

    def listed() -> Any:
        return seeing.done(("GET", paths.ALL_RUNS))["results"]

    started: list[Any] = []
    output = {"repository": twins.repository, "branch": "main", "path": "out"}
    body = {"experiment": "e", "outputs": [output]}
    begin = ("POST", paths.RUNS)
    twins.changes(listed, lambda: started.append(doing.done(begin, body, **one)))
    (start,) = started
    key, run = run_key(start), {**one, "run": str(start["run"]["id"])}

    def seen() -> Any:
        return seeing.done(("GET", paths.ANY_RUN), run=run["run"])

    def read_with_key() -> tuple[int, Any]:
        names = {**one, "ref": "main"}
        return seeing.answer(READ, query="?path=out", key=key, **names)

    batch = {"writer": "w", "sequence": 1, "params": {"rate": 0.1}}
    twins.changes(seen, lambda: doing.done(("POST", paths.RUN_BATCHES), batch, **run))
    keep = ("POST", paths.RUN_FILES)
    twins.changes(
        seen, lambda: doing.done(keep, data=b"diff", query="?name=code.diff", **run)
    )
    write = partial(doing.done, UPLOAD, data=b"1", query="?path=out", key=key)
    assert twins.changes(read_with_key, partial(write, **twins.main)) == (200, b"1")
    assert twins.read("out") == 404, "a run's writes are its own until it ends"
    end = partial(doing.done, ("POST", paths.RUN_END), {"status": "succeeded"}, **run)
    assert twins.changes(lambda: twins.read("out"), end) == b"1"
    assert read_with_key()[0] == 401, "its key ends with it"
    assert seen()["status"] == "succeeded"
    again = do_run(twins, "out", rerun_of=run["run"])
    verdict = {"rerun": again, "is_identical": True, "compared": 1}
    judge = ("POST", paths.RUN_VERDICTS)
    twins.changes(seen, lambda: doing.done(judge, verdict, **run))
    drop = ("DELETE", paths.RUN)
    other = {**run, "run": do_run(twins, "other")}
    twins.changes(listed, partial(doing.done, drop, **other))


@covers(
    ("PUT", paths.MODEL),
    ("DELETE", paths.MODEL),
    ("POST", paths.MODEL_VERSIONS),
    ("DELETE", paths.MODEL_VERSION),
    ("POST", paths.MODEL_CHECKS),
    ("POST", paths.MODEL_APPROVALS),
    ("DELETE", paths.MODEL_APPROVALS),
    ("PUT", paths.MODEL_RULES),
    ("PUT", paths.MODEL_ALIAS),
    ("DELETE", paths.MODEL_ALIAS),
    ("POST", paths.MODEL_ALIAS_ROLLBACK),
)
def models(twins: Twins) -> None:
    doing, seeing = twins.doing, twins.seeing
    model = {"model": f"model-{twins.repository}"}
    first, second = {**model, "version": "1"}, {**model, "version": "2"}
    prod = {**model, "alias": "prod"}

    def see(template: str, **names: str) -> Callable[[], tuple[int, Any]]:
        return lambda: seeing.answer(("GET", template), **names)

    def act(
        method: str, template: str, body: Any = None, query: str = "", **names: str
    ) -> Callable[[], Any]:
        return lambda: doing.done((method, template), body, query=query, **names)

    for number in (1, 2):
        wish = {"run": do_run(twins, f"m{number}")}
        register = act("POST", paths.MODEL_VERSIONS, wish, **model)
        twins.changes(see(paths.MODEL_VERSIONS, **model), register)
    said = act("PUT", paths.MODEL, {"description": "said"}, **model)
    twins.changes(see(paths.MODEL, **model), said)
    for number in (1, 2):
        move = act("PUT", paths.MODEL_ALIAS, {"version": number}, **prod)
        twins.changes(see(paths.MODEL_ALIAS, **prod), move)
    back = act("POST", paths.MODEL_ALIAS_ROLLBACK, {}, **prod)
    twins.changes(see(paths.MODEL_ALIAS, **prod), back)
    version = see(paths.MODEL_VERSION, **first)
    read = {"repository": twins.repository, "ref": "main", "path": "m1"}
    body = {"inputs": [read]}
    begun = doing.done(("POST", paths.RUNS), body, repository=twins.repository)
    run = {"repository": twins.repository, "run": str(begun["run"]["id"])}
    doing.done(("POST", paths.RUN_END), {"status": "succeeded"}, **run)
    check = {"name": "bias", "run": run["run"]}
    twins.changes(version, act("POST", paths.MODEL_CHECKS, check, **first))
    other = f"u-{twins.repository}"
    doing.done(("POST", paths.USERS), {"id": other})
    grant = {"repository": "models", "ref": "*", "level": "write"}
    doing.done(("POST", paths.USER_GRANTS), grant, user=other)
    key = run_key(doing.done(("POST", paths.USER_KEYS), user=other))
    approve = partial(doing.done, ("POST", paths.MODEL_APPROVALS), key=key, **first)
    twins.changes(version, partial(approve, {"alias": "prod"}))
    recall = partial(doing.done, ("DELETE", paths.MODEL_APPROVALS), key=key, **first)
    twins.changes(version, partial(recall, query="?alias=prod"))
    rules = {"rules": [{"alias": "prod", "checks": ["speed"]}]}
    twins.changes(
        see(paths.MODEL_RULES, **model), act("PUT", paths.MODEL_RULES, rules, **model)
    )
    forbidden = seeing.status(("PUT", paths.MODEL_ALIAS), {"version": 2}, **prod)
    assert forbidden in (400, 409)
    drop = act("DELETE", paths.MODEL_ALIAS, **prod)
    twins.changes(see(paths.MODEL_ALIAS, **prod), drop)
    twins.changes(
        see(paths.MODEL_VERSIONS, **model), act("DELETE", paths.MODEL_VERSION, **second)
    )
    twins.changes(see(paths.MODEL, **model), act("DELETE", paths.MODEL, **model))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_one_process_does_the_other_shows_at_once(
    case: Callable[[Twins], None], twins: Twins
) -> None:
    case(twins)


def test_every_operation_that_changes_something_is_tested_here() -> None:
    changing = {
        (route.method, route.template)
        for route in ROUTES
        if route.method not in ("GET", "HEAD") and route not in UNBUILT
    }
    changing |= {
        ("S3", operation.name)
        for operation in TABLE
        if operation.method not in ("GET", "HEAD")
    }

    assert changing == set(COVERED) | set(NOT_SEEN)


def test_a_server_that_keeps_what_it_has_found_would_be_noticed(twins: Twins) -> None:
    """The control: the same case against a process that answers from what it kept."""
    kept: dict[tuple[Any, ...], tuple[int, Any]] = {}

    class Keeping(Process):
        def ask(self, route: Name, body: Any = None, **more: Any) -> tuple[int, Any]:
            place = (route, *((key, str(more[key])) for key in sorted(more)))
            if place not in kept:
                kept[place] = super().ask(route, body, **more)
            return kept[place]

    seeing = Keeping(twins.seeing.server, twins.seeing.s3)

    with pytest.raises(AssertionError):
        tags(Twins(twins.doing, seeing, twins.repository))
