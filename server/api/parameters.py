"""The parameters of queries: one struct for each operation that has some.

A field is a parameter; its type, limits and default are what is accepted and what the
documentation will say. Booleans come as `True` or `true`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from lakebed.client.wire import AMOUNT_MAX

from .call import NoQuery

AMOUNT_DEFAULT = 100
"""Results in a page if the caller does not say; the lakeFS default."""

Amount = Annotated[int, msgspec.Meta(ge=-1, le=AMOUNT_MAX)]
"""How many results a page shall have; 0 and -1 leave it to the server."""
Text = Annotated[str, msgspec.Meta(max_length=1024)]
"""A name, path or prefix; what exactly it may be, the engine checks."""
DelimiterText = Annotated[str, msgspec.Meta(max_length=64)]
UnixSeconds = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
LINEAGE_DEPTH_MAX = 100
"""Steps of a lineage: more runs in a row than anybody looks at."""
Texts = Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)]


SIGNATURE_KEY = "X-Lakebed-Key"
SIGNATURE_EXPIRES = "X-Lakebed-Expires"
SIGNATURE = "X-Lakebed-Signature"
"""Parameters of a presigned address: no operation has others that begin so."""


class AmountQuery(NoQuery, frozen=True, kw_only=True):
    """How much of a listing to give."""

    amount: Amount = AMOUNT_DEFAULT
    """Results in the page at most; 0 and -1 leave it to the server."""

    @property
    def limit(self) -> int:
        """How many results to give at most."""
        return self.amount if self.amount > 0 else AMOUNT_DEFAULT


class PageQuery(AmountQuery, frozen=True, kw_only=True):
    """Where in a listing to go on, and how far."""

    prefix: Text = ""
    """Only what begins with this."""
    after: Text = ""
    """The `next_offset` of the page before."""


class BranchesQuery(PageQuery, frozen=True, kw_only=True):
    """Which branches to list."""

    show_hidden: bool = False
    """Hidden branches too."""


class RepositoriesQuery(PageQuery, frozen=True, kw_only=True):
    """Which repositories to list."""

    search: Text = ""
    """Only names that contain this."""


class CreateRepositoryQuery(NoQuery, frozen=True, kw_only=True):
    """How to create a repository."""

    bare: bool = False
    """Without a first commit and a branch."""


class ListingQuery(PageQuery, frozen=True, kw_only=True):
    """Which part of a tree to list."""

    delimiter: DelimiterText = ""
    """Paths are rolled up at its first place behind the prefix."""


class ObjectsQuery(ListingQuery, frozen=True, kw_only=True):
    """Which objects to list."""

    user_metadata: bool = True
    """Say the user metadata of each."""
    presign: bool = False
    """Show as `physical_address` ones that let their bearer read the objects."""


class DiffQuery(ListingQuery, frozen=True, kw_only=True):
    """Which differences to list."""

    type: Literal["two_dot", "three_dot"] = "three_dot"
    """`two_dot` compares left with right; `three_dot` their merge base with right."""
    include_right_stats: bool = False
    """Say what each object on the right is."""
    include_left_size: bool = False
    """Say how large the object was. Ours."""


class UncommittedQuery(ListingQuery, frozen=True, kw_only=True):
    """Which uncommitted changes to list."""

    include_left_size: bool = False
    """Say how large the object was. Ours."""


class BlameQuery(ListingQuery, frozen=True, kw_only=True):
    """Which objects to find the last change of."""

    path: Text = ""
    """This alone, whatever the other parameters say."""
    path_type: Literal["object", "common_prefix"] = "object"
    """Of `path`: an object, or all that begins with it as one."""


class LogQuery(PageQuery, frozen=True, kw_only=True):
    """Which commits to list."""

    objects: Texts = ()
    """Only commits that changed one of these paths, or one below `prefixes`."""
    prefixes: Texts = ()
    """Only commits that changed a path below one of these, or one of `objects`."""
    limit_only: bool = msgspec.field(name="limit", default=False)
    """This many and no more: do not say that there are others."""
    first_parent: bool = False
    """Follow the first parent of merges only."""
    since: Text = ""
    """Only commits made at or after this time, ISO 8601."""
    stop_at: Text = ""
    """Show nothing behind this commit."""


class RefLogQuery(AmountQuery, frozen=True, kw_only=True):
    """Which moves of a ref to list."""

    after: Annotated[str, msgspec.Meta(pattern="^[0-9]{0,16}$")] = ""
    """Only moves before the one with this number."""


class NumbersQuery(AmountQuery, frozen=True, kw_only=True):
    """Where in a list that goes by falling numbers to go on, and how far."""

    after: Annotated[str, msgspec.Meta(pattern="^[0-9]{0,16}$")] = ""
    """The `next_offset` of the page before."""

    @property
    def before(self) -> int | None:
        """Only what has a number below it; None: from the newest on."""
        return int(self.after) if self.after else None


class AliasQuery(NoQuery, frozen=True, kw_only=True):
    """Which alias."""

    alias: Text
    """Its name."""


class ReasonQuery(NoQuery, frozen=True, kw_only=True):
    """Why it is done."""

    reason: Text = ""
    """For whoever reads the log."""


class PathQuery(NoQuery, frozen=True, kw_only=True):
    """Which object."""

    path: str
    """The object's path: 1 to 1,024 bytes of UTF-8 without NUL."""


class ForceQuery(NoQuery, frozen=True, kw_only=True):
    """How to change what is there."""

    force: bool = False
    """Also in a read-only repository, for who administers it."""


class WriteQuery(ForceQuery, frozen=True, kw_only=True):
    """Which object to write."""

    path: str
    """The object's path: 1 to 1,024 bytes of UTF-8 without NUL."""


class ReadQuery(PathQuery, frozen=True, kw_only=True):
    """Which object to read."""

    presign: bool = False
    """Answer with 302 and an address that lets its bearer read the object."""
    signed_by: Text = msgspec.field(name=SIGNATURE_KEY, default="")
    """Of such an address: the access key that signed it,"""
    expires: UnixSeconds = msgspec.field(name=SIGNATURE_EXPIRES, default=0)
    """until when it counts, Unix seconds,"""
    signature: Text = msgspec.field(name=SIGNATURE, default="")
    """and the signature. No other credentials count beside it."""


class StatQuery(PathQuery, frozen=True, kw_only=True):
    """Which object to describe."""

    presign: bool = False
    """Show as `physical_address` one that lets its bearer read the object."""

    user_metadata: bool = True
    """Say its user metadata."""


class CopyQuery(NoQuery, frozen=True, kw_only=True):
    """Where to copy to."""

    dest_path: str
    """The path of the copy."""


class PrefixQuery(NoQuery, frozen=True, kw_only=True):
    """Which subtree."""

    prefix: str = ""
    """Only what lies below; everything if it is not given."""


class RunsQuery(AmountQuery, frozen=True, kw_only=True):
    """Which runs to list; all conditions hold."""

    repository: Text = ""
    """Only runs of this repository."""
    experiment: Text = ""
    """Only runs of this experiment."""
    status: Text = ""
    """Only runs that are `running`, or that `succeeded`, `failed`, were `interrupted` or `lost`."""
    user: Text = ""
    """Only runs that this user began."""
    param: Texts = ()
    """`NAME=VALUE`: only runs with that parameter."""
    metric: Texts = ()
    """`NAME>VALUE`, or `<`, `<=`, `=`, `>=`: only runs whose last value compares so."""
    after: Text = ""
    """The `next_offset` of the page before."""


class RunPartQuery(NoQuery, frozen=True, kw_only=True):
    """Which file, or metric, of a run."""

    name: Text
    """Its name."""


class GrantQuery(NoQuery, frozen=True, kw_only=True):
    """Which grant: its globs, as they were given."""

    repository: Text
    """The glob over names of repositories."""
    ref: Text
    """The glob over names of branches and tags."""


class HardResetQuery(ForceQuery, frozen=True, kw_only=True):
    """Where to move a branch."""

    ref: Text
    """Where to: any ref expression."""


class BundleQuery(NoQuery, frozen=True, kw_only=True):
    """How to take a bundle in."""

    if_absent: bool = False
    """What is there already is kept."""


class WhyQuery(NoQuery, frozen=True, kw_only=True):
    """What is asked about."""

    subject: Text
    """A run by its id, `MODEL@VERSION`, `MODEL@ALIAS`, or `lakebed://REPO/REF/PATH`."""


class LineageQuery(WhyQuery, frozen=True, kw_only=True):
    """How far to follow what something came from, or what came of it."""

    direction: Literal["up", "down"] = "up"
    """`up`: what it came from; `down`: what came of it."""
    depth: Annotated[int, msgspec.Meta(ge=1, le=LINEAGE_DEPTH_MAX)] = LINEAGE_DEPTH_MAX
    """Steps at most; a run is one step from what it read."""
    amount: Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAX)] = AMOUNT_MAX
    """Nodes at most."""
