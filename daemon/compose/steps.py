"""The steps that the daemon works by: the configuration held against both sides."""

from collections.abc import Awaitable, Callable

from daemon.compose.sides import OpenSides
from daemon.domain.failure import ConfigurationError
from daemon.domain.mapping import Steps
from daemon.flow.drift.memory import NAME, read
from daemon.flow.drift.watch import SchemaWatch
from daemon.flow.in_force import InForce
from daemon.flow.parts import Parts
from daemon.operations.check import described_objects, described_tables
from daemon.ports.schemas import Kept
from daemon.settings.models import Settings
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables


async def resolved(settings: Settings, sides: OpenSides, kept: Kept) -> InForce:
    """Every enabled step, parents first, and what is held: it worked before, and does not fit both sides any more.

    Raises ConfigurationError where the configuration does not fit both sides and never did.
    """
    objects = await described_objects(sides.catalogue, wanted_objects(settings))
    tables = await described_tables(sides.database, wanted_tables(settings))
    resolution = resolve_holding(settings, objects, tables, read(await kept.get(NAME)).known)
    if resolution.steps is None:
        raise ConfigurationError(
            "the configuration does not fit both sides",
            "\n".join(str(problem) for problem in resolution.problems),
            "mend it, then run: isthmus config check",
        )
    return InForce(resolution.steps, resolution.drifts)


def schema_watch(
    settings: Settings,
    sides: OpenSides,
    parts: Parts,
    kept: Kept,
    health: Callable[[bool, str], None],
    settle_names: Callable[[Steps], Awaitable[None]],
) -> SchemaWatch:
    """The watch that keeps these steps fit for both sides."""
    return SchemaWatch(
        parts,
        sides.salesforce.catalogue,
        sides.database,
        kept,
        lambda seen, known: resolve_holding(settings, seen.objects, seen.tables, known),
        (wanted_objects(settings), wanted_tables(settings)),
        health,
        settle_names,
    )
