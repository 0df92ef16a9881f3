"""What was decided: the journal, the ledger, and where the streams stand."""

from collections.abc import Sequence
from datetime import datetime

from adapters.postgres.documents import encode
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.ports.store import JournalEntry, LedgerLine, Position


async def append(session: Session, entries: Sequence[JournalEntry]) -> None:
    """Append decisions."""
    if not entries:
        return
    rows = [
        (
            entry.at,
            entry.step,
            entry.sf_id,
            entry.key,
            entry.source,
            entry.direction,
            entry.operation,
            entry.outcome,
            entry.code,
            encode(entry.detail),
        )
        for entry in entries
    ]
    await session.execute(Purpose.LOG, QUERIES["append_journal"], *(list(c) for c in zip(*rows, strict=True)))


async def append_ledger(session: Session, lines: Sequence[LedgerLine]) -> None:
    """Append ledger entries; one that is there already with the same values (and known times, once decided) is left out."""
    rows = {row[:4] + row[5:]: row for row in (_ledger_row(line) for line in lines)}
    if rows:
        columns = zip(*rows.values(), strict=True)
        await session.execute(Purpose.LOG, QUERIES["append_ledger"], *(list(column) for column in columns))


async def save_position(session: Session, position: Position) -> None:
    """Store where a channel stands."""
    await session.execute(
        Purpose.LOG,
        QUERIES["save_position"],
        position.channel,
        position.transport,
        position.position,
        position.at,
    )


async def positions(session: Session) -> dict[str, Position]:
    """Where every channel stands."""
    found = await session.fetch(Purpose.ADMIN, QUERIES["positions"])
    return {r["channel"]: Position(r["channel"], r["transport"], r["position"], r["at"]) for r in found}


async def deletes_since(session: Session, step: str, since: datetime) -> int:
    """How many deletes were propagated."""
    return int(await session.value(Purpose.LOG, QUERIES["deletes_since"], step, since))


def _ledger_row(line: LedgerLine) -> tuple[object, ...]:
    entry = line.entry
    return (
        line.step,
        line.sf_id,
        line.key,
        entry.kind,
        line.at,
        entry.field,
        entry.rule,
        entry.winner,
        encode(entry.base),
        encode(entry.salesforce),
        encode(entry.postgres),
        entry.salesforce_at,
        entry.postgres_at,
    )
