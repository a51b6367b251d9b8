"""What a path of the file system names: REPO/REF/PATH, cut into its three."""

from __future__ import annotations

import re
from dataclasses import dataclass

PROTOCOL = "lakebed"

_COMMIT_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Location:
    """The root, a repository, a ref, or what is at a ref.

    Each part is empty where the path ends before it.
    """

    repository: str
    ref: str
    path: str

    def __str__(self) -> str:
        return "/".join(part for part in self.parts if part)

    @property
    def parts(self) -> tuple[str, str, str]:
        """Repository, ref and path."""
        return self.repository, self.ref, self.path

    @property
    def is_object(self) -> bool:
        """Whether it is deep enough to be an object."""
        return bool(self.path)

    @property
    def is_pinned(self) -> bool:
        """Whether it can never change: the ref is the id of a commit, in full."""
        return _COMMIT_ID.fullmatch(self.ref) is not None

    @property
    def prefix(self) -> str:
        """What the paths of everything below it begin with."""
        return f"{self.path}/" if self.path else ""

    def name(self, path: str) -> str:
        """Return the name of what is at `path` at the same ref."""
        return f"{self.repository}/{self.ref}/{path}".rstrip("/")


def parse_location(name: str) -> Location:
    """Return what `name`, without its protocol, names.

    Only the slashes around repository and ref are of no matter: in the path of an object
    each counts.
    """
    repository, _, rest = name.lstrip("/").partition("/")
    ref, _, path = rest.partition("/")
    return Location(repository, ref, path)
