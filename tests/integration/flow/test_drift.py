"""A schema that changes under a running daemon: what it touches is held, the rest goes on, and nothing is lost by the time it is back."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from adapters.emulator.schema.sobject import SObject
from daemon.flow.drift import watch as watching
from daemon.flow.gaps import close_filled
from daemon.operations.status import status
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import TEXT, Drifting, drifting, in_force
from tests.support.road import Road


async def hide(scene: Drifting, field: str, *, readable: bool = False, editable: bool = False) -> None:
    """What the integration user may do with a field of Account; other people may go on using it."""
    rights = {"readable": readable, "editable": editable, "user": scene.road.emulator.announcement.username}
    await scene.road.control.post("permissions", object="Account", field=field, **rights)


def reshape(scene: Drifting, changed: SObject) -> None:
    scene.road.org.change_schema(changed)


def account(scene: Drifting) -> SObject:
    return scene.road.org.records.sobject("Account")


def without(sobject: SObject, name: str) -> SObject:
    return replace(sobject, fields=tuple(field for field in sobject.fields if field.name != name))


async def held(scene: Drifting) -> list[str | None]:
    return [drift.field for drift in await scene.look()]


async def base(scene: Drifting, key: str) -> Mapping[str, object]:
    return (await scene.road.link("companies", key)).base


async def row(scene: Drifting, key: str) -> Mapping[str, object]:
    found = await scene.road.row("company", key)
    assert found is not None
    return found


async def test_a_hidden_field_is_held_and_the_other_fields_go_on_both_ways(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    await hide(scene, "Rating")
    (drift,) = await scene.look()
    assert drift.field == "Rating"
    assert "Account.Rating (picklist(" in drift.what
    assert "may not read it any more" in drift.what
    assert "give the field, or the right to read it, back" in drift.fix
    assert await road.database.capture_check(in_force(scene).ordered) == [], "its column is still captured"
    road.org.update("Account", sf_id, {"Phone": "2", "Rating": "Cold"})
    await road.settle()
    await road.update("company", key, city="Porto")
    await road.settle()
    found = await row(scene, key)
    assert (found["phone"], found["rating"]) == ("2", "Hot"), "the field is neither cleared nor overwritten"
    record = road.record("Account", sf_id)
    assert (record["BillingCity"], record["Rating"]) == ("Porto", "Cold")
    assert (await base(scene, key))["Rating"] == "Hot", "what was last agreed stays known"
    await road.quiet()


async def test_a_field_that_is_back_brings_what_changed_meanwhile_on_either_side(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    other_key, other = await scene.company(Name="Other")
    await hide(scene, "Rating")
    assert await held(scene) == ["Rating"]
    road.org.update("Account", sf_id, {"Rating": "Cold"})
    await road.update("company", other_key, rating="Warm")
    await road.settle()
    road.org.update("Account", sf_id, {"Phone": "9"})  # moves what is known of the record's time
    await road.settle()
    await hide(scene, "Rating", readable=True, editable=True)
    assert await held(scene) == []
    await road.settle()
    assert (await row(scene, key))["rating"] == "Cold"
    assert road.record("Account", other)["Rating"] == "Warm"
    await road.in_step()
    await road.quiet()


async def test_a_removed_field_that_comes_back_after_a_restart_is_compared(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    whole = account(scene)
    reshape(scene, without(whole, "Rating"))
    assert await held(scene) == ["Rating"]
    found = await scene.reborn()
    assert [drift.field for drift in found.drifts] == ["Rating"], (
        "a start in the middle holds what worked before"
    )
    await road.update("company", key, rating="Warm", phone="3")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "3"
    reshape(scene, whole)
    assert (await scene.reborn()).drifts == ()
    assert await held(scene) == []
    await road.settle()
    assert road.record("Account", sf_id)["Rating"] == "Warm"
    await road.quiet()


async def test_a_field_that_may_not_be_edited_any_more_is_held_when_a_push_is_refused(
    make_road: MakeRoad,
) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    await hide(scene, "Rating", readable=True, editable=False)
    await road.update("company", key, rating="Warm", phone="4")
    await road.work()
    assert road.parts.schema_doubts.is_set(), "a refusal has the schemas looked at again at once"
    assert await held(scene) == ["Rating"]
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "4", (
        "what was refused for the field's sake goes without it"
    )
    assert await road.changes() == []
    road.org.update("Account", sf_id, {"Phone": "5"})
    await road.settle()
    assert (await row(scene, key))["rating"] == "Warm"
    await hide(scene, "Rating", readable=True, editable=True)
    assert await held(scene) == []
    await road.settle()
    assert road.record("Account", sf_id)["Rating"] == "Warm"
    await road.quiet()


async def test_a_dropped_column_holds_its_mapping_alone(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    await road.app.execute("ALTER TABLE app.company DROP COLUMN rating")
    await road.update("company", key, phone="6")
    road.org.update("Account", sf_id, {"BillingCity": "Faro"})
    await road.worker.round()
    (drift,) = await scene.look()
    assert drift.what == "app.company.rating (text) was dropped"
    await road.settle()
    assert (await row(scene, key))["city"] == "Faro"
    assert await road.database.capture_check(in_force(scene).ordered) == [], "capture follows the table"
    await road.update("company", key, phone="7")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "7"
    road.org.update("Account", sf_id, {"Rating": "Cold"})
    await road.app.execute("ALTER TABLE app.company ADD COLUMN rating text")
    await road.app.execute("UPDATE app.company SET rating = 'Hot'")
    assert await held(scene) == []
    await road.settle()
    assert (await row(scene, key))["rating"] == "Cold"
    await road.quiet()


async def test_a_retyped_column_is_held_when_its_pair_is_not_allowed(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    await road.app.execute("ALTER TABLE app.company ALTER COLUMN phone TYPE integer USING phone::integer")
    (drift,) = await scene.look()
    assert drift.field == "Phone"
    assert "app.company.phone was text and is integer" in drift.what
    road.org.update("Account", sf_id, {"Phone": "+351 1", "Rating": "Cold"})
    await road.settle()
    found = await row(scene, key)
    assert (found["phone"], found["rating"]) == (1, "Cold")
    await road.app.execute("ALTER TABLE app.company ALTER COLUMN phone TYPE text")
    assert await held(scene) == []
    await road.settle()
    assert (await row(scene, key))["phone"] == "+351 1"
    await road.quiet()


async def test_what_is_only_wider_goes_on_with_its_new_limits(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    before = in_force(scene).by_name["companies"].by_name["Phone"].length
    phone = account(scene).field("Phone")
    assert phone is not None
    reshape(scene, account(scene).with_fields(replace(phone, length=80)))
    assert await held(scene) == []
    assert (before, in_force(scene).by_name["companies"].by_name["Phone"].length) == (40, 80)
    key, sf_id = await scene.company()
    await road.update("company", key, phone="5" * 60)
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "5" * 60


async def test_a_new_field_and_a_new_column_are_told_and_left_alone(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    before = in_force(scene).by_name["companies"].fields
    shoe = {"Shoe__c": {"type": "text", "length": 9}}
    await scene.road.control.post("fields", object="Account", fields=shoe)
    await scene.road.app.execute("ALTER TABLE app.company ADD COLUMN shoe text")
    assert await held(scene) == []
    assert in_force(scene).by_name["companies"].fields == before
    labels = {"object": "Account", "kind": "added"}
    assert scene.road.meter.counted("isthmus_salesforce_schema_changes_total", **labels) == 1


async def test_fields_that_move_together_are_held_together(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    await hide(scene, "BillingCity")
    assert sorted(map(str, await held(scene))) == ["BillingCity", "BillingStreet"]


async def test_a_touched_identifier_holds_the_whole_step_and_loses_nothing(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    await hide(scene, "Ext_Id__c")
    (drift,) = await scene.look()
    assert drift.field is None
    assert "Ext_Id__c" in drift.what
    shown = (await status(road.office))["steps"][0]
    assert (shown["state"], shown["schema_drift"][0]["fix"]) == ("stopped", drift.fix)
    road.org.update("Account", sf_id, {"Phone": "8"})
    await road.update("company", key, city="Braga")
    new = road.org.create("Account", {"Name": "New"})
    await road.settle()
    assert (await row(scene, key))["phone"] == "1"
    assert road.record("Account", sf_id)["BillingCity"] == "Lisbon"
    assert {change["code"] for change in await road.changes()} == {"schema_drift"}
    await hide(scene, "Ext_Id__c", readable=True, editable=True)
    assert await held(scene) == []
    await road.settle()
    assert (await row(scene, key))["phone"] == "8"
    assert road.record("Account", sf_id)["BillingCity"] == "Braga"
    assert new in [link.sf_id for link in await road.links()]
    assert await close_filled(road.parts) == 1
    await road.in_step()
    await road.quiet()


async def test_it_is_told_where_an_operator_looks(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    assert scene.told[-1] == (True, "every mapping fits both sides")
    await hide(scene, "Rating")
    (drift,) = await scene.look()
    assert scene.told[-1] == (False, str(drift))
    shown = (await status(scene.road.office))["steps"][0]
    assert (shown["state"], [item["field"] for item in shown["schema_drift"]]) == ("degraded", ["Rating"])
    assert scene.road.meter.gauged("isthmus_schema_drift", step="companies") == 1


async def test_a_look_costs_one_call_and_no_description_that_has_not_changed(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    scene.road.org.clock.advance(120)
    await scene.look()
    await scene.road.forget_calls()
    await scene.look()
    assert [call.split("/")[-1] for call in await scene.road.calls()] == ["composite"]


async def test_a_doubt_wakes_the_watch(make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = await drifting(make_road)
    monkeypatch.setattr(watching, "PAUSE", 0.0)
    running = asyncio.ensure_future(scene.watch.run())
    try:
        await hide(scene, "Rating")
        scene.road.parts.schema_doubts.set()
        async with asyncio.timeout(10):
            while not scene.road.parts.in_force.drifts:  # noqa: ASYNC110 - nothing tells of it but the parts
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert watching.EVERY <= 60, "what nobody stumbles over is noticed within a minute"


async def test_a_dropped_table_of_an_action_holds_no_record_and_its_run_is_kept(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = "    actions:\n      - name: tell\n        do: { insert: { table: app.told, columns: { company: $key } } }\n"
    monkeypatch.setattr("tests.integration.flow.drifting.TEXT", TEXT + acting)

    async def with_table() -> Road:
        road = await make_road()
        await road.app.execute("CREATE TABLE app.told (company text)")
        return road

    scene = await drifting(with_table)
    road = scene.road
    await road.app.execute("DROP TABLE app.told")
    assert await scene.look() == ()
    await scene.company(Name="Bolt")
    assert [row["name"] for row in await road.rows("company")] == ["Bolt"]
    [kept] = (await road.outbox.list()).items
    assert (kept["action"], kept["code"]) == ("tell", "42P01")
