#!/usr/bin/env python3
"""What a contributor can do, as one command each: `python3 tasks.py` lists them.

Needs nothing but Python 3.11 or newer. What a task uses is installed into `.venv`, at
the versions and hashes of the lock files, the first time and when they change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"
RUNTIME_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
CLIENTS_VENV = ROOT / ".venv-clients"
CLIENTS_PYTHON = CLIENTS_VENV / BIN.name / "python"
CLIENTS_LOCK = ROOT / "requirements-clients.lock"
FUZZ_LOCK = ROOT / "requirements-fuzz.lock"
GENERATORS = ROOT / "tests" / "support" / "generators"
PYTHON_MIN = (3, 11)
SHARED_MEMORY = Path("/dev/shm")
SCRATCH_BYTES_MIN = 4 * 1024**3
"""The fast tests leave 1.3 GB in it until they end; a container often has 64 MB."""


# --- tasks ----------------------------------------------------------------------------


def demo(*arguments: str) -> None:
    """Run the tour: `lakebed demo [DIR] [--keep]`."""
    install(RUNTIME_LOCK)
    run(BIN / "lakebed", "demo", *arguments)


def test(*arguments: str) -> None:
    """Run the fast tests; arguments go to pytest."""
    install(DEV_LOCK)
    marks = "not long and not durability"
    # Half of the files each, which need a server of their own once: and who is done
    # first takes of what the other has left.
    options = ("-q", "-n", "2", "--dist", "worksteal", "-m", marks)
    with scratch() as folder:
        folders = f"--basetemp={folder}/pytest"
        run(PYTHON, "-m", "pytest", *options, folders, *arguments)


def test_durability(*arguments: str) -> None:
    """Run power cuts, kills and races; LAKEBED_ROUNDS makes them many."""
    install(DEV_LOCK)
    run(PYTHON, "-m", "pytest", "-q", "-m", "durability", "-rs", *arguments)


def test_long(*arguments: str) -> None:
    """Run the long tests too (minutes to hours); arguments go to pytest."""
    install(DEV_LOCK)
    run(PYTHON, "-m", "pytest", "-q", *arguments)


def test_clients(*arguments: str) -> None:
    """Run the tests with real S3 clients; arguments go to pytest."""
    install_clients()
    # A file at a time: importing a client takes longer than most of its tests.
    options = ("-q", "-n", "2", "--dist", "loadfile", "-o", "testpaths=tests/clients")
    run(CLIENTS_PYTHON, "-m", "pytest", *options, *arguments)


def check() -> None:
    """Run what CI runs before the tests: format, lint, types, layers."""
    install(DEV_LOCK)
    run(BIN / "ruff", "format", "--check", ".")
    run(BIN / "ruff", "check", ".")
    run(BIN / "mypy")
    run(BIN / "mypy", "--explicit-package-bases", "tests", "benchmarks")
    run(BIN / "pyright", "--pythonpath", PYTHON)
    run(BIN / "lint-imports")


def format() -> None:  # noqa: A001 (the name of the task)
    """Format the code and mend what the linter can mend."""
    install(DEV_LOCK)
    run(BIN / "ruff", "check", "--fix-only", ".")
    run(BIN / "ruff", "format", ".")


def bench(*arguments: str) -> None:
    """Run a benchmark: `bench tree_build --quick`; without a name, list them."""
    install(DEV_LOCK)
    if not arguments:
        for script in sorted((ROOT / "benchmarks").glob("*.py")):
            if '__name__ == "__main__"' in script.read_text():
                print(script.stem)
        return
    run(PYTHON, "-m", f"benchmarks.{arguments[0]}", *arguments[1:])


def blocking() -> None:
    """Write `client/blocking/handles/` again, from `client/handles/`."""
    install(DEV_LOCK)
    run(PYTHON, GENERATORS / "blocking.py")


def docs() -> None:
    """Write `docs/python.md` again, from the docstrings of the client."""
    install(DEV_LOCK)
    run(PYTHON, GENERATORS / "reference.py")


def notebook() -> None:
    """Run `docs/tour.ipynb` again and keep what it answers."""
    install_clients()
    run(CLIENTS_PYTHON, GENERATORS / "notebook.py")


def lock() -> None:
    """Write the lock files again, with the newest releases."""
    install(DEV_LOCK)
    options = "-q --upgrade --universal --python-version 3.11 --generate-hashes"
    inputs = "--no-header pyproject.toml --extra server --group build"
    compile_ = (BIN / "uv", "pip", "compile", *options.split(), *inputs.split())
    run(*compile_, "-o", RUNTIME_LOCK)
    run(*compile_, "--group", "dev", "-c", RUNTIME_LOCK, "-o", DEV_LOCK)
    run(*compile_, "--group", "clients", "-c", DEV_LOCK, "-o", CLIENTS_LOCK)
    fuzzing = ("--no-header", "--group", "fuzz", "-o", FUZZ_LOCK)
    run(BIN / "uv", "pip", "compile", *options.split(), *fuzzing)


def fuzz(*arguments: str) -> None:
    """Fuzz parsers guided by coverage: `fuzz [NAME [SECONDS]]`; else all, 30 s each."""
    install(DEV_LOCK)
    pip = (BIN / "uv", "pip", "install", "-q", "--python", PYTHON)
    run(*pip, "--require-hashes", "-r", FUZZ_LOCK)
    fuzzer = ("env", "PYTHONPATH=tests", PYTHON, "-m", "fuzz")
    if arguments:
        run(*fuzzer, *arguments)
        return

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(word) for word in (*fuzzer, *words)]
        return subprocess.run(
            command, cwd=ROOT, check=False, capture_output=True, text=True
        )

    listed = ask("--list")
    if listed.returncode:
        sys.exit(listed.stderr)
    names = listed.stdout.splitlines()
    failed: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(
            names, pool.map(lambda name: ask(name, "30"), names), strict=True
        ):
            lines = done.stderr.splitlines()
            if done.returncode:
                failed.append(name)
                print("\n".join(lines[-40:]), flush=True)
            counts = [line for line in lines if line.startswith("Done ")]
            print(f"{name}: {counts[-1] if counts else 'stopped'}", flush=True)
    print(f"{len(names)} parsers fuzzed, {len(failed)} failed", flush=True)
    if failed:
        sys.exit(1)


def clean() -> None:
    """Remove the environment and every cache."""
    caches = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
    for folder in (VENV, CLIENTS_VENV, *(ROOT / name for name in caches)):
        shutil.rmtree(folder, ignore_errors=True)


TASKS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "test": test,
    "test-durability": test_durability,
    "test-long": test_long,
    "test-clients": test_clients,
    "check": check,
    "format": format,
    "bench": bench,
    "blocking": blocking,
    "docs": docs,
    "notebook": notebook,
    "lock": lock,
    "fuzz": fuzz,
    "clean": clean,
}


# --- the environment ------------------------------------------------------------------


def install(lock_file: Path) -> None:
    """Bring `.venv` to the state that `lock_file` describes, if it is not in it."""
    stamp = VENV / "installed-from"
    # The development lock holds all of the other one: having it is enough for both.
    enough = (fingerprint(lock_file), fingerprint(DEV_LOCK))
    if stamp.is_file() and stamp.read_text() in enough:
        return
    print(f"installing into {VENV} ...", file=sys.stderr, flush=True)
    pip = find_pip() if PYTHON.is_file() else create_venv()
    quiet = ("-q", "--disable-pip-version-check", "--no-input")
    run(*pip, "install", *quiet, "--require-hashes", "-r", lock_file)
    here = ("--no-deps", "--no-build-isolation", "-e", ROOT)
    run(*pip, "install", *quiet, *here)
    stamp.write_text(fingerprint(lock_file))


def install_clients() -> None:
    """Bring `.venv-clients` to the state of its lock file, if it is not in it."""
    install(DEV_LOCK)  # which has uv: pip takes minutes where uv takes seconds
    stamp = CLIENTS_VENV / "installed-from"
    if stamp.is_file() and stamp.read_text() == fingerprint(CLIENTS_LOCK):
        return
    print(f"installing into {CLIENTS_VENV} ...", file=sys.stderr, flush=True)
    run(BIN / "uv", "venv", "-q", "--clear", "--python", PYTHON, CLIENTS_VENV)
    pip = (BIN / "uv", "pip", "install", "-q", "--python", CLIENTS_PYTHON)
    locked = ("--require-hashes", "-r", CLIENTS_LOCK)
    # What builds a package that has no wheel comes from the lock file as well.
    run(*pip, *locked, "--build-constraints", CLIENTS_LOCK)
    run(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    stamp.write_text(fingerprint(CLIENTS_LOCK))


def fingerprint(lock_file: Path) -> str:
    """Return a digest of all that decides what `lock_file` installs."""
    project = (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(lock_file.read_bytes() + project).hexdigest()


def create_venv() -> tuple[object, ...]:
    """Create `.venv`; return the pip command that installs into it."""
    try:
        venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
    except subprocess.CalledProcessError:
        # Debian's Python comes without ensurepip: the system's own pip will do.
        venv.EnvBuilder(with_pip=False, clear=True).create(VENV)
    return find_pip()


def find_pip() -> tuple[object, ...]:
    """Return the pip command that installs into `.venv`."""
    for pip in (
        (PYTHON, "-m", "pip"),
        (sys.executable, "-m", "pip", "--python", str(PYTHON)),
    ):
        words = [str(word) for word in (*pip, "--version")]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return pip
    shutil.rmtree(VENV, ignore_errors=True)
    sys.exit(
        "error: this Python has neither pip nor ensurepip; install one of them, as with "
        "'apt install python3-venv'"
    )


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for lakes of tests, in memory if there is room: fsync is free there.

    What has to survive more than a process has tests of its own (`test-durability`).
    """
    is_roomy = (
        SHARED_MEMORY.is_dir()
        and shutil.disk_usage(SHARED_MEMORY).free >= SCRATCH_BYTES_MIN
    )
    where = SHARED_MEMORY if is_roomy else None
    return tempfile.TemporaryDirectory(prefix="lakebed-test-", dir=where)


def run(*words: object) -> None:
    """Run a command in the project's folder; leave with its exit code if it fails."""
    try:
        code = subprocess.run([str(word) for word in words], cwd=ROOT, check=False)
    except KeyboardInterrupt:
        sys.exit(130)
    if code.returncode:
        sys.exit(code.returncode if code.returncode > 0 else 128 - code.returncode)


def main(arguments: list[str]) -> None:
    """Run the task that `arguments` name, or list them all."""
    if sys.version_info < PYTHON_MIN:
        sys.exit(f"error: Python {PYTHON_MIN[0]}.{PYTHON_MIN[1]} or newer is needed")
    if arguments and arguments[0] in TASKS:
        TASKS[arguments[0]](*arguments[1:])
        return
    for name, task in TASKS.items():
        print(f"  {name:<15} {(task.__doc__ or '').splitlines()[0]}")
    if arguments and arguments[0] not in ("-h", "--help"):
        sys.exit(f"error: no task '{arguments[0]}'")


if __name__ == "__main__":
    main(sys.argv[1:])
