"""What is said of a version before an alias may move to it: rules, approvals, checks."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import (
    ApprovalNotFoundError,
    ConflictError,
    RunGoesOnError,
    RunNotFoundError,
    UnusableRunError,
)
from ..registry.names import check_alias, check_check_name, version_ref
from ..registry.rules import AliasRule, Approval, Check, check_rules
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..runs.statuses import Status
from .callers import Caller
from .finding import find_readable
from .models import check_text, person_of, require_model, require_version


async def set_rules(
    engine: Engine, name: str, rules: Sequence[AliasRule]
) -> tuple[AliasRule, ...]:
    """Replace the rules of all aliases of a model; return them, by alias.

    They count from the next move on: where an alias is, it stays.

    Raises:
        ModelNotFoundError, InvalidNameError, InvalidValueError
    """
    checked = check_rules(rules)

    async def action(tx: WriteTransaction) -> None:
        model = await require_model(tx, name)
        await tx.set_rules(model.id, checked)

    await engine.metadata.write(action)
    return checked


async def get_rules(engine: Engine, name: str) -> tuple[AliasRule, ...]:
    """Return the rules of a model, by alias.

    Raises:
        ModelNotFoundError
    """
    model = await require_model(engine.metadata, name)
    return tuple(rule for _, rule in await engine.metadata.list_rules([model.id]))


async def approve(
    engine: Engine,
    caller: Caller,
    name: str,
    text: str,
    alias: str,
    *,
    comment: str = "",
) -> Approval:
    """Record that `caller` approves a version for an alias; again replaces it.

    It counts when somebody else moves the alias.

    Raises:
        InvalidNameError, InvalidValueError, ModelNotFoundError,
        ModelVersionNotFoundError
        ConflictError: they registered the version.
    """
    check_alias(alias)
    check_text(comment, "comment")
    person = person_of(caller)

    async def action(tx: WriteTransaction) -> Approval:
        model = await require_model(tx, name)
        version = await require_version(tx, model, text)
        if not person.is_other_than(version.author):
            raise ConflictError(
                f"cannot approve '{version_ref(name, version.number)}': "
                f"'{person.name}' registered it, and somebody else must approve it"
            )
        approval = Approval(version.number, alias, person, comment, engine.clock())
        await tx.put_approval(model.id, approval)
        return approval

    return await engine.metadata.write(action)


async def withdraw_approval(
    engine: Engine, caller: Caller, name: str, text: str, alias: str
) -> None:
    """Take back what `caller` approved; where the alias is, it stays.

    Raises:
        ModelNotFoundError, ModelVersionNotFoundError
        ApprovalNotFoundError: they have not approved it.
    """

    async def action(tx: WriteTransaction) -> None:
        model = await require_model(tx, name)
        version = await require_version(tx, model, text)
        number = version.number
        if not await tx.remove_approval(model.id, number, alias, caller.user_id):
            raise ApprovalNotFoundError(version_ref(name, number), alias, caller.name)

    await engine.metadata.write(action)


async def add_check(
    engine: Engine,
    caller: Caller,
    name: str,
    text: str,
    check: str,
    run_text: str,
) -> Check:
    """Record a sealed run that judged a version, in place of the last such check.

    It passes if the run succeeded. The run must have read files of the version.

    Raises:
        InvalidNameError, ModelNotFoundError, ModelVersionNotFoundError,
        RunNotFoundError, InvalidValueError
        RunGoesOnError
        UnusableRunError: the run read no file of the version.
    """
    check_check_name(check)
    run = await find_readable(engine, run_text, caller)
    if not run.is_sealed:
        raise RunGoesOnError(run.name, "take it as a check when it has ended")

    async def action(tx: WriteTransaction) -> Check:
        model = await require_model(tx, name)
        version = await require_version(tx, model, text)
        if await tx.find_run_by_id(run.id) is None:  # deleted since
            raise RunNotFoundError(run_text)
        if not await tx.has_read_version(run.id, version):
            ref = version_ref(name, version.number)
            raise UnusableRunError(
                run.name,
                f"cannot take run '{run.name}' as a check of '{ref}': it did not read "
                f"its files; read 'lakebed://models/{ref}/' in it",
            )
        made = Check(
            version.number,
            check,
            run.name,
            run.status is Status.SUCCEEDED,
            caller.name,
            engine.clock(),
        )
        await tx.put_check(
            model.id,
            version.number,
            check,
            run_id=run.id,
            has_passed=made.has_passed,
            user=made.user,
            now_ms=made.at_ms,
        )
        return made

    return await engine.metadata.write(action)
