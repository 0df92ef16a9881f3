"""A repair that an operator ordered: what a comparison found is looked at again, and what differs still is given to the road."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.accounts import repaired
from daemon.flow.auditing.examine import Examined, examine
from daemon.flow.auditing.mending import Mending, mend
from daemon.flow.jobs import Progress, step_of
from daemon.flow.parts import Parts
from daemon.ports.comparing import Comparisons, Difference
from daemon.ports.jobs import Job
from daemon.reconcile.compare import Kind, Why

AT_ONCE: Final = 500
BY_WORD: Final = frozenset({Why.CONFLICT, Why.ONE_WAY})
"""Differences that are explained, and that a side's word decides all the same, when they are named."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What was ordered: close what the job `compare` found, with the word of `take` (None: the step's rules), only this kind, at most so many deletes."""

    compare: int
    take: Side | None
    only: str | None
    deletes: int

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Repair":
        """The order in a job's request."""
        take = request["take"]
        return cls(
            int(request["compare"]),
            None if take == "policy" else Side(take),
            request.get("only"),
            int(request.get("deletes", 0)),
        )

    def means(self, kind: str, why: str | None) -> bool:
        """Whether a difference is to be closed: one that nothing explains, or that is named by its explanation."""
        if why is not None:
            return self.only == why and self.take is not None and why in BY_WORD
        return self.only is None or self.only == kind


@dataclass(slots=True)
class _Done:
    """What a repair has done: differences given to the road by kind, those that were not there any more, and those it may not close."""

    given: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    left: Counter[str] = field(default_factory=Counter)
    deletes: int = 0


class OrderedRepairs:
    """Works on orders to repair."""

    def __init__(self, parts: Parts, comparisons: Comparisons) -> None:
        self._parts = parts
        self._comparisons = comparisons

    async def work(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Close differences. What was given to the road is found waiting, so that doing it again changes nothing.

        How many deletes were given is kept before they are: whatever interrupts the work, no more of them are given than were confirmed.
        """
        step, order = step_of(self._parts, job), Repair.of(job.request)
        done = _Done(deletes=int((job.place or {}).get("deletes", 0)))
        counts = await self._comparisons.difference_counts(order.compare)
        expected = sum(number for (kind, why), number in counts.items() if order.means(kind, why))
        await progress.note(0, expected)
        after = 0
        while found := await self._comparisons.differences(order.compare, after, AT_ONCE):
            after = found[-1].id
            meant = [item for item in found if order.means(item.kind, item.why)]
            linked = [item for item in meant if item.sf_id is not None and item.key is not None]
            await self._close(step, order, linked, done, progress)
            await self._make(step, order, [item for item in meant if item not in linked], done)
            await progress.note(progress.processed + len(meant))
        return {
            "given": dict(done.given),
            "gone": done.gone,
            "left": dict(done.left),
            "deletes": done.deletes,
        }

    async def _close(
        self, step: Step, order: Repair, listed: Sequence[Difference], done: _Done, progress: Progress
    ) -> None:
        """Linked pairs, as they are now."""
        if not listed:
            return
        async with self._comparisons.look() as look:
            links = await look.links_of_records([item.sf_id or "" for item in listed])
            pairs = await look.pairs_of(step, [link.id for link in links.values()])
        examined = [
            item
            for item in await examine(self._parts, self._comparisons, step, pairs)
            if order.means(item.finding.kind.value, item.finding.why.value if item.finding.why else None)
            and item.finding.kind is not Kind.AGREED
        ]
        done.gone += len(listed) - len(examined)
        await self._store(step, order, examined, done, progress)

    async def _store(
        self, step: Step, order: Repair, examined: Sequence[Examined], done: _Done, progress: Progress
    ) -> None:
        parts, now, before = self._parts, self._parts.clock.now(), done.deletes
        async with parts.writing, parts.store.begin() as unit:
            as_they_are = await unit.links_by_id([item.link.id for item in examined])
            chosen: list[tuple[Examined, Mending]] = []
            for item in examined:
                mending = mend(step, item, order.take, now, parts.new_id)
                if as_they_are.get(item.link.id) != item.link:
                    done.gone += 1
                elif mending is None:
                    done.left["not_by_this_side"] += 1
                elif mending.deletes and done.deletes >= order.deletes:
                    done.left["would_delete"] += 1
                else:
                    chosen.append((item, mending))
                    done.deletes += mending.deletes
                    done.given[item.finding.kind.value] += 1
            if done.deletes > before:
                await progress.note(progress.processed, place={"deletes": done.deletes})
            await unit.put_links([mending.link for _, mending in chosen if mending.link is not None])
            await unit.store_changes([change for _, mending in chosen for change in mending.changes])
            await unit.journal([repaired(now, step, i.link.sf_id, i.link.key, i.finding) for i, _ in chosen])

    async def _make(self, step: Step, order: Repair, lone: Sequence[Difference], done: _Done) -> None:
        """Halves without another: made across, never deleted. Whoever wants one gone deletes it where it is."""
        records = [item.sf_id for item in lone if item.sf_id is not None and order.take is not Side.POSTGRES]
        rows = [item.key for item in lone if item.key is not None and order.take is not Side.SALESFORCE]
        done.left["not_by_this_side"] += len(lone) - len(records) - len(rows)
        done.left = +done.left
        if not records and not rows:
            return
        async with self._comparisons.look() as look:
            unknown = await look.strangers(step, records)
            linked = await look.links_of_rows(step.table.qualified, rows)
        now, name = self._parts.clock.now(), step.name
        changes = [
            Change(name, Side.SALESFORCE, ChangeKind.REREAD, Source.OPERATOR, now, sf_id) for sf_id in unknown
        ]
        async with self._parts.writing, self._parts.store.begin() as unit:
            waiting = await unit.local_changes(name, rows)
            changes += [
                Change(
                    name,
                    Side.POSTGRES,
                    ChangeKind.CREATE,
                    Source.OPERATOR,
                    now,
                    key=key,
                    external_id=self._parts.new_id(),
                )
                for key in rows
                if key not in linked and key not in waiting
            ]
            await unit.store_changes(changes)
        done.gone += len(records) + len(rows) - len(changes)
        done.given.update(
            Kind.ONLY_SALESFORCE.value if change.side is Side.SALESFORCE else Kind.ONLY_POSTGRES.value
            for change in changes
        )
