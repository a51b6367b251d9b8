"""What one transaction does for a group: records its frames, and runs what each asks.

`writer.py` opens the transaction, commits it, and says what a failure means.
"""

from __future__ import annotations

from ..chunks.index import StoredFrame
from ..errors import PackGoneError, RefNotFoundError
from ..ids import Kind
from .chunks import ensure_stored, pack_ids, record_frames
from .database import Session
from .driving import drive
from .staging import stage
from .submission import Action, Staging, Submission, fail
from .transaction import SqlTransaction


class GroupTransaction:
    """The inside of the open transaction of `session`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._transaction = SqlTransaction(session)

    def record(self, group: list[Submission]) -> list[Submission]:
        """Record the frames of `group`; return those that must be prepared again.

        Those are they whose frame was stored when the preparer looked, and has been
        collected since.
        """
        again: list[Submission] = []
        by_kind: dict[Kind, list[bytes]] = {}
        names: set[str] = set()
        for one in group:
            for kind, frame_id in one.ensured:
                by_kind.setdefault(kind, []).append(frame_id)
            for frame in one.located:
                names.add(frame.location.pack)
        if not names and not by_kind:
            return again
        stored = {
            kind: ensure_stored(self._session, kind, ids)
            for kind, ids in by_kind.items()
        }
        packs = pack_ids(self._session, names)
        frames: list[StoredFrame] = []
        for one in group:
            gone = [f for f in one.located if f.location.pack not in packs]
            if gone:
                one.error = PackGoneError(gone[0].location.pack)
            elif any(found not in stored[kind] for kind, found in one.ensured):
                again.append(one)
            else:
                frames += one.located
        record_frames(self._session, frames, packs)
        return again

    def run_actions(self, group: list[Submission], again: list[Submission]) -> None:
        """Run the actions of `group` but for `again`, each by itself.

        Raises:
            LakeError: the transaction is lost.
        """
        stagings: list[tuple[Submission, Staging]] = []
        for one in group:
            if one.error is not None or one in again:
                continue
            if isinstance(one.action, Staging):
                stagings.append((one, one.action))
                continue
            self._stage_together(stagings)
            stagings.clear()
            self._run_action(one, one.action)
        self._stage_together(stagings)

    def _run_action(self, one: Submission, action: Action) -> None:
        run = self._session.run
        transaction = self._transaction
        run("SAVEPOINT one")
        transaction.begin()
        try:
            one.result = drive(action(transaction))
        except Exception as error:
            if self._session.failed is not None:
                raise self._session.failed from error
            one.error = error
            run("ROLLBACK TO one")
        finally:
            transaction.end()
        if self._session.failed is not None:
            raise self._session.failed  # an action must not hide it
        run("RELEASE one")

    def _stage_together(self, stagings: list[tuple[Submission, Staging]]) -> None:
        """Stage what follows each other without an action in between.

        The one thing that can be wrong with one of them, a branch that is not there, is
        seen before anything is written: so they need no savepoints.
        """
        by_branch: dict[int, list[tuple[Submission, Staging]]] = {}
        for pair in stagings:
            by_branch.setdefault(pair[1].branch_id, []).append(pair)
        for branch_id, pairs in by_branch.items():
            if not stage(self._session, branch_id, [each.change for _, each in pairs]):
                error = RefNotFoundError("", f"#{branch_id}", what="branch")
                fail([one for one, _ in pairs], error)
