"""How soon the daemon notices what fails without a word: a dead LISTEN, a stream that is subscribed and mute, a database behind a hole."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.faults.between import Between, between
from tests.prove.figure import Seen, Stage
from tests.support.fault_proxy import Weather
from tests.support.world_program import LateError, until

LISTEN_SECONDS, STREAM_SECONDS, DATABASE_SECONDS = 15.0, 120.0, 40.0
_SECOND = 1.1
"""Stamps are whole seconds: what changed in the second of the newest event that was heard cannot be told from that."""
_PATIENCE = 1.5
"""How much longer than the bar is waited, so that a figure that misses it is told and not only that it did."""

_LISTENERS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'isthmus doorbell'
"""


async def noticing(stage: Stage) -> Seen:
    """All three at once, each in a world of its own. The small version has the dead LISTEN alone."""
    kinds = (
        ("LISTEN", LISTEN_SECONDS, _dead_listen),
        ("stream", STREAM_SECONDS, _mute_stream),
        ("PostgreSQL", DATABASE_SECONDS, _black_hole),
    )[: stage.size(3, 1)]
    taken: dict[str, float] = {}
    async with between(stage.databases(), stage.room("template")):
        """The database that the others are copied from is made once, before three want it."""

    async def time_one(name: str, fault: Callable[[Between], Awaitable[float]]) -> None:
        async with between(stage.databases(), stage.room(name)) as net:
            try:
                taken[name] = await fault(net)
            except LateError:
                taken[name] = float("inf")
        stage.progress(len(taken), len(kinds))

    async with asyncio.TaskGroup() as group:
        for name, _, fault in kinds:
            group.create_task(time_one(name, fault))
    figure = ", ".join(f"{name} after {taken[name]:.1f} s" for name, _, _ in kinds)
    return Seen(figure, all(taken[name] <= bar for name, bar, _ in kinds))


async def _dead_listen(net: Between) -> float:
    """Nothing comes over the doorbell's connection any more: until another one is made."""

    async def listeners() -> set[int]:
        return {row["pid"] for row in await net.world.fetch(_LISTENERS)}

    before = await listeners()
    assert len(before) == 1
    started = time.monotonic()
    net.postgres.weather = Weather(half_open=True, only=b"isthmus doorbell")

    async def tried_again() -> bool:
        return bool(await listeners() - before)

    await until(tried_again, "the doorbell connects anew", LISTEN_SECONDS * _PATIENCE)
    return time.monotonic() - started


async def _mute_stream(net: Between) -> float:
    """Connections stay healthy and events stay away: until the gap is a row."""
    await net.across(await net.create(), 30)
    await net.world.org.control("POST", "stream/mute")
    started = time.monotonic()
    await net.create()
    await asyncio.sleep(_SECOND)
    await net.create()

    async def noted() -> bool:
        return bool(await net.world.value("SELECT count(*) FROM isthmus.gap WHERE cause = 'silence'"))

    await until(noted, "the silence is a gap", STREAM_SECONDS * _PATIENCE, every=0.1)
    return time.monotonic() - started


async def _black_hole(net: Between) -> float:
    """Nothing goes over to the database or back: until the daemon says that it is down."""
    started = time.monotonic()
    net.postgres.weather = Weather(black_hole=True)
    await net.down("postgres", DATABASE_SECONDS * _PATIENCE)
    return time.monotonic() - started
