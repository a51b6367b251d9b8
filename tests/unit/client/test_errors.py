"""Answers become the errors that callers can do something about."""

from __future__ import annotations

import pytest
from lakebed.client import errors
from lakebed.client.wire import Conflict, Problem, decode_problem, encode_problem


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid-name", errors.InvalidRequestError),
        (400, "no-changes", errors.NothingToCommitError),
        (401, "unauthenticated", errors.UnauthenticatedError),
        (403, "permission-denied", errors.PermissionDeniedError),
        (404, "ref-not-found", errors.NotFoundError),
        (409, "ref-exists", errors.ConflictError),
        (409, "merge-conflict", errors.MergeConflictError),
        (410, "expired", errors.NotFoundError),
        (412, "precondition-failed", errors.PreconditionFailedError),
        (416, "range-not-satisfiable", errors.InvalidRequestError),
        (422, "key-reused", errors.InvalidRequestError),
        (429, "", errors.ServerBusyError),
        (500, "corrupt-data", errors.DamagedDataError),
        (503, "busy", errors.ServerBusyError),
        (507, "storage-full", errors.ServerError),
        # A word that does not belong to its status is not believed.
        (404, "merge-conflict", errors.NotFoundError),
        (302, "", errors.ServerError),
    ],
)
def test_status_and_code_choose_the_class(
    status: int, code: str, kind: type[errors.ClientError]
) -> None:
    error = errors.error_of(status, Problem(message="m", code=code), what="x")

    assert type(error) is kind
    assert (error.status, error.code, str(error)) == (status, code, "m")


def test_the_whole_sentence_goes_before_the_text_for_lakefs() -> None:
    fields = {"detail": "repository not found: 'r'", "repository": "r"}
    problem = Problem(
        message="repository not found", code="repository-not-found", fields=fields
    )

    error = errors.error_of(404, problem, what="x")

    assert str(error) == "repository not found: 'r'"
    assert error.fields["repository"] == "r"


def test_an_answer_without_words_says_what_was_asked() -> None:
    error = errors.error_of(502, None, what="list branches of 'r'")

    assert isinstance(error, errors.ServerError)
    assert "cannot list branches of 'r'" in str(error)
    assert "502" in str(error)


def test_a_merge_conflict_lists_its_paths() -> None:
    conflict = Conflict(path="a/b", base=None, source=None, destination=None)
    body = encode_problem("conflict found", "merge-conflict", {"conflicts": [conflict]})

    error = errors.error_of(409, decode_problem(body), what="merge")

    assert isinstance(error, errors.MergeConflictError)
    assert error.conflicts == [conflict]


def test_malformed_conflicts_are_an_error_of_the_server() -> None:
    problem = Problem(message="m", code="merge-conflict", fields={"conflicts": [1]})

    with pytest.raises(errors.ServerError, match="conflicts are malformed"):
        errors.error_of(409, problem, what="merge")
