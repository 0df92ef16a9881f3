"""What waits for a bulk job: who says what becomes of it, and for how much of it room is kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.side import Side
from daemon.flow import bulk_hands
from daemon.flow.bulk_hands import LATER, Hands
from daemon.ports.store import Deferral

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Store:
    """A store that notes what was put off."""

    def __init__(self) -> None:
        self.put_off: list[Deferral] = []

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        self.put_off += deferrals

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Store"]:
        yield self


def around(store: Store) -> Any:
    """The parts that hands work with."""
    return SimpleNamespace(writing=asyncio.Lock(), store=store, database_now=lambda: NOW)


def change(number: int, state: ChangeState = ChangeState.PENDING) -> Change:
    return Change(
        "companies",
        Side.POSTGRES,
        ChangeKind.UPDATE,
        Source.TRIGGER,
        NOW,
        id=number,
        key=str(number),
        state=state,
    )


async def test_what_was_put_off_is_due_when_the_job_ends_and_what_is_in_doubt_is_not_hurried() -> None:
    hands, store = Hands(), Store()
    await hands.put_off(around(store), store, [change(1), change(2, ChangeState.SENT)])  # type: ignore[arg-type]
    assert [(d.id, d.state, d.due) for d in store.put_off] == [
        (1, ChangeState.PENDING, NOW + LATER),
        (2, ChangeState.SENT, NOW + LATER),
    ]
    store.put_off.clear()
    await hands.wake(around(store))
    assert [(d.id, d.due) for d in store.put_off] == [(1, None)]
    store.put_off.clear()
    await hands.wake(around(store))
    assert store.put_off == []


async def test_who_takes_up_what_was_put_off_says_what_becomes_of_it() -> None:
    """Else the budget, which holds it, would leave it due, and it would be claimed again at once and for ever."""
    hands, store = Hands(), Store()
    await hands.put_off(around(store), store, [change(1)])  # type: ignore[arg-type]
    assert hands.keeps(change(1))
    hands.begin_round()
    hands.taken_up([change(1)])
    assert not hands.keeps(change(1))
    assert not hands.keep_others_waiting
    store.put_off.clear()
    await hands.wake(around(store))
    assert store.put_off == []


async def test_of_a_large_backlog_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_hands, "REMEMBERED", 3)
    hands, store = Hands(), Store()
    await hands.put_off(around(store), store, [change(number) for number in range(10)])  # type: ignore[arg-type]
    assert len(store.put_off) == 10
    store.put_off.clear()
    await hands.wake(around(store))
    assert [d.id for d in store.put_off] == [0, 1, 2]
