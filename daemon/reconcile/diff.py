"""The three-way difference of fields that move together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from daemon.domain.mapping import Field
from daemon.domain.value import Value, Values
from daemon.domain.view import View


@dataclass(frozen=True, slots=True)
class Difference:
    """One unit: its base and both sides' values in the order of its fields, and which side left the base.

    A value that a side did not speak of counts as the base: absent is not null. A field that never had a base counts
    as blank there, so that on a first meeting a filled value is taken by the blank side without a quarrel. `known` is
    false where Salesforce's value is neither in the base nor in its view: nothing may be decided about it then.
    `local_at` is the last instant the local side gives for what it speaks of in the unit, whether it left the base or not.
    """

    fields: tuple[Field, ...]
    base: tuple[Value, ...]
    salesforce: tuple[Value, ...]
    postgres: tuple[Value, ...]
    salesforce_at: datetime | None
    postgres_at: datetime | None
    local_at: datetime | None
    based: bool
    known: bool

    @property
    def salesforce_changed(self) -> bool:
        """Whether Salesforce left the base."""
        return self.salesforce != self.base

    @property
    def postgres_changed(self) -> bool:
        """Whether PostgreSQL left the base."""
        return self.postgres != self.base

    @property
    def agree(self) -> bool:
        """Whether both sides hold the same now."""
        return self.salesforce == self.postgres


def as_agreed(base: Values, salesforce: View, postgres: View) -> View:
    """The row's view in which a reference waits for nothing that is as both last agreed, and that Salesforce has changed.

    What it points to is no pair any more, and may never be one again: it must not stand in the way of what Salesforce points to now.
    """
    same = {
        name: value
        for name, value in postgres.former.items()
        if base.get(name) == value and salesforce.values.get(name, value) != value
    }
    if not same:
        return postgres
    waiting = {name: reference for name, reference in postgres.waiting.items() if name not in same}
    return replace(postgres, values={**postgres.values, **same}, waiting=waiting)


def difference(unit: Sequence[Field], base: Values, salesforce: View, postgres: View) -> Difference:
    """Compare one unit on both sides with what they last agreed on."""
    bases = tuple(base.get(field.name) for field in unit)
    theirs = tuple(salesforce.values.get(field.name, was) for field, was in zip(unit, bases, strict=True))
    ours = tuple(postgres.values.get(field.name, was) for field, was in zip(unit, bases, strict=True))
    return Difference(
        fields=tuple(unit),
        base=bases,
        salesforce=theirs,
        postgres=ours,
        salesforce_at=_latest(unit, bases, theirs, salesforce),
        postgres_at=_latest(unit, bases, ours, postgres),
        local_at=max(
            (at for field in unit if field.name in postgres.values and (at := postgres.when(field.name))),
            default=None,
        ),
        based=all(field.name in base for field in unit),
        known=all(
            field.name in base or field.name in salesforce.values or field.parent is not None
            for field in unit
        ),
    )


def _latest(
    unit: Sequence[Field], base: tuple[Value, ...], values: tuple[Value, ...], view: View
) -> datetime | None:
    """The last instant at which this side changed any field of the unit that it did change."""
    instants = [
        view.when(field.name) for field, was, now in zip(unit, base, values, strict=True) if was != now
    ]
    known = [instant for instant in instants if instant is not None]
    return max(known) if known and len(known) == len(instants) else None
