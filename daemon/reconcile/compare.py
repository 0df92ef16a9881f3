"""How the two halves of a pair differ, and whether that is explained: what a comparison of both sides finds.

A pair is held against its base first, which is what its two halves last agreed on. Only one that is not as agreed is decided as the road would
decide it: what the decision would write, or park, is a difference that the road has not been told of. What it would leave alone is
explained, and so is everything of which a change is waiting already.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum

from daemon.domain.change import ChangeState
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import LedgerKind, Outcome, Plan
from daemon.domain.value import Value, Values
from daemon.domain.view import Presence, View
from daemon.reconcile.decide import decide


class Kind(StrEnum):
    """How two halves differ."""

    ONLY_SALESFORCE = "only_in_salesforce"
    ONLY_POSTGRES = "only_in_postgres"
    DIFFERING = "differing"
    BROKEN = "broken"  # one half was given up and the other was kept
    AGREED = "agreed"  # both hold the same, or are both gone, and the link does not know it


class Why(StrEnum):
    """Why a difference is as it should be."""

    WAITING = "waiting"  # a change is on its way
    PARKED = "parked"  # a person is asked about it already
    CONFLICT = "conflict"  # it stands in the ledger, open
    ONE_WAY = "one_way"  # the side that may not give this field was edited; it stands in the ledger
    LEFT_ALONE = "left_alone"  # the step's own rules leave it: create only, a mandatory field without a value, an operator's word


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that both sides hold, with different values."""

    field: str
    base: Value
    salesforce: Value
    postgres: Value


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not as agreed about one pair. `why` None: nothing explains it."""

    kind: Kind
    fields: tuple[FieldDifference, ...] = ()
    why: Why | None = None


Disputed = Mapping[str, tuple[Value, Value]]
"""The open entries of the ledger: a field's value in Salesforce and in PostgreSQL."""


def weigh(
    step: Step,
    link: Link,
    salesforce: View,
    postgres: View,
    *,
    waiting: AbstractSet[ChangeState],
    disputed: Disputed,
) -> Finding | None:
    """Compare the halves of a link. `waiting` are the states of what is stored of it. None: all is as agreed.

    A half that is not there is not `PRESENT`. Total: no exception, no clock, no I/O.
    """
    there, here = salesforce.presence is Presence.PRESENT, postgres.presence is Presence.PRESENT
    if link.state is not LinkState.LINKED:
        return _parted(there, here)
    if there and here:
        found = _both(step, link, salesforce, postgres, disputed)
    else:
        found = Finding(Kind.ONLY_SALESFORCE if there else Kind.ONLY_POSTGRES if here else Kind.AGREED)
    if found is not None and (link.in_doubt or waiting):
        parked = bool(waiting) and waiting <= {ChangeState.PARKED}
        return replace(found, why=Why.PARKED if parked else Why.WAITING)
    return found


def _both(step: Step, link: Link, salesforce: View, postgres: View, disputed: Disputed) -> Finding | None:
    if _as_agreed(step, link.base, salesforce, postgres):
        return None
    plan = decide(step, link, salesforce, postgres)
    fields = _differing(step, link.base, salesforce, postgres)
    if _would_act(plan, disputed):
        return Finding(Kind.DIFFERING, fields)
    if fields:
        return Finding(Kind.DIFFERING, fields, _explained(plan))
    rebased = any(name not in link.base or link.base[name] != value for name, value in plan.base.items())
    return Finding(Kind.AGREED) if rebased else None


def _parted(there: bool, here: bool) -> Finding | None:
    """A link that pairs nothing: a finding as long as one half is left without the other."""
    return Finding(Kind.BROKEN, why=Why.LEFT_ALONE) if there != here else None


def _as_agreed(step: Step, base: Values, salesforce: View, postgres: View) -> bool:
    """Whether each half says what the base says, or nothing. What cannot be read, or has never been agreed on, is for the decision."""
    if salesforce.failures or postgres.failures or postgres.waiting or salesforce.converted:
        return False
    theirs, ours = salesforce.values, postgres.values
    for field in step.fields:
        name = field.name
        if name not in base:
            return False
        agreed = base[name]
        if theirs.get(name, agreed) != agreed or ours.get(name, agreed) != agreed:
            return False
    return True


def _differing(step: Step, base: Values, salesforce: View, postgres: View) -> tuple[FieldDifference, ...]:
    found = []
    for name in (field.name for field in step.fields):
        agreed = base.get(name)
        theirs, ours = salesforce.values.get(name, agreed), postgres.values.get(name, agreed)
        if theirs != ours:
            found.append(FieldDifference(name, agreed, theirs, ours))
    return tuple(found)


def _would_act(plan: Plan, disputed: Disputed) -> bool:
    """Whether the road would write, link, hold something back, or tell somebody."""
    if plan.outcome is Outcome.APPLY:
        return True
    if any(hold.outcome in (Outcome.PARK, Outcome.WAIT) for hold in plan.held.values()):
        return True
    return any(disputed.get(entry.field) != (entry.salesforce, entry.postgres) for entry in plan.ledger)


def _explained(plan: Plan) -> Why:
    kinds = {entry.kind for entry in plan.ledger}
    if LedgerKind.CONFLICT in kinds:
        return Why.CONFLICT
    return Why.ONE_WAY if LedgerKind.DRIFT in kinds else Why.LEFT_ALONE
