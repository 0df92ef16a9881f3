"""The doorbell: it rings for captured changes, proves itself, and comes back when its connection dies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from adapters.postgres.doorbell import Pings, PostgresDoorbell
from daemon.ports.store import Doorbell
from tests.integration.postgres.world import World

QUICK = Pings(every=0.05, within=2.0, first_pause=0.01, longest_pause=0.01)


@asynccontextmanager
async def listening(world: World, pings: Pings = QUICK) -> AsyncIterator[PostgresDoorbell]:
    doorbell = PostgresDoorbell(world.connector, "test", pings)
    port: Doorbell = doorbell
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(port.run())
        await until(lambda: doorbell.alive)
        assert await doorbell.wait(1)  # it rings once when it begins to listen
        yield doorbell
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the doorbell tells its state, not its changes
            await asyncio.sleep(0.005)


async def test_a_captured_change_rings_once_and_our_own_pings_do_not(world: World) -> None:
    async with listening(world) as doorbell:
        assert not await doorbell.wait(0.2)
        await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
        assert await doorbell.wait(5)
        await world.app.execute("UPDATE crm.people SET unmapped = 'x'")
        assert not await doorbell.wait(0.1)


async def test_a_stored_change_rings(world: World) -> None:
    async with listening(world) as doorbell:
        async with world.store.begin() as unit:
            assert await unit.release_waiting(["nothing:1"]) == 0
        assert not await doorbell.wait(0.1)
        await world.app.execute("SELECT isthmus.ring()")
        assert await doorbell.wait(5)


async def test_it_comes_back_after_its_connection_was_killed(world: World) -> None:
    async with listening(world, Pings(every=60, first_pause=0.01)) as doorbell:
        since = doorbell.since
        killed = await world.app.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'isthmus doorbell' AND datname = current_database()"
        )
        assert killed == 1
        await until(lambda: doorbell.since != since and doorbell.alive)
        assert await doorbell.wait(5)
        await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
        assert await doorbell.wait(5)


class Deaf(PostgresDoorbell):
    """Its connection answers and looks well, but nothing comes through it while `deaf`."""

    deaf = False

    def _on_notification(self, connection: object, process: int, channel: str, payload: object) -> None:
        if not self.deaf:
            super()._on_notification(connection, process, channel, payload)


async def test_a_silent_connection_is_given_up(world: World) -> None:
    doorbell = Deaf(world.connector, "test", Pings(every=0.05, within=0.2, first_pause=0.01))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(doorbell.run())
        await until(lambda: doorbell.alive)
        doorbell.deaf = True
        await until(lambda: not doorbell.alive)
        doorbell.deaf = False
        await until(lambda: doorbell.alive)
        task.cancel()
