"""The repository of the files of models, and the refs in it; all in the caller's transaction.

    fraud@3         a tag: the files of the version, which never change
    fraud           a branch: the newest version
    fraud@prod      a branch: where the alias is

So reads of every protocol find them as any other ref, and the ref log says where they
were. Nobody else moves them: `require_changeable` refuses the repository.
"""

from __future__ import annotations

from ..history.commit import Commit
from ..history.step import step_of
from ..ids import CommitId
from ..refs.names import MODELS
from ..refs.store import Branch, CommitRow, Repository
from ..registry.names import version_ref
from ..repository.contracts import WriteTransaction


async def open_files(tx: WriteTransaction, *, now_ms: int) -> Repository:
    """Return the repository `models`, made if this is the first version of all."""
    found = await tx.find_repository(MODELS)
    if found is not None:
        return found
    return await tx.create_repository(
        name=MODELS,
        storage_namespace=f"local://{MODELS}",
        default_branch="main",
        read_only=True,
        created_ms=now_ms,
    )


async def get_files(tx: WriteTransaction) -> Repository:
    """Return the repository `models` where there is a version, and so it is there."""
    found = await tx.find_repository(MODELS)
    assert found is not None
    return found


async def add_version_ref(
    tx: WriteTransaction,
    files: Repository,
    model: str,
    number: int,
    commit: Commit,
    record: bytes,
    *,
    actor: str,
    now_ms: int,
) -> None:
    """Record the commit of a new version, and make it the newest."""
    row = CommitRow(commit.id, record, step=step_of(commit, None))
    await tx.record_commit(files.id, row)
    await tx.create_tag(
        files.id, version_ref(model, number), commit.id, actor=actor, now_ms=now_ms
    )
    await point(
        tx, files, model, commit.id, action="register", actor=actor, now_ms=now_ms
    )


async def point(
    tx: WriteTransaction,
    files: Repository,
    ref: str,
    commit_id: CommitId,
    *,
    action: str,
    actor: str,
    now_ms: int,
) -> None:
    """Let a moving ref be at a commit, wherever it was."""
    seen = await tx.find_ref(files.id, ref)
    if seen is None:
        await tx.create_branch(
            files.id, ref, commit_id, hidden=False, actor=actor, now_ms=now_ms
        )
        return
    assert isinstance(seen, Branch)
    await tx.move_branch(
        seen,
        head=commit_id,
        floor=seen.floor,
        action=action,
        actor=actor,
        now_ms=now_ms,
    )


async def remove(
    tx: WriteTransaction, files: Repository, ref: str, *, actor: str, now_ms: int
) -> None:
    """Remove a ref, of either kind, if it is there."""
    for kind in ("branch", "tag"):
        if await tx.delete_ref(files.id, ref, kind=kind, actor=actor, now_ms=now_ms):
            return
