"""What the environment of a process says of the run that it is a part of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..address import KEY_ID_VARIABLE, SECRET_VARIABLE, SERVER_VARIABLE
from ..profiles import PROFILE_VARIABLE
from .reach import RunAddress

RUN_VARIABLE = "LAKEBED_RUN_ID"
REPOSITORY_VARIABLE = "LAKEBED_RUN_REPOSITORY"
S3_VARIABLE = "LAKEBED_S3_ENDPOINT"
"""Where S3 is spoken, if not where REST is; an operator sets it."""
REGION = "us-east-1"

_CLEARED = (
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    PROFILE_VARIABLE,
)
"""They would come before the key of the run, or make it wrong."""


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """The variables that make a process, and what it starts, a part of a run."""

    set: Mapping[str, str] = field(repr=False)
    cleared: tuple[str, ...] = _CLEARED

    def apply(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` with them."""
        kept = dict(environ)
        for name in self.cleared:
            kept.pop(name, None)
        return kept | dict(self.set)


def environment_of(address: RunAddress) -> RunEnvironment:
    """Return the variables of the run at `address`.

    Whatever speaks S3 finds the server and the key of the run in them, and so do the
    client, the command line and fsspec.
    """
    endpoint = s3_endpoint(address.server)
    values = {
        RUN_VARIABLE: address.run,
        REPOSITORY_VARIABLE: address.repository,
        SERVER_VARIABLE: address.server,
        KEY_ID_VARIABLE: address.access_key_id,
        SECRET_VARIABLE: address.secret_access_key,
        "AWS_ACCESS_KEY_ID": address.access_key_id,
        "AWS_SECRET_ACCESS_KEY": address.secret_access_key,
        # The first is for AWS's own SDKs, the second for object_store (Polars, delta-rs).
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    if endpoint.startswith("http://"):
        values["AWS_ALLOW_HTTP"] = "true"
    return RunEnvironment(values)


def s3_endpoint(server: str) -> str:
    """Return where S3 is spoken by the server at the URL `server`."""
    return os.environ.get(S3_VARIABLE) or server


def find_attached(server: str) -> RunAddress | None:
    """Return the run of `server` that this process was started in, if it was in one."""
    environ = os.environ
    run, repository = environ.get(RUN_VARIABLE), environ.get(REPOSITORY_VARIABLE)
    key_id, secret = environ.get(KEY_ID_VARIABLE), environ.get(SECRET_VARIABLE)
    here = environ.get(SERVER_VARIABLE, "")
    if not (run and repository and key_id and secret) or here.rstrip("/") != server:
        return None
    return RunAddress(server, repository, run, key_id, secret)
