"""What a run is declared to read: resolved to commits, each with the identity of what is there.

A branch means what it was when the run began, for declarations as for reads (`views.py`),
so that both name one commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakebed.client.wire.runs import InputWish, OutputWish

from ..errors import InvalidValueError, ModelsRepositoryError, ObjectNotFoundError
from ..ids import CommitId
from ..refs.names import MODELS, check_ref_name
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.paths import encode_path
from ..repository.resolving import get_repository, get_writable_branch, resolve_in
from ..runs.rows import Artifact
from ..runs.statuses import How
from ..tree.entry import unpack_entry
from ..tree.lookup import find
from .callers import Caller
from .contents import find_contents
from .pins import NO_PINS, Pins

WISHES_MAX = 1000
"""Inputs or outputs that one request declares: what a person, or a pipeline, lists."""


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input, resolved."""

    artifact: Artifact
    commit: CommitId
    ref: str
    local: str | None
    branch: str | None
    """Name of the branch, if `ref` is one: where the run begins decides what it means."""


async def resolve_inputs(
    engine: Engine,
    wishes: Sequence[InputWish],
    caller: Caller,
    *,
    log_sequence: int | None,
    pins: Pins = NO_PINS,
) -> list[Input]:
    """Return what `wishes` mean, for a run that began at `log_sequence`; None: now.

    Refs of `pins` mean what they say there.

    Raises:
        PermissionDeniedError, RepositoryNotFoundError, RefNotFoundError,
        ObjectNotFoundError, InvalidValueError
    """
    check_count(wishes, "inputs")
    return [
        await _resolve(engine, wish, caller, log_sequence=log_sequence, pins=pins)
        for wish in wishes
    ]


async def _resolve(
    engine: Engine,
    wish: InputWish,
    caller: Caller,
    *,
    log_sequence: int | None,
    pins: Pins,
) -> Input:
    caller.require_read(wish.repository, wish.ref)
    where = await get_repository(engine, wish.repository)
    pin = pins.get((where.id, wish.ref))
    if pin is not None:
        commit, branch = await engine.history(where).get(pin), None
    else:
        resolved = (await resolve_in(engine, where, wish.ref)).require_data()
        commit, branch = resolved.commit, resolved.branch
    if branch is not None and log_sequence is not None:
        pinned = await engine.metadata.find_head_at(where.id, branch.name, log_sequence)
        if pinned is not None:
            commit = await engine.history(where).get(pinned)
    path = encode_path(wish.path)
    if is_prefix(path):
        contents = await find_contents(engine, commit.tree_id, path)
        if not contents.file_count:
            raise ObjectNotFoundError(wish.repository, wish.ref, wish.path)
        artifact = Artifact(
            where.id, path, True, contents.identity, contents.size_bytes
        )
    else:
        packed = await engine.build(find, engine.nodes, commit.tree_id, path)
        if packed is None:
            raise ObjectNotFoundError(wish.repository, wish.ref, wish.path)
        entry = unpack_entry(path, packed)
        artifact = Artifact(where.id, path, False, entry.blob_id, entry.size_bytes)
    return Input(
        artifact, commit.id, wish.ref, wish.local, branch.name if branch else None
    )


async def are_still_so(
    tx: WriteTransaction, inputs: Sequence[Input], log_sequence: int
) -> bool:
    """Tell whether each branch of `inputs` was at its commit at `log_sequence`."""
    for each in inputs:
        if each.branch is None:
            continue
        head = await tx.find_head_at(
            each.artifact.repository_id, each.branch, log_sequence
        )
        if head is not None and head != each.commit:
            return False
    return True


async def add_inputs(
    tx: WriteTransaction, run_id: int, inputs: Sequence[Input]
) -> None:
    """Note `inputs` as declared."""
    for each in inputs:
        await tx.add_input(
            run_id,
            each.artifact,
            each.commit,
            each.ref,
            how=How.DECLARED,
            local=each.local,
        )


async def check_outputs(
    engine: Engine, wishes: Sequence[OutputWish], caller: Caller
) -> None:
    """Return if `caller` may write where each of `wishes` goes, and there is a branch.

    Raises:
        PermissionDeniedError, RepositoryNotFoundError, RefNotFoundError,
        ReadOnlyRepositoryError, ReadOnlyRefError, InvalidValueError
        ModelsRepositoryError: versions of models are registered, and not written.
    """
    check_count(wishes, "outputs")
    for wish in wishes:
        if wish.repository == MODELS:
            raise ModelsRepositoryError(MODELS)
        check_ref_name(wish.branch)
        encode_path(wish.path)
        caller.require_write(wish.repository, wish.branch)
        # Published by a merge, which protected branches are open to.
        await get_writable_branch(
            engine, wish.repository, wish.branch, even_if_protected=True
        )


def is_prefix(path: bytes) -> bool:
    """Tell whether a declared path stands for all below it."""
    return not path or path.endswith(b"/")


def check_count(wishes: Sequence[object], field: str) -> None:
    """Return if one request may declare so many.

    Raises:
        InvalidValueError
    """
    if len(wishes) > WISHES_MAX:
        raise InvalidValueError(
            field, f"a request declares at most {WISHES_MAX} {field}: name a prefix"
        )
