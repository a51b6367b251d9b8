"""Listeners with TLS: real clients over https, and files that cannot be used."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lakebed.server.errors import StartupError
from lakebed.server.serving.tls import make_context
from lakebed.server.settings import TlsFiles

from support.certificates import Authority, Files
from support.edges import at, connect, make_client, names_lead_here, read_all, refuses
from support.s3server import ADMIN_ENVIRONMENT, ServerProcess, run_server
from support.workers import wait_until

LOOKS_MAX = 1000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> Files:
    return authority.issue("first", "s3.lake.test", "*.s3.lake.test")


@pytest.fixture(scope="module")
def lake(
    tmp_path_factory: pytest.TempPathFactory, files: Files
) -> Iterator[ServerProcess]:
    arguments = [
        *files.arguments,
        *("--s3-domain", "s3.lake.test"),
        *("--flat-s3", "127.0.0.1:0=main"),
        *("--metrics", "127.0.0.1:0"),
    ]
    directory = tmp_path_factory.mktemp("tls") / "lake"
    with names_lead_here("lake.test"), run_server(directory, *arguments) as running:
        yield running


def create_repository(lake: ServerProcess, authority: Authority, name: str) -> str:
    """Create a repository over REST, which a plain boto3 client cannot yet do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ssl,
            "_create_default_https_context",
            lambda: ssl.create_default_context(cafile=str(authority.path)),
        )
        return lake.create_repository(name)


def test_the_ready_line_says_https(lake: ServerProcess) -> None:
    assert lake.url.startswith("https://127.0.0.1:")
    assert at(lake, "S3 at the ref 'main'").url.startswith("https://127.0.0.1:")


def test_boto_puts_and_gets_over_https(
    lake: ServerProcess, authority: Authority
) -> None:
    """Over https it signs no body, and large ones go in parts of their own making."""
    bucket = create_repository(lake, authority, "over-tls")
    # What boto3 adds by itself is not taken by every version of this gateway: here the
    # question is the transport.
    s3 = make_client(
        lake.url,
        verify=str(authority.path),
        request_checksum_calculation="when_required",
    )
    small, large = b"small", os.urandom(3 * 1024 * 1024)

    s3.put_object(Bucket=bucket, Key="main/small", Body=small)
    s3.put_object(Bucket=bucket, Key="main/large", Body=large)

    assert s3.get_object(Bucket=bucket, Key="main/small")["Body"].read() == small
    assert s3.get_object(Bucket=bucket, Key="main/large")["Body"].read() == large
    flat = make_client(at(lake, "S3 at the ref 'main'").url, verify=str(authority.path))
    assert flat.get_object(Bucket=bucket, Key="large")["Body"].read() == large
    listed = flat.list_objects_v2(Bucket=bucket)["Contents"]
    assert [found["Key"] for found in listed] == ["large", "small"]


def list_over_https(lake: ServerProcess, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "lakebed.cli", "repo", "list"],
        env=os.environ | ADMIN_ENVIRONMENT | {"LAKEBED_SERVER": lake.url} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_line_trusts_whom_the_system_trusts(
    lake: ServerProcess, authority: Authority
) -> None:
    create_repository(lake, authority, "listed")

    code, out = list_over_https(lake, SSL_CERT_FILE=str(authority.path))

    assert (code, "listed" in out) == (0, True), out


def test_the_command_line_trusts_nobody_else(lake: ServerProcess) -> None:
    code, out = list_over_https(lake, SSL_CERT_FILE=os.devnull)

    assert code != 0
    assert "certificate" in out
    assert out.count("\n") == 1


def test_a_bucket_in_the_host_fits_a_wildcard_certificate(
    lake: ServerProcess, authority: Authority
) -> None:
    bucket = create_repository(lake, authority, "by-host")
    port = urlsplit(lake.url).port
    s3 = make_client(
        f"https://s3.lake.test:{port}",
        verify=str(authority.path),
        s3={"addressing_style": "virtual"},
        request_checksum_calculation="when_required",
    )

    s3.put_object(Bucket=bucket, Key="main/x", Body=b"x")

    assert s3.get_object(Bucket=bucket, Key="main/x")["Body"].read() == b"x"


def test_figures_for_this_machine_need_no_certificate(lake: ServerProcess) -> None:
    url = at(lake, "figures").url
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        assert b"lakebed_build_info" in answer.read()


def handshake(lake: ServerProcess, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(connect(lake), server_hostname="127.0.0.1")


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.path))


def test_old_versions_of_tls_are_refused(
    lake: ServerProcess, authority: Authority
) -> None:
    context = trusting(authority)
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(lake, context)

    with handshake(lake, trusting(authority)) as connection:
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_who_speaks_no_tls_is_let_go(lake: ServerProcess, authority: Authority) -> None:
    with connect(lake) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert not read_all(connection).startswith(b"HTTP/")

    with handshake(lake, trusting(authority)) as secure:
        secure.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        answer = read_all(secure)
    assert b" 200 OK" in answer
    assert b"https://127.0.0.1" in answer


def test_a_new_certificate_is_taken_on_sighup(
    tmp_path: Path, authority: Authority
) -> None:
    """New connections get it; a new one that cannot be used changes nothing."""
    used = authority.issue("used")
    fresh, other = authority.issue("fresh"), authority.issue("other")

    def subject(lake: ServerProcess) -> str:
        with handshake(lake, trusting(authority)) as connection:
            found: Any = connection.getpeercert()
        return str(dict(pair[0] for pair in found["subject"])["commonName"])

    def read_again(lake: ServerProcess) -> None:
        lake.process.send_signal(signal.SIGHUP)

    with ExitStack() as stack:
        lake = stack.enter_context(run_server(tmp_path / "lake", *used.arguments))
        with handshake(lake, trusting(authority)) as old:
            assert subject(lake) == "used"
            used.certificate.write_bytes(fresh.certificate.read_bytes())
            used.key.write_bytes(other.key.read_bytes())
            read_again(lake)
            assert lake.stderr is not None
            said = (lake.stderr.so_far() for _ in range(LOOKS_MAX) if subject(lake))
            line = next((text for text in said if text), "")
            assert "cannot read the certificate again" in line
            assert "it is not that of the certificate" in line
            assert subject(lake) == "used"

            used.key.write_bytes(fresh.key.read_bytes())
            read_again(lake)
            subjects = (subject(lake) for _ in range(LOOKS_MAX))
            assert next((name for name in subjects if name != "used"), "") == "fresh"

            old.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert b" 200 OK" in read_all(old)


def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, authority: Authority
) -> None:
    good, other = authority.issue("good"), authority.issue("else")
    locked = authority.issue("locked", password=b"password")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN NONSENSE-----\n")
    missing = tmp_path / "missing.pem"

    def refuse(certificate: Path, key: Path) -> str:
        with pytest.raises(StartupError) as refused:
            make_context(TlsFiles(certificate, key))
        line = str(refused.value)
        assert "\n" not in line
        return line

    assert refuse(missing, good.key) == (
        f"cannot read the TLS certificate '{missing}': no such file or directory"
    )
    assert refuse(good.certificate, missing) == (
        f"cannot read the TLS key '{missing}': no such file or directory"
    )
    assert f"the TLS key '{tmp_path}': is a directory" in refuse(
        good.certificate, tmp_path
    )
    assert f"the TLS key '{other.key}': it is not that of the certificate" in refuse(
        good.certificate, other.key
    )
    assert f"the TLS key '{locked.key}': it is encrypted" in refuse(
        locked.certificate, locked.key
    )
    assert f"the TLS certificate '{broken}': it is not PEM" in refuse(broken, good.key)
    assert f"the TLS key '{broken}': it is not PEM" in refuse(good.certificate, broken)


def test_a_stop_lets_requests_over_tls_finish(
    tmp_path: Path, authority: Authority, files: Files
) -> None:
    with run_server(tmp_path / "lake", *files.arguments) as lake:
        repository = create_repository(lake, authority, "finishing")
        target = f"/{repository}/main/x"
        signed = lake.sign("PUT", target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        signed["Host"] = urlsplit(lake.url).netloc
        head = [f"PUT {target} HTTP/1.1", *(f"{k}: {v}" for k, v in signed.items())]
        head += ["Content-Length: 600000", "Expect: 100-continue", "", ""]
        with handshake(lake, trusting(authority)) as connection:
            connection.sendall("\r\n".join(head).encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
            lake.process.send_signal(signal.SIGTERM)
            wait_until("it accepts no connections", lambda: refuses(lake))
            connection.sendall(b"x" * 600_000)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert lake.process.wait(60) == 0
