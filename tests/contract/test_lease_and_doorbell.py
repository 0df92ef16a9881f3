"""One writer, a quick successor, no write under an epoch that is over; and a bell that rings for what was captured."""

import asyncio
from datetime import timedelta

import pytest

from daemon.ports.store import LeaseLostError
from tests.contract.arena import Arena


async def test_a_second_daemon_waits_until_the_first_gives_up(arena: Arena) -> None:
    second = arena.rival("second")
    assert not await second.acquire()
    held = await second.holder()
    assert held is not None
    assert held[:2] == ("test", arena.lease.epoch)
    assert not await second.renew()
    assert await arena.lease.renew()
    await arena.lease.release()
    assert await second.holder() is None
    assert await second.acquire()
    assert second.epoch == 2
    second.close()


async def test_the_epoch_of_a_dead_holder_is_refused_as_soon_as_another_leads(arena: Arena) -> None:
    second = arena.rival("second")
    arena.lease.close()
    async with asyncio.timeout(5):
        while not await second.acquire():  # noqa: ASYNC110 - a server notices the death in its own time
            await asyncio.sleep(0.01)
    with pytest.raises(LeaseLostError):
        async with arena.store.begin():
            pytest.fail("a stale epoch was let in")
    with pytest.raises(LeaseLostError):
        await arena.store.mark_sent({}, [])
    assert not await arena.lease.renew()
    async with arena.store_of(second).begin() as unit:
        assert await unit.count_links("people") == 0
    second.close()


async def test_a_lapsed_lease_is_taken_over_although_its_holder_lives(arena: Arena) -> None:
    frozen = arena.rival("frozen", name="other", time_to_live=timedelta(0))
    second, third = arena.rival("second", name="other"), arena.rival("third", name="other")
    assert await frozen.acquire()
    assert await second.acquire()
    assert not await frozen.renew()
    assert not await third.acquire()
    assert not await frozen.acquire()
    for lease in (frozen, second, third):
        lease.close()


async def test_a_holder_whose_connection_broke_keeps_the_lease_if_nobody_took_it(arena: Arena) -> None:
    arena.lease.close()
    assert await arena.lease.renew()
    second = arena.rival("second")
    assert not await second.acquire()
    second.close()


async def test_a_captured_change_rings_once(arena: Arena) -> None:
    bell = arena.doorbell()
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(bell.run())
        assert await bell.wait(5)  # once, as it begins to listen
        key = await arena.insert(email="a")
        assert await bell.wait(5)
        assert not await bell.wait(0.1)
        await arena.update(key, unmapped="x")
        assert not await bell.wait(0.1)
        listening.cancel()
