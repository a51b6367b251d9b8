"""What came of a run when it was done again, compared with what came of it first.

Outputs are compared by what the server knows them by, the ids of their content; only of
files that differ are both versions fetched, to tell where and by how much. Metrics are
compared by their last values. Nothing counts as identical that was not compared.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from ..errors import ClientError
from ..operations.folders import target_of
from ..wire import (
    Diff,
    Difference,
    DiffMode,
    Run,
    RunOutput,
    VerdictCreation,
)
from ..wire.runs import UNLISTED
from .errors import NothingToCompareError, RerunError

DIFFERENCES_MAX = 1000
"""Differences that a verdict lists: who has more looks at none of them singly."""
DETAILED_MAX = 100
"""Files of which both versions are fetched; the others are named."""
DETAILED_BYTES_MAX = 4 << 30
"""Of one file: a larger one is named as well."""

Key = tuple[str, str]
"""Repository and path: by the branch a re-run differs, which publishes on its own."""


class Reading(Protocol):
    """What is asked of the client."""

    def iter_diff(
        self,
        repository: str,
        left: str,
        right: str,
        *,
        mode: DiffMode = "two_dot",
        prefix: str = "",
        delimiter: str = "",
        with_left_size: bool = False,
        limit: int | None = None,
    ) -> AsyncIterator[Diff]:
        """Yield what is different at `right`."""
        ...

    async def download_object(
        self, repository: str, ref: str, path: str, to: Path
    ) -> int:
        """Write an object into a file."""
        ...


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far numbers may be apart, by the names of metrics and the paths of outputs."""

    by_name: Mapping[str, float] = field(default_factory=dict[str, float])
    """Names may have `*` and `?`; of several that fit the first counts."""

    def __post_init__(self) -> None:
        for name, distance in self.by_name.items():
            if not distance >= 0:  # nor is it not a number
                raise RerunError(f"tolerance of '{name}' must be 0 or more")

    def find(self, name: str) -> float:
        """Return how far the numbers of `name` may be apart."""
        for pattern, distance in self.by_name.items():
            if fnmatchcase(name, pattern):
                return distance
        return 0.0


def check_verifiable(first: Run) -> None:
    """Make sure that there is something to compare with.

    Raises:
        NothingToCompareError: there is not.
    """
    if first.status != "succeeded":
        raise NothingToCompareError(
            f"cannot verify run '{first.id}': it {_past(first.status)}, so that there is "
            "nothing to compare with"
        )
    came_of_it = first.metrics or first.deleted
    if not any(each.identity for each in first.outputs) and not came_of_it:
        raise NothingToCompareError(
            f"cannot verify run '{first.id}': it published nothing and logged no metric"
        )


def _past(status: str) -> str:
    return {"running": "is still going on", "failed": "failed"}.get(
        status, f"was {status}"
    )


async def verify_run(
    lake: Reading,
    first: Run,
    again: Run,
    *,
    folder: Path,
    tolerances: Tolerances | None = None,
) -> VerdictCreation:
    """Return what comparing `again` with `first` comes to.

    Args:
        folder: both versions of files that differ are put there.

    Raises:
        ClientError: the server could not be asked.
    """
    allowed = tolerances or Tolerances()
    pairs, compared = await _pair_outputs(lake, first, again)
    differences: list[Difference] = []
    for each in pairs[:DIFFERENCES_MAX]:
        detail = Difference(path=each.path, kind=each.kind)
        if each.kind == "changed":
            detail = Difference(
                path=each.path, kind=each.kind, detail="not looked into"
            )
            if len(differences) < DETAILED_MAX and _is_small(each.one, each.other):
                tolerance = allowed.find(each.path)
                detail = await _look_into(lake, each, folder, tolerance)
        differences.append(msgspec.structs.replace(detail, within=each.within))
    differences += _compare_deleted(first, again)
    differences += _find_unlisted(first, again)
    differences += _compare_metrics(first, again, allowed)
    return VerdictCreation(
        rerun=again.id,
        is_identical=not differences,
        compared=compared + len(_places_deleted(first)),
        differences=differences[:DIFFERENCES_MAX],
    )


@dataclass(frozen=True, slots=True)
class Found:
    """Something that differs."""

    path: str
    kind: Literal["changed", "missing", "added"]
    one: RunOutput | None
    other: RunOutput | None
    within: str = ""
    """See `Difference.within`."""


async def _pair_outputs(
    lake: Reading, first: Run, again: Run
) -> tuple[list[Found], int]:
    """Return the outputs that differ, by path, and how many were compared."""
    before, after = _files(first.outputs), _files(again.outputs)
    found: dict[Key, Found] = {}
    for key in before.keys() | after.keys():
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            found[key] = Found(
                key[1], "added" if one is None else "missing", one, other
            )
        elif one.identity != other.identity:
            found[key] = Found(key[1], "changed", one, other)
    compared = len(before)
    is_whole = not (_is_cut(first) or _is_cut(again))
    for repository, path, one, other in _bare_prefixes(first, again, is_whole=is_whole):
        compared += 1
        if other is None:
            found[repository, path] = Found(path, "missing", one, None)
        elif one.identity != other.identity:
            async for each in _diff_prefix(lake, one, other):
                found.setdefault((repository, each.path), each)
    return [found[key] for key in sorted(found)], compared


def _compare_deleted(first: Run, again: Run) -> list[Difference]:
    """Return what only one of both deleted."""
    before, after = _places_deleted(first), _places_deleted(again)
    return [
        Difference(
            path=path,
            kind="missing" if (repository, path) in before else "added",
            detail="only the first run deleted it"
            if (repository, path) in before
            else "only the second run deleted it",
        )
        for repository, path in sorted(before ^ after)
    ]


def _places_deleted(run: Run) -> set[Key]:
    return {(each.repository, each.path) for each in run.deleted}


def _files(outputs: Sequence[RunOutput]) -> dict[Key, RunOutput]:
    return {
        (each.repository, each.path): each
        for each in outputs
        if each.kind == "file" and each.identity is not None
    }


def _is_cut(run: Run) -> bool:
    """Tell whether there are outputs that the record of `run` does not list."""
    # The server lists a limited number, and names what it left out as missing.
    return any(
        gap.what in ("outputs", "inputs") and "list" in gap.reason
        for gap in run.missing
    )


def _find_unlisted(first: Run, again: Run) -> list[Difference]:
    """Return a difference if there is something that was in no way compared."""
    is_whole = not (_is_cut(first) or _is_cut(again))
    if is_whole or _are_covered(first, _files(first.outputs)):
        return []
    text = "a record does not list every output: not all were compared"
    return [Difference(path=UNLISTED, kind="missing", detail=text)]


def _are_covered(run: Run, files: Iterable[Key]) -> bool:
    """Tell whether all of `files` lie below prefixes that `run` has the identity of."""
    prefixes = [
        (each.repository, each.path)
        for each in run.outputs
        if each.kind == "prefix" and each.identity is not None
    ]
    return all(
        any(
            repository == known and path.startswith(prefix)
            for known, prefix in prefixes
        )
        for repository, path in files
    )


def _bare_prefixes(
    first: Run, again: Run, *, is_whole: bool
) -> list[tuple[str, str, RunOutput, RunOutput | None]]:
    """Return the prefixes of which no single files are known, from both runs.

    Where they are known, all of them (`is_whole`), they are what the run published; what
    else lies below the prefix is of others.
    """
    files = [*_files(first.outputs), *_files(again.outputs)] if is_whole else []
    after = {
        (each.repository, each.path): each
        for each in again.outputs
        if each.kind == "prefix"
    }
    return [
        (each.repository, each.path, each, after.get((each.repository, each.path)))
        for each in first.outputs
        if each.kind == "prefix"
        and each.identity is not None
        and not any(
            repository == each.repository and path.startswith(each.path)
            for repository, path in files
        )
    ]


async def _diff_prefix(
    lake: Reading, one: RunOutput, other: RunOutput
) -> AsyncIterator[Found]:
    if one.commit is None or other.commit is None:
        yield Found(one.path, "changed", one, other)
        return
    kinds: dict[str, Literal["added", "missing"]] = {
        "added": "added",
        "removed": "missing",
    }
    async for each in lake.iter_diff(
        one.repository,
        one.commit,
        other.commit,
        prefix=one.path,
        with_left_size=True,
        limit=DIFFERENCES_MAX,
    ):
        sides = [
            RunOutput(
                repository=side.repository,
                branch=side.branch,
                path=each.path,
                kind="file",
                commit=side.commit,
                size_bytes=size,
            )
            for side, size in ((one, each.left_size_bytes), (other, each.size_bytes))
        ]
        yield Found(
            each.path,
            kinds.get(each.type, "changed"),
            sides[0],
            sides[1],
            within=one.path,
        )


def _is_small(one: RunOutput | None, other: RunOutput | None) -> bool:
    return all(
        side is not None and (side.size_bytes or 0) <= DETAILED_BYTES_MAX
        for side in (one, other)
    )


async def _look_into(
    lake: Reading, what: Found, folder: Path, tolerance: float
) -> Difference:
    from ..differences import Tolerance, compare_files

    path, one, other = what.path, what.one, what.other
    assert one is not None
    assert other is not None
    try:
        files = [
            await _fetch(lake, side, folder / name)
            for side, name in ((one, "first"), (other, "again"))
        ]
    except (ClientError, OSError) as error:
        # That it differs is known, and is what counts.
        return Difference(
            path=path, kind="changed", detail=f"cannot be looked into: {error}"
        )
    found = await asyncio.to_thread(
        compare_files, path, *files, tolerance=Tolerance(absolute=tolerance)
    )
    if found is None:
        return Difference(
            path=path,
            kind="changed",
            detail="the same bytes, with other metadata or another content type",
        )
    return found


async def _fetch(lake: Reading, side: RunOutput, folder: Path) -> Path:
    assert side.commit is not None
    target = target_of(folder / side.repository, side.path)
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    await lake.download_object(side.repository, side.commit, side.path, target)
    return target


def _compare_metrics(
    first: Run, again: Run, tolerances: Tolerances
) -> list[Difference]:
    before = {each.name: each.last for each in first.metrics}
    after = {each.name: each.last for each in again.metrics}
    found: list[Difference] = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if one is None or other is None:
            side = "first" if other is None else "second"
            text = f"only the {side} run has it"
            found.append(Difference(path=name, kind="metric", detail=text))
            continue
        distance = _distance(one, other)
        text = f"{one} and {other}"
        if distance is not None:
            text += f", {distance:.3g} apart"
        found.append(
            Difference(
                path=name,
                kind="metric",
                detail=text,
                is_within_tolerance=distance is not None
                and distance <= tolerances.find(name),
            )
        )
    return found


def _distance(one: float | str, other: float | str) -> float | None:
    distance = abs(float(one) - float(other))
    return None if math.isnan(distance) else distance
