"""The reference in `docs/cli.md`, made from the commands themselves.

    PYTHONPATH=tests .venv/bin/python -m support.cli_page     # writes it anew

What stands above the line of `MARK` is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lakebed.cli.main import build
from typer.main import get_command

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
MARK = "<!-- From here on: made by tests/support/cli_page.py. -->\n"

USUAL = ("--yes", "--dry-run", "--json", "--server")
"""Options that the page explains once, above."""


def iter_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command by its words, as Typer has it, in the order of its words."""
    root: Any = get_command(build())
    for name, command in sorted(root.commands.items()):
        for child, below in sorted(getattr(command, "commands", {"": command}).items()):
            yield f"{name} {child}".strip(), below


def option_names(command: Any) -> set[str]:
    """Return how the options and arguments of a command are written."""
    return {name for parameter in command.params for name in parameter.opts}


def render_reference() -> str:
    """Return the part of the page that is made."""
    return "\n".join(_render(name, command) for name, command in iter_commands())


def _render(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    needed = [_name(one).rpartition(", ")[2] for one in options if one.required]
    usage = " ".join(["lakebed", name, *map(_usage, arguments), *needed])
    usual = [one for one in options if one.opts[0] in USUAL]
    options = [one for one in options if one not in usual]
    lines = [f"### `{usage}`", "", _paragraphs(command.help or ""), ""]
    rows = [(_name(one), one.help or "") for one in [*arguments, *options]]
    if rows:
        lines += ["| | |", "|---|---|"]
        lines += [f"| `{_cell(name)}` | {_cell(text)} |" for name, text in rows]
        lines.append("")
    if usual:
        lines += ["Also: " + ", ".join(f"`{one.opts[0]}`" for one in usual) + ".", ""]
    return "\n".join(lines)


def _usage(argument: Any) -> str:
    name = str(argument.metavar or argument.name).upper()
    if argument.nargs == -1 and not name.endswith("..."):
        name += "..."
    return name if argument.required else f"[{name}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper()
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    return f"{names} {parameter.metavar or parameter.name.upper()}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def written_by_hand() -> str:
    """Return the part of the page that is not made."""
    return PAGE.read_text().partition(MARK)[0]


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(f"{written_by_hand()}{MARK}\n{render_reference()}")


if __name__ == "__main__":
    main()
