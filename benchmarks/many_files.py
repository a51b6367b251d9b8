"""Many small files through the command line: up, up again, down.

Guards the promise that `cp -r` of 10^5 files of 4 KiB takes at most 25 CPU seconds each
way, client and server together: 250 us a file, all of them durable and verified. Beside it
runs what nobody can do without, `cp -r` of the same files and `md5sum` over them; and if it
is there, s5cmd against the S3 gateway of the same server, a request a file.

    python -m benchmarks.many_files [--quick] [--files 100000] [--dir DIR] [--jobs N]
        [--s5cmd .venv-clients/bin/s5cmd]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .report import report
from .s3_load import KEY_ID, SECRET
from .s3_servers import lakebed

FILE_BYTES, FOLDER_FILES = 4096, 500
CPU_S_MAX_PER_FILE = 25 / 100_000


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    client_s: float
    server_s: float
    wall_s: float

    @property
    def cpu_s(self) -> float:
        """CPU seconds of client and server together."""
        return self.client_s + self.server_s


def make_files(folder: Path, count: int) -> None:
    """Make `count` files of different bytes that do not compress."""
    for number in range(count):
        if number % FOLDER_FILES == 0:
            (folder / f"{number // FOLDER_FILES:04}").mkdir(parents=True)
        path = folder / f"{number // FOLDER_FILES:04}" / f"{number:06}.bin"
        path.write_bytes(os.urandom(FILE_BYTES))


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a running process has used, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(*command: str, server: int | None = None, port: int = 0) -> Cost:
    """Run `command` and return what it took, of the server too."""
    environment = {
        **os.environ,
        "LAKEBED_SERVER": f"http://127.0.0.1:{port}",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "LAKEBED_ACCESS_KEY_ID": KEY_ID,
        "LAKEBED_SECRET_ACCESS_KEY": SECRET,
    }
    server_s = cpu_of(server) if server is not None else 0.0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_at = time.monotonic()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    wall_s = time.monotonic() - began_at
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    client_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    server_s = cpu_of(server) - server_s if server is not None else 0.0
    return Cost(client_s, server_s, wall_s)


def tell(name: str, count: int, cost: Cost, peer: Cost | None = None) -> None:
    """Report `cost`, with that of `peer` in the same run."""
    report(
        f"many_files.{name}",
        size=f"{count:,} files of {FILE_BYTES} B",
        value=cost.cpu_s,
        unit="CPU s, client and server",
        limit=count * CPU_S_MAX_PER_FILE,
        peer=peer.cpu_s if peer is not None else None,
        peer_name="cp -r and md5sum",
        client_s=cost.client_s,
        server_s=cost.server_s,
        wall_s=cost.wall_s,
        mb_per_s=count * FILE_BYTES / 1e6 / cost.wall_s,
    )


def measure(
    folder: Path, lake: Path, count: int, jobs: int | None, s5cmd: Path | None
) -> None:
    """Copy `count` files in `folder` up to a lake in `lake`, up again and down."""
    files, out = folder / "files", folder / "out"
    make_files(files, count)
    plain = run(
        "sh", "-c", f"cp -r {files} {folder}/plain && find {folder}/plain -type f"
        " -print0 | xargs -0 md5sum"
    )  # fmt: skip
    shutil.rmtree(folder / "plain")
    remote = "lakebed://bench/main/data/"
    cp = [sys.executable, "-m", "lakebed.cli", "cp", "-r"]
    if jobs is not None:
        cp += ["-j", str(jobs)]
    with lakebed(lake) as server:
        at = {"server": server.pid, "port": server.port}
        tell("up", count, run(*cp, str(files), remote, **at), plain)
        tell("up_again", count, run(*cp, str(files), remote, **at))
        tell("down", count, run(*cp, remote, str(out), **at), plain)
        tell("down_again", count, run(*cp, remote, str(out), **at))
        if s5cmd is not None:
            # Last: its bytes are stored already, which helps it.
            bucket, there = "s3://bench/main/s5cmd/", folder / "s5cmd"
            tell("s5cmd_up", count, run(str(s5cmd), "cp", f"{files}/", bucket, **at))
            tell(
                "s5cmd_down",
                count,
                run(str(s5cmd), "cp", f"{bucket}*", f"{there}/", **at),
            )
            shutil.rmtree(there)
        peak_mib = server.peak_mib()
    report(
        "many_files.server_memory",
        size=f"{count:,} files of {FILE_BYTES} B",
        value=peak_mib,
        unit="MiB",
        limit=256,
    )
    subprocess.run(["diff", "-r", str(files), str(out)], check=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10^4 files")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--s5cmd", type=Path, help="the program, to compare with")
    parser.add_argument(
        "--dir",
        type=Path,
        help="where the files are: to make one takes 40 to 700 us, as the disk is "
        "filled; the lake is always where temporary files are",
    )
    options = parser.parse_args()
    count = 10_000 if options.quick else options.files
    with (
        tempfile.TemporaryDirectory(dir=options.dir) as folder,
        tempfile.TemporaryDirectory() as lake,
    ):
        measure(Path(folder), Path(lake), count, options.jobs, options.s5cmd)


if __name__ == "__main__":
    main()
