"""What a row of an operations table says of who may call it.

A `Permission` is asked for the repository and ref of the request; the markers here stand
in its place where that is not the question. A row that says nothing stops the start.
"""

from __future__ import annotations

from dataclasses import dataclass

from .grants import Permission


@dataclass(frozen=True, slots=True)
class Anyone:
    """The operation is for everyone, also without a key."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The operation is for whoever proves who they are; it shows each what is theirs."""


@dataclass(frozen=True, slots=True)
class Themselves:
    """The operation is for the user that the path names, and for administrators."""


@dataclass(frozen=True, slots=True)
class ForEach:
    """The operation asks for each thing that its body names, one by one.

    Who has the permission nowhere in the repository is refused before the body is read.
    """

    permission: Permission
