"""What a changed filter newly takes in: a step whose filter is not as it was is read and compared anew."""

import json
from collections.abc import Mapping
from typing import Final

import structlog

from daemon.domain.filter import together
from daemon.domain.gap import GapCause
from daemon.domain.mapping import Step
from daemon.flow.gaps import note_opened, open_for_objects
from daemon.flow.parts import Conditions, Parts
from daemon.flow.unlinked import enqueue_all_unlinked
from daemon.ports.schemas import Kept

log = structlog.get_logger(__name__)

NAME: Final = "filters"
"""The name under which the filters that were last in force are kept."""
AT_ONCE: Final = 5000
"""Pairs to a transaction that are to be read and compared."""

Filters = Mapping[str, Conditions]
"""The conditions of each step that has one."""
NONE: Final[Conditions] = ("", "")


class Refiltering:
    """Compares the filters in force with those before."""

    def __init__(self, parts: Parts, kept: Kept) -> None:
        self._parts = parts
        self._kept = kept
        self._known: Filters | None = None

    async def look(self) -> frozenset[str]:
        """Have read and compared what changed filters may take in; the steps. Interrupted, it begins again at the next look.

        A step that stands still is left for later. So is one that is being loaded, under a filter that was another: part of it is read
        already. One whose load has not begun needs nothing.
        """
        known = _read(await self._kept.get(NAME)) if self._known is None else self._known
        now = dict(known)
        changed = set()
        for step in self._parts.steps.ordered:
            mine = conditions(step)
            told = known.get(step.name)
            last = self._parts.loaded_under.get(step.name) if told is None else told
            if step.still or mine == (told or NONE) == (last or NONE):
                continue
            load = await self._parts.store.first_load(step.name) if mine != last else None
            if load == "done":
                pulls = step.direction.pulls
                await self._take_in(step, records=pulls and mine[0] != (last or NONE)[0])
                changed.add(step.name)
            now[step.name] = last if load == "running" and last is not None else mine
        if now != known:
            await self._kept.put(NAME, json.dumps(now, sort_keys=True))
        self._known = now
        return frozenset(changed)

    async def _take_in(self, step: Step, *, records: bool) -> None:
        parts = self._parts
        if step.direction.pushes:
            await enqueue_all_unlinked(parts, step)
        pairs = last = 0
        count = AT_ONCE
        while count == AT_ONCE:
            async with parts.writing:
                count, last = await parts.store.look_anew(step.name, last, AT_ONCE)
            pairs += count
        if records:
            now = parts.clock.now()
            async with parts.writing, parts.store.begin() as unit:
                gaps = await open_for_objects(unit, [step], GapCause.SCHEMA, now, now)
            note_opened(parts, gaps)
        log.info("filter_changed", step=step.name, pairs=pairs)


async def carry_filters(kept: Kept, former: str, step: str) -> None:
    """Let what is known of the filters that a step had under a former name be known under its own: what another filter takes in is found all the same."""
    known = dict(_read(await kept.get(NAME)))
    if former in known:
        known[step] = known.pop(former)
        await kept.put(NAME, json.dumps(known, sort_keys=True))


def conditions(step: Step) -> Conditions:
    """The conditions of a step's filters."""
    judged = [found.condition for found in (step.push_filter, step.routed_by) if found is not None]
    return step.soql, together(judged) if judged else ""


def _read(text: str | None) -> Filters:
    listed = json.loads(text) if text is not None else {}
    return {name: (str(soql), str(sql)) for name, (soql, sql) in listed.items()}
