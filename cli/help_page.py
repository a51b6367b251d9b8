"""The page that `lakebed --help` prints, and how wrong usage is explained.

The page fits one screen of 80 x 24 and groups commands by what people do. It is written
by hand, because a list of everything with half a sentence each tells nobody where to
begin; a test holds it to the commands that there are.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup

PAGE = """\
Usage: lakebed COMMAND [ARGUMENTS]        (lakebed COMMAND --help says more)
Git for data: branch, commit, merge and tag what lies in object storage.

Begin      demo serve completion the whole road; serve a directory; for a shell
           login logout whoami   keep a server and a key; who you are here
Look       ls  cat  stat  find   objects at a branch, tag or commit
           du  diff  prove       what they add up to; what differs; proofs
           log  show  blame      history, and what changed each object last
Change     cp  mv  rm            objects: copy in, out, across; rename; remove
           commit  reset         keep what was changed, or throw it away
Combine    merge  cherry-pick    bring changes of one branch to another
           revert  undo  reflog  take back a commit, or any move of a branch
Provenance run rerun runs model  record a command, and do it again; its models
           why compare lineage   what produced something, and from what
Manage     repo  branch  tag     create, list, show, delete
           user key grant admin  who may do what, and keys; verify, mend a lake

Objects are lakebed://REPO/REF/PATH, refs REPO/REF; a ref is a branch, a tag,
a commit id, or an expression such as main~2. A local file is a plain path.

Options: -S, --server URL|DIR [LAKEBED_SERVER, else the profile]
         --profile NAME  --version  -h, --help
"""


_HINT = re.compile(r"\.? (?:Did you mean (.+?)\?|\(Possible options: (.+?)\))$")
"""How Typer suggests a command and an option."""


def _rephrase_hint(match: re.Match[str]) -> str:
    """Return Typer's suggestion the way all of ours are written."""
    names = [name.strip(" '") for name in (match[1] or match[2]).split(",")]
    return "; did you mean " + " or ".join(f"'{name}'" for name in names) + "?"


class RootGroup(TyperGroup):
    """The root command, with a help page of its own."""

    def get_help(self, ctx: Any) -> str:
        """Return the page."""
        del ctx
        return PAGE.rstrip("\n")


def explain_usage(error: Exception) -> str | None:
    """Return what is wrong with a command line, or None if `error` is not about it.

    It is one line, or where nothing was asked for the whole help.
    """
    if not isinstance(error, typer.TyperException):
        return None
    # Typer's own classes for this are private; they all have these.
    context: Any = getattr(error, "ctx", None)
    format_message: Any = getattr(error, "format_message", None)
    message = str(format_message() if format_message is not None else error)
    if message.startswith("Usage:"):
        # No arguments at all: the error is the help page itself.
        return message
    message = message.strip().rstrip(".").removeprefix("Invalid value: ")
    message = message.replace(": Value error, ", ": ")  # words of Typer's own library
    message = _HINT.sub(_rephrase_hint, message)
    message = (message[:1].lower() + message[1:]).replace("\n", " ")
    path = getattr(context, "command_path", "lakebed")
    if message.endswith("?"):
        return message
    return f"{message}; see: {path} --help"
