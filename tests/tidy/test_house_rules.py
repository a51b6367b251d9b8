"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("server", "client", "cli")
LINES_MAX = 400

SHOWN = ROOT / "cli" / "demo" / "scripts"
"""Scripts that the tour shows as a user would write them."""
LISTS = {ROOT / "server" / "errors.py"}
"""One list each, which does not get clearer in two pieces."""

modules = sorted(
    path
    for part in PARTS
    for path in (ROOT / part).rglob("*.py")
    if path.parent != SHOWN
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules, ids=name_of)
def test_a_module_says_what_it_is_for_and_is_one_idea(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))

    assert docstring, "no docstring"
    assert docstring.splitlines()[0].endswith((".", ":", "?")), "no whole sentence"
    assert path in LISTS or text.count("\n") <= LINES_MAX, "too long: split it"
    assert path.stem not in ("utils", "helpers", "common", "manager", "base")


def test_something_left_to_do_names_its_issue() -> None:
    loose = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(issue-\d+\): )")

    found = [name_of(path) for path in modules if loose.search(path.read_text())]

    assert found == []


def test_no_binary_or_large_file_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a Git checkout")
    large = [
        name
        for name in listed.stdout.splitlines()
        if not (ROOT / name).is_symlink()
        and (ROOT / name).is_file()
        and (ROOT / name).stat().st_size > 512 * 1024
    ]
    assert large == []


def test_the_readme_gives_the_two_commands_that_ci_and_people_run() -> None:
    readme = (ROOT / "README.md").read_text()
    blocks = {
        heading: re.search(rf"## {heading}\n\n```sh\n(.+)\n```\n", readme)
        for heading in ("Try it", "Test it")
    }
    ci = (ROOT / ".ci" / "run").read_text()

    assert blocks["Try it"] is not None
    assert blocks["Test it"] is not None
    assert blocks["Test it"][1] in ci.splitlines()
