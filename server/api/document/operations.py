"""One operation of the document, from its row of the table."""

from __future__ import annotations

import inspect
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from lakebed.client.wire import Conflict

from ...auth.authorize import Permission
from ...auth.requirements import Anyone, ForEach, SignedIn, Themselves
from ..answers import Answer, Bytes, CreatedText, NotBuilt
from ..call import Kept, Uploaded
from ..routing import Route, is_streamed, shape_of_body
from .examples import example_of_body
from .failures import describe_failures
from .parameters import describe_parameters
from .prose import read_prose
from .schemas import Schema, Schemas
from .tags import tag_of

_ANY_BYTES: Schema = {"format": "binary", "type": "string"}


def iter_types(route: Route) -> list[Any]:
    """Return the types of the bodies of `route` that have a schema."""
    _, body = route.models
    kinds = [body] if shape_of_body(body) else []
    for form in _forms_of(route):
        kinds += get_args(form) if _is_answer(form) else ()
    return kinds if route.method == "HEAD" else [*kinds, Conflict]


def describe_operation(route: Route, schemas: Schemas) -> Schema:
    """Return what the document says of `route`."""
    prose = read_prose(route.handler)
    operation: Schema = {
        "operationId": route.name,
        "tags": [tag_of(route).name],
        "summary": prose.summary,
        "description": f"{prose.description}\n\n{_say_right(route)}",
        "parameters": describe_parameters(route),
        "responses": _describe_successes(route, schemas) | describe_failures(route),
        "x-lakebed-right": _describe_right(route),
        "x-lakebed-idempotency-key": route.is_idempotent,
    }
    if isinstance(route.requirement, Anyone):
        operation["security"] = []
    if (body := _describe_body(route, schemas)) is not None:
        operation["requestBody"] = body
        operation["x-lakebed-body-bytes-max"] = route.body_bytes_max
    return operation


def _describe_body(route: Route, schemas: Schemas) -> Schema | None:
    _, body = route.models
    if shape_of_body(body):
        return {
            "required": True,
            "content": {
                "application/json": {
                    "schema": schemas.of(body),
                    "example": example_of_body(body),
                }
            },
        }
    if not is_streamed(body):
        return None
    content: Schema = {"application/octet-stream": {"schema": _ANY_BYTES}}
    if issubclass(body, Uploaded):
        content["multipart/form-data"] = {
            "schema": {
                "type": "object",
                "properties": {"content": _ANY_BYTES},
                "required": ["content"],
            }
        }
    return {"required": not issubclass(body, Kept), "content": content}


def _forms_of(route: Route) -> list[Any]:
    """Return the forms that the signature of the handler says it answers in."""
    form = get_type_hints(route.handler, include_extras=True)["return"]
    return list(get_args(form)) if get_origin(form) in (Union, UnionType) else [form]


def _is_answer(form: Any) -> bool:
    kind = get_origin(form) or form
    return isinstance(kind, type) and issubclass(kind, Answer)


def _describe_successes(route: Route, schemas: Schemas) -> dict[str, Schema]:
    answers: dict[str, Schema] = {}
    for form in _forms_of(route):
        if _is_answer(form):
            answers |= _describe_answer(form, schemas)
        elif get_origin(form) is Annotated and Bytes in get_args(form):
            answers |= _describe_bytes(route.method)
        elif get_origin(form) is Annotated and NotBuilt in get_args(form):
            answers["501"] = {"description": "It is not built."}
        else:
            answers["2XX"] = {"description": UNTOLD}
    return answers


UNTOLD = "The handler does not say in its signature what it answers."


def _describe_answer(form: Any, schemas: Schemas) -> dict[str, Schema]:
    kind: type[Answer] = get_origin(form) or form
    shapes = get_args(form)
    answer: Schema = {"description": _first_line(*shapes or (kind,))}
    if shapes:
        schema = schemas.of(shapes[0])
        answer["content"] = {kind.media_type: {"schema": schema}}
    elif issubclass(kind, CreatedText):
        answer["content"] = {kind.media_type: {"schema": {"type": "string"}}}
    return {f"{kind.success:d}": answer}


def _first_line(kind: Any) -> str:
    shape = get_origin(kind) or kind
    return (inspect.getdoc(shape) or "").partition("\n")[0]


def _describe_bytes(method: str) -> dict[str, Schema]:
    headers: dict[str, Schema] = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS_OF_OBJECTS.items()
    }
    content = {} if method == "HEAD" else {"content": {"*/*": {"schema": _ANY_BYTES}}}
    return {
        "200": {"description": "The object.", "headers": headers, **content},
        "206": {
            "description": "The range of it that was asked for.",
            "headers": headers,
            **content,
        },
        "302": {"description": "With `presign`: `Location` has the address to read."},
        "304": {"description": "It is as the client has it.", "headers": headers},
    }


_HEADERS_OF_OBJECTS = {
    "ETag": "Of the whole object.",
    "Last-Modified": "When it was written.",
    "X-Lakebed-Commit": "The commit that was read; absent for an uncommitted change.",
}


def _describe_right(route: Route) -> Schema:
    word: str
    match route.requirement:
        case Permission() as permission:
            word = permission.word
        case ForEach(permission):
            word = permission.word
        case Themselves():
            word = "themselves"
        case SignedIn():
            word = "signed-in"
        case _:
            word = "anyone"
    right: Schema = {"needs": word}
    if route.ref_name is not None:
        right["ref"] = route.ref_name
    if route.reads:
        right["reads"] = list(route.reads)
    return right


def _say_right(route: Route) -> str:
    match route.requirement:
        case Permission() as permission if _has_repository(route):
            place = "the repository"
            if route.ref_name is not None:
                place = _say_place(route.ref_name)
            sentence = f"Needs the right `{permission.word}` on {place}"
            if route.reads:
                others = " and ".join(map(_say_place, route.reads))
                sentence += f", and `read` on {others}"
            return f"{sentence}."
        case Permission():
            return "For administrators of the lake."
        case ForEach(permission):
            return (
                f"Needs the right `{permission.word}` on each ref that the body names, "
                "one by one."
            )
        case Themselves():
            return "For the user themselves, and for administrators of the lake."
        case SignedIn():
            return "For every user."
        case _:
            return "No key is needed."


def _has_repository(route: Route) -> bool:
    return "repository" in route.names or "." in route.repository_name


def _say_place(place: str) -> str:
    part, _, field = place.rpartition(".")
    match part:
        case "body":
            return f"`{field}` of the body"
        case "query":
            return f"`{field}` of the query"
        case _:
            return f"`{field}`"
