"""Seeds for every library that draws numbers, so that a run can be done again."""

from __future__ import annotations

from collections.abc import Mapping

from .wire import Seeds


def seed_everything(seed: int | None = None, *, deterministic: bool = True) -> Seeds:
    """Seed Python, NumPy, torch and TensorFlow; return what was set.

    A library that is not imported yet is seeded when it is: `current_seeds` at the end of
    the run tells what came of it.

    Args:
        seed: None: that of the run (`LAKEBED_SEED`), else a new one.
        deterministic: ask the libraries for algorithms that give the same each time.
    """
    raise NotImplementedError


def current_seeds() -> Seeds | None:
    """Return what `seed_everything` has set in this process so far; None: it was not called."""
    raise NotImplementedError


def seed_variables(seed: int) -> dict[str, str]:
    """Return the environment variables that hand `seed` to a command.

    `LAKEBED_SEED`, `PYTHONHASHSEED`, and those that ask libraries for reproducible work.
    """
    raise NotImplementedError


def seeds_of_variables(environ: Mapping[str, str]) -> Seeds:
    """Return what the environment of a command says of its seeds."""
    raise NotImplementedError
