"""Links as they are after a decision."""

from dataclasses import replace
from datetime import datetime

from daemon.domain.change import Source
from daemon.domain.link import WINDOWS_MOST, Link, LinkState, Window
from daemon.domain.mapping import Steps
from daemon.domain.plan import Plan
from daemon.domain.side import Direction
from daemon.domain.value import Values
from daemon.flow.observation import Observation
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
        seen=None if _behind(pair, base) else _later(link.seen, seen.at) if seen.moves_seen else link.seen,
        own=own,
        windows=_windows(link, seen),
    )


def _windows(link: Link, seen: Observation) -> tuple[Window, ...]:
    """The link's windows, with that of a new write. The stream is in order: what it has passed cannot be told any more."""
    kept = link.windows
    if seen.source is Source.STREAM and not seen.complete:
        kept = tuple(window for window in kept if window.end >= seen.at)
    opened = [window for window in (seen.doubt, seen.window) if window is not None]
    return (*kept, *opened)[-WINDOWS_MOST:] if opened else kept


def _behind(pair: Pair, base: Values) -> bool:
    """Whether Salesforce holds something that the base does not: an open conflict, a row that could not be written.

    The base is then complete as of no second, so the record is read before anything else is decided about it.
    """
    if pair.result is not None and pair.result.failure is not None and not pair.plan.verdicts:
        return True  # nothing could be decided: the row was held by another session
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
