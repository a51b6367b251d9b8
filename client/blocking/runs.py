"""Runs, without `await`: see `operations/runs.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..wire import (
    BatchTaken,
    Direction,
    KeptFile,
    Lineage,
    MetricPoints,
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
)
from .operations import BlockingOperations
from .streams import BlockingUpload, as_upload


class BlockingRunOperations(BlockingOperations):
    """Record runs, find them, and ask what produced something."""

    def begin_run(self, repository: str, creation: RunCreation) -> RunStart:
        """Begin a run of `repository`; return it with the key that belongs to it.

        Raises:
            NotFoundError: there is no such repository, or an input is not there.
            PermissionDeniedError: an input may not be read, or an output not written.
        """
        return self._loop.run(self._lake.begin_run(repository, creation))

    def get_url(self) -> str:
        """Return the URL at which other processes reach the server.

        For a directory, this process listens there from now on until it is closed, and
        answers who has the key of a run.

        Raises:
            ServerUnreachableError: it cannot listen.
        """
        return self._loop.run(self._lake.get_url())

    def append_run(self, repository: str, run: str, batch: RunBatch) -> BatchTaken:
        """Add `batch` to the run with the id `run`, which goes on.

        The same batch again adds nothing.

        Raises:
            ConflictError: the run has ended.
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.append_run(repository, run, batch))

    def end_run(self, repository: str, run: str, end: RunEnd) -> Run:
        """Seal the run with the id `run`, and publish its outputs if it succeeded.

        Ending it again in the same way answers the same.

        Raises:
            ConflictError: it has ended in another way.
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.end_run(repository, run, end))

    def keep_run_file(
        self, repository: str, run: str, name: str, body: BlockingUpload
    ) -> KeptFile:
        """Keep `body` with the run with the id `run`, under `name`.

        Raises:
            ConflictError: the run has ended.
            OSError: `body` is a file that cannot be read.
        """
        return self._loop.run(
            self._lake.keep_run_file(repository, run, name, as_upload(body))
        )

    def read_run_file(self, repository: str, run: str, name: str) -> bytes:
        """Return the file that was kept under `name` with the run with the id `run`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.read_run_file(repository, run, name))

    def get_run(self, run: str) -> Run:
        """Return the run with the id `run`, wherever it is.

        The unique beginning of its id will do, and so will the id of its record.

        Raises:
            NotFoundError: there is none, or several begin so.
        """
        return self._loop.run(self._lake.get_run(run))

    def find_run(self, run: str) -> Run | None:
        """Return the run with the id `run`, as `get_run` does; None if there is none."""
        return self._loop.run(self._lake.find_run(run))

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
    ) -> Iterator[RunSummary]:
        """Yield the runs that the caller may read, newest first.

        Args:
            params: what parameters must be, such as `lr=0.1`; all of them hold.
            metrics: what last values of metrics must be, such as `auc>0.9`, with `<`,
                `<=`, `=`, `>=` or `>`.
        """
        return self._loop.iterate(
            self._lake.iter_runs(
                repository=repository,
                experiment=experiment,
                status=status,
                user=user,
                params=params,
                metrics=metrics,
                after=after,
                limit=limit,
            )
        )

    def get_run_metrics(self, repository: str, run: str, name: str) -> MetricPoints:
        """Return every point of the metric `name` of the run with the id `run`.

        Raises:
            NotFoundError: there is no such metric.
        """
        return self._loop.run(self._lake.get_run_metrics(repository, run, name))

    def read_run_log(self, repository: str, run: str) -> str:
        """Return what the run with the id `run` wrote on stdout and stderr."""
        return self._loop.run(self._lake.read_run_log(repository, run))

    def get_run_record(self, repository: str, run: str) -> bytes:
        """Return the canonical bytes of the sealed run with the id `run`.

        Raises:
            NotFoundError: there is none; a run that goes on has none yet.
        """
        return self._loop.run(self._lake.get_run_record(repository, run))

    def add_verdict(
        self, repository: str, run: str, verdict: VerdictCreation
    ) -> Verdict:
        """Keep with the run with the id `run` what doing it again came to.

        Raises:
            InvalidRequestError: the other run did not do this one again.
        """
        return self._loop.run(self._lake.add_verdict(repository, run, verdict))

    def delete_run(self, repository: str, run: str) -> None:
        """Delete the run with the id `run`; for administrators of the repository.

        Raises:
            ConflictError: something needs it: the message says what.
            NotFoundError: there is none.
        """
        self._loop.run(self._lake.delete_run(repository, run))

    def why(self, subject: str) -> Why:
        """Return what produced `subject`: a run, a version of a model, or an address.

        Raises:
            NotFoundError: there is no such thing, or no run produced it.
        """
        return self._loop.run(self._lake.why(subject))

    def lineage(
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
        return self._loop.run(
            self._lake.lineage(subject, direction=direction, depth=depth, amount=amount)
        )
