"""Gaps: opened with the changes that will fill them, and closed by what is left of those."""

from collections.abc import Sequence

from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.gap import Gap, GapCause
from daemon.ports.store import ClosedGap


async def open_all(session: Session, gaps: Sequence[Gap]) -> None:
    """Note gaps. The changes that fill them are stored in the same transaction."""
    if gaps:
        rows = [(gap.step, gap.cause.value, gap.since, gap.until, gap.records) for gap in gaps]
        columns = (list(column) for column in zip(*rows, strict=True))
        await session.execute(Purpose.LOG, QUERIES["open_gaps"], *columns)


async def close_filled(session: Session) -> list[ClosedGap]:
    """Note which gaps have been read, then which of those read have been settled; the latter."""
    await session.execute(Purpose.LOG, QUERIES["sweep_gaps"])
    return [
        ClosedGap(
            Gap(row["step"], GapCause(row["cause"]), row["since"], row["until"], row["records"]),
            (row["closed_at"] - row["opened_at"]).total_seconds(),
        )
        for row in await session.fetch(Purpose.LOG, QUERIES["close_gaps"])
    ]
