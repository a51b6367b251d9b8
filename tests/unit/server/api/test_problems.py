"""Every error of the engine has its status, and a body that clients can read."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from lakebed.client.wire import decode_problem, read_conflicts
from lakebed.server import errors
from lakebed.server.api.problems import STATUS, TEXTS, answer_problem
from lakebed.server.errors import LakeError
from lakebed.server.httprules.whole import WholeAnswer
from lakebed.server.ids import BlobId
from lakebed.server.repository.combining import Conflict
from lakebed.server.tree.entry import Entry

from support.error_classes import list_error_classes

CLASSES = [kind for kind in list_error_classes() if kind is not LakeError]


def body_of(response: WholeAnswer) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    return cast("dict[str, Any]", json.loads(response.body))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_class_has_a_status(kind: type[LakeError]) -> None:
    assert kind in STATUS, f"give {kind.__name__} a row in server/api/problems.py"


def test_codes_are_words_and_each_class_has_its_own() -> None:
    codes = [kind.code for kind in CLASSES]

    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and " " not in code for code in codes)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (errors.RepositoryNotFoundError("r"), 404, "repository not found"),
        (errors.CommitNotFoundError("r", "x"), 404, "commit not found"),
        (errors.UserNotFoundError("u"), 404, "user not found"),
        (errors.RepositoryExistsError("r"), 409, "not unique"),
        (errors.NothingToCommitError(), 400, "commit: no changes"),
        (errors.UnauthenticatedError("why"), 401, "error authenticating request"),
        (errors.MergeConflictError("x", (), 0), 409, "conflict found"),
    ],
)
def test_texts_that_scripts_compare(
    error: LakeError, status: int, message: str
) -> None:
    response = answer_problem(error)

    assert response.status == status
    assert body_of(response)["message"] == message
    assert body_of(response)["code"] == error.code


def test_our_client_reads_the_whole_sentence() -> None:
    response = answer_problem(errors.RepositoryNotFoundError("lake"))

    assert isinstance(response.body, bytes)
    problem = decode_problem(response.body)
    assert problem is not None
    assert "'lake'" in problem.message
    assert problem.fields == {"repository": "lake"}


def test_every_compared_text_belongs_to_a_class_with_a_status() -> None:
    assert set(TEXTS) <= set(STATUS)


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.RangeNotSatisfiableError(7), "Content-Range", "bytes */7"),
        (errors.MethodNotAllowedError("PUT", ["GET", "HEAD"]), "Allow", "GET, HEAD"),
        (errors.BusyError("full"), "Retry-After", "1"),
    ],
)
def test_headers_that_belong_to_a_status(
    error: LakeError, header: str, value: str
) -> None:
    assert answer_problem(error).headers[header] == value


def test_an_error_names_the_field_that_is_wrong() -> None:
    response = answer_problem(errors.InvalidValueError("amount", "too much"))

    assert response.status == 400
    assert body_of(response) == {
        "message": "too much",
        "code": "invalid-value",
        "field": "amount",
    }


def test_conflicts_come_as_source_and_destination() -> None:
    ours = Entry(b"p", BlobId(b"o" * 32), 1, 2000, b"o" * 16)
    theirs = Entry(b"p", BlobId(b"t" * 32), 2, 3000, b"t" * 16)
    error = errors.MergeConflictError(
        "2 conflicts", (Conflict(b"p", None, ours, theirs),), 2
    )

    response = answer_problem(error)

    assert isinstance(response.body, bytes)
    problem = decode_problem(response.body)
    assert problem is not None
    (conflict,) = read_conflicts(problem)
    assert conflict.path == "p"
    assert conflict.base is None
    assert conflict.source is not None
    assert conflict.source.size_bytes == 2
    assert conflict.destination is not None
    assert conflict.destination.checksum == (b"o" * 16).hex()
    assert problem.fields["conflict_count"] == 2
