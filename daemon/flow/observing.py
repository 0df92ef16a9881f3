"""What a case of the worker tells about its Salesforce record: what was read, what was written, and what a write may have replaced."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from daemon.domain.canonical import from_salesforce
from daemon.domain.change import ChangeKind, Source
from daemon.domain.failure import FailureKind
from daemon.domain.link import LinkOrigin, Window
from daemon.domain.plan import Hold, Operation
from daemon.domain.side import Side
from daemon.domain.value import Raw, Values, values_from_json
from daemon.domain.view import Presence
from daemon.flow.cases import Case, made_up
from daemon.flow.observation import Observation
from daemon.flow.parts import Parts
from daemon.flow.planning import confirmed, held
from daemon.flow.sending import raw_values, taken
from daemon.reconcile.decide import DELETE_CONFLICT

COMMIT: Final = timedelta(seconds=1)
"""How much later than its record's stamp an event may be: the one is set when a record is saved, the other at commit."""
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a window begins of whose record no second is known up to which it was compared."""


def observed(parts: Parts, case: Case) -> Observation | None:
    """What the case tells about its Salesforce record; None where nothing was learned."""
    if case.hold is not None or case.settled_early or case.untold or (case.to_link and case.record is None):
        return None
    result = case.result
    if result is not None and result.failure is None and result.id is not None:
        return _written(parts, case)
    if (
        result is not None
        and result.failure is not None
        and result.failure.kind is FailureKind.UNKNOWN_OUTCOME
    ):
        return None
    if case.overtaken:
        return None
    base = Observation(case.step, case.sf_id or "", _source(case), parts.clock.now(), changes=case.theirs)
    if case.record is not None:
        return replace(
            base,
            at=case.record.stamp,
            raw=case.record.values,
            complete=True,
            outside=case.outside,
            confirmed=confirmed(case),
            key=case.key,
            origin=case.origin,
            kept=case.ours if result is not None or case.to_link else (),
            read=case.record.values,
            told=_told(case),
            resolved=confirmed(case),
            doubt=_doubtful(case),
        )
    if case.deleted is not None and case.unread and deletion_disputed(case) is not None:
        return None  # what is stored of the record tells of its deletion already
    if case.deleted is not None:
        return replace(
            base,
            at=_second(parts.salesforce_now()),
            presence=Presence.GONE,
            merged_into=case.deleted.merged_into,
            moves_seen=False,
        )
    if result is None and case.blind and (case.plan.ledger or Side.POSTGRES in case.plan.held):
        return replace(base, moves_seen=False)  # nothing to write, but something to tell or to keep back
    return None


def _written(parts: Parts, case: Case) -> Observation:
    result, write = case.result, case.plan.salesforce
    assert result is not None
    assert result.id is not None
    assert write is not None
    at = result.at or _second(parts.salesforce_now())
    seen = Observation(
        case.step,
        result.id,
        _source(case),
        at,
        changes=case.theirs,
        own=at,
        confirmed={**confirmed(case), **taken(case.step, case.sent)},
        key=case.key,
        origin=case.origin or LinkOrigin.CREATED,
        external_id=case.external_id[1] if case.external_id else None,
        replaces=case.deleted.id if case.deleted is not None else None,
        read=case.record.values if case.record is not None else {},
        told=_told(case),
        resolved=confirmed(case),
        doubt=_doubtful(case),
        window=_window(case, at),
        outside=case.outside,
    )
    if write.operation is Operation.DELETE:
        return replace(seen, presence=Presence.GONE)
    if result.record is not None:
        own = result.record.stamp
        return replace(seen, at=own, own=own, raw=result.record.values, complete=True)
    sent = raw_values(case.step, write)
    if case.record is not None and not case.overtaken:
        raw = {**case.record.values, **sent}
        return replace(seen, at=case.record.stamp, raw=raw, complete=True)
    return replace(seen, raw=sent, moves_seen=False)


def _source(case: Case) -> Source:
    return case.theirs[-1].source if case.theirs else Source.TRIGGER


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _told(case: Case) -> tuple[tuple[datetime, Mapping[str, Raw]], ...]:
    """What stored events said, one by one: a later one must not hide the value of an earlier one."""
    return tuple((change.at, change.values) for change in case.theirs)


def _window(case: Case, written: datetime) -> Window | None:
    """The seconds in which a write may have replaced something unseen.

    A conditional write lets pass what happened in the very second of its condition; a write after a read, whatever came
    between the two. A create that came upon a record replaced what it had been given, whenever that was.
    """
    if not case.sent:
        return None
    sent = taken(case.step, case.sent)
    if case.link is None:
        return Window(EVER, written + COMMIT, dict.fromkeys(sent), sent) if _came_upon(case) else None
    before = {name: case.link.base.get(name) for name in sent}
    if case.record is not None:
        before |= {name: value for name, value in held(case).items() if name in case.sent}
        return Window(case.record.stamp, max(written, case.record.stamp) + COMMIT, before, sent)
    return Window(case.link.seen, case.link.seen + COMMIT, before, sent) if case.link.seen else None


def _came_upon(case: Case) -> bool:
    """Whether a create wrote over a record that was not there when it was looked for: somebody had made it meanwhile, under the row's own id."""
    write, result = case.plan.salesforce, case.result
    create = write is not None and write.operation is Operation.CREATE
    existed = result is not None and result.failure is None and not result.created
    own = case.external_id is not None and case.external_id[1] not in case.made_ids
    return create and existed and own and not case.in_doubt


def _doubtful(case: Case) -> Window | None:
    """The same for a write whose answer never came: it was done at some time before the record was read."""
    sent = {
        name: value for change in case.doubted for name, value in values_from_json(change.sent or {}).items()
    }
    if case.record is None or not sent:
        return None
    if case.link is None:
        made = Window(EVER, case.record.stamp + COMMIT, dict.fromkeys(sent), sent)
        return made if made_up(case) is None and _made_by_another(case, sent) else None
    start = case.link.seen or max((window.start for window in case.link.windows), default=EVER)
    before = {name: case.link.base.get(name) for name in sent}
    return Window(start, case.record.stamp + COMMIT, before, sent)


def _made_by_another(case: Case, sent: Values) -> bool:
    """Whether the record of a create in doubt was there before it, as the event tells by which it came to be: the create was done upon it."""
    for change in case.theirs:
        known = case.step.by_name.keys() & change.values.keys() & sent.keys()
        told = ((name, from_salesforce(case.step.by_name[name], change.values[name]).value) for name in known)
        if change.kind is ChangeKind.CREATE and any(value != sent[name] for name, value in told):
            return True
    return False


def deletion_disputed(case: Case) -> Hold | None:
    """What keeps a deletion in Salesforce from the row, if its edits do."""
    hold = case.plan.held.get(Side.POSTGRES)
    return hold if hold is not None and hold.code == DELETE_CONFLICT else None
