"""What commands take, each said once: the arguments and options that several share.

A command annotates its parameters with these names. An argument knows how to complete
itself; what it names is worked out by `addresses.py`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .completing import (
    complete_branch,
    complete_location,
    complete_object,
    complete_ref,
    complete_ref_beside,
    complete_repository,
    complete_subject,
    complete_tag,
)

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        "-S",
        metavar="URL|DIR",
        help="Server to ask, or a directory to open without one [$LAKEBED_SERVER]",
        show_default=False,
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Under which name it is kept [$LAKEBED_PROFILE, else 'default']",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing")
]
NewMessage = Annotated[
    str | None,
    typer.Option("--message", "-m", help="Message, if another", show_default=False),
]
Count = Annotated[
    int | None, typer.Option("-n", min=1, help="Show this many", show_default=False)
]
Stat = Annotated[
    bool, typer.Option("--stat", help="Sizes before and after, and what they add up to")
]
NameOnly = Annotated[bool, typer.Option("--name-only", help="Paths alone")]
ShowPatch = Annotated[
    bool, typer.Option("--patch", "-p", help="Show changed lines of small texts")
]
Unified = Annotated[
    int | None,
    typer.Option(
        "--unified",
        "-U",
        min=0,
        help="Lines around each change, 3 if not said; implies --patch",
        show_default=False,
    ),
]
Prefix = Annotated[str, typer.Option(help="How their names begin")]
Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--meta",
        metavar="KEY=VALUE",
        help="Metadata to keep with it; may be repeated",
        show_default=False,
    ),
]

Repository = Annotated[
    str,
    typer.Argument(
        metavar="REPO", help="The repository", autocompletion=complete_repository
    ),
]
Branch = Annotated[
    str,
    typer.Argument(
        metavar="REPO/BRANCH", help="The branch", autocompletion=complete_branch
    ),
]
Tag = Annotated[
    str, typer.Argument(metavar="REPO/TAG", help="The tag", autocompletion=complete_tag)
]
Ref = Annotated[
    str,
    typer.Argument(
        metavar="REPO/REF",
        help="A branch, a tag, a commit, or an expression such as main~2",
        autocompletion=complete_ref,
    ),
]
RefBeside = Annotated[
    str | None,
    typer.Argument(
        metavar="REF",
        help="A ref of the same repository: REF or REPO/REF",
        show_default=False,
        autocompletion=complete_ref_beside,
    ),
]
BranchBeside = Annotated[
    str,
    typer.Argument(
        metavar="BRANCH",
        help="A branch of the same repository: BRANCH or REPO/BRANCH",
        autocompletion=complete_ref_beside,
    ),
]
Object = Annotated[
    str,
    typer.Argument(
        metavar="REPO/REF/PATH", help="The object", autocompletion=complete_object
    ),
]
Objects = Annotated[
    list[str],
    typer.Argument(
        metavar="REPO/REF/PATH...", help="The objects", autocompletion=complete_object
    ),
]
Place = Annotated[
    str,
    typer.Argument(
        metavar="REPO/REF[/PATH]",
        help="An object, or a prefix: with a / at the end, or where no object is",
        autocompletion=complete_object,
    ),
]
Staged = Annotated[
    str,
    typer.Argument(
        metavar="REPO/BRANCH[/PATH]",
        help="The branch; with a path only that object, with a / at the end all below",
        autocompletion=complete_object,
    ),
]
Location = Annotated[
    str,
    typer.Argument(
        help="lakebed://REPO/REF/PATH, a local path, or - for stdin or stdout",
        autocompletion=complete_location,
    ),
]
Subject = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT",
        help="A run by its id or the beginning of it, MODEL (its newest version), "
        "MODEL@ALIAS, MODEL@VERSION, or lakebed://REPO/REF/PATH",
        autocompletion=complete_subject,
    ),
]
