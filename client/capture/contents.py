"""Whether what is in a file may be kept: files with secrets in them are named, and left out.

A diff or a file with its secrets masked could not be used again, so the whole file stays
out. Words of code are not taken for secrets: a literal must look like one.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ..wire.run_parts import REFUSED_CONTENT, REFUSED_NAME
from .literals import is_secret_literal
from .names import is_secret_file, is_secret_value
from .shapes import has_secret_shape

_CONFIGURATION = {
    *(
        ".yaml",
        ".yml",
        ".json",
        ".toml",
        ".ini",
        ".cfg",
        ".conf",
        ".properties",
        ".env",
    ),
}
_ASSIGNED = re.compile(
    r"""(?P<export>(?:export|%env|%set_env|ENV)[ \t]++)?+
    (?<![\w.-]) (?:(?![A-Za-z_])[\w.-])*+ (?P<name>[A-Za-z_][\w.-]*+)
    \\?["']?\]? [ \t]*+
    (?: :[ \t]*+[A-Za-z_][\w.]{0,40}+(?:\[[\w., |]{0,40}\])?[ \t]*+= | :=|=>|[:=] ) [ \t]*+
    (?: \(?(?:[bru]{1,2}(?=\\?["']))? \\?(?P<quote>["'])(?:(?P=quote){2})?
        (?P<quoted>[^"'\n\\]*)
      | (?P<bare>[^\s"'#,{}\[\]]+) )""",
    re.VERBOSE | re.IGNORECASE,
)
"""What is given a value, as files of configuration and code write it: `a: b`, `a = "b"`,
`a: str = "b"`, `environ["a"] = "b"`, and in a notebook with backslashes before quotes."""
_NAMED_BYTES_MAX = 4 << 20
"""Larger files are data, in which names mean nothing."""
_SHELL = {".sh", ".bash", ".zsh", ".ksh"}
"""Where what stands without quotes is a literal as well."""
_PLACEHOLDER = re.compile(
    r"[$<{%*].*|(?:null|none|true|false|~|x+|\d|changeme|todo)", re.IGNORECASE
)


def why_not_kept(path: str, content: bytes) -> str | None:
    """Return why a file at `path` is not kept; None: nothing speaks against it."""
    if is_secret_file(path):
        return REFUSED_NAME
    return REFUSED_CONTENT if holds_secret(path, content) else None


def holds_secret(path: str, content: bytes) -> bool:
    """Tell whether there is what looks like a secret in a file, or a piece of a diff of it."""
    if has_secret_shape(content.decode("latin-1")):
        return True
    if len(content) > _NAMED_BYTES_MAX or b"\0" in content[:8192]:
        return False
    text = content.decode(errors="replace")
    suffix = PurePosixPath(path).suffix.lower()
    for found in _ASSIGNED.finditer(text):
        name, value = found["name"], found["quoted"] or found["bare"] or ""
        if not value or _PLACEHOLDER.fullmatch(value):
            continue
        if suffix in _CONFIGURATION and is_secret_value(name, value):
            return True
        is_literal = found["quote"] or found["export"] or suffix in _SHELL
        if is_literal and is_secret_literal(name, value):
            return True
    return False
