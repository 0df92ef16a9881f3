"""Defects planted into the real flow, each by replacing one function or one method, and the oracle that each must wake.

Each is something that a plausible daemon does. `DEFECTS` gives for each name where it is planted and which oracle has to notice.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

from adapters.memory.store import MemoryStore
from adapters.memory.unit import MemoryUnit
from daemon.domain.change import Change
from daemon.domain.failure import CallFailedError
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Kind, Step
from daemon.domain.plan import Operation, Plan, Write
from daemon.domain.value import Raw, Values
from daemon.flow import inbound, links, reading, sending, settle, stream, worker
from daemon.flow.links import paired
from daemon.flow.parts import Parts, Skew
from daemon.ports.salesforce import Event, EventBatch, EventKind, RecordWrite, WriteResult
from daemon.ports.store import Deferral, Position, Row
from daemon.reconcile.fence import Worth, worth
from tests.simulation.history import play
from tests.simulation.org_ports import OrgRecords


@dataclass(frozen=True, slots=True)
class Defect:
    """What is put in the place of which names, and the oracle that must wake; `renames` if only in histories with renamed rows.

    `known` is a seed whose history is known to wake it. It is only where a search begins: as the flow changes, so do histories.
    """

    oracle: str
    places: tuple[tuple[Any, str], ...]
    wrong: Any
    renames: bool = False
    known: int = 0

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The defect is there while the block runs."""
        with ExitStack() as stack:
            for owner, name in self.places:
                stack.enter_context(patch.object(owner, name, self.wrong))
            yield

    def woken(self, seed: int) -> bool:
        """Whether the oracle wakes in this history, and for the defect: without it the same history keeps what that oracle watches."""
        with self.planted():
            found = self._broken(seed)
        return found and not self._broken(seed)

    def _broken(self, seed: int) -> bool:
        broken = play(seed, renames=self.renames).broken
        return any(violation.oracle == self.oracle for violation in broken)


# --- what comes in ------------------------------------------------------------------------------------------------

_take_in = inbound.take_in
_TAKEN_IN: Final = ((stream, "take_in"),)
_JUDGED: Final = ((inbound, "worth"), (reading, "worth"))


def _hearing(heard: Callable[[Event], Event | None]) -> Callable[..., Any]:
    """Takes events in as `heard` makes them; None is passed over."""

    async def take_in(parts: Parts, batch: EventBatch, transport: str) -> frozenset[str]:
        events = tuple(event for event in map(heard, batch.events) if event is not None)
        return await _take_in(parts, replace(batch, events=events), transport)

    return take_in


def _without_nulls(event: Event) -> Event:
    return replace(event, values={name: value for name, value in event.values.items() if value is not None})


async def _position_first(parts: Parts, batch: EventBatch, transport: str) -> frozenset[str]:
    """Moves the position before the events are applied."""
    if batch.position is not None:
        async with parts.writing, parts.store.begin() as unit:
            await unit.save_position(Position(batch.channel, transport, batch.position, None))
    return await _take_in(parts, batch, transport)


async def _position_by_itself(parts: Parts, batch: EventBatch, transport: str) -> frozenset[str]:
    """Commits the position in a transaction of its own, whatever became of the events."""
    try:
        found = await _take_in(parts, replace(batch, position=None), transport)
    except Exception:  # noqa: BLE001 - that is the defect
        found = frozenset()
    if batch.position is not None:
        async with parts.writing, parts.store.begin() as unit:
            await unit.save_position(Position(batch.channel, transport, batch.position, None))
    return found


def _all_is_news(_link: Link, _at: datetime, _values: Values) -> Worth:
    return Worth.NEWS


def _later_in_the_second(link: Link, at: datetime, values: Values) -> Worth:
    """`<` for `<=`: what happened in the second of our own write counts as later than it."""
    judged = worth(link, at, values)
    same = judged is Worth.UNDECIDABLE and not link.in_doubt and at in (link.seen, link.own)
    return Worth.NEWS if same else judged


def _again(link: Link, at: datetime, values: Values) -> Worth:
    """What is older than what was seen counts as later: so does what comes a second time."""
    judged = worth(link, at, values)
    return Worth.NEWS if judged is Worth.STALE else judged


async def _nothing_lost(*_: object) -> None:
    """A lost position is taken up from the oldest event, and nothing is read."""


_round = worker.Worker._round


async def _asking(self: worker.Worker) -> int:
    """Looks into Salesforce at every turn, whether there is anything to do or not."""
    for step in self._parts.steps.ordered:
        with suppress(CallFailedError):
            await self._parts.records.count(step.object)
    return await _round(self)


# --- what goes out ------------------------------------------------------------------------------------------------

_write, _raw_values = OrgRecords.write, sending.raw_values
_WRITTEN: Final = ((OrgRecords, "write"),)


def _writing(
    outgoing: Callable[[RecordWrite], RecordWrite] = lambda write: write,
    answered: Callable[[RecordWrite, WriteResult], WriteResult] = lambda write, result: result,
) -> Callable[..., Any]:
    """Writes what `outgoing` makes of each write, and believes what `answered` makes of each answer."""

    async def write(
        self: OrgRecords, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        results = await _write(self, name, fields, [outgoing(item) for item in writes])
        return [answered(item, result) for item, result in zip(writes, results, strict=True)]

    return write


def _refused_is_done(write: RecordWrite, result: WriteResult) -> WriteResult:
    """Whatever is no server error counts as success, as a status of 300 or 412 does to a careless client."""
    refused = result.failure is not None and result.failure.code != "UNKNOWN_OUTCOME"
    return replace(result, id=write.id, failure=None) if refused and write.id else result


def _silence_is_done(write: RecordWrite, result: WriteResult) -> WriteResult:
    """No answer counts as success."""
    silent = result.failure is not None and result.failure.code == "UNKNOWN_OUTCOME"
    return replace(result, id=write.id, failure=None) if silent and write.id else result


async def _in_another_order(
    self: OrgRecords, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
) -> list[WriteResult]:
    return list(reversed(await _write(self, name, fields, writes)))


async def _all_again(
    self: OrgRecords, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
) -> list[WriteResult]:
    """One record failed, so the whole batch is sent once more, just as it is and whatever has happened since."""
    results = await _write(self, name, fields, writes)
    if len(writes) < 2 or all(result.failure is None for result in results):
        return results
    await asyncio.sleep(1.0)
    return await _write(self, name, fields, [replace(item, unmodified_since=None) for item in writes])


async def _clearing_first(
    self: OrgRecords, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
) -> list[WriteResult]:
    """Empties the fields of a record and fills them then: it ends up right, and each change was two."""
    updates = [item for item in writes if item.operation is Operation.UPDATE]
    emptied = [replace(item, values=dict.fromkeys(item.values)) for item in updates]
    results = await _write(self, name, fields, emptied) if emptied else []
    free = {item.id for item, result in zip(updates, results, strict=True) if result.failure is None}
    filled = [replace(item, unmodified_since=None) if item.id in free else item for item in writes]
    return await _write(self, name, fields, filled)


def _values_without_nulls(step: Step, write: Write) -> dict[str, Raw]:
    return {name: value for name, value in _raw_values(step, write).items() if value is not None}


async def _unmarked(self: MemoryStore, sent: Mapping[int, Mapping[str, Raw]], links: Sequence[int]) -> None:
    """Nothing is written down before a request leaves."""


async def _no_precautions(*_: object) -> None:
    """What a write replaces is written down when its answer comes, which may be never."""


# --- what is agreed and stored --------------------------------------------------------------------------------------

_pending, _rows, _settle_rows = MemoryStore.pending, MemoryUnit.rows, MemoryUnit.settle_rows


def _base_from_the_row(link: Link, pair: Any, plan: Plan) -> Link:
    """Takes what the row holds for what both sides agreed on."""
    after = paired(link, pair, plan)
    row = pair.row.values if pair.row is not None else {}
    fields = pair.seen.step.by_name
    own = {
        name: row[str(fields[name].column)] for name in after.base if fields[name].kind is Kind.TEXT and row
    }
    return replace(after, base={**after.base, **own})


def _base_never_moves(link: Link, pair: Any, plan: Plan) -> Link:
    """What was agreed first is what stays agreed."""
    return replace(paired(link, pair, plan), base={**pair.seen.confirmed, **plan.base, **link.base})


def _never_ended(link: Link, _plan: Plan) -> Link:
    """A pair whose half was deleted stays a pair."""
    return replace(link, state=LinkState.LINKED)


def _no_windows(*_: object) -> tuple[()]:
    """What a write of ours replaced within a second is not looked for."""
    return ()


async def _by_cursor(self: MemoryStore, limit: int) -> list[Change]:
    """Reads the queue by `id > last`: what commits late is never seen."""
    found = await _pending(self, limit)
    last: int = getattr(self, "last", 0)
    self.last = max([last, *(change.id for change in found)])  # type: ignore[attr-defined]
    return [change for change in found if change.id > last or change.attempts or change.due is not None]


async def _locks_ignored(self: MemoryUnit, step: Step, keys: Sequence[str]) -> dict[str, Row]:
    """A row that another session holds is taken for free."""
    return {key: replace(row, locked=False) for key, row in (await _rows(self, step, keys)).items()}


async def _forgets_later_ones(self: MemoryUnit, step: str, keys: Sequence[str], up_to: int) -> None:
    """A newer state was written, so every change of the row is forgotten, those captured meanwhile too."""
    await _settle_rows(self, step, keys, 10**9)


async def _one_try(self: MemoryUnit, deferrals: Sequence[Deferral]) -> None:
    """What could not be done at once is dropped."""
    await self.settle([item.id for item in deferrals])


async def _nothing_waits(self: MemoryUnit, ids: Sequence[str]) -> frozenset[str]:
    """A later event overtakes those of its record that wait in the inbox."""
    return frozenset()


async def _no_rename(*_: object) -> list[Change]:
    """A stored rename is not looked for: the link stays under the old key."""
    return []


_ORIGIN: Final = ";client=isthmus"

DEFECTS: Final[Mapping[str, Defect]] = {
    "drops echoes by origin": Defect(
        "convergence", _TAKEN_IN, _hearing(lambda e: None if e.origin.endswith(_ORIGIN) else e)
    ),
    "no fence": Defect("regression", _JUDGED, _all_is_news),
    "takes what comes again for news": Defect("economy", _JUDGED, _again),
    "asks at every turn": Defect("economy", ((worker.Worker, "_round"),), _asking),
    "less-than for at-most on seconds": Defect("regression", _JUDGED, _later_in_the_second),
    "ignores undeletes": Defect(
        "convergence", _TAKEN_IN, _hearing(lambda e: None if e.kind is EventKind.UNDELETE else e), known=10
    ),
    "ignores deletes": Defect(
        "convergence", _TAKEN_IN, _hearing(lambda e: None if e.kind is EventKind.DELETE else e)
    ),
    "drops nulls that come in": Defect("convergence", _TAKEN_IN, _hearing(_without_nulls), known=7),
    "moves the position before applying": Defect("convergence", _TAKEN_IN, _position_first, known=61),
    "commits the position by itself": Defect("convergence", _TAKEN_IN, _position_by_itself),
    "reads nothing after a lost position": Defect(
        "bounded", ((stream.Stream, "_read_everything"),), _nothing_lost
    ),
    "lets events overtake the inbox": Defect(
        "convergence", ((MemoryUnit, "unsettled_records"),), _nothing_waits, known=193
    ),
    "writes without a condition": Defect(
        "vanish", _WRITTEN, _writing(lambda write: replace(write, unmodified_since=None))
    ),
    "inserts plainly": Defect(
        "links", _WRITTEN, _writing(lambda write: replace(write, external_id=None)), known=8
    ),
    "drops nulls that go out": Defect(
        "convergence", ((sending, "raw_values"),), _values_without_nulls, known=335
    ),
    "empties a record before it fills it": Defect("economy", _WRITTEN, _clearing_first, known=16),
    "takes a refusal for success": Defect(
        "convergence", _WRITTEN, _writing(answered=_refused_is_done), known=76
    ),
    "takes silence for success": Defect(
        "convergence", _WRITTEN, _writing(answered=_silence_is_done), known=82
    ),
    "mixes up results": Defect("convergence", _WRITTEN, _in_another_order, known=18),
    "writes a whole batch again": Defect("vanish", _WRITTEN, _all_again, known=66),
    "marks nothing before it sends": Defect(
        "regression", ((MemoryStore, "mark_sent"),), _unmarked, known=256
    ),
    "writes losers down too late": Defect(
        "vanish", ((worker, "take_precautions"),), _no_precautions, known=4
    ),
    "does not correct the clocks": Defect("winner", ((Skew, "offset"),), property(lambda _: 0.0), known=77),
    "takes the row for the base": Defect("convergence", ((links, "paired"),), _base_from_the_row, known=33),
    "never moves the base": Defect("convergence", ((links, "paired"),), _base_never_moves, known=7),
    "does not end the link of what is deleted": Defect("convergence", ((links, "ended"),), _never_ended),
    "does not look for what it replaced": Defect("vanish", ((settle, "unseen"),), _no_windows),
    "reads the queue by a cursor": Defect("bounded", ((MemoryStore, "pending"),), _by_cursor),
    "ignores locked rows": Defect("vanish", ((MemoryUnit, "rows"),), _locks_ignored, known=78),
    "forgets what came meanwhile": Defect(
        "convergence", ((MemoryUnit, "settle_rows"),), _forgets_later_ones, known=51
    ),
    "follows no renamed row": Defect("convergence", ((MemoryUnit, "_rekeys"),), _no_rename, renames=True),
    "tries once": Defect("convergence", ((MemoryUnit, "defer"),), _one_try),
}
