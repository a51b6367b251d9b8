"""What waits for somebody to type is told from its words, and nothing else is."""

from __future__ import annotations

import shlex

import pytest
from lakebed.client.wire.interactive import find_interactive


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("python", "python"),
        ("/usr/bin/python3.11 -u", "python3.11"),
        ("python -X dev -W error", "python"),
        ("python -", "python"),
        ("python -i train.py", "python"),
        ("python -ic 'x = 1'", "python"),
        ("python -m code", "python"),
        ("ipython", "ipython"),
        ("ipython --no-banner", "ipython"),
        ("ipython -i train.py", "ipython"),
        ("python /venv/bin/ipython", "ipython"),
        ("python -m IPython", "ipython"),
        ("python -m ipykernel_launcher -f /run/kernel.json", "a notebook"),
        ("/venv/bin/python /lib/ipykernel_launcher.py -f k.json", "a notebook"),
        ("jupyter lab --no-browser", "jupyter lab"),
        ("python /venv/bin/jupyter-notebook", "jupyter-notebook"),
        ("python -m jupyter notebook", "jupyter notebook"),
        ("python -m jupyterlab", "jupyter-lab"),
        ("uv run python", "python"),
        ("uv run ipython", "ipython"),
    ],
)
def test_an_interpreter_without_a_program_is_interactive(
    command: str, what: str
) -> None:
    assert find_interactive(shlex.split(command)) == what


@pytest.mark.parametrize(
    "command",
    [
        "python train.py",
        "python notebook.py",
        "python code.py",
        "python -u train.py -i data.csv",
        "python -c 'print(1)'",
        "python -uc 'print(1)'",
        "python -m train --model code",
        "python -mtrain",
        "python -X dev -m pytest",
        "python --version",
        "python -V",
        "ipython train.py",
        "ipython -c 'x = 1'",
        "jupyter nbconvert --execute a.ipynb",
        "jupyter execute a.ipynb",
        "python -m jupyter nbconvert a.ipynb",
        "uv run train.py",
        "./lab --fast",
        "notebook",
        "true",
        "",
    ],
)
def test_what_is_given_a_program_is_none(command: str) -> None:
    assert find_interactive(shlex.split(command)) == ""
