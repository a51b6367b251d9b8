"""Compare two runs, part by part.

What differs of the data is asked of the server: the diff between the two commits, below
the path of the input. All else is in the records.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from ..errors import NotFoundError, PermissionDeniedError
from ..wire import Diff, DiffMode, MetricSummary, ParamValue, Run, RunInput, Seeds
from .code_changes import find_changed_files
from .comparison import (
    CodeComparison,
    Comparison,
    FileChange,
    InputComparison,
    MetricPair,
    PackageChange,
    ParamChange,
)
from .parts import Parts

FILES_COUNTED_MAX = 100_000
"""Of one input, in requests of a thousand: a minute or so of a reader's patience."""


class Diffing(Protocol):
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


async def compare_runs(
    lake: Diffing, left: Run, right: Run, *, clones: Sequence[Path] = ()
) -> Comparison:
    """Return what is different between `left` and `right`.

    Args:
        clones: folders whose Git repositories may have the commits of the code.
    """
    left_parts, right_parts = Parts.of(left), Parts.of(right)
    changed, same = _compare_values(left.params, right.params)
    return Comparison(
        left=left.id,
        right=right.id,
        params=changed,
        same_params=same,
        metrics=_pair_metrics(left, right),
        code=_compare_code(left, right, left_parts, right_parts, clones),
        inputs=await _compare_inputs(lake, left.inputs, right.inputs),
        environment=_compare_environments(left_parts, right_parts),
        seeds=_compare_values(
            _seed_values(left_parts.seeds), _seed_values(right_parts.seeds)
        )[0],
    )


def _compare_values(
    left: Mapping[str, ParamValue], right: Mapping[str, ParamValue]
) -> tuple[list[ParamChange], int]:
    """Return what differs, by name, and how many do not."""
    changes: list[ParamChange] = []
    for name in sorted(left.keys() | right.keys()):
        before, after = left.get(name), right.get(name)
        if name not in left:
            changes.append(ParamChange(name=name, kind="added", left=None, right=after))
        elif name not in right:
            changes.append(
                ParamChange(name=name, kind="removed", left=before, right=None)
            )
        # 1, 1.0 and True are equal to Python, and not to who set them.
        elif (type(before), before) != (type(after), after):
            changes.append(
                ParamChange(name=name, kind="changed", left=before, right=after)
            )
    return changes, len(left.keys() | right.keys()) - len(changes)


def _pair_metrics(left: Run, right: Run) -> list[MetricPair]:
    before = {each.name: each for each in left.metrics}
    after = {each.name: each for each in right.metrics}
    return [
        _pair_metric(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
    ]


def _pair_metric(
    name: str, one: MetricSummary | None, other: MetricSummary | None
) -> MetricPair:
    left = one.last if one is not None else None
    right = other.last if other is not None else None
    difference = None
    if isinstance(left, int | float) and isinstance(right, int | float):
        difference = float(right) - float(left)
    return MetricPair(name=name, left=left, right=right, difference=difference)


def _compare_code(
    left: Run,
    right: Run,
    left_parts: Parts,
    right_parts: Parts,
    clones: Sequence[Path],
) -> CodeComparison | None:
    one, other = left_parts.code, right_parts.code
    if one is None or other is None:
        return None
    files: list[FileChange] | None = None
    if one.commit is not None and one.commit == other.commit:
        files = []
    elif one.commit is not None and other.commit is not None:
        where = [*clones, *(Path(each.root) for each in (one, other) if each.root)]
        files = find_changed_files(where, one.commit, other.commit)
    kept = [
        {
            (role, file.blob_id)
            for role, name in (("diff", code.diff), ("untracked", code.untracked))
            for file in run.files
            if name is not None and file.name == name
        }
        for run, code in ((left, one), (right, other))
    ]
    entries = [
        code.entry.sha256 if code.commit is None and code.entry is not None else None
        for code in (one, other)
    ]
    return CodeComparison(
        left=one.commit,
        right=other.commit,
        left_remote=one.remote,
        right_remote=other.remote,
        left_argv=one.argv,
        right_argv=other.argv,
        has_other_changes=kept[0] != kept[1] or entries[0] != entries[1],
        files=files,
    )


async def _compare_inputs(
    lake: Diffing, left: Sequence[RunInput], right: Sequence[RunInput]
) -> list[InputComparison]:
    before = {(each.repository, each.path): each for each in left}
    after = {(each.repository, each.path): each for each in right}
    compared: list[InputComparison] = []
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            compared.append(_alone(one, other))
            continue
        pair = _pair(one, other, "same" if _is_same(one, other) else "changed")
        if pair.kind == "changed":
            pair = await _count(lake, one, other, pair)
        compared.append(pair)
    return compared


def _is_same(one: RunInput, other: RunInput) -> bool:
    return (one.kind, one.identity) == (other.kind, other.identity)


def _pair(
    one: RunInput | None,
    other: RunInput | None,
    kind: Literal["same", "added", "removed", "changed"],
) -> InputComparison:
    there = other or one
    assert there is not None
    return InputComparison(
        repository=there.repository,
        path=there.path,
        artifact=there.kind,
        how=there.how,
        kind=kind,
        left_commit=one.commit if one is not None else None,
        right_commit=other.commit if other is not None else None,
    )


def _alone(one: RunInput | None, other: RunInput | None) -> InputComparison:
    """Return an input that only one side has; of a prefix only the bytes are known."""
    pair = _pair(one, other, "added" if one is None else "removed")
    files = int(pair.artifact == "file")
    if other is not None:
        return msgspec.structs.replace(
            pair, files_added=files, bytes_added=other.size_bytes
        )
    assert one is not None
    return msgspec.structs.replace(
        pair, files_removed=files, bytes_removed=one.size_bytes
    )


async def _count(
    lake: Diffing, one: RunInput, other: RunInput, pair: InputComparison
) -> InputComparison:
    """Return `pair` with what changed counted."""
    if one.kind == other.kind == "file":
        return msgspec.structs.replace(
            pair,
            files_changed=1,
            bytes_added=other.size_bytes,
            bytes_removed=one.size_bytes,
        )
    added = removed = changed = bytes_added = bytes_removed = seen = 0
    try:
        async for each in lake.iter_diff(
            one.repository,
            one.commit,
            other.commit,
            prefix=other.path,
            with_left_size=True,
            limit=FILES_COUNTED_MAX + 1,
        ):
            seen += 1
            if seen > FILES_COUNTED_MAX:
                break
            size, left_size = each.size_bytes or 0, each.left_size_bytes or 0
            match each.type:
                case "added":
                    added += 1
                    bytes_added += size
                case "removed":
                    removed += 1
                    bytes_removed += left_size or size
                case _:
                    changed += 1
                    bytes_added += size
                    bytes_removed += left_size
    except (NotFoundError, PermissionDeniedError) as error:
        return msgspec.structs.replace(pair, problem=str(error))
    return msgspec.structs.replace(
        pair,
        files_added=added,
        files_removed=removed,
        files_changed=changed,
        bytes_added=bytes_added,
        bytes_removed=bytes_removed,
        is_complete=seen <= FILES_COUNTED_MAX,
    )


def _compare_environments(left: Parts, right: Parts) -> list[PackageChange] | None:
    if left.environment is None or right.environment is None:
        return None
    from ..restoring import check_environment

    return [
        PackageChange(name=each.name, left=each.recorded, right=each.current)
        for each in check_environment(left.environment, right.environment)
    ]


def _seed_values(seeds: Seeds | None) -> dict[str, ParamValue]:
    if seeds is None:
        return {}
    values: dict[str, ParamValue] = {**seeds.set, **seeds.deterministic}
    if seeds.seed is not None:
        values["seed"] = seeds.seed
    if seeds.pythonhashseed is not None:
        values["PYTHONHASHSEED"] = seeds.pythonhashseed
    return values
