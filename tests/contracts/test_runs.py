"""Every database keeps the promises about runs in `runs/store.py`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest
from lakebed.server.auth.grants import Grant, Permission
from lakebed.server.errors import RepositoryNotFoundError, RunEndedError
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.refs.store import Repository
from lakebed.server.repository.contracts import Metadata, WriteTransaction
from lakebed.server.runs.names import make_run_id
from lakebed.server.runs.points import (
    Points,
    decode_points,
    encode_points,
    join_encoded,
    summarise,
)
from lakebed.server.runs.rows import (
    Artifact,
    Compare,
    FileRow,
    MetricFilter,
    NewRun,
    ParamFilter,
    RunFilter,
    RunRow,
    VerdictRow,
)
from lakebed.server.runs.statuses import How, Status

from support.databases import (
    NOW_MS,
    commit_id,
    lake_directory,
    make_branch,
    make_repository,
    open_metadata,
)

RECORD = b"r" * 32


async def begin(
    metadata: Metadata,
    repository: Repository,
    *,
    experiment: str = "exp",
    user: str = "ann",
    parent: RunRow | None = None,
    rerun_of: RunRow | None = None,
    lost_after_s: int = 300,
    user_id: int = 1,
) -> RunRow:
    new = NewRun(
        name=make_run_id(),
        repository_id=repository.id,
        experiment=experiment,
        user_id=user_id,
        user=user,
        host="box",
        command="python train.py",
        parent_id=parent.id if parent else None,
        rerun_of_id=rerun_of.id if rerun_of else None,
        started_ms=NOW_MS,
        heard_ms=NOW_MS,
        lost_after_s=lost_after_s,
        draft=b"{}",
    )
    return await metadata.write(lambda tx: tx.create_run(new))


async def seal(
    metadata: Metadata, run: RunRow, status: Status = Status.SUCCEEDED
) -> bool:
    record = run.name.encode()
    return await metadata.write(
        lambda tx: tx.seal_run(run.id, record, status=status, grade="B")
    )


async def set_param(
    metadata: Metadata, run: RunRow, value: bool | float | str | None, name: str = "lr"
) -> None:
    await metadata.write(lambda tx: tx.set_params(run.id, {name: value}))


async def add_metric(
    metadata: Metadata, run: RunRow, *values: float, name: str = "auc"
) -> None:
    points = Points(range(len(values)), [NOW_MS] * len(values), values)
    await metadata.write(
        lambda tx: tx.add_points(run.id, name, encode_points(points), summarise(points))
    )


async def names(metadata: Metadata, wanted: RunFilter, limit: int = 100) -> list[str]:
    return [
        run.name for run in await metadata.list_runs(wanted, before=None, limit=limit)
    ]


class RunContract:
    """Subclass with a `metadata` fixture to hold an implementation to the contract."""

    @pytest.fixture
    async def repository(self, metadata: Metadata) -> Repository:
        return await make_repository(metadata)

    @pytest.fixture
    async def run(self, metadata: Metadata, repository: Repository) -> RunRow:
        return await begin(metadata, repository)

    async def test_a_run_is_found_by_its_name_its_beginning_and_its_record(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        await begin(metadata, repository)
        assert await metadata.find_run(run.name) == run
        assert await metadata.find_run_by_id(run.id) == run
        assert await metadata.find_runs(run.name[:9], limit=2) == [run]
        assert await metadata.find_run(run.name[:31]) is None

        await seal(metadata, run)

        found = await metadata.find_run_of_record(run.name.encode())
        assert found is not None
        assert (found.name, found.status, found.grade) == (
            run.name,
            Status.SUCCEEDED,
            "B",
        )

    async def test_a_run_begins_at_the_newest_move_of_all_refs(
        self, metadata: Metadata, repository: Repository
    ) -> None:
        await make_branch(metadata, repository)
        before = await metadata.find_last_sequence()

        run = await begin(metadata, repository)
        await make_branch(metadata, repository, "later")

        assert run.log_sequence == before > 0
        head = await metadata.find_head_at(repository.id, "main", run.log_sequence)
        assert head == commit_id(0)
        assert (
            await metadata.find_head_at(repository.id, "later", run.log_sequence)
            is None
        )

    async def test_of_two_who_seal_a_run_one_does(
        self, metadata: Metadata, run: RunRow
    ) -> None:
        assert await seal(metadata, run)
        assert not await seal(metadata, run, Status.FAILED)

        found = await metadata.find_run(run.name)
        assert found is not None
        assert found.status is Status.SUCCEEDED

    async def test_nothing_is_added_when_the_end_was_asked_for(
        self, metadata: Metadata, run: RunRow
    ) -> None:
        async def end() -> bool:
            return await metadata.write(
                lambda tx: tx.end_run(run.id, b"e", ended_ms=NOW_MS, exit_code=0)
            )

        assert await end()
        assert not await end()

        with pytest.raises(RunEndedError, match=run.name):
            await metadata.write(lambda tx: tx.hear_run(run.id, now_ms=NOW_MS))
        assert await metadata.find_draft(run.id) == b"e"

    async def test_a_batch_of_a_writer_is_taken_once(
        self, metadata: Metadata, run: RunRow
    ) -> None:
        async def take(writer: str, sequence: int) -> bool:
            return await metadata.write(
                lambda tx: tx.advance_writer(run.id, writer, sequence)
            )

        assert [await take("a", number) for number in (1, 1, 3, 2)] == [
            True,
            False,
            True,
            False,
        ]
        assert await take("b", 1)
        assert await metadata.write(lambda tx: tx.find_writer(run.id, "a")) == 3

    async def test_numbers_that_a_writer_passed_over_are_known(
        self, metadata: Metadata, run: RunRow
    ) -> None:
        async def passed_over(writer: str) -> list[int]:
            return [
                number
                for number in range(1, 12)
                if await metadata.write(
                    lambda tx, number=number: tx.is_passed_over(run.id, writer, number)
                )
            ]

        for number in (1, 5, 6, 5, 3, 9):
            await metadata.write(
                lambda tx, number=number: tx.advance_writer(run.id, "a", number)
            )
        await metadata.write(lambda tx: tx.advance_writer(run.id, "b", 2))

        assert await passed_over("a") == [2, 3, 4, 7, 8]
        assert await passed_over("b") == [1]
        assert await metadata.write(lambda tx: tx.count_gaps(run.id, "a")) == 2

    @pytest.mark.parametrize(
        "value", [None, True, False, 0, 1, -(2**63), 0.1, 1.0, "", "007", "true", "1.0"]
    )
    async def test_a_parameter_comes_back_as_it_was(
        self, metadata: Metadata, run: RunRow, value: bool | float | str | None
    ) -> None:
        await set_param(metadata, run, value)

        (param,) = await metadata.list_params([run.id])

        assert param.value == value
        assert type(param.value) is type(value)

    async def test_points_come_back_in_their_order_and_add_up(
        self, metadata: Metadata, run: RunRow
    ) -> None:
        await add_metric(metadata, run, 0.5, 0.25)
        await add_metric(metadata, run, math.nan)
        await add_metric(metadata, run, 0.75, name="other")

        pieces = await metadata.list_points(run.id, "auc", after=0, limit=10)
        auc, other = await metadata.list_metrics([run.id])

        values = decode_points(join_encoded(piece for _, piece in pieces)).values
        assert list(values[:2]) == [0.5, 0.25]
        assert math.isnan(values[2])
        assert auc.summary.last is None
        assert (auc.summary.min, auc.summary.max, auc.summary.count) == (0.25, 0.5, 3)
        assert other.summary.last == 0.75

    async def test_an_edge_that_is_there_is_nothing_and_declared_stays(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        artifact = Artifact(repository.id, b"a/b", False, b"i" * 32, 7)

        async def add(how: How, local: str | None = None) -> None:
            await metadata.write(
                lambda tx: tx.add_input(
                    run.id, artifact, commit_id(1), "main", how=how, local=local
                )
            )

        await add(How.OBSERVED)
        await add(How.DECLARED, "x")
        await add(How.OBSERVED)

        (edge,) = await metadata.list_inputs(run.id)

        assert (edge.artifact, edge.how, edge.local) == (artifact, How.DECLARED, "x")
        assert await metadata.count_inputs(run.id) == 1
        assert await metadata.find_artifact(artifact) is not None

    async def test_what_is_sealed_keeps_its_edges_and_drops_what_is_in_the_record(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        artifact = Artifact(repository.id, b"", True, b"i" * 32, 7)
        await metadata.write(
            lambda tx: tx.add_output(
                run.id, artifact, commit_id(1), "main", how=How.DECLARED
            )
        )
        await metadata.write(lambda tx: tx.add_log(run.id, "line\n"))
        await add_metric(metadata, run, 1.0)
        await metadata.write(lambda tx: tx.put_file(run.id, FileRow("f", b"b" * 32, 3)))

        await seal(metadata, run)

        assert await metadata.list_log(run.id, after=0, limit=9) == []
        assert await metadata.list_points(run.id, "auc", after=0, limit=9) == []
        assert await metadata.find_draft(run.id) is None
        assert [edge.artifact for edge in await metadata.list_outputs(run.id)] == [
            artifact
        ]
        assert await metadata.list_files(run.id) == [FileRow("f", b"b" * 32, 3)]
        assert len(await metadata.list_metrics([run.id])) == 1

    async def test_what_a_work_branch_became_is_noted_once(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        work = await make_branch(metadata, repository, "run-x-1")
        await metadata.write(
            lambda tx: tx.add_work_branch(
                run.id,
                repository.id,
                "main",
                work_branch_id=work.id,
                base=commit_id(0),
            )
        )

        async def note(number: int) -> bool:
            return await metadata.write(
                lambda tx: tx.note_published(
                    run.id, repository.id, "main", commit_id(number)
                )
            )

        assert await note(1)
        assert not await note(2)
        (row,) = await metadata.list_work_branches(run.id)
        assert (row.work_branch, row.published) == ("run-x-1", commit_id(1))
        assert await metadata.find_work_branch(run.id, repository.id, "dev") is None

    async def test_lists_are_filtered_and_newest_first(
        self, metadata: Metadata, repository: Repository
    ) -> None:
        other = await make_repository(metadata, "other")
        first = await begin(metadata, repository, experiment="a")
        second = await begin(metadata, repository, user="bob")
        third = await begin(metadata, other, experiment="a")
        await seal(metadata, second, Status.FAILED)
        here = (repository.id,)

        async def show(**wanted: object) -> list[str]:
            return await names(metadata, RunFilter(**wanted))  # type: ignore[arg-type]

        assert await show() == [third.name, second.name, first.name]
        assert await show(repository_ids=here) == [second.name, first.name]
        assert await show(experiment="a") == [third.name, first.name]
        assert await show(repository_ids=here, experiment="a") == [first.name]
        assert await show(status=Status.FAILED) == [second.name]
        assert await show(user="bob", repository_ids=here) == [second.name]
        assert await show(repository_ids=()) == []
        page = await metadata.list_runs(RunFilter(), before=third.id, limit=1)
        assert [run.name for run in page] == [second.name]

    async def test_lists_are_filtered_by_parameters_and_metrics(
        self, metadata: Metadata, repository: Repository
    ) -> None:
        low, high = await begin(metadata, repository), await begin(metadata, repository)
        await set_param(metadata, low, 0.1)
        await set_param(metadata, high, "0.1")
        await set_param(metadata, high, True, "flag")
        await set_param(metadata, low, None, "flag")
        await add_metric(metadata, low, 0.5)
        await add_metric(metadata, high, 0.9)

        async def by_param(name: str, value: str) -> list[str]:
            wanted = RunFilter(params=(ParamFilter(name, value),))
            return await names(metadata, wanted)

        async def by_metric(compare: Compare, value: float) -> list[str]:
            wanted = RunFilter(metrics=(MetricFilter("auc", compare, value),))
            return await names(metadata, wanted)

        assert await by_param("lr", "0.1") == [high.name, low.name]
        assert await by_param("lr", "0.10") == [low.name]
        assert await by_param("flag", "true") == [high.name]
        assert await by_param("flag", "null") == [low.name]
        assert await by_metric(Compare.ABOVE, 0.5) == [high.name]
        assert await by_metric(Compare.AT_LEAST, 0.5) == [high.name, low.name]
        assert await by_metric(Compare.BELOW, 0.9) == [low.name]
        both = RunFilter(
            params=(ParamFilter("lr", "0.1"),),
            metrics=(MetricFilter("auc", Compare.ABOVE, 0.6),),
        )
        assert await names(metadata, both) == [high.name]

    async def test_a_run_that_was_not_heard_of_is_lost_and_a_sealed_one_is_not(
        self, metadata: Metadata, repository: Repository
    ) -> None:
        quick = await begin(metadata, repository, lost_after_s=10)
        await begin(metadata, repository, lost_after_s=1000)
        sealed = await begin(metadata, repository, lost_after_s=10)
        await seal(metadata, sealed)

        assert await metadata.list_lost(NOW_MS + 9_000, limit=9) == []
        lost = await metadata.list_lost(NOW_MS + 11_000, limit=9)
        assert [run.name for run in lost] == [quick.name]

        await metadata.write(lambda tx: tx.hear_run(quick.id, now_ms=NOW_MS + 5_000))
        assert await metadata.list_lost(NOW_MS + 11_000, limit=9) == []

    async def test_what_needs_a_run_is_named(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        again = await begin(metadata, repository, rerun_of=run)
        child = await begin(metadata, repository, parent=run)
        assert await metadata.list_users_of_run(run.id, limit=9) == []

        verdict = VerdictRow(again.name, True, 3, b"[]", "ann", NOW_MS)
        await metadata.write(lambda tx: tx.add_verdict(run.id, again.id, verdict))
        await seal(metadata, child)

        assert await metadata.list_verdicts(run.id) == [verdict]
        (needs,) = await metadata.list_users_of_run(run.id, limit=9)
        assert child.name in needs
        assert await metadata.list_users_of_run(again.id, limit=9) == []
        children = await metadata.list_children(run.id, limit=9)
        assert [each.name for each in children] == [child.name]
        await metadata.write(lambda tx: tx.delete_run(again.id))
        assert await metadata.list_verdicts(run.id) == []

    async def test_a_deleted_run_leaves_nothing(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        artifact = Artifact(repository.id, b"a", False, b"i" * 32, 7)
        await metadata.write(
            lambda tx: tx.add_input(
                run.id, artifact, commit_id(1), "main", how=How.OBSERVED
            )
        )
        await set_param(metadata, run, 1)

        assert await metadata.write(lambda tx: tx.delete_run(run.id))
        assert not await metadata.write(lambda tx: tx.delete_run(run.id))

        assert await metadata.find_run(run.name) is None
        assert await metadata.list_inputs(run.id) == []
        assert await metadata.list_params([run.id]) == []

    async def test_runs_go_with_their_repository(
        self, metadata: Metadata, repository: Repository, run: RunRow
    ) -> None:
        await metadata.write(lambda tx: tx.delete_repository(repository.id))

        assert await metadata.find_run(run.name) is None
        assert await names(metadata, RunFilter()) == []
        with pytest.raises(RepositoryNotFoundError):
            await begin(metadata, repository)
        while await metadata.purge():
            pass


class TestSqlRuns(RunContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as directory, open_metadata(directory) as metadata:
            yield metadata

    async def test_a_key_of_a_run_speaks_for_its_user_and_tells_of_the_run(
        self, metadata: Metadata, repository: Repository
    ) -> None:
        """Both contracts are kept by one database: `KeyStore.find_run_credential`."""
        assert isinstance(metadata, SqlMetadata)
        await metadata.create_user("root", is_admin=True, now_ms=NOW_MS)
        ann = await metadata.create_user("ann", is_admin=False, now_ms=NOW_MS)
        grant = Grant("lake", "main", Permission.READ, NOW_MS)
        await metadata.set_grant(ann.id, grant)
        runs = {
            user_id: await begin(metadata, repository, user_id=user_id)
            for user_id in (ann.id, 0, 999)
        }

        async def give_keys(tx: WriteTransaction) -> None:
            for user_id, run in runs.items():
                await tx.add_run_key(run.id, f"KEY{user_id}", b"sealed", now_ms=NOW_MS)

        await metadata.write(give_keys)

        own = await metadata.find_run_credential(f"KEY{ann.id}")
        assert own is not None
        assert own.run is not None
        assert (own.user, own.run.name) == (ann, runs[ann.id].name)
        assert own.grants.level_at("lake", "main") == Permission.READ
        assert (own.run.is_ending, own.run.is_sealed) == (False, False)
        owner = await metadata.find_run_credential("KEY0")
        assert owner is not None
        assert owner.user.is_admin
        assert await metadata.find_run_credential("KEY999") is None
        assert await metadata.find_credential(f"KEY{ann.id}") is None

        await metadata.write(
            lambda tx: tx.end_run(
                runs[ann.id].id, b"e", ended_ms=NOW_MS, exit_code=None
            )
        )
        await seal(metadata, runs[ann.id])
        ended = await metadata.find_run_credential(f"KEY{ann.id}")
        assert ended is not None
        assert ended.run is not None
        assert (ended.run.is_ending, ended.run.is_sealed) == (True, True)
        await metadata.delete_user(ann.id)
        assert await metadata.find_run_credential(f"KEY{ann.id}") is None
