"""Commands that wait for what somebody types: nothing is done again by starting them.

Told from the words alone: an IPython, a Jupyter, and a Python that is given no program.
`python script.py` is none, and neither are `ipython script.py` and `jupyter nbconvert`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

_PYTHON = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)*)?t?(?:\.exe)?")
_IPYTHON = re.compile(r"ipython\d*(?:\.exe)?")
_ANSWERS_AND_ENDS = {"-h", "-?", "--help", "-V", "-VV", "--version", "--help-all"}
_WITH_VALUE = {"-W", "-X", "-Q", "--check-hash-based-pycs"}
_SESSIONS = {"notebook", "lab", "console", "qtconsole", "server", "nbclassic"}
"""What `jupyter` runs that cells are typed into."""
_MODULES = {
    "IPython": "ipython",
    "ipykernel": "jupyter-kernel",
    "ipykernel_launcher": "jupyter-kernel",
    "jupyter": "jupyter",
    "jupyterlab": "jupyter-lab",
    "notebook": "jupyter-notebook",
    "jupyter_console": "jupyter-console",
}
"""What modules are called as commands."""


def find_interactive(argv: Sequence[str]) -> str:
    """Return what `argv` starts that waits for somebody to type; empty: nothing."""
    for number, word in enumerate(argv):
        name = PurePath(word).name
        after = list(argv[number + 1 :])
        if _PYTHON.fullmatch(name):
            return _find_in_python(name, after)
        if number == 0 or name.startswith(("ipython", "jupyter")):
            found = _find_in_program(name, after)
            if found:
                return found
    return ""


def _find_in_python(name: str, words: list[str]) -> str:
    is_asked_for = False
    while words:
        word = words.pop(0)
        if word in _ANSWERS_AND_ENDS:
            return ""
        if word in _WITH_VALUE:
            del words[:1]
            continue
        if word == "-":
            return name
        if not word.startswith("-"):
            return name if is_asked_for else _find_in_program(_stem(word), words)
        if word.startswith("--"):
            continue
        flags, given = _split_flags(word)
        is_asked_for = is_asked_for or "i" in flags
        if flags.endswith("c"):
            return name if is_asked_for else ""
        if flags.endswith("m"):
            module = given or (words.pop(0) if words else "")
            if is_asked_for or module == "code":
                return name
            return _find_in_program(_MODULES.get(module.partition(".")[0], ""), words)
    return name


def _split_flags(word: str) -> tuple[str, str]:
    """Return the letters of `-uim`, up to one that takes the rest, and that rest."""
    for at, letter in enumerate(word):
        if letter in "cmWX":
            return word[1 : at + 1], word[at + 1 :]
    return word[1:], ""


def _find_in_program(name: str, words: Sequence[str]) -> str:
    if any(word in _ANSWERS_AND_ENDS for word in words):
        return ""
    if _IPYTHON.fullmatch(name):
        plain = [word for word in words if not word.startswith("-")]
        is_given = bool(plain) or any(
            word.startswith(("-c", "-m")) or word == "--command" for word in words
        )
        return "" if is_given and "-i" not in words else name
    if name == "jupyter-kernel":
        return "a notebook"
    if name == "jupyter":
        plain = [word for word in words if not word.startswith("-")]
        return f"jupyter {plain[0]}" if plain and plain[0] in _SESSIONS else ""
    if name.removeprefix("jupyter-") in _SESSIONS and name.startswith("jupyter-"):
        return name
    return ""


def _stem(word: str) -> str:
    """Return what a script is called as a command."""
    name = PurePath(word).name
    return "jupyter-kernel" if name == "ipykernel_launcher.py" else name
