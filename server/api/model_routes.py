"""The rows of `/models`. Rights are asked as for the repository `models`, at the model."""

from __future__ import annotations

from typing import Any

from lakebed.client.wire import routes

from ..auth.authorize import Permission
from ..refs.names import MODELS
from .operations import models
from .routing import Handler, Route

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN


def _route(
    method: str, template: str, handler: Handler, permission: Permission, **more: Any
) -> Route:
    """Return a row whose model is in the path, unless the template has none."""
    ref = "model" if "{model}" in template else None
    return Route(
        method, template, handler, permission, ref, repository_name=f"={MODELS}", **more
    )


MODEL_ROUTES: tuple[Route, ...] = (
    _route("GET", routes.MODELS, models.list_models, READ),
    _route("GET", routes.MODEL, models.get_model, READ),
    _route("PUT", routes.MODEL, models.update_model, WRITE),
    _route("DELETE", routes.MODEL, models.delete_model, ADMIN),
    _route("GET", routes.MODEL_VERSIONS, models.list_model_versions, READ),
    _route(
        "POST",
        routes.MODEL_VERSIONS,
        models.register_model_version,
        WRITE,
        is_idempotent=True,
    ),
    _route("GET", routes.MODEL_VERSION, models.get_model_version, READ),
    _route("DELETE", routes.MODEL_VERSION, models.delete_model_version, ADMIN),
    _route("POST", routes.MODEL_CHECKS, models.add_model_check, WRITE),
    _route("POST", routes.MODEL_APPROVALS, models.approve_model_version, WRITE),
    _route("DELETE", routes.MODEL_APPROVALS, models.withdraw_model_approval, WRITE),
    _route("GET", routes.MODEL_RULES, models.get_model_rules, READ),
    _route("PUT", routes.MODEL_RULES, models.set_model_rules, ADMIN),
    _route("GET", routes.MODEL_ALIASES, models.list_model_aliases, READ),
    _route("GET", routes.MODEL_ALIAS, models.get_model_alias, READ),
    _route("PUT", routes.MODEL_ALIAS, models.move_model_alias, WRITE),
    _route("DELETE", routes.MODEL_ALIAS, models.delete_model_alias, WRITE),
    _route("GET", routes.MODEL_ALIAS_LOG, models.list_model_alias_moves, READ),
    _route("POST", routes.MODEL_ALIAS_ROLLBACK, models.roll_back_model_alias, WRITE),
)
