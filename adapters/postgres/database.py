"""The database as an operator's commands need it: schema, capture and catalogue.

No statement here waits for a lock beyond the bound of the pool, so none stands in front of an application for long.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from adapters.postgres import capture, catalogue, migrate
from adapters.postgres.conditions import condition_fault
from adapters.postgres.documents import decode, encode
from adapters.postgres.faults import told
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.failure import CallFailedError
from daemon.domain.identity import Identity
from daemon.domain.mapping import Step
from daemon.ports.database import CaptureProblem, ServerFacts, TableDescription
from daemon.ports.failpoints import Failpoint

_IDENTITY = "database_identity"


class PostgresDatabase:
    """The port `Database`. A call that fails raises an IsthmusError with its three lines."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def facts(self) -> ServerFacts:
        async with self._session("the database does not answer") as session:
            return await catalogue.server_facts(session, self._pool.clock)

    async def identity(self) -> Identity:
        async with self._session("the database does not say which one it is") as session:
            return await catalogue.identity(session)

    async def known_identity(self) -> Identity | None:
        async with self._session("the database's identity cannot be looked up") as session:
            text = await session.value(Purpose.ADMIN, QUERIES["setting"], _IDENTITY)
            return Identity(**decode(text)) if text is not None else None

    async def know(self, identity: Identity) -> None:
        async with self._session("the database's identity cannot be kept") as session:
            await session.execute(Purpose.ADMIN, QUERIES["set_setting"], _IDENTITY, encode(asdict(identity)))

    async def table(self, qualified: str) -> TableDescription | None:
        async with self._session(f"the table {qualified} cannot be looked up") as session:
            return await catalogue.describe_table(session, qualified)

    async def condition_fault(self, step: Step) -> str | None:
        try:
            return await condition_fault(self._pool, step)
        except CallFailedError as error:
            raise told(f"the filter of {step.name} cannot be tried", error) from error

    async def schema_version(self) -> tuple[int, int]:
        async with self._session("the schema isthmus cannot be looked up") as session:
            return await migrate.versions(session)

    async def migration_plan(self) -> Sequence[tuple[int, str, str]]:
        async with self._session("the schema isthmus cannot be looked up") as session:
            return await migrate.missing(session)

    async def migrate(self) -> Sequence[int]:
        async with self._session("the schema isthmus cannot be migrated") as session:
            return await migrate.migrate(session, self._pool.failpoints)

    async def make_tables(self, statements: Sequence[str]) -> None:
        async with self._session("the tables cannot be made") as session, session.transaction():
            await self._run(session, statements)

    async def capture_plan(self, steps: Sequence[Step]) -> Sequence[str]:
        async with self._session("capture cannot be looked up") as session:
            return capture.plan(steps, await catalogue.installed_capture(session))

    async def capture_install(self, steps: Sequence[Step]) -> Sequence[str]:
        async with self._session("capture cannot be installed") as session, session.transaction():
            installed = await catalogue.installed_capture(session)
            mended = sorted({problem.step for problem in capture.check(steps, installed)})
            statements = await self._run(session, capture.plan(steps, installed))
            if mended:
                await session.execute(Purpose.ADMIN, QUERIES["note_reinstalled"], mended)
            return statements

    async def tables(self, names: Sequence[str]) -> Mapping[str, TableDescription]:
        async with self._session("the tables cannot be looked up") as session:
            found = {name: await catalogue.describe_table(session, name) for name in names}
        return {name: table for name, table in found.items() if table is not None}

    async def capture_adapt(self, steps: Sequence[Step]) -> Sequence[str]:
        async with self._session("capture cannot be adapted") as session, session.transaction():
            installed = await catalogue.installed_capture(session)
            return await self._run(session, capture.adaptation(steps, installed))

    async def capture_check(self, steps: Sequence[Step]) -> Sequence[CaptureProblem]:
        async with self._session("capture cannot be looked up") as session:
            return capture.check(steps, await catalogue.installed_capture(session))

    async def captured_steps(self) -> frozenset[str]:
        async with self._session("capture cannot be looked up") as session:
            installed = await catalogue.installed_capture(session)
        return frozenset(name for f in installed.functions.values() if (name := f.step) is not None)

    async def capture_remove(self, steps: Sequence[str]) -> Sequence[str]:
        async with self._session("capture cannot be removed") as session, session.transaction():
            return await self._run(
                session, capture.removal(steps, await catalogue.installed_capture(session))
            )

    @asynccontextmanager
    async def _session(self, what: str) -> AsyncIterator[Session]:
        try:
            async with self._pool.session() as session:
                yield session
        except CallFailedError as error:
            raise told(what, error) from error

    async def _run(self, session: Session, statements: Sequence[str]) -> Sequence[str]:
        for statement in statements:
            await session.execute(Purpose.ADMIN, statement)
            await self._pool.failpoints.reach(Failpoint.BETWEEN_STATEMENTS)
        return statements
