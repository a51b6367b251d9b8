"""What the commands of `lakebed model` take, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

from ..completing import complete_model, complete_run

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the model", autocompletion=complete_model
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@VERSION]",
        help="A model, or a version by its number or an alias",
        autocompletion=complete_model,
    ),
]
VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME@VERSION",
        help="A version, by its number or an alias",
        autocompletion=complete_model,
    ),
]
AliasArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@ALIAS]",
        help="The alias, or its model with --alias",
        autocompletion=complete_model,
    ),
]
AliasOption = Annotated[
    str, typer.Option("--alias", "-a", metavar="ALIAS", help="The alias")
]
AliasBeside = Annotated[
    str | None,
    typer.Option(
        "--alias", "-a", metavar="ALIAS", help="The alias", show_default=False
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", "-m", help="Why, for the log", show_default=False)
]
RunOption = Annotated[
    str,
    typer.Option(
        "--run",
        metavar="RUN",
        help="Its id, or the beginning of it",
        autocompletion=complete_run,
    ),
]
