"""What others did about the pairs of a batch between its gathering and its settling.

One round of the worker decides about a pair at a time. But a job that writes in bulk lasts for minutes, and rounds go on beside it.
"""

from collections.abc import Sequence

from daemon.domain.failure import Reason
from daemon.domain.link import Link, LinkState
from daemon.domain.plan import Hold, Operation, Outcome
from daemon.flow.cases import Case
from daemon.ports.store import Unit


async def call_as_now(unit: Unit, cases: Sequence[Case]) -> None:
    """Give each case the key that its row has by now: a rename that was followed meanwhile has called its stored changes anew.

    Under the former key the record that a create has made would be paired with nothing, and the row would make another one.
    """
    named = {change.id: case for case in cases for change in case.ours if case.key is not None}
    keys = await unit.keys_of_changes(sorted(named))
    for number, key in keys.items():
        named[number].key = key


async def find_occupied(unit: Unit, cases: Sequence[Case], *, late: bool) -> None:
    """Find the creates that came upon a record which is another row's: their own rows have none, and are not to be settled as if they had.

    A record that the create itself has made can only be another's by now where the settling is `late`.
    """
    made = {
        case.result.id: case
        for case in cases
        if case.result is not None and case.result.id is not None and _is_create(case, late=late)
    }
    links = await unit.links_of_records(sorted(made)) if made else {}
    for sf_id, link in links.items():
        case = made[sf_id]
        if link.state is LinkState.LINKED and (link.table, link.key) != (
            case.step.table.qualified,
            case.key,
        ):
            case.occupied = _occupied(link)
            if link.table != case.step.table.qualified:
                case.hold = case.occupied  # of a row of another table nothing can be decided by this step


def _is_create(case: Case, *, late: bool) -> bool:
    """Whether a case's write is a create of an unlinked row that was done, and may have come upon what was there."""
    write, result = case.plan.salesforce, case.result
    done = result is not None and result.failure is None and (late or not result.created)
    return case.link is None and done and write is not None and write.operation is Operation.CREATE


def _occupied(link: Link) -> Hold:
    return Hold(
        Outcome.PARK,
        "already_linked",
        f"Its create reached {link.sf_id}, which is linked to row {link.key} of step {link.step}: both rows bear one identifier.",
        "Give one of the two rows another identifier, then: isthmus parked retry. Or delete the row that is there twice.",
        Reason.DUPLICATE,
        candidates=(link.sf_id,),
    )
