"""First loads: how what is on both sides already finds its other half, and what each side gets."""

from dataclasses import replace

import pytest

from daemon.domain.mapping import Normalise, OnUnmapped, Unmapped, ValueMap
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.operations import jobs
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import shift
from tests.support.road_steps import BY_SF_ID, COMPANIES, by_field, field, with_field, with_fields


@pytest.mark.requirement("S4-42")
async def test_pairs_by_external_id_and_makes_what_is_missing_on_each_side(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load(
        "Account",
        [{"Name": "Both", "Ext_Id__c": "b", "Website": "w.example"}, {"Name": "Theirs", "Ext_Id__c": "t"}],
    )
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    both = await road.insert("company", ext_id="b", name="Both", phone="1")
    ours = await road.insert("company", name="Ours")
    await road.app.execute("ALTER TABLE app.company ENABLE TRIGGER USER")
    await road.load()
    await road.settle()
    assert {row["name"] for row in await road.rows("company")} == {"Both", "Theirs", "Ours"}
    assert {record["Name"] for record in road.org.rows("Account")} == {"Both", "Theirs", "Ours"}
    row = await road.row("company", both) or {}
    assert (row["phone"], row["website"]) == ("1", "w.example"), "a filled value is taken by the blank side"
    assert (await road.link("companies", both)).origin.value == "external_id"
    assert (await road.link("companies", ours)).origin.value == "created"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()
    await road.forget_calls()
    await road.load()
    assert await road.calls() == [], "a finished load was begun again"


@pytest.mark.parametrize(
    ("salesforce", "column", "theirs", "ours", "rules"),
    [
        ("Name", "name", "Acme", "Acme", ()),
        ("Name", "name", "  ACME ", "acme", (Normalise.TRIM, Normalise.LOWER)),
        ("Phone", "phone", "+1 (415) 555", "1415555", (Normalise.DIGITS,)),
        ("Website", "website", "https://www.Acme.example/about", "acme.example", (Normalise.DOMAIN,)),
    ],
)
@pytest.mark.parametrize("who", ["record finds row", "row finds record"])
async def test_pairs_by_a_field(
    make_road: MakeRoad,
    who: str,
    salesforce: str,
    column: str,
    theirs: str,
    ours: str,
    rules: tuple[Normalise, ...],
) -> None:
    if who == "row finds record" and salesforce in ("Phone", "Website"):
        theirs = theirs.replace("+1 (415) 555", "1415555").replace("/about", "")
    road = await make_road(replace(COMPANIES, identify=(by_field(salesforce, column, *rules),)))
    [sf_id] = road.org.load("Account", [{"Name": "Other", salesforce: theirs}])
    key = await road.insert("company", **{"name": "Mine", column: ours})
    if who == "record finds row":
        await road.load()
    await road.settle()
    link = await road.link("companies", key)
    assert (link.sf_id, link.origin.value) == (sf_id, "field")
    assert (len(road.org.rows("Account")), len(await road.rows("company"))) == (1, 1)
    await road.in_step()
    await road.quiet()


async def test_pairs_by_the_salesforce_id_in_a_column_and_fills_it(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, identify=(BY_SF_ID,)))
    known, other = road.org.load("Account", [{"Name": "Known"}, {"Name": "Other"}])
    key = await road.insert("company", sf_id=known, name="Known")
    await road.load()
    await road.settle()
    assert (await road.link("companies", key)).origin.value == "salesforce_id"
    assert {row["sf_id"] for row in await road.rows("company")} == {known, other}
    await road.in_step()
    await road.quiet()


async def test_an_ambiguous_identifier_parks_with_its_candidates_and_writes_nothing(
    make_road: MakeRoad,
) -> None:
    road = await make_road(replace(COMPANIES, identify=(by_field("Name", "name"),)))
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    keys = [await road.insert("company", name="Twin") for _ in range(2)]
    [sf_id] = road.org.load("Account", [{"Name": "Twin"}])
    await road.loader.first_loads()
    [parked] = [c for c in await road.changes() if c["side"] == "salesforce"]
    assert (parked["state"], parked["code"], parked["sf_id"]) == ("parked", "ambiguous_identifier", sf_id)
    assert all(key in parked["reason"] for key in keys)
    assert await road.links() == []
    assert len(await road.rows("company")) == 2


async def test_a_row_whose_match_is_linked_already_parks(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, identify=(by_field("Name", "name"),)))
    await paired_company(road)
    key = await road.insert("company", name="Acme")
    await road.settle()
    assert [(c["key"], c["state"], c["code"]) for c in await road.changes()] == [
        (key, "parked", "already_linked")
    ]
    assert len(road.org.rows("Account")) == 1


@pytest.mark.requirement("S4-43")
async def test_update_only_makes_nothing_on_either_side(make_road: MakeRoad) -> None:
    only = replace(COMPANIES, pull=Behaviour.UPDATE_ONLY, push=Behaviour.UPDATE_ONLY)
    road = await make_road(only)
    road.org.load("Account", [{"Name": "Theirs"}])
    await road.insert("company", name="Ours")
    road.org.load("Account", [{"Name": "Both", "Ext_Id__c": "b"}])
    key = await road.insert("company", ext_id="b", name="Both")
    await road.load()
    await road.settle()
    assert {record["Name"] for record in road.org.rows("Account")} == {"Theirs", "Both"}
    assert {row["name"] for row in await road.rows("company")} == {"Ours", "Both"}
    shift(road, 5)
    await road.update("company", key, phone="2")
    await road.settle()
    assert [r.get("Phone") for r in road.org.rows("Account") if r["Name"] == "Both"] == ["2"]
    assert await road.changes() == []


@pytest.mark.requirement("S4-41")
async def test_create_only_leaves_alone_what_exists(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, pull=Behaviour.CREATE_ONLY, push=Behaviour.CREATE_ONLY))
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="2")
    road.org.update("Account", sf_id, {"Website": "w.example"})
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "1"
    assert (await road.row("company", key) or {})["website"] is None
    assert await road.changes() == []


async def test_a_record_without_a_mandatory_field_waits_quietly(make_road: MakeRoad) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", mandatory=True))
    sf_id = road.org.create("Account", {"Name": "Acme"})
    key = await road.insert("company", name="Ours")
    await road.settle()
    assert len(await road.rows("company")) == len(road.org.rows("Account")) == 1
    shift(road, 5)
    road.org.update("Account", sf_id, {"Phone": "1"})
    await road.update("company", key, phone="2")
    await road.settle()
    assert len(await road.rows("company")) == len(road.org.rows("Account")) == 2
    await road.in_step()
    await road.quiet()


async def test_defaults_and_constants_fill_what_is_made(make_road: MakeRoad) -> None:
    step = with_fields(
        with_field(COMPANIES, "Website", default="none.example"),
        field("Rating", None, direction=Direction.PUSH, constant="Hot"),
    )
    road = await make_road(step)
    key = await road.insert("company", name="Ours")
    road.org.create("Account", {"Name": "Theirs"})
    await road.settle()
    ours = road.record("Account", (await road.link("companies", key)).sf_id)
    assert (ours["Website"], ours["Rating"]) == ("none.example", "Hot")
    assert {row["website"] for row in await road.rows("company") if row["name"] == "Theirs"} == {
        "none.example"
    }
    await road.settle()
    assert await road.changes() == []


MAP = ValueMap(pull={"Hot": "h", "Warm": "w"}, push={"h": "Hot", "w": "Warm"})


@pytest.mark.parametrize(
    ("action", "given", "row", "parked"),
    [
        (OnUnmapped.REJECT, None, "h", True),
        (OnUnmapped.KEEP, None, "h", False),
        (OnUnmapped.NULL, None, None, False),
        (OnUnmapped.VALUE, "other", "other", False),
    ],
)
async def test_a_value_that_the_map_does_not_name(
    make_road: MakeRoad, action: OnUnmapped, given: str | None, row: str | None, parked: bool
) -> None:
    pull = Unmapped(action, given)
    rating = field("Rating", "rating", values=replace(MAP, on_pull=pull, on_push=Unmapped(OnUnmapped.KEEP)))
    road = await make_road(with_fields(COMPANIES, rating))
    key, sf_id = await paired_company(road, rating="h")
    assert road.record("Account", sf_id)["Rating"] == "Hot"
    road.org.update("Account", sf_id, {"Rating": "Cold"})
    await road.settle()
    assert (await road.row("company", key) or {})["rating"] == row
    codes = [(c["state"], c["code"]) for c in await road.changes()]
    assert codes == ([("parked", "value_not_mapped")] if parked else [])
    assert road.record("Account", sf_id)["Rating"] == "Cold", "what nobody could read was overwritten"


@pytest.mark.requirement("S4-81")
async def test_an_unnamed_local_value_parks_and_writes_nothing(make_road: MakeRoad) -> None:
    road = await make_road(with_fields(COMPANIES, field("Rating", "rating", values=MAP)))
    key, sf_id = await paired_company(road, rating="h")
    await road.update("company", key, rating="x", phone="2")
    await road.settle()
    assert road.record("Account", sf_id)["Rating"] == "Hot"
    assert [(c["state"], c["code"]) for c in await road.changes()] == [("parked", "value_not_mapped")]
    shift(road, 5)
    await road.update("company", key, rating="w")
    await road.settle()
    record = road.record("Account", sf_id)
    assert (record["Rating"], record["Phone"]) == ("Warm", "2")
    await road.in_step()
    await road.quiet()


async def test_what_became_of_the_records_of_a_first_load_is_told_with_its_job(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for name in ("Both", "Twice", "New"):
        road.org.create("Account", {"Name": name, "Ext_Id__c": name})
    for name in ("Both", "Twice", "Twice"):
        await road.insert("company", ext_id=name, name=name)
    await road.app.execute("DELETE FROM isthmus.change")
    await road.loader.first_loads()
    [job] = (await jobs.listed(road.office, step=None, kind=None, state=None, limit=9, cursor=None))["items"]
    shown = await jobs.show(road.office, job["id"])
    assert (shown["kind"], shown["state"], shown["processed"]) == ("first_load", "done", 3)
    assert shown["result"] == {
        "outcomes": {"link": 1, "create": 1, "park": 1},
        "reasons": {"park": {"ambiguous_identifier": 1}},
        "see": {"park": "isthmus parked list --step companies"},
    }
