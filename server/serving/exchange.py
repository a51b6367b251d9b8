"""What is known of one request while it runs: for its answer, log lines and figures.

The server makes one for each request and the protocol that answers fills it in. Names of
operations come from the tables of the protocols only, never from a request.
"""

from __future__ import annotations

import os
from time import perf_counter

from aiohttp import web

from ..errors import LakeError, UnauthenticatedError

UNKNOWN_OPERATION = "-"
"""Of a request that was refused before it was known what it asks for."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "failure",
        "has_asked",
        "only_runs",
        "operation",
        "protocol",
        "refusal",
        "request_id",
        "started_s",
        "user",
    )

    def __init__(self) -> None:
        """Begin."""
        self.request_id = os.urandom(8).hex().upper()
        self.protocol = "http"
        """What answers: `s3`, `rest`; before that is known, only that it is HTTP."""
        self.operation = UNKNOWN_OPERATION
        self.user: str | None = None
        """Who asks, once that is proven."""
        self.failure: str | None = None
        """What went wrong on our side: the name of an error class, or `defect`."""
        self.refusal: LakeError | None = None
        """Why it must be refused, whatever it asks for."""
        self.has_asked = False
        """Whether a client that waits for `100 Continue` has been told it."""
        self.only_runs = False
        """Whether nobody is let in but with the key of a run."""
        self.started_s = perf_counter()

    def identify(self, user: str | None, *, is_run: bool) -> None:
        """Note who asks; None is anybody.

        Raises:
            UnauthenticatedError: only runs are let in here.
        """
        if self.only_runs and not is_run:
            raise UnauthenticatedError(
                "cannot sign in: here only the key of a run that goes on is taken"
            )
        self.user = user

    def check(self) -> None:
        """Return if the request may be looked at.

        Raises:
            BusyError, HeadTooLargeError: it is over a limit.
        """
        if self.refusal is not None:
            raise self.refusal


EXCHANGE = web.RequestKey("lakebed_exchange", Exchange)
