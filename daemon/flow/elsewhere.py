"""Rows of a table that several steps share: a row has one record, and the step that paired it alone speaks of that."""

from collections.abc import Iterable
from typing import Final

from daemon.domain.change import Change
from daemon.domain.link import Link, LinkOrigin
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold
from daemon.reconcile.holds import skip

_CONVERTED: Final = skip(
    "converted_lead",
    "The lead has been converted, and Salesforce changes no converted lead: what was said of it is not sent.",
)


def unsent(step: Step, link: Link, changes: Iterable[Change]) -> Hold | None:
    """What is told of changes that another table made for a lead which has become what its row is linked to now; None of any others.

    No other step sends them, so they would end without a word.
    """
    if link.origin is not LinkOrigin.CONVERSION or step.object != "Lead":
        return None
    joined = {name for join in step.joins for name in join.columns}
    return _CONVERTED if any(name in joined for change in changes for name in change.values) else None
