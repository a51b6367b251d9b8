"""The cells of a notebook as they ran, which is not the file as it was saved."""

from __future__ import annotations

from .captured import FileToKeep


def capture_notebook() -> FileToKeep | None:
    """Return the cells that ran in this process, as a notebook without outputs.

    None: this is no notebook. Call it at the end of the run; the name of the file goes
    into `Code.notebook`.
    """
    raise NotImplementedError
