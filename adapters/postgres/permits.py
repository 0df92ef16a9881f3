"""The delete guard's view of the database: what waits to be deleted, and what an operator lets pass."""

from collections.abc import Sequence

from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.mapping import Step
from daemon.domain.permit import Permit


async def of_step(session: Session, step: str) -> Permit | None:
    """The last permit of a step, in force or not, with the deletes that were done since."""
    found = await session.fetch(Purpose.LOG, QUERIES["permit_of_step"], step)
    return Permit(**dict(found[0])) if found else None


async def waiting(session: Session, step: Step, besides: Sequence[int], most: int) -> tuple[int, int]:
    """Stored deletes of linked pairs besides these changes, and those that the guard holds; each counted up to `most`."""
    (found,) = await session.fetch(
        Purpose.LOG, QUERIES["deletes_waiting"], step.name, step.table.qualified, besides, most
    )
    return int(found["waiting"]), int(found["held"])
