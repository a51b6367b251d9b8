"""A server in a process of its own, as users start it, and real clients for it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from lakebed.server.auth.secrets import AccessKey

ADMIN = AccessKey("ADMINKEY", "admin-secret")
START_S_MAX = 60.0


def environment_of(key: AccessKey) -> dict[str, str]:
    """Return what a server takes its first key from."""
    return {
        "LAKEBED_ACCESS_KEY_ID": key.id,
        "LAKEBED_SECRET_ACCESS_KEY": key.secret,
    }


ADMIN_ENVIRONMENT = environment_of(ADMIN)


@dataclass
class Answer:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def admin_basic() -> str:
    """Return what tells the REST interface that the administrator asks."""
    pair = f"{ADMIN.id}:{ADMIN.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes = b"",
) -> Answer:
    """Send a request as it is; return the answer, read to its end."""
    connection.request(method, target, body or None, dict(headers))
    response = connection.getresponse()
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, names, response.read())


@dataclass
class ServerProcess:
    """A running `python -m lakebed.server`."""

    process: subprocess.Popen[str]
    url: str
    ready_line: str
    early_lines: list[str] = field(default_factory=list[str])
    """What it printed before it was ready."""
    stderr: _Drain | None = None

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def s3(self, key: AccessKey = ADMIN, **config: Any) -> Any:
        """Return a boto3 client."""
        config = {"retries": {"max_attempts": 1}, **config}
        library: Any = boto3
        return library.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            config=Config(**config),
        )

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        key: AccessKey | None = ADMIN,
    ) -> Answer:
        """Send a request, signed with `key`, exactly as it is written here."""
        sent = dict(headers or {})
        if key is not None:
            sent = self.sign(method, target, sent, key, body)
        return self.send_as_it_is(method, target, sent, body)

    def sign(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        key: AccessKey = ADMIN,
        body: bytes = b"",
    ) -> dict[str, str]:
        """Return `headers` and those that sign the request."""
        request: Any = AWSRequest(method, self.url + target, headers=headers, data=body)
        credentials = Credentials(key.id, key.secret)
        signer: Any = S3SigV4Auth(credentials, "s3", "us-east-1")
        named = request.headers.get("x-amz-content-sha256")
        if named:  # be it right or wrong

            def payload(request: object) -> str:
                return str(named)

            signer.payload = payload
        signer.add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}

    def send_as_it_is(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request that is signed already, or not at all."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            return exchange(connection, method, target, headers, body)
        finally:
            connection.close()

    def rest(self, method: str, path: str, body: object = None) -> Any:
        """Call the REST interface as administrator; return what it answers."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": admin_basic(),
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            data = response.read()
        return json.loads(data) if data else None

    def create_repository(self, name: str) -> str:
        self.rest(
            "POST",
            "/repositories",
            {"name": name, "storage_namespace": f"local://{name}"},
        )
        return name

    def commit(self, repository: str, branch: str = "main") -> str:
        """Commit a branch; return the id of the commit."""
        path = f"/repositories/{repository}/branches/{branch}/commits"
        return str(self.rest("POST", path, {"message": "test"})["id"])

    def create_branch(self, repository: str, name: str, source: str = "main") -> None:
        path = f"/repositories/{repository}/branches"
        # The one answer of this interface that is not JSON: the id alone.
        with_name = {"name": name, "source": source}
        with suppress(json.JSONDecodeError):
            self.rest("POST", path, with_name)

    def tag(self, repository: str, name: str, ref: str) -> None:
        path = f"/repositories/{repository}/tags"
        self.rest("POST", path, {"id": name, "ref": ref})

    def peak_bytes(self) -> int:
        """Return the most memory that it has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+([0-9]+) kB", status)
        assert match is not None
        return int(match[1]) * 1024

    def kill(self) -> None:
        """Kill it, as an out-of-memory killer would."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Tell it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def run_server(
    directory: Path,
    *arguments: str,
    listen: str = "127.0.0.1:0",
    without: str = "none",
) -> Generator[ServerProcess]:
    """Run a server over `directory`, with the user `admin`, until the context ends.

    `without` takes one of its safeguards away: a word of `support/weakened.py`.
    """
    process = start_process(
        directory, "--listen", listen, "--init-admin", *arguments, without=without
    )
    said: _Drain | None = None
    try:
        early: list[str] = []
        while not (line := _read_line(process)).startswith("lakebed ready on "):
            if not line:
                assert process.stderr is not None
                raise RuntimeError(f"server did not start: {process.stderr.read()}")
            early.append(line)
        url = line.removeprefix("lakebed ready on ").partition(" ")[0]
        assert urlsplit(url).hostname
        said = _Drain(process)
        yield ServerProcess(process, url, line, early, said)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
        if said is not None:
            said.read()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


class _Drain:
    """Reads what a process says on stderr, which would wait for ever at a full pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self._stream = process.stderr
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(ValueError):  # the test is over, and has closed it
            for line in self._stream:
                self._lines.append(line)

    def so_far(self) -> str:
        """Return what was said until now."""
        return "".join(self._lines)

    def read(self) -> str:
        """Return all of it, once the process has ended."""
        self._thread.join(START_S_MAX)
        return "".join(self._lines)


def start_process(
    directory: Path, *arguments: str, without: str = "none"
) -> subprocess.Popen[str]:
    """Start `python -m lakebed.server` over `directory`, with one worker if none is said."""
    if "--workers" not in arguments:
        arguments = (*arguments, "--workers", "1")
    environment = {**os.environ, **ADMIN_ENVIRONMENT}
    module = ["lakebed.server"]
    if without != "none":
        module = ["support.weakened", without]
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", *module, str(directory), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _read_line(process: subprocess.Popen[str]) -> str:
    """Return the next line of stdout, empty at its end.

    Raises:
        TimeoutError: there is none within `START_S_MAX`.
    """
    assert process.stdout is not None
    timer = threading.Timer(START_S_MAX, process.kill)
    timer.start()
    try:
        return process.stdout.readline().rstrip("\n")
    finally:
        timer.cancel()
