"""SIGTERM to a daemon that is stuck, in twelve ways, one after the other in one world behind fault proxies."""

import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg

from tests.faults.between import Between, between
from tests.prove.figure import Seen, Stage
from tests.support.fault_proxy import FAIR, Weather
from tests.support.world_program import LateError, Program, until

SECONDS = 10.0
_PATIENCE = 30.0
_WAIT = 15.0
_DEADLINE = 20.0

Stuck = Callable[[Between], AbstractAsyncContextManager[None]]


async def stops(stage: Stage) -> Seen:
    """The longest stop and the exit statuses. Of so few stops the 99th percentile is the longest."""
    states = dict(list(STATES.items())[: stage.size(None, 2)])
    taken: dict[str, float] = {}
    wrong: list[str] = []
    async with between(stage.databases(), stage.room("world")) as net:
        for name, stuck in states.items():
            seconds, status = await _stopped(net, stuck)
            taken[name] = seconds
            if status != 0 or seconds > SECONDS:
                wrong.append(f"{name}: status {status} after {seconds:.1f} s")
            stage.progress(len(taken), len(states))
    slowest = max(taken, key=lambda name: taken[name])
    figure = f"{len(states)} states: {len(wrong)} missed; the longest {taken[slowest]:.1f} s ({slowest})"
    return Seen(figure, not wrong, tuple(wrong))


async def _stopped(net: Between, stuck: Stuck) -> tuple[float, int | None]:
    """Seconds from the signal to the end, and the status; None where it had to be killed."""
    daemon = net.world.daemon
    assert daemon is not None
    async with stuck(net):
        seconds, status = await _ends(net.world.daemon or daemon)
    net.postgres.weather = net.salesforce.weather = FAIR
    await net.world.start()
    await net.world.quiescent()
    return seconds, status


async def _ends(daemon: Program) -> tuple[float, int | None]:
    started = time.monotonic()
    daemon.signal(signal.SIGTERM)
    status: int | None
    try:
        status = await daemon.ended(_PATIENCE)
    except LateError:
        daemon.kill()
        status = None
    return time.monotonic() - started, status


async def _waits_for_a_lock(net: Between) -> bool:
    return bool(
        await net.world.value("""
            SELECT count(*) FROM pg_stat_activity
            WHERE application_name LIKE 'isthmus%' AND wait_event_type = 'Lock' AND datname = current_database()
        """)
    )


@asynccontextmanager
async def _idle(net: Between) -> AsyncIterator[None]:
    yield


def _org_hangs(prompt: Callable[[Between], Awaitable[object]]) -> Stuck:
    """Requests about records are never answered, and `prompt` has brought one about."""

    @asynccontextmanager
    async def stuck(net: Between) -> AsyncIterator[None]:
        await net.across(await net.create(), _WAIT)
        await net.world.org.control(
            "POST", "faults", {"action": "hang", "path": "/(composite|query|sobjects)"}
        )
        await prompt(net)
        try:
            await until(lambda: _hit(net), "a request hangs", _WAIT)
            yield
        finally:
            await net.world.org.control("DELETE", "faults")

    return stuck


async def _hit(net: Between) -> bool:
    faults = await net.world.org.control("GET", "faults")
    return any(entry["matched"] for entry in faults["faults"])


async def _gap(net: Between) -> None:
    """Something has happened to a record, and Salesforce does not say what: it is to be read."""
    sf_id = await net.world.value("SELECT max(sf_id) FROM isthmus.link WHERE state = 'linked'")
    event = {"object": "Account", "changeType": "GAP_UPDATE", "recordIds": [sf_id]}
    await net.world.org.control("POST", "events/inject", event)


@asynccontextmanager
async def _login_hangs(net: Between) -> AsyncIterator[None]:
    """The session has ended, and the request for another one is never answered."""
    await net.world.org.control("POST", "faults", {"action": "hang", "api": "oauth"})
    await net.world.org.expire_sessions()
    await net.insert()

    try:
        await until(lambda: _hit(net), "a login hangs", _WAIT)
        yield
    finally:
        await net.world.org.control("DELETE", "faults")


def _locked(statement: str) -> Stuck:
    """Somebody holds a lock, and the daemon waits for it if its way leads there."""

    @asynccontextmanager
    async def stuck(net: Between) -> AsyncIterator[None]:
        marker = await net.create()
        await net.across(marker, 30)
        locker = await asyncpg.connect(net.world.dsn, timeout=_DEADLINE)
        try:
            async with locker.transaction():
                await locker.execute(statement, timeout=_DEADLINE)
                await net.create()
                await until(lambda: _waits_for_a_lock(net), f"the daemon waits for {statement}", _WAIT)
                yield
        finally:
            await locker.close(timeout=_DEADLINE)

    return stuck


def _weather(side: str, weather: Weather) -> Stuck:
    """The network to a side is bad, and work is on its way there."""

    @asynccontextmanager
    async def stuck(net: Between) -> AsyncIterator[None]:
        getattr(net, side).weather = weather
        await net.insert()
        await net.create()
        yield

    return stuck


@asynccontextmanager
async def _org_is_away(net: Between) -> AsyncIterator[None]:
    await net.salesforce.down()
    await net.down("salesforce_stream", _WAIT)
    try:
        yield
    finally:
        await net.salesforce.up()


@asynccontextmanager
async def _database_is_away(net: Between) -> AsyncIterator[None]:
    await net.postgres.down()
    await net.down("postgres", _WAIT)
    try:
        yield
    finally:
        await net.postgres.up()


STATES: dict[str, Stuck] = {
    "a write to the org hangs": _org_hangs(Between.insert),
    "a row's table is locked": _locked("LOCK TABLE crm.companies IN ACCESS EXCLUSIVE MODE"),
    "idle": _idle,
    "a read of the org hangs": _org_hangs(_gap),
    "a login hangs": _login_hangs,
    "the journal is locked": _locked("LOCK TABLE isthmus.journal IN ACCESS EXCLUSIVE MODE"),
    "the links are locked": _locked("LOCK TABLE isthmus.link IN ACCESS EXCLUSIVE MODE"),
    "a black hole before the org": _weather("salesforce", Weather(black_hole=True)),
    "a black hole before the database": _weather("postgres", Weather(black_hole=True)),
    "answers of the database do not come": _weather("postgres", Weather(half_open=True)),
    "the org is away": _org_is_away,
    "the database is away": _database_is_away,
}
