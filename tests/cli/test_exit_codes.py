"""Each class of failure ends in its exit code, and one line that says what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from support.commands import Lakebed

Put = Callable[[str, str], None]

FAILURES = [
    (1, "commit R/main -m m", "no changes"),
    (1, "cp FILE lakebed://R/v1/x", "v1"),
    (1, "repo create A/", "repository"),
    (1, "log R/main@{never}", "never"),
    (2, "log", "missing argument"),
    (2, "log R/main --since soon", "is no time"),
    (2, "find R/main --size big", "is no size"),
    (2, "lgo", "did you mean 'logout' or 'log'?"),
    (2, "log R/main --graf", "did you mean '--graph'?"),
    (2, "completion tcsh", "tcsh"),
    (3, "repo show Rx", "did you mean 'R'?"),
    (3, "log R/mian", "did you mean 'main'?"),
    (3, "branch show R/nothing-like-it", "see: lakebed ls R"),
    (3, "tag show R/v11", "did you mean 'v1'?"),
    (3, "cat R/main/foldr/a.csv", "did you mean 'folder/a.csv'?"),
    (3, "stat R/main/folder/a.cvs", "did you mean 'folder/a.csv'?"),
    (3, "ls R/main/folders", "did you mean 'folder/'?"),
    (3, "user show amdin", "did you mean 'admin'?"),
    (3, "key revoke NOSUCH", "NOSUCH"),
    (3, "reflog R/nothing", "nothing"),
    (3, "cp /nowhere/f lakebed://R/main/f", "/nowhere/f"),
    (3, "blame R/main/none", "none"),
    (4, "repo create R", "exists"),
    (4, "tag create R/v1", "exists"),
    (4, "cp -n FILE lakebed://R/main/folder/a.csv", "folder/a.csv"),
    (5, "-S http://127.0.0.1:1 repo list", "connection refused"),
    (5, "-S /nowhere/lake repo list", "/nowhere/lake"),
    (5, "-S http://nowhere.invalid repo list", "nowhere.invalid"),
]


@pytest.fixture
def filled(lakebed: Lakebed, repository: str, put: Put) -> str:
    put(f"{repository}/main/folder/a.csv", "1")
    lakebed("commit", f"{repository}/main", "-m", "1")
    lakebed("tag", "create", f"{repository}/v1")
    return repository


@pytest.mark.parametrize(("code", "line", "message"), FAILURES)
def test_a_failure_has_its_code_and_names_the_way_out(
    lakebed: Lakebed, filled: str, tmp_path: object, code: int, line: str, message: str
) -> None:
    def fill(text: str) -> str:
        return text.replace("FILE", f"{tmp_path}/put.txt").replace("R", filled)

    words = [word if "NOSUCH" in word else fill(word) for word in line.split()]

    result = lakebed(*words, succeeds=False)

    assert result.code == code, result
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert (message if "NOSUCH" in message else fill(message)) in result.err
    assert result.out == ""


@pytest.fixture(
    params=[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"some": "it"}',
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ]
)
def strange_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Something that listens, and answers everything with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(request.param)

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_what_is_no_lakebed_server_is_told_by_its_code(
    lakebed: Lakebed, strange_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakebed.client.retrying.RetryPolicy.wait", _no_wait)

    result = lakebed("-S", strange_server, "repo", "list", succeeds=False)

    assert result.code == 5, result
    assert result.err.count("\n") == 1
    assert result.err.startswith("error: cannot list repositories")


async def _no_wait(policy: object, attempt: int, *, asked_s: float = 0.0) -> None:
    del policy, attempt, asked_s
