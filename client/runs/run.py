"""A run from Python: `with lake.run(...) as run`, as a decorator, or with start and end.

    with lake.run("baseline", inputs=["lakebed://penguins/main/birds.csv"], seed=7) as run:
        run.log_params({"depth": 3})
        for step in range(100):
            run.log_metric("loss", train(), step=step)
        run.output("model.json", "lakebed://penguins/main/model.json")

An exception ends the run as failed, Ctrl-C as interrupted: then nothing is published, and
all that was logged is kept. What is still going on when the process ends is ended as
interrupted, or as failed after an exception.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from .. import wire
from ..errors import ClientError
from . import current
from .arguments import params_of_call
from .live import LiveRun
from .outbox import warn
from .outcome import EndStatus, Outcome, outcome_of, plain_code
from .plan import Plan
from .recording import RunInput, Status

if TYPE_CHECKING:
    from ..blocking.handles.lake import Lake
    from ..handles.lake import AsyncLake

P = ParamSpec("P")
R = TypeVar("R")


class Run(LiveRun):
    """A run; made by `lake.run`, begun by `with` or `start`."""

    def __init__(self, lake: Lake, plan: Plan) -> None:
        super().__init__(plan, lake.server)
        self._lake = lake
        self._as_run: Lake | None = None

    @property
    def lake(self) -> Lake:
        """The lake as the run sees it: what is read is pinned and recorded.

        And what is written is published when the run has succeeded. It closes with the run.
        """
        _ = self._running
        if self._as_run is None:
            from ..connecting import connect

            known = self._known
            self._as_run = connect(
                known.server,
                access_key_id=known.access_key_id,
                secret_access_key=known.secret_access_key,
            )
        return self._as_run

    def start(self) -> Self:
        """Begin the run, where `with` does not fit: in a notebook. `end` ends it.

        Raises:
            InvalidRequestError: nothing says which repository it belongs to.
            NotFoundError: an input, or the repository, is not there.
        """
        if self._prepare():
            client = self._lake.client
            repository = self._plan.choose_repository()
            started = client.begin_run(repository, self._creation())
            self._begin(started, client.get_url())
        return self

    def end(
        self,
        status: EndStatus = "succeeded",
        *,
        exit_code: int | None = None,
        message: str = "",
    ) -> wire.Run | None:
        """End the run; if it succeeded, what it wrote is published as one commit.

        Returns all that is known of it; None if the server is away, and hears of it
        later. `message` is that of the commit.

        Raises:
            RunNotPublishedError: what it wrote could not be published.
        """
        self._finish(_outcome(status, exit_code), message=message)
        return self.result

    def input(self, address: str, local: str | Path | None = None) -> RunInput:
        """Declare an input; with `local` it is written there. Returns what it was pinned to.

        Raises:
            InvalidRequestError: another file is there at `local`.
            NotFoundError: there is no such input.
        """
        return self._input(address, local)

    def output(self, local: str | Path, address: str) -> str:
        """Upload a file or folder; it is published when the run has succeeded.

        Returns the address that it will have.

        Raises:
            InvalidRequestError: there is no such file.
            PermissionDeniedError: the branch may not be written to.
        """
        return self._output(local, address)

    def keep(self, file: str | Path | bytes, name: str | None = None) -> None:
        """Keep a small file with the run, under its name or `name`: a plot, a report.

        Raises:
            OSError: it cannot be read.
            ValueError: it is larger than a gigabyte.
        """
        self._keep(file, name)

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until the server has all that was logged so far; tell whether it has."""
        return self._running.flush(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if self.is_going_on:
            _close(lambda: self._finish(outcome_of(error), message=""), error)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate `function`: each call is a run, its plain arguments are parameters.

        Raises:
            TypeError: it is a generator.
        """
        _check_decorated(function)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._again(function, args, kwargs):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", awaited)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._again(function, args, kwargs):
                return function(*args, **kwargs)

        return called

    def _again(
        self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Run:
        return type(self)(self._lake, plan_of_call(self._plan, function, args, kwargs))

    def _look_up(self) -> wire.Run | None:
        with suppress(ClientError, RuntimeError):
            return self._lake.client.get_run(self.id)
        return None

    def _over(self, status: Status) -> None:
        super()._over(status)
        if self._as_run is not None:
            self._as_run.close()


class AsyncRun(LiveRun):
    """A run; made by `lake.run`, begun by `async with` or `start`.

    What only logs needs no `await`.
    """

    def __init__(self, lake: AsyncLake, plan: Plan) -> None:
        super().__init__(plan, lake.server)
        self._lake = lake
        self._as_run: AsyncLake | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def lake(self) -> AsyncLake:
        """The lake as the run sees it: what is read is pinned and recorded.

        And what is written is published when the run has succeeded. It closes with the run.
        """
        _ = self._running
        assert self._as_run is not None
        return self._as_run

    async def start(self) -> Self:
        """Begin the run, where `with` does not fit: in a notebook. `end` ends it.

        Raises:
            InvalidRequestError: nothing says which repository it belongs to.
            NotFoundError: an input, or the repository, is not there.
        """
        self._loop = asyncio.get_running_loop()
        # Not in a thread: it sets seeds, and the context variable of this task.
        if self._prepare():
            client = self._lake.client
            repository = self._plan.choose_repository()
            started = await client.begin_run(repository, self._creation())
            self._begin(started, await client.get_url())
        from ..connecting import connect_async

        known = self._known
        self._as_run = connect_async(
            known.server,
            access_key_id=known.access_key_id,
            secret_access_key=known.secret_access_key,
        )
        await self._as_run.__aenter__()
        return self

    async def end(
        self,
        status: EndStatus = "succeeded",
        *,
        exit_code: int | None = None,
        message: str = "",
    ) -> wire.Run | None:
        """End the run; if it succeeded, what it wrote is published as one commit.

        Returns all that is known of it; None if the server is away, and hears of it
        later. `message` is that of the commit.

        Raises:
            RunNotPublishedError: what it wrote could not be published.
        """
        outcome = _outcome(status, exit_code)
        try:
            await asyncio.to_thread(self._finish, outcome, message=message)
        finally:
            await self._close_lake()
        return self.result

    async def input(self, address: str, local: str | Path | None = None) -> RunInput:
        """Declare an input; with `local` it is written there. Returns what it was pinned to.

        Raises:
            InvalidRequestError: another file is there at `local`.
            NotFoundError: there is no such input.
        """
        return await asyncio.to_thread(self._input, address, local)

    async def output(self, local: str | Path, address: str) -> str:
        """Upload a file or folder; it is published when the run has succeeded.

        Returns the address that it will have.

        Raises:
            InvalidRequestError: there is no such file.
            PermissionDeniedError: the branch may not be written to.
        """
        return await asyncio.to_thread(self._output, local, address)

    async def keep(self, file: str | Path | bytes, name: str | None = None) -> None:
        """Keep a small file with the run, under its name or `name`: a plot, a report.

        Raises:
            OSError: it cannot be read.
            ValueError: it is larger than a gigabyte.
        """
        await asyncio.to_thread(self._keep, file, name)

    async def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until the server has all that was logged so far; tell whether it has."""
        return await asyncio.to_thread(self._running.flush, timeout_s)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if self.is_going_on:
            outcome = outcome_of(error)
            try:
                await asyncio.to_thread(
                    _close, lambda: self._finish(outcome, message=""), error
                )
            finally:
                await self._close_lake()

    async def _close_lake(self) -> None:
        if self._as_run is not None:
            await self._as_run.close()

    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]]
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        """Decorate `function`: each call is a run, its plain arguments are parameters.

        Raises:
            TypeError: it is a generator.
        """
        _check_decorated(function)

        @functools.wraps(function)
        async def called(*args: P.args, **kwargs: P.kwargs) -> R:
            plan = plan_of_call(self._plan, function, args, kwargs)
            async with AsyncRun(self._lake, plan):
                return await function(*args, **kwargs)

        return called

    def _look_up(self) -> wire.Run | None:
        if self._loop is None or self._loop.is_closed():
            return None
        asked = asyncio.run_coroutine_threadsafe(
            self._lake.client.get_run(self.id), self._loop
        )
        with suppress(ClientError, RuntimeError):
            return asked.result()
        return None


def plan_of_call(
    plan: Plan, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
) -> Plan:
    """Return `plan` for one call of a decorated function: what it was called with."""
    params, missing = params_of_call(function, args, kwargs)
    return replace(
        plan,
        experiment=plan.experiment or function.__name__,
        params={**params, **plan.params},
        missing=missing,
    )


def _check_decorated(function: Callable[..., Any]) -> None:
    """Return if a call of `function` lasts as long as what it does.

    Raises:
        TypeError: it is a generator.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"cannot decorate '{function.__name__}': a generator works after it was "
            "called; begin the run in it, with `with`"
        )


def _outcome(status: EndStatus, exit_code: int | None) -> Outcome:
    defaults = {"succeeded": 0, "failed": 1, "interrupted": 130}
    if status not in defaults:
        raise ValueError(
            f"a run ends as succeeded, failed or interrupted, not as '{status}'"
        )
    return Outcome(
        status, defaults[status] if exit_code is None else plain_code(exit_code)
    )


def _close(finish: Callable[[], None], error: BaseException | None) -> None:
    """End a run; what goes wrong in it never hides `error`."""
    try:
        finish()
    except (ClientError, OSError) as failure:
        if error is None:
            raise
        warn(str(failure))


@atexit.register
def _end_at_exit() -> None:
    """End what nobody ended: whether it was a success, nobody has said."""
    for run in current.going_on():
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        outcome = outcome_of(error)
        if error is None:
            outcome = Outcome("interrupted", 0, "the process ended before run.end()")
        with suppress(Exception):
            if isinstance(run, LiveRun) and run.is_going_on:
                run.end_now(outcome)
