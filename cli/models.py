"""How people name models: NAME, NAME@VERSION, NAME@ALIAS."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from .addresses import SCHEMES
from .text import escape

REPOSITORY = "models"
"""From which the files of versions are read."""


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A model, or a version of one."""

    name: str
    at: str | None = None
    """The number of a version, or an alias; None: the model."""

    @property
    def number(self) -> int | None:
        """The number, if it is one."""
        return int(self.at) if self.at and self.at.isdecimal() else None

    def __str__(self) -> str:
        return self.name if self.at is None else f"{self.name}@{self.at}"


def parse_model(text: str) -> ModelAddress:
    """Return what `text` names; the address of its files means the same.

    Raises:
        typer.BadParameter: it names something else.
    """
    rest = text
    for scheme in SCHEMES:
        rest = rest.removeprefix(scheme)
    rest = rest.removeprefix(f"{REPOSITORY}/").removesuffix("/")
    name, sign, at = rest.partition("@")
    if not name or "/" in rest or (sign and not at) or "@" in at:
        raise typer.BadParameter(
            f"'{escape(text)}' is no model: give NAME, NAME@VERSION or NAME@ALIAS"
        )
    return ModelAddress(name, at if sign else None)


def parse_version(text: str) -> ModelAddress:
    """Return the version that `text` names, by its number or an alias.

    Raises:
        typer.BadParameter: it names a model, or something else.
    """
    address = parse_model(text)
    if address.at is None:
        raise typer.BadParameter(
            f"'{escape(text)}' names no version: give NAME@VERSION, such as "
            f"'{escape(address.name)}@1'"
        )
    return address


def parse_alias(text: str, option: str | None) -> tuple[str, str]:
    """Return model and alias, which is behind the `@`, or was given as an `option`.

    Raises:
        typer.BadParameter: it is in neither place, or in both.
    """
    address = parse_model(text)
    if (address.at is None) == (option is None):
        raise typer.BadParameter(
            f"which alias of '{escape(address.name)}'? give NAME@ALIAS, or NAME with "
            "--alias ALIAS"
        )
    return address.name, address.at or option or ""
