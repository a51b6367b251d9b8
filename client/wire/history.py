"""Bodies of commits, and of what is done with them: diff, merge, revert, cherry-pick."""

from __future__ import annotations

from typing import Literal

from .body import Body, RequestBody

DiffType = Literal["added", "removed", "changed", "conflict", "prefix_changed"]
PathType = Literal["object", "common_prefix"]
DiffMode = Literal["two_dot", "three_dot"]
"""`two_dot` compares left with right; `three_dot` their merge base with right."""
MergeStrategy = Literal["source-wins", "dest-wins"]
Resolution = Literal["source", "destination", "base", "delete"]
"""What a conflicting path shall be after the merge."""


class Commit(Body, frozen=True, kw_only=True):
    """A commit."""

    id: str
    parents: list[str]
    committer: str
    message: str
    creation_date: int
    meta_range_id: str
    """The tree id; the name is lakeFS's."""
    metadata: dict[str, str]
    generation: int
    version: int = 1


class CommitCreation(RequestBody, frozen=True, kw_only=True):
    """The commit to make of the uncommitted changes of a branch."""

    message: str
    metadata: dict[str, str] | None = None
    date: int | None = None
    """Unix seconds; None is now."""
    allow_empty: bool = False
    force: bool = False


class CommitOverrides(RequestBody, frozen=True, kw_only=True):
    """Message and metadata in place of those that a commit would be given."""

    message: str | None = None
    metadata: dict[str, str] | None = None


class Revert(RequestBody, frozen=True, kw_only=True):
    """The commit whose change shall be taken back on a branch."""

    ref: str
    parent_number: int
    """Of a merge: the parent, from 1, that is the line to keep. 0: it is no merge."""
    commit_overrides: CommitOverrides | None = None
    force: bool = False
    allow_empty: bool = False


class CherryPick(RequestBody, frozen=True, kw_only=True):
    """The commit whose change shall be made again on a branch."""

    ref: str
    parent_number: int | None = None
    """Of a merge: the parent, from 1, that the change is measured from."""
    commit_overrides: CommitOverrides | None = None
    force: bool = False


class Merge(RequestBody, frozen=True, kw_only=True):
    """How to merge a source into a destination branch."""

    message: str | None = None
    metadata: dict[str, str] | None = None
    strategy: MergeStrategy | Literal[""] | None = None
    """Who wins each conflict. Empty is as None: a conflict stops the merge."""
    force: bool = False
    allow_empty: bool = False
    squash_merge: bool = False
    resolutions: dict[str, Resolution] | None = None
    """What single conflicting paths shall be; comes before `strategy`. Ours."""


class MergeResult(Body, frozen=True, kw_only=True):
    """The commit that the destination points to after a merge."""

    reference: str


class MergeBase(Body, frozen=True, kw_only=True):
    """Where two lines of history parted."""

    source_commit_id: str
    destination_commit_id: str
    base_commit_id: str


class ConflictSide(Body, frozen=True, kw_only=True):
    """An object as one side of a conflict has it."""

    checksum: str
    size_bytes: int
    mtime: int
    content_type: str | None = None
    metadata: dict[str, str] | None = None


class Conflict(Body, frozen=True, kw_only=True):
    """A path that source and destination changed differently.

    A side is None where it has no such object.
    """

    path: str
    base: ConflictSide | None
    source: ConflictSide | None
    destination: ConflictSide | None


class DiffObjectStat(Body, frozen=True, kw_only=True):
    """The object on the right of a difference."""

    checksum: str
    mtime: int
    content_type: str
    metadata: dict[str, str]


class Diff(Body, frozen=True, kw_only=True):
    """A path, or with a delimiter a prefix, that differs."""

    type: DiffType
    path: str
    path_type: PathType
    size_bytes: int | None = None
    """Of the object on the right; of one that was removed, as it was."""
    left_size_bytes: int | None = None
    """Of the object on the left, if there is one and it was asked for. Ours."""
    right: DiffObjectStat | None = None


class Blame(Body, frozen=True, kw_only=True):
    """A path, or with a delimiter a prefix, and the commit that last changed it."""

    path: str
    path_type: PathType
    commit: Commit
    is_found: bool
    """False: the search ended at `commit`; that one or an ancestor of it is it."""
