"""Whether the process lives, whether it can serve, and the state of its parts.

*Alive* asks only whether the event loop still turns: a restart cannot mend a database, so nothing outside the process
may fail it. *Ready* asks for configuration, schema and database. Salesforce being down does not unready:
captured changes wait safely, and the operator needs this process to see why. Nothing here does I/O for a probe:
answers are what the running tasks have noted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.ports.clock import Clock
from daemon.ports.meter import Meter

ALIVE_SECONDS = 10.0
READY_SECONDS = 15.0
_BEAT_SECONDS = 1.0
_PROBE_SECONDS = 5.0


class Component(StrEnum):
    """A part whose state is published."""

    POSTGRES = "postgres"
    CAPTURE = "capture"
    SALESFORCE_API = "salesforce_api"
    SALESFORCE_STREAM = "salesforce_stream"
    SCHEMA = "schema"  # every mapping fits both sides


@dataclass(frozen=True, slots=True)
class ComponentState:
    """The state of one part: None while nobody has tried it yet; why, and since when it is so."""

    up: bool | None
    reason: str
    since: datetime


class Health:
    """The noted state of the process. `configured` and `schema_current` are set once their checks have passed."""

    def __init__(self, clock: Clock, meter: Meter) -> None:
        self.configured = False
        self.schema_current = False
        self._clock = clock
        self._meter = meter
        self._beat_at = clock.monotonic()
        self._database_at: float | None = None
        self._components = {part: ComponentState(None, "not tried yet", clock.now()) for part in Component}

    def note(self, component: Component, up: bool, reason: str = "") -> None:
        """Note the state of a part. `since` moves only when `up` changes; the reason is always the newest."""
        before = self._components[component]
        since = before.since if before.up is up else self._clock.now()
        self._components[component] = ComponentState(up, reason, since)
        self._meter.gauge("isthmus_component_up", float(up), component=component.value)

    def state(self, component: Component) -> ComponentState:
        """The state of one part."""
        return self._components[component]

    def database_answered(self) -> None:
        """Note that the database has answered something just now."""
        self._database_at = self._clock.monotonic()
        self.note(Component.POSTGRES, True)

    def alive(self) -> bool:
        """Whether the event loop has answered its own timer within 10 s."""
        return self._clock.monotonic() - self._beat_at <= ALIVE_SECONDS

    def ready(self) -> bool:
        """Whether configuration and schema are right and the database answered within 15 s."""
        return self.configured and self.schema_current and self._database_fresh()

    def report(self) -> Mapping[str, Any]:
        """Readiness with every part of it, as the probe shows it."""
        return {
            "status": "ready" if self.ready() else "not ready",
            "configuration": self.configured,
            "schema": self.schema_current,
            "database": self._database_fresh(),
            "components": {
                part.value: {"up": state.up, "reason": state.reason, "since": state.since.isoformat()}
                for part, state in self._components.items()
            },
        }

    async def beat(self) -> None:
        """Answer the self-timer, for ever."""
        while True:
            self._beat_at = self._clock.monotonic()
            await self._clock.sleep(_BEAT_SECONDS)

    async def watch_database(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask the database something cheap every 5 s, for ever, and note whether it answers in time.

        An answer that says no is noted, not raised: the tasks that need the database decide what to do.
        """
        while True:
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    await ask()
            except TimeoutError:
                self.note(Component.POSTGRES, False, f"no answer within {_PROBE_SECONDS:g} s")
            except IsthmusError as error:
                self.note(Component.POSTGRES, False, error.why)
            except CallFailedError as error:
                self.note(Component.POSTGRES, False, f"{error.failure.code}: {error.failure.message}")
            else:
                self.database_answered()
            await self._clock.sleep(_PROBE_SECONDS)

    def _database_fresh(self) -> bool:
        return self._database_at is not None and self._clock.monotonic() - self._database_at <= READY_SECONDS
