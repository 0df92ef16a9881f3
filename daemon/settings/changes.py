"""What lies between two configurations: the steps that differ, and what only a restart can change. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from daemon.settings.models import Settings
from daemon.settings.steps import StepSettings

_REPLACED: Final = frozenset({"steps", "defaults", "filters"})
"""The parts that a running daemon takes up."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of steps that come and go, the keys that differ of each that stays, and the settings that need a restart.

    `moved` are steps that name another object or table: their links belong to the former ones.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    restart: tuple[str, ...]
    moved: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether anything differs at all."""
        return bool(self.added or self.removed or self.changed or self.restart)


def changes(before: Settings, after: Settings) -> Changes:
    """What would have to change for `before` to be `after`. Steps that do not run are steps that are not there."""
    was, now = _running(before), _running(after)
    stay = [name for name in now if name in was]
    shared = [name for name in ("defaults", "filters") if getattr(before, name) != getattr(after, name)]
    differing = {name: (*_keys(was[name], now[name]), *shared) for name in stay}
    return Changes(
        tuple(name for name in now if name not in was),
        tuple(name for name in was if name not in now),
        {name: keys for name, keys in differing.items() if keys},
        tuple(_paths(_rest(before), _rest(after), "")),
        tuple(name for name in stay if _pair(was[name]) != _pair(now[name])),
    )


def _running(settings: Settings) -> dict[str, StepSettings]:
    return {step.name: step for step in settings.steps if step.runs}


def _pair(step: StepSettings) -> tuple[str, str]:
    return step.salesforce.object, step.postgres.table


def _keys(before: StepSettings, after: StepSettings) -> list[str]:
    return [name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)]


def _rest(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude=set(_REPLACED))


def _paths(before: Any, after: Any, path: str) -> list[str]:
    """The settings that differ, as `http.listen`."""
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = sorted({*before, *after})
        return [
            found
            for key in keys
            for found in _paths(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [path]
