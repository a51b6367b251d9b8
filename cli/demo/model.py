"""The second half of the tour: a model, what produced it, and the same model once more.

It is trained on a branch that moves on afterwards. `lakebed why` tells what it was
trained on, and `lakebed rerun --verify` trains it again on just that, and finds the same
bytes; the tour fails if it does not.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from ..output import print_line
from .shell import Shell, StepFailedError

if TYPE_CHECKING:
    from lakebed.client.wire import RunSummary

MODEL = "species"
SEED = 7
SCRIPTS = ("train.py", "drop_incomplete.py", "keep_species.py", "read_with_s3.py")
_GIT_NAME = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
"""Not shown: whoever types it has a name in the configuration of Git."""

_LOCK = 'lock-version = "1.0"\ncreated-by = "by hand"\npackages = []\n'
"""Of a script that needs nothing but Python."""
_IGNORED = "*.csv\n*.json\nenv/\n"


def train(shell: Shell) -> None:
    """Train a model with `lakebed run`, and give it a name.

    Raises:
        StepFailedError: a command failed.
    """
    shell.title("Code goes into Git, as yours does, with what pins its environment")
    shell.other("python -m venv --without-pip env")
    if shutil.which("git") is None:
        print_line(
            "git is not installed: the run is recorded without a commit of its code, and "
            "its grade says so."
        )
    else:
        _keep_code(shell)
    shell.title("Train a model on main, and record what it is made of")
    shell.lakebed(
        "lakebed run -i lakebed://penguins/main/penguins.csv=birds.csv "
        f"-o model.json=lakebed://penguins/main/model.json --seed {SEED} "
        f"--name {MODEL} -- env/bin/python train.py birds.csv model.json"
    )
    run = asyncio.run(_find_last_run())
    shell.lakebed(f"lakebed model register {MODEL} --run {run.id[:12]}")
    shell.lakebed(f"lakebed model promote {MODEL}@1 --alias prod")


def _keep_code(shell: Shell) -> None:
    (shell.folder / "pylock.toml").write_text(_LOCK)
    (shell.folder / ".gitignore").write_text(_IGNORED)
    shell.other("git init -q -b main .")
    shell.other(f"git add .gitignore pylock.toml {' '.join(SCRIPTS)}")
    shell.other('git commit -q -m "Train on four measures"', hidden=_GIT_NAME)
    shell.other("git init -q --bare ../code.git")
    shell.other("git remote add origin ../code.git")
    shell.other("git push -q origin main")


async def _find_last_run() -> RunSummary:
    from lakebed.client import AsyncClient

    async with AsyncClient() as lake:
        async for run in lake.iter_runs(repository="penguins", limit=1):
            return run
    raise StepFailedError("the demo stopped: the server knows of no run")


def ask_why(shell: Shell) -> None:
    """Ask what is in production, now that the branch has moved on.

    Raises:
        StepFailedError: a command failed.
    """
    shell.title("Monday morning: which code, which data made what is in production?")
    shell.lakebed(f"lakebed why {MODEL}@prod")


def prove(shell: Shell) -> None:
    """Train the model again and compare.

    Raises:
        StepFailedError: it did not come out the same.
    """
    shell.title("And again: the same code, the data of then, the same bytes?")
    shell.lakebed(f"lakebed rerun {MODEL}@prod --verify")
    print_line("The model was made again, to the byte.", style="bold green")
