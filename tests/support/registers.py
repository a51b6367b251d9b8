"""What a server has that is a register, as clients use it from many threads.

`ObjectRegister` is one key of a branch, with plain and conditional writes of S3;
`RefRegister` is the head of a branch, moved by hard resets, deleted and created again.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from support.linearizable import NEVER, Kind, Operation, Value
from support.s3raw import UNSIGNED
from support.s3server import Answer, ServerProcess, admin_basic, exchange

ANSWER_S_MAX = 30.0


class Unanswered(Exception):  # noqa: N818 - nothing went wrong yet
    """The request may have happened, or not."""


class Refused(Exception):  # noqa: N818 - the server may say so
    """The request did nothing, for a reason that is not what is there."""


class Connection:
    """One client of one server, which may be gone at times."""

    def __init__(self, server: Callable[[], ServerProcess]) -> None:
        self._server = server
        self._connection: http.client.HTTPConnection | None = None

    def s3(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        """Send a signed request."""
        sent = {"x-amz-content-sha256": UNSIGNED, **headers}
        return self._send(
            method, target, body, self._server().sign(method, target, sent)
        )

    def rest(self, method: str, target: str, body: object = None) -> Answer:
        """Send a request of the REST interface."""
        headers = {"Authorization": admin_basic(), "Content-Type": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        return self._send(method, f"/api/v1{target}", data, headers)

    def close(self) -> None:
        """Forget the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self._server().address, timeout=ANSWER_S_MAX
            )
        try:
            answer = exchange(self._connection, method, target, headers, body)
        except TimeoutError:
            raise  # a server that hangs is a fault of its own
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered from error
        if answer.status >= 500:
            raise Unanswered
        return answer


@dataclass(frozen=True)
class Step:
    """An operation to be done; `run` returns what was read, or whether it was written."""

    kind: Kind
    run: Callable[[], Value | bool]
    value: Value = None
    expected: Value = None


class Register(Protocol):
    """One register, through one connection."""

    def choose(self, chance: random.Random, known: Value) -> Step:
        """Return something to do; `known` is what was seen there last."""
        ...


class ObjectRegister:
    """A key of a branch; None: there is no object."""

    def __init__(self, connection: Connection, target: str) -> None:
        self._connection = connection
        self._target = target

    def choose(self, chance: random.Random, known: Value) -> Step:
        """Read, put, delete; the latter two also under a condition."""
        value = chance.choice([None, *"abcdef"])
        expected = known if chance.random() < 0.7 else chance.choice([None, "a", "b"])
        match chance.choices(["read", "write", "swap"], [5, 2, 4])[0]:
            case "read":
                return Step("read", self._read)
            case "write":
                return Step("write", lambda: self._write(value, {}), value)
            case _:
                if expected is None:
                    value = value or "g"  # a deletion knows no `If-None-Match`
                condition = _condition(expected)
                return Step(
                    "swap", lambda: self._write(value, condition), value, expected
                )

    def _read(self) -> Value:
        answer = self._connection.s3("GET", self._target, b"", {})
        assert answer.status in (200, 404), answer
        return None if answer.status == 404 else answer.body.decode()

    def _write(self, value: Value, condition: dict[str, str]) -> bool:
        if value is None:
            answer = self._connection.s3("DELETE", self._target, b"", condition)
        else:
            body = value.encode()
            answer = self._connection.s3("PUT", self._target, body, condition)
        refusals = (404, 412) if condition else ()
        assert answer.status in (200, 204, *refusals), answer
        return answer.status in (200, 204)


def _condition(expected: Value) -> dict[str, str]:
    if expected is None:
        return {"If-None-Match": "*"}
    return {"If-Match": f'"{hashlib.md5(expected.encode()).hexdigest()}"'}


class RefRegister:
    """The head of a branch; None: there is no branch."""

    def __init__(
        self, connection: Connection, path: str, commits: Sequence[str]
    ) -> None:
        self._connection = connection
        self._branches, _, self._name = path.rpartition("/")
        self._commits = commits

    def choose(self, chance: random.Random, known: Value) -> Step:
        """Read, create, move or delete the branch."""
        commit = chance.choice(self._commits)
        match chance.choices(["read", "create", "move", "delete"], [5, 4, 3, 2])[0]:
            case "read":
                return Step("read", self._read)
            case "create":
                return Step("swap", lambda: self._create(commit), commit, None)
            case "move":
                path = f"/hard_reset?ref={commit}"
                return Step("replace", lambda: self._change("PUT", path), commit)
            case _:
                return Step("replace", lambda: self._change("DELETE", ""))

    def _read(self) -> Value:
        answer = self._connection.rest("GET", f"{self._branches}/{self._name}")
        assert answer.status in (200, 404), answer
        if answer.status == 404:
            return None
        return str(json.loads(answer.body)["commit_id"])

    def _create(self, commit: str) -> bool:
        body = {"name": self._name, "source": commit}
        answer = self._connection.rest("POST", self._branches, body)
        assert answer.status in (201, 409), answer
        return answer.status == 201

    def _change(self, method: str, path: str) -> bool:
        answer = self._connection.rest(method, f"{self._branches}/{self._name}{path}")
        if answer.status == 409:  # moved at the same time
            raise Refused
        assert answer.status in (200, 204, 404), answer
        return answer.status != 404


def work(
    register: Register,
    connection: Connection,
    count: int,
    seed: str,
    wait: Callable[[], None],
) -> list[Operation]:
    """Do `count` operations; return them with their moments.

    `wait` returns once a server that was gone may be there again.
    """
    try:
        return _work(register, count, random.Random(seed), wait)
    finally:
        connection.close()


def _work(
    register: Register, count: int, chance: random.Random, wait: Callable[[], None]
) -> list[Operation]:
    history: list[Operation] = []
    known: Value = None
    for _ in range(count):
        step = register.choose(chance, known)
        called = time.monotonic()
        try:
            result = step.run()
        except Refused:
            continue
        except Unanswered:
            history.append(
                Operation(step.kind, called, NEVER, step.value, step.expected)
            )
            wait()
            continue
        value = step.value
        if step.kind == "read":
            assert not isinstance(result, bool)
            value = known = result
        elif result:
            known = value
        history.append(
            Operation(
                step.kind,
                called,
                time.monotonic(),
                value,
                step.expected,
                bool(result) if step.kind in ("swap", "replace") else None,
            )
        )
    return history
