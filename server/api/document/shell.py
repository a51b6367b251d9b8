"""A request as the command that a person would type."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import quote

_KEY = "$LAKEBED_ACCESS_KEY_ID:$LAKEBED_SECRET_ACCESS_KEY"


def show_command(method: str, path: str, operation: dict[str, Any]) -> str:
    """Return the curl command for the example of `operation`."""
    lines = ["curl"]
    if operation.get("security") != []:
        lines[0] += f' -u "{_KEY}"'
    if method == "head":
        lines[0] += " --head"
    elif method != "get":
        lines[0] += f" -X {method.upper()}"
    lines.append(f'"$LAKEBED_SERVER{_fill(path, operation)}"')
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
