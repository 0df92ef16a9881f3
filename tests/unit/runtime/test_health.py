"""Alive, ready and the state of parts, in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from adapters.memory.clock import START, VirtualClock
from adapters.memory.meter import MemoryMeter
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason, UnreachableError
from daemon.ports.api import ApiRequest, Endpoint, Role
from daemon.runtime.health import Component, Health
from daemon.runtime.loop_lag import measure_loop_lag
from daemon.runtime.probes import probe_endpoints

NOBODY = ApiRequest({}, {}, {}, "")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def meter() -> MemoryMeter:
    return MemoryMeter()


@pytest.fixture
def health(clock: VirtualClock, meter: MemoryMeter) -> Health:
    return Health(clock, meter)


async def test_alive_needs_a_beat_within_ten_seconds(clock: VirtualClock, health: Health) -> None:
    async with asyncio.TaskGroup() as group:
        beating = group.create_task(health.beat())
        await clock.advance(60)
        assert health.alive()
        beating.cancel()
    await clock.advance(9)
    assert health.alive()
    await clock.advance(2)
    assert not health.alive()


async def test_ready_needs_configuration_schema_and_a_recent_answer(
    clock: VirtualClock, health: Health
) -> None:
    assert not health.ready()
    health.configured = True
    health.database_answered()
    assert not health.ready()
    health.schema_current = True
    assert health.ready()
    health.note(Component.SALESFORCE_API, False, "connection refused")
    health.note(Component.SALESFORCE_STREAM, False, "handshake refused")
    assert health.ready()
    await clock.advance(16)
    assert not health.ready()
    assert health.report()["database"] is False


async def test_since_moves_only_when_the_state_changes(
    clock: VirtualClock, health: Health, meter: MemoryMeter
) -> None:
    health.note(Component.CAPTURE, False, "no trigger on crm.people")
    await clock.advance(30)
    health.note(Component.CAPTURE, False, "no trigger on crm.calls")
    state = health.state(Component.CAPTURE)
    assert (state.up, state.reason, state.since) == (False, "no trigger on crm.calls", START)
    assert meter.gauged("isthmus_component_up", component="capture") == 0
    health.note(Component.CAPTURE, True)
    assert health.state(Component.CAPTURE).since == START + timedelta(seconds=30)
    assert meter.gauged("isthmus_component_up", component="capture") == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnreachableError("no database", "connection refused", "start it"), "connection refused"),
        (
            CallFailedError(Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "57P01", "shutting down", "")),
            "57P01: shutting down",
        ),
        (TimeoutError(), "no answer within 5 s"),
    ],
)
async def test_a_database_that_does_not_answer_is_noted(
    clock: VirtualClock, health: Health, error: Exception, reason: str
) -> None:
    answers: list[Exception | None] = [None, error, None]

    async def ask() -> None:
        if answers and (answer := answers.pop(0)) is not None:
            raise answer

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(health.watch_database(ask))
        await clock.advance(1)
        assert health.state(Component.POSTGRES).up is True
        await clock.advance(5)
        state = health.state(Component.POSTGRES)
        assert (state.up, state.reason) == (False, reason)
        await clock.advance(5)
        assert health.state(Component.POSTGRES).up is True
        watching.cancel()


async def test_a_defect_in_the_question_is_not_hidden(health: Health) -> None:
    async def ask() -> None:
        raise KeyError("pool")

    with pytest.raises(KeyError):
        await health.watch_database(ask)


async def test_loop_lag_is_what_the_timer_was_late(clock: VirtualClock, meter: MemoryMeter) -> None:
    async with asyncio.TaskGroup() as group:
        measuring = group.create_task(measure_loop_lag(clock, meter))
        await clock.advance(1)
        measuring.cancel()
    assert meter.observed("isthmus_event_loop_lag_seconds") == (0, 0, 0, 0)


async def test_probes_answer_from_what_is_noted(clock: VirtualClock, health: Health) -> None:
    led: list[dict[str, object]] = []
    probes: dict[str, Endpoint] = {
        each.path: each
        for each in probe_endpoints(
            health, leader=lambda: led[0] if led else None, version=lambda: {"version": "9"}
        )
    }
    assert {each.role for each in probes.values()} == {Role.NONE}
    assert all(each.metrics for each in probes.values())

    async def status(path: str) -> int:
        return (await probes[path].handle(NOBODY)).status

    assert await status("/healthz") == 200
    assert await status("/readyz") == 503
    assert await status("/leaderz") == 503
    led.append({"holder": "a", "epoch": 3})
    assert (await probes["/leaderz"].handle(NOBODY)).body == {"leader": True, "holder": "a", "epoch": 3}
    health.configured = health.schema_current = True
    health.database_answered()
    assert await status("/readyz") == 200
    await clock.advance(11)
    assert await status("/healthz") == 503
    assert (await probes["/version"].handle(NOBODY)).body == {"version": "9"}
