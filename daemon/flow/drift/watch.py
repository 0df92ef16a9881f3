"""The watch over both sides' schemas: what changed is told, what does not fit any more is held, what fits again is made good.

Both sides are described once in a while, and at once when a call failed in a way that a changed schema may explain. The steps are
then resolved anew and put in force between two batches. A mapping that is held is simply not among its step's fields: nothing
reads or writes it, and the last agreed value stays in the base. When it is back, every pair of its step is read and compared
with that base, so that whatever either side changed meanwhile goes down the road like any other change.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

import structlog

from daemon.domain.drift import Drift, DriftKind, KnownSteps
from daemon.domain.failure import CallFailedError, ConfigurationError, IsthmusError
from daemon.domain.gap import GapCause
from daemon.domain.mapping import Step, Steps
from daemon.domain.side import Side
from daemon.flow.deferral import REMOVED, SCHEMA_REASONS, STILL
from daemon.flow.drift.differences import Schemas, differences
from daemon.flow.drift.memory import NAME, HeldSince, Memory, held_since, read, written
from daemon.flow.gaps import note_opened, open_for_objects
from daemon.flow.parts import Parts
from daemon.flow.refiltering import Refiltering
from daemon.flow.unlinked import enqueue_all_unlinked
from daemon.ports.schemas import Kept, Objects, Tables

log = structlog.get_logger(__name__)

EVERY: Final = 50.0
"""Seconds between looks: what has changed is known within a minute."""
PAUSE: Final = 5.0
"""Seconds between two looks at least; twice as many after each that a failed call had made, and that found nothing."""
WHOLE_EVERY: Final = 12
"""Every so many looks Salesforce is asked for everything, in case a right changes and the description's date does not."""
PATIENCE: Final = 60.0
"""Seconds for one look at one side."""
FORMER_BATCHES: Final = 20.0
"""Seconds to wait for the last batch under former steps; a longer one is waited for at the next look."""
DIFFERENCES_TOLD: Final = 50
LOOKED_AT_ONCE: Final = 5000
"""Pairs to a transaction that are to be read and compared."""
_ANY: Final = "*"
"""In place of a field's name: the mappings of a step were changed by another configuration."""


class Held(Protocol):
    """What became of the configuration when it was held against both sides."""

    @property
    def steps(self) -> Steps | None:
        """The steps that go on and those that stand still; None where there are problems that holding back does not mend."""
        ...

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """What is held."""
        ...

    @property
    def known(self) -> KnownSteps:
        """What is known to work."""
        ...

    @property
    def problems(self) -> Sequence[object]:
        """What is wrong beyond what can be held."""
        ...


Assess = Callable[[Schemas, KnownSteps], Held]


async def _nothing_shared(steps: Steps) -> None:
    """Where no two steps share their links, a name that goes leaves nothing to anybody."""


class SchemaWatch:
    """Keeps the steps in force fit for both sides. `health` is told whether every mapping works.

    `settle_names` gives steps what is stored under other names of theirs, once nothing works by those any more.
    """

    def __init__(
        self,
        parts: Parts,
        objects: Objects,
        tables: Tables,
        kept: Kept,
        assess: Assess,
        wanted: tuple[Sequence[str], Sequence[str]],
        health: Callable[[bool, str], None],
        settle_names: Callable[[Steps], Awaitable[None]] = _nothing_shared,
    ) -> None:
        self._parts = parts
        self._objects = objects
        self._tables = tables
        self._kept = kept
        self._assess = assess
        self._object_names, self._table_names = wanted
        self._health = health
        self._settle_names = settle_names
        self._renamed = False
        self._refiltering = Refiltering(parts, kept)
        self._seen: Schemas | None = None
        self._memory: Memory | None = None
        self._looks = 0
        self._to_resume: set[str] = set()
        self._turn = asyncio.Lock()  # of a look, or of another configuration
        self._refused = ""
        objects.when_outdated(parts.schema_doubts.set)

    async def run(self) -> None:
        """Look for ever. A look that fails is the components' to tell, and is made again."""
        pause, woken = PAUSE, False
        while True:
            steps = self._parts.steps
            try:
                await self.look()
            except (CallFailedError, IsthmusError, TimeoutError) as error:
                log.warning("schema_not_looked_at", error=str(error))
            # Failures that no schema explains go on as well: they must not have it described again and again.
            futile = woken and steps is self._parts.steps
            pause = min(EVERY, 2 * pause) if futile else PAUSE
            await self._parts.clock.sleep(pause)
            woken = await self._woken(EVERY - pause)

    async def _woken(self, seconds: float) -> bool:
        """Wait until it is time to look again, or somebody doubts; whether somebody did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._parts.schema_doubts.wait()
        return False

    async def look(self) -> tuple[Drift, ...]:
        """One look at both sides, and all that follows from it; what is held now. Raises CallFailedError or IsthmusError."""
        doubts = self._parts.schema_doubts
        doubted = doubts.is_set()
        doubts.clear()  # those of the meantime are for the next look
        try:
            async with self._turn:
                return await self._look(doubted=doubted)
        except BaseException:
            if doubted:
                doubts.set()
            raise

    async def _look(self, *, doubted: bool) -> tuple[Drift, ...]:
        stored = await self._kept.get(NAME) if self._memory is None else None
        memory = self._memory or read(stored)
        seen = await self._described(whole=doubted or self._looks % WHOLE_EVERY == 0)
        self._looks += 1
        self._tell_differences(seen)
        found = self._assess(seen, memory.known)
        if found.steps is None:
            self._tell_refused(found)
            return self._parts.in_force.drifts
        now = self._parts.clock.now()
        since = held_since(found.drifts, memory.owed, now)
        away = found.steps.by_name.keys() - memory.known.keys() if stored is not None else ()
        back = {name: {"": now} for name in away}  # a former process ran without these
        await self._remember(Memory(found.known, _merged(_merged(back, memory.owed), since)))
        if self._looks == 1:  # a process that ended may have let a step go, and not what waited for it
            self._to_resume |= found.steps.by_name.keys()
        await self._put_in_force(found.steps, found.drifts)
        await self._settle(found.steps)
        await self._resume(found.steps)
        await self._make_good(found, since)
        await self._refiltering.look()
        return found.drifts

    async def adopt(
        self,
        assess: Assess,
        wanted: tuple[Sequence[str], Sequence[str]],
        ready: Callable[[Steps], Awaitable[None]],
        touched: Mapping[str, bool],
        at_first: Assess | None = None,
    ) -> None:
        """Hold another configuration against both sides, and put its steps in force between two batches.

        `at_first` judges in place of `assess` this once: what has just been written has to fit. `ready` makes what the steps need before they are. `touched` names the steps whose pairs are to be compared, and whether what came
        to be on either side as well: the next look has it done. Raises ConfigurationError where the configuration does not fit, and whatever
        `ready` raises: the former one stays.
        """
        async with self._turn:
            former = self._object_names, self._table_names
            self._object_names, self._table_names = wanted
            try:
                memory = self._memory or read(await self._kept.get(NAME))
                seen = await self._described(whole=True)
                found = (at_first or assess)(seen, memory.known)
                steps = _fitting(found, touched, self._parts.in_force.drifts)
                await ready(steps)
                now = self._parts.clock.now()
                since = held_since(found.drifts, memory.owed, now)
                changed = {name: {"" if whole else _ANY: now} for name, whole in touched.items()}
                await self._remember(Memory(found.known, _merged(_merged(memory.owed, since), changed)))
            except BaseException:
                self._object_names, self._table_names = former
                raise
            self._assess, self._seen = assess, seen
            self._to_resume |= steps.by_name.keys()
            self._renamed = True
            await self._put_in_force(steps, found.drifts)
        self._parts.schema_doubts.set()  # a look follows at once

    async def _described(self, *, whole: bool) -> Schemas:
        async with asyncio.timeout(PATIENCE):
            objects = await self._objects.describe_all(self._object_names, whole=whole)
        async with asyncio.timeout(PATIENCE):
            tables = await self._tables.tables(self._table_names)
        return Schemas(dict(objects), dict(tables))

    async def _put_in_force(self, steps: Steps, drifts: tuple[Drift, ...]) -> None:
        """Replace the steps where they differ, and note of which something is held by now, or not any more."""
        former, held = self._parts.steps, self._parts.in_force.drifts
        if steps != former:
            changed = [step for step in steps.ordered if step != former.by_name.get(step.name)]
            await self._adapt_capture(changed)
            log.info("steps_replaced", steps=[step.name for step in changed])
        async with self._parts.writing:
            self._parts.in_force.replace(steps, drifts)
            await self._settle_names_early(steps)
        self._tell_held(steps, drifts, held)
        touched = {(d.step, d.field) for d in held} ^ {(d.step, d.field) for d in drifts}
        self._to_resume |= {step for step, _ in touched}

    async def _settle_names_early(self, steps: Steps) -> None:
        """The same as `_settle`, before anything is decided by these steps, and again by that once the last former batch has ended.

        A load would pass over what bears another name, and a create in doubt would not be known for ours. What fails is left to `_settle`.
        """
        if self._renamed:
            try:
                await self._settle_names(steps)
            except (CallFailedError, IsthmusError) as error:
                log.warning("names_not_settled", why=str(error), advice="Nothing: it is tried again at once.")

    async def _settle(self, steps: Steps) -> None:
        """Give steps what other names of theirs have stored. Whoever still works by those is waited for, if need be until the next look."""
        if not self._renamed or not await self._parts.in_force.alone(FORMER_BATCHES):
            return
        async with self._parts.writing:
            await self._settle_names(steps)
        self._to_resume |= steps.by_name.keys()
        self._renamed = False

    async def _resume(self, steps: Steps) -> None:
        """Make due what waited for a step that goes on. What a failure leaves of it is made good by the next look."""
        for name in sorted(self._to_resume):
            step = steps.named(name)
            if step is not None and not step.still:
                await self._parts.store.resume(step.name, STILL, [reason.value for reason in SCHEMA_REASONS])
                await self._parts.store.resume(step.name, REMOVED, ())
            self._to_resume.discard(name)

    async def _adapt_capture(self, steps: Sequence[Step]) -> None:
        try:
            await self._tables.capture_adapt(steps)
        except IsthmusError as error:
            log.warning("capture_not_adapted", what=error.what, why=error.why, fix="isthmus capture install")

    async def _make_good(self, found: Held, held: HeldSince) -> None:
        """Compare the pairs of each step of which something was held and is not any more."""
        assert self._memory is not None
        assert found.steps is not None
        owed = dict(self._memory.owed)
        for name, was in self._memory.owed.items():
            step, now = found.steps.named(name), held.get(name, {})
            back = was.keys() - now.keys()
            if not back:
                continue
            if step is not None:
                if step.still or self._renamed or not await self._parts.in_force.alone(FORMER_BATCHES):
                    continue
                await self._bring_back(step, min(was[field] for field in back), whole="" in back)
            owed[name] = now
            if not now:
                del owed[name]
        await self._remember(Memory(found.known, owed))

    async def _bring_back(self, step: Step, since: datetime, *, whole: bool) -> None:
        """Have every pair read and compared; of a step that stood still, also what came to be on either side meanwhile.

        Interrupted, it begins again at the next look. A step that was never loaded to the end is loaded instead, which does all of that.
        """
        parts = self._parts
        if whole and await parts.store.first_load(step.name) != "done":
            log.info("step_goes_on", step=step.name, first_load="to do")
            return
        if whole and step.direction.pushes:
            await enqueue_all_unlinked(parts, step)
        pairs = await self._look_anew(step.name)
        if whole:
            async with parts.writing, parts.store.begin() as unit:
                gaps = await open_for_objects(unit, [step], GapCause.SCHEMA, since, parts.clock.now())
            note_opened(parts, gaps)
        log.warning("schema_fits_again", step=step.name, pairs=pairs, since=since)

    async def _look_anew(self, step: str) -> int:
        pairs = last = 0
        while True:
            async with self._parts.writing:
                count, last = await self._parts.store.look_anew(step, last, LOOKED_AT_ONCE)
            pairs += count
            if count < LOOKED_AT_ONCE:
                return pairs

    async def _remember(self, memory: Memory) -> None:
        if memory != self._memory:
            await self._kept.put(NAME, written(memory))
            self._memory = memory

    def _tell_differences(self, seen: Schemas) -> None:
        """Say and count what is not as it was at the last look."""
        before, self._seen = self._seen, seen
        found = differences(before, seen) if before is not None else []
        for item in found[:DIFFERENCES_TOLD]:
            tell = log.info if item.kind is DriftKind.ADDED else log.warning
            tell("schema_changed", difference=str(item), side=item.side.value, kind=item.kind.value)
        for item in found:
            if item.side is Side.SALESFORCE:
                self._parts.meter.count(
                    "isthmus_salesforce_schema_changes_total", object=item.owner, kind=item.kind.value
                )

    def _tell_held(self, steps: Steps, drifts: tuple[Drift, ...], before: tuple[Drift, ...]) -> None:
        counts = Counter(drift.step for drift in drifts)
        for step in steps.ordered:
            for name in step.names:
                self._parts.meter.gauge("isthmus_schema_drift", counts[name], step=name)
        for drift in drifts:
            if drift not in before:
                log.error("mapping_held", step=drift.step, field=drift.field, what=drift.what, fix=drift.fix)
        reason = "; ".join(str(drift) for drift in drifts)
        self._health(not drifts, reason or "every mapping fits both sides")
        self._refused = ""

    def _tell_refused(self, found: Held) -> None:
        reason = "; ".join(str(problem) for problem in found.problems)
        self._health(False, reason)
        if reason != self._refused:
            log.error("configuration_does_not_fit", problems=reason, fix="isthmus config check")
            self._refused = reason


def _fitting(found: Held, touched: Container[str], held: Container[Drift]) -> Steps:
    """The steps of a configuration that fits both sides. Raises ConfigurationError for another.

    What a schema has broken is held; what the configuration itself would break is not taken up.
    """
    broken = [drift for drift in found.drifts if drift.step in touched and drift not in held]
    if found.steps is None or broken:
        raise ConfigurationError(
            "the configuration does not fit both sides",
            "\n".join(str(problem) for problem in [*found.problems, *broken]),
            "mend it, then run: isthmus config check",
        )
    return found.steps


def _merged(one: HeldSince, other: HeldSince) -> dict[str, dict[str, datetime]]:
    return {step: {**one.get(step, {}), **other.get(step, {})} for step in {*one, *other}}
