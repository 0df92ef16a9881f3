"""The links of a step in and a step out over one table and one object, when one of the two comes or goes.

Both work by one set of links, under the name of the step in while it runs, and else of the step out. Which steps have shared their links
is kept, so that a pair whose one half was taken out of the files is still known: the other half takes over what is stored of it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.domain.mapping import Step, Steps
from daemon.domain.side import Direction
from daemon.flow.refiltering import carry_filters
from daemon.ports.schemas import Kept

log = structlog.get_logger(__name__)

NAME: Final = "one_way_steps"
"""The name under which it is kept."""


class Sharing(Protocol):
    """What is stored under a step's name, given to another one of the same table and object."""

    async def take_over(self, former: str, step: Step) -> int:
        """Rename links and what waits; how many links."""
        ...

    async def carry_load(self, former: str, step: str) -> None:
        """Let the step count as loaded where the former one was."""
        ...

    async def load_again(self, step: str) -> None:
        """Have a step loaded as if it never was."""
        ...


class Triggers(Protocol):
    """The capture of local changes."""

    async def capture_remove(self, steps: Sequence[str]) -> object:
        """Drop the triggers of these steps."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """Names that have shared the links of one table and object, and the ways that were in force last."""

    names: frozenset[str]
    direction: Direction


class SharedLinks:
    """Keeps what pairs of one-way steps have stored under the name by which the daemon works."""

    def __init__(self, sharing: Sharing, triggers: Triggers, kept: Kept) -> None:
        self._sharing = sharing
        self._triggers = triggers
        self._kept = kept

    async def begin(self, steps: Steps) -> None:
        """At a start: take over, and load anew what has a way that it had not when it ran last. Raises CallFailedError."""
        known = await self._read()
        await self.prepare(steps)
        await self._rename(steps, known)
        for step in _pairs(steps, known):
            if _gains(step, known):
                await self._sharing.load_again(step.name)
        await self._remember(steps, known)

    async def prepare(self, steps: Steps) -> None:
        """Before other steps are in force: what goes on under another name is not loaded anew. Raises CallFailedError."""
        known = await self._read()
        for step in _pairs(steps, known):
            if step.ways is None and not _gains(step, known):
                for name in _former(step, steps, known):
                    await self._sharing.carry_load(name, step.name)

    async def settle(self, steps: Steps) -> None:
        """Take over what former names have stored, once nothing works by them any more. Raises CallFailedError. Interrupted, it is done again."""
        known = await self._read()
        await self._rename(steps, known)
        await self._remember(steps, known)

    async def _rename(self, steps: Steps, known: Mapping[str, _Known]) -> None:
        for step in _pairs(steps, known):
            former = _former(step, steps, known)
            if former:
                await self._without_triggers(former)
            for name in former:
                await carry_filters(self._kept, name, step.name)
                links = await self._sharing.take_over(name, step)
                if links:
                    log.info("links_taken_over", step=step.name, former=name, links=links)

    async def _remember(self, steps: Steps, known: Mapping[str, _Known]) -> None:
        now = dict(known)
        for step in _pairs(steps, known):
            before = known.get(_place(step))
            names = frozenset(step.names) if before is None else before.names | frozenset(step.names)
            now[_place(step)] = _Known(names, step.direction)
        if now != known:
            await self._kept.put(NAME, _written(now))

    async def _without_triggers(self, names: Sequence[str]) -> None:
        """Without them nothing is stored under a name that nobody takes up."""
        try:
            await self._triggers.capture_remove(names)
        except (IsthmusError, CallFailedError) as error:
            log.warning(
                "capture_not_removed", steps=names, why=str(error), fix="isthmus capture remove --step STEP"
            )

    async def _read(self) -> dict[str, _Known]:
        text = await self._kept.get(NAME)
        listed = json.loads(text) if text is not None else {}
        return {place: _Known(frozenset(names), Direction(way)) for place, (names, way) in listed.items()}


def _written(known: Mapping[str, _Known]) -> str:
    return json.dumps(
        {place: [sorted(one.names), one.direction.value] for place, one in sorted(known.items())}
    )


def _place(step: Step) -> str:
    return f"{step.object} {step.table.qualified}"


def _pairs(steps: Steps, known: Iterable[str]) -> list[Step]:
    """The steps that are a pair, or were one."""
    places = set(known)
    return [step for step in steps.ordered if step.ways is not None or _place(step) in places]


def _gains(step: Step, known: Mapping[str, _Known]) -> bool:
    """Whether a step goes a way that it did not go when it was in force last."""
    before = known.get(_place(step))
    return before is None or before.direction.narrowed(step.direction) is not step.direction


def _former(step: Step, steps: Steps, known: Mapping[str, _Known]) -> list[str]:
    """Other names under which the step's links may be stored; none that another step bears by now."""
    before = known.get(_place(step))
    names = {*step.names, *(before.names if before is not None else ())}
    others = {name for each in steps.ordered if each is not step for name in each.names}
    return sorted(names - others - {step.name})
