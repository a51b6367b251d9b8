"""`ModelRepository`: what a repository does, with dicts that cannot be wrong.

Slow and simple on purpose: every version is a whole dict, a merge looks at every path.
Commit ids are those that the system under test gave, because the model cannot know them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Value = tuple[bytes, str]
"""Content and content type: what makes the identity of an entry."""
Tree = dict[bytes, Value]
Resolution = Literal["source", "destination"]


class NothingChangesError(Exception):
    """The model's own refusals."""


class DirtyError(Exception):
    pass


class UnusedError(Exception):
    """A resolution is of a path that does not conflict."""


class ConflictsError(Exception):
    def __init__(self, paths: list[bytes]) -> None:
        super().__init__(paths)
        self.paths = paths


class NothingToUndoError(Exception):
    pass


@dataclass
class ModelCommit:
    id: str
    tree: Tree
    parents: list[str]

    def generation(self, commits: dict[str, ModelCommit]) -> int:
        return (
            max((commits[p].generation(commits) for p in self.parents), default=-1) + 1
        )


@dataclass
class ModelBranch:
    head: str
    staged: dict[bytes, Value | None] = field(
        default_factory=dict[bytes, "Value | None"]
    )
    earlier: list[str] = field(default_factory=list[str])
    """Where undo goes back to, the newest last."""


class ModelRepository:
    def __init__(self, first_commit: str) -> None:
        self.commits = {first_commit: ModelCommit(first_commit, {}, [])}
        self.branches = {"main": ModelBranch(first_commit)}
        self.tags: dict[str, str] = {}

    def tree(self, commit_id: str) -> Tree:
        return self.commits[commit_id].tree

    def visible(self, branch: str) -> Tree:
        """What a reader of the branch sees."""
        shown = self.branches[branch]
        return apply(self.tree(shown.head), shown.staged)

    def put(self, branch: str, path: bytes, value: Value) -> None:
        self.branches[branch].staged[path] = value

    def delete(self, branch: str, path: bytes) -> bool:
        if path not in self.visible(branch):
            return False
        self.branches[branch].staged[path] = None
        return True

    def move_prefix(self, branch: str, source: bytes, prefix: bytes) -> int:
        moved = {p: v for p, v in self.visible(branch).items() if p.startswith(source)}
        for path, value in moved.items():
            self.branches[branch].staged[path] = None
            self.branches[branch].staged[prefix + path[len(source) :]] = value
        return len(moved)

    def reset(self, branch: str, keeps: Callable[[bytes], bool]) -> None:
        staged = self.branches[branch].staged
        self.branches[branch].staged = {p: v for p, v in staged.items() if keeps(p)}

    def plan_commit(self, branch: str) -> Tree:
        """Return the tree of a commit; staged changes are gone even if it is refused."""
        found = self.branches[branch]
        tree = apply(self.tree(found.head), found.staged)
        found.staged = {}
        if tree == self.tree(found.head):
            raise NothingChangesError
        return tree

    def record(
        self, branch: str, commit_id: str, tree: Tree, parents: list[str]
    ) -> None:
        self.commits[commit_id] = ModelCommit(commit_id, tree, parents)
        self.move(branch, commit_id)

    def move(self, branch: str, commit_id: str) -> None:
        found = self.branches[branch]
        if found.head != commit_id:
            found.earlier.append(found.head)
            found.head = commit_id

    def check_clean(self, branch: str) -> None:
        if self.branches[branch].staged:
            raise DirtyError

    def undo(self, branch: str) -> None:
        found = self.branches[branch]
        if not found.earlier:
            raise NothingToUndoError
        self.check_clean(branch)
        found.head = found.earlier.pop()

    def ancestors(self, commit_id: str) -> set[str]:
        found = {commit_id}
        for parent in self.commits[commit_id].parents:
            found |= self.ancestors(parent)
        return found

    def merge_base(self, one: str, other: str) -> str:
        shared = self.ancestors(one) & self.ancestors(other)
        return min(
            shared, key=lambda id_: (-self.commits[id_].generation(self.commits), id_)
        )

    def plan_merge(
        self,
        source: str,
        branch: str,
        strategy: Resolution | None,
        resolutions: dict[bytes, Resolution],
    ) -> Tree:
        self.check_clean(branch)
        head = self.branches[branch].head
        base = self.tree(self.merge_base(head, source))
        if base == self.tree(source):
            raise NothingChangesError
        return merge(base, self.tree(head), self.tree(source), strategy, resolutions)

    def plan_change(self, branch: str, before: Tree, after: Tree) -> Tree:
        """Apply the change from `before` to `after`: revert and cherry-pick."""
        self.check_clean(branch)
        ours = self.tree(self.branches[branch].head)
        tree = merge(before, ours, after, None, {})
        if tree == ours:
            raise NothingChangesError
        return tree


def apply(tree: Tree, changes: dict[bytes, Value | None]) -> Tree:
    result = dict(tree)
    for path, value in changes.items():
        if value is None:
            result.pop(path, None)
        else:
            result[path] = value
    return result


def merge(
    base: Tree,
    ours: Tree,
    theirs: Tree,
    strategy: Resolution | None,
    resolutions: dict[bytes, Resolution],
) -> Tree:
    result: Tree = {}
    conflicts: list[bytes] = []
    unused = set(resolutions)
    for path in sorted(base.keys() | ours.keys() | theirs.keys()):
        b, o, t = base.get(path), ours.get(path), theirs.get(path)
        if t in (b, o):
            chosen = o
        elif o == b:
            chosen = t
        else:
            side = resolutions.get(path, strategy)
            unused.discard(path)
            if side is None:
                conflicts.append(path)
                continue
            chosen = t if side == "source" else o
        if chosen is not None:
            result[path] = chosen
    if unused:
        raise UnusedError
    if conflicts:
        raise ConflictsError(conflicts)
    return result


def diff(left: Tree, right: Tree) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for path in left.keys() | right.keys():
        if path not in right:
            found[path] = "removed"
        elif path not in left:
            found[path] = "added"
        elif left[path] != right[path]:
            found[path] = "changed"
    return found


def roll_up(tree: Tree, prefix: bytes, delimiter: bytes) -> list[bytes]:
    """Return the lines of a listing with a delimiter."""
    lines: set[bytes] = set()
    for path in tree:
        if path.startswith(prefix):
            cut = path.find(delimiter, len(prefix)) if delimiter else -1
            lines.add(path if cut < 0 else path[: cut + len(delimiter)])
    return sorted(lines)
