"""`--json` on every command that tells something: one document, with these fields."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.cli_page import iter_commands, option_names
from support.commands import Lakebed
from support.running import leave_behind

WITHOUT_JSON = {
    "cat": "prints the bytes of objects",
    "completion": "prints a script",
    "demo": "shows commands and what they print",
    "run": "prints what the command that it runs prints",
    "runs log": "prints a log",
    "serve": "is a server",
}
"""Commands that print no facts, and what they print."""

MODEL_FACTS = {
    *("name", "description", "user", "created_ms", "latest", "aliases", "rules"),
}
MODEL_VERSION = {
    *("name", "version", "description", "metadata", "run", "record", "grade"),
    *("repository", "commit", "path", "kind", "identity", "files", "size_bytes"),
    *("user", "created_ms", "aliases", "checks", "approvals", "address"),
}

LISTS = {
    "blame": {"path", "path_type", "commit", "is_found"},
    "branch list": {"id", "commit_id"},
    "diff": {"type", "path", "path_type", "size_bytes", "left_size_bytes", "right"},
    "du": {"prefix", "object_count", "size_bytes"},
    "find": {"path", "size_bytes", "mtime", "checksum", "content_type", "metadata"},
    "grant list": {"repository", "ref", "level", "creation_date"},
    "key list": {"access_key_id", "creation_date"},
    "log": {"id", "parents", "committer", "message", "creation_date", "metadata"},
    "ls": {"path", "path_type", "size_bytes", "mtime", "checksum"},
    "model list": MODEL_FACTS,
    "model log": {
        *("sequence", "alias", "action", "old", "new", "user", "reason", "at_ms"),
    },
    "model rules": {"alias", "needs_approval", "checks"},
    "reflog": {"sequence", "ref", "kind", "at_ms", "actor", "action", "old", "new"},
    "repo list": {"id", "creation_date", "default_branch"},
    "rm": {"address", "object_count", "dry_run"},
    "runs list": {
        *("id", "repository", "experiment", "status", "user", "host", "started_ms"),
        *("ended_ms", "exit_code", "grade", "command", "rerun_of", "params", "metrics"),
    },
    "runs sync": {"run", "path", "sent", "left", "problem", "is_late"},
    "tag list": {"id", "commit_id"},
    "user list": {"id", "creation_date", "is_admin"},
}
COMMIT = {"id", "parents", "committer", "message", "creation_date", "metadata"}
FACTS = {
    "admin rebuild-index": {
        *("is_new_database", "packs", "packs_added", "packs_lost", "chunks_before"),
        *("chunks", "added", "kept", "lost", "damaged", "scanned", "lost_commits"),
        *("lost_heads", "recovered_repository", "recovered_commits"),
        "recovered_branches",
    },
    "admin verify": {
        *("is_sound", "seed", "packs_total", "packs", "pack_bytes", "frames", "rows"),
        *("faults", "more_faults", "notes", "quarantined", "healed", "seconds"),
        "cpu_seconds",
    },
    "branch create": {"id", "commit_id"},
    "branch delete": {"id", "commit_id", "had_uncommitted", "dry_run"},
    "branch protect": {"repository", "patterns"},
    "branch reset": {"branch", "path", "change_count", "dry_run"},
    "branch show": {"id", "commit_id", "uncommitted", "uncommitted_is_more"},
    "cherry-pick": COMMIT,
    "commit": COMMIT,
    "compare": {
        *("left", "right", "params", "same_params", "metrics", "code", "inputs"),
        *("environment", "seeds"),
    },
    "cp": {
        *("source", "destination", "dry_run", "object_count", "size_bytes"),
        *("unchanged_count", "kept_count"),
    },
    "grant add": {"repository", "ref", "level", "creation_date"},
    "grant remove": {"user", "repository", "ref", "dry_run"},
    "key create": {"access_key_id", "secret_access_key"},
    "key revoke": {"access_key_id", "user", "dry_run"},
    "lineage": {"subject", "direction", "nodes", "edges", "is_complete"},
    "login": {"profile", "server", "user"},
    "logout": {"profile", "server", "dry_run"},
    "merge": COMMIT,
    "model approve": {"alias", "user", "comment", "at_ms"},
    "model check": {"name", "run", "has_passed", "user", "at_ms"},
    "model delete": {"model", "at", "dry_run"},
    "model describe": MODEL_FACTS,
    "model promote": {"model", "alias", "version", "user", "reason", "at_ms"},
    "model register": MODEL_VERSION,
    "model rollback": {"model", "alias", "version", "user", "reason", "at_ms"},
    "model show": MODEL_FACTS,
    "mv": {"source", "destination", "object_count", "dry_run"},
    "prove": {
        *("path", "commit_id", "blob_id", "size_bytes", "mtime", "checksum"),
        *("content_type", "metadata"),
    },
    "repo create": {"id", "creation_date", "default_branch"},
    "repo delete": {"id", "dry_run"},
    "repo show": {"id", "creation_date", "default_branch"},
    "rerun": {"run", "rerun", "status", "exit_code", "verdict", "notes", "folder"},
    "reset": {"branch", "old", "new", "dry_run"},
    "revert": COMMIT,
    "runs delete": {"id", "repository", "dry_run"},
    "runs show": {
        *("id", "repository", "status", "exit_code", "record", "grade", "reasons"),
        *("code", "configuration", "environment", "hardware", "seeds", "params"),
        *("metrics", "inputs", "outputs", "files", "missing", "verdicts"),
    },
    "show": {"commit", "changes"},
    "stat": {"path", "size_bytes", "mtime", "checksum", "content_type", "metadata"},
    "tag create": {"id", "commit_id"},
    "tag delete": {"id", "commit_id", "dry_run"},
    "tag show": {"id", "commit_id"},
    "undo": {"sequence", "ref", "kind", "at_ms", "actor", "action", "old", "new"},
    "user create": {"id", "creation_date", "is_admin"},
    "user delete": {"id", "key_count", "grant_count", "dry_run"},
    "user show": {"user", "grants", "key_count"},
    "why": {"subject", "run", "model", "version", "aliases", "output", "others"},
    "whoami": {"user", "is_admin", "server", "server_from", "key_from", "profile"},
}


RAN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "run": ((), ("true",)),
    "trained": (("-o", "m=PLACE"), ("cp", ".git/HEAD", "m")),
    "judged": (("-i", "VERSION=in"), ("true",)),
}
"""Runs of some kinds: the options of each, and its command."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command line, and what has to be there before."""

    line: str
    """R: the repository, U: a user, K: a key of theirs, N: the last run, D: a directory."""
    before: tuple[str, ...] = ()


TWO = ("put R/main/a 1", "commit R/main -m 1", "put R/main/a 22", "commit R/main -m 2")
BRANCHES = (*TWO, "branch create R/dev main", "put R/dev/b 1", "commit R/dev -m dev")
USER = ("user create U",)
RUN = ("run N",)

MODEL = ("trained N", "model register R --run N")
JUDGE = (*USER, "grant add U write models/*", "grant add U read R/*", "as U")
PROMOTED = (*MODEL, "model promote R@1 --alias prod")

DIRECTORY = ("repo create mine --server D",)

CASES: Mapping[str, Case] = {
    "admin rebuild-index": Case("admin rebuild-index D", DIRECTORY),
    "admin verify": Case("admin verify D", DIRECTORY),
    "blame": Case("blame R/main", TWO),
    "branch create": Case("branch create R/dev"),
    "branch delete": Case("branch delete R/dev", ("branch create R/dev",)),
    "branch list": Case("branch list R"),
    "branch protect": Case("branch protect R v* main"),
    "branch reset": Case("branch reset R/main/a", ("put R/main/a 1",)),
    "branch show": Case("branch show R/main"),
    "cherry-pick": Case("cherry-pick R/dev main", BRANCHES),
    "commit": Case("commit R/main -m m", ("put R/main/a 1",)),
    "compare": Case("compare N N", RUN),
    "cp": Case("cp -r lakebed://R/main/ lakebed://R/main/copy/", TWO),
    "diff": Case("diff R/main~1 main", TWO),
    "du": Case("du R/main --depth 1", TWO),
    "find": Case("find R/main --name a", TWO),
    "grant add": Case("grant add U read R/*", USER),
    "grant list": Case("grant list U", (*USER, "grant add U read R/*")),
    "grant remove": Case("grant remove U R/*", (*USER, "grant add U read R/*")),
    "key create": Case("key create U", USER),
    "key list": Case("key list", ("key create",)),
    "key revoke": Case("key revoke K U", (*USER, "key K")),
    "lineage": Case("lineage N", RUN),
    "log": Case("log R/main", TWO),
    "login": Case("login URL --profile test"),
    "logout": Case("logout --profile test", ("login URL --profile test",)),
    "ls": Case("ls R/main", TWO),
    "merge": Case("merge R/dev main", BRANCHES),
    "model approve": Case("model approve R@1 --alias prod", (*MODEL, *JUDGE)),
    "model check": Case("model check R@1 bias --run N", (*MODEL, "judged N")),
    "model delete": Case("model delete R@1", MODEL),
    "model describe": Case("model describe R text", MODEL),
    "model list": Case("model list", MODEL),
    "model log": Case("model log R --alias prod", PROMOTED),
    "model promote": Case("model promote R@1 --alias prod", MODEL),
    "model register": Case("model register R --run N", ("trained N",)),
    "model rollback": Case(
        "model rollback R --alias prod",
        (*PROMOTED, "model register R --run N", "model promote R@2 --alias prod"),
    ),
    "model rules": Case("model rules R --alias prod --check bias", MODEL),
    "model show": Case("model show R", MODEL),
    "mv": Case("mv R/main/a R/main/b", TWO),
    "prove": Case("prove R/main/a", TWO),
    "reflog": Case("reflog R/main", TWO),
    "repo create": Case("repo create R-more"),
    "repo delete": Case("repo delete R"),
    "repo list": Case("repo list"),
    "repo show": Case("repo show R"),
    "rerun": Case("rerun N --env current", RUN),
    "reset": Case("reset --hard R/main main~1", TWO),
    "revert": Case("revert R/main", TWO),
    "rm": Case("rm R/main/a", TWO),
    "runs delete": Case("runs delete N --dry-run", RUN),
    "runs list": Case("runs list --repo R", RUN),
    "runs show": Case("runs show N", RUN),
    "runs sync": Case("runs sync", ("left",)),
    "show": Case("show R/main", TWO),
    "stat": Case("stat R/main/a", TWO),
    "tag create": Case("tag create R/v1"),
    "tag delete": Case("tag delete R/v1", ("tag create R/v1",)),
    "tag list": Case("tag list R", ("tag create R/v1",)),
    "tag show": Case("tag show R/v1", ("tag create R/v1",)),
    "undo": Case("undo R/main", TWO),
    "user create": Case("user create U"),
    "user delete": Case("user delete U", USER),
    "user list": Case("user list"),
    "user show": Case("user show"),
    "whoami": Case("whoami"),
    "why": Case("why N", RUN),
}


ALL = dict(iter_commands())


def test_no_command_is_forgotten() -> None:
    documented = LISTS.keys() | FACTS.keys()

    assert CASES.keys() == documented
    assert documented | WITHOUT_JSON.keys() == ALL.keys()
    for name in documented:
        assert "--json" in option_names(ALL[name]), name


def test_what_removes_or_overwrites_can_be_tried_first() -> None:
    words = {"delete", "remove", "revoke", "reset", "rm", "mv", "cp", "undo", "logout"}
    for name, command in ALL.items():
        if words & set(name.split()):
            assert "--dry-run" in option_names(command), name


@pytest.fixture
def run_line(
    lakebed: Lakebed,
    repository: str,
    put: Callable[[str, str], None],
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Any]:
    """Run a line of a case, and return its result."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    names = {
        "R": repository,
        "U": f"user-of-{repository}",
        "URL": server.url,
        "D": str(tmp_path / "lake"),
    }

    def call(line: str) -> Any:
        words = [_put_in(word, names) for word in line.split()]
        if words[0] == "put":
            put(words[1], words[2])
            return None
        if words[:2] == ["key", "K"]:
            made = lakebed("key", "create", names["U"], "--json").json
            names["K"] = made["access_key_id"]
            return None
        if words == ["as", names["U"]]:
            made = lakebed("key", "create", names["U"], "--json").json
            monkeypatch.setenv("LAKEBED_ACCESS_KEY_ID", made["access_key_id"])
            monkeypatch.setenv("LAKEBED_SECRET_ACCESS_KEY", made["secret_access_key"])
            return None
        if words == ["left"]:
            leave_behind(server.url, repository)
            return None
        if words[0] in RAN and line.endswith(" N"):
            monkeypatch.chdir(_make_code(tmp_path / "code" / words[0]))
            place = f"lakebed://{repository}/main/m"
            options, command = RAN[words[0]]
            version = f"lakebed://models/{repository}@1/m"
            asked = [
                word.replace("PLACE", place).replace("VERSION", version)
                for word in options
            ]
            ran = lakebed("run", "--repo", repository, *asked, "--", *command)
            names["N"] = ran.err.split()[-1]
            return None
        return lakebed(*words)

    return call


def _make_code(folder: Path) -> Path:
    """Make a Git work tree with a commit."""
    name = ("-c", "user.name=n", "-c", "user.email=e")
    for words in (("init", "-q", str(folder)), ("commit", "-qm", "m", "--allow-empty")):
        place = ("-C", str(folder)) if folder.is_dir() else ()
        subprocess.run(["git", *name, *place, *words], check=True)
    return folder


def _put_in(word: str, names: Mapping[str, str]) -> str:
    for letter, name in names.items():
        if word in (letter, f"{letter}-more") or word.startswith(
            (f"{letter}/", f"{letter}@")
        ):
            return name + word[len(letter) :]
        if word.startswith(f"lakebed://{letter}/"):
            return word.replace(letter, name, 1)
    return word


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_prints_one_document_with_its_fields(
    name: str, run_line: Callable[[str], Any]
) -> None:
    case = CASES[name]
    for line in case.before:
        run_line(line)

    document = run_line(f"{case.line} --json").json

    if name in LISTS:
        assert document, "a list without items shows nothing"
        assert all(item.keys() >= LISTS[name] for item in document)
    else:
        assert document.keys() >= FACTS[name]
