"""Handlers of `/models`: models, their versions, what is said of them."""

from __future__ import annotations

from lakebed.client.wire import Page
from lakebed.client.wire import models as wire

from ...auth.authorize import Permission, is_allowed
from ...provenance import aliases, judging, models, registering
from ...refs.names import MODELS
from ...registry.rules import AliasRule
from ..answers import (
    Created,
    Nothing,
    Shown,
    answer,
    answer_created,
    answer_nothing,
    answer_page,
    answer_results,
)
from ..call import Call, NoBody, NoQuery
from ..model_shapes import (
    show_alias,
    show_alias_move,
    show_approval,
    show_check,
    show_model,
    show_rule,
    show_version,
)
from ..parameters import AliasQuery, NumbersQuery, PageQuery, ReasonQuery


async def list_models(call: Call[PageQuery, NoBody]) -> Shown[Page[wire.Model]]:
    """List models."""
    principal = call.principal
    page = await models.list_models(
        call.engine,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
        is_shown=(
            None
            if principal.is_admin
            else lambda name: is_allowed(principal, Permission.READ, MODELS, name)
        ),
    )
    return answer_page(page, show_model)


async def get_model(call: Call[NoQuery, NoBody]) -> Shown[wire.Model]:
    """Get a model."""
    return answer(show_model(await models.get_model(call.engine, call.names["model"])))


async def update_model(call: Call[NoQuery, wire.ModelUpdate]) -> Shown[wire.Model]:
    """Change what is said of a model."""
    view = await models.describe_model(
        call.engine, call.names["model"], call.body.description
    )
    return answer(show_model(view))


async def delete_model(call: Call[NoQuery, NoBody]) -> Nothing:
    """Delete a model with all its versions; their numbers are not used again.

    Raises:
        StillNeededError
    """
    await models.delete_model(call.engine, call.caller, call.names["model"])
    return answer_nothing()


async def list_model_versions(
    call: Call[NumbersQuery, NoBody],
) -> Shown[Page[wire.ModelVersion]]:
    """List the versions of a model, newest first."""
    page = await models.list_versions(
        call.engine,
        call.names["model"],
        before=call.query.before,
        limit=call.query.limit,
    )
    return answer_page(page, show_version)


async def register_model_version(
    call: Call[NoQuery, wire.ModelRegistration],
) -> Created[wire.ModelVersion]:
    """Make a version of an output of a sealed run, and the model with its first version.

    Raises:
        InvalidNameError
        RunNotFoundError
        RunGoesOnError
        UnusableRunError
        RepositoryNotFoundError
        RefMovedError
    """
    body = call.body
    view = await registering.register(
        call.engine,
        call.caller,
        call.names["model"],
        body.run,
        path=body.path,
        description=body.description,
        metadata=body.metadata,
        once=call.once,
    )
    return answer_created(show_version(view))


async def get_model_version(call: Call[NoQuery, NoBody]) -> Shown[wire.ModelVersion]:
    """Get a version, by its number or an alias."""
    view = await models.get_version(
        call.engine, call.names["model"], call.names["version"]
    )
    return answer(show_version(view))


async def delete_model_version(call: Call[NoQuery, NoBody]) -> Nothing:
    """Delete a version; its number is not used again.

    Raises:
        StillNeededError
    """
    await models.delete_version(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["version"],
    )
    return answer_nothing()


async def add_model_check(
    call: Call[NoQuery, wire.CheckCreation],
) -> Created[wire.Check]:
    """Record a sealed run that judged a version: it must have read its files.

    Raises:
        InvalidNameError
        RunNotFoundError
        RunGoesOnError
        UnusableRunError
    """
    made = await judging.add_check(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["version"],
        call.body.name,
        call.body.run,
    )
    return answer_created(show_check(made))


async def approve_model_version(
    call: Call[NoQuery, wire.ApprovalCreation],
) -> Created[wire.Approval]:
    """Approve a version for an alias, for somebody else to move it there.

    Raises:
        InvalidNameError
        ConflictError
    """
    made = await judging.approve(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["version"],
        call.body.alias,
        comment=call.body.comment,
    )
    return answer_created(show_approval(made))


async def withdraw_model_approval(call: Call[AliasQuery, NoBody]) -> Nothing:
    """Take back one's approval of a version for an alias.

    Raises:
        ApprovalNotFoundError
    """
    await judging.withdraw_approval(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["version"],
        call.query.alias,
    )
    return answer_nothing()


async def get_model_rules(call: Call[NoQuery, NoBody]) -> Shown[wire.AliasRules]:
    """Get what the aliases of a model ask of a version."""
    rules = await judging.get_rules(call.engine, call.names["model"])
    return answer(wire.AliasRules(rules=[show_rule(rule) for rule in rules]))


async def set_model_rules(
    call: Call[NoQuery, wire.AliasRules],
) -> Shown[wire.AliasRules]:
    """Set what the aliases of a model ask of a version, all of them.

    Raises:
        InvalidNameError
    """
    rules = await judging.set_rules(
        call.engine,
        call.names["model"],
        [
            AliasRule(rule.alias, rule.needs_approval, tuple(rule.checks))
            for rule in call.body.rules
        ],
    )
    return answer(wire.AliasRules(rules=[show_rule(rule) for rule in rules]))


async def list_model_aliases(call: Call[NoQuery, NoBody]) -> Shown[Page[wire.Alias]]:
    """List the aliases of a model: all of them."""
    found = await aliases.list_aliases(call.engine, call.names["model"])
    return answer_results((show_alias(view) for view in found), None)


async def get_model_alias(call: Call[NoQuery, NoBody]) -> Shown[wire.Alias]:
    """Get where an alias is."""
    view = await aliases.get_alias(
        call.engine, call.names["model"], call.names["alias"]
    )
    return answer(show_alias(view))


async def move_model_alias(call: Call[NoQuery, wire.AliasMove]) -> Shown[wire.Alias]:
    """Move an alias to a version, and make it if there is none of that name.

    Raises:
        InvalidNameError
        PromotionRefusedError
        TooManyError
    """
    view = await aliases.promote(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["alias"],
        call.body.version,
        reason=call.body.reason,
    )
    return answer(show_alias(view))


async def delete_model_alias(call: Call[ReasonQuery, NoBody]) -> Nothing:
    """Delete an alias; its log stays."""
    await aliases.delete_alias(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["alias"],
        reason=call.query.reason,
    )
    return answer_nothing()


async def list_model_alias_moves(
    call: Call[NumbersQuery, NoBody],
) -> Shown[Page[wire.AliasLogEntry]]:
    """List the moves of an alias, newest first, also of a deleted one."""
    page = await aliases.list_moves(
        call.engine,
        call.names["model"],
        call.names["alias"],
        before=call.query.before,
        limit=call.query.limit,
    )
    return answer_page(page, show_alias_move)


async def roll_back_model_alias(
    call: Call[NoQuery, wire.AliasRollback],
) -> Shown[wire.Alias]:
    """Put an alias back to before its last move that was not rolled back.

    Again goes further back; an alias that was deleted is there again.

    Raises:
        ConflictError
    """
    view = await aliases.rollback(
        call.engine,
        call.caller,
        call.names["model"],
        call.names["alias"],
        reason=call.body.reason,
    )
    return answer(show_alias(view))
