"""Clients that remember what a server acknowledged, and hold it to it afterwards.

Each works on branches of its own, one request after the other, and keeps in memory what
must be there: so after a crash exactly one request is in doubt, which happened fully or
not at all. What it remembers does not lie on the disk that fails.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from support.s3raw import UNSIGNED
from support.s3server import Answer, ServerProcess, admin_basic, exchange

KEYS = 24
ANSWER_S_MAX = 30.0
STOP_S_MAX = 60.0
Content = dict[str, str]
"""ETags by path."""


class Violated(AssertionError):  # noqa: N818 - says what happened to a promise
    """Something that was acknowledged is not as it was acknowledged."""


class NoAnswer(Exception):  # noqa: N818 - nothing went wrong yet
    """The request may have happened, or not."""


@dataclass
class Memory:
    """What a witness knows to be there."""

    content: Content = field(default_factory=dict[str, str])
    """Of its branch, with what is not committed."""
    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """By ETag, of what was uploaded in one piece."""
    head: Content = field(default_factory=dict[str, str])
    side: Content | None = None
    """Of the branch that it merges into; None: not created yet."""
    commits: dict[str, Content] = field(default_factory=dict[str, Content])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    """Commit ids by name."""
    branches: set[str] = field(default_factory=set[str])


@dataclass
class Doubt:
    """A request that was not answered: what is there if it happened."""

    what: str
    content: Content | None = None
    side: Content | None = None
    name: str | None = None
    """Of a tag or branch that may be there."""


class Witness:
    """One client with one branch."""

    def __init__(self, number: int, repository: str, seed: int) -> None:
        self.branch, self.side = f"w{number}", f"s{number}"
        self.memory = Memory()
        self.doubt: Doubt | None = None
        self.acked = 0
        self.failures: list[str] = []
        self._repository = repository
        self._random = random.Random(f"{seed}/{number}")
        self._serial = 0
        self._connection: http.client.HTTPConnection | None = None
        self._server: ServerProcess | None = None
        self._stop = threading.Event()

    # Work ------------------------------------------------------------------------------

    def prepare(self, server: ServerProcess) -> None:
        """Make the branch to work on."""
        server.create_branch(self._repository, self.branch)

    def work(self, servers: Sequence[ServerProcess], stop: threading.Event) -> None:
        """Send requests until one is not answered, or `stop` is set.

        An answer after that is none: the server may have died before it came.
        """
        self._server = self._random.choice(servers)
        self._stop = stop
        steps: list[tuple[int, Callable[[], None]]] = [
            (50, self._put),
            (6, self._upload),
            (10, self._delete),
            (3, self._put_large),
            (3, self._put_parts),
            (12, self._commit),
            (4, self._tag),
            (3, self._make_branch),
            (4, self._merge),
            (2, self._reset),
        ]
        weights, choices = [step[0] for step in steps], [step[1] for step in steps]
        try:
            while not stop.is_set():
                self._random.choices(choices, weights)[0]()
                self.doubt = None
                self.acked += 1
        except NoAnswer:
            pass
        finally:
            self._close()

    def _path(self) -> str:
        return f"{self._random.randrange(KEYS):02d}/a b"

    def _body(self, size_max: int = 6000) -> bytes:
        return self._random.randbytes(self._random.randrange(1, size_max))

    def _stage(self, path: str, etag: str | None, what: str) -> None:
        """Note, before it is sent, what a change of one path leads to."""
        content = dict(self.memory.content)
        if etag is None:
            content.pop(path, None)
        else:
            content[path] = etag
        self.doubt = Doubt(what, content=content)

    def _took(self) -> None:
        assert self.doubt is not None
        if self.doubt.content is not None:
            self.memory.content = self.doubt.content

    def _put(self) -> None:
        path, body = self._path(), self._body()
        etag = hashlib.md5(body).hexdigest()
        self.memory.bodies[etag] = body
        self._stage(path, etag, f"put {path}")
        self._s3("PUT", path, body)
        self._took()

    def _put_large(self) -> None:
        path, body = self._path(), self._random.randbytes(1_300_000)
        etag = hashlib.md5(body).hexdigest()
        self._stage(path, etag, f"put {path}, cut into chunks")
        self._s3("PUT", path, body)
        self._took()

    def _upload(self) -> None:
        path, body = self._path(), self._body()
        etag = hashlib.md5(body).hexdigest()
        self.memory.bodies[etag] = body
        self._stage(path, etag, f"upload {path}")
        self._rest(
            "POST", f"branches/{self.branch}/objects", body, query={"path": path}
        )
        self._took()

    def _delete(self) -> None:
        path = self._path()
        self._stage(path, None, f"delete {path}")
        self._s3("DELETE", path)
        self._took()

    def _put_parts(self) -> None:
        path = self._path()
        self.doubt = Doubt("begin an upload in parts")
        begun = self._s3("POST", path, query="uploads=").body.decode()
        upload = begun.partition("<UploadId>")[2].partition("<")[0]
        parts = [self._random.randbytes(5 * 1024 * 1024), self._body()]
        digests = [hashlib.md5(part).digest() for part in parts]
        for number, part in enumerate(parts, 1):
            self._s3("PUT", path, part, f"partNumber={number}&uploadId={upload}")
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{digest.hex()}</ETag></Part>"
            for number, digest in enumerate(digests, 1)
        )
        etag = hashlib.md5(b"".join(digests)).hexdigest() + "-2"
        self._stage(path, etag, f"complete {path}")
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        answer = self._s3("POST", path, body, f"uploadId={upload}")
        if b"<Error>" in answer.body:
            raise NoAnswer(answer.body)
        self._took()

    def _commit(self) -> None:
        if self.memory.content == self.memory.head:
            return
        self.doubt = Doubt("commit")
        answer = self._rest(
            "POST", f"branches/{self.branch}/commits", {"message": "m"}, may=(400,)
        )
        if answer.status == 400:  # what was written is what was there: no changes
            return
        commit = str(json.loads(answer.body)["id"])
        self.memory.head = dict(self.memory.content)
        self.memory.commits[commit] = self.memory.head

    def _tag(self) -> None:
        if not self.memory.commits:
            return
        name, commit = self._name("t"), list(self.memory.commits)[-1]
        self.doubt = Doubt(f"tag {name}", name=name)
        self._rest("POST", "tags", {"id": name, "ref": commit})
        self.memory.tags[name] = commit

    def _make_branch(self) -> None:
        name = self._name("b")
        self.doubt = Doubt(f"branch {name}", name=name)
        self._rest("POST", "branches", {"name": name, "source": self.branch})
        self.memory.branches.add(name)

    def _merge(self) -> None:
        if self.memory.side is None:
            self.doubt = Doubt(f"branch {self.side}", name=self.side)
            self._rest("POST", "branches", {"name": self.side, "source": self.branch})
            self.memory.side = dict(self.memory.head)
            return
        self.doubt = Doubt("merge", side=dict(self.memory.head))
        path = f"refs/{self.branch}/merge/{self.side}"
        answer = self._rest("POST", path, {"message": "merged"}, may=(400,))
        if answer.status == 200:
            self.memory.side = dict(self.memory.head)

    def _reset(self) -> None:
        self.doubt = Doubt("reset", content=dict(self.memory.head))
        self._rest("PUT", f"branches/{self.branch}", {"type": "reset"})
        self._took()

    def _name(self, kind: str) -> str:
        self._serial += 1
        return f"{kind}{self.branch}-{self._serial}"

    # Judgement -------------------------------------------------------------------------

    def check(self, server: ServerProcess) -> None:
        """Return if everything that was acknowledged is there; settle what is in doubt.

        Raises:
            Violated: something is not as it was acknowledged.
        """
        self._server = server
        self._stop = threading.Event()
        try:
            self._check()
        finally:
            self._close()

    def _check(self) -> None:
        doubt, memory = self.doubt or Doubt("nothing"), self.memory
        memory.content = self._settle(
            f"branch {self.branch}", self.branch, [memory.content, doubt.content], doubt
        )
        self._check_head(doubt)
        for name in self._named(doubt):
            if name.startswith("t"):
                memory.tags[name] = list(memory.commits)[-1]
            elif name == self.side:
                memory.side = dict(memory.head)
            else:
                memory.branches.add(name)
        if memory.side is not None:
            options = [memory.side, doubt.side]
            memory.side = self._settle("merges", self.side, options, doubt)
        for name, commit in memory.tags.items():
            found = json.loads(self._get(f"tags/{name}").body)["commit_id"]
            if found != commit:
                raise Violated(f"tag {name} is at {found}, not {commit}")
        for name in memory.branches:
            self._get(f"branches/{name}")
        recent = list(memory.commits.items())[-4:]
        for commit, content in recent:
            if self._list(commit) != content:
                raise Violated(f"commit {commit} does not hold what it held")
        for path, etag in memory.content.items():
            self._check_bytes(path, etag)
        self.doubt = None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _settle(
        self, what: str, ref: str, options: Sequence[Content | None], doubt: Doubt
    ) -> Content:
        found = self._list(ref)
        if found in options:
            return found
        before = options[0] or {}
        lost = {path: etag for path, etag in before.items() if found.get(path) != etag}
        raise Violated(
            f"{what}: lost {sorted(lost)}, has {sorted(set(found) - set(before))} "
            f"(in doubt: {doubt.what})"
        )

    def _check_head(self, doubt: Doubt) -> None:
        found = self._list(f"{self.branch}@")
        if found == self.memory.head:
            return
        if doubt.what != "commit" or found != self.memory.content:
            raise Violated(f"{self.branch} lost a commit (in doubt: {doubt.what})")
        branch = json.loads(self._get(f"branches/{self.branch}").body)
        self.memory.head = found
        self.memory.commits[str(branch["commit_id"])] = found

    def _named(self, doubt: Doubt) -> list[str]:
        if doubt.name is None:
            return []
        kind = "tags" if doubt.name.startswith("t") else "branches"
        answer = self._rest("GET", f"{kind}/{doubt.name}", may=(404,))
        return [doubt.name] if answer.status == 200 else []

    def _check_bytes(self, path: str, etag: str) -> None:
        body = self._s3("GET", path).body
        if "-" in etag:
            first = 5 * 1024 * 1024
            digests = [hashlib.md5(body[:first]), hashlib.md5(body[first:])]
            joined = b"".join(digest.digest() for digest in digests)
            found = hashlib.md5(joined).hexdigest() + "-2"
        else:
            found = hashlib.md5(body).hexdigest()
        if found != etag:
            raise Violated(f"{self.branch}/{path} has other bytes than it had")

    def _list(self, ref: str) -> Content:
        content: Content = {}
        after = ""
        while True:
            query = {"amount": "1000", "after": after}
            answer = self._get(f"refs/{quote(ref, safe='')}/objects/ls", query)
            page = json.loads(answer.body)
            content.update((each["path"], each["checksum"]) for each in page["results"])
            if not page["pagination"]["has_more"]:
                return content
            after = page["pagination"]["next_offset"]

    def _get(self, path: str, query: dict[str, str] | None = None) -> Answer:
        answer = self._rest("GET", path, query=query, may=(404, 500))
        if answer.status != 200:
            raise Violated(f"{path}: {answer.status} {answer.body.decode()}")
        return answer

    # Requests --------------------------------------------------------------------------

    def _s3(self, method: str, path: str, body: bytes = b"", query: str = "") -> Answer:
        target = f"/{self._repository}/{self.branch}/{quote(path)}"
        target += f"?{query}" if query else ""
        assert self._server is not None
        headers = self._server.sign(method, target, {"x-amz-content-sha256": UNSIGNED})
        return self._send(method, target, body, headers, (200, 204))

    def _rest(
        self,
        method: str,
        path: str,
        body: object = b"",
        *,
        query: dict[str, str] | None = None,
        may: Sequence[int] = (),
    ) -> Answer:
        headers = {"Authorization": admin_basic()}
        target = f"/api/v1/repositories/{self._repository}/{path}"
        target += f"?{urlencode(query)}" if query else ""
        if not isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        elif method == "POST":
            headers["Content-Type"] = "application/octet-stream"
        return self._send(method, target, body, headers, (200, 201, 204, *may))

    def _send(
        self,
        method: str,
        target: str,
        body: bytes,
        headers: dict[str, str],
        good: Sequence[int],
    ) -> Answer:
        """Return the answer, if it is one of `good`.

        Raises:
            NoAnswer: there is none, or the server says that something is wrong with it.
            Violated: the server refuses what is right.
        """
        if self._connection is None:
            assert self._server is not None
            self._connection = http.client.HTTPConnection(
                self._server.address, timeout=ANSWER_S_MAX
            )
        try:
            answer = exchange(self._connection, method, target, headers, body)
        except TimeoutError:
            self.failures.append(f"{method} {target}: no answer in {ANSWER_S_MAX} s")
            raise NoAnswer from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer from error
        if self._stop.is_set():
            raise NoAnswer("it came too late")
        if answer.status in good:
            return answer
        if answer.status >= 500:
            raise NoAnswer(answer.body)
        self.failures.append(
            f"{method} {target}: {answer.status} {answer.body[:300]!r}"
        )
        raise NoAnswer


def make_witnesses(
    server: ServerProcess, repository: str, count: int, seed: int
) -> list[Witness]:
    """Make a repository, and witnesses with a branch of it each."""
    witnesses = [Witness(number, repository, seed) for number in range(count)]
    server.create_repository(repository)
    for witness in witnesses:
        witness.prepare(server)
    return witnesses


@contextmanager
def working(
    servers: Sequence[ServerProcess], witnesses: Sequence[Witness]
) -> Generator[threading.Event]:
    """Let the witnesses work in the context, until what it yields is set or its end."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=witness.work, args=(servers, stop))
        for witness in witnesses
    ]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_S_MAX)
            assert not thread.is_alive(), "a client hangs"


def hear(witnesses: Sequence[Witness], server: ServerProcess) -> None:
    """Hold `server` to what the witnesses know.

    Raises:
        Violated: something is not as it was acknowledged.
    """
    for witness in witnesses:
        assert not witness.failures, witness.failures
        witness.check(server)
