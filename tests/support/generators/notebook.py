"""Run `docs/tour.ipynb` and keep what it answers: `python3 tasks.py notebook`.

It runs in `.venv-clients`, in a folder of its own, so that whoever opens the notebook and
runs it gets the same, but for ids and times.
"""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "tour.ipynb"

CELL_TIMEOUT_S = 120
"""The first cell imports pandas on a machine that may do something else too."""


def run_notebook(path: Path) -> Any:
    """Return the notebook at `path` with the output of its cells, run from the top.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed that should not.
    """
    nbclient: Any = import_module("nbclient")
    nbformat: Any = import_module("nbformat")
    notebook: Any = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=_environment())
    for cell in notebook.cells:
        # Who ran it when is nobody's business, and another each time.
        cell.metadata.pop("execution", None)
    return notebook


def _environment() -> dict[str, str]:
    # What a developer has set must not decide what the notebook shows.
    kept = {name: text for name, text in os.environ.items() if "LAKEBED" not in name}
    return {**kept, "TZ": "UTC", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def main() -> None:
    """Run it, and write what came."""
    nbformat: Any = import_module("nbformat")
    notebook = run_notebook(PAGE)
    notebook.metadata.pop("widgets", None)
    PAGE.write_text(nbformat.writes(notebook) + "\n")


if __name__ == "__main__":
    main()
