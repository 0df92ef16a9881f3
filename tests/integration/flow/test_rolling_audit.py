"""The rolling audit: what capture and the stream did not see is found in one cycle, and goes down the road."""

import itertools
from dataclasses import replace

import pytest

from daemon.domain.mapping import DeleteGuard, Step
from daemon.domain.policy import Policy
from daemon.flow.auditing.rolling import RollingAudit
from daemon.ports.comparing import AuditState
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, all_by, policy


def the_audit(road: Road) -> RollingAudit:
    """An audit of a fresh process. Each create gets an external id of its own."""
    numbers = itertools.count()
    parts = replace(road.parts, new_id=lambda: f"lone-{next(numbers)}")
    return RollingAudit(parts, road.comparisons)


async def audited(road: Road, step: Step = COMPANIES) -> AuditState:
    """One cycle, a minute later: events of what was planted would have arrived by then."""
    a_minute_later(road)
    return await the_audit(road).cycle(step)


def a_minute_later(road: Road) -> None:
    shift(road, 60)
    road.parts.skew.salesforce += 60


async def unseen_in_postgres(road: Road, statement: str) -> None:
    """A statement of which capture learns nothing."""
    await road.app.execute(
        f"SET session_replication_role = replica; {statement}; SET session_replication_role = origin"
    )


async def loaded(road: Road, count: int) -> None:
    await road.app.execute(
        "INSERT INTO app.company (name, phone, ext_id) SELECT 'C' || n, '1', 'e' || n FROM generate_series(1, $1::int) AS n",
        count,
    )
    await road.settle()
    await road.load()
    assert len(await road.links()) == count


async def test_a_silent_edit_on_either_side_is_found_and_mended_by_the_road(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 5)
    links = await road.links()
    await unseen_in_postgres(road, f"UPDATE app.company SET phone = 'drift' WHERE id = {links[1].key}")
    road.org.update("Account", links[3].sf_id, {"Phone": "adrift"})
    await road.miss()
    state = await audited(road)
    assert (state.last_compared, state.found) == (5, {"differing": 2})
    assert road.record("Account", links[1].sf_id)["Phone"] == "1", "the audit writes nothing itself"
    await road.settle()
    assert road.record("Account", links[1].sf_id)["Phone"] == "drift"
    assert (await road.row("company", links[3].key) or {})["phone"] == "adrift"
    repaired = [line for line in await road.journal() if line["outcome"] == "repaired"]
    assert [(line["key"], line["code"]) for line in repaired] == [
        (links[1].key, "differing"),
        (links[3].key, "differing"),
    ]
    again = await audited(road)
    assert (again.found, again.last_found) == ({}, {"left": 0})
    await road.in_step()
    await road.quiet()


async def test_halves_that_went_or_came_unseen_are_found(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 4)
    links = await road.links()
    await unseen_in_postgres(road, f"DELETE FROM app.company WHERE id = {links[0].key}")
    await unseen_in_postgres(road, "INSERT INTO app.company (name, ext_id) VALUES ('New row', 'n1')")
    road.org.delete("Account", links[1].sf_id)
    road.org.create("Account", {"Name": "New record"})
    road.org.create("Account", {"Name": "New record 2"})
    await road.miss()
    state = await audited(road)
    assert state.found == {"only_in_salesforce": 3, "only_in_postgres": 2}
    await road.settle()
    names = {row["name"] for row in await road.rows("company")}
    assert names == {"C3", "C4", "New row", "New record", "New record 2"}
    assert {record["Name"] for record in road.org.rows("Account")} == names
    assert (await audited(road)).found == {}


async def test_what_is_explained_is_left_alone(make_road: MakeRoad) -> None:
    manual = all_by(COMPANIES, policy(Policy.MANUAL))
    road = await make_road(manual)
    await loaded(road, 3)
    links = await road.links()
    await road.update("company", links[0].key, phone="ours")  # waits to be pushed
    road.org.update("Account", links[1].sf_id, {"Phone": "theirs"})
    await road.update("company", links[1].key, phone="ours")
    await road.listen()
    assert (await audited(road, manual)).found == {}
    await road.settle()
    assert [entry["winner"] for entry in await road.ledger()] == [None]
    before = len(await road.journal())
    state = await audited(road, manual)
    assert (state.found, await road.changes()) == ({}, [])
    assert len(await road.journal()) == before


async def test_a_cycle_goes_on_in_another_process_where_it_stood(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.flow.auditing.rolling.PAGE_MOST", 2)
    road = await make_road(COMPANIES)
    await loaded(road, 5)
    links = await road.links()
    await the_audit(road).turn()
    await unseen_in_postgres(road, f"UPDATE app.company SET phone = 'drift' WHERE id = {links[4].key}")
    a_minute_later(road)
    await road.forget_calls()
    cursors = []
    for _ in range(2):
        await the_audit(road).turn()
        (state,) = (await road.comparisons.audits()).values()
        cursors.append(state.cursor)
    assert cursors == [links[3].id, links[4].id]
    assert len(await road.calls()) == 2, "a page costs one call"
    assert dict(state.found) == {"differing": 1}


async def test_a_mass_delete_that_nobody_captured_is_stopped_whole(make_road: MakeRoad) -> None:
    step = replace(COMPANIES, delete_guard=DeleteGuard(max_count=3, max_ratio=0.0))
    road = await make_road(step)
    await loaded(road, 8)
    await unseen_in_postgres(road, "DELETE FROM app.company")
    assert (await audited(road, step)).found == {"only_in_salesforce": 8}
    await road.settle()
    assert len(road.org.rows("Account")) == 8
    assert {change["code"] for change in await road.changes()} == {"delete_guard"}
    assert all(change["due"] is None for change in await road.changes()), "a person answers"


async def test_nothing_amiss_costs_one_call_for_2000_pairs_and_one_count(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await paired_company(road)
    await road.forget_calls()
    fetched, compared = (_calls(road, purpose) for purpose in ("fetch", "reconcile"))
    await audited(road)
    assert len(await road.calls()) == 2
    assert _calls(road, "fetch") == fetched, "the audit is known by its own name, to the budget as to people"
    assert _calls(road, "reconcile") == compared + 1


def _calls(road: Road, purpose: str) -> float:
    return road.meter.counted("isthmus_salesforce_api_calls_total", purpose=purpose)


async def test_the_only_rows_that_drifted_among_many_are_found_in_one_cycle(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.flow.auditing.rolling.PAGE_MOST", 100)
    road = await make_road(COMPANIES)
    await loaded(road, 500)
    links = await road.links()
    await unseen_in_postgres(road, f"UPDATE app.company SET phone = 'drift' WHERE id = {links[341].key}")
    road.org.update("Account", links[42].sf_id, {"Website": "adrift.example"})
    await road.miss()
    await road.forget_calls()
    state = await audited(road)
    assert (state.last_compared, state.found) == (500, {"differing": 2})
    # A call for each page, one count, and one look at what was given to the road.
    assert len(await road.calls()) == 5 + 1 + 1


async def test_the_audit_waits_for_the_first_load_and_then_for_the_next_cycle(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await the_audit(road).turn()
    assert await road.comparisons.audits() == {}, "nothing is compared before it was loaded"
    await loaded(road, 1)
    for _ in range(4):
        await the_audit(road).turn()
    state = (await road.comparisons.audits())["companies"]
    assert (state.compared, state.last_compared) == (1, 1), "one cycle, and not a second one at once"
    assert state.ended_at is not None


async def test_an_unknown_record_is_found_though_the_numbers_of_both_sides_agree(make_road: MakeRoad) -> None:
    step = replace(COMPANIES, delete_guard=DeleteGuard(max_count=0, max_ratio=0.0))
    road = await make_road(step)
    await loaded(road, 3)
    await road.listen()
    road.org.delete("Account", (await road.links())[0].sf_id)
    road.org.create("Account", {"Name": "Lost", "Ext_Id__c": "lost"})
    await road.miss()
    await audited(road, step)
    await road.settle()
    assert "Lost" in [row["name"] for row in await road.rows("company")]


async def test_what_was_given_to_the_road_is_looked_at_again_by_the_next_process(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 3)
    links = await road.links()
    await unseen_in_postgres(road, f"UPDATE app.company SET phone = 'drift' WHERE id = {links[1].key}")
    a_minute_later(road)
    first = await the_audit(road).page(COMPANIES, AuditState(COMPANIES.name, 0, road.parts.clock.now()))
    assert first.found == {"differing": 1}
    await road.app.execute(
        "DELETE FROM isthmus.change"
    )  # what was given to the road is lost: nothing is on its way
    ended = await the_audit(road).page(COMPANIES, first)
    assert ended.last_found == {"left": 1, "differing": 1}
