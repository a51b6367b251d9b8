"""Handlers about the server itself and who is asking."""

from __future__ import annotations

from importlib.metadata import version

from aiohttp import web
from lakebed.client.wire import (
    Config,
    Credentials,
    CurrentUser,
    LoginConfig,
    Setup,
    SetupState,
    StorageConfig,
    User,
    VersionConfig,
)

from ...auth.secrets import AccessKey, make_access_key
from ...errors import AlreadySetUpError, PermissionDeniedError
from ...serving.hosts import names_this_machine
from ...settings import LOOPBACK_NAMES, Settings
from ..answers import Nothing, Shown, answer, answer_nothing
from ..call import Call, NoBody, NoQuery

API_VERSION = "1.88.0"
"""The version of the lakeFS API that we speak. Clients compare it with what they need;
it is that of the newest client package that our tests run."""
_VERSION = version("lakebed")
VERSION_HEADER = "X-Lakebed-Version"


async def health_check(call: Call[NoQuery, NoBody]) -> Nothing:
    """Say that the server answers."""
    return answer_nothing()


async def get_config(call: Call[NoQuery, NoBody]) -> Shown[Config]:
    """Get what clients want to know of the server."""
    response = answer(
        Config(
            version_config=VersionConfig(
                version=API_VERSION,
                latest_version=API_VERSION,
                upgrade_recommended=False,
                upgrade_url="",
            ),
            storage_config=StorageConfig(
                blockstore_type="local",
                blockstore_namespace_example="local://example",
                blockstore_namespace_validity_regex=r"^[a-z][a-z0-9+.-]*://",
                default_namespace_prefix="local://",
                pre_sign_support=False,
                pre_sign_support_ui=False,
                import_support=False,
                import_validity_regex=r"^s3://",
                pre_sign_multipart_upload=False,
            ),
        )
    )
    response.headers[VERSION_HEADER] = _VERSION
    return response


async def get_current_user(call: Call[NoQuery, NoBody]) -> Shown[CurrentUser]:
    """Get who is asking."""
    principal = call.principal
    return answer(
        CurrentUser(
            user=User(
                id=principal.name,
                creation_date=principal.created_ms // 1000,
                friendly_name=principal.name,
                is_admin=principal.is_admin,
            )
        )
    )


async def get_setup_state(call: Call[NoQuery, NoBody]) -> Shown[SetupState]:
    """Say whether there is a first user."""
    is_set_up = await call.auth.is_set_up()
    return answer(
        SetupState(
            state="initialized" if is_set_up else "not_initialized",
            comm_prefs_missing=False,
            login_config=LoginConfig(
                RBAC="none",
                login_url="",
                login_failed_message="access key or secret is wrong",
                login_cookie_names=[],
                logout_url="",
            ),
        )
    )


_FORWARDING_HEADERS = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


async def setup(call: Call[NoQuery, Setup]) -> Shown[Credentials]:
    """Create the first user, an administrator; once, and from this machine.

    Raises:
        AlreadySetUpError
    """
    _require_local(call.request, call.settings)
    body = call.body
    key = make_access_key()
    if body.key is not None:
        key = AccessKey(body.key.access_key_id, body.key.secret_access_key)
    if not await call.auth.set_up_first_user(body.username, key):
        raise AlreadySetUpError
    return answer(
        Credentials(
            access_key_id=key.id,
            secret_access_key=key.secret,
            creation_date=call.engine.clock() // 1000,
        )
    )


def _require_local(request: web.BaseRequest, settings: Settings) -> None:
    """Return if only someone on this machine can have sent `request`.

    They could as well have made the directory. A proxy on this machine would bring
    others in, and so would a page whose host name was made to lead here: the one adds
    headers, the other keeps its own name in `Host`.

    Raises:
        PermissionDeniedError: someone else can.
    """
    is_local = all(where.host in LOOPBACK_NAMES for where in settings.listen)
    if not is_local or not names_this_machine(request.headers.get("Host", "")):
        raise PermissionDeniedError(
            "cannot set up from here: use '--init-admin', or listen on 127.0.0.1 only"
        )
    if any(name in request.headers for name in _FORWARDING_HEADERS):
        raise PermissionDeniedError(
            "cannot set up through a proxy: ask the server itself"
        )
