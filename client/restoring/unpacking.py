"""Unpacks the files that lay beside a commit, into a folder and nowhere else.

The tar file comes from a record that others may have made: a name that leads out of the
folder, itself or through a link in it, is refused before anything is written there.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path, PurePosixPath

from .errors import RestoreError


def unpack_beside(content: bytes, into: Path) -> int:
    """Put the files of the tar file `content` into the folder `into`; return how many.

    What is there already is replaced.

    Raises:
        RestoreError: it is no tar file, or names something outside of `into`.
    """
    count = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                _unpack(tar, member, into)
                count += 1
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise RestoreError(f"the kept files cannot be unpacked: {error}") from error
    except OSError as error:
        raise RestoreError(
            f"cannot write '{error.filename or into}': {error.strerror}"
        ) from error
    return count


def write_below(path: str, content: bytes, into: Path) -> Path:
    """Write a file at `path` in the folder `into`; return where it is.

    Raises:
        RestoreError: `path` leads out of `into`.
    """
    target = _target(path, into)
    _remove(target)
    target.write_bytes(content)
    return target


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    target = _target(member.name, into)
    if member.issym():
        _remove(target)
        target.symlink_to(member.linkname)
    elif member.isreg():
        file = tar.extractfile(member)
        assert file is not None
        _remove(target)
        target.write_bytes(file.read())
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise RestoreError(f"the kept files have '{member.name}', which is no file")


def _target(name: str, into: Path) -> Path:
    """Return the path of `name` in `into`, with its folder made."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or ".git" in parts:
        raise RestoreError(
            f"the kept files have '{name}', which leads out of the folder"
        )
    target = into.joinpath(*parts)
    root = os.path.realpath(into)
    # The nearest folder that is there says whether a link leads away.
    folder = target.parent
    while not folder.exists():
        if folder.is_symlink():
            break
        folder = folder.parent
    if not Path(os.path.realpath(folder)).is_relative_to(root):
        raise RestoreError(
            f"the kept files have '{name}', which leads out of the folder"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _remove(target: Path) -> None:
    """Remove the file or link at `target`; an empty folder gives way as well."""
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    else:
        target.unlink(missing_ok=True)
