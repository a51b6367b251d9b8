"""How a run begins, moves data and ends: what is behind `Run`, `AsyncRun` and commands.

All of it blocks, and is called in a thread where that matters.
"""

from __future__ import annotations

import concurrent.futures
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from ..async_client import AsyncClient
from ..blocking.loop import wait_for
from ..capture import mask_text
from ..errors import (
    ClientError,
    ConflictError,
    InvalidRequestError,
    UnauthenticatedError,
)
from ..seeding import current_seeds, seed_everything
from ..wire import runs as wire
from ..wire.runs import (
    INPUTS_CHANGED,
    NOT_PUBLISHED,
    InputWish,
    OutputWish,
    RunEnd,
    RunStart,
)
from . import current
from .addresses import input_wish, output_wish, settle
from .changed_inputs import WATCHED_MAX, explain_changes, watch
from .checkout import check_out
from .late_code import LateCode
from .log_lines import LogSender
from .loggable import as_name, plain_text
from .outbox import warn
from .outcome import (
    Outcome,
    explain_not_uploaded,
    not_published,
)
from .plan import Parts, capture_here, make_creation
from .reach import RunAddress
from .recorder import Recorder
from .recording import Recording, RunInput, Status, place_of
from .sending import declare, judge
from .syncing import send_left_behind, send_of_others
from .uploads import upload
from .variables import find_attached
from .watching import Watched

T = TypeVar("T")

FINISH_VARIABLE = "LAKEBED_RUN_FINISH_S"
FINISH_S = float(os.environ.get(FINISH_VARIABLE) or 60.0)
"""How long the end of a run waits for a server that is away, before it leaves the rest to
a later process: a restart takes seconds, and somebody sits before it."""

AWAY_PAUSE_S = 0.5
"""Between tries to upload to a server that is away; each takes two seconds of its own."""
LAST_TRY_S = 5.0
"""What is left for the end itself, when uploads have taken all of the time."""

OTHERS_S = 5.0
"""How long the end of a run waits for what earlier ones left behind."""
AT_EXIT_S = 10.0
"""The same where the program ends without having ended its run."""


class LiveRun(Recording):
    """A run of this process, with what happens to it."""

    def _ask(self, work: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Run `work` with the key of the run, and wait for it."""
        return wait_for(self._running.call(work))

    def _prepare(self) -> bool:
        """Find out what is recorded before the run begins; False: it has begun already.

        That is so in a process that `lakebed run` started, unless a run goes on in it.
        """
        if self.status != "new":
            raise RuntimeError("the run has begun before: make another one")
        outer = current.current_run()
        attached = find_attached(self._server) if outer is None else None
        if attached is not None:
            self._is_attached = True
            self._lines = LogSender.find(attached.run)
            self._take_up(attached, saved_server=attached.server)
            self.log_params(self._plan.params)
            return False
        if outer is not None and self._plan.parent is None:
            self._plan = self._plan.within(outer.id, outer.repository)
        if self._plan.seed is not None:
            self._seeds = seed_everything(self._plan.seed)
        self._parts = capture_here(self._plan)
        return True

    def _creation(self) -> wire.RunCreation:
        return make_creation(self._plan, self._parts, seeds=self._seeds)

    def _begin(self, start: RunStart, url: str) -> None:
        """Take up the run that the server began at our request."""
        address = RunAddress(
            url,
            start.run.repository,
            start.run.id,
            start.access_key_id,
            start.secret_access_key,
        )
        saved = place_of(self._server)
        self._take_up(address, saved_server=saved)
        self._others = self._running.call(
            lambda _: send_of_others(saved, address.server)
        )
        parts, self._parts = self._parts, None
        if parts is None:
            return
        self._keep_parts(parts)

    def _keep_parts(self, parts: Parts) -> None:
        recorder = self._running
        for missing in parts.missing:
            recorder.add_missing(missing.what, missing.reason)
        if parts.captured is not None:
            for kept in parts.captured.files:
                recorder.keep(kept.name, kept.content)
            self._late_code = LateCode(parts.captured.code)

    def _take_up(self, address: RunAddress, *, saved_server: str) -> None:
        self._address = address
        self._recorder = Recorder(
            address,
            is_owner=not self._is_attached,
            lost_after_s=self._plan.lost_after_s,
            saved_server=saved_server,
        )
        self._recorder.start()
        for missing in self._plan.missing:
            self._recorder.add_missing(missing.what, missing.reason)
        self.status = "running"
        self._token = current.enter(self)

    def _input(self, address: str, local: str | Path | None) -> RunInput:
        known = self._known
        wish = input_wish(address, local)

        async def work(lake: AsyncClient) -> RunInput:
            await declare(lake, known, inputs=[wish])
            run = await lake.get_run(known.run)
            commit = _find_commit(run, wish)
            where = None if local is None else Path(local)
            return RunInput(wish.repository, wish.ref, commit, wish.path, where)

        pinned = self._ask(work)
        if local is not None:
            self._check_out(wish, Path(local))
        return pinned

    def _check_out(self, wish: InputWish, target: Path) -> None:
        with self._watching(wish.path) as watched:
            files = self._ask(lambda lake: check_out(lake, wish, target, watched))
        room = WATCHED_MAX - len(self._local_inputs)
        self._local_inputs += islice(watch(files), room)

    def _watching(self, name: str) -> AbstractContextManager[Watched | None]:
        return nullcontext() if self._watch is None else self._watch(name)

    def _output(self, local: str | Path, address: str) -> str:
        wish = settle(output_wish(local, address), Path(local))
        self._upload(wish, Path(local))
        return f"lakebed://{wish.repository}/{wish.branch}/{wish.path}"

    def _keep(self, file: str | Path | bytes, name: str | None) -> None:
        if isinstance(file, bytes):
            if name is None:
                raise ValueError("bytes need a name to be kept under")
            self._running.keep(as_name("kept file", name), file)
            return
        path = Path(file)
        name = as_name("kept file", name or path.name)
        self._running.keep(name, path.read_bytes())

    def _upload_declared(self) -> None:
        """Upload the outputs that were declared at the start.

        Raises:
            InvalidRequestError: one is not there.
        """
        for wish in self._plan.outputs:
            if wish.local is None or wish.local in self._uploaded:
                continue
            place = self._place(wish.local)
            if not place.exists():
                raise InvalidRequestError(f"output '{wish.local}' is not there")
            self._upload(settle(wish, place), place)

    def _upload_patiently(self, by_s: float) -> None:
        """Upload what was declared; while the server is away, try until `by_s`.

        Ctrl-C ends the waiting, and what the server said last is why.
        """
        away: Exception | None = None
        try:
            while True:
                try:
                    self._upload_declared()
                except (ClientError, OSError) as error:
                    if not _is_away(error) or time.monotonic() >= by_s:
                        raise
                    away = error
                    time.sleep(AWAY_PAUSE_S)
                else:
                    return
        except KeyboardInterrupt:
            if away is None:
                raise
            raise away from None

    def _upload(self, wish: OutputWish, place: Path) -> None:
        """Upload what is at `place`, and declare it."""
        known = self._known

        with self._watching(wish.path) as watched:

            async def work(lake: AsyncClient) -> None:
                await upload(lake, place, wish, watched)
                await declare(lake, known, outputs=[wish])

            self._ask(work)
        if wish.local is not None:
            self._uploaded.add(wish.local)

    def _place(self, local: str) -> Path:
        """Return where a file of ours is."""
        return Path(local)

    def _finish(self, outcome: Outcome, *, message: str) -> None:
        """End the run and wait until the server knows.

        In a forked child only what it logged is brought out: who began the run ends it.
        """
        recorder = self._running
        if self.pid != os.getpid():
            recorder.flush(FINISH_S)
            return
        changes = explain_changes(self._local_inputs, self._place(".").absolute())
        if changes:
            recorder.add_missing(INPUTS_CHANGED, changes)
        failure: Exception | None = None
        by_s = time.monotonic() + FINISH_S
        if outcome.status == "succeeded":
            try:
                self._upload_patiently(by_s)
            except (ClientError, OSError) as error:
                failure = error
                if _is_away(error):
                    by_s = time.monotonic()  # we have waited, or nobody wants us to
                recorder.add_missing("outputs", f"{NOT_PUBLISHED}{error}")
                outcome = replace(outcome, status="failed", reason=str(error))
        self._log_reason(recorder, outcome)
        self._record_the_end(recorder)
        if self._is_attached:
            recorder.flush(_left_s(by_s))
            self._over(outcome.status)
        else:
            self._seal(recorder, outcome, message, by_s)
        if failure is not None:
            failure.args = (self._explain(failure),)
            raise failure

    def _explain(self, failure: Exception) -> str:
        left = [
            each.local
            for each in self._plan.outputs
            if each.local is not None and each.local not in self._uploaded
        ]
        return explain_not_uploaded(failure, left if _is_away(failure) else [])

    def _log_reason(self, recorder: Recorder, outcome: Outcome) -> None:
        """Say in the log why the run failed; of a command its own output tells that."""
        if outcome.reason and not self._is_attached:
            recorder.log_text(mask_text(outcome.reason) + "\n")

    def _record_the_end(self, recorder: Recorder) -> None:
        seeds = current_seeds() if self.is_of_this_process else None
        if seeds is not None:
            recorder.pending.set_part("seeds", msgspec.to_builtins(seeds))
        self._late_code.record(recorder, with_cells=self.is_of_this_process)

    def _seal(
        self, recorder: Recorder, outcome: Outcome, message: str, by_s: float
    ) -> None:
        end = RunEnd(
            status=outcome.status,
            exit_code=outcome.exit_code,
            ended_ms=time.time_ns() // 1_000_000,
            message=plain_text(message),
        )
        try:
            self._ask(lambda lake: send_left_behind(lake, self._known))
            self.result = recorder.finish(end, timeout_s=_left_s(by_s))
        except (UnauthenticatedError, ConflictError) as error:
            # An answer was lost, and the key has ended with the run; or it is sealed.
            self.result = self._look_up()
            if self.result is None or self.result.status == "running":
                raise error from None
        finally:
            self._over(outcome.status)
        if self.result is None:
            warn(
                f"run {self.id[:12]}: the server does not know yet that it has ended as "
                f"{outcome.status}; 'lakebed runs sync' tells it what waits"
                + ("" if outcome.status == "succeeded" else ", and publishes nothing")
            )
            return
        self.status = self.result.status
        if self.result.status != outcome.status:
            raise not_published(self.result)

    def end_now(self, outcome: Outcome) -> None:
        """End the run while the process ends: nothing is uploaded any more."""
        if self._recorder is None:
            return
        self._log_reason(self._recorder, outcome)
        with suppress(Exception):  # the cells of a notebook; its end counts more
            self._record_the_end(self._recorder)
        if self._is_attached:
            self._recorder.flush(AT_EXIT_S)
        else:
            end = RunEnd(
                status=outcome.status,
                exit_code=outcome.exit_code,
                ended_ms=time.time_ns() // 1_000_000,
            )
            left_behind = self._recorder.call(
                lambda lake: send_left_behind(lake, self._known)
            )
            concurrent.futures.wait([left_behind], AT_EXIT_S)
            self._recorder.finish(end, timeout_s=AT_EXIT_S)
        self._over(outcome.status)

    def _look_up(self) -> wire.Run | None:
        """Return the run as who began it sees it, with their own key."""
        raise NotImplementedError

    def _over(self, status: Status) -> None:
        self.status = status
        current.leave(self, self._token)
        if self._others is not None:
            concurrent.futures.wait([self._others], OTHERS_S)
        if self._recorder is not None:
            self._recorder.close()


def _is_away(error: Exception) -> bool:
    return judge(error) == "away"


def _left_s(by_s: float) -> float:
    """Return how long the end may wait still; what uploads took is gone."""
    return max(by_s - time.monotonic(), min(FINISH_S, LAST_TRY_S))


def _find_commit(run: wire.Run, wish: wire.InputWish) -> str:
    for found in run.inputs:
        if (found.repository, found.ref, found.path) == (
            wish.repository,
            wish.ref,
            wish.path,
        ):
            return found.commit
    return wish.ref
