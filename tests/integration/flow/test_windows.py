"""Values that our own writes replaced unseen: found by their late events, however those arrive."""

from daemon.domain.policy import Policy
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road
from tests.support.road_steps import COMPANIES, all_by, policy


async def overwrite_unseen(road: Road) -> tuple[str, str]:
    """Two pushes and a person's edit between them, all in one second of the org's clock."""
    key, sf_id = await paired_company(road)
    await road.control.post("clock", freeze=True)
    await road.update("company", key, phone="first")
    await road.work()
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    await road.update("company", key, phone="second")
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "second", "nothing can prevent this"
    return key, sf_id


async def told(road: Road) -> list[tuple[str, str | None]]:
    return [(e["kind"], e["winner"]) for e in await road.ledger() if e["salesforce"] == "theirs"]


async def test_a_later_echo_in_the_same_batch_does_not_hide_the_value_before_it(make_road: MakeRoad) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.POSTGRES)))
    key, sf_id = await overwrite_unseen(road)
    await road.settle()
    assert await told(road) == [("unseen", "postgres")]
    assert (await road.row("company", key) or {})["phone"] == "second"
    assert road.record("Account", sf_id)["Phone"] == "second"


async def test_a_policy_by_time_leaves_what_salesforce_holds_and_comes_to_rest(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, _ = await overwrite_unseen(road)
    await road.settle()
    assert await told(road) == [("unseen", "postgres")]
    assert (await road.row("company", key) or {})["phone"] == "second"
    await road.control.post("clock", freeze=False)
    await road.settle()
    await road.in_step()
    await road.quiet()


async def test_a_policy_that_names_salesforce_gets_its_value_back_on_both_sides(make_road: MakeRoad) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.SALESFORCE)))
    key, sf_id = await overwrite_unseen(road)
    await road.settle()
    assert ("unseen", "salesforce") in await told(road)
    assert (await road.row("company", key) or {})["phone"] == "theirs"
    assert road.record("Account", sf_id)["Phone"] == "theirs"
    await road.control.post("clock", freeze=False)
    await road.settle()
    await road.in_step()
    await road.quiet()


async def test_a_row_deleted_while_its_create_is_in_doubt_leaves_no_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.fault(action="drop_reply", path="/composite/sobjects")
    key = await road.insert("company", name="Acme")
    await road.worker.round()
    assert len(road.org.rows("Account")) == 1
    await road.delete("company", key)
    await road.settle()
    assert road.org.rows("Account") == [], "nobody wants this record any more"
    assert await road.rows("company") == []
    await road.quiet()


async def test_a_write_in_doubt_is_resolved_before_its_turn_and_does_not_undo_a_later_edit(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.control.fault(action="drop_reply", path="/composite")
    await road.update("company", key, phone="sent")
    await road.worker.round()
    assert road.record("Account", sf_id)["Phone"] == "sent"
    await road.app.execute("UPDATE isthmus.change SET due = now() + interval '1 hour'")  # not its turn yet
    road.org.update("Account", sf_id, {"Website": "acme.example"})
    await road.update("company", key, phone="later")
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["website"]) == ("later", "acme.example")
    assert road.record("Account", sf_id)["Phone"] == "later"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


async def test_a_value_that_was_given_back_is_not_given_back_again_over_a_later_edit(
    make_road: MakeRoad,
) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.SALESFORCE)))
    key, sf_id = await overwrite_unseen(road)
    before = road.position
    await road.listen()
    while (await road.row("company", key) or {})["phone"] != "theirs":
        assert await road.worker.round()
    await road.update("company", key, phone="later")
    await road.settle()
    await road.control.post("clock", freeze=False)
    for _ in range(2):
        await road.replay(before)
        await road.settle()
        assert (await road.row("company", key) or {})["phone"] == "later", "an edit here was undone"
        assert road.record("Account", sf_id)["Phone"] == "later"
    assert await told(road) == [("unseen", "salesforce")]
    await road.in_step()
    await road.quiet()
