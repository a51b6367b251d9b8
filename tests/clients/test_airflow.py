"""The requests of `airflow-provider-lakefs`, whose hook is thin: Airflow is not.

Each test makes the calls of one of its operators and sensors (0.48.0) with the client
package that it calls, in the way that it does.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import lakefs_sdk
import pytest
from lakefs_sdk.client import LakeFSClient

from support.s3server import ADMIN, ServerProcess

SDK: Any = lakefs_sdk
_numbers = itertools.count(1)


@pytest.fixture
def client(server: ServerProcess) -> Any:
    configuration = SDK.Configuration()
    configuration.username, configuration.password = ADMIN.id, ADMIN.secret
    configuration.host = server.url
    made: Any = LakeFSClient
    return made(
        configuration,
        header_name="X-Lakefs-Client",
        header_value="lakefs-airflow-provider/0.48.0",
    )


@pytest.fixture
def repository(server: ServerProcess) -> str:
    return server.create_repository(f"airflow-{next(_numbers)}")


def test_a_pipeline_goes_from_a_branch_to_a_merge(
    client: Any, repository: str, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    content.write_bytes(b"rows")
    creation = SDK.BranchCreation(name="etl", source="main")
    first = client.branches_api.create_branch(
        repository=repository, branch_creation=creation
    )
    assert first == client.branches_api.get_branch(repository, "main").commit_id

    uploaded = client.objects_api.upload_object(
        repository=repository, branch="etl", path="in/rows", content=str(content)
    )
    assert uploaded.physical_address.startswith(f"local://{repository}/data/")
    commit = client.commits_api.commit(
        repository=repository,
        branch="etl",
        commit_creation=SDK.CommitCreation(message="load", metadata={"dag": "etl"}),
    )
    # The commit sensor waits until this is another one than before.
    assert client.branches_api.get_branch(repository, "etl").commit_id == commit.id
    # The file sensor waits until this is no error any more.
    found = client.objects_api.stat_object(
        repository=repository, ref="etl", path="in/rows"
    )
    assert found.to_dict()["size_bytes"] == 4
    merged = client.refs_api.merge_into_branch(
        repository=repository,
        source_ref="etl",
        destination_branch="main",
        merge=SDK.Merge(message="publish", metadata={"dag": "etl"}),
    )
    shown = client.commits_api.get_commit(repository, merged.reference).to_dict()
    assert (shown["message"], shown["metadata"]) == ("publish", {"dag": "etl"})
    got = client.objects_api.get_object(
        repository=repository, ref="main", path="in/rows"
    )
    assert got == b"rows"
    client.branches_api.delete_branch(repository=repository, branch="etl")


def test_a_log_is_paged_as_the_hook_pages_it(client: Any, repository: str) -> None:
    for number in range(5):
        creation = SDK.CommitCreation(message=str(number))
        client.commits_api.commit(
            repository, "main", creation.copy(update={"allow_empty": True})
        )
    messages: list[str] = []
    after = ""
    while True:
        page = client.refs_api.log_commits(repository, "main", amount=2, after=after)
        messages += [each.to_dict()["message"] for each in page.results]
        if not page.pagination.has_more:
            break
        after = page.pagination.next_offset

    assert messages == [*"43210", "Repository created"]


def test_a_sensor_is_told_that_there_is_nothing_yet(
    client: Any, repository: str
) -> None:
    with pytest.raises(SDK.exceptions.NotFoundException):
        client.objects_api.stat_object(repository=repository, ref="main", path="x")
    with pytest.raises(SDK.exceptions.NotFoundException):
        client.branches_api.get_branch(repository, "nosuch")
