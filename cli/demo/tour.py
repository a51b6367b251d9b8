"""The tour: the whole main job on a real table, each step as a user would type it.

The table is that of the Palmer penguins (344 birds; see NOTICE). It is put in as it is,
cleaned on a branch, compared, merged and tagged; a model is trained on `main`. Then `main`
moves on, and an ordinary S3 client reads the tag: the tour checks that those bytes are
what was tagged, and fails if they are not. At last it asks what produced the model, and
makes the same once more (`model.py`).
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path

from ..output import print_line
from . import model
from .shell import Shell, StepFailedError

TABLE = "penguins.csv"
S3_SCRIPT = "read_with_s3.py"


def put_files(folder: Path) -> None:
    """Put the table and the scripts of the tour into the working `folder`."""
    package = resources.files("lakebed.cli")
    for place in ("data", "demo/scripts"):
        for source in package.joinpath(place).iterdir():
            if source.name.endswith((".csv", ".py")) and source.is_file():
                (folder / source.name).write_bytes(source.read_bytes())


def take_tour(shell: Shell) -> None:
    """Run every step.

    Raises:
        StepFailedError: a command failed, or the bytes are not those that were tagged.
    """
    _put_in(shell)
    _clean_on_a_branch(shell)
    tagged = _merge_and_tag(shell)
    model.train(shell)
    _move_on(shell)
    _read_the_tag(shell, tagged)
    model.ask_why(shell)
    model.prove(shell)


def _put_in(shell: Shell) -> None:
    shell.title("A repository, and a real table in it")
    shell.lakebed("lakebed repo create penguins")
    shell.lakebed(f"lakebed cp {TABLE} lakebed://penguins/main/{TABLE}")
    shell.lakebed('lakebed commit penguins/main -m "Add the raw table"')


def _clean_on_a_branch(shell: Shell) -> None:
    shell.title("Clean it on a branch: main does not notice")
    shell.lakebed("lakebed branch create penguins/clean main")
    shell.other(f"python drop_incomplete.py {TABLE}")
    shell.lakebed(f"lakebed cp {TABLE} lakebed://penguins/clean/{TABLE}")
    shell.lakebed(
        'lakebed commit penguins/clean -m "Drop incomplete rows" '
        "--meta script=drop_incomplete.py"
    )
    shell.title("What would a merge change?")
    shell.lakebed("lakebed diff penguins/main clean --stat --unified 0")


def _merge_and_tag(shell: Shell) -> str:
    """Merge and tag; return the SHA-256 of the table that was tagged."""
    shell.title("Merge it, and give the result a name that never moves")
    shell.lakebed("lakebed merge penguins/clean main")
    shell.lakebed("lakebed tag create penguins/v1.0 main")
    return hashlib.sha256((shell.folder / TABLE).read_bytes()).hexdigest()


def _move_on(shell: Shell) -> None:
    shell.title("Main moves on: from now on it is about one species")
    shell.other(f"python keep_species.py {TABLE} Gentoo")
    shell.lakebed(f"lakebed cp {TABLE} lakebed://penguins/main/{TABLE}")
    shell.lakebed('lakebed commit penguins/main -m "Keep the Gentoo penguins only"')
    shell.lakebed("lakebed log penguins/main --oneline")


def _read_the_tag(shell: Shell, tagged: str) -> None:
    shell.title("Read the tag with an ordinary S3 client")
    shell.show(f"cat {S3_SCRIPT}")
    print_line((shell.folder / S3_SCRIPT).read_text().rstrip())
    output = shell.other(f"python {S3_SCRIPT}")
    found = dict(re.findall(r"^(\S+) ([0-9a-f]{64}) ", output, re.MULTILINE))
    print_line("")
    print_line("The SHA-256 of the table that was tagged:")
    print_line(f"v1.0 {tagged}")
    if found.get("v1.0") != tagged:
        raise StepFailedError("the tag gives other bytes through S3 than were tagged")
    if found.get("main") == tagged:
        raise StepFailedError("main gives the bytes of the tag: it did not move on")
    print_line(
        "Through S3 the tag gives the bytes that were tagged; main has moved on.",
        style="bold green",
    )
