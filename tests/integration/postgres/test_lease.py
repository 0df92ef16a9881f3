"""The lease: one writer, a quick successor, and no write under an epoch that is over."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres.lease import PostgresLease
from adapters.postgres.store import PostgresStore
from daemon.domain.failure import CallFailedError
from daemon.ports.store import Lease, LeaseLostError
from tests.integration.postgres.conftest import connector_to
from tests.integration.postgres.world import World


async def test_a_second_daemon_waits_until_the_first_gives_up(world: World) -> None:
    second = PostgresLease(connector_to(world.dsn), "second")
    lease: Lease = second
    try:
        assert not await lease.acquire()
        held = await lease.holder()
        assert held is not None
        assert held[:2] == ("test", world.lease.epoch)
        assert not await second.renew()
        assert await world.lease.renew()
        await world.lease.release()
        assert await second.holder() is None
        assert await second.acquire()
        assert second.epoch == 2
    finally:
        second.close()


async def test_a_dead_connection_is_taken_over_at_once_and_its_epoch_is_refused(world: World) -> None:
    second = PostgresLease(connector_to(world.dsn), "second")
    try:
        async with world.store.begin():
            pass
        world.lease.close()
        async with asyncio.timeout(5):
            while not await second.acquire():  # noqa: ASYNC110 - the server notices the death in its own time
                await asyncio.sleep(0.01)
        with pytest.raises(LeaseLostError):
            async with world.store.begin():
                pytest.fail("a stale epoch was let in")
        with pytest.raises(LeaseLostError):
            await world.store.mark_sent({}, [])
        assert not await world.lease.renew()
        async with PostgresStore(world.pool, second).begin():
            pass
    finally:
        second.close()


async def test_a_lapsed_lease_is_taken_over_although_its_holder_is_connected(world: World) -> None:
    frozen = PostgresLease(connector_to(world.dsn), "frozen", name="other", time_to_live=timedelta(0))
    second = PostgresLease(connector_to(world.dsn), "second", name="other")
    third = PostgresLease(connector_to(world.dsn), "third", name="other")
    try:
        assert await frozen.acquire()
        assert await second.acquire()
        assert not await frozen.renew()
        assert not await third.acquire()
        assert not await frozen.acquire()
        assert second.epoch == 2
    finally:
        for lease in (frozen, second, third):
            lease.close()


async def test_a_successor_waits_for_an_open_transaction(world: World) -> None:
    second = PostgresLease(connector_to(world.dsn), "second")
    try:
        async with world.store.begin():
            assert await world.lease.renew()  # which does not wait
            world.lease.close()
            assert second._connection is None
            session = await second._session()
            await session.connection.execute("SET lock_timeout = 50")
            with pytest.raises(CallFailedError) as raised:
                await second.acquire()
            assert raised.value.failure.code == "55P03"
        assert await second.acquire()
    finally:
        second.close()


async def test_a_holder_whose_connection_broke_keeps_the_lease_if_nobody_took_it(world: World) -> None:
    epoch = world.lease.epoch
    world.lease.close()
    assert await world.lease.renew()
    assert world.lease.epoch == epoch
    second = PostgresLease(connector_to(world.dsn), "second")
    try:
        assert not await second.acquire()
    finally:
        second.close()


async def test_of_many_at_once_one_wins(world: World) -> None:
    leases = [PostgresLease(connector_to(world.dsn), f"d{n}", name="race") for n in range(6)]
    try:
        won = await asyncio.gather(*(lease.acquire() for lease in leases))
        assert sorted(won) == [False] * 5 + [True]
    finally:
        for lease in leases:
            lease.close()


async def test_an_unreachable_server_is_a_failed_call(world: World) -> None:
    lease = PostgresLease(connector_to(world.dsn.replace("test_", "no_such_")), "lost")
    with pytest.raises(CallFailedError) as raised:
        await lease.acquire()
    assert raised.value.failure.code == "3D000"
    assert isinstance(raised.value.__cause__, asyncpg.PostgresError)
