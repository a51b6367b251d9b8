"""What of an environment is not as it was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..wire import Distribution, Environment


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """Something of an environment that is not as it was recorded."""

    name: str
    """Of a distribution; or `python`, `libc`, `image` ..."""
    recorded: str | None
    """None: it was not there."""
    current: str | None
    """None: it is not there."""

    def __str__(self) -> str:
        match self.recorded, self.current:
            case None, current:
                return f"{self.name} {current} was not there"
            case recorded, None:
                return f"{self.name} {recorded} is not there"
            case recorded, current:
                return f"{self.name} {recorded} is {current} here"


_SYSTEM = ("python", "implementation", "os", "libc", "image")


def check_environment(
    recorded: Environment, current: Environment
) -> list[EnvironmentDifference]:
    """Return what is different, system first, then distributions by name."""
    found: list[EnvironmentDifference] = []
    for name in _SYSTEM:
        before = getattr(recorded, name) or None
        now = getattr(current, name) or None
        if before != now:
            found.append(EnvironmentDifference(name, before, now))
    found += compare_distributions(recorded.distributions, current.distributions)
    return found + compare_distributions(recorded.conda, current.conda)


def compare_distributions(
    recorded: Iterable[Distribution], current: Iterable[Distribution]
) -> list[EnvironmentDifference]:
    """Return the distributions that are not the same, by name."""
    before = {each.name: each for each in recorded}
    now = {each.name: each for each in current}
    return [
        EnvironmentDifference(
            name,
            _described(before[name]) if name in before else None,
            _described(now[name]) if name in now else None,
        )
        for name in sorted(before.keys() | now.keys())
        if name not in before
        or name not in now
        or not _is_same(before[name], now[name])
    ]


def _is_same(one: Distribution, other: Distribution) -> bool:
    if one.version != other.version:
        return False
    # A folder may have moved with the code; what lies in it is compared with the code.
    return _url(one) == _url(other)


def _url(each: Distribution) -> str | None:
    return "folder" if (each.url or "").startswith("file://") else each.url


def _described(each: Distribution) -> str:
    if each.url is None or each.url.startswith("file://"):
        return each.version
    return f"{each.version} ({each.url})"
