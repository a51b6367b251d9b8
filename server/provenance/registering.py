"""Registering: an output of a sealed run becomes the next version of a model.

The tree of its files and the commit are durable first; then one transaction gives the
number, the rows and the refs, so that a stop leaves a whole version or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..chunks.index import Frame
from ..errors import (
    CorruptDataError,
    InvalidValueError,
    ModelVersionNotFoundError,
    PermissionDeniedError,
    RefMovedError,
    RepositoryNotFoundError,
    RunGoesOnError,
    RunNotFoundError,
    UnusableRunError,
)
from ..history.commit import METADATA_BYTES_MAX, decode_commit, make_commit
from ..ids import CommitId, Kind
from ..registry.names import check_model_name, version_ref
from ..registry.store import Version
from ..repository.contracts import Snapshot, WriteTransaction
from ..repository.engine import Engine
from ..repository.once import Once, run_once
from ..repository.paths import show_path
from ..repository.publishing import REBUILDS_MAX
from ..runs.rows import RunRow
from ..runs.statuses import Status
from . import model_refs
from .callers import Caller
from .finding import find_readable
from .models import VersionView, check_text, require_model, show_versions
from .outputs import Files, Output, build_files, choose_output


async def register(
    engine: Engine,
    caller: Caller,
    name: str,
    run_text: str,
    *,
    path: str | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    once: Once | None = None,
) -> VersionView:
    """Make a version of the model `name`, and the model if there is none.

    Who may register must also be able to read what is registered: whoever may read the
    model will.

    Raises:
        InvalidNameError, RunNotFoundError, PermissionDeniedError
        UnusableRunError: the run is not sealed, did not succeed, or has no output.
        InvalidValueError: `path` names no output, or several; or a text is too long.
        RepositoryNotFoundError: the repository of the output was deleted.
    """
    check_model_name(name)
    check_text(description, "description")
    wish = _Wish(name, description, _pack_metadata(metadata or {}), caller)
    files_commit = await run_once(
        engine, once, lambda: _register(engine, wish, run_text, path, once)
    )

    async def action(snapshot: Snapshot) -> VersionView:
        model = await require_model(snapshot, name)
        version = await snapshot.find_version_by_files(model.id, files_commit)
        if version is None:  # deleted since
            raise ModelVersionNotFoundError(name, files_commit.hex()[:12])
        return (await show_versions(snapshot, model, [version]))[0]

    return await engine.metadata.snapshot(action)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the caller says of the version."""

    name: str
    description: str
    metadata: bytes
    caller: Caller


def _pack_metadata(metadata: Mapping[str, str]) -> bytes:
    packed = msgspec.json.encode(metadata)
    if len(packed) > METADATA_BYTES_MAX:
        raise InvalidValueError(
            "metadata",
            f"metadata of a version must be at most {METADATA_BYTES_MAX} bytes",
        )
    return packed


async def _register(
    engine: Engine, wish: _Wish, run_text: str, path: str | None, once: Once | None
) -> CommitId:
    run, outputs = await _find_outputs(engine, wish.caller, run_text)
    chosen = choose_output(run.name, outputs, path)
    source = chosen.output
    (row,) = await engine.metadata.find_commits(
        source.repository_id, [source.commit_id]
    )
    if row is None:
        raise CorruptDataError(
            f"commit '{source.commit_id.hex()}' of '{source.repository}', which run "
            f"'{run.name}' made, is missing"
        )
    tree_id = decode_commit(row.record).tree_id
    files = await build_files(engine, run.name, tree_id, chosen)
    for _ in range(REBUILDS_MAX):
        number = await engine.metadata.find_last_number(wish.name) + 1
        commit_id = await _publish(engine, wish, number, run, files, once)
        if commit_id is not None:
            return commit_id
    raise RefMovedError(wish.name)


async def _find_outputs(
    engine: Engine, caller: Caller, text: str
) -> tuple[RunRow, list[Output]]:
    """Return a run that succeeded, and those of its outputs that `caller` may read."""
    run = await find_readable(engine, text, caller)
    if not run.is_sealed:
        raise RunGoesOnError(run.name, "register it when it has ended")
    if run.status is not Status.SUCCEEDED:
        raise UnusableRunError(
            run.name,
            f"cannot register run '{run.name}': it is '{run.status.word}', and "
            "published nothing",
        )
    edges = await engine.metadata.snapshot(lambda reader: reader.list_outputs(run.id))
    outputs = [Output.of(edge) for edge in edges if not edge.repository.startswith("#")]
    if edges and not outputs:
        raise UnusableRunError(
            run.name,
            f"cannot register run '{run.name}': the repository of its outputs was deleted",
        )
    branches = {(output.repository, output.branch) for output in outputs}
    readable = {place for place in branches if _may_read(caller, *place)}
    if branches and not readable:
        caller.require_read(*min(branches))
    return run, [o for o in outputs if (o.repository, o.branch) in readable]


def _may_read(caller: Caller, repository: str, ref: str) -> bool:
    try:
        caller.require_read(repository, ref)
    except PermissionDeniedError:
        return False
    return True


async def _publish(
    engine: Engine,
    wish: _Wish,
    number: int,
    run: RunRow,
    files: Files,
    once: Once | None,
) -> CommitId | None:
    """Make the version `number` of it all; None if that was given away meanwhile."""
    source = files.output
    identity = source.identity
    assert identity is not None
    actor = wish.caller.name
    now_ms = engine.clock()
    commit, record = make_commit(
        tree_id=files.built.tree.tree_id,
        content_id=files.built.tree.content_id,
        # None: a version is its files alone, and when it is deleted nothing leads there.
        parents=(),
        committer=actor,
        message=f"{version_ref(wish.name, number)}: an output of run {run.name}",
        created_ms=now_ms,
        metadata={
            "run": run.name,
            "repository": source.repository,
            "commit": source.commit_id.hex(),
            "path": show_path(source.path),
        },
    )

    async def action(tx: WriteTransaction) -> bool:
        if await tx.find_last_number(wish.name) != number - 1:
            return False
        await _require_source(tx, run, source)
        model = await tx.find_model(wish.name)
        if model is None:
            model = await tx.create_model(wish.name, user=actor, now_ms=now_ms)
        await tx.add_version(
            Version(
                model_id=model.id,
                number=number,
                run_id=run.id,
                repository_id=source.repository_id,
                commit_id=source.commit_id,
                path=source.path,
                is_prefix=source.is_prefix,
                identity=identity,
                files=files.count,
                size_bytes=files.size_bytes,
                files_commit=commit.id,
                description=wish.description,
                metadata=wish.metadata,
                user_id=wish.caller.user_id,
                user=actor,
                created_ms=now_ms,
            )
        )
        where = await model_refs.open_files(tx, now_ms=now_ms)
        await model_refs.add_version_ref(
            tx, where, wish.name, number, commit, record, actor=actor, now_ms=now_ms
        )
        if once is not None:
            await once.claim(tx, commit.id, now_ms=now_ms)
        return True

    frames = (*files.built.frames, Frame(Kind.COMMIT, commit.id, record))
    stored = files.built.stored
    done = await engine.metadata.write(action, frames=frames, stored=stored)
    return commit.id if done else None


async def _require_source(tx: WriteTransaction, run: RunRow, source: Output) -> None:
    """Return if what the version is made of is still there, and stays from here on.

    Raises:
        RunNotFoundError, RepositoryNotFoundError
    """
    if await tx.find_run_by_id(run.id) is None:
        raise RunNotFoundError(run.name)
    repository = await tx.find_repository(source.repository)
    if repository is None or repository.id != source.repository_id:
        raise RepositoryNotFoundError(source.repository)
