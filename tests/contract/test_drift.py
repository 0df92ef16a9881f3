"""What a watch over the schemas asks of a store: let go what waited, and look at every pair as if it had never been read."""

from datetime import timedelta

from daemon.domain.change import ChangeState
from daemon.domain.side import Side
from daemon.ports.store import Deferral
from tests.contract.arena import Arena
from tests.support.stored import AT, event, link


async def test_what_waits_for_the_schema_is_let_go_and_nothing_else(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.store_changes([event(n) for n in range(1, 6)])
    stored = await arena.store.pending(10)
    later = AT + timedelta(days=36500)
    kept = [
        Deferral(stored[0].id, ChangeState.PENDING, later, 0, "schema_drift", "mapping: a key is gone"),
        Deferral(stored[1].id, ChangeState.PARKED, later, 1, "INVALID_FIELD", "mapping: no such field"),
        Deferral(stored[2].id, ChangeState.PARKED, later, 1, "DUPLICATE_VALUE", "duplicate: another one"),
        Deferral(stored[3].id, ChangeState.HELD, later, 1, "schema_drift", "mapping: …", None, "other:7"),
    ]
    async with arena.store.begin() as unit:
        await unit.defer(kept)
    assert [change.id for change in await arena.store.pending(10)] == [stored[4].id]
    await arena.store.resume("people", "schema_drift", ["mapping", "permission"])
    due = {change.id: change.state for change in await arena.store.pending(10)}
    assert due == {number.id: ChangeState.PENDING for number in (stored[0], stored[1], stored[4])}
    assert await arena.store.resume("other", "schema_drift", ["mapping"]) == 0


async def test_pairs_that_are_looked_at_anew_keep_their_base_and_count_as_unread(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.put_links([link(1, seen=AT), link(2, seen=AT, step="other"), link(3, seen=AT)])
    count, last = await arena.store.look_anew("people", 0, 1)
    assert count == 1
    assert await arena.store.look_anew("people", last, 5) == (1, last + 2)
    assert await arena.store.look_anew("people", last + 2, 5) == (0, last + 2)
    async with arena.store.begin() as unit:
        found = await unit.links_of_rows("crm.people", ["1", "2", "3"])
    assert (found["1"].seen, found["2"].seen, found["3"].seen) == (None, AT, None)
    assert found["1"].base == link(1).base
    assert [(change.side, change.key) for change in await arena.store.pending(10)] == [
        (Side.POSTGRES, "1"),
        (Side.POSTGRES, "3"),
    ]
