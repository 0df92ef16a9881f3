"""From settings to what the operations check: the configuration as a value, and its steps held against both sides."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from daemon.domain.failure import ConfigurationError, NotFoundError
from daemon.domain.mapping import Step
from daemon.operations.check import Configured, described_objects, described_tables
from daemon.settings.load import secret_problems
from daemon.settings.resolve import resolve, wanted_objects, wanted_tables

if TYPE_CHECKING:
    from daemon.cli.composition import Sides
    from daemon.settings.models import Settings


def configured(settings: "Settings") -> Configured:
    """The configuration as the operations know it."""
    pulled = frozenset(
        step.salesforce.object for step in settings.steps if step.runs and step.direction.pulls
    )
    return Configured(
        steps=sum(step.runs for step in settings.steps),
        objects=wanted_objects(settings),
        tables=wanted_tables(settings),
        pulled=pulled,
        api_version=settings.salesforce.api_version,
        resolve=lambda objects, tables: resolve(settings, objects, tables),
        secrets=lambda: secret_problems(settings),
        channel=settings.salesforce.channel,
        sandbox=settings.salesforce.environment.sandbox,
    )


async def resolved_steps(settings: "Settings", sides: "Sides", names: Sequence[str] | None) -> Sequence[Step]:
    """The steps of these names, or all of them, as the daemon works by them.

    Raises NotFoundError for an unknown name, ConfigurationError where the configuration does not fit both sides.
    """
    objects = await described_objects(sides.catalogue, wanted_objects(settings))
    tables = await described_tables(sides.database, wanted_tables(settings))
    resolution = resolve(settings, objects, tables)
    if resolution.steps is None:
        raise ConfigurationError(
            "the configuration does not fit both sides",
            "\n".join(str(problem) for problem in resolution.problems),
            "mend it, then run: isthmus config check",
        )
    steps = resolution.steps
    if unknown := sorted(set(names or ()) - set(steps.names)):
        raise NotFoundError(
            f"there is no step {', '.join(unknown)}",
            "no enabled step of the configuration has that name",
            f"the steps are: {', '.join(steps.names)}",
        )
    return [step for step in steps.ordered if not names or set(step.names) & set(names)]
