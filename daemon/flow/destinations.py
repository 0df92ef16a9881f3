"""Rows of one step with several destinations: each has one record, whichever object that is of.

A row without a record is looked for among the records of every destination before any of them makes one. What is found there first, in the
order of the destinations, is the row's; its own step pairs it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import LinkState
from daemon.domain.mapping import Identify, Step
from daemon.domain.matrix import KEY_PREFIXES
from daemon.domain.plan import Hold, Outcome
from daemon.domain.side import Side
from daemon.flow.cases import Case
from daemon.flow.deferral import STILL
from daemon.flow.parts import Parts
from daemon.ports.salesforce import Record, WriteResult
from daemon.ports.store import Unit

Search = Callable[[Parts, Step, Identify, Sequence[Case]], Awaitable[Mapping[int, Sequence[Record]]]]
"""The records that each case's identifier names under one rule, by the case's `id()`."""

FOUND_ELSEWHERE: Final = Hold(
    Outcome.SKIP,
    "other_step",
    "Another destination of the step has a record that matches the row, and it is paired with that.",
)
_UNRESOLVED: Final = Failure(
    FailureKind.BUSY,
    Reason.TRANSPORT,
    "create_unresolved",
    "A create of ours at another destination of the step, of which no answer came, may have made the row's record.",
    "Nothing: it is looked at again as soon as that is known.",
)


def _standing_still(sibling: Step) -> Failure:
    return Failure(
        FailureKind.BUSY,
        Reason.MAPPING,
        STILL,
        f"The row may have a record at another destination, and {sibling.name} stands still: {sibling.still}",
        "Mend what holds that step; the row goes on by itself.",
    )


def may_name(step: Step, text: str) -> bool:
    """Whether an id can be that of a record of the step's object: the rows of a family hold ids of several objects in one column."""
    prefix = KEY_PREFIXES.get(step.object) if step.family else None
    return prefix is None or text.startswith(prefix)


async def look_among_siblings(parts: Parts, step: Step, cases: Sequence[Case], search: Search) -> None:
    """Leave rows to the destination that has a record for them, and let it know of each.

    A row that matches a record of this step's object as well goes to the destination that is named first. What is in doubt stays: its
    record may be on its way.
    """
    asked = [case for case in cases if case.ours and case.row and case.hold is None and not case.in_doubt]
    for name in step.siblings:
        sibling = parts.steps.by_name.get(name)
        if sibling is None:
            continue
        earlier = step.family.index(name) < step.family.index(step.name)
        open_cases = [case for case in asked if case.hold is None and (earlier or case.record is None)]
        if sibling.still:
            for case in open_cases:
                case.result, case.overtaken = WriteResult(failure=_standing_still(sibling)), True
            continue
        matched = await _matched(parts, sibling, open_cases, search)
        await _tell(parts, sibling, [str(case.key) for case in matched if any(c.id for c in case.ours)])
        for case in matched:
            case.hold, case.record, case.sf_id, case.origin = FOUND_ELSEWHERE, None, None, None


async def _matched(parts: Parts, sibling: Step, cases: Sequence[Case], search: Search) -> list[Case]:
    """The cases whose row names a record of another destination that belongs to no other row yet."""
    stand_ins = {
        id(stand_in): (stand_in, case)
        for case in cases
        for stand_in in [Case(sibling, key=case.key, row=case.row)]
    }
    found: list[tuple[Case, Sequence[Record]]] = []
    for rule in sibling.identify:
        hits = await search(parts, sibling, rule, [stand_in for stand_in, _ in stand_ins.values()])
        found += [(stand_ins[place][1], records) for place, records in hits.items()]
    ids = sorted({record.id for _, records in found for record in records})
    if not ids:
        return []
    async with parts.writing, parts.store.begin() as unit:
        links = await unit.links_of_records(ids)
    taken = {sf_id for sf_id, link in links.items() if link.state is not LinkState.TOMBSTONE}
    free = {id(case) for case, records in found if any(record.id not in taken for record in records)}
    return [case for case in cases if id(case) in free]


async def _tell(parts: Parts, sibling: Step, keys: Sequence[str]) -> None:
    """Have a destination look at these rows, unless something of them waits there already. Who only asks, with nothing stored, tells nobody."""
    if not keys:
        return
    change = Change(sibling.name, Side.POSTGRES, ChangeKind.CREATE, Source.ENGINE, parts.database_now())
    async with parts.writing, parts.store.begin() as unit:
        waiting = await unit.local_changes(sibling.name, sorted(keys))
        await unit.store_changes(
            [replace(change, key=key, external_id=parts.new_id()) for key in keys if not waiting.get(key)]
        )


async def wait_for_siblings(unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Rows of which a create at another destination is in doubt wait for its outcome, or there might be two records."""
    unpaired = {case.key: case for case in cases if case.link is None and case.ours and case.key is not None}
    for name in step.siblings if unpaired else ():
        for key, changes in (await unit.local_changes(name, sorted(unpaired))).items():
            if any(change.state is ChangeState.SENT for change in changes):
                case = unpaired[key]
                case.result, case.overtaken = WriteResult(failure=_UNRESOLVED), True
