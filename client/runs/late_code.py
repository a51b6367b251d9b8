"""What of a run's code is recorded at its end: commits, packed meanwhile, and cells that ran."""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec.structs import replace

from ..capture import capture_commits, capture_notebook
from ..capture.parallel import begin
from ..wire import Code
from .recorder import Recorder


class LateCode:
    """The code of a run that goes on; packs what no remote has in the background."""

    def __init__(self, code: Code | None = None) -> None:
        self._code = code
        work = partial(capture_commits, code) if code is not None else None
        self._commits = begin(work) if work is not None else None

    def record(self, recorder: Recorder, *, with_cells: bool) -> None:
        """Add to the run what has come of it; waits for what is being packed."""
        code = self._code
        if self._commits is not None:
            commits = self._commits.result()
            code = commits.part
            for file in commits.files:
                recorder.keep(file.name, file.content)
            for gap in commits.missing:
                recorder.add_missing(gap.what, gap.reason)
        notebook = capture_notebook() if with_cells else None
        if notebook is not None:
            recorder.keep(notebook.name, notebook.content)
            code = replace(code, notebook=notebook.name) if code is not None else None
        if code is not None and code != self._code:
            recorder.pending.set_part("code", msgspec.to_builtins(code))
