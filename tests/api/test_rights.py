"""Every route, asked by users who may do something and not everything.

`guest` may read `lake/main` and write `lake/dev-*`; `lead` administers `team-*/*`.
`lake` also has the branch `secret` and the tag `v1`; `other` is a repository of nobody.
The table below has each route of the interface: a route that is added without a case
fails.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, FormData
from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.routing import Route, SignedIn
from lakebed.server.api.unbuilt import UNBUILT
from lakebed.server.auth.grants import Permission
from lakebed.server.auth.principal import ANONYMOUS
from lakebed.server.auth.secrets import AccessKey

from support.api import FilledLake, Served, filled_lake
from support.asking import Asker
from support.story import RUN, tell_of_models

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
GRANTS = {
    "guest": [("lake", "main", READ), ("lake", "dev-*", WRITE)],
    "lead": [("team-*", "*", ADMIN)],
    "judge": [("models", "fraud*", WRITE), ("lake", "main", READ)],
    "chief": [("models", "fraud", ADMIN)],
}
USERS = [*GRANTS, "admin"]


@dataclass(frozen=True)
class Case:
    """A request, and whether it may be sent."""

    status: int | None
    """None: it is denied."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    query: str = ""
    json: Any = None
    who: str = "guest"


def ok(status: int, *, who: str = "guest", query: str = "", json: Any = None, **names: str) -> Case:  # fmt: skip
    return Case(status, names, query, json, who)


def no(*, who: str = "guest", query: str = "", json: Any = None, **names: str) -> Case:
    return Case(None, names, query, json, who)


LAKE = {"repository": "lake"}
MAIN, DEV, SECRET = (
    {**LAKE, "branch": branch} for branch in ("main", "dev-x", "secret")
)
OTHER = {"repository": "other", "branch": "main"}
COMMIT = "COMMIT"
"""Stands for the id of the commit that `main` is at."""


def writes(status: int, *, query: str = "", json: Any = None) -> list[Case]:
    """Return the cases of a route that writes `{branch}`."""
    return [
        ok(status, query=query, json=json, **DEV),
        *(no(query=query, json=json, **names) for names in (MAIN, SECRET, OTHER)),
        no(query=query, json=json, who="lead", **DEV),
    ]


def reads(
    status: int = 200, *, query: str = "", name: str = "ref", json: Any = None
) -> list[Case]:
    """Return the cases of a route that reads `{ref}` of `lake`."""
    allowed = ["main", "main@", "main~0", "main^0", "dev-x"]
    denied = ["secret", "secret~1", "v1", "main-2", "dev", COMMIT, COMMIT[:8], "a/b"]
    return [
        *(ok(status, query=query, json=json, **LAKE, **{name: ref}) for ref in allowed),
        *(no(query=query, json=json, **LAKE, **{name: ref}) for ref in denied),
        no(query=query, json=json, repository="other", **{name: "main"}),
        no(query=query, json=json, who="lead", **LAKE, **{name: "main"}),
    ]


def administers(status: int, *, json: Any = None) -> list[Case]:
    """Return the cases of a route that is for administrators of a repository."""
    return [
        no(json=json, **LAKE),
        no(json=json, repository="other"),
        no(json=json, who="lead", **LAKE),
        ok(status, json=json, repository="team-a", who="lead"),
    ]


def of_user(status: int, *, json: Any = None, **names: str) -> list[Case]:
    """Return the cases of a route that everybody may call for themselves."""
    return [
        ok(status, json=json, user="guest", **names),
        no(json=json, user="lead", **names),
        no(json=json, user="admin", **names),
        no(json=json, user="nosuch", **names),
    ]


NO_RUN = {"run": "0" * 32}
"""Whoever may know of a run is told that there is none."""


def of_run(*, query: str = "", json: Any = None) -> list[Case]:
    """Return the cases of a route about a run of `lake`, which is not there."""
    return [
        ok(404, query=query, json=json, **LAKE, **NO_RUN),
        no(query=query, json=json, repository="other", **NO_RUN),
        no(query=query, json=json, who="lead", **LAKE, **NO_RUN),
    ]


def _reads(ref: str, repository: str = "lake") -> Any:
    return {"inputs": [{"repository": repository, "ref": ref, "path": ""}]}


def _writes(branch: str) -> Any:
    return {"outputs": [{"repository": "lake", "branch": branch, "path": "o/"}]}


TABLE: dict[tuple[str, str], list[Case]] = {
    ("GET", paths.HEALTHCHECK): [ok(204)],
    ("GET", paths.CONFIG): [ok(200)],
    ("GET", paths.SETUP): [ok(200)],
    ("POST", paths.SETUP): [ok(409, json={"username": "x"})],
    ("POST", paths.LOGIN): [
        ok(401, json={"access_key_id": "x", "secret_access_key": "y"})
    ],
    ("POST", paths.LOGOUT): [ok(204)],
    ("GET", paths.CURRENT_USER): [ok(200)],
    ("GET", paths.USERS): [no(), no(query="?prefix=guest")],
    ("POST", paths.USERS): [no(json={"id": "x"}), no(json={"id": "guest"})],
    ("GET", paths.USER): of_user(200),
    ("DELETE", paths.USER): [no(user="guest"), no(user="nosuch")],
    ("GET", paths.USER_KEYS): of_user(200),
    ("POST", paths.USER_KEYS): of_user(201),
    ("GET", paths.USER_KEY): [
        ok(200, user="guest", key="GUEST"),
        ok(404, user="guest", key="LEAD"),
        no(user="lead", key="LEAD"),
    ],
    ("DELETE", paths.USER_KEY): [
        ok(404, user="guest", key="LEAD"),
        no(user="lead", key="LEAD"),
        no(user="lead", key="GUEST"),
        ok(204, user="guest", key="GUEST"),
    ],
    ("GET", paths.USER_GRANTS): of_user(200),
    ("POST", paths.USER_GRANTS): [
        no(user="guest", json={"repository": "*", "ref": "*", "level": "admin"}),
        no(user="lead", json={"repository": "*", "ref": "*", "level": "read"}),
        no(
            user="lead",
            json={"repository": "team-a", "ref": "main", "level": "read"},
            who="lead",
        ),
    ],
    ("DELETE", paths.USER_GRANTS): [
        no(user="guest", query="?repository=lake&ref=main"),
        no(user="lead", query="?repository=team-*&ref=*"),
    ],
    ("GET", paths.REPOSITORIES): [ok(200)],
    ("POST", paths.REPOSITORIES): [
        no(json={"name": "lake"}),
        no(json={"name": "team-b"}),
        no(json={"name": "lake"}, who="lead"),
        no(json={"name": "nosuch"}, who="lead"),
        no(json={}),
        ok(201, json={"name": "team-b"}, who="lead"),
        ok(409, json={"name": "team-b"}, who="lead"),
    ],
    ("GET", paths.REPOSITORY): [
        ok(200, **LAKE),
        no(repository="other"),
        no(who="lead", **LAKE),
        ok(404, repository="team-nosuch", who="lead"),
    ],
    ("DELETE", paths.REPOSITORY): [
        no(**LAKE),
        no(repository="other"),
        no(who="lead", **LAKE),
        ok(204, repository="team-a", who="lead"),
    ],
    ("GET", paths.REPOSITORY_METADATA): [ok(200, **LAKE), no(repository="other")],
    ("POST", paths.REPOSITORY_METADATA): administers(
        201, json={"metadata": {"k": "v"}}
    ),
    ("DELETE", paths.REPOSITORY_METADATA): administers(204, json={"keys": ["k"]}),
    ("GET", paths.BRANCH_PROTECTION): [ok(200, **LAKE), no(repository="other")],
    ("PUT", paths.BRANCH_PROTECTION): administers(204, json=[{"pattern": "v*"}]),
    ("GET", paths.GC_RULES): [ok(404, **LAKE), no(repository="other")],
    ("PUT", paths.GC_RULES): administers(
        204, json={"default_retention_days": 7, "branches": []}
    ),
    ("DELETE", paths.GC_RULES): administers(204),
    ("GET", paths.BRANCHES): [ok(200, **LAKE), no(repository="other")],
    ("POST", paths.BRANCHES): [
        ok(201, json={"name": "dev-new", "source": "main"}, **LAKE),
        ok(409, json={"name": "dev-x", "source": "dev-x"}, **LAKE),
        no(json={"name": "dev-new2", "source": "secret"}, **LAKE),
        no(json={"name": "dev-new2", "source": "secret~1"}, **LAKE),
        no(json={"name": "dev-new2", "source": COMMIT}, **LAKE),
        no(json={"name": "new", "source": "main"}, **LAKE),
        no(json={"name": "secret", "source": "main"}, **LAKE),
        no(json={"name": "dev-new2", "source": "main"}, repository="other"),
        no(json={"name": "dev-new2", "source": "main"}, who="lead", **LAKE),
    ],
    ("GET", paths.BRANCH): [
        ok(200, **MAIN),
        ok(200, **DEV),
        ok(404, repository="lake", branch="dev-nosuch"),
        no(**SECRET),
        no(**OTHER),
    ],
    ("PUT", paths.BRANCH): writes(204, json={"type": "reset"}),
    ("DELETE", paths.BRANCH): writes(204),
    ("POST", paths.BRANCH_COMMITS): writes(201, json={"message": "m"}),
    ("GET", paths.BRANCH_DIFF): [
        ok(200, **MAIN),
        ok(200, **DEV),
        no(**SECRET),
        no(**OTHER),
    ],
    ("POST", paths.BRANCH_REVERT): [
        *writes(400, json={"ref": "dev-x", "parent_number": 0}),
        ok(400, json={"ref": "main", "parent_number": 0}, **DEV),
        no(json={"ref": "secret", "parent_number": 0}, **DEV),
        no(json={"ref": COMMIT, "parent_number": 0}, **DEV),
    ],
    ("POST", paths.BRANCH_CHERRY_PICK): [
        *writes(400, json={"ref": "main"}),
        no(json={"ref": "secret"}, **DEV),
        no(json={"ref": COMMIT}, **DEV),
    ],
    ("PUT", paths.BRANCH_HARD_RESET): [
        *writes(400, query="?ref=main"),
        no(query="?ref=secret", **DEV),
        no(query="?ref=secret~1", **DEV),
        no(query="?ref=v1", **DEV),
        no(query=f"?ref={COMMIT}", **DEV),
    ],
    ("POST", paths.BRANCH_OBJECTS): writes(201, query="?path=new"),
    ("DELETE", paths.BRANCH_OBJECTS): writes(204, query="?path=a"),
    ("POST", paths.OBJECTS_DELETE): writes(200, json={"paths": ["a"]}),
    ("POST", paths.OBJECTS_COPY): [
        *writes(201, query="?dest_path=copy", json={"src_path": "a"}),
        ok(
            201,
            query="?dest_path=copy",
            json={"src_path": "a", "src_ref": "main"},
            **DEV,
        ),
        *(
            no(query="?dest_path=copy", json={"src_path": "a", "src_ref": ref}, **DEV)
            for ref in ("secret", "secret@", "v1", COMMIT, COMMIT[:7])
        ),
    ],
    ("POST", paths.OBJECTS_MOVE): writes(
        200, json={"src_path": "a", "dst_path": "moved"}
    ),
    # No bundle: what is let in is told what is wrong with its body.
    ("POST", paths.OBJECTS_BUNDLE): writes(415),
    ("POST", paths.OBJECTS_LINK): [
        *writes(200, json={"links": [{"src_path": "a", "dst_path": "linked"}]}),
        ok(
            200,
            json={
                "links": [{"src_path": "a", "dst_path": "linked"}],
                "src_ref": "main",
            },
            **DEV,
        ),
        *(
            no(
                json={
                    "links": [{"src_path": "a", "dst_path": "linked"}],
                    "src_ref": ref,
                },
                **DEV,
            )
            for ref in ("secret", "secret@", "v1", COMMIT, COMMIT[:7])
        ),
    ],
    ("PUT", paths.OBJECT_USER_METADATA): writes(
        201, query="?path=a", json={"set": {"k": "v"}}
    ),
    ("GET", paths.TAGS): [ok(200, **LAKE), no(repository="other")],
    ("POST", paths.TAGS): [
        ok(201, json={"id": "dev-1", "ref": "main"}, **LAKE),
        no(json={"id": "dev-2", "ref": "secret"}, **LAKE),
        no(json={"id": "dev-2", "ref": COMMIT}, **LAKE),
        no(json={"id": "v2", "ref": "main"}, **LAKE),
        no(json={"id": "v1", "ref": "main"}, **LAKE),
        no(json={"id": "dev-2", "ref": "main"}, repository="other"),
    ],
    ("GET", paths.TAG): [
        ok(404, tag="dev-nosuch", **LAKE),
        no(tag="v1", **LAKE),
        no(tag="main", repository="other"),
    ],
    ("DELETE", paths.TAG): [
        ok(404, tag="dev-nosuch", **LAKE),
        no(tag="v1", **LAKE),
        no(tag="main", **LAKE),
    ],
    ("GET", paths.COMMIT): reads(name="commit"),
    ("GET", paths.REF_COMMITS): [
        *reads(),
        ok(200, query="?stop_at=main~0", ref="main", **LAKE),
        no(query="?stop_at=secret", ref="main", **LAKE),
        no(query=f"?stop_at={COMMIT}", ref="main", **LAKE),
    ],
    ("GET", paths.REF_DIFF): [
        ok(200, left="main", right="dev-x", **LAKE),
        ok(200, left="dev-x", right="main~0", **LAKE),
        no(left="main", right="secret", **LAKE),
        no(left="secret", right="main", **LAKE),
        no(left=COMMIT, right="main", **LAKE),
        no(left="main", right=COMMIT, **LAKE),
        no(left="main", right="main", repository="other"),
    ],
    ("GET", paths.REF_MERGE): [
        ok(200, source="main", destination="dev-x", **LAKE),
        no(source="secret", destination="main", **LAKE),
        no(source="main", destination="secret", **LAKE),
        no(source="main", destination=COMMIT, **LAKE),
    ],
    ("POST", paths.REF_MERGE): [
        ok(400, source="dev-x~0", destination="dev-x", json={}, **LAKE),
        ok(400, source="main", destination="dev-x", json={}, **LAKE),
        no(source="secret", destination="dev-x", json={}, **LAKE),
        no(source=COMMIT, destination="dev-x", json={}, **LAKE),
        no(source="dev-x", destination="main", json={}, **LAKE),
        no(source="dev-x", destination="secret", json={}, **LAKE),
        no(source="main", destination="main", json={}, repository="other"),
    ],
    ("GET", paths.MERGE_CONFLICTS): [
        ok(200, source="main", destination="dev-x", **LAKE),
        ok(200, source="main~0", destination="main", **LAKE),
        no(source="secret", destination="main", **LAKE),
        no(source="main", destination="secret", **LAKE),
        no(source="main", destination=COMMIT, **LAKE),
        no(source=COMMIT, destination="main", **LAKE),
        no(source="main", destination="main", repository="other"),
    ],
    ("GET", paths.REF_OBJECTS): reads(query="?path=a"),
    ("HEAD", paths.REF_OBJECTS): reads(query="?path=a"),
    ("GET", paths.REF_OBJECT_STAT): reads(query="?path=a"),
    ("GET", paths.REF_OBJECTS_LS): reads(),
    ("POST", paths.REF_OBJECTS_BUNDLE): reads(json={"paths": ["a"]}),
    ("GET", paths.REF_OBJECT_PROPERTIES): reads(query="?path=a"),
    ("GET", paths.REF_BLAME): reads(),
    ("GET", paths.REF_DU): reads(),
    ("POST", paths.BATCH_STAT): [
        # Of what is not theirs each item says so: `test_batch_stat.py`.
        ok(200, json={"items": [{"ref": "main"}]}, **LAKE),
        ok(200, json={"items": [{"ref": "secret"}]}, **LAKE),
        no(json={"items": [{"ref": "main"}]}, who="lead", **LAKE),
        no(json={"items": [{"ref": "main"}]}, repository="other"),
    ],
    ("GET", paths.REF_PROOF): reads(query="?path=a"),
    ("GET", paths.REF_LOG): [
        ok(200, name="main", **LAKE),
        ok(404, name="dev-nosuch", **LAKE),
        no(name="secret", **LAKE),
        no(name="v1", **LAKE),
        no(name="main", repository="other"),
    ],
    ("POST", paths.REF_UNDO): [
        ok(400, name="dev-x", json={}, **LAKE),
        no(name="main", json={}, **LAKE),
        no(name="secret", json={}, **LAKE),
        no(name="main", json={}, repository="other"),
    ],
    ("GET", paths.ALL_RUNS): [
        ok(200),
        ok(200, query="?repository=lake"),
        no(query="?repository=other"),
        no(query="?repository=nosuch"),
    ],
    ("GET", paths.ANY_RUN): [ok(404, **NO_RUN)],
    ("POST", paths.RUNS): [
        ok(201, json={}, **LAKE),
        ok(201, json=_reads("main"), **LAKE),
        ok(201, json=_writes("dev-x"), **LAKE),
        *(no(json=_reads(ref), **LAKE) for ref in ("secret", "v1", COMMIT)),
        *(no(json=_writes(ref), **LAKE) for ref in ("secret", "main", "nosuch")),
        no(json=_reads("main", "other"), **LAKE),
        no(json={}, repository="other"),
        no(json={}, who="lead", **LAKE),
    ],
    ("DELETE", paths.RUN): [
        no(**LAKE, **NO_RUN),
        no(who="lead", **LAKE, **NO_RUN),
        ok(404, repository="team-a", who="lead", **NO_RUN),
    ],
    ("POST", paths.RUN_BATCHES): of_run(json={"writer": "w", "sequence": 1}),
    ("POST", paths.RUN_END): of_run(json={"status": "failed"}),
    ("POST", paths.RUN_FILES): of_run(query="?name=x"),
    ("GET", paths.RUN_FILES): of_run(query="?name=x"),
    ("GET", paths.RUN_METRICS): of_run(query="?name=x"),
    ("GET", paths.RUN_LOG): of_run(),
    ("GET", paths.RUN_RECORD): of_run(),
    ("POST", paths.RUN_VERDICTS): of_run(
        json={"rerun": "0" * 32, "is_identical": True, "compared": 0}
    ),
}


def asks_after(least: int) -> list[Case]:
    """Return the cases of what is asked about one thing, whatever kind of thing it is."""
    return [
        ok(least, query="?subject=lakebed://lake/main/a"),
        no(query="?subject=lakebed://lake/secret/a"),
        no(query="?subject=lakebed://other/main/a"),
        no(query=f"?subject=lakebed://lake/{COMMIT}/a"),
        ok(404, who="judge", query="?subject=fraud@9"),
        no(query="?subject=fraud@9"),
        no(who="judge", query="?subject=spare@1"),
    ]


TABLE.update(
    {("GET", paths.WHY): asks_after(404), ("GET", paths.LINEAGE): asks_after(200)}
)

FRAUD = {"model": "fraud"}
VERSION = {**FRAUD, "version": "1"}
PROD = {**FRAUD, "alias": "prod"}


def of_model(
    permission: Permission,
    status: int,
    *,
    query: str = "",
    json: Any = None,
    **names: str,
) -> list[Case]:
    """Return the cases of a route about `{model}`, for who has more and less than it takes."""
    least, less = {
        READ: ("judge", "guest"),
        WRITE: ("judge", "guest"),
        ADMIN: ("chief", "judge"),
    }[permission]
    return [
        ok(status, who=least, query=query, json=json, **{**FRAUD, **names}),
        no(who=less, query=query, json=json, **{**FRAUD, **names}),
        no(who=least, query=query, json=json, **{**FRAUD, **names, "model": "spare"}),
        no(who=least, query=query, json=json, **{**FRAUD, **names, "model": "a/b"}),
        no(who="lead", query=query, json=json, **{**FRAUD, **names}),
    ]


RULES = {"rules": [{"alias": "dev", "checks": ["bias"]}]}
TABLE.update(
    {
        ("GET", paths.MODELS): [ok(200, who="judge"), no(who="guest"), no(who="lead")],
        ("GET", paths.MODEL): of_model(READ, 200),
        ("PUT", paths.MODEL): of_model(WRITE, 200, json={"description": "x"}),
        ("DELETE", paths.MODEL): of_model(ADMIN, 409),
        ("GET", paths.MODEL_VERSIONS): of_model(READ, 200),
        ("POST", paths.MODEL_VERSIONS): of_model(WRITE, 201, json={"run": RUN}),
        ("GET", paths.MODEL_VERSION): of_model(READ, 200, **VERSION),
        ("DELETE", paths.MODEL_VERSION): of_model(ADMIN, 409, **VERSION),
        ("POST", paths.MODEL_CHECKS): of_model(
            WRITE, 201, json={"name": "bias", "run": RUN}, **VERSION
        ),
        ("POST", paths.MODEL_APPROVALS): of_model(
            WRITE, 201, json={"alias": "prod"}, **VERSION
        ),
        ("DELETE", paths.MODEL_APPROVALS): of_model(
            WRITE, 404, query="?alias=prod", **VERSION
        ),
        ("GET", paths.MODEL_RULES): of_model(READ, 200),
        ("PUT", paths.MODEL_RULES): of_model(ADMIN, 200, json=RULES),
        ("GET", paths.MODEL_ALIASES): of_model(READ, 200),
        ("GET", paths.MODEL_ALIAS): of_model(READ, 200, **PROD),
        ("PUT", paths.MODEL_ALIAS): of_model(WRITE, 200, json={"version": 1}, **PROD),
        ("DELETE", paths.MODEL_ALIAS): of_model(WRITE, 204, **PROD),
        ("GET", paths.MODEL_ALIAS_LOG): of_model(READ, 200, **PROD),
        ("POST", paths.MODEL_ALIAS_ROLLBACK): of_model(WRITE, 200, json={}, **PROD),
    }
)


def unbuilt(route: Route) -> list[Case]:
    """Return the cases of a route that answers 501 to whom it is open."""
    fields = re.findall(r"{(\w+)}", route.template)
    names = {
        name: "x" for name in fields if name not in ("repository", "branch", "user")
    }
    match route.requirement:
        case Permission.WRITE:
            return [ok(501, **DEV, **names), no(**MAIN, **names), no(**OTHER, **names)]
        case Permission.READ:
            return [ok(501, **LAKE, **names), no(repository="other", **names)]
        case Permission.ADMIN:
            return [no(**LAKE), ok(501, repository="team-a", who="lead")]
        case SignedIn():
            return [ok(501, **names)]
        case _:
            return of_user(501)


TABLE.update(((route.method, route.template), unbuilt(route)) for route in UNBUILT)


def key_of(user: str) -> AccessKey:
    return AccessKey(user.upper(), f"{user}-secret")


async def fill(server: Served, session: ClientSession) -> None:
    """Make what the cases are about."""
    ask = Asker(session)
    for name in ("lake", "other", "team-a"):
        await ask("POST", "", json={"name": name})
    await ask.put("a")
    await ask.commit()
    for branch in ("dev-x", "secret"):
        body = {"name": branch, "source": "main"}
        assert (await ask("POST", "/lake/branches", json=body)).status == 201
    await ask("POST", "/lake/tags", json={"id": "v1", "ref": "main"})
    await ask.put("only-here", branch="dev-x")
    await tell_of_models(server.engine)
    for name, rows in GRANTS.items():
        await server.people.create_user(name, is_admin=False)
        key = key_of(name)
        user = await server.people.get_user(name, ANONYMOUS)
        sealed = server.master_key.seal(key)
        await server.store.add_credential(user.id, key.id, sealed, now_ms=0)
        for repository, ref, level in rows:
            await server.people.add_grant(
                name, ANONYMOUS, repository=repository, ref=ref, level=level
            )


@pytest.fixture(scope="module")
def filled() -> Generator[FilledLake]:
    with filled_lake(fill) as lake:
        yield lake


@pytest.fixture
async def server(directory: Path, filled: FilledLake) -> AsyncGenerator[Served]:
    async with filled.serve_copy(directory) as served:
        yield served


@pytest.fixture
def ask(session: ClientSession) -> Asker:
    return Asker(session)


@pytest.fixture
async def users(
    server: Served, session: ClientSession
) -> AsyncGenerator[dict[str, ClientSession]]:
    """Return a session for each user."""
    async with AsyncExitStack() as stack:
        sessions = {"admin": session}
        for name in GRANTS:
            opened = server.session(key_of(name))
            sessions[name] = await stack.enter_async_context(opened)
        yield sessions


def put_in(value: Any, old: str, new: str) -> Any:
    """Return `value` with `new` for every `old` in its texts."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, Mapping):
        return {name: put_in(item, old, new) for name, item in value.items()}  # pyright: ignore
    return value


def swap(case: Case, old: str, new: str) -> Case:
    """Return `case` about `new` wherever it is about `old`."""
    return Case(
        case.status,
        put_in(case.names, old, new),
        put_in(case.query, old, new),
        put_in(case.json, old, new),
        case.who,
    )


async def send(
    session: ClientSession, method: str, template: str, case: Case
) -> tuple[int, str]:
    """Send the request of `case`; return the status and the text of the answer."""
    options: dict[str, Any] = {} if case.json is None else {"json": case.json}
    if template == paths.BRANCH_OBJECTS and method == "POST":
        options["data"] = FormData({"content": "x"})
    url = paths.fill(template, **case.names) + case.query
    async with session.request(method, url, **options) as response:
        return response.status, await response.text(errors="replace")


@pytest.fixture
async def head(ask: Asker) -> str:
    """Return the id of the commit that `main` is at."""
    return str((await ask("GET", "/lake/branches/main")).json["commit_id"])


def test_every_route_has_cases_of_both_kinds() -> None:
    assert set(TABLE) == {(route.method, route.template) for route in ROUTES}
    open_to_all = {
        (route.method, route.template)
        for route in ROUTES
        if type(route.requirement).__name__ in ("Anyone", "SignedIn")
    }
    for row, cases in TABLE.items():
        if row not in open_to_all:
            assert any(case.status is None for case in cases), row


@pytest.mark.parametrize("row", sorted(TABLE), ids=" ".join)
async def test_a_route_is_open_to_whom_it_was_granted(
    users: dict[str, ClientSession], head: str, row: tuple[str, str]
) -> None:
    # First those that are denied: what is let in may remove what they are about.
    for case in sorted(TABLE[row], key=lambda case: case.status is not None):
        status, text = await send(users[case.who], *row, swap(case, COMMIT, head))

        if case.status is not None:
            assert status == case.status, (case, text)
            continue
        assert status == 403, (case, text)
        if row[0] != "HEAD":
            assert '"permission-denied"' in text


@pytest.mark.parametrize("row", sorted(TABLE), ids=" ".join)
async def test_what_is_denied_is_answered_like_what_is_not_there(
    users: dict[str, ClientSession], head: str, row: tuple[str, str]
) -> None:
    absents = {"secret": "absent1", "other": "absent2", "v1": "v9", head: "f" * 64}
    for case in TABLE[row]:
        if case.status is not None:
            continue
        real = swap(case, COMMIT, head)
        answer = await send(users[case.who], *row, real)
        for name, absent in absents.items():
            status, text = await send(users[case.who], *row, swap(real, name, absent))

            assert (status, text.replace(absent, name)) == answer


async def test_the_administrator_may_do_all_of_it(
    users: dict[str, ClientSession], head: str
) -> None:
    """Else a case could be denied for another reason than its rights."""
    for row, cases in TABLE.items():
        for case in cases:
            if row[0] == "DELETE" or row[1] == paths.LOGIN:  # with a key that is none
                continue
            status, text = await send(users["admin"], *row, swap(case, COMMIT, head))
            assert status not in (401, 403), (row, case, text)
            assert status < 500 or status == 501, (row, case, text)


async def test_lists_show_what_may_be_read(
    users: dict[str, ClientSession], ask: Asker
) -> None:
    for number in range(5):
        await ask("POST", "/lake/tags", json={"id": f"w{number}", "ref": "main"})
        await ask("POST", "/lake/tags", json={"id": f"dev-{number}", "ref": "main"})

    async def list_names(who: str, path: str) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            url = f"/api/v1/repositories{path}?amount=2&after={after}"
            async with users[who].get(url) as response:
                page = await response.json()
            found += [item["id"] for item in page["results"]]
            if not page["pagination"]["has_more"]:
                return found
            after = page["pagination"]["next_offset"]

    assert await list_names("admin", "") == ["lake", "models", "other", "team-a"]
    assert await list_names("guest", "") == ["lake"]
    assert await list_names("lead", "") == ["team-a"]
    assert await list_names("admin", "/lake/branches") == ["dev-x", "main", "secret"]
    assert await list_names("guest", "/lake/branches") == ["dev-x", "main"]
    assert await list_names("guest", "/lake/tags") == [f"dev-{n}" for n in range(5)]
    assert len(await list_names("admin", "/lake/tags")) == 11


async def test_grants_count_from_the_next_request_on(
    users: dict[str, ClientSession], server: Served
) -> None:
    url = "/api/v1/repositories/lake/branches/secret"

    async def status() -> int:
        async with users["guest"].get(url) as response:
            return response.status

    seen = [await status()]
    await server.people.add_grant(
        "guest", ANONYMOUS, repository="l?ke", ref="s*", level=READ
    )
    seen.append(await status())
    await server.people.remove_grant("guest", ANONYMOUS, repository="l?ke", ref="s*")
    seen.append(await status())

    assert seen == [403, 200, 403]
