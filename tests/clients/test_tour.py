"""The notebook runs, and answers what it shows, but for ids, times and who runs it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from support.generators import notebook

CHANGING = (
    (re.compile(r"[0-9a-f]{10,64}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "TIME"),
    # A file of Parquet says which release wrote it.
    (re.compile(r"\d+(\.\d+)? (B|KiB)"), "SIZE"),
)


def outputs(found: Any) -> list[list[str]]:
    """Return what each cell answers, without what is another each time."""
    return [
        [steady(text) for output in cell.outputs for text in texts(output)]
        for cell in found.cells
        if cell.cell_type == "code"
    ]


def texts(output: Any) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    return [output.data[kind] for kind in sorted(output.data)]


def steady(text: str) -> str:
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return re.sub(r"(?<=>)[^<>]+(?=</td>)", by_name, text)


def by_name(found: re.Match[str]) -> str:
    """Return the text of a cell; a name of a person is whoever runs it."""
    return "WHO" if found[0] in ACTORS else found[0]


def actors(found: Any) -> set[str]:
    """Return who made the commits that the notebook shows."""
    html = "".join("".join(texts(o)) for c in found.cells for o in c.get("outputs", []))
    return set(re.findall(r">author</th><td[^>]*>([^<]+)</td>", html))


ACTORS: set[str] = set()


def test_the_notebook_answers_what_it_shows() -> None:
    nbformat: Any = import_module("nbformat")
    shown: Any = nbformat.read(notebook.PAGE, as_version=4)
    ran = notebook.run_notebook(notebook.PAGE)

    ACTORS.update(actors(shown) | actors(ran))
    assert ACTORS
    assert outputs(ran) == outputs(shown), "run: python3 tasks.py notebook"
    assert sum(bool(each) for each in outputs(shown)) >= 12, "it is stored with answers"
