"""Values that a write of ours replaced within a second or so, without our having seen them.

Nothing can prevent that: Salesforce's stamps are whole seconds. It is always detectable, because the replaced value's
own event still arrives, from inside the window that the write left with the link.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Final

from daemon.domain.canonical import from_salesforce
from daemon.domain.link import Link, Window
from daemon.domain.mapping import Field, Step
from daemon.domain.plan import LedgerEntry, LedgerKind, Operation, Plan, Write
from daemon.domain.policy import Policy
from daemon.domain.side import Side
from daemon.domain.value import Raw, Value, Values
from daemon.flow.observation import Observation
from daemon.reconcile.resolve import winner

BY_TIME: Final = frozenset({Policy.NEWEST, Policy.RECORD_NEWEST, Policy.PUSH_ALWAYS})
"""Policies that judge by time, which cannot tell here: what Salesforce holds by now is left, and nothing flips back."""


def unseen(seen: Observation, link: Link | None) -> tuple[LedgerEntry, ...]:
    """Ledger entries for values of events that a write of ours replaced, as the record that was read since shows."""
    if link is None:
        if seen.doubt is None:
            return ()
        link = Link(
            0, seen.step.name, seen.step.object, seen.sf_id, seen.step.table.qualified, seen.key or ""
        )
    found: dict[tuple[str, Value], LedgerEntry] = {}
    base = {**link.base, **seen.resolved}
    doubted = replace(link, windows=(*link.windows, seen.doubt)) if seen.doubt is not None else link
    passed = _passed(seen, [window for window in doubted.windows if window.before])
    for at, values in seen.told:
        windows = doubted.windows_at(at)
        for name, raw in values.items():
            field = seen.step.by_name.get(name)
            if field is None or name not in seen.read:
                continue
            if (at, name, from_salesforce(field, raw).value) in passed:
                continue
            spoken = [w for w in doubted.windows if w.before or w.start == at]
            given = {window.sent[name] for window in spoken if name in window.sent}
            entry = _replaced(field, raw, seen.read[name], base.get(name), windows, at, given)
            if entry is not None:
                found[name, entry.salesforce] = entry
    return tuple(found.values())


def _passed(seen: Observation, windows: Sequence[Window]) -> frozenset[tuple[datetime, str, Value]]:
    """What was told and replaced by somebody else, as a later word on the field tells: no write of ours came upon it, or theirs upon ours."""
    before: dict[str, list[tuple[datetime, str, Value]]] = {}
    found: set[tuple[datetime, str, Value]] = set()
    for index, (at, values) in enumerate(seen.told):
        if (at, values) in seen.told[:index]:
            continue  # told again: it says nothing of what came after
        told = _canonical(seen.step, values)
        for name, value in told.items():
            ours = any(name in window.sent and _any_of(told, window.sent) for window in windows)
            if not ours:
                found.update(before.get(name, ()))
            before.setdefault(name, []).append((at, name, value))
    return frozenset(found)


def _canonical(step: Step, values: Mapping[str, Raw]) -> dict[str, Value]:
    fields = (step.by_name[name] for name in values if name in step.by_name)
    readings = {field.name: from_salesforce(field, values[field.name]) for field in fields}
    return {name: reading.value for name, reading in readings.items() if not reading.failure}


def _any_of(told: Values, sent: Values) -> bool:
    return any(name in sent and sent[name] == value for name, value in told.items())


def _replaced(
    field: Field,
    told: Raw,
    held: Raw,
    base: Value,
    windows: Sequence[Window],
    at: datetime,
    given: AbstractSet[Value],
) -> LedgerEntry | None:
    """`given` is what any write of ours gave the field, in whatever second, and what was told of this one before.

    A value that was given back once is not lost, whatever became of it since.
    """
    lost, now = from_salesforce(field, told), from_salesforce(field, held)
    if lost.failure or now.failure or lost.value in (base, now.value) or now.value != base:
        return None
    mine = [window for window in windows if field.name in window.before]
    known = [window.before[field.name] for window in mine]
    if not mine or lost.value in known or lost.value in given:
        return None
    side: Side | None = Side.POSTGRES
    if field.conflict.policy not in BY_TIME:
        side = winner(field.conflict, (lost.value,), (now.value,), at, at)
    return LedgerEntry(
        LedgerKind.UNSEEN, field.name, "same_second", side, base, lost.value, now.value, at, at
    )


def answered(seen: Observation, windows: Sequence[Window]) -> tuple[Window, ...]:
    """What to keep with the link of values that this reading answers: heard again, they are told and given back no second time.

    They are in the ledger now, or somebody has come after the write that replaced them.
    """
    found: list[Window] = []
    for at, values in seen.told:
        mine = [window for window in windows if window.before and window.start <= at <= window.end]
        told = {name: value for name, value in _canonical(seen.step, values).items() if name in seen.read}
        new = {name: value for name, value in told.items() if _is_new(name, value, mine)}
        if new:
            found.append(Window(at, max(window.end for window in mine), {}, new))
    return tuple(window for i, window in enumerate(found) if window not in (*windows, *found[:i]))


def _is_new(name: str, value: Value, windows: Sequence[Window]) -> bool:
    """Whether neither what was known before one of these writes nor what it gave is this value, and some write gave another."""
    mine = [window for window in windows if name in window.before]
    return bool(mine) and all(value not in (w.before[name], w.sent.get(name, value)) for w in mine)


def restoring(plan: Plan, entries: Sequence[LedgerEntry], ours: Values) -> Plan:
    """The plan with the values that a policy gives back to Salesforce written to the row, unless it was edited since.

    The base stays what Salesforce holds now, so that the restored value stands out and is pushed like any local one.
    """
    values = {
        entry.field: entry.salesforce
        for entry in entries
        if entry.winner is Side.SALESFORCE and ours.get(entry.field) == entry.base
    }
    kept = replace(plan, ledger=(*plan.ledger, *entries))
    if not values or (plan.postgres is not None and plan.postgres.operation is not Operation.UPDATE):
        return kept
    present = plan.postgres.values if plan.postgres is not None else {}
    return replace(kept, postgres=Write(Operation.UPDATE, {**values, **present}))
