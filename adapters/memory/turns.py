"""Which changes are taken up, as the database's own function of that purpose shares them out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from daemon.domain.change import Change, ChangeState
from daemon.domain.side import Side

_READY = frozenset({ChangeState.PENDING, ChangeState.SENT})
_TURN_PART = 100


def due_changes(
    changes: Iterable[Change], stored_by: Mapping[int, int], now: datetime, limit: int
) -> list[Change]:
    """At most `limit` of what is due, in the order of ids. `stored_by` gives the transaction that stored a change."""
    ordered = sorted(changes, key=lambda change: change.id)
    ready = [change for change in ordered if change.due is None and change.state in _READY]
    overdue = [(change.due, change.id, change) for change in ordered if change.due and change.due <= now]
    shares = (
        _turns(ready, stored_by, limit),
        ready[:limit],
        [change for _, _, change in sorted(overdue, key=lambda item: item[:2])[:limit]],
    )
    places: dict[int, int] = {}
    for weight, share in enumerate(shares, start=1):
        for number, change in enumerate(share, start=1):
            places[change.id] = min(weight * number, places.get(change.id, weight * number))
    chosen = set(sorted(places, key=lambda number: (places[number], number))[:limit])
    return [change for change in ordered if change.id in chosen]


def _turns(ready: Sequence[Change], stored_by: Mapping[int, int], limit: int) -> list[Change]:
    """A few of each transaction, the oldest first, but none before an older one of its own record."""
    met: set[tuple[object, ...]] = set()
    by_transaction: dict[int, list[Change]] = {}
    for change in ready:
        names = _records(change)
        mine = by_transaction.setdefault(stored_by.get(change.id, 0), [])
        if len(mine) < max(1, limit // _TURN_PART) and met.isdisjoint(names):
            mine.append(change)
        met |= names
    turns = [change for _, mine in sorted(by_transaction.items()) for change in mine]
    return turns[: max(1, limit // 2)]


def _records(change: Change) -> set[tuple[object, ...]]:
    if change.side is Side.SALESFORCE:
        return {(change.side, change.sf_id)} if change.sf_id is not None else set()
    return {(change.side, change.step, key) for key in (change.key, change.old_key) if key is not None}
