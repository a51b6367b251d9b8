"""Code that is in no Git work tree: the entry file, and the modules beside it that it imports."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

MODULES_MAX = 500
"""More than that is no script with a few modules; it should be in Git."""
_MODULE_BYTES_MAX = 4 << 20


def find_modules(entry: Path, root: Path) -> list[Path]:
    """Return the Python files below `root` that `entry` imports, and those import, by path.

    Read from the source: what is imported under a computed name is not found.
    """
    found: set[Path] = set()
    waiting = [entry]
    while waiting and len(found) < MODULES_MAX:
        source = waiting.pop()
        for module in _imports(source, root):
            if module not in found and module != entry:
                found.add(module)
                waiting.append(module)
    return sorted(found)


def _imports(source: Path, root: Path) -> Iterator[Path]:
    if source.suffix != ".py":
        return
    try:
        if source.stat().st_size > _MODULE_BYTES_MAX:
            return
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for each in names:
                    yield from _locate(root, each.name.split("."))
            case ast.ImportFrom(module=module, names=names, level=level):
                folder = root if level == 0 else source.parents[min(level, 50) - 1]
                if not folder.is_relative_to(root):
                    continue
                words = module.split(".") if module else []
                yield from _locate(folder, words)
                for each in names:
                    yield from _locate(folder, [*words, each.name])
            case _:
                pass


def _locate(folder: Path, words: list[str]) -> Iterator[Path]:
    """Yield the file of the module `words` in `folder`, and those of the packages above it."""
    for count in range(1, len(words) + 1):
        base = folder.joinpath(*words[:count])
        for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
            if os.path.isfile(path):  # noqa: PTH113 (a tenth of the time)
                yield path
