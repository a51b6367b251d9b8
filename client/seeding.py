"""Seeds for every library that draws numbers, so that a run can be done again.

A library that is imported is seeded at once; one that is not is seeded right after it is,
by a finder on `sys.meta_path` that steps aside then: importing torch for its seed alone
would take seconds and a gigabyte. Generators that a program makes itself, as with
`numpy.random.default_rng()`, are its own to seed: `run.seed`, or `LAKEBED_SEED`.
"""

from __future__ import annotations

import operator
import os
import random
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, SupportsIndex, cast

from .errors import InvalidRequestError
from .wire import Seeds

SEED_VARIABLE = "LAKEBED_SEED"
HASH_VARIABLE = "PYTHONHASHSEED"
SEED_MAX = (1 << 63) - 1
"""What torch takes; NumPy takes it in two halves, Python's hashing the lower one."""
_HALF = 1 << 32
_ASKING = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "TF_DETERMINISTIC_OPS": "1"}
"""Variables that ask CUDA's and TensorFlow's libraries for reproducible work. They are read
when the library is loaded."""


class _State:
    """What was set in this process."""

    def __init__(self, seed: int, *, deterministic: bool) -> None:
        self.seed = seed
        self.is_deterministic = deterministic
        self.set: dict[str, int] = {}
        self.deterministic: dict[str, bool] = {}
        # Read when Python started: whoever sets it now sets it for others.
        self.hash_seed = os.environ.get(HASH_VARIABLE)


_state: _State | None = None


def seed_everything(
    seed: SupportsIndex | None = None, *, deterministic: bool = True
) -> Seeds:
    """Seed Python, NumPy, torch and TensorFlow; return what was set.

    A library that is not imported yet is seeded when it is: `current_seeds` at the end of
    the run tells what came of it.

    Args:
        seed: None: that of the run (`LAKEBED_SEED`), else a new one.
        deterministic: ask the libraries for algorithms that give the same each time.

    Raises:
        InvalidRequestError: `seed` is not a whole number from 0 to 2^63 - 1.
    """
    global _state
    before = _state
    if seed is None:
        named = _read_seed(os.environ)
        seed = secrets.randbelow(_HALF) if named is None else named
    seed = _checked(seed)
    state = _State(seed, deterministic=deterministic)
    if before is not None:
        state.hash_seed = before.hash_seed
    _state = state
    random.seed(seed)
    state.set["python"] = seed
    os.environ[HASH_VARIABLE] = str(seed % _HALF)
    os.environ[SEED_VARIABLE] = str(seed)
    if deterministic:
        for name, value in _ASKING.items():
            os.environ.setdefault(name, value)
            state.deterministic[name] = True
    for library in _SEEDERS:
        module = sys.modules.get(library)
        if module is not None:
            _seed_library(library, module)
    if not any(isinstance(finder, _SeedingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SeedingFinder())
    return _seeds_of(state)


def current_seeds() -> Seeds | None:
    """Return what `seed_everything` has set in this process so far; None: it was not called."""
    return _seeds_of(_state) if _state is not None else None


def seed_variables(seed: int) -> dict[str, str]:
    """Return the environment variables that hand `seed` to a command.

    `LAKEBED_SEED`, `PYTHONHASHSEED`, and those that ask libraries for reproducible work.

    Raises:
        InvalidRequestError: `seed` is not a whole number from 0 to 2^63 - 1.
    """
    named = {SEED_VARIABLE: str(_checked(seed)), HASH_VARIABLE: str(seed % _HALF)}
    return named | _ASKING


def seeds_of_variables(environ: Mapping[str, str]) -> Seeds:
    """Return what the environment of a command says of its seeds."""
    return Seeds(
        seed=_read_seed(environ),
        pythonhashseed=environ.get(HASH_VARIABLE),
        deterministic={name: True for name in _ASKING if environ.get(name)},
    )


def _seeds_of(state: _State) -> Seeds:
    return Seeds(
        seed=state.seed,
        set=dict(state.set),
        pythonhashseed=state.hash_seed,
        deterministic=dict(state.deterministic),
    )


def _checked(seed: SupportsIndex) -> int:
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= SEED_MAX:
        raise InvalidRequestError(
            f"seed '{seed}' is not a whole number from 0 to {SEED_MAX}"
        )
    return number


def _read_seed(environ: Mapping[str, str]) -> int | None:
    text = environ.get(SEED_VARIABLE, "")
    return int(text) if text.isdecimal() and int(text) <= SEED_MAX else None


# The libraries -----------------------------------------------------------------------


def _seed_numpy(numpy: Any, state: _State) -> int:
    upper, lower = divmod(state.seed, _HALF)
    # A number has 32 bits there, a list of them as many as it likes.
    numpy.random.seed([lower, upper] if upper else lower)
    return state.seed


def _seed_torch(torch: Any, state: _State) -> int:
    torch.manual_seed(state.seed)
    if state.is_deterministic:
        try:
            # An operation that has no such algorithm warns; to fail is not ours to decide.
            torch.use_deterministic_algorithms(True, warn_only=True)
        except TypeError:
            torch.use_deterministic_algorithms(True)
        state.deterministic["torch.use_deterministic_algorithms"] = True
        cudnn = getattr(getattr(torch, "backends", None), "cudnn", None)
        if cudnn is not None:
            cudnn.deterministic = True
            cudnn.benchmark = False
            state.deterministic["torch.backends.cudnn.deterministic"] = True
    return state.seed


def _seed_tensorflow(tensorflow: Any, state: _State) -> int:
    tensorflow.random.set_seed(state.seed)
    if state.is_deterministic:
        experimental = getattr(tensorflow.config, "experimental", None)
        enable = getattr(experimental, "enable_op_determinism", None)
        if enable is not None:
            enable()
            state.deterministic["tensorflow.enable_op_determinism"] = True
    return state.seed


_SEEDERS: Mapping[str, Callable[[Any, _State], int]] = {
    "numpy": _seed_numpy,
    "torch": _seed_torch,
    "tensorflow": _seed_tensorflow,
}


def _seed_library(library: str, module: ModuleType) -> None:
    state = _state
    if state is None:
        return
    try:
        state.set[library] = _SEEDERS[library](module, state)
    except Exception:  # noqa: BLE001 (an import must not fail for its seed)
        # It is not among what was set, which is what the record will say.
        state.set.pop(library, None)


class _SeedingFinder(MetaPathFinder):
    """Seeds a library as soon as its module has run."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the spec that the other finders have, which seeds after it has run."""
        if fullname not in _SEEDERS:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                _seed_after(spec, fullname)
                return spec
        return None


def _seed_after(spec: ModuleSpec, library: str) -> None:
    loader = cast("Any", spec.loader)
    run = getattr(loader, "exec_module", None)
    if run is None:
        return

    def run_and_seed(module: ModuleType) -> None:
        del loader.exec_module
        run(module)
        _seed_library(library, module)

    try:
        # On this one loader: whatever looks at its class finds what it expects.
        loader.exec_module = run_and_seed
    except AttributeError:
        return
