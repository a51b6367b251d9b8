"""One S3 request, from its raw target to its answer.

The order is fixed: read the target; verify the signature; find the operation;
authorise; call it. Nothing of a body is read, and nothing looked up in a repository,
before the caller was let in.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import web

from ..auth.authenticate import Authenticator
from ..auth.authorize import SOMEWHERE, Permission, authorize
from ..auth.principal import Principal
from ..auth.requirements import ForEach, SignedIn
from ..auth.target import Target
from ..errors import BodyStalledError, LakeError
from ..httprules.streams import Streams
from ..provenance.observing import Observer
from ..provenance.views import Use, View, see
from ..repository.engine import Engine
from ..runs.rows import RunScope
from ..serving.exchange import Exchange
from ..settings import Settings
from .address import (
    PATH_STYLE,
    Addressing,
    Level,
    ObjectName,
    name_object,
    read_host,
)
from .body import awaits_continue
from .call import Call, Gateway, invalid_argument
from .dispatch import Dispatcher, check_headers, use_of
from .errors import S3Error
from .form import Form, is_form
from .form_upload import read_key, store
from .post_policy import PostPolicy
from .problems import answer_problem, error_response, name_failure
from .table import TABLE, Operation, Requirement
from .versions import STAGED

log = logging.getLogger(__name__)


class S3Handler:
    """Answers S3 requests."""

    def __init__(
        self, engine: Engine, auth: Authenticator, settings: Settings, streams: Streams
    ) -> None:
        """Serve the repositories of `engine` to whom `auth` lets in."""
        self._gateway = Gateway(engine, settings, streams, Observer(engine))
        self._auth = auth
        self._dispatcher = Dispatcher(TABLE)

    async def handle(
        self,
        request: web.BaseRequest,
        exchange: Exchange,
        addressing: Addressing = PATH_STYLE,
    ) -> web.StreamResponse:
        """Return the answer to `request`; never raises but when the client is gone."""
        exchange.protocol = "s3"
        request_id = exchange.request_id
        where = _Where()
        has_stalled = False
        try:
            return await self._answer(request, exchange, addressing, where)
        except (S3Error, LakeError) as error:
            has_stalled = isinstance(error, BodyStalledError)
            response = answer_problem(
                error,
                resource=_resource(request),
                request_id=request_id,
                has_body=request.method != "HEAD",
                missing_ref=where.missing_ref,
            )
            if response.status >= 500:
                exchange.failure = name_failure(error)
            if response.status >= 500 and response.status not in (501, 503):
                log.error(
                    "request failed",
                    extra={
                        "request_id": request_id,
                        "method": request.method,
                        "path": _resource(request),
                        "error": str(error),
                    },
                )
        except ConnectionError:
            raise  # the client is gone: there is nobody to answer
        except Exception:
            exchange.failure = "defect"
            log.exception(
                "request met a defect",
                extra={
                    "request_id": request_id,
                    "method": request.method,
                    "path": _resource(request),
                },
            )
            response = error_response(
                500,
                "InternalError",
                "we encountered an internal error: please try again",
                {},
                {},
                resource=_resource(request),
                request_id=request_id,
                has_body=request.method != "HEAD",
            )
        if awaits_continue(request) or has_stalled:
            await _answer_and_close(request, response)
        return response

    async def _answer(
        self,
        request: web.BaseRequest,
        exchange: Exchange,
        addressing: Addressing,
        where: _Where,
    ) -> web.StreamResponse:
        exchange.check()
        method, headers = request.method, request.headers
        target = Target.parse(request.raw_path)
        verified = await self._auth.verify_signature(
            method, target, headers, service="s3"
        )
        if verified is None:
            if is_form(request):
                where.missing_ref = "NoSuchBucket"
                return await self._take_form(request, target, exchange, addressing)
            if (
                method == "OPTIONS"
            ):  # a browser asks before a page of another origin may
                raise S3Error(
                    "AccessForbidden",
                    "CORSResponse: CORS is not enabled for this bucket",
                )
            raise S3Error("AccessDenied", "access denied: the request is not signed")
        _identify(exchange, verified.principal)
        address = addressing.locate(target.path, read_host(headers))
        parameters = _read_parameters(target) if target.pairs else _NONE
        operation = self._dispatcher.find(method, address.level, parameters, headers)
        where.enter(operation)
        exchange.operation = operation.name
        check_headers(operation, headers)
        bucket = address.bucket
        object_name = None
        ref = None
        if bucket is not None:
            if address.level is Level.OBJECT:
                object_name = name_object(bucket, address.key)
                ref = object_name.ref
            else:
                ref = bucket.ref or _listed_ref(parameters)
        repository = bucket.repository if bucket is not None else None
        if (
            operation.level is Level.BUCKET
            and operation.requirement is Permission.ADMIN
        ):
            ref = None  # what makes or removes a bucket does it to all of its refs
        _admit(verified.principal, operation.requirement, repository, ref, parameters)
        view = None
        if verified.principal.run is not None and object_name is not None:
            view, object_name = await self._see(
                verified.principal.run, object_name, use_of(operation)
            )
        call = Call(
            self._gateway,
            request,
            exchange.request_id,
            verified,
            parameters,
            bucket,
            object_name,
            addressing,
            view,
        )
        return await operation.handler(call)

    async def _see(
        self, run: RunScope, name: ObjectName, use: Use
    ) -> tuple[View, ObjectName]:
        """Return what a ref is for a run, and the object there."""
        view = await see(self._gateway.engine, run, name.repository, name.ref, use)
        return view, ObjectName(name.repository, view.ref, name.path, name.is_ref_alone)

    async def _take_form(
        self,
        request: web.BaseRequest,
        target: Target,
        exchange: Exchange,
        addressing: Addressing,
    ) -> web.StreamResponse:
        """Answer PostObject: the one operation that is signed in its body."""
        exchange.operation = "PostObject"
        address = addressing.locate(target.path, read_host(request.headers))
        if address.level is not Level.BUCKET or target.pairs:
            raise S3Error("MethodNotAllowed", "a form is sent to a bucket")
        bucket = address.bucket
        assert bucket is not None
        form = Form(request, self._gateway.settings)
        await form.open()
        if "policy" not in form.fields:
            raise S3Error("AccessDenied", "access denied: the form is not signed")
        verified = await self._auth.verify_form(form.fields, service="s3")
        _identify(exchange, verified.principal)
        object_name = name_object(bucket, read_key(form))
        policy = PostPolicy.parse(form.fields["policy"])
        now_ms = self._gateway.engine.clock()
        policy.check(form.fields, bucket=bucket.name, now_ms=now_ms)
        authorize(
            verified.principal,
            Permission.WRITE,
            object_name.repository,
            object_name.ref,
        )
        view = None
        if verified.principal.run is not None:
            view, object_name = await self._see(
                verified.principal.run, object_name, Use.WRITE
            )
        call = Call(
            self._gateway,
            request,
            exchange.request_id,
            verified,
            _NONE,
            bucket,
            object_name,
            addressing,
            view,
        )
        return await store(call, form, policy)


def _identify(exchange: Exchange, principal: Principal) -> None:
    exchange.identify(principal.name, is_run=principal.run is not None)


def _admit(
    principal: Principal,
    requirement: Requirement,
    repository: str | None,
    ref: str | None,
    parameters: Mapping[str, str],
) -> None:
    """Return if `principal` may do what the target of a request says.

    Raises:
        PermissionDeniedError: they may not.
    """
    match requirement:
        case Permission() as permission:
            authorize(principal, permission, repository, ref)
            version = parameters.get("versionId")
            if version == "":
                raise invalid_argument("versionId", version, "it must not be empty")
            if version and version != STAGED:
                authorize(principal, permission, repository, version)
        case ForEach(permission):
            authorize(principal, permission, repository, SOMEWHERE)
        case SignedIn():
            pass


async def _answer_and_close(
    request: web.BaseRequest, response: web.StreamResponse
) -> None:
    """Send `response` to a client whose body has not come and will not, and close.

    What it sends next is no request; and to wait for the rest of the body, as for those
    that are still sending theirs, would be to wait for nothing.
    """
    response.force_close()
    await response.prepare(request)
    await response.write_eof()
    request.protocol.force_close()


_WRITES = frozenset({"PUT", "POST", "DELETE"})


class _Where:
    """How far a request came: what a ref that is not there means to it."""

    __slots__ = ("missing_ref",)

    def __init__(self) -> None:
        self.missing_ref = "NoSuchKey"

    def enter(self, operation: Operation) -> None:
        if operation.level is not Level.OBJECT or operation.method in _WRITES:
            self.missing_ref = "NoSuchBucket"


_NONE: dict[str, str] = {}


def _read_parameters(target: Target) -> dict[str, str]:
    """Return the parameters by name.

    Raises:
        S3Error: one is given twice: who checks the one and who uses the other would be
            two different readers.
    """
    parameters = dict(target.pairs)
    if len(parameters) != len(target.pairs):
        raise S3Error("InvalidArgument", "a query parameter is given twice")
    return parameters


def _listed_ref(parameters: dict[str, str]) -> str | None:
    ref, slash, _ = parameters.get("prefix", "").partition("/")
    return ref if slash else None


def _resource(request: web.BaseRequest) -> str:
    return request.raw_path.partition("?")[0][:1024]
