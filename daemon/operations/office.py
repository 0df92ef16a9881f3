"""What an operator's act needs: the parts of the road, and what can be looked up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.domain.failure import NotFoundError
from daemon.domain.mapping import Step
from daemon.flow.loading.ordered import OrderedLoads
from daemon.flow.parts import Parts
from daemon.operations.leadership import Leadership
from daemon.operations.reloading import Configuration
from daemon.ports.actions import Outbox
from daemon.ports.comparing import Comparisons
from daemon.ports.database import Inspection
from daemon.ports.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Office:
    """The ports and the rules that operators' acts work with. `about` describes the process: name, leader, components; `leadership` is the lease, `jobs` the long works, `outbox` the actions that are still to be done."""

    parts: Parts
    inspection: Inspection
    about: Callable[[], Mapping[str, Any]]
    leadership: Leadership
    jobs: Jobs
    loads: OrderedLoads
    comparisons: Comparisons
    outbox: Outbox
    configuration: Callable[[], Configuration | None] = lambda: None

    def step(self, name: str) -> Step:
        """A step by its name; NotFoundError if there is none."""
        found = self.parts.steps.named(name)
        if found is None:
            raise NotFoundError(
                f"there is no step {name}",
                "no enabled step of the configuration has that name",
                f"the steps are: {', '.join(self.parts.steps.names)}",
            )
        return found
