"""A configuration file with its secrets masked, as text: its form and its comments stay."""

from __future__ import annotations

import re
from pathlib import PurePath

from ..wire.run_parts import MASK
from .flattening import UnreadableError, iter_secrets, read_configuration
from .names import is_secret_name
from .secrets import mask_text
from .shapes import mask_shapes

_LINE = re.compile(
    r"""(?m)^(?P<before>[ \t]*(?:-[ \t]+)?["']?(?P<name>[A-Za-z_][\w.-]*)["']?
    [ \t]*[:=][ \t]*)(?P<value>[^\n]*)$""",
    re.VERBOSE,
)
_LITERAL_CHARS_MIN = 4
"""Shorter secrets are masked where their name stands only: they are in every other word."""
_SOUGHT_CHARS_MAX = 256 << 20
"""Secrets times characters: each is sought in the whole text, at some 1 GB a second. A
configuration file has 10 secrets and 10,000 characters."""


def mask_configuration(path: PurePath, content: bytes) -> bytes | None:
    """Return `content` with its secrets masked; None: that cannot be done for certain."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return (
            content
            if mask_shapes(content.decode("latin-1")).encode("latin-1") == content
            else None
        )
    masked = text if path.suffix.lower() == ".json" else _mask_lines(text)
    masked = mask_text(masked)
    try:
        secrets = set(iter_secrets(read_configuration(path, content)))
    except UnreadableError:
        secrets = set[str]()
    literals = sorted(
        (each for each in secrets if len(each) >= _LITERAL_CHARS_MIN),
        key=len,
        reverse=True,
    )
    if len(literals) * len(masked) > _SOUGHT_CHARS_MAX:
        return None
    for secret in literals:
        masked = masked.replace(secret, MASK)
    if any(secret in masked for secret in literals) or _has_values(
        secrets.difference(literals), masked, path
    ):
        return None
    return content if masked == text else masked.encode()


def _mask_lines(text: str) -> str:
    """Mask to the end of the line, and the deeper lines below, what a secret name begins."""
    lines = text.split("\n")
    depth: int | None = None
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if depth is not None and line.strip():
            # YAML's lists may stand as deep as the name that they belong to.
            is_below = indent > depth or (
                indent == depth and line.lstrip().startswith("- ")
            )
            depth = depth if is_below else None
        if depth is not None:
            lines[number] = " " * indent + MASK if line.strip() else line
            continue
        found = _LINE.match(line)
        if found is None or not is_secret_name(found["name"]):
            continue
        value = found["value"].strip()
        if value in ("", "|", ">", "|-", ">-", "|+", ">+"):
            depth = indent
        elif value.lower() not in ("null", "~", "none", "true", "false"):
            lines[number] = found["before"] + MASK
    return "\n".join(lines)


def _has_values(secrets: set[str], masked: str, path: PurePath) -> bool:
    """Tell whether one of `secrets` is still a value in the masked text."""
    if not secrets:
        return False
    try:
        found = iter_secrets(read_configuration(path, masked.encode()))
        return not secrets.isdisjoint(found)
    except UnreadableError:
        return False
