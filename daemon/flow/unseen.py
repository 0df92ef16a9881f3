"""Values that a write of ours replaced within the same second, without our having seen them.

Nothing can prevent that: Salesforce's stamps are whole seconds. It is always detectable, because the replaced value's
own event still arrives.
"""

from collections.abc import Sequence
from dataclasses import replace

from daemon.domain.canonical import from_salesforce
from daemon.domain.link import Link
from daemon.domain.plan import LedgerEntry, LedgerKind, Operation, Plan, Write
from daemon.domain.side import Side
from daemon.flow.observation import Observation
from daemon.reconcile.resolve import winner


def unseen(seen: Observation, link: Link | None) -> tuple[LedgerEntry, ...]:
    """Ledger entries for values of an event that are neither in the base nor in the record as it was read after it.

    Their winner is the policy's: where that is Salesforce, the replaced value is to be restored on both sides.
    """
    if (
        not seen.lost
        or link is None
        or seen.lost_at is None
        or (link.seen is not None and seen.lost_at < link.seen)
    ):
        return ()
    entries = []
    for name, raw in seen.lost.items():
        field = seen.step.by_name.get(name)
        if field is None or name not in seen.raw:
            continue
        lost, now = from_salesforce(field, raw), from_salesforce(field, seen.raw[name])
        base = link.base.get(name)
        if lost.failure or now.failure or lost.value in (base, now.value) or now.value != base:
            continue
        by_policy = winner(field.conflict, (lost.value,), (now.value,), seen.lost_at, seen.lost_at)
        entries.append(
            LedgerEntry(
                LedgerKind.UNSEEN,
                name,
                "same_second",
                by_policy,
                base,
                lost.value,
                now.value,
                seen.lost_at,
                seen.lost_at,
            )
        )
    return tuple(entries)


def restoring(plan: Plan, entries: Sequence[LedgerEntry]) -> Plan:
    """The plan with the values that Salesforce's side won back written to the row.

    The base stays what Salesforce holds now, so that the restored value stands out and is pushed like any local one.
    """
    values = {entry.field: entry.salesforce for entry in entries if entry.winner is Side.SALESFORCE}
    if not values or (plan.postgres is not None and plan.postgres.operation is not Operation.UPDATE):
        return replace(plan, ledger=(*plan.ledger, *entries))
    present = plan.postgres.values if plan.postgres is not None else {}
    return replace(
        plan, postgres=Write(Operation.UPDATE, {**values, **present}), ledger=(*plan.ledger, *entries)
    )
