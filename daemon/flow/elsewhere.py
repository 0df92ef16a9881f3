"""Rows of a table that several steps share: a row has one record, and the step that paired it alone speaks of that."""

from typing import Final

from daemon.domain.link import LinkOrigin
from daemon.flow.cases import Case
from daemon.reconcile.holds import skip

_CONVERTED: Final = skip(
    "converted_lead", "The lead has been converted, and Salesforce changes no converted lead: what was said of it is not sent."
)


def settle_elsewhere(case: Case) -> None:
    """Have local changes of a row that another step has paired settled without a look at Salesforce: that step has its own.

    What was meant for a lead that has become a contact or account is told, for no other step sends it.
    """
    link = case.link
    if case.theirs or not case.linked or link is None or link.object == case.step.object:
        return
    if link.origin is LinkOrigin.CONVERSION and case.step.object == "Lead" and _speaks_for_record(case):
        case.hold = _CONVERTED
    else:
        case.settled_early = True


def _speaks_for_record(case: Case) -> bool:
    """Whether another table said something of the record."""
    joined = {name for join in case.step.joins for name in join.columns}
    return any(name in joined for change in case.ours for name in change.values)
