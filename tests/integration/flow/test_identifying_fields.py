"""Identifying fields on both real sides: what they hold, and how a step goes by them."""

from dataclasses import replace

import pytest

from adapters.postgres.identifying import PostgresIdentifiers
from daemon.domain.failure import IsthmusError
from daemon.domain.mapping import Identify, IdentifyKind
from daemon.domain.policy import Behaviour
from daemon.ports.identifiers import Filled
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road
from tests.support.road_steps import BY_SF_ID, COMPANIES, COMPANY, by_field, field, with_fields

CASED = Identify(IdentifyKind.EXTERNAL_ID, "Key__c", "ext_id", unique=True)
KEYED = with_fields(COMPANIES, field("Ext_Id__c", "ext_id"))


async def with_key(make_road: MakeRoad, *, case_sensitive: bool) -> Road:
    road = await make_road(replace(COMPANIES, identify=(CASED,)))
    spec = {
        "type": "text",
        "length": 40,
        "external_id": True,
        "unique": True,
        "case_sensitive": case_sensitive,
    }
    await road.control.post("fields", object="Account", fields={"Key__c": spec})
    return road


@pytest.mark.requirement("S4-28")
async def test_how_many_records_have_a_value(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    assert await road.salesforce.identifiers.filled("Account", "Ext_Id__c") == Filled(0, 0)
    road.org.load("Account", [{"Name": f"A{n}", "Ext_Id__c": f"k{n}" if n < 3 else None} for n in range(5)])
    given = await road.salesforce.identifiers.filled("Account", "Ext_Id__c")
    assert (given.total, given.filled, given.missing, given.share) == (5, 3, 2, 0.6)


async def test_values_that_several_records_have(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    names = ["a", "b", "b", "c", "c", "c"]
    road.org.load("Account", [{"Name": name, "Phone": name} for name in names])
    assert await road.salesforce.identifiers.repeated("Account", "Phone", 5) == [("c", 3), ("b", 2)]
    assert await road.salesforce.identifiers.repeated("Account", "Phone", 1) == [("c", 3)]
    await road.control.fault(path="/query", action="answer", status=400, code="MALFORMED_QUERY", message="x")
    assert await road.salesforce.identifiers.repeated("Account", "Phone", 1) is None


@pytest.mark.requirement("S4-30")
async def test_the_records_without_a_value_come_page_by_page(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    total = 2_050
    ids = road.org.load("Account", [{"Name": f"A{n}"} for n in range(total)])
    road.org.load("Account", [{"Name": "Known", "Ext_Id__c": "k"}])
    pages = [
        page
        async for page in road.salesforce.identifiers.without("Account", "Ext_Id__c", ["Name", "Nothing__c"])
    ]
    assert [len(page) for page in pages] == [2000, 50]
    assert {record["Id"] for page in pages for record in page} == set(ids)
    assert set(pages[0][0]) == {"Id", "Name"}


@pytest.mark.requirement("S4-23")
async def test_spellings_that_clash_in_a_column(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for value in ("AB-1", "ab-1", "Ab-1", "cd", "cd", None, "EF", "7"):
        await road.insert("company", name="x", ext_id=value)
    facts = await PostgresIdentifiers(road.pool).column(COMPANY, "ext_id", 5)
    assert facts.values == Filled(8, 7)
    assert [set(group) for group in facts.clashes] == [{"AB-1", "ab-1", "Ab-1"}]
    assert facts.mixed == 1
    numbers = await PostgresIdentifiers(road.pool).column(COMPANY, "id", 5)
    assert (numbers.clashes, numbers.mixed) == ((), 0)
    with pytest.raises(IsthmusError, match=r"the column nope of app\.company cannot be looked through"):
        await PostgresIdentifiers(road.pool).column(COMPANY, "nope", 5)


@pytest.mark.requirement("S4-22")
@pytest.mark.parametrize("case_sensitive", [True, False])
async def test_matching_follows_the_field(make_road: MakeRoad, case_sensitive: bool) -> None:
    road = await with_key(make_road, case_sensitive=case_sensitive)
    [theirs] = road.org.load("Account", [{"Name": "Theirs", "Key__c": "AB-1"}])
    key = await road.insert("company", name="Ours", ext_id="ab-1")
    await road.settle()
    link = await road.link("companies", key)
    assert (link.sf_id == theirs) is not case_sensitive
    assert len(road.org.rows("Account")) == (2 if case_sensitive else 1)


@pytest.mark.requirement("S4-23")
async def test_rows_whose_keys_differ_by_case_alone_never_write_one_record(make_road: MakeRoad) -> None:
    road = await with_key(make_road, case_sensitive=False)
    for name, key in (("One", "ab-1"), ("Two", "AB-1")):
        await road.insert("company", name=name, ext_id=key)
    await road.settle()
    [record] = road.org.rows("Account")
    [link] = await road.links()
    row = await road.row("company", str(link.key)) or {}
    assert record["Name"] == row["name"]
    [parked] = (await road.inspection.parked()).items
    assert parked["code"] in {"already_linked", "ambiguous_identifier", "DUPLICATE_EXTERNAL_ID"}, parked


@pytest.mark.requirement("S4-31")
async def test_a_step_of_update_only_fills_the_identifier_of_records_found_by_other_properties(
    make_road: MakeRoad,
) -> None:
    road = await make_road(replace(KEYED, push=Behaviour.UPDATE_ONLY, identify=(by_field("Phone", "phone"),)))
    found, other = road.org.load("Account", [{"Name": "Acme", "Phone": "1"}, {"Name": "Else", "Phone": "2"}])
    await road.insert("company", name="Acme", phone="1", ext_id="k1")
    await road.insert("company", name="Nobody", phone="3", ext_id="k3")
    await road.settle()
    assert {row["Id"]: row.get("Ext_Id__c") for row in road.org.rows("Account")} == {found: "k1", other: None}


@pytest.mark.requirement("S4-31", "S4-34")
async def test_an_id_that_sql_has_matched_fills_the_identifier(make_road: MakeRoad) -> None:
    road = await make_road(replace(KEYED, push=Behaviour.UPDATE_ONLY, identify=(BY_SF_ID,)))
    [acme] = road.org.load("Account", [{"Name": "ACME Corp."}])
    await road.app.execute("CREATE TABLE app.matched (sf_id text, name text)")
    await road.app.execute("INSERT INTO app.matched VALUES ($1, 'ACME Corp.')", acme)
    await road.insert("company", name="acme corp", ext_id="k1")
    await road.app.execute(
        "UPDATE app.company AS c SET sf_id = m.sf_id FROM app.matched AS m"
        " WHERE regexp_replace(lower(m.name), '[^a-z]', '', 'g') = regexp_replace(lower(c.name), '[^a-z]', '', 'g')"
    )
    await road.settle()
    assert [(row["Id"], row["Ext_Id__c"]) for row in road.org.rows("Account")] == [(acme, "k1")]
