"""Bodies of branches, tags, and the log of their moves."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .body import Body, RequestBody

ResetType = Literal["object", "common_prefix", "reset"]
"""What a reset throws away: one path, everything below a prefix, or all of it."""


SEQUENCE_MAX = 2**53 - 1
"""Largest integer that every reader of JSON keeps as it is; no log comes near it."""


class Ref(Body, frozen=True, kw_only=True):
    """A branch or a tag, and the commit it points to."""

    id: str
    """Its name."""
    commit_id: str


class BranchCreation(RequestBody, frozen=True, kw_only=True):
    """A branch to make at the commit of `source`, any ref expression."""

    name: str
    source: str
    force: bool = False
    hidden: bool = False


class TagCreation(RequestBody, frozen=True, kw_only=True):
    """A tag to make at the commit of `ref`, any ref expression."""

    id: str
    ref: str
    force: bool = False


class BranchReset(RequestBody, frozen=True, kw_only=True):
    """Which uncommitted changes of a branch to throw away."""

    type: ResetType
    path: str | None = None
    """The path or prefix; needed unless everything goes."""
    force: bool = False


class RefLogEntry(Body, frozen=True, kw_only=True):
    """One move of a branch or tag."""

    sequence: int
    """Grows with every move in the repository; names the move."""
    ref: str
    kind: Literal["branch", "tag"]
    at_ms: int
    """Unix milliseconds; never goes back in the log of one ref."""
    actor: str
    action: str
    """A word: create, commit, merge, revert, cherry-pick, hard-reset, undo, delete."""
    old: str | None
    """Commit before the move; None where the ref was made."""
    new: str | None
    """Commit after the move; None where the ref was deleted."""


class Undo(RequestBody, frozen=True, kw_only=True):
    """Which move of a ref to undo: it goes back to where it was before that move."""

    sequence: Annotated[int, msgspec.Meta(ge=1, le=SEQUENCE_MAX)] | None = None
    """None: the newest move."""
    dry_run: bool = False
    """Answer with the move that it would be, without a number, and make none."""
