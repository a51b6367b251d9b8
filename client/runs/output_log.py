"""What a command writes, as the log keeps it: bounded, secrets masked, as a person saw it.

The beginning is sent while the command runs; of what comes after `HEAD_CHARS_MAX` only
the end is kept, and sent at the end, with how much is left out between the two. Where a
line was drawn again and again (a progress bar), it is kept as it was in the end.
"""

from __future__ import annotations

import codecs
import os
import re
from collections import deque
from collections.abc import Callable, Mapping

from ..capture import MASK, is_secret_name, mask_text

HEAD_CHARS_MAX = 8 << 20
"""A page of 100 columns every second for a day. Who writes more writes it to a file."""
TAIL_CHARS_MAX = 1 << 20
"""What went wrong stands at the end."""
LINE_CHARS_MAX = 64 * 1024
"""Of a line that does not end; what is longer is cut there."""
TEXT_CHARS_MAX = 1 << 20
"""Of what a program logs at once, in Python: to mask that takes a tenth of a second, for
which it waits."""
SECRET_CHARS_MIN = 8
"""Of a value that is masked wherever it stands: `1` and `true` would mask everything."""
_FOLDERS = ("PWD", "OLDPWD")
"""Not passwords, though that is what `pwd` means elsewhere."""


class OutputLog:
    """Takes bytes as they come, and gives text on as lines end."""

    def __init__(self, give: Callable[[str], None], secrets: list[str]) -> None:
        """Give text to `give`; `secrets` are masked wherever they stand."""
        self._give = give
        self._secrets = sorted(set(secrets), key=len, reverse=True)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""
        self._head_chars = 0
        self._tail: deque[str] = deque()
        self._tail_chars = 0
        self._left_out_chars = 0
        self.is_line_open = False
        """Whether what came last has no end of line."""

    def take(self, data: bytes) -> None:
        """Take what the command wrote."""
        self.is_line_open = not data.endswith(b"\n")
        self._take_text(self._decoder.decode(data))

    def take_line(self, text: str) -> None:
        """Take what a script logged itself, between what it printed."""
        lines = text.removesuffix("\n").split("\n")
        self._add("".join(self._clean(line) + "\n" for line in lines))

    def finish(self) -> None:
        """Give on what is left: a line without an end, and the end of a long log."""
        self._take_text(self._decoder.decode(b"", final=True))
        if self._line:
            line, self._line = self._line, ""
            self._add(self._clean(line))
        if self._left_out_chars:
            left_out = f"{self._left_out_chars:,} characters"
            self._give(f"\n[... {left_out} of the log are left out ...]\n")
        for text in self._tail:
            self._give(text)
        self._tail.clear()

    def _take_text(self, text: str) -> None:
        *lines, self._line = (self._line + text).split("\n")
        if lines:
            self._add("".join(self._clean(line) + "\n" for line in lines))
        while len(self._line) > LINE_CHARS_MAX:
            redrawn = self._line.rpartition("\r")[2]
            if len(redrawn) < len(self._line):
                self._line = redrawn
                continue
            self._add(self._clean(self._line[:LINE_CHARS_MAX]))
            self._line = self._line[LINE_CHARS_MAX:]

    def _clean(self, line: str) -> str:
        line = line.rstrip("\r").rpartition("\r")[2]
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, MASK)
        return mask_text(line)

    def _add(self, text: str) -> None:
        room = HEAD_CHARS_MAX - self._head_chars
        if room > 0:
            self._give(text[:room])
            self._head_chars += min(room, len(text))
            text = text[room:]
        if not text:
            return
        self._tail.append(text)
        self._tail_chars += len(text)
        while self._tail_chars - len(self._tail[0]) > TAIL_CHARS_MAX:
            first = self._tail.popleft()
            self._tail_chars -= len(first)
            self._left_out_chars += len(first)


def shorten_text(text: str) -> str:
    """Return `text`, if it is too long with something left out in its middle."""
    if len(text) <= TEXT_CHARS_MAX:
        return text
    head, tail = text[: TEXT_CHARS_MAX // 2], text[-TEXT_CHARS_MAX // 2 :]
    # From the beginning of a line, or word: half a secret would not be known as one.
    tail = re.sub(r"\A(?:.{0,65536}\n|\S{0,65536}\s)", "", tail)
    left_out = len(text) - len(head) - len(tail)
    return f"{head}\n[... {left_out:,} characters are left out ...]\n{tail}"


def find_secrets(environ: Mapping[str, str]) -> list[str]:
    """Return the values in `environ` that a log must not show."""
    return [
        value
        for name, value in environ.items()
        if is_secret_name(name)
        and len(value) >= SECRET_CHARS_MIN
        and not _is_place(name, value)
    ]


def _is_place(name: str, value: str) -> bool:
    """Tell whether a variable says where something is: `PWD`, or where a key is kept.

    The place is no secret, and stands in every traceback.
    """
    if not value.startswith("/"):
        return False
    return name in _FOLDERS or os.path.lexists(value)
