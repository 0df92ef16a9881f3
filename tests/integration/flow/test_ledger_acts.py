"""The ledger in an operator's hands: open conflicts decided, losing values given back, and both refused where the record moved on."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.domain.policy import Policy
from daemon.domain.side import Direction, Side
from daemon.operations import conflicts
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.integration.flow.test_policies import both_edit
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, all_by, field, policy, with_field, with_fields

BY_HAND = all_by(COMPANIES, policy(Policy.MANUAL))


async def entries(road: Road) -> list[dict[str, Any]]:
    """The ledger, oldest first, with ids."""
    return [dict(item) for item in reversed((await road.inspection.conflicts()).items)]


async def phones(road: Road, key: str, sf_id: str) -> tuple[Any, Any]:
    return (await road.row("company", key) or {})["phone"], road.record("Account", sf_id).get("Phone")


@pytest.mark.parametrize("side", list(Side))
async def test_an_open_conflict_is_decided_by_an_operator(make_road: MakeRoad, side: Side) -> None:
    road = await make_road(BY_HAND)
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", Side.SALESFORCE)
    await road.settle()
    assert await phones(road, key, sf_id) == ("p", "s")
    [entry] = await entries(road)
    assert (entry["winner"], entry["resolved_at"]) == (None, None)
    done = await conflicts.resolve(road.office, entry["id"], side.value, "ada")
    assert (done["outcome"], done["fields"]) == ("decided", ["Phone"])
    await road.settle()
    value = "s" if side is Side.SALESFORCE else "p"
    assert await phones(road, key, sf_id) == (value, value)
    [entry] = await entries(road)
    assert (entry["winner"], entry["resolved_by"]) == (side.value, "ada")
    assert entry["resolved_at"] is not None
    await road.in_step()
    await road.quiet()


async def test_what_moves_together_is_decided_together(make_road: MakeRoad) -> None:
    grouped = with_fields(
        BY_HAND,
        replace(field("BillingStreet", "street", group="address"), conflict=policy(Policy.MANUAL)),
        replace(field("BillingCity", "city", group="address"), conflict=policy(Policy.MANUAL)),
    )
    road = await make_road(grouped)
    key, sf_id = await paired_company(road, street="1 Quay", city="Ghent")
    shift(road, 100)
    road.org.update("Account", sf_id, {"BillingStreet": "2 Quay"})
    await road.update("company", key, city="Leeds")
    await road.settle()
    street, *_ = [entry for entry in await entries(road) if entry["field"].startswith("Billing")]
    done = await conflicts.resolve(road.office, street["id"], "postgres", "ada")
    assert set(done["fields"]) == {"BillingStreet", "BillingCity"}
    await road.settle()
    record = road.record("Account", sf_id)
    assert (record["BillingStreet"], record["BillingCity"]) == ("1 Quay", "Leeds")
    assert all(entry["winner"] == "postgres" for entry in await entries(road))
    await road.in_step()


@pytest.mark.parametrize("newer", list(Side))
async def test_a_value_that_lost_is_given_back_to_both_sides(make_road: MakeRoad, newer: Side) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST)))
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", newer)
    await road.settle()
    won, lost = ("s", "p") if newer is Side.SALESFORCE else ("p", "s")
    assert await phones(road, key, sf_id) == (won, won)
    [entry] = [item for item in await entries(road) if item["kind"] == "conflict"]
    with pytest.raises(RefusedError, match="already"):
        await conflicts.resolve(road.office, entry["id"], newer.value, "ada")
    shift(road, 5)
    done = await conflicts.resolve(road.office, entry["id"], newer.other.value, "ada")
    assert done["outcome"] == "given back"
    await road.settle()
    assert await phones(road, key, sf_id) == (lost, lost)
    await road.in_step()
    await road.quiet()
    with pytest.raises(RefusedError, match="cannot be applied"):
        await conflicts.resolve(road.office, entry["id"], newer.other.value, "ada")


@pytest.mark.parametrize("mover", list(Side))
async def test_nothing_is_given_back_to_a_record_that_moved_on(make_road: MakeRoad, mover: Side) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST)))
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", Side.SALESFORCE)
    await road.settle()
    shift(road, 5)
    if mover is Side.SALESFORCE:
        road.org.update("Account", sf_id, {"Phone": "later"})  # and its event has not come yet
    else:
        await road.update("company", key, phone="later")
    [entry] = [item for item in await entries(road) if item["kind"] == "conflict"]
    with pytest.raises(RefusedError, match="cannot be applied") as refused:
        await conflicts.resolve(road.office, entry["id"], "postgres", "ada")
    assert "does not hold the value that won" in refused.value.why
    await road.settle()
    assert await phones(road, key, sf_id) == ("later", "later")


async def test_a_record_that_is_not_linked_any_more_is_left_alone(make_road: MakeRoad) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST)))
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", Side.SALESFORCE)
    await road.settle()
    [entry] = [item for item in await entries(road) if item["kind"] == "conflict"]
    await road.app.execute("DELETE FROM isthmus.link WHERE sf_id = $1", sf_id)
    with pytest.raises(RefusedError) as refused:
        await conflicts.resolve(road.office, entry["id"], "postgres", "ada")
    assert refused.value.why == "the record is not linked any more"


async def test_bad_orders_are_refused_and_change_nothing(make_road: MakeRoad) -> None:
    road = await make_road(BY_HAND)
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", Side.SALESFORCE)
    await road.settle()
    [entry] = await entries(road)
    with pytest.raises(UsageError, match="newest"):
        await conflicts.resolve(road.office, entry["id"], "newest", "ada")
    with pytest.raises(NotFoundError):
        await conflicts.resolve(road.office, entry["id"] + 999, "postgres", "ada")
    road.org.delete("Account", sf_id)
    with pytest.raises(RefusedError, match="cannot be applied"):
        await conflicts.resolve(road.office, entry["id"], "postgres", "ada")
    assert [item["winner"] for item in await entries(road)] == [None]


async def test_a_row_that_will_not_take_the_value_says_so(make_road: MakeRoad) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST)))
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", Side.SALESFORCE)
    await road.settle()
    await road.app.execute("ALTER TABLE app.company ADD CONSTRAINT no_p CHECK (phone <> 'p')")
    [entry] = [item for item in await entries(road) if item["kind"] == "conflict"]
    with pytest.raises(RefusedError, match="does not take the value") as refused:
        await conflicts.resolve(road.office, entry["id"], "postgres", "ada")
    assert "no_p" in refused.value.why
    assert await phones(road, key, sf_id) == ("s", "s")


async def test_a_one_way_field_takes_only_its_giver(make_road: MakeRoad) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", direction=Direction.PULL))
    key, sf_id = await paired_company(road, phone=None)
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.settle()
    await road.update("company", key, phone="drifted")
    await road.settle()
    [entry] = [item for item in await entries(road) if item["kind"] == "drift"]
    with pytest.raises(RefusedError, match="cannot take the value of postgres"):
        await conflicts.resolve(road.office, entry["id"], "postgres", "ada")
    await conflicts.resolve(road.office, entry["id"], "salesforce", "ada")
    await road.settle()
    assert await phones(road, key, sf_id) == ("s", "s")


async def test_a_conflict_that_another_operator_decided_meanwhile_is_not_decided_twice(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(BY_HAND)
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, "s", "p", Side.SALESFORCE)
    await road.settle()
    [entry] = await entries(road)
    reading = conflicts._theirs

    async def read_slowly(*arguments: Any) -> Any:
        found = await reading(*arguments)
        monkeypatch.setattr(conflicts, "_theirs", reading)
        await conflicts.resolve(road.office, entry["id"], "postgres", "ada")
        return found

    monkeypatch.setattr(conflicts, "_theirs", read_slowly)
    with pytest.raises(RefusedError):
        await conflicts.resolve(road.office, entry["id"], "postgres", "bob")
    await road.settle()
    assert await phones(road, key, sf_id) == ("p", "p")
    assert [item["resolved_by"] for item in await entries(road)] == ["ada"]
