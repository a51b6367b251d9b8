"""Bodies of `/auth/users`: people, their keys, and what they may do."""

from __future__ import annotations

from typing import Literal

from .body import Body, RequestBody

GrantLevel = Literal["read", "write", "admin"]


class User(Body, frozen=True, kw_only=True):
    """A user."""

    id: str
    """Their name."""
    creation_date: int
    friendly_name: str | None = None
    email: str | None = None
    is_admin: bool = False
    """Whether they administer the lake. Ours."""


class CurrentUser(Body, frozen=True, kw_only=True):
    """Who is asking."""

    user: User


class UserCreation(RequestBody, frozen=True, kw_only=True):
    """A user to be made, without keys and grants."""

    id: str
    invite_user: bool = False
    """No letters are sent: false."""
    is_admin: bool = False
    """Whether they shall administer the lake. Ours."""


class AccessKey(RequestBody, frozen=True, kw_only=True):
    """An access key that the caller chose."""

    access_key_id: str
    secret_access_key: str


class Credentials(Body, frozen=True, kw_only=True):
    """A new access key; the secret is shown this once."""

    access_key_id: str
    secret_access_key: str
    creation_date: int


class KeyInfo(Body, frozen=True, kw_only=True):
    """An access key, without its secret."""

    access_key_id: str
    creation_date: int


class Grant(Body, frozen=True, kw_only=True):
    """What a user may do where. Ours."""

    repository: str
    """A glob over the names of repositories."""
    ref: str
    """A glob over the names of branches and tags."""
    level: GrantLevel
    creation_date: int


class GrantCreation(RequestBody, frozen=True, kw_only=True):
    """A grant to be made, in place of the one for the same globs. Ours."""

    repository: str
    ref: str
    level: GrantLevel
