"""The OpenAPI document is what the table says and what the handlers do."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import openapi_spec_validator
import pytest
from aiohttp import ClientSession
from lakebed.client.wire.routes import BASE
from lakebed.server.api.document.operations import UNTOLD
from lakebed.server.api.model_routes import MODEL_ROUTES
from lakebed.server.api.routes import ROUTES

from support.api import Served
from support.story import BUILT, DOCUMENT, OPERATIONS, Operation, Teller

ELSEWHERE = {
    "setup": 409,
    "login": 401,
    "deleteRun": 409,
    "getRunRecord": 409,
    "addRunVerdict": 404,
}
"""Examples that cannot succeed in the lake of the story, and their status: it has its
first user, and its run goes on."""
OF_LAKEFS = [
    "abortPresignMultipartUpload",
    "cherryPick",
    "commit",
    "completePresignMultipartUpload",
    "copyObject",
    "createBranch",
    "createCredentials",
    "createPresignMultipartUpload",
    "createRepository",
    "createTag",
    "createUser",
    "deleteBranch",
    "deleteCredentials",
    "deleteGCRules",
    "deleteObject",
    "deleteObjects",
    "deleteRepository",
    "deleteRepositoryMetadata",
    "deleteTag",
    "deleteUser",
    "diffBranch",
    "diffRefs",
    "findMergeBase",
    "getBranch",
    "getBranchProtectionRules",
    "getCommit",
    "getConfig",
    "getCredentials",
    "getCurrentUser",
    "getGCRules",
    "getObject",
    "getPhysicalAddress",
    "getRepository",
    "getRepositoryMetadata",
    "getSetupState",
    "getTag",
    "getUnderlyingProperties",
    "getUser",
    "hardResetBranch",
    "headObject",
    "healthCheck",
    "linkPhysicalAddress",
    "listBranches",
    "listObjects",
    "listRepositories",
    "listTags",
    "listUserCredentials",
    "listUsers",
    "logCommits",
    "login",
    "mergeIntoBranch",
    "resetBranch",
    "revertBranch",
    "setBranchProtectionRules",
    "setGCRules",
    "setRepositoryMetadata",
    "setup",
    "stageObject",
    "statObject",
    "updateObjectUserMetadata",
    "uploadObject",
]
"""Operations of the lakeFS API that are in the part of it that we have."""
OURS = {
    "logout",
    "listGrants", "addGrant", "removeGrant", "moveObjects", "getUsage", "listRefMoves",
    "undoRefMove", "listBlame", "uploadBundle", "linkObjects", "readBundle",
    "verify", "collect", "proveObject", "measureMany", "listMergeConflicts",
    "listRuns", "findRun", "beginRun", "deleteRun",
    "appendRunBatch", "endRun", "keepRunFile", "getRunFile", "getRunMetric", "getRunLog",
    "getRunRecord", "addRunVerdict", "getWhy", "getLineage", *(route.name for route in MODEL_ROUTES),
}  # fmt: skip


def test_the_document_is_valid() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_the_document_has_each_route_and_no_other() -> None:
    table = {(route.method, route.template.removeprefix(BASE)) for route in ROUTES}

    assert {(each.method, each.path) for each in OPERATIONS} == table


def test_operations_are_called_as_in_the_lakefs_api_or_are_known_as_ours() -> None:
    names = [each.name for each in OPERATIONS]

    assert len(set(names)) == len(names)
    assert {each.name for each in BUILT} <= {*OF_LAKEFS} | OURS


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_each_operation_is_described(operation: Operation) -> None:
    described = operation.described

    assert all(
        answer["description"] != UNTOLD for answer in described["responses"].values()
    )
    assert described["summary"][0].isupper()
    assert len(described["summary"]) < 100
    for parameter in described["parameters"]:
        assert parameter["description"], parameter["name"]
    assert {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]} >= {
        *described["tags"]
    }


@pytest.mark.parametrize("operation", BUILT, ids=str)
async def test_the_example_of_each_operation_works(
    server: Served, session: ClientSession, operation: Operation
) -> None:
    """And its answer is of the shape that the document says."""
    teller = Teller(session, server.engine)
    await teller.tell(until=operation.name)

    answer = await teller.ask(operation)

    assert answer.status == ELSEWHERE.get(operation.name, answer.status)
    if operation.name not in ELSEWHERE:
        assert 200 <= answer.status < 300, answer


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_whoever_has_no_key_is_told_as_the_document_says(
    server: Served, operation: Operation
) -> None:
    async with server.session(None) as session:
        answer = await Teller(session).ask(operation)

    if operation.name == "login":  # open to all, and the key of its example is made up
        assert answer.status == 401
        assert operation.described["security"] == []
        return
    assert (answer.status == 401) == (operation.described.get("security") != [])


def _read_policy(policy: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


async def test_the_document_is_served_to_whoever_asks(server: Served) -> None:
    async with server.session(None) as session:
        texts: list[Any] = []
        for path in ("/openapi.json", f"{BASE}/openapi.json"):
            async with session.get(path) as response:
                assert response.status == 200
                assert response.content_type == "application/json"
                texts.append(await response.json())
                etag = response.headers["ETag"]
            for known in (etag, f'"other", W/{etag}', "*"):
                headers = {"If-None-Match": known}
                async with session.get(path, headers=headers) as response:
                    assert (response.status, await response.read()) == (304, b"")
                    assert response.headers["ETag"] == etag
            async with session.get(path, headers={"If-None-Match": '"x"'}) as response:
                assert response.status == 200

    assert texts[0] == texts[1]
    assert texts[0]["paths"] == DOCUMENT["paths"]


async def test_the_page_shows_each_operation_and_asks_nobody_else(
    server: Served,
) -> None:
    async with server.session(None) as session, session.get("/docs") as response:
        page = await response.text()
        policy = _read_policy(response.headers["Content-Security-Policy"])

    for operation in OPERATIONS:
        assert f'<article id="{operation.name}">' in page
    links = set(re.findall(r'(?:href|src|action)="([^"]*)"', page))
    assert {link for link in links if not link.startswith("#")} == {"/openapi.json"}
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in links if link.startswith("#")} <= {*ids}
    assert "@import" not in page
    assert "url(" not in page
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    for name, kind in (("style", "style"), ("script", "script")):
        (text,) = re.findall(f"<{name}>(.*?)</{name}>", page, re.DOTALL)
        assert policy[f"{kind}-src"] == f"'sha256-{_hash(text)}'"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    "operation", [each for each in BUILT if each.method == "GET"], ids=str
)
async def test_head_says_what_get_would_say(
    teller: Teller, operation: Operation
) -> None:
    got = await teller.ask(operation)
    own = {"key": teller.key, "run": teller.run}
    names = {name: own[name] for name in own if name in operation.names}

    headed = await teller.send("HEAD", operation.fill(names))

    assert (headed.status, headed.data) == (got.status, b"")
    for name in ("Content-Type", "Content-Length"):
        assert headed.headers.get(name) == got.headers.get(name)


async def test_options_says_what_a_path_takes_and_lets_no_other_site_in(
    server: Served,
) -> None:
    async with server.session(None) as session:
        headers = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "PUT"}
        path = f"{BASE}/repositories/penguins/branches/main"
        async with session.options(path, headers=headers) as response:
            assert response.status == 204
            assert response.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
            assert not [
                name for name in response.headers if name.startswith("Access-Control")
            ]
        async with session.options(f"{BASE}/nosuch") as response:
            assert response.status == 404
        async with session.post(f"{BASE}/config") as response:
            assert (response.status, response.headers["Allow"]) == (
                405,
                "GET, HEAD, OPTIONS",
            )
