"""Rounds of a long test: few as a rule, many when asked, and resumed where they stopped.

    LAKEBED_ROUNDS=300 LAKEBED_RESULTS=~/results pytest tests/durability -k power

keeps a line of JSON a round in `RESULTS/NAME.jsonl`, and begins after the last one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Rounds:
    """The rounds of one test that are left to do."""

    def __init__(self, name: str, usual: int) -> None:
        self._count = int(os.environ.get("LAKEBED_ROUNDS") or usual)
        folder = os.environ.get("LAKEBED_RESULTS")
        self._file = Path(folder).expanduser() / f"{name}.jsonl" if folder else None
        self.results: list[dict[str, Any]] = []
        if self._file is not None and self._file.exists():
            lines = self._file.read_text().splitlines()
            self.results = [json.loads(line) for line in lines]

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the rounds that are left."""
        yield from range(len(self.results), self._count)

    def note(self, number: int, **result: object) -> None:
        """Keep what round `number` came to."""
        line = {"round": number, "at": int(time.time()), **result}
        self.results.append(line)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def total(self, name: str) -> int:
        """Return the sum of a figure over all rounds."""
        return sum(int(result[name]) for result in self.results)
