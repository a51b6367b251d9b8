"""A bash on a terminal, with our completion, for tests that press the tab key."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
BASH = shutil.which("bash")
PROMPT = b"READY> "
TAB, KILL_LINE = b"\t", b"\x15"


class Terminal:
    """A bash under a terminal of its own, with our completion."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._leader, follower = pty.openpty()
        assert BASH is not None
        self.process = subprocess.Popen(
            [BASH, "--norc", "--noprofile", "-i"],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={
                **os.environ,
                **environment,
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "TERM": "dumb",
                "INPUTRC": "/dev/null",
                "PS1": PROMPT.decode(),
                "HISTFILE": "/dev/null",
            },
            cwd=folder,
            start_new_session=True,
        )
        os.close(follower)
        self.read_until(PROMPT)
        self.send(b'bind "set enable-bracketed-paste off"\n')
        self.read_until(PROMPT)
        self.send(b'eval "$(lakebed completion bash)"; echo lo""aded\n')
        self.read_until(b"loaded\r\n" + PROMPT)

    def send(self, data: bytes) -> None:
        os.write(self._leader, data)

    def read_until(self, text: bytes) -> bytes:
        shown = b""
        while text not in shown:
            ready, _, _ = select.select([self._leader], [], [], 30)
            assert ready, (text, shown)
            shown += os.read(self._leader, 4096)
        return shown

    def complete(self, line: str, becomes: str) -> None:
        """Type `line` and a tab, and see that it becomes what it shall."""
        self.send(line.encode() + TAB)
        self.read_until(becomes.encode())
        # What stands there is run as an echo, so that we see where it ends.
        self.send(b"\x01echo '[\x05]'\n")
        shown = self.read_until(b"]\r\n" + PROMPT)
        assert f"[{becomes}]".encode() in shown, shown

    def offers(self, line: str) -> bytes:
        """Type `line` and two tabs; return what is offered."""
        self.send(line.encode() + TAB + TAB)
        shown = self.read_until(PROMPT)
        self.send(KILL_LINE + b"\n")
        self.read_until(PROMPT)
        return shown

    def close(self) -> None:
        os.close(self._leader)
        self.process.wait(30)
