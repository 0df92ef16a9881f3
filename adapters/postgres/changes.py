"""Stored changes: the queue of what is not settled yet, of both sides."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres.documents import decode, encode, storable_text
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.change import Change, ChangeKind, ChangeState, Source, Suspicion
from daemon.domain.link import UNKNOWN_OUTCOME
from daemon.domain.side import Side
from daemon.domain.value import Raw
from daemon.ports.store import Deferral

_PURPOSE = Purpose.CAPTURE


def change_of(record: Mapping[str, Any]) -> Change:
    """A stored change."""
    return Change(
        step=record["step"],
        side=Side(record["side"]),
        kind=ChangeKind(record["kind"]),
        source=Source(record["source"]),
        at=record["at"],
        sf_id=record["sf_id"],
        key=record["key"],
        old_key=record["old_key"],
        values=decode(record["new_values"]),
        old_values=decode(record["old_values"]),
        complete=record["complete"],
        external_id=record["external_id"],
        id=record["id"],
        state=ChangeState(record["state"]),
        attempts=record["attempts"],
        sent=None if record["sent"] is None else decode(record["sent"]),
        due=record["due"],
        code=record["code"],
        reason=record["reason"],
        advice=record["advice"],
        waiting_for=record["waiting_for"],
        suspicion=None if record["suspicion"] is None else Suspicion(record["suspicion"]),
        since=record["since"],
        transaction=int(record["transaction"]),
    )


async def pending(session: Session, limit: int) -> list[Change]:
    """What may be taken up now, by turns among the transactions that stored it; in the order of ids."""
    return [change_of(record) for record in await session.fetch(_PURPOSE, QUERIES["changes_pending"], limit)]


async def of_rows(session: Session, step: str, keys: Sequence[str]) -> dict[str, list[Change]]:
    """The unsettled captured changes of rows, oldest first; a row without any is absent."""
    found: dict[str, list[Change]] = {}
    for record in await session.fetch(_PURPOSE, QUERIES["changes_of_rows"], step, keys):
        found.setdefault(record["key"], []).append(change_of(record))
    return found


async def renames(session: Session, steps: Sequence[str], keys: Sequence[str], most: int) -> list[Change]:
    """The stored changes of a key that reach these keys, by their ids; at most so many."""
    found = await session.fetch(_PURPOSE, QUERIES["renames"], steps, keys, most, len(keys) + most)
    return [change_of(record) for record in found]


async def renamed(session: Session, steps: Sequence[str], keys: Sequence[str]) -> frozenset[str]:
    """The keys among these that a stored change of a key takes from a row or gives to one."""
    return frozenset(r["key"] for r in await session.fetch(_PURPOSE, QUERIES["renamed"], steps, keys))


async def oldest_renames(session: Session, steps: Sequence[str], most: int) -> list[Change]:
    """The oldest stored changes of a key."""
    return [change_of(r) for r in await session.fetch(_PURPOSE, QUERIES["oldest_renames"], steps, most)]


async def call_anew(session: Session, changes: Sequence[Change]) -> None:
    """Give changes the kind, the key and the old key that they carry."""
    if changes:
        rows = [(change.id, change.kind, change.key, change.old_key) for change in changes]
        await session.execute(_PURPOSE, QUERIES["call_anew"], *(list(c) for c in zip(*rows, strict=True)))


async def keys_of(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """The keys of these changes, by their ids."""
    found = await session.fetch(_PURPOSE, QUERIES["keys_of_changes"], ids)
    return {record["id"]: record["key"] for record in found}


async def of_records(session: Session, step: str, ids: Sequence[str]) -> dict[str, list[Change]]:
    """What is pending of these records, oldest first."""
    found: dict[str, list[Change]] = {}
    for record in await session.fetch(_PURPOSE, QUERIES["record_changes"], step, ids):
        change = change_of(record)
        found.setdefault(change.sf_id or "", []).append(change)
    return found


async def unsettled_records(session: Session, ids: Sequence[str]) -> frozenset[str]:
    """The Salesforce ids among these that have a stored change."""
    return frozenset(r["sf_id"] for r in await session.fetch(_PURPOSE, QUERIES["unsettled_records"], ids))


async def parked_records(session: Session, ids: Sequence[str]) -> dict[str, str | None]:
    """Those of these records that are parked, with the code."""
    found = await session.fetch(_PURPOSE, QUERIES["parked_records"], ids)
    return {record["sf_id"]: record["code"] for record in found}


async def unread_records(session: Session, step: str, ids: Sequence[str]) -> frozenset[str]:
    """The Salesforce ids among these that have a stored change, or all of them while their object is to be read whole."""
    return frozenset(r["sf_id"] for r in await session.fetch(_PURPOSE, QUERIES["unread_records"], step, ids))


async def creates_in_doubt(session: Session, step: str, field: str) -> frozenset[str]:
    """The external ids of creates that were sent and not answered yet."""
    found = await session.fetch(_PURPOSE, QUERIES["creates_in_doubt"], step, field)
    return frozenset(record["external_id"] for record in found)


async def store(session: Session, changes: Sequence[Change]) -> None:
    """Store changes, and ring if one of them may be taken up at once."""
    if not changes:
        return
    rows = [_row(change) for change in changes]
    await session.execute(_PURPOSE, QUERIES["store_changes"], *(list(c) for c in zip(*rows, strict=True)))
    if any(change.state is ChangeState.PENDING and change.due is None for change in changes):
        await ring(session)


async def ring(session: Session) -> None:
    """Ring the doorbell when this transaction commits."""
    await session.value(_PURPOSE, QUERIES["ring"])


async def settle(session: Session, ids: Sequence[int]) -> None:
    """Forget changes."""
    if ids:
        await session.execute(_PURPOSE, QUERIES["settle"], ids)


async def defer(session: Session, deferrals: Sequence[Deferral]) -> None:
    """Keep changes for later."""
    if not deferrals:
        return
    rows = [
        (
            d.id,
            d.state,
            d.due,
            d.attempts,
            d.code,
            _text(d.reason),
            _text(d.advice),
            d.waiting_for,
            d.external_id,
            d.suspicion,
        )
        for d in deferrals
    ]
    await session.execute(_PURPOSE, QUERIES["defer"], *(list(column) for column in zip(*rows, strict=True)))
    if any(d.state is ChangeState.PENDING and d.due is None for d in deferrals):
        await ring(session)


async def release_waiting(session: Session, references: Sequence[str]) -> int:
    """Make changes pending that wait for one of these."""
    if not references:
        return 0
    released = await session.execute(_PURPOSE, QUERIES["release_waiting"], references)
    if released:
        await ring(session)
    return released


async def mark_sent(session: Session, sent: Mapping[int, Mapping[str, Raw]], links: Sequence[int]) -> None:
    """Changes become `sent` with the values that were sent; links become doubtful."""
    if sent:
        values = [encode(values) for values in sent.values()]
        await session.execute(_PURPOSE, QUERIES["mark_changes_sent"], list(sent), values)
    if links:
        await session.execute(_PURPOSE, QUERIES["mark_links_in_doubt"], links, UNKNOWN_OUTCOME)


def _row(change: Change) -> tuple[object, ...]:
    return (
        change.step,
        change.side,
        change.kind,
        change.source,
        change.at,
        change.sf_id,
        change.key,
        change.old_key,
        encode(change.values),
        encode(change.old_values),
        change.complete,
        change.external_id,
        change.state,
        change.attempts,
        change.due,
        None if change.sent is None else encode(change.sent),
        change.code,
        _text(change.reason),
        _text(change.advice),
        change.waiting_for,
    )


def _text(text: str | None) -> str | None:
    return None if text is None else storable_text(text)
