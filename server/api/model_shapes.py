"""From what the registry knows to the bodies that are sent: one function a shape."""

from __future__ import annotations

from typing import cast

import msgspec
from lakebed.client.wire import models as wire
from lakebed.client.wire.runs import Grade

from ..provenance.aliases import AliasView
from ..provenance.models import ModelView, VersionView
from ..refs.names import MODELS
from ..registry.names import version_ref
from ..registry.rules import AliasMove, AliasRule, Approval, Check
from ..repository.paths import show_path


def show_model(view: ModelView) -> wire.Model:
    """Return the body of a model."""
    return wire.Model(
        name=view.model.name,
        description=view.model.description,
        user=view.model.user,
        created_ms=view.model.created_ms,
        latest=view.latest,
        aliases=view.aliases,
        rules=[show_rule(rule) for rule in view.rules],
    )


def show_rule(rule: AliasRule) -> wire.AliasRule:
    """Return the body of the rule of an alias."""
    return wire.AliasRule(
        alias=rule.alias, needs_approval=rule.needs_approval, checks=list(rule.checks)
    )


def show_version(view: VersionView) -> wire.ModelVersion:
    """Return the body of a version."""
    version, name = view.version, view.model.name
    assert version.origin is not None
    return wire.ModelVersion(
        name=name,
        version=version.number,
        description=version.description,
        metadata=msgspec.json.decode(version.metadata, type=dict[str, str]),
        run=version.origin.run,
        record=version.origin.record.hex(),
        grade=cast("Grade | None", version.origin.grade),
        repository=version.origin.repository,
        commit=version.commit_id.hex(),
        path=show_path(version.path),
        kind="prefix" if version.is_prefix else "file",
        identity=version.identity.hex(),
        files=version.files,
        size_bytes=version.size_bytes,
        user=version.user,
        created_ms=version.created_ms,
        aliases=list(view.aliases),
        checks=[show_check(check) for check in view.checks],
        approvals=[show_approval(approval) for approval in view.approvals],
        address=f"lakebed://{MODELS}/{version_ref(name, version.number)}/",
    )


def show_check(check: Check) -> wire.Check:
    """Return the body of a check."""
    return wire.Check(
        name=check.name,
        run=check.run,
        has_passed=check.has_passed,
        user=check.user,
        at_ms=check.at_ms,
    )


def show_approval(approval: Approval) -> wire.Approval:
    """Return the body of an approval."""
    return wire.Approval(
        alias=approval.alias,
        user=approval.person.name,
        comment=approval.comment,
        at_ms=approval.at_ms,
    )


def show_alias(view: AliasView) -> wire.Alias:
    """Return the body of an alias."""
    return wire.Alias(
        model=view.model,
        alias=view.alias,
        version=view.number,
        user=view.move.user,
        reason=view.move.reason,
        at_ms=view.move.at_ms,
    )


def show_alias_move(move: AliasMove) -> wire.AliasLogEntry:
    """Return the body of a move of an alias."""
    return wire.AliasLogEntry(
        sequence=move.sequence,
        alias=move.alias,
        action=move.action,
        old=move.old,
        new=move.new,
        user=move.user,
        reason=move.reason,
        at_ms=move.at_ms,
    )
