"""Several waiting changes of one record as one."""

from collections.abc import Sequence
from dataclasses import replace

from daemon.domain.change import Change, ChangeKind, Source


def fold(changes: Sequence[Change]) -> Change:
    """The one change that says what all of these say; they are of one record on one side, oldest first.

    Values are the last ones spoken; a deletion forgets what was before it. The instants and the identity are those of
    the last change, the old key is that of the first. A create that is followed by updates stays a create. Once
    anybody asked to read the record, reading it is what is left to do, unless it was deleted later.
    """
    folded = changes[0]
    for change in changes[1:]:
        folded = _joined(folded, change)
    return folded


def lasting(changes: Sequence[Change]) -> list[Change]:
    """Those of a row's changes, oldest first, that say of some column what no later one says, and the last.

    Between two edits of one row that wait on, each has its own time: folded into the last, a column that was changed first
    would pass for as new as the one that was changed last, and win over what Salesforce was told between the two. An operator's
    order is such a change as well: what was asked for stays asked for. A deletion forgets what was before it. There are never
    more of them than columns, and two.
    """
    kept: list[Change] = []
    told: set[str] = set()
    asked = False
    for change in reversed(changes):
        orders = change.source is Source.OPERATOR and not asked
        if not kept or orders or not told.issuperset(change.values):
            kept.append(change)
            asked = asked or orders
        told.update(change.values)
        if change.kind is ChangeKind.DELETE:
            break
    return kept[::-1]


def _joined(before: Change, after: Change) -> Change:
    if (
        after.kind is ChangeKind.DELETE
        or after.complete
        or after.kind in (ChangeKind.CREATE, ChangeKind.UNDELETE)
    ):
        return replace(
            after, old_key=before.old_key or after.old_key, attempts=max(before.attempts, after.attempts)
        )
    return replace(
        after,
        kind=_kind(before, after),
        values={**before.values, **after.values},
        old_values={**after.old_values, **before.old_values},
        complete=before.complete,
        old_key=before.old_key or after.old_key,
        external_id=before.external_id or after.external_id,
        attempts=max(before.attempts, after.attempts),
        sent=after.sent if after.sent is not None else before.sent,
    )


def _kind(before: Change, after: Change) -> ChangeKind:
    if ChangeKind.REREAD in (before.kind, after.kind):
        return ChangeKind.REREAD
    if before.kind in (ChangeKind.CREATE, ChangeKind.UNDELETE, ChangeKind.REKEY, ChangeKind.READ):
        return before.kind
    return after.kind
