"""Links as they are after a decision."""

from dataclasses import replace
from datetime import datetime

from daemon.domain.change import Source
from daemon.domain.link import WINDOWS_MOST, Link, LinkOrigin, LinkState, Window
from daemon.domain.mapping import Steps
from daemon.domain.plan import KEEP_LINK, LinkAction, LinkChange, Operation, Plan
from daemon.domain.side import Direction
from daemon.domain.value import Values
from daemon.flow.accounts import count_link
from daemon.flow.effects import Effects, reread
from daemon.flow.pairing import Pair
from daemon.flow.parts import Parts
from daemon.flow.unseen import answered
from daemon.reconcile.renames import is_given_up


def account_link(parts: Parts, pair: Pair, effects: Effects, *, failed: bool) -> None:
    """The link as it is after this: what Salesforce confirmed always counts, the rest only if the row was written."""
    plan, link, seen = pair.plan, pair.link, pair.seen
    if failed or pair.hold is not None:
        plan = Plan()
    elif plan.salesforce is not None and plan.salesforce.operation is not Operation.UPDATE:
        plan = replace(plan, link=KEEP_LINK)  # not before Salesforce has done it
    if failed and link is None and seen.confirmed and pair.key is not None:
        plan = Plan(
            link=LinkChange(LinkAction.CREATE, origin=LinkOrigin.CREATED)
        )  # the record was made all the same
    match plan.link.action:
        case LinkAction.KEEP:
            if link is not None and (after := paired(link, pair, plan)) != link:
                effects.links.append(after)
        case LinkAction.CREATE | LinkAction.REVIVE as action:
            if pair.former is not None:
                effects.removed.append(pair.former.id)
            revived = action is LinkAction.REVIVE  # what was known of its time ended with the record
            former = replace(link, seen=None, own=None) if link is not None and revived else link
            made = paired(former or new_link(pair), pair, plan)
            effects.links.append(replace(made, state=LinkState.LINKED))
            effects.released += [
                seen.sf_id,
                f"{seen.step.name}:{pair.key}",
                f"{seen.step.table.qualified}:{pair.key}",
            ]
        case LinkAction.END:
            assert link is not None
            if is_given_up(link.key):
                effects.removed.append(
                    link.id
                )  # an undelete could not give the key back to the row: it makes another
            else:
                effects.links.append(ended(link, plan))
        case LinkAction.MOVE:
            assert link is not None
            target = moved(parts.steps, link, plan)
            effects.links.append(target)
            effects.released += [target.sf_id, f"{target.step}:{target.key}", f"{target.table}:{target.key}"]
            effects.stored.append(replace(reread(pair), step=target.step, sf_id=target.sf_id))
    count_link(parts.meter, seen.step, plan)


def new_link(pair: Pair) -> Link:
    """The link of a pair that has none yet."""
    seen = pair.seen
    assert pair.key is not None
    origin = pair.plan.link.origin
    link = Link(0, seen.step.name, seen.step.object, seen.sf_id, seen.step.table.qualified, pair.key)
    return replace(link, origin=origin) if origin is not None else link


def paired(link: Link, pair: Pair, plan: Plan) -> Link:
    """A link after an observation: the base moves, and so does what is known of the record's time."""
    seen = pair.seen
    kept = link.base if link.sf_id == seen.sf_id else {}
    base = {**kept, **seen.confirmed, **plan.base}
    own = link.own
    if seen.own is not None:
        own = seen.own
    elif link.in_doubt:
        own = (
            seen.at
        )  # it was read with nothing on its way any more, so our last write is not later than this
    return replace(
        link,
        sf_id=seen.sf_id,
        key=pair.key or link.key,
        base=base,
        seen=None if _behind(pair, base) else _later(link.seen, seen.at) if seen.moves_seen else link.seen,
        own=own,
        windows=_windows(link, pair),
        outside=_outside(pair),
    )


def _outside(pair: Pair) -> bool:
    """Whether a filter of the step leaves one half out: of some fields, nothing was agreed on then."""
    return pair.seen.outside or (pair.row is not None and not pair.row.eligible)


def _windows(link: Link, pair: Pair) -> tuple[Window, ...]:
    """The link's windows, with that of a new write. The stream is in order: what it has passed cannot be told any more."""
    kept, seen = link.windows, pair.seen
    if seen.source is Source.STREAM and not seen.complete:
        kept = tuple(window for window in kept if window.end >= seen.at)
    opened = [window for window in (seen.doubt, seen.window) if window is not None]
    if pair.hold is None and (pair.result is None or pair.result.failure is None):
        opened += answered(seen, (*kept, *opened))
    return (*kept, *opened)[-WINDOWS_MOST:] if opened else kept


def _behind(pair: Pair, base: Values) -> bool:
    """Whether Salesforce holds something that the base does not: an open conflict, a row that could not be written.

    The base is then complete as of no second, so the record is read before anything else is decided about it.
    """
    if pair.result is not None and pair.result.failure is not None and not pair.plan.verdicts:
        return True  # nothing could be decided: the row was held by another session
    if _outside(pair):
        return True
    fields = pair.seen.step.by_name
    return any(
        verdict.salesforce != base.get(verdict.field)
        for verdict in pair.plan.verdicts
        if fields[verdict.field].direction is Direction.TWO_WAY
    )


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one


def ended(link: Link, plan: Plan) -> Link:
    """A link that pairs nothing any more. Its base stays: a tombstone's is the image that an undelete starts from."""
    return replace(link, state=plan.link.state, merged_into=plan.link.sf_id or link.merged_into, own=None)


def moved(steps: Steps, link: Link, plan: Plan) -> Link:
    """A link that follows its record to another one. What was agreed with the old record says nothing of the new."""
    target = plan.link.object or link.object
    step = steps.of_table_and_object(link.table, target)
    return replace(
        link,
        step=step.name if step is not None else link.step,
        object=target,
        sf_id=plan.link.sf_id or link.sf_id,
        state=LinkState.LINKED if step is not None else LinkState.BROKEN,
        origin=plan.link.origin or link.origin,
        base={},
        seen=None,
        own=None,
        merged_into=None,
    )
