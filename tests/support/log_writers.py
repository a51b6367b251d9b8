"""A process that writes an access log, beside others that write to the same place.

    python -m support.log_writers FILE NUMBER LINES [--without-lock]

Importable, and run by itself: what is tested are processes.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys

from lakebed.server.serving.access_log import AccessLog, Line

TARGET_CHARS = 700
"""Longer than 4,096 bytes are few lines together, which is what a pipe takes whole."""


def make_line(number: int, index: int) -> Line:
    return Line(
        0.0, None, f"writer-{number}", "GET", "h", f"/{index}/{'x' * TARGET_CHARS}",
        200, 0, 0, 1.0, "s3", "GetObject", f"{number}-{index}", "",
    )  # fmt: skip


async def write(where: str, number: int, lines: int) -> None:
    access_log = AccessLog(where)
    for index in range(lines):
        access_log.add(make_line(number, index))
    await access_log.close()
    assert access_log.lost_count == 0


def main() -> None:
    where, number, lines, *rest = sys.argv[1:]
    if rest == ["--without-lock"]:

        def lock_nothing(_: int, what: int) -> None:
            """Say that what comes next is to write, and lock nothing."""
            if what == fcntl.LOCK_EX:
                sys.stderr.write("writing\n")
                sys.stderr.flush()

        fcntl.lockf = lock_nothing  # type: ignore[assignment]
    asyncio.run(write(where, int(number), int(lines)))


if __name__ == "__main__":
    main()
