"""A catalogue and a database that answer what a test has written down, and can be told to fail or to hang."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.domain.identity import Identity
from daemon.domain.mapping import Step, Table
from daemon.domain.value import Raw
from daemon.operations.check import Configured
from daemon.operations.marker import HOLDER, INSTANCE, KEY, OBJECT, THE_ONE, Instance
from daemon.ports.conversions import Conversions, Converted, HandedOn
from daemon.ports.database import CaptureProblem, Database, ServerFacts, TableDescription
from daemon.ports.identifiers import ColumnFacts, Filled
from daemon.ports.rights import Caller, Permission
from daemon.ports.salesforce import Catalogue, EventBatch, Limits, ObjectDescription, Record
from daemon.settings.load import secret_problems
from daemon.settings.models import Settings
from daemon.settings.resolve import resolve, wanted_objects, wanted_tables
from tests.unit.settings.sample import OBJECTS, TABLES, an_object
from tests.unit.settings.sample import field as described

OURS = Instance("5d0f", "acme-prod")
MARKER = an_object(OBJECT, described(KEY), described(INSTANCE), described(HOLDER))
HERE = Identity("7713", "16384", "00000001")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def failure(kind: FailureKind = FailureKind.TRANSIENT, code: str = "SERVER_UNAVAILABLE") -> CallFailedError:
    return CallFailedError(Failure(kind, Reason.TRANSPORT, code, "no", "Wait a minute."))


def configured(settings: Settings, **rest: Any) -> Configured:
    steps = [step for step in settings.steps if step.enabled]
    return Configured(
        steps=len(steps),
        objects=wanted_objects(settings),
        tables=wanted_tables(settings),
        pulled=frozenset(step.salesforce.object for step in steps if step.direction.pulls),
        api_version=settings.salesforce.api_version,
        resolve=partial(resolve, settings),
        secrets=rest.pop("secrets", partial(secret_problems, settings)),
        **rest,
    )


@dataclass
class Faults:
    """What goes wrong on purpose, by the name of the call: an exception, or `hang`."""

    calls: Mapping[str, Exception | str] = field(default_factory=dict)

    async def at(self, name: str) -> None:
        fault = self.calls.get(name)
        if fault == "hang":
            await asyncio.Event().wait()
        elif isinstance(fault, Exception):
            raise fault


@dataclass
class KnownCatalogue(Catalogue):
    objects: Mapping[str, ObjectDescription] = field(default_factory=lambda: OBJECTS)
    served: Sequence[str] = ("61.0", "62.0")
    captured: frozenset[str] | None = frozenset({"Account", "Contact"})
    org: Mapping[str, str] = field(
        default_factory=lambda: {"id": "00D", "name": "Acme", "username": "i@acme.com", "is_sandbox": "false"}
    )
    offered: frozenset[str] | None = None
    faults: Faults = field(default_factory=Faults)
    asked: list[str] = field(default_factory=list)

    async def objects_with_events(self) -> frozenset[str] | None:
        self.asked.append("objects_with_events")
        return self.offered

    async def describe(self, name: str) -> ObjectDescription | None:
        self.asked.append(name)
        await self.faults.at("describe")
        return self.objects.get(name)

    async def versions(self) -> Sequence[str]:
        await self.faults.at("versions")
        return self.served

    async def organisation(self) -> Mapping[str, str]:
        await self.faults.at("organisation")
        return self.org

    async def condition_fault(self, name: str, condition: str) -> str | None:
        await self.faults.at("condition_fault")
        return f"{name} has no such field" if "Nope" in condition else None

    async def captured_objects(self) -> frozenset[str] | None:
        await self.faults.at("captured_objects")
        return self.captured


@dataclass
class KnownDatabase(Database):
    tables: Mapping[str, TableDescription] = field(default_factory=lambda: TABLES)
    migrations: tuple[int, int] = (3, 3)
    wrong: Sequence[CaptureProblem] = ()
    now: datetime = NOW
    is_now: Identity = HERE
    was: Identity | None = None
    faults: Faults = field(default_factory=Faults)

    async def facts(self) -> ServerFacts:
        await self.faults.at("facts")
        return ServerFacts("18.1", "isthmus", "app", self.now, 0.004, tls=True)

    async def identity(self) -> Identity:
        return self.is_now

    async def known_identity(self) -> Identity | None:
        return self.was

    async def know(self, identity: Identity) -> None:
        self.was = identity

    async def table(self, qualified: str) -> TableDescription | None:
        await self.faults.at("table")
        return self.tables.get(qualified)

    async def schema_version(self) -> tuple[int, int]:
        await self.faults.at("schema_version")
        return self.migrations

    async def condition_fault(self, step: Step) -> str | None:
        await self.faults.at("condition_fault")
        judged = [each for each in (step.push_filter, step.routed_by) if each is not None]
        return "column nope does not exist" if any("nope" in each.condition for each in judged) else None

    async def capture_check(self, steps: Sequence[Step]) -> Sequence[CaptureProblem]:
        assert steps
        return self.wrong

    async def migration_plan(self) -> Sequence[tuple[int, str, str]]:
        raise AssertionError("a check plans no migration")

    async def migrate(self) -> Sequence[int]:
        raise AssertionError("a check writes nothing")

    async def make_tables(self, statements: Sequence[str]) -> None:
        raise AssertionError("a check writes nothing")

    async def capture_plan(self, steps: Sequence[Step]) -> Sequence[str]:
        raise AssertionError("a check plans no capture")

    async def capture_install(self, steps: Sequence[Step]) -> Sequence[str]:
        raise AssertionError("a check writes nothing")

    async def captured_steps(self) -> frozenset[str]:
        raise AssertionError("a check looks for no capture but that of the steps")

    async def capture_remove(self, steps: Sequence[str]) -> Sequence[str]:
        raise AssertionError("a check writes nothing")


class StillClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@dataclass
class Told:
    """What `Records` has been told by the org's answers; nothing else of it is used by a check."""

    limits: Limits | None = field(default_factory=lambda: Limits(100, 1000))
    clock_offset: float | None = 0.3

    async def find(
        self, name: str, fields: Sequence[str], by: str, values: Sequence[str]
    ) -> dict[str, list[Record]]:
        """The mark of the org, which is ours."""
        marked = {KEY: THE_ONE, INSTANCE: OURS.id, HOLDER: OURS.name}
        return {THE_ONE: [Record(name, "a01000000000001AAA", marked, NOW, NOW)]}


@dataclass
class KnownRights:
    """Who the daemon is in the org."""

    known: Caller = field(
        default_factory=lambda: Caller(
            "i@acme.com",
            "Standard",
            "Minimum Access - API Only Integrations",
            {Permission.API_ENABLED: True, Permission.API_ONLY: True},
        )
    )

    async def caller(self) -> Caller:
        return self.known


@dataclass
class KnownConversions(Conversions):
    """What becomes of converted leads: a mapping that may be read, or what the leads themselves show."""

    handed: frozenset[HandedOn] | None = frozenset()
    seen: Sequence[Converted] = ()
    asked: list[str] = field(default_factory=list)

    async def mapping(self) -> frozenset[HandedOn] | None:
        self.asked.append("mapping")
        return self.handed

    async def newest(self, becomes: str, field: str, most: int) -> Sequence[Converted]:
        self.asked.append(f"newest {most} {becomes}.{field}")
        return self.seen


@dataclass
class KnownRecordIdentifiers:
    """The identifying fields of records, as a test has written them down."""

    values: Filled = field(default_factory=lambda: Filled(4, 4))
    twice: Sequence[tuple[str, int]] | None = ()
    empty: Sequence[Mapping[str, Raw]] = ()
    asked: list[str] = field(default_factory=list)

    async def filled(self, name: str, field: str) -> Filled:
        self.asked.append(f"filled {name}.{field}")
        return self.values

    async def repeated(self, name: str, field: str, most: int) -> Sequence[tuple[str, int]] | None:
        self.asked.append(f"repeated {name}.{field}")
        return self.twice

    async def without(
        self, name: str, field: str, shown: Sequence[str]
    ) -> AsyncIterator[Sequence[Mapping[str, Raw]]]:
        self.asked.append(f"without {name}.{field} {','.join(shown)}")
        for record in self.empty:
            yield [record]


@dataclass
class KnownRowIdentifiers:
    """The identifying columns of rows."""

    facts: ColumnFacts = field(default_factory=lambda: ColumnFacts(Filled(4, 4)))

    async def column(self, table: Table, column: str, most: int) -> ColumnFacts:
        assert most == 20
        return self.facts


@dataclass
class OneStream:
    fault: Exception | None = None
    calls: list[str] = field(default_factory=list)
    transport: str = "cometd"

    async def open(self, channel: str, position: str) -> None:
        self.calls.append(f"open {channel} {position}")
        if self.fault is not None:
            raise self.fault

    async def receive(self) -> EventBatch:
        raise AssertionError

    async def close(self) -> None:
        self.calls.append("close")
