"""A path finds its route by its raw segments, or says that there is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.wire import BranchCreation
from lakebed.client.wire import routes as paths
from lakebed.server.api.call import Call, NoBody, NoQuery, Streamed
from lakebed.server.api.parameters import PathQuery
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.routing import (
    Anyone,
    Route,
    Router,
    Themselves,
    compile_route,
)
from lakebed.server.api.unbuilt import UNBUILT
from lakebed.server.auth.grants import Permission
from lakebed.server.errors import (
    InvalidValueError,
    MethodNotAllowedError,
    RouteNotFoundError,
)


async def plain(call: Call[NoQuery, NoBody]) -> web.Response:
    raise NotImplementedError


async def with_body(call: Call[PathQuery, BranchCreation]) -> web.Response:
    raise NotImplementedError


async def streaming(call: Call[PathQuery, Streamed]) -> web.Response:
    raise NotImplementedError


async def without_models(request: web.BaseRequest) -> web.Response:
    raise NotImplementedError


ROUTER = Router(ROUTES)

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1
)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.template}")
def test_every_route_is_found_by_its_own_path(route: Route) -> None:
    fields = [s[1:-1] for s in route.template.split("/") if s.startswith("{")]
    values = {field: f"some-{field}" for field in fields}

    compiled, found = ROUTER.match(route.method, paths.fill(route.template, **values))

    assert compiled.route is route
    assert found == values


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.template}")
def test_every_route_is_described_and_names_its_ref(route: Route) -> None:
    assert route.handler.__doc__
    names = [s[1:-1] for s in route.template.split("/") if s.startswith("{")]
    refs = {route.ref_name, *route.reads}
    # Whatever in a path is neither a repository, a user, a key, a run, nor within a model
    # is a ref; but for what is not built, where nothing is looked up.
    if route not in UNBUILT:
        others = {"repository", "user", "key", "run", "version", "alias"}
        assert set(names) - others <= refs
    compile_route(route)


REF_FIELDS = {"ref", "source", "src_ref", "stop_at"}
"""What fields that name a ref are called, in queries and bodies."""


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.template}")
def test_every_ref_of_a_query_or_body_is_asked_for(route: Route) -> None:
    if route.template.startswith(paths.USERS):
        return  # the `ref` of a grant is a glob
    query, body = route.models
    named = {
        f"{part}.{field}"
        for part, shape in (("query", query), ("body", body))
        for field in REF_FIELDS & set(getattr(shape, "__struct_fields__", ()))
    }

    assert named <= {route.ref_name, *route.reads}


@given(repository=names, branch=names)
def test_names_come_back_whatever_is_in_them(repository: str, branch: str) -> None:
    path = paths.fill(paths.BRANCH, repository=repository, branch=branch)

    _, found = ROUTER.match("GET", path)

    assert found == {"repository": repository, "branch": branch}


def test_an_escaped_slash_stays_in_its_segment() -> None:
    _, found = ROUTER.match("GET", f"{paths.REPOSITORIES}/a%2Fbranches")

    assert found == {"repository": "a/branches"}


def test_a_branch_may_be_called_log() -> None:
    path = paths.fill(paths.REF_COMMITS, repository="r", ref="log")

    compiled, found = ROUTER.match("GET", path)

    assert compiled.route.template == paths.REF_COMMITS
    assert found["ref"] == "log"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        f"{paths.REPOSITORIES}/",
        f"{paths.REPOSITORIES}//branches",
        f"{paths.REPOSITORIES}/r/branches/b/",
        f"/{paths.REPOSITORIES}",
        "http://elsewhere/api/v1/healthcheck",
        "*",
    ],
)
def test_what_is_no_operation_is_not_found(path: str) -> None:
    with pytest.raises(RouteNotFoundError):
        ROUTER.match("GET", path)


def test_a_wrong_method_is_told_the_right_ones() -> None:
    with pytest.raises(MethodNotAllowedError) as caught:
        ROUTER.match("PATCH", paths.fill(paths.TAG, repository="r", tag="t"))

    assert caught.value.allowed == ["DELETE", "GET", "HEAD", "OPTIONS"]


def test_a_broken_escape_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="'repository'"):
        ROUTER.match("GET", f"{paths.REPOSITORIES}/%zz")


@given(noise=st.text(alphabet="/%a{}.:é\x00log", max_size=80))
def test_any_path_is_matched_or_refused(noise: str) -> None:
    with suppress(RouteNotFoundError, MethodNotAllowedError, InvalidValueError):
        ROUTER.match("GET", "/api/v1/repositories/" + noise)


def test_a_route_without_a_permission_stops_the_start() -> None:
    with pytest.raises(TypeError, match="declares no permission"):
        Router([Route("GET", "/a", plain)])


@pytest.mark.parametrize(
    "route",
    [
        Route("GET", "/a/{x}", plain, Permission.READ, "y"),
        Route("GET", "/a/{x}", plain, Permission.READ, "query.x"),
        Route("GET", "/a/{x}", plain, Permission.READ, "x", reads=("body.x",)),
        Route("GET", "/a/{x}", plain, Permission.READ, "x", reads=("header.x",)),
        Route("GET", "/a/{x}", plain, Themselves()),
    ],
)
def test_a_permission_for_what_is_not_there_stops_the_start(route: Route) -> None:
    with pytest.raises(TypeError, match=r"there is no|no place"):
        Router([route])


def test_a_handler_without_models_stops_the_start() -> None:
    with pytest.raises(TypeError, match="does not take"):
        Router([Route("GET", "/a", without_models, Anyone())])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_two_routes_of_one_path_stop_the_start() -> None:
    with pytest.raises(ValueError, match="two routes"):
        Router(
            [
                Route("GET", "/a/{x}", plain, Anyone()),
                Route("GET", "/a/{y}", plain, Anyone()),
            ]
        )


def test_models_are_those_of_the_signature() -> None:
    assert Route("POST", "/a", with_body, Anyone()).models == (
        PathQuery,
        BranchCreation,
    )
    assert compile_route(Route("POST", "/a", streaming, Anyone())).is_streamed
