"""How doing a run again fails: each error is one line, and its class says the way out."""

from __future__ import annotations

from ..errors import ClientError


class RerunError(ClientError):
    """A run cannot be done again, or what came of it cannot be compared."""


class CodeNotRestoredError(RerunError):
    """The code of the run cannot be had: another repository may have it."""


class EnvironmentNotRestoredError(RerunError):
    """The environment of the run cannot be made again: the one that is here may do."""


class ProgramMissingError(RerunError):
    """The command is no program here: the environment of the run may have it."""


class NothingToCompareError(RerunError):
    """Nothing came of the run that could be compared: it can only be done again."""
