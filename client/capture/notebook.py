"""The cells of a notebook as they ran, which is not the file as it was saved."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from .captured import FileToKeep
from .secrets import mask_text

NOTEBOOK_NAME = "notebook.ipynb"


def capture_notebook(shell: object | None = None) -> FileToKeep | None:
    """Return the cells that ran in this process, as a notebook without outputs.

    None: this is no notebook. Call it at the end of the run; the name of the file goes
    into `Code.notebook`. Secrets are masked.

    Args:
        shell: what runs the cells; None: IPython's, if it was imported.
    """
    cells = _read_cells(shell if shell is not None else _find_shell())
    if not any(cells):
        return None
    notebook: dict[str, object] = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": number,
                "id": f"ran-{number}",
                "metadata": {},
                "outputs": [],
                "source": mask_text(source).splitlines(keepends=True),
            }
            for number, source in enumerate(cells, start=1)
            if source
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    return FileToKeep(NOTEBOOK_NAME, text.encode("utf-8", "backslashreplace") + b"\n")


def _find_shell() -> object | None:
    """Return the shell that IPython runs in this process, without importing IPython."""
    ipython = sys.modules.get("IPython")
    get_ipython = getattr(ipython, "get_ipython", None)
    return get_ipython() if callable(get_ipython) else None


def _read_cells(shell: Any) -> list[str]:
    """Return the source of each cell in the order they ran; the first has number 1."""
    if shell is None:
        return []
    history = getattr(shell, "history_manager", None)
    variables: dict[str, Any] = getattr(shell, "user_ns", None) or {}
    # As it was typed, with `%magic`; `In` has what became of it.
    for cells in (getattr(history, "input_hist_raw", None), variables.get("In")):
        if isinstance(cells, list):
            return [str(cell) for cell in cast("list[object]", cells)[1:]]
    return []
