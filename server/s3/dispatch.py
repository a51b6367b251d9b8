"""Finds the operation of a request in the table, and refuses what it does not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..auth.authorize import Permission
from ..auth.sigv4 import Headers
from ..provenance.views import Use
from .address import Level
from .errors import S3Error
from .object_headers import METADATA_PREFIX, PRIVATE_ACLS
from .table import COMMON_HEADERS, COMMON_PARAMETERS, Operation, Requirement

TOKEN_PARAMETER = "X-Amz-Security-Token"  # noqa: S105 - a name, no token


class Dispatcher:
    """The table, made ready to be asked."""

    def __init__(self, table: Sequence[Operation]) -> None:
        """Make `table` ready.

        Raises:
            TypeError: an operation declares no permission. The server must not start.
        """
        self._rows: dict[tuple[str, Level], dict[str | None, Operation]] = {}
        self._by_header: dict[tuple[str, Level, str | None], Operation] = {}
        for operation in table:
            # The types say so too, but this is what must not depend on a type checker.
            requirement = operation.requirement
            if not isinstance(requirement, Requirement):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"{operation.name} declares no permission")
            place = (operation.method, operation.level)
            rows = self._rows.setdefault(place, {})
            if operation.header is not None:
                key = (*place, operation.sub_resource)
                if key in self._by_header:
                    raise ValueError(f"two headers where {operation.name} is")
                self._by_header[key] = operation
                continue
            if operation.sub_resource in rows:
                raise ValueError(f"two operations where {operation.name} is")
            rows[operation.sub_resource] = operation

    def find(
        self,
        method: str,
        level: Level,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Operation:
        """Return the operation of a request.

        Raises:
            S3Error: there is none.
        """
        rows = self._rows.get((method, level))
        if rows is None:
            raise S3Error(
                "NotImplemented",
                f"'{method[:20]}' of a {level.value} is not implemented",
            )
        if TOKEN_PARAMETER in parameters:
            raise unknown_token()
        selected = [name for name in parameters if name in rows]
        if len(selected) > 1:
            raise S3Error(
                "InvalidArgument",
                f"conflicting sub-resources: {' and '.join(sorted(selected))}",
            )
        sub_resource = selected[0] if selected else None
        operation = rows.get(sub_resource)
        special = self._by_header.get((method, level, sub_resource))
        if special is not None and special.header in headers:
            operation = special
        for name in parameters:
            if operation is None or (
                name not in operation.parameters
                and name not in COMMON_PARAMETERS
                and name != operation.sub_resource
            ):
                raise S3Error(
                    "NotImplemented",
                    f"'{method}' of a {level.value} with '{name[:60]}' is not "
                    "implemented",
                )
        if operation is None:
            raise S3Error(
                "NotImplemented", f"'{method}' of a {level.value} is not implemented"
            )
        return operation


def use_of(operation: Operation) -> Use:
    """Return what `operation` does with the ref of its object: `provenance/views.py`."""
    return Use.READ if operation.requirement is Permission.READ else Use.WRITE


def check_headers(operation: Operation, headers: Headers) -> None:
    """Return if `operation` heeds every `x-amz-` header that is there.

    Raises:
        S3Error: it does not.
    """
    for lowered in _special_names(tuple(headers)):
        if lowered in operation.headers:
            continue
        if operation.takes_metadata and lowered.startswith(METADATA_PREFIX):
            continue
        if lowered == "x-amz-security-token":
            raise unknown_token()
        if lowered == "x-amz-acl" and headers[lowered] in PRIVATE_ACLS:
            continue  # it is what everything here is
        why = ""
        if lowered.startswith("x-amz-server-side-encryption"):
            why = ": objects are not encrypted one by one, encrypt the disk"
        raise S3Error(
            "NotImplemented",
            f"a header you provided implies functionality that is not implemented: "
            f"'{lowered[:80]}'{why}",
            Header=lowered[:80],
        )


def unknown_token() -> S3Error:
    """Return the error of a session token: there are no sessions here."""
    return S3Error("InvalidToken", "the provided token is malformed or unknown")


@lru_cache(maxsize=256)
def _special_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the headers `names`, in lower case, that not everything takes."""
    lowered = (name.lower() for name in names)
    return tuple(
        name
        for name in lowered
        if name.startswith("x-amz-") and name not in COMMON_HEADERS
    )
