"""Never over: a day or two of an org that counts the calls of all its clients, with a daemon that is killed and started again meanwhile."""

import asyncio
from datetime import datetime, timedelta
from random import Random

import pytest

from adapters.memory.callledger import MemoryCallLedger
from adapters.memory.clock import VirtualClock
from adapters.memory.meter import MemoryMeter
from daemon.domain.failure import CallFailedError, Failure, FailureKind
from daemon.flow.budget import Budget
from daemon.ports.salesforce import Limits
from daemon.reconcile.budget import DAY, Rules

PURPOSES = ("push", "push", "push", "fetch", "reconcile", "backfill")
SEEDS = range(25)
MOMENT = timedelta(seconds=1)


class CountingOrg:
    """Counts every call of the last 24 hours, ours apart from those of others."""

    def __init__(self, allowance: int) -> None:
        self.allowance = allowance
        self.ours: list[datetime] = []
        self.others: list[datetime] = []

    def used(self, calls: list[datetime], now: datetime) -> int:
        return sum(at > now - DAY for at in calls)

    def limits(self, now: datetime) -> Limits:
        return Limits(self.used(self.ours, now) + self.used(self.others, now), self.allowance)


@pytest.mark.parametrize("seed", SEEDS)
async def test_our_calls_of_any_24_hours_are_never_more_than_our_share(seed: int) -> None:
    rng = Random(seed)
    clock, ledger = VirtualClock(), MemoryCallLedger()
    org = CountingOrg(rng.choice((40, 150, 600)))
    rules = Rules(rng.choice((0.25, 0.5, 1.0)), rng.choice((0, 10, 100)))
    greedy, killed = rng.random(), rng.random() * 0.01
    others = rng.choice((0.0, 0.3))
    budget = await _started(rules, clock, ledger)
    refused_calls, share = 0, rules.budget(org.allowance)
    for _ in range(1500):
        await clock.advance(rng.expovariate(1 / 120))
        if rng.random() < killed:
            budget = await _started(rules, clock, ledger)
        if rng.random() < others:
            org.others.append(clock.now())
        if rng.random() > greedy:
            continue
        short = budget.short
        refusal = await _asked(budget, rng.choice(PURPOSES), clock)
        if refusal is not None:
            assert refusal.kind is FailureKind.LIMITED
            assert refusal.until is not None
            assert refusal.until >= clock.now() - MOMENT
            refused_calls += 1
            continue
        assert not short, "a call was made although the org has too few left"
        org.ours.append(clock.now())
        budget.told(org.limits(clock.now()))
        assert org.used(org.ours, clock.now()) <= share
    assert budget.used >= org.used(org.ours, clock.now())
    if refused_calls:
        await clock.advance(2 * DAY.total_seconds())
        assert await _asked(budget, "push", clock) is None  # by itself, once the window has passed


async def _started(rules: Rules, clock: VirtualClock, ledger: MemoryCallLedger) -> Budget:
    budget = Budget(rules, clock, MemoryMeter())
    await budget.begin(ledger)
    return budget


async def _asked(budget: Budget, purpose: str, clock: VirtualClock) -> Failure | None:
    """Why a call is refused; None if it is made. A load waits while work is slowed: time has to pass for it."""
    task = asyncio.get_running_loop().create_task(budget.admit(purpose))
    while not task.done():
        await clock.advance(MOMENT.total_seconds())
    try:
        await task
    except CallFailedError as error:
        return error.failure
    return None


async def test_a_killed_daemon_leaves_at_most_a_handful_counted_too_much() -> None:
    clock, ledger = VirtualClock(), MemoryCallLedger()
    first = await _started(Rules(0.5, 0), clock, ledger)
    first.told(Limits(0, 10_000))
    for _ in range(75):
        await first.admit("push")
    second = await _started(Rules(0.5, 0), clock, ledger)
    assert 75 <= second.used <= 125
    assert second.size == 5000, "the allowance is known before the first answer"


async def test_a_stopped_daemon_gives_back_what_it_did_not_use() -> None:
    clock, ledger = VirtualClock(), MemoryCallLedger()
    first = await _started(Rules(0.5, 0), clock, ledger)
    first.told(Limits(0, 10_000))
    for _ in range(75):
        await first.admit("push")
    await first.close()
    assert (await _started(Rules(0.5, 0), clock, ledger)).used == 75


async def test_of_an_org_that_is_short_one_call_asks_again_every_five_minutes() -> None:
    clock = VirtualClock()
    budget = await _started(Rules(0.5, 100), clock, MemoryCallLedger())
    budget.told(Limits(9_950, 10_000))
    made = 0
    for _ in range(60):
        await clock.advance(55)
        answers = await asyncio.gather(*(_asked(budget, "push", clock) for _ in range(10)))
        made += answers.count(None)
        refusals = [refusal for refusal in answers if refusal is not None]
        assert len(refusals) >= 9, "one call asks, whoever else would like to"
        assert all("reserved for its other clients" in refusal.message for refusal in refusals)
        if len(refusals) == 9:
            budget.told(Limits(9_950, 10_000))
    assert 9 <= made <= 12, "an hour holds twelve times five minutes"
    budget.told(Limits(5_000, 10_000))
    assert await _asked(budget, "push", clock) is None
