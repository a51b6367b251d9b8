"""One worker: the database, the bytes, who may, and the protocols, joined together.

The only place that knows all parts. A worker keeps nothing that a restart would miss.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from .api.handler import ApiHandler
from .auth.authenticate import Authenticator, DirectoryToken
from .auth.keyring import Keyring
from .auth.people import People
from .auth.secrets import open_master_key
from .draining import DrainingServer
from .errors import DurabilityLostError
from .httprules.streams import Streams
from .metadata.metadata import SqlMetadata
from .repository.engine import Engine
from .s3.handler import S3Handler
from .settings import Settings
from .storage.local import LocalPackStorage

_SIGNED_QUERY = re.compile(r"[?&]X-Amz-(?:Algorithm|Credential|Signature)=")
_REST_PREFIXES = ("/api/", "/openapi.json")

_HINT = """lakebed {version}

Git for data. This port speaks

  REST  {base}/api/v1, with an access key as user name and password
  S3    endpoint {base}, path style, signature version 4:
        s3://REPOSITORY/REF/PATH

Try: lakebed --server {base} repo list
"""


class Application:
    """The parts of one worker; `open` joins them."""

    def __init__(
        self,
        settings: Settings,
        metadata: SqlMetadata,
        storage: LocalPackStorage,
        auth: Authenticator,
        people: People,
    ) -> None:
        """Use `open` instead."""
        self._metadata = metadata
        self._storage = storage
        self._settings = settings
        self.auth = auth
        self.engine = Engine.create(metadata, storage)
        streams = Streams(settings.streams_max, settings.streams_waiting_max)
        self._s3 = S3Handler(self.engine, auth, settings, streams)
        self._api = ApiHandler(self.engine, auth, people, settings, streams)

    @classmethod
    async def open(
        cls,
        directory: Path,
        settings: Settings,
        *,
        on_fatal: Callable[[DurabilityLostError], None],
        directory_token: DirectoryToken | None = None,
    ) -> Application:
        """Open the lake in `directory`, made if it is not there.

        Args:
            directory: where everything lies.
            settings: limits and names.
            on_fatal: called in a thread after a failed fsync; the process must exit.
            directory_token: lets its bearer in, beside whoever has a key.

        Raises:
            StartupError: the directory cannot be used; says why and what to do.
        """
        storage = LocalPackStorage(directory)
        metadata = SqlMetadata.open(directory, storage, on_fatal=on_fatal)
        try:
            is_new = await metadata.count_users() == 0
            master_key = open_master_key(directory, may_create=is_new)
            keyring = Keyring(metadata, master_key)
            auth = Authenticator(
                keyring,
                regions=(settings.region, "us-east-1"),
                skew_s_max=settings.clock_skew_s_max,
                clock=time.time,
                directory_token=directory_token,
            )
            people = People(metadata, master_key, metadata.clock)
            return cls(settings, metadata, storage, auth, people)
        except BaseException:
            metadata.close()
            storage.close()
            raise

    async def close(self) -> None:
        """Finish what runs in the background, and close everything."""
        await self.engine.close()
        try:
            self._metadata.close()
        finally:
            self._storage.close()

    def make_server(self) -> DrainingServer:
        """Return what answers connections."""
        return DrainingServer(
            self.handle,
            access_log=None,
            auto_decompress=False,  # a gzip body is the object, not a wrapping of it
            keepalive_timeout=self._settings.keepalive_s,
            max_line_size=self._settings.line_bytes_max,
            max_field_size=self._settings.line_bytes_max,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer `request` in the protocol that it speaks.

        What is signed as AWS does is S3, whatever its path; of the rest, REST has its
        own paths, and S3 refuses what is left.
        """
        target = request.raw_path
        authorization = request.headers.get("Authorization")
        if authorization is not None and authorization.startswith("AWS"):
            return await self._s3.handle(request)
        if target.startswith(_REST_PREFIXES) and not _SIGNED_QUERY.search(target):
            return await self._api.handle(request)
        if target == "/" and request.method in ("GET", "HEAD"):
            return _answer_hint(request)
        return await self._s3.handle(request)


def _answer_hint(request: web.BaseRequest) -> web.Response:
    """Tell a person who came with a browser what this is."""
    host = request.headers.get("Host", "")
    if not re.fullmatch(r"[A-Za-z0-9.\-:\[\]]{1,255}", host, re.ASCII):
        host = "127.0.0.1:8000"
    text = _HINT.format(version=version("lakebed"), base=f"http://{host}")
    return web.Response(
        text=text, headers={"Server": "lakebed", "X-Content-Type-Options": "nosniff"}
    )
