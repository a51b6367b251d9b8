"""What an alias asks of a version, and where a rollback goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import InvalidNameError, InvalidValueError
from lakebed.server.refs.expression import parse_expression, reads_as_commit_id
from lakebed.server.refs.names import MODELS
from lakebed.server.registry.names import (
    alias_ref,
    check_alias,
    check_model_name,
    read_number,
    version_ref,
)
from lakebed.server.registry.rules import (
    AliasMove,
    AliasRule,
    Approval,
    Check,
    Person,
    check_rules,
    find_refusals,
    find_rollback,
)

ANN, BOB, EVE = Person(1, "ann"), Person(2, "bob"), Person(3, "eve")
RULE = AliasRule("prod", True, ("bias",))
PASSED = Check(1, "bias", "f" * 32, True, "ann", 0)


def approval(person: Person, alias: str = "prod") -> Approval:
    return Approval(1, alias, person, "", 0)


@pytest.mark.parametrize(
    ("approvals", "is_enough"),
    [
        ([approval(EVE)], True),
        ([approval(ANN), approval(BOB), approval(EVE)], True),
        ([], False),
        ([approval(ANN)], False),  # registered it
        ([approval(BOB)], False),  # moves the alias
        ([approval(EVE, "staging")], False),
        ([approval(Person(9, "ann"))], False),  # deleted, and made again
        ([approval(Person(1, "anna"))], False),
    ],
)
def test_an_approval_is_by_a_third_person(
    approvals: list[Approval], is_enough: bool
) -> None:
    missing = find_refusals(
        RULE, author=ANN, mover=BOB, approvals=approvals, checks=[PASSED]
    )

    assert (missing == []) == is_enough


def test_who_registered_may_move_what_another_approved() -> None:
    assert not find_refusals(
        RULE, author=ANN, mover=ANN, approvals=[approval(BOB)], checks=[PASSED]
    )


@pytest.mark.parametrize(
    ("checks", "word"),
    [
        ([], "the check 'bias'"),
        ([Check(1, "bias", "f" * 32, False, "ann", 0)], "did not pass"),
        ([Check(1, "other", "f" * 32, True, "ann", 0)], "the check 'bias'"),
    ],
)
def test_a_check_must_have_passed(checks: list[Check], word: str) -> None:
    rule = AliasRule("prod", False, ("bias",))

    (missing,) = find_refusals(rule, author=ANN, mover=ANN, approvals=[], checks=checks)

    assert word in missing


def test_without_a_rule_nothing_is_missing() -> None:
    assert find_refusals(None, author=ANN, mover=ANN, approvals=[], checks=[]) == []


def test_rules_are_kept_by_alias_and_empty_ones_are_not() -> None:
    rules = [
        AliasRule("prod", False, ("b", "a", "b")),
        AliasRule("dev", True, ()),
        AliasRule("old", False, ()),
    ]

    assert check_rules(rules) == (
        AliasRule("dev", True, ()),
        AliasRule("prod", False, ("a", "b")),
    )


@pytest.mark.parametrize(
    "rules",
    [
        [AliasRule("prod", True, ()), AliasRule("prod", False, ())],
        [AliasRule(f"a{n}", True, ()) for n in range(101)],
        [AliasRule("prod", False, tuple(f"c{n}" for n in range(101)))],
        [AliasRule("3", True, ())],
        [AliasRule("prod", False, ("a/b",))],
    ],
)
def test_rules_that_cannot_be_meant(rules: list[AliasRule]) -> None:
    with pytest.raises(InvalidValueError):
        check_rules(rules)


moves = st.lists(st.sampled_from(["promote", "rollback"]), max_size=30)


@given(moves)
def test_a_rollback_goes_where_an_undo_list_says(actions: list[str]) -> None:
    """The model: a stack of places, of which each rollback takes the last away."""
    log: list[AliasMove] = []
    stack: list[int] = []
    at: int | None = None
    for number, action in enumerate(actions, start=1):
        expected = stack[-2] if len(stack) > 1 else None
        if action == "rollback":
            assert find_rollback(reversed(log)) == expected
            if expected is None:
                continue
            stack.pop()
            new = expected
        else:
            new = number
            stack.append(new)
        log.append(AliasMove(number, "prod", action, at, new, "ann", "", 0))
        at = new


names = st.text("aB9_.-", min_size=1, max_size=12)


@given(names, names, st.integers(1, 10**8))
def test_a_name_that_is_taken_is_read_back_as_one_ref(
    model: str, alias: str, number: int
) -> None:
    try:
        check_model_name(model)
        check_alias(alias)
    except InvalidNameError:
        return
    assert not reads_as_commit_id(model)
    for ref in (version_ref(model, number), alias_ref(model, alias)):
        expression = parse_expression(ref, repository=MODELS)
        assert expression.is_plain_name
        assert expression.name == ref
        assert parse_expression(f"{ref}~2^", repository=MODELS).name == ref
        assert parse_expression(f"{ref}@", repository=MODELS).name == ref
    assert read_number(alias) is None
    assert read_number(str(number)) == number


@pytest.mark.parametrize("text", ["0", "01", "-1", "+1", "1.0", "", "1" * 10, "١"])
def test_what_is_no_number_of_a_version(text: str) -> None:
    assert read_number(text) is None
