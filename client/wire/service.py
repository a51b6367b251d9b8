"""Bodies about the server itself and who is asking."""

from __future__ import annotations

from typing import Literal

import msgspec

from .body import Body, RequestBody
from .people import AccessKey


class VersionConfig(Body, frozen=True, kw_only=True):
    """The version of the lakeFS API that we speak; ours is in a header."""

    version: str
    latest_version: str
    upgrade_recommended: bool
    upgrade_url: str


class StorageConfig(Body, frozen=True, kw_only=True):
    """What clients want to know of the storage."""

    blockstore_type: str
    blockstore_namespace_example: str
    blockstore_namespace_validity_regex: str = msgspec.field(
        name="blockstore_namespace_ValidityRegex"
    )
    default_namespace_prefix: str | None = None
    pre_sign_support: bool
    pre_sign_support_ui: bool
    import_support: bool
    import_validity_regex: str
    pre_sign_multipart_upload: bool


class Config(Body, frozen=True, kw_only=True):
    """Answer of `GET /config`."""

    version_config: VersionConfig
    storage_config: StorageConfig


class LoginConfig(Body, frozen=True, kw_only=True):
    """How people log in."""

    RBAC: Literal["none", "simplified", "external", "internal"]
    login_url: str
    login_failed_message: str
    login_cookie_names: list[str]
    logout_url: str


class SetupState(Body, frozen=True, kw_only=True):
    """Answer of `GET /setup_lakefs`."""

    state: Literal["initialized", "not_initialized"]
    comm_prefs_missing: bool
    login_config: LoginConfig | None = None


class Setup(RequestBody, frozen=True, kw_only=True, rename="camel"):
    """The first user. What lakeFS asks beyond name and key is taken and not kept."""

    username: str
    key: AccessKey | None = None
    """None: the server makes one."""
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    company_name: str | None = None
    country: str | None = None
    feature_updates: bool | None = None
    security_updates: bool | None = None


class Login(RequestBody, frozen=True, kw_only=True):
    """An access key to trade for a token."""

    access_key_id: str
    secret_access_key: str


class LoginToken(Body, frozen=True, kw_only=True):
    """A bearer token."""

    token: str
    token_expiration: int
    """Unix seconds."""
