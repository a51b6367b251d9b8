"""Random histories through the HTTP surface of a server of two workers, against a model.

Writes go over REST and S3 in turn, each request to whichever worker takes its connection;
what one has acknowledged, all must show. In the long form:

    LAKEBED_ROUNDS=1000 LAKEBED_STEPS=500 python3 tasks.py test-durability -k http_machine
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from lakebed.client import (
    Client,
    ConflictError,
    InvalidRequestError,
    MergeConflictError,
    NotFoundError,
    NothingToCommitError,
)

from support.model import (
    ConflictsError,
    DirtyError,
    ModelBranch,
    ModelRepository,
    NothingChangesError,
    NothingToUndoError,
    Resolution,
    Tree,
    diff,
    roll_up,
)
from support.s3server import ADMIN, ServerProcess, run_server

pytestmark = pytest.mark.durability

EXAMPLES = int(os.environ.get("LAKEBED_ROUNDS") or 200)
STEPS = int(os.environ.get("LAKEBED_STEPS") or 50)
CLIENTS = 3
"""Each with connections of its own, so that every worker gets some."""

paths = st.sampled_from(["a", "b/1", "b/2", "b/c/3", "b0", "d/x y"])
contents = st.sampled_from([b"one", b"two", b"", b"three"])
names = st.sampled_from(["main", "main", "dev", "dev", "exp"])
tag_names = st.sampled_from(["v1", "v2"])
sides: st.SearchStrategy[Resolution] = st.sampled_from(["source", "destination"])
places = st.integers(0, 255)
"""Of a commit among those made so far. Not a bundle: which merges find nothing to do may
depend on the ids, of several merge bases, and they are others each time."""
_numbers = itertools.count()


class HttpMachine(RuleBasedStateMachine):
    """The model is `model`; the system under test is a server."""

    server: ClassVar[ServerProcess]
    clients: ClassVar[list[Client]]

    def __init__(self) -> None:
        super().__init__()
        self.repository = f"machine-{next(_numbers)}"
        self._turn = itertools.cycle(self.clients)
        self._ids: list[str] = []

    @property
    def client(self) -> Client:
        """Return one client after the other."""
        return next(self._turn)

    def id_at(self, at: int) -> str:
        """Return one of the commits made so far."""
        return self._ids[at % len(self._ids)]

    @initialize()
    def create(self) -> None:
        self.client.create_repository(self.repository)
        first = self.client.get_branch(self.repository, "main").commit_id
        self.model = ModelRepository(first)
        self._ids.append(first)
        for path in ("a", "b/1"):
            self.put("main", path, b"one", False)
        self.commit("main")
        self.create_branch("dev", 0)

    # --- objects ----------------------------------------------------------------------

    @rule(branch=names, path=paths, content=contents, over_s3=st.booleans())
    def put(self, branch: str, path: str, content: bytes, over_s3: bool) -> None:
        if branch not in self.model.branches:
            with pytest.raises(NotFoundError):
                self.client.upload_object(self.repository, branch, path, content)
            return
        if over_s3:
            target = f"/{self.repository}/{branch}/{path.replace(' ', '%20')}"
            answer = self.server.send("PUT", target, body=content)
            assert answer.status == 200, answer
        else:
            self.client.upload_object(self.repository, branch, path, content)
        self.model.put(branch, path.encode(), (content, ""))
        assert self.client.read_object(self.repository, branch, path) == content

    @rule(branch=names, path=paths, over_s3=st.booleans())
    def delete(self, branch: str, path: str, over_s3: bool) -> None:
        if branch not in self.model.branches:
            return
        if over_s3:
            target = f"/{self.repository}/{branch}/{path.replace(' ', '%20')}"
            assert self.server.send("DELETE", target).status == 204
        else:
            self.client.delete_object(self.repository, branch, path)
        self.model.delete(branch, path.encode())
        with pytest.raises(NotFoundError):
            self.client.stat_object(self.repository, branch, path)

    @rule(branch=names, path=paths, source=names, source_path=paths)
    def copy(self, branch: str, path: str, source: str, source_path: str) -> None:
        if not {branch, source} <= self.model.branches.keys():
            return
        value = self.model.visible(source).get(source_path.encode())
        copy = self.client.copy_object
        options = {"source_path": source_path, "source_ref": source}
        if value is None:
            with pytest.raises(NotFoundError):
                copy(self.repository, branch, path, **options)
            return
        copy(self.repository, branch, path, **options)
        self.model.put(branch, path.encode(), value)

    @rule(branch=names, path=paths, whole=st.booleans())
    def reset(self, branch: str, path: str, whole: bool) -> None:
        if branch in self.model.branches:
            scope = None if whole else path
            self.client.reset_branch(self.repository, branch, path=scope)
            self.model.reset(branch, lambda p: not whole and p != path.encode())
            self.agree(branch)

    # --- history ----------------------------------------------------------------------

    @rule(branch=names)
    def commit(self, branch: str) -> None:
        if branch not in self.model.branches:
            return
        parents = [self.model.branches[branch].head]

        def send() -> str:
            return self.client.commit(self.repository, branch, "m").id

        try:
            tree = self.model.plan_commit(branch)
        except NothingChangesError:
            with pytest.raises(NothingToCommitError):
                send()
            return
        self._record(branch, send(), tree, parents)

    @rule(at=places, branch=names, strategy=st.none() | sides)
    def merge(self, at: int, branch: str, strategy: Resolution | None) -> None:
        if branch not in self.model.branches:
            return
        source = self.id_at(at)
        wish = {"source": "source-wins", "destination": "dest-wins"}
        head = self.model.branches[branch].head

        def send() -> str:
            return self.client.merge(
                self.repository,
                source,
                branch,
                strategy=wish[strategy] if strategy else None,  # type: ignore[arg-type]
            )

        self._change(
            branch,
            lambda: self.model.plan_merge(source, branch, strategy, {}),
            send,
            [head, source],
        )

    @rule(branch=names, at=places)
    def pick(self, branch: str, at: int) -> None:
        ref = self.id_at(at)
        commit = self.model.commits[ref]
        if branch not in self.model.branches or len(commit.parents) != 1:
            return
        before, after = self.model.tree(commit.parents[0]), commit.tree
        self._change(
            branch,
            lambda: self.model.plan_change(branch, before, after),
            lambda: self.client.cherry_pick(self.repository, branch, ref).id,
            [self.model.branches[branch].head],
        )

    @rule(branch=names, at=places)
    def hard_reset(self, branch: str, at: int) -> None:
        if branch not in self.model.branches:
            return
        ref = self.id_at(at)
        try:
            self.model.check_clean(branch)
        except DirtyError:
            with pytest.raises(InvalidRequestError):
                self.client.hard_reset(self.repository, branch, ref)
            return
        self.client.hard_reset(self.repository, branch, ref)
        self.model.move(branch, ref)
        self.agree(branch)

    @rule(branch=names)
    def undo(self, branch: str) -> None:
        if branch not in self.model.branches:
            return
        try:
            self.model.undo(branch)
        except (NothingToUndoError, DirtyError):
            with pytest.raises(InvalidRequestError):
                self.client.undo(self.repository, branch)
            return
        self.client.undo(self.repository, branch)
        self.agree(branch)

    # --- refs -------------------------------------------------------------------------

    @rule(name=names, at=places)
    def create_branch(self, name: str, at: int) -> None:
        source = self.id_at(at)
        if name in self.model.branches:
            with pytest.raises(ConflictError):
                self.client.create_branch(self.repository, name, source=source)
            return
        self.client.create_branch(self.repository, name, source=source)
        self.model.branches[name] = ModelBranch(source)
        self.agree(name)

    @rule(name=names.filter(lambda name: name != "main"))
    def delete_branch(self, name: str) -> None:
        if name not in self.model.branches:
            return
        self.client.delete_branch(self.repository, name)
        del self.model.branches[name]
        with pytest.raises(NotFoundError):
            self.client.get_branch(self.repository, name)

    @rule(name=tag_names, at=places)
    def create_tag(self, name: str, at: int) -> None:
        source = self.id_at(at)
        if name in self.model.tags:
            with pytest.raises(ConflictError):
                self.client.create_tag(self.repository, name, ref=source)
            return
        self.client.create_tag(self.repository, name, ref=source)
        self.model.tags[name] = source
        assert self.client.get_tag(self.repository, name).commit_id == source

    # --- what readers see -------------------------------------------------------------

    @rule(branch=names)
    def agree(self, branch: str) -> None:
        """Look at all of a branch, through each client."""
        if branch not in self.model.branches:
            return
        expected = self.model.visible(branch)
        for client in self.clients:
            found = client.iter_objects(self.repository, branch)
            sizes = {each.path.encode(): each.size_bytes for each in found}
            assert sizes == {path: len(value[0]) for path, value in expected.items()}
            head = client.get_branch(self.repository, branch).commit_id
            assert head == self.model.branches[branch].head

    @rule(at=places, path=paths)
    def versions_never_change(self, at: int, path: str) -> None:
        ref = self.id_at(at)
        value = self.model.tree(ref).get(path.encode())
        if value is None:
            with pytest.raises(NotFoundError):
                self.client.read_object(self.repository, ref, path)
            return
        assert self.client.read_object(self.repository, ref, path) == value[0]

    @rule(
        at=places,
        prefix=st.sampled_from(["", "b", "b/"]),
        delimiter=st.sampled_from(["", "/"]),
    )
    def listings_agree(self, at: int, prefix: str, delimiter: str) -> None:
        ref = self.id_at(at)
        found = self.client.iter_objects(
            self.repository, ref, prefix=prefix, delimiter=delimiter
        )
        expected = roll_up(self.model.tree(ref), prefix.encode(), delimiter.encode())
        assert [each.path.encode() for each in found] == expected

    @rule(at=places, other_at=places)
    def diffs_agree(self, at: int, other_at: int) -> None:
        ref, other = self.id_at(at), self.id_at(other_at)
        found = self.client.iter_diff(self.repository, ref, other)
        expected = diff(self.model.tree(ref), self.model.tree(other))
        assert {each.path.encode(): each.type for each in found} == expected

    @rule(at=places)
    def logs_agree(self, at: int) -> None:
        ref = self.id_at(at)
        found = {each.id for each in self.client.iter_log(self.repository, ref)}
        assert found == self.model.ancestors(ref)

    # --- common -----------------------------------------------------------------------

    def _change(
        self,
        branch: str,
        plan: Callable[[], Tree],
        send: Callable[[], str],
        parents: list[str],
    ) -> None:
        try:
            tree = plan()
        except DirtyError:
            with pytest.raises(InvalidRequestError):
                send()
        except NothingChangesError:
            with pytest.raises(NothingToCommitError):
                send()
        except ConflictsError as conflicts:
            with pytest.raises(MergeConflictError) as refused:
                send()
            _check_conflicts(refused.value, conflicts.paths)
        else:
            self._record(branch, send(), tree, parents)

    def _record(self, branch: str, commit: str, tree: Tree, parents: list[str]) -> None:
        assert self.client.get_commit(self.repository, commit).parents == parents
        self.model.record(branch, commit, tree, parents)
        self._ids.append(commit)
        self.agree(branch)


def _check_conflicts(error: MergeConflictError, paths: list[bytes]) -> None:
    assert [each.path.encode() for each in error.conflicts] == paths


@pytest.fixture
def server(tmp_path: Path) -> Generator[ServerProcess]:
    with run_server(tmp_path / "lake", "--workers", "2") as running:
        HttpMachine.server = running
        HttpMachine.clients = [
            Client(running.url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret)
            for _ in range(CLIENTS)
        ]
        yield running
        for client in HttpMachine.clients:
            client.close()


SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_a_server_of_two_workers_is_one_repository(server: ServerProcess) -> None:
    assert server.url
    run_state_machine_as_test(HttpMachine, settings=SETTINGS)


class Forgetful(ModelRepository):
    """A model that is wrong: undo changes nothing in it."""

    def undo(self, branch: str) -> None:
        head = self.branches[branch].head
        super().undo(branch)
        self.branches[branch].head = head


class WrongMachine(HttpMachine):
    """Holds the server to a wrong model: it must not agree."""

    @initialize()
    def create(self) -> None:
        super().create()
        self.model.__class__ = Forgetful


def test_a_server_that_differs_from_its_model_is_noticed(server: ServerProcess) -> None:
    assert server.url
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            WrongMachine, settings=settings(SETTINGS, max_examples=50)
        )
