"""What an operation is given: one request, verified, routed and authorised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from msgspec import Struct

from ..auth.authenticate import Verified
from ..auth.authorize import Permission, authorize, is_allowed
from ..httprules.streams import Streams
from ..httprules.whole import WholeAnswer
from ..provenance.observing import Observer
from ..provenance.views import Use, View, see
from ..repository.engine import Engine
from ..repository.objects import Located
from ..settings import Settings
from .address import PATH_STYLE, Addressing, Bucket, ObjectName
from .errors import S3Error
from .problems import name_answer
from .xml import DOCUMENT_HEADERS, Element, write_document


@dataclass(frozen=True, slots=True)
class Gateway:
    """The server as the operations see it."""

    engine: Engine
    settings: Settings
    streams: Streams
    observer: Observer


class Call(Struct, frozen=True, gc=False):
    """One request."""

    gateway: Gateway
    request: web.BaseRequest
    request_id: str
    verified: Verified
    parameters: Mapping[str, str]
    """Of the query, decoded, without those of the signature."""
    bucket: Bucket | None
    object_name: ObjectName | None
    addressing: Addressing = PATH_STYLE
    """How this listener reads buckets: those of copy sources too."""
    view: View | None = None
    """The ref of `object_name` as a run sees it; None: the key is no run's."""

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self.gateway.engine

    def get_bucket(self) -> Bucket:
        """Return the bucket of an operation on one, or on an object."""
        assert self.bucket is not None
        return self.bucket

    def get_object_name(self) -> ObjectName:
        """Return the object of an operation on one."""
        assert self.object_name is not None
        return self.object_name

    def may_read(self, repository: str, ref: str | None) -> bool:
        """Tell whether a listing shows the caller `ref`; None: the repository."""
        return is_allowed(self.verified.principal, Permission.READ, repository, ref)

    def require(self, permission: Permission, repository: str, ref: str) -> None:
        """Return if the caller has `permission` at a ref that the target does not name.

        Raises:
            PermissionDeniedError: they have not.
        """
        authorize(self.verified.principal, permission, repository, ref)

    async def see(self, repository: str, ref: str, use: Use) -> View:
        """Return a ref that the caller was let in to, as they see it."""
        run = self.verified.principal.run
        if run is None:
            return View(ref, ref)
        return await see(self.engine, run, repository, ref, use)

    async def observe(self, view: View | None, located: Located) -> None:
        """Record that the caller reads an object, if they are a run."""
        run = self.verified.principal.run
        if run is not None and view is not None:
            await self.gateway.observer.observe(
                run, view, located.repository, (located.entry,), located.commit_id
            )

    def base_headers(self) -> dict[str, str]:
        """Return the headers of every answer, to be added to."""
        return name_answer(self.request_id)

    def answer_nothing(
        self, status: int = 204, headers: Mapping[str, str] | None = None
    ) -> WholeAnswer:
        """Return a response without a body."""
        return WholeAnswer(status, {**self.base_headers(), **(headers or {})})

    def answer_document(self, name: str, content: str | list[Element]) -> WholeAnswer:
        """Return a response with an XML document."""
        return WholeAnswer(
            200,
            {**self.base_headers(), **DOCUMENT_HEADERS},
            write_document(name, content),
        )

    def read_flag(self, name: str) -> bool:
        """Return a parameter that is `true` or `false`; False if it is absent.

        Raises:
            S3Error: it is neither.
        """
        match self.parameters.get(name, "").lower():
            case "true":
                return True
            case "" | "false":
                return False
            case value:
                raise invalid_argument(name, value)


def invalid_argument(name: str, value: str, why: str = "") -> S3Error:
    """Return the error that refuses the value of a parameter or header."""
    return S3Error(
        "InvalidArgument",
        f"invalid value of '{name}'" + (f": {why}" if why else ""),
        ArgumentName=name,
        ArgumentValue=value[:200],
    )
