"""Backlogs on their way to Salesforce in bulk: gathered over some rounds of the worker, and handed over to a job beside it.

A job of Bulk API 2.0 costs about ten calls for up to ten thousand records, and takes from seconds to minutes. So only what waits in large
numbers goes this way, and nobody waits for it: the worker marks such writes as sent, hands them over, and goes on with what is live. As
long as they are in hand here, it leaves their pairs alone: what else is stored of them is put off until the job has ended. The
outcome is settled like any other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.mapping import Field, Step
from daemon.domain.policy import Policy
from daemon.domain.side import Side
from daemon.flow.bulk_batch import MOST_WEIGHT, BulkBatch
from daemon.flow.bulk_hands import LATER, Hands
from daemon.flow.bulk_jobs import BulkJobs
from daemon.flow.cases import Case
from daemon.flow.doubts import created_in_doubt, is_among
from daemon.flow.finishing import finish_batch
from daemon.flow.parts import Parts
from daemon.flow.sending import deliver, marked, record_write
from daemon.ports.bulk_writes import BulkNote, BulkWriter
from daemon.ports.salesforce import RecordWrite
from daemon.ports.store import Deferral, Unit
from daemon.reconcile.pace import LARGEST

MOST: Final = 10_000
"""So many records are in hand at most. Salesforce works off a job in portions of just that size."""

LEAST: Final = 100
"""Fewer due at once of one step are no backlog, and a transaction that stored fewer of them is not a large one."""

LIVE: Final = timedelta(seconds=5)
"""A change that is younger goes out by itself, unless a large transaction stored it: somebody may be waiting for it."""

GATHER_SECONDS: Final = 20.0
"""For so long records are gathered for one job, from the first on."""

_CALLS: Final = {ChangeKind.CREATE: "upsert", ChangeKind.UPDATE: "update", ChangeKind.DELETE: "delete"}
"""What a change is written by, as a rule."""

_WHENEVER: Final = frozenset({Policy.SALESFORCE, Policy.POSTGRES})
"""Rules that decide the same whenever a value was changed."""

_Call = tuple[str, str]


class BulkLane:
    """What goes to Salesforce in bulk. `bulk_from` records or more are worth a job; fewer go through Collections after all. None: nothing goes in bulk."""

    def __init__(self, parts: Parts, writer: BulkWriter, note: BulkNote, *, bulk_from: int | None) -> None:
        self._bulk_from = bulk_from
        self._hands = Hands()
        self._jobs = BulkJobs(parts, writer, note, self._hands)
        self._candidates: set[int] = set()
        self._batches: dict[tuple[str, _Call], BulkBatch] = {}
        self._large: set[int] = set()
        """Transactions of which much was claimed, so that their last rows go with the others."""
        self._added = False
        self._since = 0.0

    # --- the job under way ---------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._jobs.running

    @property
    def crowded(self) -> bool:
        """Whether more waits for the job under way than was handed over to it: then large claims are of no use."""
        return self._jobs.running and not self._jobs.overdue and self._hands.keep_others_waiting

    async def run(self) -> None:
        """Work off what is handed over, for ever."""
        await self._jobs.run()

    async def work_off(self) -> None:
        """Work off what is handed over now."""
        await self._jobs.work_off()

    async def rested(self) -> bool:
        """Wait until nothing is under way; whether anything was."""
        return await self._jobs.rested()

    def ended(self) -> None:
        """Raises CallFailedError while a job that was left behind may write still, as far as Salesforce tells."""
        self._jobs.ended()

    # --- a round of the worker, in the order of its stages -------------------------------------------------------

    async def begin_round(self) -> None:
        """Before anything is claimed: what another process has left is ended, if Salesforce tells so."""
        self._hands.begin_round()
        self._candidates.clear()
        await self._jobs.end_left_behind()

    def claimed(self, changes: Sequence[Change]) -> None:
        """The changes of this round."""
        self._hands.taken_up(changes)

    async def sift(self, parts: Parts, step: Step, changes: Sequence[Change], *, full: bool) -> list[Change]:
        """The changes of one step that the worker takes up now. Those that may go in bulk are noted, or put off while a job is under way.

        `full` says that the claim was: there may be more.
        """
        gathering = any(name == step.name for name, _ in self._batches)
        if not (full or gathering) or not self._takes(parts, step):
            return list(changes)
        counted = Counter(change.transaction for change in changes)
        large = {number for number, count in counted.items() if count >= LEAST} | self._large
        now = parts.database_now()
        fit = [c for c in changes if _may_wait(step, c) and (c.transaction in large or now - c.at >= LIVE)]
        if len(fit) < LEAST and not gathering:
            return list(changes)
        self._large = large
        numbers = {change.id for change in fit}
        if not self.running:
            self._candidates |= numbers
            return list(changes)
        async with parts.writing, parts.store.begin() as unit:
            await self._hands.put_off(parts, unit, fit)
        return [change for change in changes if change.id not in numbers]

    async def put_aside(self, parts: Parts, unit: Unit, cases: Sequence[Case]) -> list[Case]:
        """The cases whose pair is not in hand here; what is stored of the others waits for the end of the job.

        While a job that was left behind may write still, whatever is in doubt may be in it.
        """
        held = [case for case in cases if self._hands.holds(case)]
        if self._jobs.unended:
            held += await _in_doubt(parts, unit, [case for case in cases if not self._hands.holds(case)])
        if not held:
            return list(cases)
        await self._hands.put_off(parts, unit, [change for case in held for change in case.changes])
        waiting = {id(case) for case in held}
        return [case for case in cases if id(case) not in waiting]

    def in_hand(self, change: Change) -> bool:
        """Whether it is decided here what becomes of a change of this round."""
        return self._hands.keeps(change)

    async def take(self, parts: Parts, step: Step, cases: Sequence[Case]) -> list[Case]:
        """Mark what goes in bulk, and keep it; the cases that are left for the worker.

        Of several that bear one external id only the first goes out: the others wait, or one would be written over the other.
        """
        taken: set[int] = set()
        for call, group in self._groups(step, cases).items():
            batch = self._batches.get((step.name, call), BulkBatch(step, call))
            if len(group) < LEAST and not batch.cases:
                continue
            chosen = self._admitted(batch, group)
            outgoing = await marked(parts, chosen) if chosen else []
            if outgoing:
                await self._keep(parts, batch, outgoing)
                taken |= {id(case) for case in outgoing}
        rest = [case for case in cases if id(case) not in taken]
        if not any(self._hands.holds(case) for case in rest):
            return rest
        async with parts.writing, parts.store.begin() as unit:
            return await self.put_aside(parts, unit, rest)

    async def end_round(self, parts: Parts) -> None:
        """Send what was gathered, as soon as nothing more comes or there is no room: as a job, or by the worker's own way if it is too little."""
        added, self._added = self._added, False
        if self.running:
            return
        if not self._batches:
            self._large.clear()
            return
        waited = parts.clock.monotonic() - self._since
        if added and not self._is_full() and waited < GATHER_SECONDS:
            return
        batches, self._batches = list(self._batches.values()), {}
        worth = self._bulk_from or MOST + 1
        worthy = [batch for batch in batches if len(batch.cases) >= worth]
        if worthy:
            await self._jobs.hand_over(worthy)
        try:
            for batch in batches:
                if len(batch.cases) < worth:
                    await deliver_together(parts, batch)
        finally:
            if not self.running:
                self._hands.release()
        if not self.running:
            await self._hands.wake(parts)

    def put_off(self, changes: Sequence[Change]) -> int:
        """How many of these the running round has put off until the job ends."""
        return sum(change.id in self._hands.put_off_now for change in changes)

    # --- what may go in bulk -------------------------------------------------------------------------------------

    def _takes(self, parts: Parts, step: Step) -> bool:
        """Whether the step's writes may go in bulk now: not where smaller requests were asked for, or were learned to be needed."""
        if self._bulk_from is None or step.adds_once or self._jobs.bars(step.object):
            return False
        if self._jobs.overdue or self._jobs.unended:
            return False
        well = not parts.outages.in_a_row(step.object)
        return well and parts.sizes.of(step.object, step.batch_size) >= LARGEST

    def _groups(self, step: Step, cases: Sequence[Case]) -> Mapping[_Call, list[tuple[Case, RecordWrite]]]:
        groups: dict[_Call, list[tuple[Case, RecordWrite]]] = {}
        for case in cases:
            if self._fits(case):
                write = record_write(step, case)
                if _bears_delay(step, write.call[0]) and self._jobs.carries(write):
                    groups.setdefault(write.call, []).append((case, write))
        return groups

    def _fits(self, case: Case) -> bool:
        """Whether nothing but its own write is to be settled of a case."""
        alone = bool(case.ours) and not case.theirs and not case.blind and not case.in_doubt
        decided = case.plan.salesforce is not None and case.hold is None and case.result is None
        return alone and decided and all(change.id in self._candidates for change in case.ours)

    # --- what is gathered ----------------------------------------------------------------------------------------

    def _admitted(self, batch: BulkBatch, group: Sequence[tuple[Case, RecordWrite]]) -> list[Case]:
        """The cases of a group for which a batch has room, counted in."""
        others = [other for other in self._batches.values() if other is not batch]
        count = len(batch.cases) + sum(len(other.cases) for other in others)
        weight = sum(other.weight for other in others)
        chosen: list[Case] = []
        for case, write in group:
            if count + len(chosen) >= MOST or weight + batch.weight >= MOST_WEIGHT:
                break
            if batch.admits(write):
                batch.add(case, write)
                chosen.append(case)
        return chosen

    def _is_full(self) -> bool:
        batches = self._batches.values()
        return (
            sum(len(batch.cases) for batch in batches) >= MOST
            or sum(batch.weight for batch in batches) >= MOST_WEIGHT
        )

    async def _keep(self, parts: Parts, batch: BulkBatch, cases: Sequence[Case]) -> None:
        """Take marked cases in hand, and put off their next look to when the job should have ended."""
        if not self._batches:
            self._since = parts.clock.monotonic()
        self._batches[batch.step.name, batch.call] = batch
        batch.cases += cases
        self._hands.hold(cases)
        self._added = True
        for case in cases:
            case.row = None  # decided upon; it is read again when the outcome is settled
        due = parts.database_now() + LATER
        deferrals = [
            Deferral(change.id, ChangeState.SENT, due, change.attempts)
            for case in cases
            for change in case.ours
        ]
        async with parts.writing, parts.store.begin() as unit:
            await unit.defer(deferrals)


async def _in_doubt(parts: Parts, unit: Unit, cases: Sequence[Case]) -> list[Case]:
    """The cases about a write of ours whose outcome nobody knows: a row's own, or of a record that a create may have made."""
    strangers = [case for case in cases if case.theirs and case.link is None]
    made = await created_in_doubt(unit, parts.steps, strangers[0].step.object) if strangers else {}
    told = {id(case) for case in strangers if any(is_among(made, change.values) for change in case.theirs)}
    return [case for case in cases if case.in_doubt or id(case) in told]


async def deliver_together(parts: Parts, batch: BulkBatch) -> None:
    """Write a batch that is too small for a job, as the worker writes: it was marked already.

    Where its step has been changed or held since, nothing is sent: what was marked is resolved by reading.
    """
    if parts.steps.by_name.get(batch.step.name) != batch.step:
        return
    async with parts.flight.holding({case.sf_id or batch.step.object for case in batch.cases}):
        await deliver(parts, batch.step, batch.cases)
    await finish_batch(parts, batch.step, batch.cases, late=True)


def _may_wait(step: Step, change: Change) -> bool:
    """Whether a change is one that nobody asked for in person, that nothing is the matter with, and that bears a delay."""
    ours = change.side is Side.POSTGRES and change.key is not None
    ours = ours and _bears_delay(step, _CALLS.get(change.kind, ""))
    fresh = change.state is ChangeState.PENDING and not change.attempts and change.suspicion is None
    return ours and fresh and change.source is not Source.OPERATOR


def _bears_delay(step: Step, call: str) -> bool:
    """Whether a write may be done minutes after it was decided, by what may happen in Salesforce until then.

    An update leaves a window with its link, which finds what it replaced; but a rule that asks when a value was changed would have decided
    for the edit, had it been there in time. A delete leaves nothing: where an edit counts, it would go with its record, and nobody be told.
    """
    match call:
        case "upsert":
            return True
        case "update":
            return not any(field.direction.pushes and _asks_when(field) for field in step.fields)
        case "delete":
            return not step.direction.pulls
        case _:
            return False


def _asks_when(field: Field) -> bool:
    return field.direction.pulls and field.conflict.policy not in _WHENEVER
