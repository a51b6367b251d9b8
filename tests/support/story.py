"""A small lake in which the example of every operation works.

The names are those of the examples in the OpenAPI document: a repository `penguins` with
a table on `main`, a branch `dev` that has gone on, a tag, a user with a key and a grant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

import jsonschema_rs
from aiohttp import ClientSession
from lakebed.client.wire import bundle
from lakebed.client.wire.routes import BASE
from lakebed.server.api.document.openapi import describe
from lakebed.server.api.routes import ROUTES
from lakebed.server.provenance.aliases import promote
from lakebed.server.provenance.registering import register
from lakebed.server.repository.engine import Engine
from yarl import URL

from .asking import Answer
from .models import ANN, make_version, train

DOCUMENT: dict[str, Any] = describe(ROUTES, "0")
LAKE = "/repositories/penguins"
RUN = "4f1d7c3a9be04b62a5f0c8d2e6137a95"
"""The run of the examples."""
STEPS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "createUser": (("POST", "/auth/users", {"id": "ann"}),),
    "createCredentials": (("POST", "/auth/users/ann/credentials", None),),
    "addGrant": (
        (
            "POST",
            "/auth/users/ann/grants",
            {"repository": "penguins", "ref": "main", "level": "read"},
        ),
    ),
    "createRepository": (("POST", "/repositories", {"name": "penguins"}),),
    "createBranch": (
        ("POST", f"{LAKE}/branches", {"name": "dev", "source": "main"}),
        ("POST", f"{LAKE}/branches/dev/objects?path=dev.csv", b"on dev"),
        ("POST", f"{LAKE}/branches/dev/commits", {"message": "on dev"}),
    ),
    "uploadObject": (
        ("POST", f"{LAKE}/branches/main/objects?path=raw/penguins.csv", b"a,b"),
    ),
    "commit": (("POST", f"{LAKE}/branches/main/commits", {"message": "raw"}),),
    "setGCRules": (
        (
            "PUT",
            f"{LAKE}/settings/gc_rules",
            {"default_retention_days": 90, "branches": []},
        ),
    ),
    "createTag": (("POST", f"{LAKE}/tags", {"id": "v1.0", "ref": "main"}),),
    "beginRun": (("POST", f"{LAKE}/runs", {}),),
    "appendRunBatch": (
        (
            "POST",
            f"{LAKE}/runs/RUN/batches",
            {
                "writer": "w",
                "sequence": 1,
                "log": "begun",
                "metrics": [
                    {"name": "main", "values": [1], "steps": [1], "times_ms": [1]}
                ],
            },
        ),
    ),
    "keepRunFile": (("POST", f"{LAKE}/runs/RUN/files?name=main", b"kept"),),
}
"""What the operations do that make what others need; in this order."""


@dataclass(frozen=True)
class Operation:
    """An operation of the document."""

    name: str
    method: str
    path: str
    """Its template, below the base."""
    described: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return self.name

    @property
    def body(self) -> Any:
        """The example of its JSON body; None where it has none."""
        content = self.described.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("example")

    @property
    def names(self) -> dict[str, str]:
        return {
            parameter["name"]: parameter["example"]
            for parameter in self.described["parameters"]
            if parameter["in"] == "path"
        }

    @property
    def query(self) -> dict[str, str]:
        """The parameters that it needs."""
        return {
            parameter["name"]: str(parameter["example"])
            for parameter in self.described["parameters"]
            if parameter["in"] == "query" and parameter["required"]
        }

    def fill(
        self,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Return its target, with examples for what is not given."""
        path = self.path
        for name, value in {**self.names, **(names or {})}.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        pairs = {**self.query, **(query or {})}.items()
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
        return f"{path}?{asked}" if asked else path


OPERATIONS = [
    Operation(described["operationId"], method.upper(), path, described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
]


BUILT = [each for each in OPERATIONS if "501" not in each.described["responses"]]
"""Those that do something."""


_BUNDLE = bundle.encode_bundle(
    bundle.BundleIndex(
        [bundle.BundleRow("b", 1, bundle.md5_of_content(b"x"))], [], is_last=True
    ),
    [b"x"],
)


async def tell_of_models(engine: Engine) -> None:
    """Have versions of `fraud`, with an alias that was at two of them, and a spare."""
    await train(engine, name=RUN, is_own_input=True)
    await register(engine, ANN, "fraud", RUN)
    for model in ("fraud", "fraud", "spare"):
        await make_version(engine, model)
    for number in (2, 1):
        await promote(engine, ANN, "fraud", "prod", number)


class Teller:
    """Sends requests, and holds each answer to the document."""

    def __init__(self, session: ClientSession, engine: Engine | None = None) -> None:
        self.session = session
        self.engine = engine
        """Of the server, to make models in that no request can make."""
        self.key = "nosuch"
        """The id of the access key of `ann`."""
        self.run = "nosuch"
        """The id of the run."""

    async def send(self, method: str, target: str, body: Any = None) -> Answer:
        """Send a request; a body of bytes goes as it is, any other as JSON."""
        options: dict[str, Any] = {}
        if isinstance(body, bytes):
            options["data"] = body
        elif body is not None:
            options["data"] = json.dumps(body).encode()
            options["headers"] = {"Content-Type": "application/json"}
        return await self.send_so(method, target, **options)

    async def send_so(self, method: str, target: str, **options: Any) -> Answer:
        url = URL(BASE + target, encoded=True)
        async with self.session.request(method, url, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def tell(self, *, until: str | None = None) -> None:
        """Make the lake, up to what the operation `until` does itself."""
        for name, requests in STEPS.items():
            if name == until:
                return
            for method, target, body in requests:
                target = target.replace("RUN", self.run)
                answer = await self.send(method, target, body)
                assert answer.status < 300, (method, target, answer)
                if name == "createCredentials":
                    self.key = answer.json["access_key_id"]
                if name == "beginRun":
                    self.run = answer.json["run"]["id"]
        if self.engine is not None:
            await tell_of_models(self.engine)
            route = "/models/fraud/versions/1/approvals"
            assert (await self.send("POST", route, {"alias": "prod"})).status == 201

    async def ask(self, operation: Operation, **changes: Any) -> Answer:
        """Send the example of `operation`, with `changes` of its parts."""
        body = operation.body
        if "requestBody" in operation.described and body is None:
            body = b"a,b"
        own = {"key": self.key, "run": self.run}
        names = {name: own[name] for name in own if name in operation.names}
        target = operation.fill(
            {**names, **changes.get("names", {})}, changes.get("query")
        )
        if "data" in changes:
            answer = await self.send_so(
                operation.method,
                target,
                data=changes["data"],
                headers=changes.get("headers", {"Content-Type": "application/json"}),
            )
        elif operation.name == "uploadBundle" and "body" not in changes:
            headers = {"Content-Type": bundle.MEDIA_TYPE}
            answer = await self.send_so("POST", target, data=_BUNDLE, headers=headers)
        else:
            answer = await self.send(
                operation.method, target, changes.get("body", body)
            )
        hold(operation, answer)
        return answer


@cache
def _validator_of(name: str, status: str) -> jsonschema_rs.Draft202012Validator:
    """Return what an answer in JSON is held to; compiled once, for thousands of answers."""
    (operation,) = (each for each in OPERATIONS if each.name == name)
    content = operation.described["responses"][status]["content"]
    shape = content.get("application/json", content.get("*/*"))
    return jsonschema_rs.Draft202012Validator(
        {**shape["schema"], "components": DOCUMENT["components"]}
    )


def hold(operation: Operation, answer: Answer) -> None:
    """Fail unless the document has such an answer to `operation`."""
    told = operation.described["responses"]
    status = f"{answer.status}"
    if status not in told:
        status = f"{status[0]}XX"
    described = told.get(status)
    assert described is not None, (operation, answer)
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    content = described.get("content", {})
    if operation.method == "HEAD" or not content:
        assert not answer.data, (operation, answer)
        return
    shape = content.get(media_type, content.get("*/*"))
    assert shape is not None, (operation, answer)
    if media_type == "application/json":
        told_answer = json.loads(answer.data)
        _validator_of(operation.name, status).validate(told_answer)
        if 400 <= answer.status < 500:
            assert f"`{told_answer['code']}`" in described["description"], answer
