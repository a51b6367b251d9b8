"""Which run people mean: by its id, as what produced a version of a model, or a file."""

from __future__ import annotations

from typing import Protocol

from ..errors import PermissionDeniedError
from ..wire import Run, Why


class Asking(Protocol):
    """What is asked of the client."""

    async def why(self, subject: str) -> Why:
        """Return what produced `subject`."""
        ...


async def find_run(lake: Asking, subject: str) -> Run:
    """Return the run `subject`, or the one that produced it.

    Args:
        subject: RUN, MODEL, MODEL@ALIAS, MODEL@VERSION, or lakebed://REPO/REF/PATH.

    Raises:
        NotFoundError: there is none.
        PermissionDeniedError: it is of a repository that the caller may not read.
    """
    # What is no address may be a run or a model: that is the server's to tell.
    found = await lake.why(subject)
    if found.run is None:
        raise PermissionDeniedError(
            f"access denied: '{subject}' was made by a run of a repository that you may "
            "not read"
        )
    return found.run
