"""Passwords glued to an option: `mysql -pSECRET`, `sshpass -pSECRET`.

Only of programs that are known to take them so: `-p22` is a port elsewhere, and `-p` a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ..wire.run_parts import MASK

_CLIENTS = (
    r"(?:mysql(?:dump|admin|import|check|show|slap|pump|binlog|sh|_upgrade)?"
    r"|mariadb(?:-(?:dump|admin|import|check|show|slap|binlog|upgrade|backup))?)"
)
_CLIENT, _SSHPASS = "mysql", "sshpass"
_RUNNERS = {
    *("env", "sudo", "doas", "nice", "ionice", "time", "timeout", "nohup", "setsid"),
    *("docker", "podman", "kubectl", "ssh", "xargs", "watch", "strace", _SSHPASS),
}
"""Programs that run another one, which their arguments name."""
_VALUE = r"""(?:'[^'\n]*'|"[^"\n]*"|[^\s'"]\S*)"""
_IN_CLIENT = re.compile(rf"(?<![\w.-]){_CLIENTS}(?=\s)[^;&|\n]*+")
_GLUED = re.compile(rf"(?<=\s)-p{_VALUE}")
_IN_SSHPASS = re.compile(
    # It has five options; without an end each is the beginning of all that follows.
    rf"(?<![\w.-])({_SSHPASS}(?:\s+-[fdP]\s+\S+|\s+-(?!p)\S+){{0,5}}+\s+-p\s*+){_VALUE}"
)


def mask_glued(text: str) -> str:
    """Return `text`, in which commands may stand, with such passwords masked."""
    if "mysql" in text or "mariadb" in text:
        text = _IN_CLIENT.sub(lambda found: _GLUED.sub(f"-p{MASK}", found[0]), text)
    if _SSHPASS in text:
        text = _IN_SSHPASS.sub(rf"\g<1>{MASK}", text)
    return text


def find_glued(argv: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield which words of `argv` have such a password, and what they are with it masked."""
    program = ""
    for number, word in enumerate(argv):
        before = argv[number - 1] if number else ""
        name = PurePosixPath(word).name
        name = _CLIENT if re.fullmatch(_CLIENTS, name) else name
        if number == 0:
            program = name
        elif program == _SSHPASS and before == "-p":
            yield number, MASK
        elif program in (_CLIENT, _SSHPASS) and re.match("-p.", word):
            yield number, f"-p{MASK}"
        elif program == _SSHPASS and not word.startswith("-"):
            # What it runs; or a file, a number or a prompt that belongs to an option.
            program = program if before in ("-f", "-d", "-P") else name
        elif program in _RUNNERS and (name == _CLIENT or name in _RUNNERS):
            program = name
