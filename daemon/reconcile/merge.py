"""The merge of a pair whose halves both exist: field by field against the last agreed base."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from daemon.domain.mapping import Field, Step
from daemon.domain.plan import LedgerEntry, LedgerKind, Rule, Verdict
from daemon.domain.policy import Owned, Policy
from daemon.domain.side import Direction, Side
from daemon.domain.value import Value, Values
from daemon.domain.view import View
from daemon.reconcile.diff import Difference, difference
from daemon.reconcile.resolve import newest, winner


@dataclass(slots=True)
class Merge:
    """What a merge found, filled unit by unit: what each side gets, what both agree on, and why."""

    to_salesforce: dict[str, Value] = field(default_factory=dict)
    to_postgres: dict[str, Value] = field(default_factory=dict)
    base: dict[str, Value] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)


def merge(
    step: Step, base: Values, salesforce: View, postgres: View, *, own: datetime | None = None
) -> Merge:
    """Decide every field of a pair. Total and deterministic; nothing of the outside is read.

    `own` is the second of our last write to Salesforce, if its outcome is known.
    """
    found = Merge()
    differences = [_answered(difference(unit, base, salesforce, postgres), own) for unit in step.units]
    whole = _newest_record(differences, salesforce, postgres)
    for diff in differences:
        if any(item.name in postgres.waiting for item in diff.fields):
            _note(found, diff, Rule.WAITING, None)
        elif not diff.known:
            _note(found, diff, Rule.UNKNOWN, None)
        else:
            _decide_unit(found, diff, whole, puts_back=step.owned is Owned.OVERWRITE)
    return found


def _answered(diff: Difference, own: datetime | None) -> Difference:
    """`local_at` is left out where a record is as our write left it: what Salesforce made of it would become the same again."""
    if own is None or diff.salesforce_at is None or diff.salesforce_at > own:
        return diff
    return replace(diff, local_at=None)


def _newest_record(differences: Iterable[Difference], salesforce: View, postgres: View) -> Side | None:
    """The side whose record wins whole under `record_newest`, where both changed something under that policy."""
    rivals = [
        diff
        for diff in differences
        if diff.fields[0].conflict.policy is Policy.RECORD_NEWEST
        and diff.fields[0].direction is Direction.TWO_WAY
    ]
    theirs = [diff for diff in rivals if diff.salesforce_changed]
    ours = [diff for diff in rivals if diff.postgres_changed]
    if not theirs or not ours or all(diff.agree for diff in rivals):
        return None
    rule = rivals[0].fields[0].conflict
    return newest(
        rule,
        _last(salesforce.changed_at, (diff.salesforce_at for diff in theirs)),
        _last(postgres.changed_at, (diff.postgres_at for diff in ours)),
    )


def _last(record: datetime | None, fields: Iterable[datetime | None]) -> datetime | None:
    known = [instant for instant in (record, *fields) if instant is not None]
    return max(known, default=None)


def _decide_unit(found: Merge, diff: Difference, whole: Side | None, *, puts_back: bool) -> None:
    direction = diff.fields[0].direction
    if diff.agree:
        changed = diff.salesforce_changed or not diff.based
        _agree(found, diff, Rule.AGREED if changed else Rule.SAME)
    elif direction is Direction.TWO_WAY:
        _two_way(found, diff, whole)
    elif direction is Direction.PULL:
        drifted = diff.postgres_changed
        changed = diff.salesforce_changed or (drifted and puts_back)
        _one_way(found, diff, Side.SALESFORCE, changed=changed, drifted=drifted)
    else:
        _one_way(found, diff, Side.POSTGRES, changed=diff.postgres_changed, drifted=diff.salesforce_changed)


def _two_way(found: Merge, diff: Difference, whole: Side | None) -> None:
    rule = diff.fields[0].conflict
    if whole is not None and rule.policy is Policy.RECORD_NEWEST:
        lost = diff.postgres_changed if whole is Side.SALESFORCE else diff.salesforce_changed
        if lost:
            _record(found, diff, LedgerKind.CONFLICT, rule.policy, whole)
        _take(found, diff, whole, Rule.RECORD)
    elif not diff.postgres_changed:
        _pull(found, diff)
    elif not diff.salesforce_changed:
        _take(found, diff, Side.POSTGRES, Rule.ONLY_POSTGRES)
    else:
        side = _winner(diff)
        _record(found, diff, LedgerKind.CONFLICT, rule.policy, side)
        if side is None:
            found.base.update(_named(diff.fields, diff.base))
            _note(found, diff, Rule.CONFLICT, None)
        else:
            _take(found, diff, side, Rule.CONFLICT)


def _winner(diff: Difference) -> Side | None:
    """Who wins. Where both halves were there before they met, nobody has changed anything: `push_always` takes the newer value then."""
    rule = diff.fields[0].conflict
    if rule.policy is Policy.PUSH_ALWAYS and not diff.based:
        return newest(rule, diff.salesforce_at, diff.postgres_at)
    return winner(rule, diff.salesforce, diff.postgres, diff.salesforce_at, diff.postgres_at)


def _pull(found: Merge, diff: Difference) -> None:
    """Only Salesforce changed. Under `push_always` its value comes in only when it is newer than the local one."""
    policy = diff.fields[0].conflict.policy
    if policy is Policy.PUSH_ALWAYS and _not_newer(diff):
        _record(found, diff, LedgerKind.SUPERSEDED, policy, Side.POSTGRES)
        found.base.update(_named(diff.fields, diff.salesforce))
        _note(found, diff, Rule.CONFLICT, Side.POSTGRES)
        found.to_salesforce.update(_named(diff.fields, diff.postgres))
    else:
        _take(found, diff, Side.SALESFORCE, Rule.ONLY_SALESFORCE)


def _not_newer(diff: Difference) -> bool:
    return (
        diff.salesforce_at is not None and diff.local_at is not None and diff.salesforce_at <= diff.local_at
    )


def _one_way(found: Merge, diff: Difference, giver: Side, *, changed: bool, drifted: bool) -> None:
    """A field with one direction: the giver's change is taken; the taker's own change is noted and left alone.

    A local edit that is to be put back counts as a change of the giver's: the taker is given what Salesforce holds.
    """
    constant = diff.fields[0].is_constant
    if drifted and not constant:
        _record(found, diff, LedgerKind.DRIFT, "direction", giver if changed else None)
    if changed:
        _take(found, diff, giver, Rule.ONLY_SALESFORCE if giver is Side.SALESFORCE else Rule.ONLY_POSTGRES)
    else:
        found.base.update(_named(diff.fields, diff.base))
        _note(found, diff, Rule.CONSTANT if constant else Rule.DRIFT, None)


def _agree(found: Merge, diff: Difference, rule: Rule) -> None:
    found.base.update(_named(diff.fields, diff.salesforce))
    _note(found, diff, rule, None)


def _take(found: Merge, diff: Difference, side: Side, rule: Rule) -> None:
    """Give the winner's values to the other side, and say what both will have agreed on by then.

    What goes to PostgreSQL is agreed once it is committed there. What goes to Salesforce is agreed once Salesforce
    confirms it; until then the base is what Salesforce holds, so that the local value stands out against it.
    """
    found.base.update(_named(diff.fields, diff.salesforce))
    if side is Side.SALESFORCE:
        found.to_postgres.update(_changed(diff.fields, diff.salesforce, diff.postgres))
    else:
        found.to_salesforce.update(_changed(diff.fields, diff.postgres, diff.salesforce))
    _note(found, diff, rule, side)


def _named(fields: tuple[Field, ...], values: tuple[Value, ...]) -> dict[str, Value]:
    return {item.name: value for item, value in zip(fields, values, strict=True)}


def _changed(
    fields: tuple[Field, ...], wanted: tuple[Value, ...], present: tuple[Value, ...]
) -> dict[str, Value]:
    return {
        item.name: value for item, value, now in zip(fields, wanted, present, strict=True) if value != now
    }


def _note(found: Merge, diff: Difference, rule: Rule, side: Side | None) -> None:
    policy = diff.fields[0].conflict.policy.value if rule in (Rule.CONFLICT, Rule.RECORD) else None
    for item, base, theirs, ours in zip(diff.fields, diff.base, diff.salesforce, diff.postgres, strict=True):
        found.verdicts.append(Verdict(item.name, rule, side, base, theirs, ours, policy))


def _record(found: Merge, diff: Difference, kind: LedgerKind, rule: str, side: Side | None) -> None:
    for item, base, theirs, ours in zip(diff.fields, diff.base, diff.salesforce, diff.postgres, strict=True):
        if theirs != ours:
            found.ledger.append(
                LedgerEntry(
                    kind, item.name, rule, side, base, theirs, ours, diff.salesforce_at, diff.postgres_at
                )
            )
