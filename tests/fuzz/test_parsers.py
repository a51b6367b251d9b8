"""No bytes make a parser fail in another way than it says. `tasks.py fuzz` looks longer."""

from __future__ import annotations

import random

import pytest

from fuzz.targets import PARSERS, Fuzzed, run_one
from support.fuzzing import mutations

ROUNDS = 2000
"""Of each parser: a tenth of a second."""


@pytest.mark.parametrize("name", list(PARSERS))
def test_a_parser_takes_bytes_or_refuses_them_by_name(name: str) -> None:
    parser = PARSERS[name]
    taken = 0
    for data in mutations(random.Random(name), parser.seeds, ROUNDS):
        taken += run_one(parser, data)

    if parser.refuses:
        assert taken < ROUNDS, "nothing was refused: the fuzzing changes nothing"


@pytest.mark.parametrize("name", list(PARSERS))
def test_every_seed_is_taken(name: str) -> None:
    for seed in PARSERS[name].seeds:
        assert run_one(PARSERS[name], seed), "a seed that is refused leads nowhere"


def test_a_parser_that_breaks_is_found() -> None:
    """The control: a defect behind one condition turns this red."""

    def parse(data: bytes) -> None:
        if len(data) > 3 and data[2] > 127:
            raise KeyError(data[2])

    broken = Fuzzed(parse, (ValueError,), (b"harmless",))

    def look() -> None:
        for data in mutations(random.Random(1), broken.seeds, ROUNDS):
            run_one(broken, data)

    with pytest.raises(KeyError):
        look()
