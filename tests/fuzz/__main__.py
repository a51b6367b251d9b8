"""Fuzz one parser with coverage to guide it: `python3 tasks.py fuzz NAME [SECONDS]`.

A defect ends it with a traceback and the bytes in a file `crash-...`.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

library: Any = import_module("atheris")  # which has no types
with library.instrument_imports(include=["lakebed"]):
    from fuzz.targets import PARSERS, run_one


def main(name: str, seconds: str = "30") -> None:
    """Fuzz the parser `name` for so many seconds."""
    parser = PARSERS[name]

    def one(data: bytes) -> None:
        run_one(parser, data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(parser.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-max_len=4096"]
        library.Setup([sys.argv[0], corpus, *options], one)
        library.Fuzz()


if sys.argv[1:] == ["--list"]:
    sys.stdout.write("".join(f"{name}\n" for name in PARSERS))
else:
    main(*sys.argv[1:])
