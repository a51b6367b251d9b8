"""Every way the engine can fail on purpose.

Each class has a `code`, a word that clients match on. Codes are append-only; renaming
one breaks callers silently. `server/api/problems.py` gives every class its HTTP status
and `server/s3/problems.py` its S3 error; nothing else in the engine knows about HTTP.
Messages are one line, name the thing in quotes, and say the failure first.
"""

from __future__ import annotations

from typing import ClassVar


class LakeError(Exception):
    """Base of every error the engine raises on purpose."""

    code: ClassVar[str] = "internal"


# --- a value that cannot be right -----------------------------------------------------


class InvalidValueError(LakeError):
    """A value breaks a rule that its own text shows; `field` names it."""

    code = "invalid-value"

    def __init__(self, field: str, message: str, *, value: str | None = None) -> None:
        super().__init__(message)
        self.field = str(field)  # the name of a header is of a class of its own
        self._value = value

    @property
    def value(self) -> str | None:
        """The value that is wrong, if it is text that somebody sent as a whole.

        By it the edge finds out how the request calls the field. It is not shown.
        """
        return self._value


class InvalidNameError(InvalidValueError):
    """A repository, branch or tag name breaks the naming rules."""

    code = "invalid-name"


class InvalidPathError(InvalidValueError):
    """An object path is empty, over 1,024 bytes, not UTF-8 or has a NUL."""

    code = "invalid-path"

    def __init__(self, message: str, *, value: str | None = None) -> None:
        super().__init__("path", message, value=value)


class InvalidRefExpressionError(InvalidValueError):
    """A ref expression does not parse."""

    code = "invalid-ref-expression"

    def __init__(self, message: str, *, value: str | None = None) -> None:
        super().__init__("ref", message, value=value)


class MetadataTooLargeError(InvalidValueError):
    """An entry's metadata is over its limit."""

    code = "metadata-too-large"


class UnsupportedBodyError(InvalidValueError):
    """A request body is of a type, or packed in a way, that the operation does not read."""

    code = "unsupported-body"


class BodyTooLargeError(InvalidValueError):
    """A request body is longer than the operation takes."""

    code = "body-too-large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__("body", f"request body is over the limit of {bytes_max} bytes")
        self.bytes_max = bytes_max


class BodyStalledError(InvalidValueError):
    """A request body does not come, or too slowly."""

    code = "body-stalled"

    def __init__(self, step_bytes: int, step_s_max: float) -> None:
        super().__init__(
            "body",
            f"request body came too slowly: less than {step_bytes} bytes in "
            f"{step_s_max:g} s of waiting",
        )


class InvalidPartError(InvalidValueError):
    """A part that an upload is to be completed with was not put, or not with that sum."""

    code = "invalid-part"

    def __init__(self, number: int, why: str) -> None:
        super().__init__("parts", f"cannot use part {number} of the upload: {why}")
        self.number = number


class InvalidPartOrderError(InvalidValueError):
    """The parts that an upload is to be completed with are not in ascending order."""

    code = "invalid-part-order"

    def __init__(self, number: int) -> None:
        super().__init__(
            "parts",
            f"the list of parts was not in ascending order: part {number} comes too late",
        )
        self.number = number


class PartTooSmallError(InvalidValueError):
    """A part that is not the last of its object is below the smallest size."""

    code = "part-too-small"

    def __init__(self, number: int, size_bytes: int, bytes_min: int) -> None:
        super().__init__(
            "parts",
            f"your proposed upload is smaller than the minimum allowed size: part {number} "
            f"has {size_bytes} bytes, and all but the last need {bytes_min}",
        )
        self.number = number
        self.size_bytes = size_bytes
        self.bytes_min = bytes_min


class HeadTooLargeError(InvalidValueError):
    """The headers of a request are over their limit."""

    code = "head-too-large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__(
            "headers", f"request headers are over the limit of {bytes_max} bytes"
        )
        self.bytes_max = bytes_max


# --- a named thing is not there -------------------------------------------------------


class NotFoundError(LakeError):
    """A named thing does not exist."""

    code = "not-found"


class RepositoryNotFoundError(NotFoundError):
    """There is no repository of that name."""

    code = "repository-not-found"

    def __init__(self, repository: str) -> None:
        super().__init__(f"repository not found: '{repository}'")
        self.repository = repository


class RefNotFoundError(NotFoundError):
    """A repository has no branch, tag or commit of that name."""

    code = "ref-not-found"

    def __init__(self, repository: str, ref: str, *, what: str = "ref") -> None:
        super().__init__(f"{what} not found: '{ref}' in repository '{repository}'")
        self.repository = repository
        self.ref = ref


class CommitNotFoundError(RefNotFoundError):
    """A repository has no commit of that id."""

    code = "commit-not-found"

    def __init__(self, repository: str, ref: str) -> None:
        super().__init__(repository, ref, what="commit")


class ObjectNotFoundError(NotFoundError):
    """A version has nothing at a path."""

    code = "object-not-found"

    def __init__(self, repository: str, ref: str, path: str) -> None:
        super().__init__(f"object not found: '{path}' in '{repository}/{ref}'")
        self.repository = repository
        self.ref = ref
        self.path = path


class UploadNotFoundError(NotFoundError):
    """There is no multipart upload of that id for that path; or it has ended."""

    code = "upload-not-found"

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            "the specified multipart upload does not exist: its id may be wrong, or it "
            "was aborted or completed"
        )
        self.upload_id = upload_id


class UserNotFoundError(NotFoundError):
    """There is no user of that name."""

    code = "user-not-found"

    def __init__(self, user: str) -> None:
        super().__init__(f"user not found: '{user}'")
        self.user = user


class CredentialNotFoundError(NotFoundError):
    """The user has no access key of that id."""

    code = "credential-not-found"

    def __init__(self, user: str, access_key_id: str) -> None:
        super().__init__(f"access key not found: '{access_key_id}' of user '{user}'")
        self.user = user
        self.access_key_id = access_key_id


class GrantNotFoundError(NotFoundError):
    """The user has no grant for those globs."""

    code = "grant-not-found"

    def __init__(self, user: str, repository: str, ref: str) -> None:
        super().__init__(f"grant not found: '{repository}/{ref}' of user '{user}'")
        self.user = user


class RunNotFoundError(NotFoundError):
    """There is no run of that id, or of that beginning of one."""

    code = "run-not-found"

    def __init__(self, run: str, *, may_be_hidden: bool = False) -> None:
        """Say that there is no `run`; `may_be_hidden`: or none that the caller may read."""
        hidden = ", or of a repository that you may not read" if may_be_hidden else ""
        super().__init__(f"run not found{hidden}: '{run[:80]}'")
        self.run = run[:80]


class RunPartNotFoundError(NotFoundError):
    """A run has no such metric, or keeps no such file."""

    code = "run-part-not-found"

    def __init__(self, run: str, what: str, name: str) -> None:
        super().__init__(f"{what} not found: '{name[:80]}' of run '{run}'")
        self.run = run
        self.name = name[:80]


class ModelNotFoundError(NotFoundError):
    """There is no model of that name."""

    code = "model-not-found"

    def __init__(self, model: str) -> None:
        super().__init__(f"model not found: '{model[:80]}'")
        self.model = model[:80]


class ModelVersionNotFoundError(NotFoundError):
    """A model has no such version, or no such alias."""

    code = "model-version-not-found"

    def __init__(self, model: str, version: str, *, what: str = "version") -> None:
        super().__init__(f"{what} not found: '{version[:80]}' of model '{model}'")
        self.model = model
        self.version = version[:80]


class ApprovalNotFoundError(NotFoundError):
    """The caller has not approved the version for that alias."""

    code = "approval-not-found"

    def __init__(self, version: str, alias: str, user: str) -> None:
        super().__init__(
            f"approval not found: of '{version}' for '{alias[:80]}' by '{user}'"
        )


class SubjectNotFoundError(NotFoundError):
    """What somebody asks about is nothing that is there, or nothing is known of it."""

    code = "subject-not-found"

    def __init__(
        self, subject: str, why: str = "it is no run, model or address"
    ) -> None:
        super().__init__(f"nothing is known of '{subject[:200]}': {why}")
        self.subject = subject[:200]


class RouteNotFoundError(NotFoundError):
    """No operation has the path of the request."""

    code = "no-such-route"

    def __init__(self, path: str) -> None:
        super().__init__(f"no such operation: '{path[:200]}'")


class MethodNotAllowedError(LakeError):
    """The path of the request has operations, but not with its method."""

    code = "method-not-allowed"

    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(
            f"no such operation: '{method[:20]}' here, only {', '.join(allowed)}"
        )
        self.allowed = allowed


# --- the state does not allow it ------------------------------------------------------


class ConflictError(LakeError):
    """The present state does not allow what was asked."""

    code = "conflict"


class RepositoryExistsError(ConflictError):
    """The repository name is taken."""

    code = "repository-exists"

    def __init__(self, repository: str) -> None:
        super().__init__(f"not unique: repository '{repository}' exists already")
        self.repository = repository


class RepositoryInUseError(ConflictError):
    """A repository that was to be deleted only if unused has something in it."""

    code = "repository-in-use"

    def __init__(self, repository: str, what: str) -> None:
        super().__init__(f"cannot delete '{repository}' as unused: it has {what}")
        self.repository = repository


class RefExistsError(ConflictError):
    """The branch or tag name is taken (they share one namespace)."""

    code = "ref-exists"

    def __init__(self, repository: str, ref: str) -> None:
        super().__init__(
            f"not unique: a branch or tag '{ref}' exists already in '{repository}'"
        )
        self.repository = repository
        self.ref = ref


class UserExistsError(ConflictError):
    """The user name is taken."""

    code = "user-exists"

    def __init__(self, user: str) -> None:
        super().__init__(f"not unique: user '{user}' exists already")
        self.user = user


class CredentialExistsError(ConflictError):
    """The access key id is taken."""

    code = "credential-exists"

    def __init__(self, access_key_id: str) -> None:
        super().__init__(f"not unique: access key '{access_key_id}' exists already")
        self.access_key_id = access_key_id


class AlreadySetUpError(ConflictError):
    """There is a first user."""

    code = "already-set-up"

    def __init__(self) -> None:
        super().__init__("cannot set up: it has been done, sign in with a key")


class AdministratorNeededError(ConflictError):
    """There must be an administrator as long as there are users."""

    code = "administrator-needed"


class TooManyError(ConflictError):
    """A user has as many keys or grants as one may have."""

    code = "too-many"


class RunEndedError(ConflictError):
    """The run has ended, or is being ended: nothing is added to it any more."""

    code = "run-ended"

    def __init__(self, run: str, why: str = "") -> None:
        super().__init__(f"run '{run}' has ended" + (f": {why}" if why else ""))
        self.run = run


class RunGoesOnError(ConflictError):
    """What was asked for is there when the run has ended."""

    code = "run-goes-on"

    def __init__(self, run: str, what: str) -> None:
        super().__init__(f"run '{run}' goes on: {what}")
        self.run = run


CHECK_NEED = "the check of "
"""How a check is called among what needs a run."""


class RunNeededError(ConflictError):
    """The run cannot be deleted: others need it. `needed_by` lists them."""

    code = "run-needed"

    def __init__(self, run: str, needed_by: list[str]) -> None:
        way_out = "delete those first"
        if any(each.startswith(CHECK_NEED) for each in needed_by):
            way_out += "; a check goes with its version: 'lakebed model delete'"
        super().__init__(
            f"cannot delete run '{run}': needed by {', '.join(needed_by)}: {way_out}"
        )
        self.run = run
        self.needed_by = needed_by


class RefMovedError(ConflictError):
    """A ref moved more often than we are willing to build again."""

    code = "ref-moved"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"branch '{ref}' keeps moving: gave up building on it, try again"
        )
        self.ref = ref


class MergeConflictError(ConflictError):
    """Both sides changed the same paths differently.

    `conflicts` are the first of them (`repository.combining.Conflict`), `count` is how
    many there are.
    """

    code = "merge-conflict"

    def __init__(self, message: str, conflicts: tuple[object, ...], count: int) -> None:
        super().__init__(message)
        self.conflicts = conflicts
        self.count = count


class RevertNeedsParentError(ConflictError):
    """A merge commit can only be reverted or picked against a named parent."""

    code = "parent-needed"


class StillNeededError(ConflictError):
    """Something that was to be deleted is needed by something else.

    `needed_by` are the first that need it, `count` is how many there are at least.
    """

    code = "still-needed"

    def __init__(
        self, what: str, needed_by: list[str], count: int, *, way_out: str
    ) -> None:
        more = count - len(needed_by)
        others = f" and {more} more" if more > 0 else ""
        super().__init__(
            f"cannot delete {what}: it is needed by {', '.join(needed_by)}{others}: "
            f"{way_out}"
        )
        self.needed_by = needed_by
        self.count = count


class UnusableRunError(ConflictError):
    """A run is not what a version or a check can be made of: it failed, read nothing of it ..."""

    code = "unusable-run"

    def __init__(self, run: str, message: str) -> None:
        super().__init__(message)
        self.run = run


class PromotionRefusedError(ConflictError):
    """The rules of an alias ask for more than the version has; `missing` says for what."""

    code = "promotion-refused"

    def __init__(self, version: str, alias: str, missing: list[str]) -> None:
        super().__init__(
            f"cannot move '{alias}' to '{version}': it needs {' and '.join(missing)}"
        )
        self.missing = missing


class NothingToCommitError(LakeError):
    """The operation would make a commit that changes nothing."""

    code = "no-changes"

    def __init__(self, detail: str = "") -> None:
        super().__init__("commit: no changes" + (f": {detail}" if detail else ""))


class DirtyBranchError(LakeError):
    """The branch has uncommitted changes that the operation would mix with."""

    code = "dirty-branch"

    def __init__(self, branch: str) -> None:
        super().__init__(
            f"branch '{branch}' has uncommitted changes: commit or reset them first"
        )
        self.branch = branch


class SameRefError(LakeError):
    """Source and destination are the same."""

    code = "same-ref"


class DeleteDefaultBranchError(LakeError):
    """The default branch cannot be deleted."""

    code = "default-branch"

    def __init__(self, branch: str) -> None:
        super().__init__(f"cannot delete '{branch}': it is the default branch")
        self.branch = branch


class ReadOnlyRefError(LakeError):
    """A write named a tag, a commit or a ref expression."""

    code = "read-only-ref"

    def __init__(self, ref: str) -> None:
        super().__init__(f"cannot write to '{ref}': only branches take writes")
        self.ref = ref


class ReadOnlyRepositoryError(LakeError):
    """A write named a read-only repository."""

    code = "read-only-repository"

    def __init__(self, repository: str, *, can_be_forced: bool = False) -> None:
        hint = "; who administers it can, over REST with 'force'"
        super().__init__(
            f"cannot write to '{repository}': read-only repository"
            f"{hint if can_be_forced else ''}"
        )
        self.repository = repository


class ModelsRepositoryError(ReadOnlyRepositoryError):
    """A change named the repository of the files of models, which the registry keeps."""

    code = "models-repository"

    def __init__(self, repository: str) -> None:
        LakeError.__init__(
            self,
            f"cannot change '{repository}': the model registry keeps it: register "
            "versions, move aliases and delete versions with 'lakebed model', or /models",
        )
        self.repository = repository


class ProtectedBranchError(LakeError):
    """A write or commit named a branch that changes only by merges."""

    code = "protected-branch"

    def __init__(self, branch: str) -> None:
        super().__init__(
            f"cannot write to protected branch '{branch}': merge into it from another "
            "branch"
        )
        self.branch = branch


class PreconditionFailedError(LakeError):
    """A condition of the request (`If-Match`, `If-None-Match`) does not hold."""

    code = "precondition-failed"


class IdempotencyKeyReusedError(LakeError):
    """An idempotency key came with another request than the first time."""

    code = "idempotency-key-reused"

    def __init__(self, key: str) -> None:
        super().__init__(f"idempotency key '{key}' was used for another request")
        self.key = key


class ExpiredDataError(LakeError):
    """Retention removed the data of a commit; its record is still there."""

    code = "expired"


class RangeNotSatisfiableError(LakeError):
    """A range lies outside of the object."""

    code = "range-not-satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"range lies outside of an object of {size_bytes} bytes")
        self.size_bytes = size_bytes


# --- who is asking --------------------------------------------------------------------


class UnauthenticatedError(LakeError):
    """The request does not prove who sent it."""

    code = "unauthenticated"


class SignatureRefusedError(UnauthenticatedError):
    """A signature does not prove who sent the request.

    `aws_code` is AWS's word for what is wrong with it; `facts` are what AWS tells with
    it, by element name.
    """

    code = "signature-refused"

    def __init__(self, aws_code: str, message: str, **facts: str) -> None:
        super().__init__(message)
        self.aws_code = aws_code
        self.facts = facts


class PermissionDeniedError(LakeError):
    """The caller is known and may not do this."""

    code = "permission-denied"


# --- the house is on fire -------------------------------------------------------------


class CorruptDataError(LakeError):
    """Stored bytes are not what their name says."""

    code = "corrupt-data"


class MissingDataError(CorruptDataError):
    """Stored bytes that something refers to are gone."""

    code = "missing-data"


class StorageFullError(LakeError):
    """The disk has no room for the write; nothing of it was kept."""

    code = "storage-full"


class StorageFailedError(LakeError):
    """The disk or database refused the operation; nothing was acknowledged."""

    code = "storage-failed"


class DurabilityLostError(StorageFailedError):
    """An fsync failed: nothing says any more what is on disk, so the process must exit."""

    code = "durability-lost"


class BusyError(LakeError):
    """A limit is reached: try again in a moment."""

    code = "busy"


class PackGoneError(BusyError):
    """A pack was collected under its slow writer; storing again goes into a new one."""

    code = "pack-gone"

    def __init__(self, pack: str) -> None:
        super().__init__(f"cannot record chunks: pack '{pack}' is gone, try again")
        self.pack = pack


class NotImplementedYetError(LakeError):
    """The operation is part of the interface and not built yet."""

    code = "not-implemented"


class StartupError(LakeError):
    """The server cannot start on this directory or address; says what to do."""

    code = "cannot-start"
