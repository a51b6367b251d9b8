from typing import Any

def isfilelike(f: Any) -> bool: ...
def merge_offset_ranges(
    paths: list[str],
    starts: list[int],
    ends: list[int | None],
    max_gap: int = ...,
) -> tuple[list[str], list[int], list[int | None]]: ...
