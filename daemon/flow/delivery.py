"""One round's writes of a step on their way to Salesforce: lanes side by side, the requests of a lane one by one.

A request that was refused as a whole, so that nothing of it was done, is divided until the record is found in which it
lies. One that was not answered is never repeated here: its records stay in doubt, and are read before anything more.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.mapping import Step
from daemon.flow.parts import Parts
from daemon.flow.reading import read_fields
from daemon.ports.salesforce import CONDITIONAL, CONDITIONAL_MOST, RecordWrite, WriteResult
from daemon.reconcile.batching import Lane, Parcel, Portion, lanes
from daemon.reconcile.pace import LARGEST, SMALLER_AT_MOST, affordable, divisible, narrowed, turned_away
from daemon.reconcile.remedy import backoff, next_try

log = structlog.get_logger(__name__)

SLOW_SECONDS: Final = 5.0
"""A request that takes longer than this is too large for what the org does with it."""

HINT_EVERY: Final = 600.0
"""At most once in so many seconds an object's slowness is told of."""

HOPELESS: Final = 8
"""So many records refused alone for one reason, and nothing taken: the rest is not divided in this round."""

GIVEN_UP: Final = 10
"""So many requests without an answer, and none with: the rest of the round is not sent."""

_NOT_SENT: Final = Failure(
    FailureKind.BUSY,
    Reason.TRANSPORT,
    "not_sent",
    "Salesforce answered none of the writes before it, so it was not sent.",
    "Nothing to do: it is sent as soon as Salesforce answers.",
)

_NOT_DIVIDED: Final = Failure(
    FailureKind.TRANSIENT,
    Reason.OTHER,
    "not_divided",
    "Its request was refused as a whole, and so were others of the same round down to single records.",
    "Nothing for this record: it is sent again by itself, in other company. Look at what is parked meanwhile: isthmus parked list.",
)


class Delivery:
    """Sends the writes of one round of a step, and learns from it how many to send in one request."""

    def __init__(self, parts: Parts, step: Step, writes: Sequence[RecordWrite]) -> None:
        self._parts = parts
        self._step = step
        self._writes = writes
        self._results: list[WriteResult] = [WriteResult() for _ in writes]
        self._refused_alone: Counter[str] = Counter()
        self._answered = 0
        self._unanswered = 0
        self._undivided: list[int] = []
        self._trouble = False
        self._away_together = False
        self._used = 0
        self._learned = parts.sizes.of(step.object, step.batch_size)
        self.alone: set[int] = set()
        """Indexes of the writes that had a request of their own, among those that were sent."""

    async def run(self, companies: Sequence[int], locks: Sequence[frozenset[str]]) -> list[WriteResult]:
        """A result for each write, in order. `companies` and `locks` belong to the writes, as `Parcel` tells."""
        most = max(map(_most, self._writes))
        in_a_row = self._parts.outages.in_a_row(self._step.object)
        size = narrowed(min(self._learned, most), len(self._writes), in_a_row)
        parcels = [
            Parcel(write.call, CONDITIONAL_MOST if write.call[0] == CONDITIONAL else company, ids)
            for write, company, ids in zip(self._writes, affordable(companies), locks, strict=True)
        ]
        await self._side_by_side(lanes(parcels, size))
        self._excuse()
        self._learn()
        return self._results

    async def _side_by_side(self, found: Sequence[Lane]) -> None:
        """Drive every lane to its end. If one fails, the others end with it: no request goes out after the round."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._drive(lane)) for lane in found]
        except BaseExceptionGroup as failures:
            error = failures.exceptions[0]
            raise error from error.__cause__
        if any(
            task.cancelled() for task in tasks
        ):  # a group does not tell of a task that was cancelled alone
            raise asyncio.CancelledError

    async def _drive(self, lane: Sequence[Portion]) -> None:
        for portion in lane:
            await self._deliver(portion)

    async def _deliver(self, portion: Portion) -> None:
        results = await self._call(portion)
        for index, result in zip(portion, results, strict=True):
            self._results[index] = result
        whole = (
            results[0].failure if all(result.shared and not result.untried for result in results) else None
        )
        if whole is None or not divisible(whole):
            return
        if len(portion) == 1:
            self._refused_alone[whole.code] += 1
        elif self._is_hopeless(whole):
            self._undivided += portion
        else:
            middle = len(portion) // 2
            await self._deliver(portion[:middle])
            await self._deliver(portion[middle:])

    async def _call(self, portion: Portion) -> Sequence[WriteResult]:
        writes = [self._writes[index] for index in portion]
        if self._unanswered >= GIVEN_UP and not self._answered:
            return [WriteResult(id=write.id, failure=_NOT_SENT) for write in writes]
        if len(portion) == 1:
            self.alone.update(portion)
        clock, started = self._parts.clock, self._parts.clock.monotonic()
        results = await self._parts.records.write(self._step.object, read_fields(self._step), writes)
        self._weigh(writes, results, clock.monotonic() - started)
        return results

    def _weigh(self, writes: Sequence[RecordWrite], results: Sequence[WriteResult], seconds: float) -> None:
        """Note what a request tells of Salesforce and of the size of requests.

        One that is small by its kind says nothing of larger ones when it is turned away: an outage that meets few changes first would
        leave the many after it in small requests.
        """
        size = len(writes)
        if all(result.untried for result in results):
            return
        self._parts.meter.observe(
            "isthmus_batch_records", size, step=self._step.called("push"), direction="push"
        )
        self._used = max(self._used, size)
        failures = [(result.shared, result.failure) for result in results if result.failure is not None]
        unanswered = any(shared and f.kind is FailureKind.UNKNOWN_OUTCOME for shared, f in failures)
        whole = any(shared and divisible(f) for shared, f in failures)
        if unanswered:
            self._unanswered += 1
        elif not any(shared for shared, _ in failures):
            self._answered += 1
            self._parts.sizes.note_answer(self._parts.clock.monotonic())
        locked = any(failure.reason is Reason.ROW_LOCK for _, failure in failures)
        slow = seconds > SLOW_SECONDS
        bounded = min(_most(write) for write in writes) < self._learned
        self._away_together |= size > 1 and not bounded and any(_turned_away(result) for result in results)
        self._trouble |= size > 1 and (unanswered or whole or locked or slow)
        if slow:
            hint_at_slowness(self._parts, self._step, size, seconds)

    def _is_hopeless(self, failure: Failure) -> bool:
        return not self._answered and self._refused_alone[failure.code] >= HOPELESS

    def _excuse(self) -> None:
        """Let what failed without a fault of its own wait, untried, and longer each time that nothing at all is answered.

        A request that was turned away is such a one, unless other writes are answered meanwhile: then it may lie in its records after all.
        So is, whatever else is answered, one that was never sent, and one that an administrator has to allow: Salesforce tells what it
        does not allow of a record in that record's own result.
        """
        self._excuse_barred()
        name, outages = self._step.object, self._parts.outages
        away = [index for index, result in enumerate(self._results) if _turned_away(result)]
        last = outages.last(name)
        others = bool(self._answered) or (last is not None and self._parts.sizes.answered_after(last))
        in_a_row = 1
        if self._answered:
            outages.over(name)
        elif away or self._undivided:
            in_a_row = outages.note(name, self._parts.clock.monotonic())
        self._trouble |= self._away_together and in_a_row <= SMALLER_AT_MOST
        excused = [index for index in away if not others or self._results[index].untried]
        if not excused and not self._undivided:
            return
        until = self._parts.clock.now() + backoff(self._step.retry, in_a_row, self._parts.jitter())
        for index in excused:
            result = self._results[index]
            assert result.failure is not None
            self._results[index] = replace(result, failure=replace(result.failure, until=until))
        for index in self._undivided:
            failure = replace(_NOT_DIVIDED, until=until)
            self._results[index] = WriteResult(id=self._writes[index].id, failure=failure)

    def _excuse_barred(self) -> None:
        """Nothing of a whole call passes before a person has done something: its records wait as long as after any other limit."""
        barred = [index for index, result in enumerate(self._results) if _barred(result)]
        for index in barred:
            result = self._results[index]
            assert result.failure is not None
            pace = next_try(FailureKind.LIMITED, self._step.retry, 0, self._parts.jitter()).delay
            failure = replace(result.failure, until=self._parts.clock.now() + pace)
            self._results[index] = replace(result, failure=failure)
        told = {found.code: found for index in barred if (found := self._results[index].failure)}
        for failure in told.values():
            self._tell_barred(failure, len(barred))

    def _tell_barred(self, failure: Failure, records: int) -> None:
        """Say it now and then: a backlog meets the same bar with each of its batches."""
        name, now = f"{self._step.object} {failure.code}", self._parts.clock.monotonic()
        if self._parts.sizes.may_hint(name, now, HINT_EVERY):
            log.warning(
                "writes_barred",
                object=self._step.object,
                step=self._step.called("push"),
                code=failure.code,
                why=failure.message,
                advice=failure.advice,
                records=records,
            )

    def _learn(self) -> None:
        step = self._step
        size = self._parts.sizes.learn(
            step.object, step.batch_size, trouble=self._trouble, used=min(self._used, LARGEST)
        )
        self._parts.meter.gauge("isthmus_batch_size", size, object=step.object)


def hint_at_slowness(parts: Parts, step: Step, size: int, seconds: float) -> None:
    """Tell of an object that takes long to save: `seconds` for so many records. Now and then, not each time."""
    if parts.sizes.may_hint(step.object, parts.clock.monotonic(), HINT_EVERY):
        log.warning(
            "slow_batch",
            object=step.object,
            step=step.name,
            records=size,
            seconds=round(seconds, 1),
            advice=f"The likely cause are triggers, flows and process builders of {step.object} in Salesforce: look at them, and pause "
            f"them while a whole table is loaded. Or lower batch_size of step {step.name}; smaller requests are tried by themselves.",
        )


def _most(write: RecordWrite) -> int:
    """The most records that a request of this kind takes, whatever was learned."""
    return CONDITIONAL_MOST if write.call[0] == CONDITIONAL else LARGEST


def _turned_away(result: WriteResult) -> bool:
    return result.shared and result.failure is not None and turned_away(result.failure)


def _barred(result: WriteResult) -> bool:
    """Whether the call as a whole cannot pass by itself, and says nothing of the record. What says until when it waits passes by itself then."""
    failure = result.failure
    if failure is None or not result.shared or failure.until is not None or turned_away(failure):
        return False
    return result.untried or failure.kind is FailureKind.PERMISSION
