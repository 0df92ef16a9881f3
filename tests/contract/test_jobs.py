"""The table of long works: orders, their progress, and what outlives the process that worked on them."""

from datetime import timedelta

import pytest

from daemon.domain.failure import RefusedError
from daemon.ports.jobs import QUEUED_MOST, JobKind, JobState
from daemon.ports.store import LeaseLostError
from tests.contract.arena import Arena

KINDS = [JobKind.LOAD.value, JobKind.COMPARE.value]


async def test_orders_are_taken_oldest_first_and_end_with_a_result(arena: Arena) -> None:
    first = await arena.jobs.open(JobKind.LOAD, "people", {"limit": 10}, "ada")
    second = await arena.jobs.open(JobKind.COMPARE, "people", {}, "ada")
    assert (first.state, first.operator, first.request) == (JobState.QUEUED, "ada", {"limit": 10})
    taken = await arena.jobs.take(KINDS)
    assert taken is not None
    assert (taken.id, taken.state, taken.interruptions) == (first.id, JobState.RUNNING, 0)
    assert taken.started_at is not None
    await arena.jobs.note(first.id, 5, 10)
    await arena.jobs.end(first.id, JobState.DONE, {"applied": 10})
    ended = await arena.jobs.get(first.id)
    assert ended is not None
    assert (ended.state, ended.processed, ended.expected, ended.result) == (
        JobState.DONE,
        5,
        10,
        {"applied": 10},
    )
    assert ended.ended_at is not None
    following = await arena.jobs.take(KINDS)
    assert following is not None
    assert following.id == second.id


async def test_kinds_that_nobody_here_works_on_are_left(arena: Arena) -> None:
    await arena.jobs.open(JobKind.REPAIR, "people", {}, "ada")
    assert await arena.jobs.take(KINDS) is None


async def test_what_a_process_left_running_is_taken_first_from_its_place(arena: Arena) -> None:
    left = await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")
    await arena.jobs.take(KINDS)
    await arena.jobs.note(left.id, 7, 20, {"after": "x"})
    await arena.jobs.open(JobKind.LOAD, "firms", {}, "ada")
    again = await arena.jobs.take(KINDS)
    assert again is not None
    assert (again.id, again.place, again.processed) == (left.id, {"after": "x"}, 7)
    assert (again.interruptions, again.in_vain) == (1, 1)
    await arena.jobs.note(left.id, 7, 20)
    still = await arena.jobs.get(left.id)
    assert still is not None
    assert (still.in_vain, still.place) == (1, {"after": "x"})
    await arena.jobs.note(left.id, 8, 20)
    further = await arena.jobs.get(left.id)
    assert further is not None
    assert (further.interruptions, further.in_vain) == (1, 0)


async def test_a_queued_order_is_cancelled_at_once_and_a_running_one_is_asked_to_end(arena: Arena) -> None:
    running = await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")
    queued = await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")
    await arena.jobs.take(KINDS)
    gone = await arena.jobs.cancel(queued.id, "bob")
    assert gone is not None
    assert (gone.state, gone.cancelled_by) == (JobState.CANCELLED, "bob")
    assert gone.ended_at is not None
    assert not await arena.jobs.cancelled(running.id)
    asked = await arena.jobs.cancel(running.id, "bob")
    assert asked is not None
    assert asked.state is JobState.RUNNING
    assert await arena.jobs.cancelled(running.id)
    await arena.jobs.end(running.id, JobState.CANCELLED)
    assert await arena.jobs.cancel(running.id, "bob") is None
    assert await arena.jobs.cancel(10_000, "bob") is None


async def test_a_job_that_is_held_up_says_why_until_it_goes_on(arena: Arena) -> None:
    job = await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")
    await arena.jobs.take(KINDS)
    due = job.asked_at + timedelta(minutes=1)
    await arena.jobs.delay(job.id, {"code": "X", "message": "m", "advice": "a"}, due)
    held = await arena.jobs.get(job.id)
    assert held is not None
    assert (held.failure, held.due) == ({"code": "X", "message": "m", "advice": "a"}, due)
    await arena.jobs.note(job.id, 1, 2)
    going = await arena.jobs.get(job.id)
    assert going is not None
    assert (going.failure, going.due) == (None, None)


async def test_lists_are_filtered_and_come_in_pages_newest_first(arena: Arena) -> None:
    made = [await arena.jobs.open(JobKind.LOAD, "people", {"n": n}, "ada") for n in range(3)]
    await arena.jobs.open(JobKind.COMPARE, "firms", {}, "ada")
    page = await arena.jobs.list(step="people", limit=2)
    assert [job.id for job in page.jobs] == [made[2].id, made[1].id]
    rest = await arena.jobs.list(step="people", limit=2, cursor=page.next)
    assert [job.id for job in rest.jobs] == [made[0].id]
    assert rest.next is None
    assert [job.step for job in (await arena.jobs.list(kind="compare", state="queued")).jobs] == ["firms"]


async def test_the_queue_is_bounded(arena: Arena) -> None:
    for _ in range(QUEUED_MOST):
        await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")
    with pytest.raises(RefusedError):
        await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")


async def test_only_the_leader_takes_and_tells(arena: Arena) -> None:
    job = await arena.jobs.open(JobKind.LOAD, "people", {}, "ada")
    await arena.jobs.take(KINDS)
    await arena.lease.release()
    with pytest.raises(LeaseLostError):
        await arena.jobs.take(KINDS)
    with pytest.raises(LeaseLostError):
        await arena.jobs.note(job.id, 1, 1)
    with pytest.raises(LeaseLostError):
        await arena.jobs.end(job.id, JobState.DONE)
    assert await arena.jobs.cancel(job.id, "bob") is not None
