"""Random histories of one repository, every operation, against `ModelRepository`."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from lakebed.server.errors import (
    DirtyBranchError,
    InvalidValueError,
    MergeConflictError,
    NothingToCommitError,
    ObjectNotFoundError,
    RefExistsError,
    RefNotFoundError,
)
from lakebed.server.history.commit import Commit
from lakebed.server.repository import (
    branches,
    commits,
    copies,
    describing,
    diffs,
    listings,
    logs,
    merges,
    objects,
    picking,
    repositories,
    resolving,
    tags,
)
from lakebed.server.repository.combining import Conflict
from lakebed.server.repository.deleting import Deletion, delete_objects
from lakebed.server.repository.diffs import DiffScope
from lakebed.server.tree.entry import Entry
from lakebed.server.tree.extra import Extra, decode_extra
from lakebed.server.tree.merge import Resolution as Side

from support.engines import BlockingEngine
from support.model import (
    ConflictsError,
    DirtyError,
    ModelBranch,
    ModelRepository,
    NothingChangesError,
    NothingToUndoError,
    Resolution,
    Tree,
    UnusedError,
    Value,
    diff,
    roll_up,
)

REPOSITORY = "repo"
paths = st.sampled_from([b"a", b"b/1", b"b/2", b"b/c/3", b"b0", b"d/x"])
prefixes = st.sampled_from([b"", b"b", b"b/", b"d/"])
CONTENTS = [b"one", b"two", b"", bytes(1_200_000)]
# The numbers of the contents: the last is large enough to be cut, and rare.
contents = st.sampled_from([0, 0, 1, 1, 2, 3])
types = st.sampled_from(["", "text/csv"])
names = st.sampled_from(["main", "main", "dev", "dev", "exp"])
tag_names = st.sampled_from(["v1", "v2"])
sides: st.SearchStrategy[Resolution] = st.sampled_from(["source", "destination"])


class RepositoryMachine(RuleBasedStateMachine):
    """The model is `model`; the system under test is the engine."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.lake = BlockingEngine()
        self.engine = self.lake.engine
        self.run = self.lake.run

    def teardown(self) -> None:
        self.lake.close()

    @initialize(target=ids)
    def create(self) -> str:
        self.run(repositories.create_repository(self.engine, REPOSITORY, actor="me"))
        first = self.run(commits.get_commit(self.engine, REPOSITORY, "main")).id.hex()
        self.model = ModelRepository(first)
        # From here on two branches have something to disagree about.
        self._change("main", {b"a": 0, b"b/1": 0, b"b/2": 1, b"d/x": 1})
        self.create_branch("dev", self.model.branches["main"].head)
        return first

    def _change(
        self, branch: str, edits: dict[bytes, int | None]
    ) -> str | MultipleResults[str]:
        for path, content in edits.items():
            if content is None:
                self.delete(branch, path)
            else:
                self.put(branch, path, content, "")
        return self.commit(branch)

    @rule(
        target=ids,
        branch=names,
        edits=st.dictionaries(paths, st.none() | contents, min_size=1, max_size=3),
    )
    def change(
        self, branch: str, edits: dict[bytes, int | None]
    ) -> str | MultipleResults[str]:
        """Stage a few changes and commit them: what makes histories grow."""
        return self._change(branch, edits)

    @rule(
        target=ids,
        source=names,
        branch=names,
        edits=st.dictionaries(paths, contents, min_size=1, max_size=2),
        strategy=st.none() | sides,
    )
    def change_and_merge(
        self,
        source: str,
        branch: str,
        edits: dict[bytes, int | None],
        strategy: Resolution | None,
    ) -> str | MultipleResults[str]:
        """Change one branch and merge it into another."""
        if source not in self.model.branches or source == branch:
            return multiple()
        self._change(source, edits)
        return self.merge(self.model.branches[source].head, branch, strategy, {})

    # --- objects ----------------------------------------------------------------------

    @rule(branch=names, path=paths, content=contents, type_=types)
    def put(self, branch: str, path: bytes, content: int, type_: str) -> None:
        extra = Extra(content_type=type_) if type_ else None
        work = objects.put_object(
            self.engine, REPOSITORY, branch, path, CONTENTS[content], extra=extra
        )
        if branch not in self.model.branches:
            with pytest.raises(RefNotFoundError):
                self.run(work)
            return
        self.run(work)
        self.model.put(branch, path, (CONTENTS[content], type_))

    @rule(branch=names, path=paths)
    def delete(self, branch: str, path: bytes) -> None:
        if branch in self.model.branches:
            work = objects.delete_object(self.engine, REPOSITORY, branch, path)
            assert self.run(work) == self.model.delete(branch, path)

    @rule(
        branch=names,
        chosen=st.lists(st.tuples(paths, st.booleans()), min_size=1, max_size=4),
    )
    def delete_many(self, branch: str, chosen: list[tuple[bytes, bool]]) -> None:
        """Delete paths, or take back what is staged there, in one go."""
        if branch not in self.model.branches:
            return
        deletions = [Deletion(path, staged_only=only) for path, only in chosen]

        done = self.run(delete_objects(self.engine, REPOSITORY, branch, deletions))

        for (path, staged_only), outcome in zip(chosen, done, strict=True):
            if not staged_only:
                assert outcome == self.model.delete(branch, path)
                continue
            is_there = self.model.branches[branch].staged.get(path) is not None
            assert outcome is is_there
            if is_there:
                self.model.reset(branch, partial(operator.ne, path))

    @rule(branch=names, path=paths, source=names, source_path=paths)
    def copy(self, branch: str, path: bytes, source: str, source_path: bytes) -> None:
        if not {branch, source} <= self.model.branches.keys():
            return
        find = objects.stat_object(self.engine, REPOSITORY, source, source_path)
        value = self.model.visible(source).get(source_path)
        if value is None:
            with pytest.raises(ObjectNotFoundError):
                self.run(find)
            return
        found = self.run(find)
        self.run(
            copies.copy_object(self.engine, REPOSITORY, branch, path, source=found)
        )
        self.model.put(branch, path, value)

    @rule(branch=names, path=paths, type_=types)
    def describe(self, branch: str, path: bytes, type_: str) -> None:
        if branch not in self.model.branches:
            return
        work = describing.update_extra(
            self.engine,
            REPOSITORY,
            branch,
            path,
            lambda extra: replace(extra, content_type=type_),
        )
        value = self.model.visible(branch).get(path)
        if value is None:
            with pytest.raises(ObjectNotFoundError):
                self.run(work)
            return
        self.run(work)
        if value[1] != type_:  # what changes nothing stages nothing
            self.model.put(branch, path, (value[0], type_))

    @rule(branch=names, source=paths, path=paths)
    def move(self, branch: str, source: bytes, path: bytes) -> None:
        if branch not in self.model.branches or source == path:
            return
        work = copies.move_object(self.engine, REPOSITORY, branch, source, path)
        value = self.model.visible(branch).get(source)
        if value is None:
            with pytest.raises(ObjectNotFoundError):
                self.run(work)
            return
        self.run(work)
        self.model.delete(branch, source)
        self.model.put(branch, path, value)

    @rule(branch=names, to=st.sampled_from([b"e/", b"d/"]))
    def move_folder(self, branch: str, to: bytes) -> None:
        if branch not in self.model.branches:
            return
        work = copies.move_prefix(self.engine, REPOSITORY, branch, b"b/", to)
        if not any(path.startswith(b"b/") for path in self.model.visible(branch)):
            with pytest.raises(ObjectNotFoundError):
                self.run(work)
            return
        assert self.run(work) == self.model.move_prefix(branch, b"b/", to)

    @rule(branch=names, path=paths, whole=st.booleans())
    def reset(self, branch: str, path: bytes, whole: bool) -> None:
        if branch not in self.model.branches:
            return
        scope = None if whole else path
        self.run(branches.reset_branch(self.engine, REPOSITORY, branch, path=scope))
        self.model.reset(branch, lambda staged: not whole and staged != path)

    @rule(branch=names, prefix=prefixes)
    def reset_prefix(self, branch: str, prefix: bytes) -> None:
        if branch not in self.model.branches:
            return
        self.run(branches.reset_branch(self.engine, REPOSITORY, branch, prefix=prefix))
        self.model.reset(branch, lambda staged: not staged.startswith(prefix))

    # --- history ----------------------------------------------------------------------

    @rule(target=ids, branch=names)
    def commit(self, branch: str) -> str | MultipleResults[str]:
        if branch not in self.model.branches:
            return multiple()
        work = commits.commit_branch(
            self.engine, REPOSITORY, branch, message="m", actor="me"
        )
        parents = [self.model.branches[branch].head]
        try:
            tree = self.model.plan_commit(branch)
        except NothingChangesError:
            with pytest.raises(NothingToCommitError):
                self.run(work)
            return multiple()
        return self._record(branch, self.run(work), tree, parents)

    @rule(
        target=ids,
        source=ids,
        branch=names,
        strategy=st.none() | sides,
        resolutions=st.dictionaries(paths, sides, max_size=2),
    )
    def merge(
        self,
        source: str,
        branch: str,
        strategy: Resolution | None,
        resolutions: dict[bytes, Resolution],
    ) -> str | MultipleResults[str]:
        if branch not in self.model.branches:
            return multiple()
        work = merges.merge(
            self.engine,
            REPOSITORY,
            source,
            branch,
            actor="me",
            strategy=strategy,
            resolutions={
                path: Side.THEIRS if side == "source" else Side.OURS
                for path, side in resolutions.items()
            },
        )
        head = self.model.branches[branch].head
        try:
            tree = self.model.plan_merge(source, branch, strategy, resolutions)
        except DirtyError:
            with pytest.raises(DirtyBranchError):
                self.run(work)
        except NothingChangesError:
            with pytest.raises(NothingToCommitError):
                self.run(work)
        except UnusedError:
            with pytest.raises(InvalidValueError, match="does not conflict"):
                self.run(work)
        except ConflictsError as conflicts:
            with pytest.raises(MergeConflictError) as error:
                self.run(work)
            _check_conflicts(error.value, conflicts.paths)
        else:
            return self._record(branch, self.run(work), tree, [head, source])
        return multiple()

    @rule(target=ids, branch=names, ref=ids, forwards=st.booleans())
    def revert_or_pick(
        self, branch: str, ref: str, forwards: bool
    ) -> str | MultipleResults[str]:
        commit = self.model.commits[ref]
        if branch not in self.model.branches or not commit.parents:
            return multiple()
        operation = picking.cherry_pick if forwards else picking.revert
        work = operation(
            self.engine, REPOSITORY, branch, ref, actor="me", parent_number=1
        )
        change = [self.model.tree(commit.parents[0]), commit.tree]
        before, after = change if forwards else reversed(change)
        head = self.model.branches[branch].head
        try:
            tree = self.model.plan_change(branch, before, after)
        except DirtyError:
            with pytest.raises(DirtyBranchError):
                self.run(work)
        except NothingChangesError:
            with pytest.raises(NothingToCommitError):
                self.run(work)
        except ConflictsError:
            with pytest.raises(MergeConflictError):
                self.run(work)
        else:
            return self._record(branch, self.run(work), tree, [head])
        return multiple()

    @rule(branch=names, ref=ids)
    def hard_reset(self, branch: str, ref: str) -> None:
        if branch not in self.model.branches:
            return
        work = picking.hard_reset(self.engine, REPOSITORY, branch, ref, actor="me")
        try:
            self.model.check_clean(branch)
        except DirtyError:
            with pytest.raises(DirtyBranchError):
                self.run(work)
            return
        self.run(work)
        self.model.move(branch, ref)

    @rule(branch=names)
    def undo(self, branch: str) -> None:
        if branch not in self.model.branches:
            return
        work = branches.undo(self.engine, REPOSITORY, branch, actor="me")
        try:
            self.model.undo(branch)
        except NothingToUndoError:
            with pytest.raises(InvalidValueError):
                self.run(work)
        except DirtyError:
            with pytest.raises(DirtyBranchError):
                self.run(work)
        else:
            self.run(work)

    # --- refs -------------------------------------------------------------------------

    @rule(name=names, source=ids)
    def create_branch(self, name: str, source: str) -> None:
        work = branches.create_branch(self.engine, REPOSITORY, name, source, actor="me")
        if name in self.model.branches:
            with pytest.raises(RefExistsError):
                self.run(work)
            return
        self.run(work)
        self.model.branches[name] = ModelBranch(source)

    @rule(name=names.filter(lambda name: name != "main"))
    def delete_branch(self, name: str) -> None:
        work = branches.delete_branch(self.engine, REPOSITORY, name, actor="me")
        if name not in self.model.branches:
            with pytest.raises(RefNotFoundError):
                self.run(work)
            return
        self.run(work)
        del self.model.branches[name]

    @rule(name=tag_names, source=ids)
    def create_tag(self, name: str, source: str) -> None:
        work = tags.create_tag(self.engine, REPOSITORY, name, source, actor="me")
        if name in self.model.tags:
            with pytest.raises(RefExistsError):
                self.run(work)
            return
        self.run(work)
        self.model.tags[name] = source

    @rule(name=tag_names)
    def delete_tag(self, name: str) -> None:
        if name in self.model.tags:
            self.run(tags.delete_tag(self.engine, REPOSITORY, name, actor="me"))
            del self.model.tags[name]

    @rule()
    def restart(self) -> None:
        self.lake.reopen()
        self.engine = self.lake.engine

    # --- what readers see -------------------------------------------------------------

    @rule(ref=ids, other=ids, three_dot=st.booleans())
    def diff_agrees(self, ref: str, other: str, three_dot: bool) -> None:
        work = diffs.diff_refs(
            self.engine, REPOSITORY, ref, other, DiffScope(100), three_dot=three_dot
        )
        left = self.model.merge_base(ref, other) if three_dot else ref
        expected = diff(self.model.tree(left), self.model.tree(other))
        found = [(item.path, item.kind) for item in self.run(work).items]
        assert found == sorted(expected.items())

    @rule(ref=ids, other=ids)
    def merge_base_agrees(self, ref: str, other: str) -> None:
        found = self.run(merges.find_merge_base(self.engine, REPOSITORY, ref, other))
        assert found is not None
        assert found.id.hex() == self.model.merge_base(ref, other)

    @rule(ref=ids)
    def log_agrees(self, ref: str) -> None:
        found = self.run(logs.list_log(self.engine, REPOSITORY, ref, limit=1000))
        assert {c.id.hex() for c in found.items} == self.model.ancestors(ref)
        place = {c.id: n for n, c in enumerate(found.items)}
        for c in found.items:
            assert all(place[c.id] < place[parent] for parent in c.parents)

    @rule(ref=ids, prefix=prefixes, delimiter=st.sampled_from([b"", b"/"]))
    def pages_agree(self, ref: str, prefix: bytes, delimiter: bytes) -> None:
        lines: list[bytes] = []
        after = b""
        while True:
            page = self.run(
                listings.list_objects(
                    self.engine,
                    REPOSITORY,
                    ref,
                    prefix=prefix,
                    after=after,
                    delimiter=delimiter,
                    limit=2,
                )
            )
            lines += [item.path for item in page.items]
            if page.next_after is None:
                break
            after = page.next_after
        assert lines == roll_up(self.model.tree(ref), prefix, delimiter)

    @rule(branch=names, prefix=prefixes, delimiter=st.sampled_from([b"", b"/"]))
    def branch_pages_agree(self, branch: str, prefix: bytes, delimiter: bytes) -> None:
        if branch not in self.model.branches:
            return
        visible = self.model.visible(branch)
        expected = roll_up(visible, prefix, delimiter)
        lines: list[bytes] = []
        while len(lines) < len(expected):
            page = self.run(
                listings.list_objects(
                    self.engine,
                    REPOSITORY,
                    branch,
                    prefix=prefix,
                    after=lines[-1] if lines else b"",
                    delimiter=delimiter,
                    limit=2,
                )
            )
            assert page.items
            lines += [item.path for item in page.items]
        assert lines == expected
        measured = self.run(
            listings.measure(self.engine, REPOSITORY, branch, prefix=prefix)
        )
        sizes = [len(v[0]) for p, v in visible.items() if p.startswith(prefix)]
        assert (measured.entry_count, measured.byte_total) == (len(sizes), sum(sizes))

    @invariant()
    def branches_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        page = self.run(branches.list_branches(self.engine, REPOSITORY, limit=100))
        assert {b.name: b.head.hex() for b in page.items} == {
            name: branch.head for name, branch in self.model.branches.items()
        }
        for name, branch in self.model.branches.items():
            assert self._list(name) == self.model.visible(name)
            assert self._list(name + "@") == self.model.tree(branch.head)
            staged = self.run(
                diffs.diff_staged(self.engine, REPOSITORY, name, DiffScope(100))
            )
            assert {i.path: i.kind for i in staged.items} == diff(
                self.model.tree(branch.head), self.model.visible(name)
            )

    @invariant()
    def tags_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        for name, commit_id in self.model.tags.items():
            assert self._list(name) == self.model.tree(commit_id)

    @rule(ref=ids, path=paths)
    def bytes_agree(self, ref: str, path: bytes) -> None:
        value = self.model.tree(ref).get(path)
        work = objects.stat_object(self.engine, REPOSITORY, ref, path)
        if value is None:
            with pytest.raises(ObjectNotFoundError):
                self.run(work)
            return
        assert self._read(self.run(work).entry) == value[0]

    @rule(branch=names, path=paths)
    def branch_bytes_agree(self, branch: str, path: bytes) -> None:
        if branch not in self.model.branches:
            return
        value = self.model.visible(branch).get(path)
        work = objects.stat_object(self.engine, REPOSITORY, branch, path)
        if value is None:
            with pytest.raises(ObjectNotFoundError):
                self.run(work)
            return
        assert self._read(self.run(work).entry) == value[0]

    def _record(
        self, branch: str, commit: Commit, tree: Tree, parents: list[str]
    ) -> str:
        assert [parent.hex() for parent in commit.parents] == parents
        self.model.record(branch, commit.id.hex(), tree, parents)
        # The new commit is found by what it is called.
        found = self.run(
            resolving.resolve(self.engine, REPOSITORY, commit.id.hex()[:40])
        )
        assert found.commit == commit
        return commit.id.hex()

    def _list(self, ref: str) -> Tree:
        page = self.run(listings.list_objects(self.engine, REPOSITORY, ref, limit=1000))
        return {i.path: self._value(i) for i in page.items if isinstance(i, Entry)}

    def _value(self, entry: Entry) -> Value:
        type_ = decode_extra(entry.extra).content_type or "" if entry.extra else ""
        # Large objects are compared by size here and by bytes in `bytes_agree`.
        content = (
            bytes(entry.size_bytes) if entry.size_bytes > 100 else self._read(entry)
        )
        return content, type_

    def _read(self, entry: Entry) -> bytes:
        async def read() -> bytes:
            pieces = objects.read_object(self.engine, entry)
            return b"".join([bytes(piece) async for piece in pieces])

        return self.run(read())


def _check_conflicts(error: MergeConflictError, paths: list[bytes]) -> None:
    assert error.count == len(paths)
    assert [c.path for c in error.conflicts if isinstance(c, Conflict)] == paths


_SETTINGS = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRepositoryMachine = RepositoryMachine.TestCase
TestRepositoryMachine.settings = _SETTINGS


class ManyHistories(RepositoryMachine):
    """The same, many times more often."""


TestManyHistories = pytest.mark.long(ManyHistories.TestCase)
TestManyHistories.settings = settings(_SETTINGS, max_examples=300)
