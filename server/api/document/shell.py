"""A request as the command that a person would type."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import quote

_KEY = "$LAKEBED_ACCESS_KEY_ID:$LAKEBED_SECRET_ACCESS_KEY"


def show_command(method: str, path: str, operation: dict[str, Any]) -> str:
    """Return the curl command for the example of `operation`."""
    first = "curl"
    if method == "head":
        first += " --head"
    elif method != "get":
        first += f" -X {method.upper()}"
    address = f'"$LAKEBED_SERVER{_fill(path, operation)}"'
    if operation.get("security") == []:
        lines = [f"{first} {address}"]
    else:
        lines = [f'{first} -u "{_KEY}"', address]
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, body in list(content.items())[:1]:
        if media_type == "application/json":
            text = json.dumps(body["example"])
            lines += [f"-H 'Content-Type: {media_type}'", f"-d {shlex.quote(text)}"]
        else:
            lines += [f"-H 'Content-Type: {media_type}'", "--data-binary @FILE"]
    return " \\\n  ".join(lines)


def _fill(path: str, operation: dict[str, Any]) -> str:
    query: list[str] = []
    for parameter in operation["parameters"]:
        name = parameter["name"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(parameter["example"], safe=""))
        elif parameter["in"] == "query" and parameter["required"]:
            query.append(f"{name}={quote(str(parameter['example']), safe='/')}")
    return path + ("?" + "&".join(query) if query else "")
