"""The code of a run, put into a folder as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..wire import Code

ReadFile = Callable[[str], bytes]
"""Returns the content of a kept file of the run, by its name."""


@dataclass(frozen=True, slots=True)
class RestoredCode:
    """Code as it was."""

    root: Path
    """The work tree."""
    directory: Path
    """Where the command ran, in it."""
    notes: tuple[str, ...] = ()
    """What is not as it was, a sentence each."""


def restore_code(
    code: Code,
    read_file: ReadFile,
    into: Path,
    *,
    fetch_from: Path | str | None = None,
) -> RestoredCode:
    """Put `code` into the folder `into`, which is empty or not there yet.

    Args:
        read_file: gives the content of a kept file of the run.
        fetch_from: a Git repository that is asked before the recorded remote: a local
            folder, which is not changed, or a URL.

    Raises:
        RestoreError: it cannot be had, or did not come out as recorded.
    """
    raise NotImplementedError
