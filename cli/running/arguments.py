"""What `lakebed run` is told: inputs, outputs and parameters, as they are written."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import typer

from ..addresses import SCHEMES

if TYPE_CHECKING:
    from lakebed.client.wire.runs import InputWish, OutputWish, ParamValue


def parse_input(text: str) -> InputWish:
    """Return the input that `text` names as ADDRESS=LOCAL, or as ADDRESS alone.

    What stands behind the last `=` is local; a path that has one, and shall not be
    checked out, ends with one more.

    Raises:
        typer.BadParameter: it names none.
    """
    from lakebed.client import InvalidRequestError
    from lakebed.client.runs.addresses import input_wish

    address, equals, local = text.rpartition("=")
    if not equals:
        address, local = text, ""
    try:
        return input_wish(address, local or None)
    except InvalidRequestError as error:
        raise typer.BadParameter(f"-i {error}") from None


def parse_output(text: str) -> OutputWish:
    """Return the output that `text` names as LOCAL=ADDRESS.

    Raises:
        typer.BadParameter: it names none.
    """
    from lakebed.client import InvalidRequestError
    from lakebed.client.runs.addresses import output_wish

    places = [text.find(f"={scheme}") for scheme in SCHEMES]
    place = min((at for at in places if at > 0), default=-1)
    if place < 0:
        raise typer.BadParameter(
            f"-o '{text}' names no output: give LOCAL=lakebed://REPO/BRANCH/PATH"
        )
    try:
        return output_wish(text[:place], text[place + 1 :])
    except InvalidRequestError as error:
        raise typer.BadParameter(f"-o {error}") from None


def parse_params(pairs: list[str]) -> dict[str, ParamValue]:
    """Return the parameters that `pairs` name as NAME=VALUE, with their types.

    A value is a number, true, false or null as JSON writes them, else a text; in double
    quotes it is a text whatever it looks like.

    Raises:
        typer.BadParameter: a pair has no name, or a name comes twice.
    """
    params: dict[str, ParamValue] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--param '{pair}' is not NAME=VALUE")
        if name in params:
            raise typer.BadParameter(f"--param '{name}' is given twice")
        params[name] = _read_value(value)
    return params


def _read_value(text: str) -> ParamValue:
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, float) and not math.isfinite(value):
        return text
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return text


def _refuse(name: str) -> None:
    raise ValueError(name)
