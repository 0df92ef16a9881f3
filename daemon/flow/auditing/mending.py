"""How one difference is closed by a side's word, or by the step's own rules: links and changes that the road then takes up."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.policy import OnDelete
from daemon.domain.side import Side
from daemon.domain.value import Values
from daemon.flow.auditing.examine import Examined
from daemon.reconcile.compare import Kind


@dataclass(frozen=True, slots=True)
class Mending:
    """What is stored to close a difference. `deletes`: the road will delete the half that is left."""

    changes: tuple[Change, ...]
    link: Link | None = None
    deletes: bool = False


def mend(
    step: Step, item: Examined, take: Side | None, now: datetime, new_id: Callable[[], str]
) -> Mending | None:
    """Close a difference of a linked pair with the word of a side; None: by the step's rules. Gives None where that side may not decide it.

    Nothing is written here. A base that is the loser's own values makes the winner the only one that changed; a link that is a
    tombstone has its missing half made anew; and an operator's wish to look at a pair of which a half is gone deletes the other.
    """
    link, kind = item.link, item.finding.kind
    if take is None:
        gone = kind in (Kind.ONLY_SALESFORCE, Kind.ONLY_POSTGRES)
        missing = Side.POSTGRES if kind is Kind.ONLY_SALESFORCE else Side.SALESFORCE
        deletes = gone and step.on_deleted(missing) is OnDelete.PROPAGATE
        return Mending((_reread(step, link, Source.SWEEP, now),), deletes=deletes)
    if kind is Kind.DIFFERING:
        return _agree(step, item, take, now)
    there = Side.SALESFORCE if kind is Kind.ONLY_SALESFORCE else Side.POSTGRES
    if take is not there:
        if step.on_deleted(there.other) is not OnDelete.PROPAGATE:
            return None
        wish = (
            _look(step, link, now) if there is Side.SALESFORCE else _reread(step, link, Source.OPERATOR, now)
        )
        return Mending((wish,), deletes=True)
    again = replace(link, state=LinkState.TOMBSTONE, own=None)
    if there is Side.SALESFORCE:
        return Mending((_reread(step, link, Source.OPERATOR, now),), again) if step.pull.creates else None
    made = replace(_look(step, link, now), kind=ChangeKind.CREATE, external_id=new_id())
    return Mending((made,), again) if step.push.creates else None


def _agree(step: Step, item: Examined, take: Side, now: datetime) -> Mending | None:
    """Only fields that may travel from that side are decided, each with those that move together with it."""
    differing = {field.field for field in item.finding.fields}
    losing: Values = item.postgres.values if take is Side.SALESFORCE else item.salesforce.values
    names = [
        field.name
        for unit in step.units
        if any(field.name in differing for field in unit)
        for field in unit
        if (field.direction.pulls if take is Side.SALESFORCE else field.direction.pushes)
        and field.name in losing
    ]
    if not names:
        return None
    base = {**item.link.base, **{name: losing[name] for name in names}}
    changes = (_reread(step, item.link, Source.OPERATOR, now), _look(step, item.link, now))
    return Mending(changes, replace(item.link, base=base))


def _reread(step: Step, link: Link, source: Source, now: datetime) -> Change:
    return Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, source, now, link.sf_id, link.key)


def _look(step: Step, link: Link, now: datetime) -> Change:
    return Change(step.name, Side.POSTGRES, ChangeKind.UPDATE, Source.OPERATOR, now, None, link.key)
