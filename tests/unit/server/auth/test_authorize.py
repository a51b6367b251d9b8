"""Nobody may do what no grant says: against a model that cannot be wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.auth.authorize import (
    SOMEWHERE,
    authorize,
    authorize_for_user,
    is_allowed,
)
from lakebed.server.auth.grants import (
    NO_GRANTS,
    Grant,
    Grants,
    Permission,
    check_grant,
)
from lakebed.server.auth.principal import ANONYMOUS, Principal
from lakebed.server.errors import InvalidValueError, PermissionDeniedError

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
ROOT = Principal("root", is_admin=True, created_ms=0, user_id=1)
ANN = Principal("ann", is_admin=False, created_ms=0, user_id=2)
COMMIT = "0123456789abcdef" * 4


def ann(*rows: tuple[str, str, Permission]) -> Principal:
    grants = Grants(tuple(Grant(*row) for row in rows))
    return Principal("ann", is_admin=False, created_ms=0, user_id=2, grants=grants)


def glob_matches(glob: str, name: str) -> bool:
    """Match by trying everything: slow, and plainly what the rule says."""
    if not glob:
        return not name
    if glob[0] == "*":
        return any(glob_matches(glob[1:], name[at:]) for at in range(len(name) + 1))
    return bool(name) and glob[0] in ("?", name[0]) and glob_matches(glob[1:], name[1:])


globs = st.text("ab-*?", min_size=1, max_size=6)
names = st.text("ab-", min_size=1, max_size=6)
ref_names = names.filter(lambda name: not name.startswith("-"))
tails = st.sampled_from(["", "~", "~2", "^2~1", "@", "$", "@{2026-11-01T12:00Z}", "@{2026-11-01}~3"])  # fmt: skip
levels = st.sampled_from(list(Permission))
grant_rows = st.lists(st.tuples(globs, globs, levels), max_size=5)


@given(grant_rows, levels, names, ref_names, tails)
def test_a_ref_is_open_exactly_to_who_was_granted_it(
    rows: list[tuple[str, str, Permission]],
    permission: Permission,
    repository: str,
    name: str,
    tail: str,
) -> None:
    expected = any(
        level >= permission
        and glob_matches(in_repository, repository)
        and glob_matches(at_ref, name)
        for in_repository, at_ref, level in rows
    )

    assert is_allowed(ann(*rows), permission, repository, name + tail) == expected


@given(grant_rows, levels, names)
def test_a_repository_is_seen_by_any_grant_and_changed_by_one_for_all_its_refs(
    rows: list[tuple[str, str, Permission]], permission: Permission, repository: str
) -> None:
    expected = any(
        level >= permission
        and glob_matches(in_repository, repository)
        and (permission is READ or at_ref == "*")
        for in_repository, at_ref, level in rows
    )

    assert is_allowed(ann(*rows), permission, repository, None) == expected


@given(grant_rows, levels, st.one_of(names, st.none()))
def test_somewhere_is_wherever_there_is_a_grant(
    rows: list[tuple[str, str, Permission]],
    permission: Permission,
    repository: str | None,
) -> None:
    expected = any(
        level >= permission
        and (repository is None or glob_matches(in_repository, repository))
        for in_repository, _, level in rows
    )
    where = SOMEWHERE if repository is None else repository

    assert is_allowed(ann(*rows), permission, where, SOMEWHERE) == expected


@given(grant_rows, levels, st.one_of(ref_names, st.none()))
def test_the_lake_is_its_administrators(
    rows: list[tuple[str, str, Permission]], permission: Permission, ref: str | None
) -> None:
    assert not is_allowed(ann(*rows), permission, None, ref)
    assert is_allowed(ROOT, permission, None, ref)


@pytest.mark.parametrize(
    "ref",
    [
        COMMIT,
        COMMIT[:40],
        COMMIT[:7],
        COMMIT + "~3",
        COMMIT[:12] + "^2",
        COMMIT[:12] + "@",
        "20261101",
        "deadbeef",
    ],
)
def test_what_may_be_a_commit_id_takes_a_grant_for_everything(ref: str) -> None:
    narrow = ann(("lake", ref[:12], ADMIN), ("lake", "?*", ADMIN), ("lake", "0*", READ))

    for permission in Permission:
        assert not is_allowed(narrow, permission, "lake", ref)
    assert is_allowed(ann(("lake", "*", READ)), READ, "lake", ref)
    with pytest.raises(PermissionDeniedError, match="a grant for every ref"):
        authorize(narrow, READ, "lake", ref.rstrip("@")[:7])


@pytest.mark.parametrize("ref", ["", "main/x", "main\0", "-", "é", "main~2@", "*", "x" * 2000])  # fmt: skip
def test_what_does_not_parse_names_no_ref(ref: str) -> None:
    assert not is_allowed(ann(("lake", "?*", ADMIN)), READ, "lake", ref)
    assert is_allowed(ann(("lake", "*", READ)), READ, "lake", ref)


def test_names_are_told_apart_by_case_and_match_whole() -> None:
    user = ann(("lake", "Main", READ), ("lake", "a.b", READ), ("lake", "dev-*", READ))

    for ref in ("main", "MAIN", "Main2", "xMain", "a-b", "axb", "dev", "xdev-1"):
        assert not is_allowed(user, READ, "lake", ref)
    for ref in ("Main", "a.b", "dev-", "dev-1"):
        assert is_allowed(user, READ, "lake", ref)


def test_a_glob_of_many_stars_takes_no_time() -> None:
    """A regular expression that goes back over its steps would hang here."""
    user = ann(("lake", "a*" * 100 + "b", READ))

    assert not is_allowed(user, READ, "lake", "a" * 255)


@pytest.mark.parametrize("principal", [ANN, ANONYMOUS])
@pytest.mark.parametrize("permission", list(Permission))
def test_what_nobody_granted_is_denied(
    principal: Principal, permission: Permission
) -> None:
    authorize(ROOT, permission, "repo", "main")

    with pytest.raises(PermissionDeniedError, match=f"'{principal.name}' may not"):
        authorize(principal, permission, "repo", "main")


def test_users_manage_themselves_only() -> None:
    authorize_for_user(ANN, "ann")
    authorize_for_user(ROOT, "ann")

    with pytest.raises(PermissionDeniedError):
        authorize_for_user(ANN, "root")
    with pytest.raises(PermissionDeniedError):
        authorize_for_user(ANONYMOUS, "anonymous")


@pytest.mark.parametrize(
    ("repository", "ref"),
    [
        ("", "*"),
        ("*", ""),
        ("Lake", "*"),
        ("a/b", "*"),
        ("[ab]", "*"),
        ("a.b", "*"),
        ("*", "a/b"),
        ("*", "[ab]"),
        ("*", "main~1"),
        ("*", "main@"),
        ("*", "é"),
        ("*", "a\n"),
        ("*", "20261101"),
        ("*", COMMIT),
        ("x" * 64, "*"),
        ("*", "x" * 256),
    ],
)
def test_a_glob_that_is_not_clean_is_refused(repository: str, ref: str) -> None:
    with pytest.raises(InvalidValueError):
        check_grant(Grant(repository, ref, READ))


@given(globs.filter(lambda glob: not re.fullmatch("[ab]{7,}", glob)), names)
def test_a_run_of_stars_is_one(glob: str, name: str) -> None:
    clean = check_grant(Grant("*", glob, READ))

    assert "**" not in clean.ref
    assert glob_matches(clean.ref, name) == glob_matches(glob, name)
    assert Grants((clean,)).level_at("lake", name) == (
        READ if glob_matches(glob, name) else 0
    )


def test_decisions_that_are_kept_stay_right_when_there_are_many() -> None:
    grants = Grants((Grant("lake", "x*", READ),))

    for number in range(3000):
        assert grants.level_at("lake", f"x{number}") == READ
        assert grants.level_at("lake", f"y{number}") == 0
    assert NO_GRANTS.level_at("lake", None) == 0
