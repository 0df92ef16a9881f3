"""Links, changes, journal and ledger: everything of one transaction together, or nothing of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.change import ChangeKind, ChangeState, Source
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.domain.link import Link, LinkState
from daemon.domain.plan import LedgerEntry, LedgerKind
from daemon.domain.side import Side
from daemon.ports.store import Deferral, LedgerLine, Position
from tests.contract.arena import Arena
from tests.integration.postgres.world import PEOPLE
from tests.support.stored import AT, LATER, event, link


async def test_links_come_back_as_they_were_stored(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.put_links([link(1), link(2, state=LinkState.BROKEN, merged_into="003x", own=AT)])
    async with arena.store.begin() as unit:
        by_record = await unit.links_of_records(["003000000000000001", "003000000000000002", "003none"])
        by_row = await unit.links_of_rows("crm.people", ["1", "2", "3"])
        assert await unit.links_of_rows("crm.other", ["1"]) == {}
    assert {x.key: x for x in by_record.values()} == by_row
    stored = by_row["1"]
    assert stored == link(1, id=stored.id)
    assert by_row["2"].merged_into == "003x"


async def test_what_a_removed_step_captured_is_forgotten_but_for_what_no_comparison_would_find(
    arena: Arena,
) -> None:
    kinds = [ChangeKind.UPDATE, ChangeKind.REKEY, ChangeKind.DELETE, ChangeKind.UPDATE, ChangeKind.CREATE]
    async with arena.store.begin() as unit:
        await unit.store_changes(
            [
                *(
                    replace(event(n), side=Side.POSTGRES, kind=kind, key=str(n), sf_id=None, code="gone")
                    for n, kind in enumerate(kinds)
                ),
                replace(event(7), code="gone"),
                replace(event(8), side=Side.POSTGRES, key="8", sf_id=None, code="other"),
            ]
        )
    stored = {c.key: c for c in await arena.store.pending(100) if c.side is Side.POSTGRES}
    await arena.store.mark_sent({stored["3"].id: {"A": "1"}}, [])
    assert await arena.store.forget_captured("people", "nothing of it", 10) == 0
    assert await arena.store.faulty_capture() == frozenset()
    assert [await arena.store.forget_captured("people", "gone", 2) for _ in range(3)] == [2, 1, 0]
    kept = await arena.store.pending(100)
    assert sorted(c.key or "" for c in kept if c.side is Side.POSTGRES) == ["1", "3", "8"]
    assert [c.code for c in kept if c.side is Side.SALESFORCE] == ["gone"]
    assert await arena.store.faulty_capture() == {"people"}


async def test_links_by_their_own_id_and_in_its_order(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.put_links(
            [link(1), link(2, state=LinkState.BROKEN), link(3), link(4, step="other"), link(5)]
        )
        stored = await unit.links_of_rows("crm.people", [str(n) for n in range(1, 6)])
        ids = [stored[str(n)].id for n in range(1, 6)]
        assert await unit.links_by_id([ids[1], 0]) == {ids[1]: stored["2"]}
    pairs = [(stored[key].id, stored[key].sf_id) for key in ("1", "3", "5")]
    assert await arena.store.linked_records("people", 0, 10) == pairs
    assert await arena.store.linked_records("people", ids[0], 1) == pairs[1:2]


async def test_links_can_swap_partners_and_be_forgotten_and_are_counted(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.put_links([link(n) for n in (1, 2, 3)])
        assert await unit.count_links("people") == 3
        stored = await unit.links_of_rows("crm.people", ["1", "2", "3"])
        await unit.put_links(
            [
                link(1, id=stored["1"].id, sf_id="003000000000000002"),
                link(2, id=stored["2"].id, sf_id="003000000000000001"),
                link(3, id=stored["3"].id, state=LinkState.TOMBSTONE),
            ]
        )
        assert await unit.count_links("people") == 2
        swapped = await unit.links_of_records(["003000000000000001"])
        assert swapped["003000000000000001"].key == "2"
        await unit.remove_links([stored["1"].id])
        assert await unit.count_links("people") == 1
        assert await unit.count_links("other") == 0


@pytest.mark.requirement("S0-07")
@pytest.mark.parametrize("double", [link(9, key="1"), link(1, key="9")])
async def test_a_second_link_of_a_record_or_row_is_refused_with_everything_beside_it(
    arena: Arena, double: Link
) -> None:
    async with arena.store.begin() as unit:
        await unit.put_links([link(1)])
    with pytest.raises(CallFailedError) as raised:  # noqa: PT012 - the block ends with the transaction
        async with arena.store.begin() as unit:
            await unit.save_position(Position("/data/x", "cometd", "5", AT))
            await unit.put_links([double])
    assert raised.value.failure.kind is FailureKind.DUPLICATE
    assert await arena.store.positions() == {}


async def test_changes_come_back_as_they_were_stored_and_oldest_first(arena: Arena) -> None:
    reasons = {"code": "X", "reason": "other: why", "advice": "do", "attempts": 3, "waiting_for": "a:1"}
    parked = event(3, state=ChangeState.PARKED, **reasons)
    doubtful = event(4, state=ChangeState.SENT, sent={"a": None})
    due = event(5, due=AT, state=ChangeState.PARKED, **reasons)
    stored = [event(1), event(2, due=LATER), parked, doubtful, due]
    async with arena.store.begin() as unit:
        await unit.store_changes(stored)
        assert await unit.unsettled_records([c.sf_id or "" for c in stored] + ["003none"]) == {
            c.sf_id for c in stored
        }
    pending = await arena.store.pending(10)
    assert [c.sf_id for c in pending] == [stored[0].sf_id, doubtful.sf_id, stored[4].sf_id]
    assert pending[0] == event(1, id=pending[0].id)
    assert pending[1].sent == {"a": None}
    assert pending[2] == event(5, due=AT, state=ChangeState.PARKED, **reasons, id=pending[2].id)
    assert [c.sf_id for c in await arena.store.pending(1)] == [stored[0].sf_id]


async def test_a_large_transaction_does_not_keep_the_others_waiting(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.store_changes([event(n) for n in range(1, 101)])
    for number in (201, 50, 202):
        async with arena.store.begin() as unit:
            await unit.store_changes([event(number)])
    taken = [change.sf_id for change in await arena.store.pending(20)]
    small = [event(number).sf_id for number in (201, 202)]
    assert taken == [
        *(event(n).sf_id for n in range(1, 19)),
        *small,
    ]  # 50 waits for the older one of its record


async def test_what_was_put_off_and_what_is_new_share_a_claim(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.store_changes([event(n, due=AT, state=ChangeState.PARKED) for n in range(1, 51)])
        await unit.store_changes([event(n) for n in range(51, 101)])
    states = [change.state for change in await arena.store.pending(20)]
    assert (len(states), states.count(ChangeState.PARKED)) == (20, 8)


async def test_a_record_is_unread_while_something_of_it_or_its_whole_object_waits(arena: Arena) -> None:
    waiting, other = event(1), event(2)
    ids = [waiting.sf_id or "", other.sf_id or ""]
    async with arena.store.begin() as unit:
        await unit.store_changes([waiting])
        assert await unit.unread_records(waiting.step, ids) == {waiting.sf_id}
        await unit.store_changes([replace(event(3), sf_id=None, kind=ChangeKind.REREAD)])
        assert await unit.unread_records(waiting.step, ids) == set(ids)
        assert await unit.unread_records("another", ids) == {waiting.sf_id}


async def test_what_is_pending_of_a_record_comes_oldest_first_and_without_what_waits(arena: Arena) -> None:
    first, second, other = event(1), event(1, due=LATER), event(2)
    sf_id = first.sf_id or ""
    held = [event(1, state=ChangeState.HELD, waiting_for="a:1"), event(1, state=ChangeState.PARKED)]
    async with arena.store.begin() as unit:
        await unit.store_changes([first, *held, other, second])
        found = await unit.record_changes(first.step, [sf_id])
        assert list(found) == [sf_id]
        assert [(change.due, change.state) for change in found[sf_id]] == [
            (None, ChangeState.PENDING),
            (LATER, ChangeState.PENDING),
        ]
        assert found[sf_id][0].id < found[sf_id][1].id
        assert await unit.record_changes("another", [sf_id]) == {}
        assert await unit.record_changes(first.step, ["003none"]) == {}


async def test_a_deferral_hands_an_external_id_on(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.store_changes([event(1, external_id="first"), event(2)])
    one, two = await arena.store.pending(10)
    async with arena.store.begin() as unit:
        kept = [Deferral(change.id, ChangeState.PENDING, None, 0) for change in (one, two)]
        await unit.defer([kept[0], replace(kept[1], external_id="handed on")])
    assert [change.external_id for change in await arena.store.pending(10)] == ["first", "handed on"]


async def test_settling_by_id_row_and_record(arena: Arena) -> None:
    for key in ("1", "2"):
        await arena.insert(id=key)
        await arena.update(key, email=key)
    async with arena.store.begin() as unit:
        await unit.store_changes([event(1), event(1), event(2)])
        mine = await unit.local_changes("people", ["1", "2", "3"])
        assert {key: [c.kind for c in found] for key, found in mine.items()} == {
            "1": [ChangeKind.CREATE, ChangeKind.UPDATE],
            "2": [ChangeKind.CREATE, ChangeKind.UPDATE],
        }
        assert await unit.local_changes("other", ["1"]) == {}
        await unit.settle_rows("people", ["1"], mine["1"][0].id)
        await unit.settle([c.id for c in mine["2"]])
        assert [len(x) for x in (await unit.local_changes("people", ["1", "2"])).values()] == [1]
    events = [c for c in await arena.store.pending(10) if c.side is Side.SALESFORCE]
    async with arena.store.begin() as unit:
        await unit.settle_records({events[0].sf_id or "": events[0].id})
        assert await unit.unsettled_records([events[0].sf_id or ""]) == {events[0].sf_id}
        await unit.settle_records({events[0].sf_id or "": events[1].id})
        assert await unit.unsettled_records([events[0].sf_id or ""]) == frozenset()


async def test_deferring_and_releasing(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.store_changes([event(1), event(2), event(3)])
    one, two, three = (c.id for c in await arena.store.pending(10))
    async with arena.store.begin() as unit:
        await unit.defer(
            [
                Deferral(one, ChangeState.HELD, None, 1, reason="waits", waiting_for="companies:7"),
                Deferral(two, ChangeState.PARKED, None, 8, "CODE", "validation_rule: no", "mend it"),
                Deferral(three, ChangeState.PENDING, datetime.now(UTC) + timedelta(hours=1), 2),
            ]
        )
    assert await arena.store.pending(10) == []
    async with arena.store.begin() as unit:
        assert await unit.release_waiting(["companies:8", "Account:001"]) == 0
        assert await unit.release_waiting(["companies:7"]) == 1
    (released,) = await arena.store.pending(10)
    assert (released.id, released.attempts) == (one, 1)


async def test_marking_sent_puts_links_in_doubt(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.put_links([link(1)])
        await unit.store_changes([event(1, side=Side.POSTGRES, key="1")])
        stored = (await unit.links_of_rows("crm.people", ["1"]))["1"]
    (change,) = await arena.store.pending(1)
    await arena.store.mark_sent({change.id: {"Email": "x", "Flag": None}}, [stored.id])
    (sent,) = await arena.store.pending(1)
    assert (sent.state, sent.sent) == (ChangeState.SENT, {"Email": "x", "Flag": None})
    async with arena.store.begin() as unit:
        assert (await unit.links_of_rows("crm.people", ["1"]))["1"].in_doubt


async def test_a_ledger_entry_is_written_once(arena: Arena) -> None:
    still_open = LedgerEntry(LedgerKind.CONFLICT, "Email", "manual", None, None, "a", ("x", "y"))
    decided = LedgerEntry(LedgerKind.CONFLICT, "Name", "newest", Side.SALESFORCE, "a", "b", True, AT, AT)
    lines = [LedgerLine("people", "003x", "1", AT, found) for found in (still_open, decided)]
    async with arena.store.begin() as unit:
        await unit.ledger([lines[0], *lines])
    async with arena.store.begin() as unit:
        await unit.ledger(lines)
    assert sorted(await arena.ledger()) == ["Email", "Name"]


async def test_positions_are_replaced(arena: Arena) -> None:
    async with arena.store.begin() as unit:
        await unit.save_position(Position("/data/A", "cometd", "5", AT))
        await unit.save_position(Position("/data/A", "cometd", "6", None))
    assert await arena.store.positions() == {"/data/A": Position("/data/A", "cometd", "6", AT)}


async def test_rows_without_a_link_are_enqueued_once(arena: Arena) -> None:
    for key in range(1, 11):
        await arena.insert(id=str(key), email=f"e{key}")
    captured = await arena.store.pending(100)
    async with arena.store.begin() as unit:
        await unit.settle([change.id for change in captured if change.key != "1"])
    async with arena.store.begin() as unit:
        await unit.put_links([link(2)])
    assert await arena.store.enqueue_unlinked(PEOPLE, 5) == 5
    assert await arena.store.enqueue_unlinked(PEOPLE, 5) == 3
    assert await arena.store.enqueue_unlinked(PEOPLE, 5) == 0
    changes = await arena.store.pending(100)
    assert sorted(int(c.key or 0) for c in changes) == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    loaded = changes[-1]
    assert (loaded.kind, loaded.source, loaded.complete) == (ChangeKind.CREATE, Source.LOAD, True)
    assert set(loaded.values) == set(PEOPLE.columns)
    assert loaded.external_id


async def test_a_first_load_keeps_its_state(arena: Arena) -> None:
    assert await arena.store.first_load("people") is None
    await arena.store.set_first_load("people", "running", 10, 100)
    assert await arena.store.first_load("people") == "running"
    await arena.store.set_first_load("people", "done", 100, 100)
    assert await arena.store.first_load("people") == "done"


async def test_a_failing_block_leaves_nothing(arena: Arena) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block ends with the transaction
        async with arena.store.begin() as unit:
            await unit.store_changes([event(1)])
            raise ZeroDivisionError
    assert await arena.store.pending(1) == []
