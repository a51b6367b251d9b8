"""A run that goes on, as programs see it: what it is, and what is logged.

What is only logged never waits and never fails because of the server. What moves data or
asks for an answer is in `live.py`: it waits, and says what went wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future
from contextvars import Token
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, SupportsFloat, SupportsIndex

from .. import tables
from ..capture import mask_text
from ..wire import runs as wire
from ..wire.run_parts import Seeds
from .changed_inputs import LocalInput
from .late_code import LateCode
from .log_lines import LogSender
from .loggable import as_line, as_name, as_number, as_step, clean_params
from .output_log import shorten_text
from .plan import Parts, Plan
from .reach import RunAddress
from .recorder import Recorder
from .variables import REGION, environment_of, s3_endpoint
from .watching import Watch

Status = Literal["new", "running", "succeeded", "failed", "interrupted", "lost"]


@dataclass(frozen=True, slots=True)
class RunInput:
    """An input of a run, pinned."""

    repository: str
    ref: str
    commit: str
    path: str
    local: Path | None = None
    """Where it was checked out to."""

    @property
    def address(self) -> str:
        """Where it can be read, whatever happens to the branch."""
        return f"lakebed://{self.repository}/{self.commit}/{self.path}"


class Recording:
    """A run of this process."""

    is_of_this_process = True
    """Whether seeds that are set here, and cells that run here, are those of the run."""

    def __init__(self, plan: Plan, server: str) -> None:
        self._plan = plan
        self._server = server
        self.pid = os.getpid()
        self._recorder: Recorder | None = None
        self._address: RunAddress | None = None
        self._is_attached = False
        self._lines: LogSender | None = None
        self._token: Token[Recording | None] | None = None
        self._parts: Parts | None = None
        self._seeds: Seeds | None = None
        self._late_code = LateCode()
        self._uploaded: set[str] = set()
        self._local_inputs: list[LocalInput] = []
        self._watch: Watch | None = None
        self._others: Future[None] | None = None
        self.status: Status = "new"
        self.result: wire.Run | None = None
        """All that is known of the run, when it has ended."""

    # What it is ----------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._known.run

    @property
    def repository(self) -> str:
        """The repository that the run belongs to."""
        return self._known.repository

    @property
    def experiment(self) -> str:
        """What the run was begun as."""
        return self._plan.experiment

    @property
    def parent(self) -> str | None:
        """The id of the run that it is a part of."""
        return self._plan.parent

    @property
    def is_going_on(self) -> bool:
        """Whether it has begun and not ended."""
        return self.status == "running"

    @property
    def is_attached(self) -> bool:
        """Whether somebody else began it (`lakebed run`), and will end it."""
        return self._is_attached

    @property
    def seed(self) -> int | None:
        """The seed of the run, if it has one."""
        if self._plan.seed is not None:
            return self._plan.seed
        return self._seeds.seed if self._seeds is not None else None

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a process a part of the run: `env=os.environ | ...`.

        The key in them counts until the run ends.
        """
        return dict(environment_of(self._known).set)

    @property
    def storage_options(self) -> dict[str, str]:
        """What `lakebed://` of fsspec needs to read and write as a part of the run."""
        known = self._known
        return {
            "server": known.server,
            "access_key_id": known.access_key_id,
            "secret_access_key": known.secret_access_key,
        }

    @property
    def s3_options(self) -> dict[str, str]:
        """What `boto3.client("s3", **...)` needs to read and write as a part of the run."""
        known = self._known
        return {
            "endpoint_url": s3_endpoint(known.server),
            "aws_access_key_id": known.access_key_id,
            "aws_secret_access_key": known.secret_access_key,
            "region_name": REGION,
        }

    def speaks_for(self, server: str) -> RunAddress | None:
        """Return where and how to ask as the run, if `server` is its server."""
        known = self._known
        named = {known.server, self._server, place_of(self._server)}
        return known if self.pid == os.getpid() and server in named else None

    # What is logged -------------------------------------------------------------------

    def log_param(self, name: str, value: object) -> None:
        """Record one parameter; what is no number, text, boolean or None as its text."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Record parameters; values of names like `password` are masked.

        Raises:
            InvalidRequestError: a name is empty, too long or not printable; a whole number
                has more than 64 bits, a text more than 16,384 characters.
            TypeError: a name is no text.
        """
        cleaned = clean_params(params)
        recorder = self._running
        recorder.pending.add_params(cleaned)

    def log_metric(
        self,
        name: str,
        value: SupportsFloat | SupportsIndex,
        *,
        step: SupportsIndex | None = None,
    ) -> None:
        """Record one point of the metric `name`; without `step` at the next one.

        Raises:
            TypeError: `value` is no number, or `step` no whole one.
            InvalidRequestError: `name` is empty, too long or not printable; `step` has
                more than 64 bits.
        """
        name = as_name("metric", name)
        number, at = as_number(name, value), as_step(step)
        self._running.log_point(name, number, at)

    def log_metrics(
        self,
        metrics: Mapping[str, SupportsFloat | SupportsIndex],
        *,
        step: SupportsIndex | None = None,
    ) -> None:
        """Record one point of each of `metrics`; none, if one cannot be recorded.

        Raises:
            TypeError, InvalidRequestError: as for `log_metric`.
        """
        at = as_step(step)
        points = [
            (as_name("metric", name), as_number(name, value))
            for name, value in metrics.items()
        ]
        recorder = self._running
        for name, number in points:
            recorder.log_point(name, number, at)

    def log(self, text: object) -> None:
        """Add a line to the log of the run; what looks like a secret is masked.

        What is no text is logged as it prints. Of more than a million characters the
        beginning and the end are kept.
        """
        line = mask_text(shorten_text(as_line(text))).rstrip("\n") + "\n"
        recorder = self._running
        if self._lines is None or not self._lines.send(line):
            recorder.log_text(line)

    # Behind the twins -----------------------------------------------------------------

    @property
    def _known(self) -> RunAddress:
        if self._address is None:
            raise RuntimeError(
                "the run has not begun: use it in a `with` statement, or call start()"
            )
        return self._address

    @property
    def _running(self) -> Recorder:
        if self._recorder is None or self.status == "new":
            raise RuntimeError(
                "the run has not begun: use it in a `with` statement, or call start()"
            )
        if not self.is_going_on:
            raise RuntimeError(f"run '{self.id[:12]}' has ended: {self.status}")
        return self._recorder

    def __repr__(self) -> str:
        name = f" of '{self.experiment}'" if self.experiment else ""
        begun = f" {self.id[:12]}" if self._address is not None else ""
        return f"<run{begun}{name}: {self.status}>"

    def _repr_html_(self) -> str:
        facts = [("status", self.status), ("experiment", self.experiment)]
        if self._address is not None:
            facts = [("id", self.id), ("repository", self.repository), *facts]
        return tables.facts("run", facts)


def place_of(server: str) -> str:
    """Return an URL as it is, and a directory as others find it."""
    if "://" in server:
        return server
    return str(Path(server).expanduser().absolute())
