"""Grants: what a user may do where, as globs over the names of repositories and refs.

`*` stands for any characters, also none, `?` for one; everything else for itself, upper
and lower case apart. There is no way to write a `*` that means itself, and no need: names
have none. `docs/access.md` is the page for people.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from enum import IntEnum
from typing import Literal

from msgspec import Struct

from ..errors import InvalidValueError
from ..refs.expression import reads_as_commit_id
from ..refs.names import MODELS

GRANTS_MAX = 256
"""Grants of one user. They are read with each of the user's requests, some 50 bytes each;
whoever needs more wants a wildcard."""

_DECISIONS_MAX = 128
"""Decisions that are kept for one set of grants, about 250 bytes each: what a job works
on at one time. Without them a decision takes a microsecond a grant."""

_REPOSITORY_GLOB = re.compile(r"[a-z0-9*?-]{1,63}", re.ASCII)
_REF_GLOB = re.compile(r"[A-Za-z0-9._*?-]{1,255}", re.ASCII)

_STARS = re.compile(r"\*+")

EVERYTHING = "*"
"""The ref glob that holds for every ref, and for what has no name: commits by their id."""

LevelName = Literal["read", "write", "admin"]


class Permission(IntEnum):
    """What an operation needs, and what is granted; each holds those below it."""

    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def word(self) -> LevelName:
        """The name of the level in grants."""
        return _WORDS[self]

    @property
    def verb(self) -> str:
        """What whoever has it may do, for messages."""
        return "administer" if self is Permission.ADMIN else self.word

    @classmethod
    def parse(cls, word: LevelName) -> Permission:
        """Return the level that grants call `word`."""
        return next(level for level, name in _WORDS.items() if name == word)


_WORDS: dict[Permission, LevelName] = {
    Permission.READ: "read",
    Permission.WRITE: "write",
    Permission.ADMIN: "admin",
}


class Grant(Struct, frozen=True, gc=False):
    """One row: a level on the refs that a glob names, in the repositories another does."""

    repository: str
    ref: str
    level: Permission
    created_ms: int = 0


def check_grant(grant: Grant) -> Grant:
    """Return `grant` if its globs are clean, with each run of `*` as one.

    Raises:
        InvalidValueError: one is not, or could never match.
    """
    if not _REPOSITORY_GLOB.fullmatch(grant.repository):
        raise InvalidValueError(
            "repository",
            f"invalid repository glob {grant.repository[:80]!r}: use the characters of "
            "repository names, '*' for any and '?' for one",
        )
    if grant.repository == MODELS and "@" in grant.ref:
        raise InvalidValueError(
            "ref",
            f"cannot grant {grant.ref[:80]!r} of '{MODELS}': a grant is for a model with all "
            "its versions and aliases: leave out what is behind the '@'",
        )
    if not _REF_GLOB.fullmatch(grant.ref):
        raise InvalidValueError(
            "ref",
            f"invalid ref glob {grant.ref[:80]!r}: use the characters of branch and tag "
            "names, '*' for any and '?' for one",
        )
    repository, ref = (_STARS.sub("*", glob) for glob in (grant.repository, grant.ref))
    if reads_as_commit_id(ref):
        raise InvalidValueError(
            "ref",
            f"cannot grant '{ref}': it reads as the beginning of a commit id, and "
            "commits by their id need a grant of '*'",
        )
    return Grant(repository, ref, grant.level, grant.created_ms)


class Grants:
    """The grants of one user, made ready to be asked.

    What it answers follows from the grants alone, so one of these is as fresh as they
    are, and may be kept beside them.
    """

    __slots__ = ("_levels", "_rows")

    def __init__(self, rows: tuple[Grant, ...] = ()) -> None:
        """Allow what `rows` allow."""
        self._rows = tuple(
            (
                row.level,
                _compile(row.repository),
                None if row.ref == EVERYTHING else _compile(row.ref),
            )
            for row in rows
        )
        self._levels: dict[tuple[str, str | None], int] = {}

    def level_at(self, repository: str, ref: str | None) -> int:
        """Return the highest level at a ref, by its name; 0 if there is none.

        None asks for what has no name, which only `EVERYTHING` covers.
        """
        place = (repository, ref)
        level = self._levels.get(place)
        if level is None:
            level = max(
                (
                    row_level
                    for row_level, in_repository, at_ref in self._rows
                    if in_repository(repository)
                    and (at_ref is None or (ref is not None and at_ref(ref)))
                ),
                default=0,
            )
            if len(self._levels) >= _DECISIONS_MAX:
                self._levels.clear()
            self._levels[place] = level
        return level

    def level_somewhere(self, repository: str | None) -> int:
        """Return the highest level at any ref of `repository`; None: of any."""
        return max(
            (
                level
                for level, in_repository, _ in self._rows
                if repository is None or in_repository(repository)
            ),
            default=0,
        )


NO_GRANTS = Grants()


def _compile(glob: str) -> Callable[[str], object]:
    if "*" not in glob and "?" not in glob:
        return glob.__eq__  # as most are; a pattern takes some KiB
    # `fnmatch` also knows `[...]`, but globs with brackets are refused where they come
    # in. What it makes of several `*` takes linear time a star: no name makes it hang.
    return re.compile(fnmatch.translate(glob)).match
