"""The page for people: the OpenAPI document, written out as one HTML file.

It asks for nothing from anywhere else, and its policy forbids that it does. What is shown
is in the document; this module only knows how to show it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .markup import cell, code, escape, prose, rich, table
from .shell import show_command
from .shown_types import link_schema, resolve, show_type

_HERE = Path(__file__).parent
STYLE = (_HERE / "page.css").read_text()
SCRIPT = (_HERE / "page.js").read_text()


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what a browser may do with it."""

    html: str
    policy: str
    """Its Content-Security-Policy."""


def render(document: dict[str, Any]) -> Page:
    """Return the page that shows `document`."""
    return Page("".join(_iter_page(document)), _make_policy())


def _make_policy() -> str:
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (STYLE, SCRIPT)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _iter_page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} REST API</title>"
        f"<style>{STYLE}</style></head><body>"
        '<a class="skip" href="#main">To the operations</a><div class="page">'
    )
    yield from _iter_navigation(document)
    yield (
        f'<main id="main"><h1>{escape(info["title"])} REST API</h1>'
        f'<p class="quiet">{escape(info["version"])} · '
        '<a href="/openapi.json">OpenAPI document</a></p>'
        f"{prose(info['description'])}"
    )
    yield (
        "<p>The examples take the address of the server and a key from the environment:"
        "</p><pre><code>export LAKEBED_SERVER=http://127.0.0.1:8000\n"
        "export LAKEBED_ACCESS_KEY_ID=... LAKEBED_SECRET_ACCESS_KEY=..."
        "</code></pre>"
    )
    for tag in document["tags"]:
        yield f'<section id="{escape(tag["name"])}"><h2>{escape(tag["name"])}</h2>'
        yield f'<p class="quiet">{rich(tag["description"])}</p>'
        for path, method, operation in iter_operations(document, tag["name"]):
            yield from _iter_operation(document, path, method, operation)
        yield "</section>"
    yield '<section id="schemas"><h2>Schemas</h2>'
    for name, schema in document["components"]["schemas"].items():
        yield f'<div class="schema" id="{escape(name)}"><h3>{escape(name)}</h3>'
        yield f'<p class="quiet">{rich(schema.get("description", ""))}</p>'
        yield _show_fields(schema)
        yield "</div>"
    yield f"</section></main></div><script>{SCRIPT}</script></body></html>"


def iter_operations(
    document: dict[str, Any], tag: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of those with `tag`, in their order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield path, method, operation


def _iter_navigation(document: dict[str, Any]) -> Iterator[str]:
    yield (
        '<nav aria-label="Operations"><details><summary>Operations</summary>'
        '<input type="search" id="search" placeholder="Search operations" '
        'aria-label="Search operations" hidden>'
    )
    for tag in document["tags"]:
        name = escape(tag["name"])
        yield f'<ul><li><a class="group" href="#{name}">{name}</a></li>'
        for path, method, operation in iter_operations(document, tag["name"]):
            words = f"{operation['operationId']} {operation['summary']} {method} {path}"
            yield (
                f'<li data-words="{escape(words.lower())}">'
                f'<a href="#{operation["operationId"]}" title="{escape(path)}">'
                f"{_show_method(method)}<span>{escape(operation['operationId'])}</span>"
                "</a></li>"
            )
        yield "</ul>"
    yield (
        '<ul><li data-words="schemas"><a class="group" href="#schemas">Schemas</a></li>'
        "</ul></details></nav>"
    )


def _show_method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _iter_operation(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> Iterator[str]:
    name = operation["operationId"]
    whole_path = document["servers"][0]["url"] + path
    yield (
        f'<article id="{name}"><header><h3><a class="anchor" href="#{name}">'
        f"{rich(operation['summary'])}</a></h3>"
        f'<div class="badges"><span class="badge">{escape(name)}</span>'
        f"{''.join(_iter_badges(operation))}</div></header>"
        f'<div class="route">{_show_method(method)}<code>{_show_path(whole_path)}</code>'
        f"</div>{_show_rest(operation)}"
    )
    if operation["parameters"]:
        yield "<h4>Parameters</h4>"
        yield table(("Name", "Type", ""), map(_show_parameter, operation["parameters"]))
    if (body := operation.get("requestBody")) is not None:
        yield from _iter_body(document, body)
    yield "<h4>Answers</h4>"
    yield _show_answers(operation["responses"])
    yield "<h4>Example</h4>"
    command = show_command(method, whole_path, operation)
    yield f"<pre><code>{escape(command)}</code></pre></article>"


def _iter_badges(operation: dict[str, Any]) -> Iterator[str]:
    yield f'<span class="badge">{escape(operation["x-lakebed-right"]["needs"])}</span>'
    if operation["x-lakebed-idempotency-key"]:
        yield '<span class="badge">once by key</span>'


def _show_path(path: str) -> str:
    pieces = [
        f'<span class="name">{escape(piece)}</span>'
        if piece.startswith("{")
        else escape(piece)
        for piece in path.split("/")
    ]
    return "/<wbr>".join(pieces)


def _show_rest(operation: dict[str, Any]) -> str:
    """Return the description without what the summary has said."""
    return prose(
        operation["description"].removeprefix(f"{operation['summary']}.").strip()
    )


def _show_parameter(parameter: dict[str, Any]) -> tuple[str, ...]:
    needed = parameter.get("required", False) and parameter["in"] != "path"
    place = f"· {parameter['in']}"
    return (
        cell(code(parameter["name"]), needed=needed),
        f'{show_type(parameter["schema"])} <span class="quiet">{place}</span>',
        rich(parameter["description"]),
    )


def _iter_body(document: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    for media_type, content in body["content"].items():
        yield f"<h4>Body <code>{escape(media_type)}</code></h4>"
        schema = content["schema"]
        if "$ref" in schema:
            named = resolve(document, schema)
            yield f"<p>{link_schema(schema)} · {rich(named.get('description', ''))}</p>"
            yield _show_fields(named)
        elif "properties" in schema:
            yield _show_fields(schema)
        else:
            yield "<p>The bytes as they are.</p>"


def _show_fields(schema: dict[str, Any]) -> str:
    fields = schema.get("properties", {})
    needed = schema.get("required", [])
    rows = [
        (
            cell(code(name), needed=name in needed),
            show_type(field),
            rich(field.get("description", "")),
        )
        for name, field in fields.items()
    ]
    return table(("Field", "Type", ""), rows) if rows else "<p>No fields.</p>"


def _show_answers(answers: dict[str, Any]) -> str:
    good = {status: each for status, each in answers.items() if status < "4"}
    bad = {status: each for status, each in answers.items() if status >= "4"}
    shown = table(("Status", ""), _iter_answers(good), kind="answers")
    failures = table(("Status", ""), _iter_answers(bad), kind="answers")
    statuses = ", ".join(bad)
    return (
        f"{shown}<details><summary>What may go wrong: {statuses}</summary>"
        f"{failures}</details>"
    )


def _iter_answers(answers: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for status, answer in answers.items():
        shapes = [
            f"{show_type(content['schema'])} "
            f'<span class="quiet">{escape(media_type)}</span>'
            for media_type, content in answer.get("content", {}).items()
            if status < "4" or "MergeConflict" in str(content["schema"])
        ]
        shape = f"<p>{', '.join(shapes)}</p>" if shapes else ""
        yield code(status), f"{prose(answer['description'])}{shape}"
