"""From values of the engine to the bodies that are sent: one function a shape."""

from __future__ import annotations

from lakebed.client import wire

from ..auth.grants import Grant
from ..auth.store import KeyInfo, User
from ..history.commit import Commit
from ..ids import BlobId, CommitId
from ..refs.store import Branch, RefLogEntry, Repository, Tag
from ..repository.blame import Blamed
from ..repository.combining import Conflict
from ..repository.diffs import Difference
from ..repository.listings import CommonPrefix
from ..repository.objects import etag_text
from ..repository.proving import Proof
from ..tree.entry import Entry
from ..tree.extra import Extra, decode_extra

DEFAULT_CONTENT_TYPE = "application/octet-stream"
_NO_EXTRA = Extra()


def physical_address(namespace: str, blob_id: BlobId) -> str:
    """Return the name by which clients of lakeFS know where an object's bytes lie.

    It has the form that they expect and follows from the blob id, so equal content has
    one address in a namespace. Nothing lies there: it is opaque, to them and to us.
    """
    # Hex digits are among the digits that clients expect; those of the first 20 bytes
    # are as many as they expect, and as hard to make collide as the ids of Git.
    digits = blob_id.hex()
    return f"{namespace.rstrip('/')}/data/{digits[:20]}/{digits[20:40]}"


def read_extra(entry: Entry) -> Extra:
    """Return what `entry` has beyond its fixed columns."""
    return decode_extra(entry.extra) if entry.extra else _NO_EXTRA


def show_repository(repository: Repository) -> wire.Repository:
    """Return the body of a repository."""
    return wire.Repository(
        id=repository.name,
        creation_date=repository.created_ms // 1000,
        default_branch=repository.default_branch,
        storage_namespace=repository.storage_namespace,
        read_only=repository.read_only,
    )


def show_branch(branch: Branch) -> wire.Ref:
    """Return the body of a branch."""
    return wire.Ref(id=branch.name, commit_id=branch.head.hex())


def show_tag(tag: Tag) -> wire.Ref:
    """Return the body of a tag."""
    return wire.Ref(id=tag.name, commit_id=tag.commit_id.hex())


def show_commit(commit: Commit) -> wire.Commit:
    """Return the body of a commit."""
    return wire.Commit(
        id=commit.id.hex(),
        parents=[parent.hex() for parent in commit.parents],
        committer=commit.committer,
        message=commit.message,
        creation_date=commit.created_ms // 1000,
        meta_range_id=commit.tree_id.hex(),
        metadata=dict(commit.metadata),
        generation=commit.generation,
    )


def show_move(move: RefLogEntry) -> wire.RefLogEntry:
    """Return the body of a row of the ref log."""
    return wire.RefLogEntry(
        sequence=move.sequence,
        ref=move.ref,
        kind=move.kind,
        at_ms=move.at_ms,
        actor=move.actor,
        action=move.action,
        old=_show_id(move.old),
        new=_show_id(move.new),
    )


def _show_id(commit_id: CommitId | None) -> str | None:
    return commit_id.hex() if commit_id is not None else None


def show_user(user: User) -> wire.User:
    """Return the body of a user."""
    return wire.User(
        id=user.name,
        creation_date=user.created_ms // 1000,
        friendly_name=user.name,
        is_admin=user.is_admin,
    )


def show_key(key: KeyInfo) -> wire.KeyInfo:
    """Return the body of an access key, without its secret."""
    return wire.KeyInfo(
        access_key_id=key.access_key_id, creation_date=key.created_ms // 1000
    )


def show_grant(grant: Grant) -> wire.Grant:
    """Return the body of a grant."""
    return wire.Grant(
        repository=grant.repository,
        ref=grant.ref,
        level=grant.level.word,
        creation_date=grant.created_ms // 1000,
    )


def show_object(
    namespace: str, entry: Entry, *, with_metadata: bool = True
) -> wire.ObjectStats:
    """Return the body of an object of a repository with the storage `namespace`."""
    extra = read_extra(entry)
    return wire.ObjectStats(
        path=entry.path.decode(),
        path_type="object",
        physical_address=physical_address(namespace, entry.blob_id),
        checksum=etag_text(entry),
        mtime=entry.mtime_ms // 1000,
        size_bytes=entry.size_bytes,
        metadata=_show_metadata(extra) if with_metadata else None,
        content_type=extra.content_type or DEFAULT_CONTENT_TYPE,
    )


def show_prefix(prefix: CommonPrefix) -> wire.ObjectStats:
    """Return the body of a common prefix in a listing."""
    return wire.ObjectStats(
        path=prefix.path.decode(),
        path_type="common_prefix",
        physical_address="",
        checksum="",
        mtime=0,
        size_bytes=0,
    )


def _show_metadata(extra: Extra) -> dict[str, str]:
    return dict(extra.user_metadata)


def show_difference(
    difference: Difference, *, with_right: bool = False, with_left_size: bool = False
) -> wire.Diff:
    """Return the body of a difference; `with_right` adds what the right side has."""
    is_prefix = difference.kind == "prefix_changed"
    shown = difference.right or difference.left
    return wire.Diff(
        type=difference.kind,
        path=difference.path.decode(),
        path_type="common_prefix" if is_prefix else "object",
        size_bytes=shown.size_bytes if shown is not None else None,
        left_size_bytes=(
            difference.left.size_bytes
            if with_left_size and difference.left is not None
            else None
        ),
        right=_show_right(difference.right) if with_right else None,
    )


def _show_right(entry: Entry | None) -> wire.DiffObjectStat | None:
    if entry is None:
        return None
    extra = read_extra(entry)
    return wire.DiffObjectStat(
        checksum=etag_text(entry),
        mtime=entry.mtime_ms // 1000,
        content_type=extra.content_type or DEFAULT_CONTENT_TYPE,
        metadata=_show_metadata(extra),
    )


def show_blamed(blamed: Blamed) -> wire.Blame:
    """Return the body of a path with the commit that last changed it."""
    return wire.Blame(
        path=blamed.path.decode(),
        path_type="common_prefix" if blamed.is_prefix else "object",
        commit=show_commit(blamed.commit),
        is_found=blamed.is_found,
    )


def show_proof(proof: Proof) -> wire.Proof:
    """Return the body of a proof."""
    return wire.Proof(
        version=1,
        commit_id=proof.commit_id.hex(),
        path=proof.path.decode(),
        commit=proof.commit_record,
        nodes=list(proof.nodes),
    )


def show_conflict(conflict: Conflict) -> wire.Conflict:
    """Return the body of a conflict: theirs is the source, ours the destination."""
    return wire.Conflict(
        path=conflict.path.decode(),
        base=_show_side(conflict.base),
        source=_show_side(conflict.theirs),
        destination=_show_side(conflict.ours),
    )


def _show_side(entry: Entry | None) -> wire.ConflictSide | None:
    if entry is None:
        return None
    extra = read_extra(entry)
    return wire.ConflictSide(
        checksum=etag_text(entry),
        size_bytes=entry.size_bytes,
        mtime=entry.mtime_ms // 1000,
        content_type=extra.content_type or None,
        metadata=_show_metadata(extra) or None,
    )
