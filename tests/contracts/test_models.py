"""Every database keeps the promises about models in `registry/store.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lakebed.server.refs.store import Repository
from lakebed.server.registry.rules import AliasRule, Approval, Check, Person
from lakebed.server.registry.store import Model, Version
from lakebed.server.repository.contracts import Metadata, WriteTransaction
from lakebed.server.runs.names import make_run_id
from lakebed.server.runs.rows import Artifact, NewRun, RunRow
from lakebed.server.runs.statuses import How, Status

from support.databases import (
    NOW_MS,
    commit_id,
    lake_directory,
    make_repository,
    open_metadata,
)

IDENTITY = b"i" * 32


async def make_run(metadata: Metadata, repository: Repository) -> RunRow:
    new = NewRun(
        name=make_run_id(),
        repository_id=repository.id,
        experiment="",
        user_id=1,
        user="ann",
        host="box",
        command="python train.py",
        parent_id=None,
        rerun_of_id=None,
        started_ms=NOW_MS,
        heard_ms=NOW_MS,
        lost_after_s=300,
        draft=b"{}",
    )
    run = await metadata.write(lambda tx: tx.create_run(new))
    await metadata.write(
        lambda tx: tx.seal_run(
            run.id, run.name.encode(), status=Status.SUCCEEDED, grade="B"
        )
    )
    return run


def version_of(model: Model, run: RunRow, *, files: int = 1) -> Version:
    return Version(
        model_id=model.id,
        number=0,
        run_id=run.id,
        repository_id=run.repository_id,
        commit_id=commit_id(1),
        path=b"model/",
        is_prefix=True,
        identity=IDENTITY,
        files=files,
        size_bytes=9,
        files_commit=commit_id(100 + files),
        description="d",
        metadata=b'{"k":"v"}',
        user_id=1,
        user="ann",
        created_ms=NOW_MS,
    )


async def add(metadata: Metadata, model: Model, run: RunRow, files: int = 1) -> int:
    version = version_of(model, run, files=files)
    return (await metadata.write(lambda tx: tx.add_version(version))).number


async def move(
    metadata: Metadata,
    model: Model,
    number: int | None,
    *,
    alias: str = "prod",
    now_ms: int = NOW_MS,
) -> None:
    await metadata.write(
        lambda tx: tx.set_alias(
            model.id,
            alias,
            number,
            action="promote" if number else "delete",
            user="ann",
            reason="r",
            now_ms=now_ms,
        )
    )


class ModelContract:
    """Subclass with a `metadata` fixture to hold an implementation to the contract."""

    @pytest.fixture
    async def repository(self, metadata: Metadata) -> Repository:
        return await make_repository(metadata)

    @pytest.fixture
    async def run(self, metadata: Metadata, repository: Repository) -> RunRow:
        return await make_run(metadata, repository)

    @pytest.fixture
    async def model(self, metadata: Metadata) -> Model:
        return await metadata.write(
            lambda tx: tx.create_model("fraud", user="ann", now_ms=NOW_MS)
        )

    async def test_a_version_is_read_back_with_where_it_comes_from(
        self, metadata: Metadata, model: Model, run: RunRow
    ) -> None:
        number = await add(metadata, model, run)

        found = await metadata.find_version(model.id, number)

        assert found is not None
        assert found.origin is not None
        assert found.origin.run == run.name
        assert found.origin.record == run.name.encode()
        assert (found.origin.grade, found.origin.repository) == ("B", "lake")
        assert (found.path, found.is_prefix, found.identity) == (
            b"model/",
            True,
            IDENTITY,
        )
        assert found == await metadata.find_version_by_files(
            model.id, found.files_commit
        )
        assert await metadata.find_version(model.id, 2) is None

    async def test_a_number_is_given_once_whatever_is_deleted(
        self, metadata: Metadata, model: Model, run: RunRow
    ) -> None:
        assert [await add(metadata, model, run, n) for n in (1, 2)] == [1, 2]
        assert await metadata.write(lambda tx: tx.delete_version(model.id, 2))
        assert not await metadata.write(lambda tx: tx.delete_version(model.id, 2))
        assert await add(metadata, model, run, 3) == 3
        await metadata.write(lambda tx: tx.delete_model(model.id))
        assert await metadata.find_model("fraud") is None
        assert await metadata.list_models(prefix="", after="", limit=9) == []
        assert await metadata.find_last_number("fraud") == 3

        again = await metadata.write(
            lambda tx: tx.create_model("fraud", user="bob", now_ms=NOW_MS + 1)
        )

        assert (again.user, again.created_ms) == ("bob", NOW_MS + 1)
        assert await metadata.list_versions(again.id, before=None, limit=9) == []
        assert await add(metadata, again, run, 4) == 4
        assert await metadata.find_last_number("nosuch") == 0

    async def test_versions_and_models_come_in_pages(
        self, metadata: Metadata, model: Model, run: RunRow
    ) -> None:
        for number in range(1, 6):
            await add(metadata, model, run, number)
        page = await metadata.list_versions(model.id, before=5, limit=2)
        assert [version.number for version in page] == [4, 3]
        for name in ("a", "fr", "z"):

            async def create(tx: WriteTransaction, name: str = name) -> None:
                await tx.create_model(name, user="u", now_ms=1)

            await metadata.write(create)
        found = await metadata.list_models(prefix="f", after="fr", limit=9)
        assert [each.name for each in found] == ["fraud"]
        assert await metadata.list_newest([model.id, 999]) == {model.id: 5}

    async def test_each_move_of_an_alias_is_logged(
        self, metadata: Metadata, model: Model
    ) -> None:
        await move(metadata, model, 1)
        await move(metadata, model, 2, now_ms=NOW_MS - 5)
        await move(metadata, model, None)
        await move(metadata, model, 9, alias="dev")

        moves = await metadata.list_alias_moves(model.id, "prod", before=None, limit=9)
        assert [(each.old, each.new) for each in moves] == [
            (2, None),
            (1, 2),
            (None, 1),
        ]
        assert {each.at_ms for each in moves} == {NOW_MS}, "times never go back"
        first = await metadata.list_alias_moves(
            model.id, "prod", before=moves[1].sequence, limit=9
        )
        assert first == moves[2:]
        aliases = await metadata.list_aliases([model.id])
        assert [(at.alias, at.number) for at in aliases] == [("dev", 9)]
        await metadata.write(lambda tx: tx.delete_model(model.id))
        assert await metadata.list_aliases([model.id]) == []
        assert len(
            await metadata.list_alias_moves(model.id, "prod", before=None, limit=9)
        ) == len(moves)

    async def test_rules_are_replaced(self, metadata: Metadata, model: Model) -> None:
        one, other = AliasRule("a", True, ()), AliasRule("b", False, ("x", "y"))
        await metadata.write(lambda tx: tx.set_rules(model.id, [other, one]))
        assert await metadata.list_rules([model.id]) == [
            (model.id, one),
            (model.id, other),
        ]

        await metadata.write(lambda tx: tx.set_rules(model.id, [other]))

        assert await metadata.list_rules([model.id]) == [(model.id, other)]

    async def test_an_approval_is_one_a_person_alias_and_version(
        self, metadata: Metadata, model: Model, run: RunRow
    ) -> None:
        await add(metadata, model, run)
        ann, bob = Person(1, "ann"), Person(2, "bob")
        for approval in (
            Approval(1, "prod", ann, "old", NOW_MS),
            Approval(1, "prod", ann, "new", NOW_MS),
            Approval(1, "prod", bob, "", NOW_MS + 1),
            Approval(2, "prod", bob, "", NOW_MS),
        ):

            async def approve(tx: WriteTransaction, given: Approval = approval) -> None:
                await tx.put_approval(model.id, given)

            await metadata.write(approve)

        found = await metadata.list_approvals(model.id, [1])
        assert [(each.person, each.comment) for each in found] == [
            (ann, "new"),
            (bob, ""),
        ]

        async def remove(user_id: int) -> bool:
            return await metadata.write(
                lambda tx: tx.remove_approval(model.id, 1, "prod", user_id)
            )

        assert [await remove(1), await remove(1)] == [True, False]
        await metadata.write(lambda tx: tx.delete_version(model.id, 1))
        assert len(await metadata.list_approvals(model.id, [1, 2])) == 1

    async def test_the_last_check_of_a_name_counts(
        self, metadata: Metadata, model: Model, run: RunRow
    ) -> None:
        await add(metadata, model, run)
        for has_passed in (True, False):

            async def check(tx: WriteTransaction, passed: bool = has_passed) -> None:
                await tx.put_check(
                    model.id,
                    1,
                    "bias",
                    run_id=run.id,
                    has_passed=passed,
                    user="ann",
                    now_ms=NOW_MS,
                )

            await metadata.write(check)

        assert await metadata.list_checks(model.id, [1]) == [
            Check(1, "bias", run.name, False, "ann", NOW_MS)
        ]

    async def test_what_needs_a_repository_is_told(
        self, metadata: Metadata, model: Model, run: RunRow, repository: Repository
    ) -> None:
        other = await make_repository(metadata, "other")
        lonely = await make_repository(metadata, "lonely")
        reader = await make_run(metadata, other)
        own = await make_run(metadata, repository)
        for needing in (reader, own):

            async def need(tx: WriteTransaction, run_id: int = needing.id) -> None:
                await tx.need_commit(repository.id, commit_id(1), run_id)

            await metadata.write(need)
        await add(metadata, model, run)
        await metadata.write(
            lambda tx: tx.put_check(
                model.id,
                1,
                "bias",
                run_id=reader.id,
                has_passed=True,
                user="u",
                now_ms=1,
            )
        )

        async def needs(of: Repository) -> list[tuple[str, str]]:
            found = await metadata.list_needs_of_repository(of.id, limit=9)
            return [(need.kind, need.name) for need in found]

        assert await needs(repository) == [("version", "fraud@1"), ("run", reader.name)]
        assert await needs(other) == [("check", "bias of fraud@1")]
        assert await needs(lonely) == []
        assert len(await metadata.list_needs_of_repository(repository.id, limit=1)) == 1
        await metadata.write(lambda tx: tx.delete_repository(other.id))
        assert await needs(repository) == [("version", "fraud@1")], "not yet purged"

    @pytest.mark.parametrize(
        ("repository_name", "path", "is_prefix", "identity", "commit", "is_read"),
        [
            ("models", b"", True, b"x" * 32, 101, True),
            ("models", b"weights", False, b"x" * 32, 101, True),
            ("models", b"", True, b"x" * 32, 102, False),
            ("lake", b"model/a", False, b"x" * 32, 1, True),
            ("lake", b"model/a", False, b"x" * 32, 2, False),
            ("lake", b"models/a", False, b"x" * 32, 1, False),
            ("lake", b"elsewhere", False, IDENTITY, 7, True),
        ],
    )
    async def test_a_run_has_read_a_version_or_not(
        self,
        metadata: Metadata,
        model: Model,
        run: RunRow,
        repository: Repository,
        repository_name: str,
        path: bytes,
        is_prefix: bool,
        identity: bytes,
        commit: int,
        is_read: bool,
    ) -> None:
        await add(metadata, model, run)
        version = await metadata.find_version(model.id, 1)
        assert version is not None
        models = await make_repository(metadata, "models")
        where = models if repository_name == "models" else repository
        artifact = Artifact(where.id, path, is_prefix, identity, 1)
        reader = await make_run(metadata, repository)
        await metadata.write(
            lambda tx: tx.add_input(
                reader.id, artifact, commit_id(commit), "ref", how=How.OBSERVED
            )
        )

        assert await metadata.has_read_version(reader.id, version) == is_read
        assert not await metadata.has_read_version(run.id, version)


class TestSqlMetadata(ModelContract):
    @pytest.fixture
    async def metadata(self) -> AsyncIterator[Metadata]:
        with lake_directory() as directory, open_metadata(directory) as opened:
            yield opened
