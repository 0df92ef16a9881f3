"""What a step's trigger writes down of a change of the user's."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.mapping import Step
from daemon.domain.side import Side

Cells = Mapping[str, str | None]


def captured(
    step: Step,
    kind: ChangeKind,
    key: str | None,
    before: Cells | None,
    after: Cells | None,
    at: datetime,
    new_id: Callable[[], str],
    old_key: str | None = None,
) -> Change | None:
    """One captured change; None where no mapped column changed.

    A new row is written down whole and is given the external id of its record; an update with those travelling columns
    that differ; a delete with the row as it was. A truncated table (no key) waits for a person.
    """
    change = Change(step.name, Side.POSTGRES, kind, Source.TRIGGER, at, key=key, old_key=old_key)
    if key is None:
        return replace(
            change,
            state=ChangeState.PARKED,
            code="truncate",
            reason="deleted: The table was truncated; its records in Salesforce were kept.",
            advice="To delete them there as well: isthmus parked retry --code truncate. "
            "To bring the rows back: restore them, then retry.",
        )
    if before is None:
        return replace(change, values=_of(after, step.columns), complete=True, external_id=new_id())
    if after is None:
        return replace(change, old_values=_of(before, step.columns))
    differing = [column for column in _travelling(step) if before[column] != after[column]]
    if kind is not ChangeKind.REKEY and step.by_column.keys().isdisjoint(differing):
        return None
    return replace(change, values=_of(after, differing), old_values=_of(before, differing))


def _travelling(step: Step) -> list[str]:
    """The columns whose changes are written down: the mapped ones, and the step's own `updated_at`."""
    mapped = [column for column in step.columns if column in step.by_column]
    return [*mapped, step.updated_at] if step.updated_at and step.updated_at not in mapped else mapped


def _of(row: Cells | None, columns: Iterable[str]) -> dict[str, str | None]:
    return {column: row[column] for column in columns} if row is not None else {}
