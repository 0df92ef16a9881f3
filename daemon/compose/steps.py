"""The steps that the daemon works by: the configuration held against both sides."""

from daemon.compose.sides import OpenSides
from daemon.domain.failure import ConfigurationError
from daemon.domain.mapping import Steps
from daemon.operations.check import described_objects, described_tables
from daemon.settings.models import Settings
from daemon.settings.resolve import resolve, wanted_objects, wanted_tables


async def resolved(settings: Settings, sides: OpenSides) -> Steps:
    """Every enabled step, parents first. Raises ConfigurationError where the configuration does not fit both sides."""
    objects = await described_objects(sides.catalogue, wanted_objects(settings))
    tables = await described_tables(sides.database, wanted_tables(settings))
    resolution = resolve(settings, objects, tables)
    if resolution.steps is None:
        raise ConfigurationError(
            "the configuration does not fit both sides",
            "\n".join(str(problem) for problem in resolution.problems),
            "mend it, then run: isthmus config check",
        )
    return resolution.steps
