"""Sample data: what a new repository is filled with if its creator asks for it."""

from __future__ import annotations

import hashlib
from importlib import resources

from ..tree.extra import Extra, encode_extra
from .bundles import SmallObject, put_many
from .commits import commit_branch
from .engine import Engine

MESSAGE = "Add sample data: the penguins of the Palmer Archipelago"
_README = b"""\
# Sample data

344 penguins of three species, measured at Palmer Station, Antarctica: one table, as CSV and as Parquet.
Change it on a branch of your own, compare, merge, and read any commit again.

Data: Horst, Hill and Gorman, palmerpenguins, CC0.
"""
_TYPES = {
    "penguins.csv": "text/csv",
    "penguins.parquet": "application/vnd.apache.parquet",
}


async def add_samples(
    engine: Engine, repository: str, branch: str, *, actor: str
) -> None:
    """Commit the sample data on a branch.

    Raises:
        RepositoryNotFoundError, RefNotFoundError
        StorageFullError, StorageFailedError: nothing was written.
    """
    folder = resources.files("lakebed.server") / "samples"
    contents = {
        f"penguins/{name.removeprefix('penguins.')}/{name}": (
            (folder / name).read_bytes(),
            media_type,
        )
        for name, media_type in _TYPES.items()
    }
    contents["README.md"] = (_README, "text/markdown")
    objects = [
        SmallObject(
            path.encode(),
            data,
            hashlib.md5(data, usedforsecurity=False).digest(),
            encode_extra(Extra(content_type=media_type)),
        )
        for path, (data, media_type) in sorted(contents.items())
    ]
    await put_many(engine, repository, branch, objects)
    await commit_branch(engine, repository, branch, message=MESSAGE, actor=actor)
