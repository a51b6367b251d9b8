"""Addresses: what people type to name a repository, a ref or an object.

    lakebed://REPO/REF/PATH    an object, or with a `/` at the end a prefix
    s3://REPO/REF/PATH         the same, as S3 clients write it; also s3://REPO.REF/PATH
    REPO/REF/PATH              where nothing but a remote object makes sense
    REPO/REF                   where a ref is wanted
    REPO                       where a repository is wanted

A path is taken as it stands, whatever it holds; a ref has no slash.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

SCHEMES = ("lakebed://", "s3://")

STANDARD_STREAM = "-"
"""In place of a local file: standard input or output."""


@dataclass(frozen=True, slots=True)
class RefAddress:
    """A ref of a repository."""

    repository: str
    ref: str

    def __str__(self) -> str:
        return f"{self.repository}/{self.ref}"


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """An object, or a prefix of objects, at a ref."""

    repository: str
    ref: str
    path: str
    """Empty: everything at the ref."""

    @property
    def is_prefix(self) -> bool:
        """Whether it can only mean what lies below."""
        return not self.path or self.path.endswith("/")

    @property
    def at(self) -> RefAddress:
        """The ref."""
        return RefAddress(self.repository, self.ref)

    def below(self, path: str) -> ObjectAddress:
        """Return the address of `path` in place of ours."""
        return ObjectAddress(self.repository, self.ref, path)

    def __str__(self) -> str:
        return f"lakebed://{self.repository}/{self.ref}/{self.path}"


def parse_repository(text: str) -> str:
    """Return the repository that `text` names.

    Raises:
        typer.BadParameter: it names something else.
    """
    parts = _split(text)
    if len(parts) == 1 and parts[0]:
        return parts[0]
    raise typer.BadParameter(f"'{text}' is not a repository: give its name alone")


def parse_ref(text: str) -> RefAddress:
    """Return the ref that `text` names as REPO/REF.

    Raises:
        typer.BadParameter: it names something else.
    """
    parts = _split(text)
    if len(parts) == 2 and all(parts):
        return RefAddress(parts[0], parts[1])
    if len(parts) == 1 and parts[0]:
        raise typer.BadParameter(
            f"'{text}' has no ref: give REPO/REF, such as '{parts[0]}/main'"
        )
    raise typer.BadParameter(f"'{text}' is not a ref: give REPO/REF")


def parse_ref_in(text: str, repository: str) -> str:
    """Return the ref that `text` names, as REF or REPO/REF of the same `repository`.

    Raises:
        typer.BadParameter: it names another repository, or no ref.
    """
    parts = _split(text)
    if len(parts) == 1 and parts[0]:
        return parts[0]
    address = parse_ref(text)
    if address.repository != repository:
        raise typer.BadParameter(
            f"'{text}' is in another repository than '{repository}'"
        )
    return address.ref


def parse_object(text: str) -> ObjectAddress:
    """Return the object or prefix that `text` names.

    Raises:
        typer.BadParameter: it names a repository alone, or nothing.
    """
    parts = _split(text)
    if len(parts) == 3 and parts[0] and parts[1]:
        return ObjectAddress(*parts)
    if len(parts) == 2 and all(parts):
        return ObjectAddress(parts[0], parts[1], "")
    raise typer.BadParameter(
        f"'{text}' names no ref: give lakebed://REPO/REF/PATH or REPO/REF/PATH"
    )


def parse_location(text: str) -> ObjectAddress | Path | None:
    """Return what `text` names: an address with a scheme, or a local path.

    None stands for the standard stream.

    Raises:
        typer.BadParameter: it has a scheme and is no address.
    """
    if text == STANDARD_STREAM:
        return None
    if text.startswith(SCHEMES):
        return parse_object(text)
    if "://" in text:
        scheme = text.partition("://")[0]
        raise typer.BadParameter(
            f"cannot copy from or to '{scheme}://': give lakebed://REPO/REF/PATH "
            "or a local path"
        )
    return Path(text)


def _split(text: str) -> list[str]:
    """Return repository, ref and path of `text`, as many as it has."""
    rest = text
    for scheme in SCHEMES:
        rest = rest.removeprefix(scheme)
    bucket, _, path = rest.partition("/")
    # No repository has a dot in its name, so that the first one ends it.
    if text.startswith("s3://") and "." in bucket:
        repository, _, ref = bucket.partition(".")
        return [repository, ref, path]
    parts = rest.split("/", 2)
    # `REPO/REF/` with nothing behind is the ref, `REPO/` the repository.
    return parts if parts[-1] or len(parts) == 1 else parts[:-1]
