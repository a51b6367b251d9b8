"""Run a command as if we were not there, and see what it writes.

Its input is ours, untouched. Its output goes through us: through a terminal of our own
where ours is one, so that a terminal stays a terminal, and through a pipe elsewhere. It
stays in our process group: Ctrl-C, Ctrl-Z and reading from the terminal work as without us.

Signals that come to us alone are handed on. Ctrl-C in a terminal comes to the command by
itself, and we must not send it a second time: what cleans up after the first would be cut
off by it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import selectors
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import socket

    from .log_lines import LogLines

STEP_BYTES = 64 * 1024
"""As much as a pipe holds."""
DRAIN_S = 0.2
"""How long we wait for more output when the command has ended: what it left running may
hold its output open for ever."""

STDOUT, STDERR = 1, 2

_HANDED_ON = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Who sends one of them does not want the command to go on."""

Take = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    exit_code: int
    """Its own; 128 and the number of a signal that killed it."""
    signal: int | None
    """What killed it."""
    was_stopped: bool
    """Whether somebody asked for its end: Ctrl-C, or a signal that we handed on."""


class CommandNotStartedError(Exception):
    """There is no such command, or it cannot be run."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        """What a shell gives: 127 not found, 126 not to be run."""


def run_process(
    argv: Sequence[str],
    *,
    directory: Path,
    environ: Mapping[str, str],
    take: Take,
    lines: LogLines | None = None,
) -> Ended:
    """Run `argv` to its end; `take` is given what it writes, `lines` what it logs.

    Raises:
        CommandNotStartedError: it cannot be started.
    """
    with _Outputs() as outputs, _signals() as signals:
        try:
            process = subprocess.Popen(  # noqa: S603 - it is what we were asked to run
                list(argv),
                cwd=directory,
                env=dict(environ),
                stdout=outputs.child_end(STDOUT),
                stderr=outputs.child_end(STDERR),
            )
        except OSError as error:
            raise _explain(argv[0], directory, error) from error
        signals.begin(process, outputs)
        outputs.close_child_ends()
        ended = threading.Thread(target=_wait, args=(process, outputs), daemon=True)
        ended.start()
        outputs.relay(take, lines)
        ended.join()
        code = process.returncode
        return Ended(
            exit_code=code if code >= 0 else 128 - code,
            signal=-code if code < 0 else None,
            was_stopped=signals.was_stopped,
        )


def _wait(process: subprocess.Popen[bytes], outputs: _Outputs) -> None:
    process.wait()
    outputs.note_end()


def _explain(name: str, directory: Path, error: OSError) -> CommandNotStartedError:
    if error.errno == errno.ENOENT and not directory.is_dir():
        return CommandNotStartedError(f"no folder '{directory}' to run in", 126)
    if error.errno == errno.ENOENT:
        return CommandNotStartedError(f"command not found: '{name}'", 127)
    reason = (error.strerror or str(error)).lower()
    return CommandNotStartedError(f"cannot run '{name}': {reason}", 126)


@dataclass(slots=True)
class _Stream:
    """What comes from the command, and where it goes on to."""

    ours: int
    theirs: int
    target: int
    is_terminal: bool


class _Outputs:
    """Both outputs of a command; one terminal for both if both are one."""

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}
        terminal: _Stream | None = None
        for target in (STDOUT, STDERR):
            if os.isatty(target):
                terminal = terminal or _open_terminal(target)
                self._streams[target] = terminal
            else:
                ours, theirs = os.pipe()
                self._streams[target] = _Stream(ours, theirs, target, False)
        self._end_seen, self._end = os.pipe()

    def __enter__(self) -> _Outputs:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close_child_ends()
        for fd in {stream.ours for stream in self._streams.values()}:
            with suppress(OSError):
                os.close(fd)
        os.close(self._end_seen)
        os.close(self._end)

    def child_end(self, target: int) -> int:
        """Return what the command gets as its `target`."""
        return self._streams[target].theirs

    def close_child_ends(self) -> None:
        """Close what only the command should hold: else nobody sees it end."""
        for stream in self._streams.values():
            if stream.theirs >= 0:
                os.close(stream.theirs)
                for other in self._streams.values():
                    if other.theirs == stream.theirs and other is not stream:
                        other.theirs = -1
                stream.theirs = -1

    def note_end(self) -> None:
        """Say that the command has ended; from any thread."""
        os.write(self._end, b"\0")

    def resize(self) -> bool:
        """Give the command's terminal the size of ours; tell whether there is one."""
        has_terminal = False
        for stream in self._streams.values():
            if stream.is_terminal:
                has_terminal = True
                _copy_size(stream.target, stream.ours)
        return has_terminal

    def relay(self, take: Take, lines: LogLines | None) -> None:
        """Pass on what comes until the command has ended, and all of it is through."""
        with selectors.DefaultSelector() as selector:
            for fd, stream in {s.ours: s for s in self._streams.values()}.items():
                selector.register(fd, selectors.EVENT_READ, stream)
            selector.register(self._end_seen, selectors.EVENT_READ)
            if lines is not None:
                lines.register(selector)
            timeout_s: float | None = None
            has_ended = False
            while not has_ended or _open_streams(selector):
                ready = selector.select(timeout_s)
                if not ready and timeout_s is not None:
                    break
                for key, _ in ready:
                    if isinstance(key.data, _Stream):
                        if not _pass_on(key.data, take):
                            selector.unregister(key.fd)
                    elif key.fd == self._end_seen:
                        has_ended, timeout_s = True, DRAIN_S
                        selector.unregister(self._end_seen)
                _take_lines(selector, ready, take, lines)
            # Of a command that was killed while it waited for us to take a line.
            _take_lines(selector, selector.select(0), take, lines)


def _open_streams(selector: selectors.BaseSelector) -> list[selectors.SelectorKey]:
    """Return what may still write."""
    keys = selector.get_map().values()
    return [key for key in keys if isinstance(key.data, _Stream)]


def _take_lines(
    selector: selectors.BaseSelector,
    ready: Sequence[tuple[selectors.SelectorKey, int]],
    take: Take,
    lines: LogLines | None,
) -> None:
    """Take lines that were logged, each behind what was printed before it."""

    def drain() -> None:
        poll = select.poll()
        streams = {key.fd: key.data for key in _open_streams(selector)}
        for fd in streams:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(0):
            if not _pass_on(streams[fd], take):
                selector.unregister(fd)

    for key, _ in ready:
        if lines is not None and key.data is lines:
            lines.take(cast("socket.socket", key.fileobj), selector, drain)


def _pass_on(stream: _Stream, take: Take) -> bool:
    """Pass on what is there; False: there will be no more."""
    try:
        data = os.read(stream.ours, STEP_BYTES)
    except OSError:  # a terminal whose other end nobody holds any more
        return False
    if not data:
        return False
    take(data)
    view = memoryview(data)
    try:
        while len(view):
            view = view[os.write(stream.target, view) :]
    except OSError:
        # Whoever read our output has left: the command shall see it as we do.
        os.close(stream.ours)
        stream.ours = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return False
    return True


def _open_terminal(target: int) -> _Stream:
    ours, theirs = os.openpty()
    attributes = termios.tcgetattr(target)
    # The real terminal makes of a line feed what it makes of it: once is enough.
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    _copy_size(target, ours)
    return _Stream(ours, theirs, target, True)


def _copy_size(source: int, target: int) -> None:
    with suppress(OSError):
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)


@dataclass(slots=True)
class _Signals:
    """What comes to us while a command runs."""

    was_stopped: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _outputs: _Outputs | None = None
    _early: list[int] = field(default_factory=list[int])

    def begin(self, process: subprocess.Popen[bytes], outputs: _Outputs) -> None:
        """Hand signals on to `process`, those too that came while it was started."""
        self._process, self._outputs = process, outputs
        for number in self._early:
            self._hand_on(number)

    def take(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        del frame
        if number in _STOPS:
            self.was_stopped = True
        if number == signal.SIGINT and _comes_from_the_terminal():
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._hand_on(number)

    def resize(self, number: int, frame: FrameType | None) -> None:
        """Take note that the terminal has another size."""
        del frame
        if self._outputs is not None and self._outputs.resize():
            # It got the signal as we did, perhaps before its terminal had the new size.
            self._hand_on(number)

    def _hand_on(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


@contextmanager
def _signals() -> Generator[_Signals]:
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # whoever runs us elsewhere has the signals
        return
    before = {
        number: signal.signal(number, signals.take)
        for number in (signal.SIGINT, *_HANDED_ON)
        # What was started with `nohup` stays so.
        if signal.getsignal(number) != signal.SIG_IGN
    }
    before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, signals.resize)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _comes_from_the_terminal() -> bool:
    """Tell whether Ctrl-C reaches us, and so the command, from a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
