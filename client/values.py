"""What handles answer with: commits, changes, conflicts, objects and moves, as values.

They say in the words of the glossary, with aware times, what the wire says in those of
the lakeFS API. Each shows itself as a small table in a notebook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from . import tables, wire
from .wire import DiffType

T = TypeVar("T", covariant=True)

SHORT_ID_CHARS = 10
"""Of a commit id, in a table: enough to tell a million commits apart."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit."""

    id: str
    parents: tuple[str, ...]
    author: str
    message: str
    created_at: datetime
    metadata: Mapping[str, str]
    tree_id: str
    generation: int

    @classmethod
    def of(cls, body: wire.Commit) -> Commit:
        """Return what `body` says."""
        return cls(
            id=body.id,
            parents=tuple(body.parents),
            author=body.committer,
            message=body.message,
            created_at=_time(body.creation_date),
            metadata=body.metadata,
            tree_id=body.meta_range_id,
            generation=body.generation,
        )

    @property
    def short_id(self) -> str:
        """The beginning of the id, for people."""
        return self.id[:SHORT_ID_CHARS]

    def __repr__(self) -> str:
        return f"<commit {self.short_id} {self.subject!r}>"

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    def _repr_html_(self) -> str:
        facts = [("commit", self.id)]
        facts += [("parent", parent) for parent in self.parents]
        facts += [
            ("author", self.author),
            ("time", tables.time_text(self.created_at)),
            ("message", self.message),
        ]
        facts += [(name, text) for name, text in self.metadata.items()]
        return tables.facts(f"commit {self.short_id}", facts)

    @staticmethod
    def table(title: str, rows: Iterable[Commit], *, more: bool = False) -> str:
        """Return `rows` as the table of a notebook."""
        cells = [
            (row.short_id, row.author, tables.time_text(row.created_at), row.subject)
            for row in rows
        ]
        return tables.table(
            title, ("commit", "author", "time", "message"), cells, more=more
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A path, or with a delimiter a prefix, that differs between two versions."""

    kind: DiffType
    path: str
    size_bytes: int | None

    @classmethod
    def of(cls, body: wire.Diff) -> Change:
        """Return what `body` says."""
        return cls(kind=body.type, path=body.path, size_bytes=body.size_bytes)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path!r}>"

    def _repr_html_(self) -> str:
        return self.table("change", [self])

    @staticmethod
    def table(title: str, rows: Iterable[Change], *, more: bool = False) -> str:
        """Return `rows` as the table of a notebook."""
        cells = [
            (row.kind, row.path, tables.bytes_text(row.size_bytes)) for row in rows
        ]
        tones = {"added": "added", "removed": "removed", "conflict": "removed"}
        return tables.table(
            title,
            ("", "path", "size"),
            cells,
            more=more,
            tones=[tones.get(cell[0], "changed") for cell in cells],
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that both sides of a merge changed differently."""

    path: str
    base: ObjectInfo | None
    """At the merge base; None where there was no such object."""
    source: ObjectInfo | None
    destination: ObjectInfo | None

    @classmethod
    def of(cls, body: wire.Conflict) -> Conflict:
        """Return what `body` says."""

        def side(found: wire.ConflictSide | None) -> ObjectInfo | None:
            if found is None:
                return None
            return ObjectInfo(
                path=body.path,
                size_bytes=found.size_bytes,
                etag=found.checksum,
                modified_at=_time(found.mtime),
                content_type=found.content_type,
                metadata=found.metadata or {},
            )

        return cls(
            body.path, side(body.base), side(body.source), side(body.destination)
        )

    def __repr__(self) -> str:
        return f"<conflict {self.path!r}>"

    def _repr_html_(self) -> str:
        return self.table("conflict", [self])

    @staticmethod
    def table(title: str, rows: Iterable[Conflict], *, more: bool = False) -> str:
        """Return `rows` as the table of a notebook."""

        def side(found: ObjectInfo | None) -> str:
            if found is None:
                return "not there"
            size = tables.bytes_text(found.size_bytes)
            return f"{size}, {tables.time_text(found.modified_at)}"

        cells = [
            (row.path, side(row.base), side(row.source), side(row.destination))
            for row in rows
        ]
        head = ("path", "base", "source", "destination")
        return tables.table(title, head, cells, more=more)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object; in a listing with a delimiter, or a prefix."""

    path: str
    size_bytes: int | None
    """None for a prefix."""
    etag: str = ""
    """MD5 in hex if the object came in one piece; empty for a prefix."""
    modified_at: datetime | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None
    is_prefix: bool = False

    @classmethod
    def of(cls, body: wire.ObjectStats) -> ObjectInfo:
        """Return what `body` says."""
        is_prefix = body.path_type == "common_prefix"
        return cls(
            path=body.path,
            size_bytes=None if is_prefix else body.size_bytes,
            etag=body.checksum,
            modified_at=None if is_prefix else _time(body.mtime),
            content_type=body.content_type,
            metadata=body.metadata or {},
            is_prefix=is_prefix,
        )

    def __repr__(self) -> str:
        if self.is_prefix:
            return f"<prefix {self.path!r}>"
        return f"<object {self.path!r}, {tables.bytes_text(self.size_bytes)}>"

    def _repr_html_(self) -> str:
        return self.table("prefix" if self.is_prefix else "object", [self])

    @staticmethod
    def table(title: str, rows: Iterable[ObjectInfo], *, more: bool = False) -> str:
        """Return `rows` as the table of a notebook."""
        cells = [
            (
                row.path,
                tables.bytes_text(row.size_bytes),
                tables.time_text(row.modified_at),
                row.content_type or "",
            )
            for row in rows
        ]
        return tables.table(title, ("path", "size", "time", "type"), cells, more=more)


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a branch or tag, as the ref log has it."""

    sequence: int
    """Names the move; grows with each in the repository."""
    at: datetime
    actor: str
    action: str
    """A word: create, commit, merge, revert, cherry-pick, hard-reset, undo, delete."""
    old: str | None
    """The commit before; None where the ref was made."""
    new: str | None
    """The commit after; None where the ref was deleted."""

    @classmethod
    def of(cls, body: wire.RefLogEntry) -> Move:
        """Return what `body` says."""
        return cls(
            sequence=body.sequence,
            at=datetime.fromtimestamp(body.at_ms / 1000, UTC),
            actor=body.actor,
            action=body.action,
            old=body.old,
            new=body.new,
        )

    def __repr__(self) -> str:
        new = self.new[:SHORT_ID_CHARS] if self.new else "nothing"
        return f"<move {self.sequence}: {self.action} to {new}>"

    def _repr_html_(self) -> str:
        return self.table("move", [self])

    @staticmethod
    def table(title: str, rows: Iterable[Move], *, more: bool = False) -> str:
        """Return `rows` as the table of a notebook."""
        cells = [
            (
                str(row.sequence),
                tables.time_text(row.at),
                row.actor,
                row.action,
                (row.old or "")[:SHORT_ID_CHARS],
                (row.new or "")[:SHORT_ID_CHARS],
            )
            for row in rows
        ]
        head = ("move", "time", "who", "action", "from", "to")
        return tables.table(title, head, cells, more=more)


@dataclass(frozen=True, slots=True)
class Size:
    """How much lies below a prefix."""

    prefix: str
    object_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """How much lies below a prefix at a ref, or why that is not known."""

    ref: str
    prefix: str
    object_count: int | None
    """None if there is an error, as `size_bytes`."""
    size_bytes: int | None
    code: str | None
    """Word of the error, such as `ref-not-found`; None if there is none."""
    message: str | None

    @classmethod
    def of(cls, body: wire.Measured) -> Measured:
        """Return what `body` says."""
        return cls(
            body.ref,
            body.prefix,
            body.object_count,
            body.size_bytes,
            body.code,
            body.message,
        )

    @staticmethod
    def table(title: str, rows: Iterable[Measured], *, more: bool = False) -> str:
        """Return `rows` as the table of a notebook."""
        cells = [
            (
                row.ref,
                row.prefix,
                "" if row.object_count is None else f"{row.object_count:,}",
                row.message or tables.bytes_text(row.size_bytes),
            )
            for row in rows
        ]
        head = ("ref", "prefix", "objects", "size")
        return tables.table(title, head, cells, more=more)


class Rows(tuple[T, ...], Generic[T]):
    """Results that have come, in their order: a tuple that shows itself as a table."""

    title: str
    is_cut: bool
    """Whether there are more than these."""

    def __new__(
        cls, rows: Iterable[T], title: str = "", *, is_cut: bool = False
    ) -> Rows[T]:
        """Make rows of `rows`, with the `title` of their table."""
        made = super().__new__(cls, rows)
        made.title = title
        made.is_cut = is_cut
        return made

    def _repr_html_(self) -> str:
        return table_of(self.title, list(self), more=self.is_cut)


def table_of(title: str, rows: list[T], *, more: bool = False) -> str:
    """Return `rows`, all of one kind, as the table of a notebook."""
    if not rows:
        return tables.table(title, (), [], more=more)
    make = getattr(type(rows[0]), "table", None)
    if make is None:
        return tables.table(title, ("",), [(repr(row),) for row in rows], more=more)
    return str(make(title, rows, more=more))


def _time(unix_s: int) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
