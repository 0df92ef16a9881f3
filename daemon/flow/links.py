"""Links as they are after a decision."""

from dataclasses import replace
from datetime import datetime

from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Steps
from daemon.domain.plan import Plan
from daemon.flow.pairing import Pair


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
        seen=_later(link.seen, seen.at) if seen.moves_seen else link.seen,
        own=own,
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
