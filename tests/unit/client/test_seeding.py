"""Seeds are set for what is imported, and for what will be, as soon as it is."""

from __future__ import annotations

import importlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import SupportsIndex

import pytest
from lakebed.client import InvalidRequestError, seeding
from lakebed.client.seeding import (
    current_seeds,
    seed_everything,
    seed_variables,
    seeds_of_variables,
)
from lakebed.client.wire import Seeds

from support.numbers import Scalar, Whole

NUMPY = "class random:\n    seeds = []\n    @classmethod\n    def seed(cls, n): cls.seeds.append(n)\n"
TORCH = """
import numpy
calls = []
def manual_seed(n): calls.append(("seed", n))
def use_deterministic_algorithms(on, warn_only=False): calls.append(("deterministic", on, warn_only))
class backends:
    class cudnn:
        deterministic = False
        benchmark = True
"""
TENSORFLOW = """
calls = []
class random:
    @staticmethod
    def set_seed(n): calls.append(n)
class config:
    class experimental:
        @staticmethod
        def enable_op_determinism(): calls.append("deterministic")
"""
LIBRARIES = {"numpy": NUMPY, "torch": TORCH, "tensorflow": TENSORFLOW}


@pytest.fixture(autouse=True)
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fake libraries that can be imported; afterwards all is as it was."""
    for name, source in LIBRARIES.items():
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("PYTHONHASHSEED", "LAKEBED_SEED", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    state, environ, finders = random.getstate(), dict(os.environ), [*sys.meta_path]
    monkeypatch.setattr(seeding, "_state", None)
    yield tmp_path
    random.setstate(state)
    os.environ.clear()
    os.environ.update(environ)
    sys.meta_path[:] = finders
    for name in LIBRARIES:
        sys.modules.pop(name, None)


def test_python_draws_the_same_again() -> None:
    seed_everything(5)
    first = random.random()

    seed_everything(5)

    assert random.random() == first


def test_what_is_imported_is_seeded_at_once() -> None:
    numpy = importlib.import_module("numpy")

    seeds = seed_everything(7)

    assert numpy.random.seeds == [7]
    assert seeds.seed == 7
    assert seeds.set == {"python": 7, "numpy": 7}


def test_what_is_imported_later_is_seeded_then_and_told_at_the_end() -> None:
    seeds = seed_everything(7)
    assert seeds.set == {"python": 7}

    torch = importlib.import_module("torch")
    tensorflow = importlib.import_module("tensorflow")

    assert torch.calls == [("seed", 7), ("deterministic", True, True)]
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert sys.modules["numpy"].random.seeds == [7]
    assert tensorflow.calls == [7, "deterministic"]
    at_the_end = current_seeds()
    assert at_the_end is not None
    assert at_the_end.set == {"python": 7, "numpy": 7, "torch": 7, "tensorflow": 7}
    assert at_the_end.deterministic["torch.use_deterministic_algorithms"]
    assert at_the_end.deterministic["tensorflow.enable_op_determinism"]


def test_nothing_is_imported_for_its_seed() -> None:
    seed_everything(7)

    assert not set(LIBRARIES) & set(sys.modules)


def test_the_import_leaves_no_trace() -> None:
    seed_everything(7)

    numpy = importlib.import_module("numpy")

    assert "exec_module" not in vars(numpy.__loader__)
    assert numpy.__spec__ is not None
    importlib.reload(numpy)


def test_reproducible_algorithms_are_asked_for_only_if_wanted() -> None:
    torch = importlib.import_module("torch")

    seeds = seed_everything(7, deterministic=False)

    assert torch.calls == [("seed", 7)]
    assert seeds.deterministic == {}
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_a_library_that_cannot_be_seeded_is_not_among_what_was_set(
    libraries: Path,
) -> None:
    (libraries / "torch.py").write_text(
        "def manual_seed(n): raise RuntimeError('no')\n"
    )
    seed_everything(7)

    importlib.import_module("torch")

    seeds = current_seeds()
    assert seeds is not None
    assert "torch" not in seeds.set


def test_a_library_that_is_not_installed_is_still_not_found(libraries: Path) -> None:
    (libraries / "torch.py").unlink()
    seed_everything(7)

    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("torch")


def test_the_seed_of_the_run_is_taken_if_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKEBED_SEED", "11")

    assert seed_everything().seed == 11


def test_a_new_seed_is_made_up_and_told() -> None:
    seed = seed_everything().seed

    assert seed is not None
    assert os.environ["LAKEBED_SEED"] == str(seed)


def test_hashing_is_told_as_python_started_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It cannot be changed any more; whoever is started from here has it."""
    assert seed_everything(7).pythonhashseed is None
    assert os.environ["PYTHONHASHSEED"] == "7"
    assert seed_everything(8).pythonhashseed is None


def test_large_seeds_are_taken_whole_by_libraries_that_take_less_at_once() -> None:
    numpy = importlib.import_module("numpy")
    seed = (1 << 40) + 3

    assert seed_everything(seed).set == {"python": seed, "numpy": seed}
    assert numpy.random.seeds == [[3, 256]]
    assert seed_variables(seed)["PYTHONHASHSEED"] == "3"


@pytest.mark.parametrize("seed", [Scalar(3), Whole(3)])
def test_a_seed_of_any_kind_is_a_plain_number(seed: SupportsIndex) -> None:
    found = seed_everything(seed).seed

    assert (type(found), found) == (int, 3)


@pytest.mark.parametrize("seed", [-1, 1 << 63, True, 1.5, "7"])
def test_what_is_no_seed_is_refused(seed: int) -> None:
    with pytest.raises(InvalidRequestError, match="is not a whole number from 0 to"):
        seed_everything(seed)
    with pytest.raises(InvalidRequestError):
        seed_variables(seed)


def test_a_command_gets_its_seed_by_variables_and_the_record_reads_them() -> None:
    variables = seed_variables(9)

    program = "import os; print(hash('a'), os.environ['LAKEBED_SEED'])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    }

    assert len(outputs) == 1
    seeds = seeds_of_variables(variables)
    assert (seeds.seed, seeds.pythonhashseed) == (9, "9")
    assert seeds.deterministic == {
        "CUBLAS_WORKSPACE_CONFIG": True,
        "TF_DETERMINISTIC_OPS": True,
    }
    assert seeds_of_variables({"LAKEBED_SEED": "x"}) == Seeds()
