"""Runs: begin one, add to it, end it; find them, and what came of what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from ..errors import NotFoundError
from ..transport import Call
from ..wire import (
    BatchTaken,
    Direction,
    KeptFile,
    Lineage,
    MetricPoints,
    Page,
    Run,
    RunBatch,
    RunCreation,
    RunEnd,
    RunStart,
    RunStatus,
    RunSummary,
    Verdict,
    VerdictCreation,
    Why,
    routes,
)
from .paging import Operations, new_key
from .reading import ByteRange, open_stream
from .uploading import Upload, read_upload


class RunOperations(Operations):
    """Record runs, find them, and ask what produced something."""

    async def begin_run(self, repository: str, creation: RunCreation) -> RunStart:
        """Begin a run of `repository`; return it with the key that belongs to it.

        Raises:
            NotFoundError: there is no such repository, or an input is not there.
            PermissionDeniedError: an input may not be read, or an output not written.
        """
        call = Call(
            f"begin a run in '{repository}'",
            "POST",
            routes.fill(routes.RUNS, repository=repository),
            body=creation,
            headers=new_key(),
            repeatable=True,
        )
        return await self._transport.fetch(call, RunStart)

    async def get_url(self) -> str:
        """Return the URL at which other processes reach the server.

        For a directory, this process listens there from now on until it is closed, and
        answers who has the key of a run.

        Raises:
            ServerUnreachableError: it cannot listen.
        """
        return await self._transport.get_url()

    async def append_run(
        self, repository: str, run: str, batch: RunBatch
    ) -> BatchTaken:
        """Add `batch` to the run with the id `run`, which goes on.

        The same batch again adds nothing.

        Raises:
            ConflictError: the run has ended.
            NotFoundError: there is none.
        """
        call = Call(
            f"add to run '{run}'",
            "POST",
            _fill(routes.RUN_BATCHES, repository, run),
            body=batch,
            repeatable=True,
        )
        return await self._transport.fetch(call, BatchTaken)

    async def end_run(self, repository: str, run: str, end: RunEnd) -> Run:
        """Seal the run with the id `run`, and publish its outputs if it succeeded.

        Ending it again in the same way answers the same.

        Raises:
            ConflictError: it has ended in another way.
            NotFoundError: there is none.
        """
        call = Call(
            f"end run '{run}'",
            "POST",
            _fill(routes.RUN_END, repository, run),
            body=end,
            repeatable=True,
        )
        return await self._transport.fetch(call, Run)

    async def keep_run_file(
        self, repository: str, run: str, name: str, body: Upload
    ) -> KeptFile:
        """Keep `body` with the run with the id `run`, under `name`.

        Raises:
            ConflictError: the run has ended.
            OSError: `body` is a file that cannot be read.
        """
        payload = read_upload(body, None)
        headers = {"Content-Type": "application/octet-stream"}
        if payload.size_bytes is not None:
            headers["Content-Length"] = str(payload.size_bytes)
        call = Call(
            f"keep '{name}' with run '{run}'",
            "POST",
            _fill(routes.RUN_FILES, repository, run),
            query=(("name", name),),
            headers=headers,
            stream=payload.make,
            repeatable=payload.repeatable,
        )
        return await self._transport.fetch(call, KeptFile)

    async def read_run_file(self, repository: str, run: str, name: str) -> bytes:
        """Return the file that was kept under `name` with the run with the id `run`.

        Raises:
            NotFoundError: there is none.
        """
        call = Call(
            f"read '{name}' of run '{run}'",
            "GET",
            _fill(routes.RUN_FILES, repository, run),
            query=(("name", name),),
            repeatable=True,
        )
        return await self._read_whole(call)

    async def get_run(self, run: str) -> Run:
        """Return the run with the id `run`, wherever it is.

        The unique beginning of its id will do, and so will the id of its record.

        Raises:
            NotFoundError: there is none, or several begin so.
        """
        path = routes.fill(routes.ANY_RUN, run=run)
        call = Call(f"read run '{run}'", "GET", path, repeatable=True)
        return await self._transport.fetch(call, Run)

    async def find_run(self, run: str) -> Run | None:
        """Return the run with the id `run`, as `get_run` does; None if there is none."""
        try:
            return await self.get_run(run)
        except NotFoundError:
            return None

    def iter_runs(
        self,
        *,
        repository: str | None = None,
        experiment: str | None = None,
        status: RunStatus | None = None,
        user: str | None = None,
        params: Sequence[str] = (),
        metrics: Sequence[str] = (),
        after: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[RunSummary]:
        """Yield the runs that the caller may read, newest first.

        Args:
            params: what parameters must be, such as `lr=0.1`; all of them hold.
            metrics: what last values of metrics must be, such as `auc>0.9`, with `<`,
                `<=`, `=`, `>=` or `>`.
        """
        query = [
            ("repository", repository),
            ("experiment", experiment),
            ("status", status),
            ("user", user),
            *(("param", condition) for condition in params),
            *(("metric", condition) for condition in metrics),
        ]
        call = Call(
            "list runs",
            "GET",
            routes.ALL_RUNS,
            query=tuple((name, value) for name, value in query if value is not None),
            repeatable=True,
        )
        return self._iter_pages(call, Page[RunSummary], after=after, limit=limit)

    async def get_run_metrics(
        self, repository: str, run: str, name: str
    ) -> MetricPoints:
        """Return every point of the metric `name` of the run with the id `run`.

        Raises:
            NotFoundError: there is no such metric.
        """
        call = Call(
            f"read metric '{name}' of run '{run}'",
            "GET",
            _fill(routes.RUN_METRICS, repository, run),
            query=(("name", name),),
            repeatable=True,
        )
        return await self._transport.fetch(call, MetricPoints)

    async def read_run_log(self, repository: str, run: str) -> str:
        """Return what the run with the id `run` wrote on stdout and stderr."""
        path = _fill(routes.RUN_LOG, repository, run)
        call = Call(f"read the log of run '{run}'", "GET", path, repeatable=True)
        return (await self._read_whole(call)).decode(errors="replace")

    async def get_run_record(self, repository: str, run: str) -> bytes:
        """Return the canonical bytes of the sealed run with the id `run`.

        Raises:
            NotFoundError: there is none; a run that goes on has none yet.
        """
        path = _fill(routes.RUN_RECORD, repository, run)
        call = Call(f"read the record of run '{run}'", "GET", path, repeatable=True)
        return await self._read_whole(call)

    async def add_verdict(
        self, repository: str, run: str, verdict: VerdictCreation
    ) -> Verdict:
        """Keep with the run with the id `run` what doing it again came to.

        Raises:
            InvalidRequestError: the other run did not do this one again.
        """
        call = Call(
            f"add a verdict to run '{run}'",
            "POST",
            _fill(routes.RUN_VERDICTS, repository, run),
            body=verdict,
            headers=new_key(),
            repeatable=True,
        )
        return await self._transport.fetch(call, Verdict)

    async def delete_run(self, repository: str, run: str) -> None:
        """Delete the run with the id `run`; for administrators of the repository.

        Raises:
            ConflictError: something needs it: the message says what.
            NotFoundError: there is none.
        """
        path = _fill(routes.RUN, repository, run)
        call = Call(f"delete run '{run}'", "DELETE", path, repeatable=True)
        await self._transport.delete(call)

    async def why(self, subject: str) -> Why:
        """Return what produced `subject`: a run, a version of a model, or an address.

        Raises:
            NotFoundError: there is no such thing, or no run produced it.
        """
        call = Call(
            f"ask why '{subject}' is as it is",
            "GET",
            routes.WHY,
            query=(("subject", subject),),
            repeatable=True,
        )
        return await self._transport.fetch(call, Why)

    async def lineage(
        self,
        subject: str,
        *,
        direction: Direction = "up",
        depth: int | None = None,
        amount: int | None = None,
    ) -> Lineage:
        """Return what `subject` came from, or with the direction `down` what came of it.

        Args:
            depth: how many runs away.
            amount: how many nodes at most.

        Raises:
            NotFoundError: there is no such thing.
        """
        query = [("subject", subject), ("direction", direction)]
        if depth is not None:
            query.append(("depth", str(depth)))
        if amount is not None:
            query.append(("amount", str(amount)))
        call = Call(
            f"follow the lineage of '{subject}'",
            "GET",
            routes.LINEAGE,
            query=tuple(query),
            repeatable=True,
        )
        return await self._transport.fetch(call, Lineage)

    async def _read_whole(self, call: Call) -> bytes:
        async with open_stream(self._transport, call, ByteRange()) as stream:
            return await stream.read()


def _fill(template: str, repository: str, run: str) -> str:
    return routes.fill(template, repository=repository, run=run)
