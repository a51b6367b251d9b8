"""Which run people mean: by its id, as what produced a version of a model, or a file."""

from __future__ import annotations

from typing import Protocol

from ..wire import Run, Why


class Asking(Protocol):
    """What is asked of the client."""

    async def get_run(self, run: str) -> Run:
        """Return a run by its id."""
        ...

    async def why(self, subject: str) -> Why:
        """Return what produced `subject`."""
        ...


async def find_run(lake: Asking, subject: str) -> Run:
    """Return the run `subject`, or the one that produced it.

    Args:
        subject: RUN, MODEL@ALIAS, MODEL@VERSION, or lakebed://REPO/REF/PATH.

    Raises:
        NotFoundError: there is none.
    """
    if "@" in subject or "/" in subject:
        return (await lake.why(subject)).run
    return await lake.get_run(subject)
