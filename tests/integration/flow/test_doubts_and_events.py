"""What events tell of writes whose answer was lost: whether they were done, who came after, and what they replaced."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from adapters.memory.failures import DEADLOCK, failed
from adapters.salesforce.faults import unknown_outcome
from daemon.domain.failure import DatabaseFailedError
from daemon.domain.policy import ConflictRule, Policy
from daemon.domain.value import Raw
from daemon.flow.worker import Worker
from daemon.ports.failpoints import Failpoint
from daemon.ports.salesforce import RecordWrite, WriteResult
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import LATER, paired_company
from tests.integration.flow.test_crashes import DeathError, DyingRecords
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, all_by

NO_REPLY = {"action": "drop_reply", "path": "/composite"}


class Preceded:
    """Records of which somebody edits one right before a write of ours arrives, whose answer is lost."""

    def __init__(self, records: Any, edit: Callable[[], None]) -> None:
        self._records = records
        self._edit = edit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        self._edit()
        await self._records.write(name, fields, writes)
        return [WriteResult(id=write.id, failure=unknown_outcome("no answer came")) for write in writes]


class Unmarked:
    """A store that cannot mark a write as sent."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def mark_sent(self, sent: Mapping[int, Mapping[str, Raw]], links: Sequence[int]) -> None:
        raise failed(DEADLOCK)


class DeadlockOnce:
    """The transaction that settles outcomes falls victim to a deadlock, the first time."""

    def __init__(self) -> None:
        self.met = 0

    async def reach(self, point: Failpoint) -> None:
        if point is Failpoint.OUTCOMES_WRITTEN:
            self.met += 1
            if self.met == 1:
                raise failed(DEADLOCK)


class EndedError(Exception):
    """The process ends here."""


class EndAfterMarks:
    """The process ends when a write has been marked, and before it leaves."""

    async def reach(self, point: Failpoint) -> None:
        if point is Failpoint.WRITES_MARKED:
            raise EndedError


async def sent_and_taken_back(road: Road, *, heard: bool) -> tuple[str, str]:
    """A write that was done, whose answer was lost, and whose value somebody then changed back to what both had agreed on."""
    key, sf_id = await paired_company(road, phone="agreed")
    await road.control.fault(**NO_REPLY)
    await road.update("company", key, phone="sent")
    await road.worker.round()
    assert road.record("Account", sf_id)["Phone"] == "sent"
    if heard:
        await road.listen()
    shift(road, LATER)
    road.org.update("Account", sf_id, {"Phone": "agreed"})
    return key, sf_id


async def agrees_again(road: Road, key: str, sf_id: str) -> None:
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "agreed", "our value came back over a later edit"
    assert (await road.row("company", key) or {})["phone"] == "agreed"
    await road.in_step()
    await road.quiet()


async def test_an_event_shows_that_a_write_in_doubt_was_done(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await sent_and_taken_back(road, heard=True)
    await agrees_again(road, key, sf_id)


async def test_so_does_one_whose_own_turn_has_not_come(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await sent_and_taken_back(road, heard=True)
    await road.app.execute(
        "UPDATE isthmus.change SET due = now() + interval '1 hour' WHERE side = 'salesforce'"
    )
    await road.work()
    assert (await road.row("company", key) or {})["phone"] == "agreed"
    await agrees_again(road, key, sf_id)


async def test_a_record_that_changed_since_is_not_written_again_before_the_stream_has_told(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await sent_and_taken_back(road, heard=False)
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "agreed"
    assert [change["state"] for change in await road.changes()] == ["sent"]
    await agrees_again(road, key, sf_id)


async def test_a_stream_that_tells_nothing_is_not_waited_for_for_ever(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road, phone="agreed")
    await road.control.fault(action="answer", status=504, path="/composite", body="gateway")
    await road.update("company", key, phone="sent")
    await road.worker.round()
    road.org.selection.select([])
    road.org.update("Account", sf_id, {"Website": "acme.example"})
    road.org.selection.select(None)
    road.parts.skew.salesforce = 60.0
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "sent"


async def test_what_a_write_in_doubt_replaced_is_told_though_no_second_of_the_record_was_known(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", phone="1")
    await road.work()
    link = await road.link("companies", key)
    assert link.seen is None
    shift(road, LATER)

    def edit() -> None:
        road.org.update("Account", link.sf_id, {"Phone": "theirs"})
        shift(road, LATER)

    road.reborn(records=Preceded(road.salesforce.records, edit))
    await road.update("company", key, phone="ours")
    await road.worker.round()
    road.reborn()
    assert road.record("Account", link.sf_id)["Phone"] == "ours"
    await road.settle()
    assert ("unseen", "theirs") in {(entry["kind"], entry["salesforce"]) for entry in await road.ledger()}
    await road.in_step()
    await road.quiet()


async def test_what_was_found_done_is_not_forgotten_when_the_next_write_is_in_doubt(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road, phone="agreed")
    await road.control.fault(**NO_REPLY)
    await road.update("company", key, phone="sent")
    await road.worker.round()
    assert road.record("Account", sf_id)["Phone"] == "sent"
    await road.update("company", key, phone="agreed")
    road.parts = replace(road.parts, failpoints=EndAfterMarks())
    road.worker = Worker(road.parts, road.loader.reload)
    with suppress(EndedError):
        await road.work()
    road.reborn()
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "agreed", "an edit here was undone"
    assert road.record("Account", sf_id)["Phone"] == "agreed"
    await road.in_step()


async def test_what_could_not_be_marked_was_not_sent(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.insert("company", name="Acme", phone="1")
    store = road.parts.store
    road.reborn(store=Unmarked(store))
    with suppress(DatabaseFailedError):
        await road.worker.round()
    assert [change["state"] for change in await road.changes()] == ["pending"]
    road.reborn(store=store)
    await road.settle()
    assert len(road.org.rows("Account")) == 1


async def test_an_answer_is_not_forgotten_because_of_a_deadlock(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    deadlock = DeadlockOnce()
    road.parts = replace(road.parts, failpoints=deadlock)
    road.worker = Worker(road.parts, road.loader.reload)
    await road.update("company", key, phone="2")
    await road.worker.round()
    assert deadlock.met == 2
    assert await road.changes() == []
    assert not (await road.link("companies", key)).in_doubt
    assert road.record("Account", sf_id)["Phone"] == "2"


async def test_an_update_sent_in_a_create_s_place_finds_its_deleted_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", phone="1")
    await road.app.execute("UPDATE isthmus.change SET due = now() + interval '1 hour'")
    await road.update("company", key, phone="2")
    await road.control.fault(**NO_REPLY)
    await road.worker.round()
    (record,) = road.org.rows("Account")
    shift(road, LATER)
    road.org.delete("Account", str(record["Id"]))
    await road.settle()
    assert road.org.rows("Account") == [], "what somebody deleted was made again"


async def test_a_record_deleted_with_its_row_before_it_was_linked_is_known_to_late_events(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    await road.control.fault(**NO_REPLY)
    key = await road.insert("company", name="Acme")
    await road.worker.round()
    await road.delete("company", key)
    await road.work()
    assert road.org.rows("Account") == []
    assert [link.state.value for link in await road.links()] == ["tombstone"]
    await road.listen(apart=True)
    assert [link.state.value for link in await road.links()] == ["tombstone"]
    assert await road.rows("company") == []


async def test_a_deletion_that_was_heard_is_not_undone_by_the_same_second_told_again(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    await road.listen()
    before = road.position
    await road.control.post("clock", freeze=True)
    sf_id = road.org.create("Account", {"Name": "Brief"})
    road.org.delete("Account", sf_id)
    await road.settle()
    assert await road.rows("company") == []
    road.reborn()
    road.parts.heard.begin(road.parts.clock.now().replace(microsecond=0))
    await road.hang_up()
    road.position = before
    await road.listen(apart=True)
    assert await road.rows("company") == []
    assert await road.journal() == [], "a deleted record's row came back, if only for a moment"


class Unarrived:
    """Records whose writes never arrive, which nobody knows."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        return [WriteResult(id=write.id, failure=unknown_outcome("no answer came")) for write in writes]


async def test_a_value_that_somebody_had_set_before_ours_was_sent_is_not_taken_for_ours(
    make_road: MakeRoad,
) -> None:
    """Between its capture and its sending, the org held the same value for a moment: that event tells nothing of our write."""
    road = await make_road(all_by(COMPANIES, ConflictRule(Policy.POSTGRES)))
    key, sf_id = await paired_company(road, phone="open")
    await road.update("company", key, phone="closed")
    for phone in ("closed", "reopened"):
        shift(road, LATER)
        road.org.update("Account", sf_id, {"Phone": phone})
    shift(road, LATER)
    road.parts.skew.salesforce = 3 * LATER
    await road.app.execute(
        "UPDATE isthmus.change SET at = at - interval '15 seconds'"
    )  # so long it has waited
    live = road.worker._live
    road.worker._live = replace(live, records=Unarrived(live.records))
    await road.worker.round()
    assert [change["state"] for change in await road.changes()] == ["sent"]
    road.worker._live = live
    await road.listen()
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "closed"
    assert (await road.row("company", key) or {})["phone"] == "closed"


@pytest.mark.parametrize("in_doubt", [False, True], ids=["sent once", "after another in doubt"])
async def test_a_value_counts_as_ours_from_its_own_sending_on(make_road: MakeRoad, in_doubt: bool) -> None:
    """A change in doubt is sent again with a newer value: what somebody had set before that is not taken for it."""
    road = await make_road(all_by(COMPANIES, ConflictRule(Policy.POSTGRES)))
    key, sf_id = await paired_company(road, phone="open")
    if in_doubt:
        await road.update("company", key, phone="first")
        live = road.worker._live
        road.worker._live = replace(live, records=Unarrived(live.records))
        await road.worker.round()
        road.worker._live = live
    for phone in ("closed", "reopened"):
        shift(road, LATER)
        road.org.update("Account", sf_id, {"Phone": phone})
    shift(road, LATER)
    await road.app.execute(
        "UPDATE isthmus.change SET at = at - $1 * interval '1 s', since = since - $1 * interval '1 s', due = NULL",
        3 * LATER,
    )
    await road.update("company", key, phone="closed")
    await road.listen()
    road.reborn(records=DyingRecords(road.salesforce.records, after=False))
    road.parts.skew.salesforce = 3 * LATER
    with pytest.raises(DeathError):
        await road.work()
    road.reborn()
    road.parts.skew.salesforce = 3 * LATER
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "closed"
    assert (await road.row("company", key) or {})["phone"] == "closed"
