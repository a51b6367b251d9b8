"""What people ask about: texts that name a run, a version of a model, a file or a prefix.

RUN                       a run: its id, the unique beginning, or the id of its record
NAME@VERSION, NAME@ALIAS  a version of a model; NAME alone: the newest
lakebed://REPO/REF/PATH   an object, or with a slash at the end all below a prefix
run: model: file: prefix: and an id, as answers name their nodes; that of a file or prefix
                          is its identity, with or without @REPO/PATH behind it
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ..errors import (
    InvalidValueError,
    ModelNotFoundError,
    ObjectNotFoundError,
    RunNotFoundError,
    SubjectNotFoundError,
)
from ..ids import DIGEST_BYTES
from ..refs.names import MODELS
from ..repository.engine import Engine
from ..repository.objects import stat_object
from ..repository.paths import encode_path
from ..repository.resolving import get_repository, resolve
from ..runs.graph import Artifact
from ..runs.names import is_record_id, is_run_beginning, is_run_id
from ..runs.rows import RunRow
from .callers import Caller
from .contents import find_contents
from .finding import find_readable
from .models import VersionView, get_newest, get_version

_SCHEMES = ("lakebed://", "s3://")
_KINDS = ("run", "model", "file", "prefix")


@dataclass(frozen=True, slots=True)
class Found:
    """A file or prefix, at a ref or wherever it lies."""

    artifact: Artifact
    """Without a repository if it was named by its identity alone."""
    ref: str = ""
    commit_id: bytes = b""
    """Empty: it is not committed, or was named by its identity."""


Subject = RunRow | VersionView | Found


async def find_subject(engine: Engine, text: str, caller: Caller) -> Subject:
    """Return what `text` names, if `caller` may read it.

    Raises:
        SubjectNotFoundError: it names nothing that is there for the caller.
        RepositoryNotFoundError, RefNotFoundError, ObjectNotFoundError,
        ModelNotFoundError, ModelVersionNotFoundError, RunNotFoundError,
        PermissionDeniedError, InvalidValueError
    """
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            return await _find_address(engine, text.removeprefix(scheme), caller)
    kind, colon, rest = text.partition(":")
    if colon and kind in _KINDS:
        match kind:
            case "run":
                return await find_readable(engine, rest, caller)
            case "model":
                return await _find_version(engine, rest, caller)
            case _:
                return await _find_content(
                    engine, rest, caller, is_prefix=kind == "prefix"
                )
    if "@" in text:
        return await _find_version(engine, text, caller)
    if is_run_id(text) or is_record_id(text) or is_run_beginning(text):
        with suppress(RunNotFoundError):
            return await find_readable(engine, text, caller)
    try:
        return await _find_version(engine, text, caller)
    except (ModelNotFoundError, InvalidValueError):
        raise SubjectNotFoundError(text) from None


async def _find_version(engine: Engine, text: str, caller: Caller) -> VersionView:
    name, at, version = text.partition("@")
    caller.require_read(MODELS, name)
    if not at:
        return await get_newest(engine, name)
    return await get_version(engine, name, version)


async def _find_content(
    engine: Engine, text: str, caller: Caller, *, is_prefix: bool
) -> Found:
    digits, _, address = text.partition("@")
    repository, _, path = address.partition("/")
    if repository:
        if not caller.may_read(repository):
            raise SubjectNotFoundError(text)
        await get_repository(engine, repository)
    try:
        identity = bytes.fromhex(digits)
    except ValueError:
        identity = b""
    if len(identity) != DIGEST_BYTES:
        raise InvalidValueError("subject", "an identity has 64 hex digits", value=text)
    return Found(Artifact(repository, encode_path(path), is_prefix, identity))


async def _find_address(engine: Engine, text: str, caller: Caller) -> Subject:
    repository, _, rest = text.partition("/")
    ref, _, path_text = rest.partition("/")
    if not repository or not ref:
        raise InvalidValueError(
            "subject",
            f"cannot read the address '{text[:200]}': write lakebed://REPO/REF/PATH",
            value=text,
        )
    caller.require_read(repository, ref)
    if repository == MODELS and not path_text:
        return await _find_version(engine, ref, caller)
    path = encode_path(path_text)
    if path and not path.endswith(b"/"):
        with suppress(ObjectNotFoundError):
            located = await stat_object(engine, repository, ref, path)
            artifact = Artifact(repository, path, False, located.entry.blob_id)
            return Found(artifact, ref, located.commit_id or b"")
        path += b"/"
    return await _find_prefix(engine, repository, ref, path)


async def _find_prefix(
    engine: Engine, repository: str, ref: str, prefix: bytes
) -> Found:
    """Return all below a prefix as it is committed: what is staged has no identity yet."""
    commit = (await resolve(engine, repository, ref)).require_data().commit
    contents = await find_contents(engine, commit.tree_id, prefix)
    if not contents.file_count:
        raise ObjectNotFoundError(repository, ref, prefix.decode(errors="replace"))
    artifact = Artifact(repository, prefix, True, contents.identity)
    return Found(artifact, ref, commit.id)
