"""Real Git repositories for tests, and what is compared of their work trees."""

# ruff: noqa: PTH114, PTH115, PTH118, PTH123
# Names of files are bytes here, as git has them.

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ENVIRON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "2026-11-01T12:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-01T12:00:00Z",
}


def git(folder: Path, *arguments: str | bytes, input_: bytes = b"") -> str:
    """Run git as a user would; return what it prints."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env=os.environ | _ENVIRON,
        input=input_,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace").strip()


@dataclass(frozen=True)
class Repository:
    """A work tree, and the bare repository that it is pushed to, if any."""

    root: Path

    def git(self, *arguments: str | bytes, input_: bytes = b"") -> str:
        return git(self.root, *arguments, input_=input_)

    def write(self, path: str | bytes, content: bytes | str = b"") -> Path:
        full = Path(os.fsdecode(os.fsencode(self.root) + b"/" + os.fsencode(path)))
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content.encode() if isinstance(content, str) else content)
        return full

    def commit(self, message: str = "Change", *paths: str) -> str:
        self.git("add", "-A", *paths)
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push_to(self, bare: Path) -> None:
        git(self.root, "init", "-q", "--bare", str(bare))
        self.git("remote", "add", "origin", str(bare))
        self.git("push", "-q", "-u", "origin", "HEAD")


def make_repository(root: Path, *, commits: int = 1) -> Repository:
    """Return a repository with a script, a binary file and a folder, in `commits` commits."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    repository = Repository(root)
    repository.write("train.py", "print('training')\n")
    repository.write("weights.bin", bytes(range(256)) * 8)
    repository.write("pkg/model.py", "SIZE = 3\n")
    repository.write(".gitignore", "*.log\ndata/\n")
    for number in range(commits):
        repository.write("notes.txt", f"{number}\n")
        repository.commit(f"Commit {number}")
    return repository


def picture(root: Path, *, ignored: bool = False) -> dict[bytes, tuple[str, bytes]]:
    """Return each file below `root`: its kind and whether it can be run, and its content.

    Git's own folders stay out, and files that Git ignores unless `ignored`.
    """
    found: dict[bytes, tuple[str, bytes]] = {}
    top = os.fsencode(root)
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != b".git"]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*names, *links):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, top)
            if name == b".git" or (not ignored and _is_ignored(path)):
                continue
            status = os.lstat(full)
            if stat.S_ISLNK(status.st_mode):
                found[path] = ("link", os.readlink(full))
            else:
                kind = "program" if status.st_mode & 0o100 else "file"
                with open(full, "rb") as file:
                    found[path] = (kind, file.read())
    return found


def state_of_git(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return each file of Git's own folder with its time and content: nobody may touch it.

    Without the times of objects: git renews that of one it borrows and would write.
    """
    folder = Path(git(root, "rev-parse", "--absolute-git-dir"))
    common = Path(git(root, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    return {
        str(path): (
            0 if "objects" in path.parts else path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for place in {folder, common}
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def _is_ignored(path: bytes) -> bool:
    return path.endswith(b".log") or path.startswith(b"data/")
