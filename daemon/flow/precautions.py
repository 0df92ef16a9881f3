"""What is written down before our writes go out, because afterwards it may be too late.

A crash or a lost answer takes nothing along: values that a write is about to replace are in the ledger by then, and a
row that is about to become a record holds the external id under which it will be found. So the event of the new record
finds its row, whether or not our answer ever came.
"""

from collections.abc import Sequence

from daemon.domain.mapping import Step
from daemon.domain.plan import Operation, Plan
from daemon.flow.accounts import overruled
from daemon.flow.cases import Case
from daemon.flow.parts import Parts
from daemon.flow.settle import HELD_ELSEWHERE
from daemon.ports.salesforce import WriteResult
from daemon.ports.store import LedgerLine, RowWrite, Unit


async def take_precautions(parts: Parts, unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Keep the losers and name the creates of these cases."""
    _wait_for_rows(step, cases)
    now = parts.clock.now()
    await unit.ledger(
        [
            LedgerLine(step.name, case.sf_id, case.key, now, entry)
            for case in cases
            if case.ours and case.sf_id is not None and case.key is not None
            for entry in overruled(case.plan)
        ]
    )
    await _name_creates(unit, step, cases)


def _wait_for_rows(step: Step, cases: Sequence[Case]) -> None:
    """A row that another session holds cannot be given its name now: its create waits, and nobody waits for that session."""
    for case in cases:
        if _unnamed(step, case) and case.row is not None and case.row.locked:
            case.plan, case.result = Plan(), WriteResult(failure=HELD_ELSEWHERE)


def _unnamed(step: Step, case: Case) -> bool:
    """Whether a create of this case is to go out whose row does not hold the external id yet."""
    rule = step.external_id
    return (
        rule is not None
        and rule.column not in step.table.generated
        and case.external_id is not None
        and case.row is not None
        and not case.row.values.get(rule.column)
        and case.plan.salesforce is not None
        and case.plan.salesforce.operation is Operation.CREATE
    )


async def _name_creates(unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Give each row its external id; one that will not take it is created all the same, and found by its stored change."""
    rule = step.external_id
    if rule is None:
        return
    writes = [
        RowWrite(Operation.UPDATE, {rule.column: case.external_id[1]}, case.key)
        for case in cases
        if case.external_id is not None and _unnamed(step, case)
    ]
    if writes:
        await unit.write_rows(step, writes)
