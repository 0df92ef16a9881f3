"""Rows of a table, and records of an object, that several steps share: the step that paired one alone speaks of it."""

from collections.abc import Iterable
from typing import Final

from daemon.domain.change import Change
from daemon.domain.link import Link, LinkOrigin
from daemon.domain.mapping import Step, Steps
from daemon.domain.plan import Hold
from daemon.reconcile.holds import skip

_CONVERTED: Final = skip(
    "converted_lead",
    "The lead has been converted, and Salesforce changes no converted lead: what was said of it is not sent.",
)


def owner(steps: Steps, link: Link) -> Step | None:
    """The step that speaks of a linked pair: the one that it is of, or another one of its table and object. None if none is configured."""
    return steps.by_name.get(link.step) or steps.of_table_and_object(link.table, link.object)


def is_of_another_table(step: Step, link: Link) -> bool:
    """Whether a record's pair is another step's, of another table: its key says nothing of this step's rows."""
    return link.step != step.name and link.table != step.table.qualified


def unsent(step: Step, link: Link, changes: Iterable[Change]) -> Hold | None:
    """What is told of changes that another table made for a lead which has become what its row is linked to now; None of any others.

    No other step sends them, so they would end without a word.
    """
    if link.origin is not LinkOrigin.CONVERSION or step.object != "Lead":
        return None
    joined = {name for join in step.joins for name in join.columns}
    return _CONVERTED if any(name in joined for change in changes for name in change.values) else None
