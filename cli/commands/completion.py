"""`lakebed completion`: scripts that let a shell complete our command lines.

Each script asks `lakebed` itself what the line so far may become: a candidate a line,
with a tab and a description where there is one. Nothing that goes wrong is shown.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ..output import print_line

_BASH = """\
# lakebed completion bash: eval "$(lakebed completion bash)" in ~/.bashrc
_lakebed_complete() {
    local line=${COMP_LINE:0:COMP_POINT} word start at candidate
    word=${line##*[[:space:]]}
    # Bash takes what stands behind the last : or = for the word to complete.
    start=${word%"${word##*[:=]}"}
    [[ $COMP_WORDBREAKS == *:* || $start != *: ]] || start=
    # And what begins with the last @, with it: fraud@prod is a version of a model.
    at=${word%@*}
    if [[ $COMP_WORDBREAKS == *@* && $word == *@* && ${#at} -gt ${#start} ]]; then
        start=$at
    fi
    COMPREPLY=()
    while IFS=$'\\t' read -r candidate _; do
        [[ -n $candidate ]] || continue
        [[ $candidate == */ || $candidate == *= ]] && compopt -o nospace
        candidate=${candidate#"$start"}
        COMPREPLY+=("$(printf %q "$candidate")")
    done < <(_LAKEBED_COMPLETE_LINE=$line lakebed 2>/dev/null)
}
complete -o default -o nosort -F _lakebed_complete lakebed
"""

_ZSH = """\
#compdef lakebed
# lakebed completion zsh: eval "$(lakebed completion zsh)" in ~/.zshrc, after compinit
_lakebed() {
    local -a names folders
    local line candidate help
    while IFS=$'\\t' read -r candidate help; do
        [[ -n $candidate ]] || continue
        if [[ $candidate == */ ]]; then
            folders+=("$candidate")
        else
            names+=("$candidate")
        fi
    done < <(_LAKEBED_COMPLETE_LINE="${(j: :)words[1,CURRENT]}" lakebed 2>/dev/null)
    if (( $#names + $#folders )); then
        compadd -- $names
        compadd -S '' -- $folders
    else
        _files
    fi
}
compdef _lakebed lakebed
"""

_FISH = """\
# lakebed completion fish | source, in ~/.config/fish/config.fish
function __lakebed_complete
    set -l found (_LAKEBED_COMPLETE_LINE=(commandline -cp | string collect) lakebed 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c lakebed -f -a '(__lakebed_complete)'
"""


class Shell(StrEnum):
    """A shell that we have a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("completion")(completion)


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish")],
) -> None:
    """Print the script that makes a shell complete commands, options and names.

    For bash: eval "$(lakebed completion bash)", in ~/.bashrc. The other scripts say in
    their first line where they go.
    """
    print_line(_SCRIPTS[shell].rstrip())
