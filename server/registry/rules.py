"""What an alias asks of a version, and where a rollback goes: decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..errors import InvalidValueError
from .names import check_alias, check_check_name

RULES_MAX = 100
"""Aliases of one model that have rules."""
CHECKS_MAX = 100
"""Checks that one alias asks for."""


class Person(Struct, frozen=True, gc=False):
    """Who does something: a user, or the owner of the directory."""

    id: int
    """0: the owner of the directory, who needs to be no user."""
    name: str

    def is_other_than(self, other: Person) -> bool:
        """Tell whether these are two people.

        Neither id nor name may be the same: who was deleted and made again has another
        id and is no second person.
        """
        return self.id != other.id and self.name != other.name


class AliasRule(Struct, frozen=True, gc=False):
    """What must be true of a version before an alias may move to it."""

    alias: str
    needs_approval: bool
    checks: tuple[str, ...]


class Approval(Struct, frozen=True, gc=False):
    """Somebody's yes to a version for an alias."""

    number: int
    alias: str
    person: Person
    comment: str
    at_ms: int


class Check(Struct, frozen=True, gc=False):
    """A run that judged a version."""

    number: int
    name: str
    run: str
    """Its name, 32 digits."""
    has_passed: bool
    user: str
    at_ms: int


class AliasMove(Struct, frozen=True, gc=False):
    """One move of an alias."""

    sequence: int
    alias: str
    action: str
    """`promote`, `rollback` or `delete`."""
    old: int | None
    new: int | None
    user: str
    reason: str
    at_ms: int


PROMOTE, ROLLBACK, DELETE = "promote", "rollback", "delete"


def check_rules(rules: Sequence[AliasRule]) -> tuple[AliasRule, ...]:
    """Return `rules` without those that ask nothing, by alias.

    Raises:
        InvalidNameError: an alias or a check can have no such name.
        InvalidValueError: an alias has two rules, or there are too many.
    """
    if len(rules) > RULES_MAX:
        raise InvalidValueError("rules", f"at most {RULES_MAX} aliases have rules")
    if len({rule.alias for rule in rules}) != len(rules):
        raise InvalidValueError("rules", "an alias has two rules: give each one")
    kept: list[AliasRule] = []
    for rule in rules:
        check_alias(rule.alias)
        if len(rule.checks) > CHECKS_MAX:
            raise InvalidValueError(
                "checks", f"alias '{rule.alias}' asks for over {CHECKS_MAX} checks"
            )
        checks = tuple(sorted({check_check_name(name) for name in rule.checks}))
        if checks or rule.needs_approval:
            kept.append(AliasRule(rule.alias, rule.needs_approval, checks))
    return tuple(sorted(kept, key=lambda rule: rule.alias))


def find_refusals(
    rule: AliasRule | None,
    *,
    author: Person,
    mover: Person,
    approvals: Iterable[Approval],
    checks: Iterable[Check],
) -> list[str]:
    """Return what is missing for `mover` to move the alias of `rule` to a version.

    Args:
        rule: of the alias; None: it asks nothing.
        author: who registered the version.
        mover: who moves the alias.
        approvals: of the version, for any alias.
        checks: of the version.
    """
    if rule is None:
        return []
    missing: list[str] = []
    if rule.needs_approval and not any(
        approval.alias == rule.alias
        and approval.person.is_other_than(author)
        and approval.person.is_other_than(mover)
        for approval in approvals
    ):
        others = " and ".join(f"'{name}'" for name in _names(author, mover))
        missing.append(f"an approval by somebody else than {others}")
    found = {check.name: check for check in checks}
    for name in rule.checks:
        check = found.get(name)
        if check is None:
            missing.append(f"the check '{name}'")
        elif not check.has_passed:
            missing.append(f"the check '{name}', which did not pass (run {check.run})")
    return missing


def _names(*people: Person) -> list[str]:
    return list(dict.fromkeys(person.name for person in people))


def find_rollback(moves: Iterable[AliasMove]) -> int | None:
    """Return the version before the last of `moves` that was not rolled back itself.

    `moves` are those of one alias, newest first. None: there is nothing to go back to.
    """
    undone = 0
    for move in moves:
        if move.action == ROLLBACK:
            undone += 1
        elif undone:
            undone -= 1
        else:
            return move.old
    return None
