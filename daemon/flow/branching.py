"""A database on another branch of its history: everything is compared again, for its newest transactions may be gone.

What was committed on our side of the lost tail is undone there and done in Salesforce. The comparison against what is agreed by this branch finds it,
from both sides: every object is read whole, every linked row is looked at, and the stream goes on from this branch's position.
"""

from collections.abc import Callable

import structlog

from daemon.domain.failure import CallFailedError, RefusedError, UnreachableError
from daemon.domain.gap import GapCause
from daemon.domain.identity import Identity, Verdict, compare
from daemon.flow.gaps import note_opened, open_for_objects
from daemon.flow.parts import Parts
from daemon.ports.database import Database

log = structlog.get_logger(__name__)

EVERY = 15.0


async def same_database(database: Database) -> Verdict:
    """Hold the database against the one that is known; the first one is remembered. Raises RefusedError for another one."""
    known, found = await database.known_identity(), await database.identity()
    if known is None:
        await database.know(found)
        return Verdict.SAME
    verdict = compare(known, found)
    if verdict is Verdict.OTHER:
        raise RefusedError(
            "this is not the database whose state is kept in it",
            f"it was copied, loaded from a dump, or upgraded: it was {_shown(known)} and is {_shown(found)}; a copy must not write to the same org, "
            "and an old state knows less than Salesforce has been told",
            "correct database.dsn; or, if this one takes the place of the other, run: isthmus database accept",
        )
    return verdict


async def compare_everything(parts: Parts, database: Database) -> None:
    """Note a gap of every step, look at every linked row, and remember the branch once that is stored."""
    found = await database.identity()
    position = min((p.at for p in (await parts.store.positions()).values() if p.at is not None), default=None)
    async with parts.writing, parts.store.begin() as unit:
        steps = parts.steps.ordered
        gaps = await open_for_objects(unit, steps, GapCause.TIMELINE, position, parts.clock.now())
    note_opened(parts, gaps)
    for step in parts.steps.ordered:
        async with parts.writing:
            await parts.store.sweep(step.name, asked=False)
    await database.know(found)
    log.warning("database_branched", timeline=found.timeline)


async def watch_branches(parts: Parts, database: Database, resubscribe: Callable[[], None]) -> None:
    """Look for ever whether a standby has taken over. A failed look is the probe's to tell."""
    while True:
        await parts.clock.sleep(EVERY)
        try:
            if await same_database(database) is Verdict.BRANCHED:
                await compare_everything(parts, database)
                resubscribe()
        except (CallFailedError, UnreachableError):
            continue


def _shown(identity: Identity) -> str:
    return f"database {identity.database or '?'} of cluster {identity.system or '?'}"
