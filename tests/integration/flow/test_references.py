"""References: both ways, parents that come later, circles, and a row that points to itself."""

from daemon.domain.mapping import Kind
from daemon.flow.inbound import set_down
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, paired_person
from tests.support.road import shift
from tests.support.road_steps import COMPANIES, PEOPLE, field, with_field, with_fields

TREE = with_fields(COMPANIES, field("ParentId", "parent", Kind.REFERENCE, lookup="companies"))
CIRCLE = with_fields(COMPANIES, field("Contact_Ref__c", "parent", Kind.REFERENCE, lookup="people"))


async def test_a_reference_travels_both_ways(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    company, account = await paired_company(road)
    person = await road.insert("person", last_name="Hill", company=int(company))
    await road.settle()
    contact = (await road.link("people", person)).sf_id
    assert road.record("Contact", contact)["AccountId"] == account
    other = road.org.create("Account", {"Name": "Other"})
    shift(road, 5)
    road.org.update("Contact", contact, {"AccountId": other})
    await road.settle()
    assert (await road.row("person", person) or {})["company"] == int((await road.links())[-1].key)
    await road.in_step()
    await road.quiet()


async def test_a_child_made_with_its_parent_follows_it(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    company = await road.insert("company", name="Acme")
    person = await road.insert("person", last_name="Hill", company=int(company))
    await road.settle()
    account, contact = (
        (await road.link("companies", company)).sf_id,
        (await road.link("people", person)).sf_id,
    )
    assert road.record("Contact", contact)["AccountId"] == account
    await road.in_step()
    await road.quiet()


async def test_a_row_that_points_to_a_parent_that_cannot_go_yet_waits_for_it(make_road: MakeRoad) -> None:
    road = await make_road(
        with_field(COMPANIES, "Phone", mandatory=True), with_field(PEOPLE, "AccountId", mandatory=True)
    )
    company = await road.insert("company", name="Acme")
    person = await road.insert("person", last_name="Hill", company=int(company))
    await road.settle()
    assert road.org.rows("Contact") == []
    assert [(c["state"], c["waiting_for"]) for c in await road.changes()] == [
        ("held", f"companies:{company}")
    ]
    await road.update("company", company, phone="1")
    await road.settle()
    contact = (await road.link("people", person)).sf_id
    assert road.record("Contact", contact)["AccountId"] == (await road.link("companies", company)).sf_id
    await road.in_step()
    await road.quiet()


async def test_a_record_that_points_to_one_we_do_not_have_is_written_and_completed_later(
    make_road: MakeRoad,
) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", mandatory=True), PEOPLE)
    account = road.org.create("Account", {"Name": "Acme"})
    contact = road.org.create("Contact", {"LastName": "Hill", "AccountId": account})
    await road.settle()
    [person] = await road.rows("person")
    assert (person["last_name"], person["company"]) == ("Hill", None)
    assert [c["state"] for c in await road.changes()] == ["held"]
    assert road.record("Contact", contact)["AccountId"] == account, "the reference was cleared"
    shift(road, 5)
    road.org.update("Account", account, {"Phone": "1"})
    await road.settle()
    [company] = await road.rows("company")
    assert (await road.rows("person"))[0]["company"] == company["id"]
    await road.in_step()
    await road.quiet()


async def test_an_edit_of_a_row_whose_reference_waits_does_not_clear_it(make_road: MakeRoad) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", mandatory=True), PEOPLE)
    account = road.org.create("Account", {"Name": "Acme"})
    contact = road.org.create("Contact", {"LastName": "Hill", "AccountId": account})
    await road.settle()
    [person] = await road.rows("person")
    shift(road, 5)
    await road.update("person", str(person["id"]), first_name="Ann")
    await road.settle()
    record = road.record("Contact", contact)
    assert (record["FirstName"], record["AccountId"]) == ("Ann", account)


async def test_a_tree_in_one_table(make_road: MakeRoad) -> None:
    road = await make_road(TREE)
    root = await road.insert("company", name="Root")
    await road.insert("company", name="Child", parent=int(root))
    top = road.org.create("Account", {"Name": "Top"})
    road.org.create("Account", {"Name": "Below", "ParentId": top})
    await road.settle()
    assert len(await road.rows("company")) == len(road.org.rows("Account")) == 4
    parents = {row["name"]: row["parent"] for row in await road.rows("company")}
    assert parents["Child"] == int(root)
    assert parents["Below"] is not None
    await road.in_step()
    await road.quiet()


async def test_a_child_that_is_inserted_before_its_parent(make_road: MakeRoad) -> None:
    road = await make_road(TREE)
    child = await road.insert("company", name="Child", parent=900)
    await road.settle()
    assert road.record("Account", (await road.link("companies", child)).sf_id).get("ParentId") is None
    await road.insert("company", id=900, name="Late")
    await road.settle()
    parent = (await road.link("companies", "900")).sf_id
    assert road.record("Account", (await road.link("companies", child)).sf_id)["ParentId"] == parent
    await road.in_step()
    await road.quiet()


async def test_a_circle_between_two_tables_is_written_in_two_phases(make_road: MakeRoad) -> None:
    road = await make_road(CIRCLE, PEOPLE)
    company = await road.insert("company", name="Acme", parent=900)
    await road.insert("person", id=900, last_name="Hill", company=int(company))
    await road.settle()
    account, contact = (await road.link("companies", company)).sf_id, (await road.link("people", "900")).sf_id
    assert road.record("Account", account)["Contact_Ref__c"] == contact
    assert road.record("Contact", contact)["AccountId"] == account
    await road.in_step()
    await road.quiet()


async def test_a_circle_that_comes_from_salesforce(make_road: MakeRoad) -> None:
    road = await make_road(CIRCLE, PEOPLE)
    account = road.org.create("Account", {"Name": "Acme"})
    contact = road.org.create("Contact", {"LastName": "Hill", "AccountId": account})
    road.org.update("Account", account, {"Contact_Ref__c": contact})
    await road.settle()
    [company], [person] = await road.rows("company"), await road.rows("person")
    assert (company["parent"], person["company"]) == (person["id"], company["id"])
    await road.in_step()
    await road.quiet()


async def test_a_row_that_points_to_itself(make_road: MakeRoad) -> None:
    bosses = with_fields(PEOPLE, field("ReportsToId", "boss", Kind.REFERENCE, lookup="people"))
    road = await make_road(COMPANIES, bosses)
    person = await road.insert("person", id=900, last_name="Hill", boss=900)
    await road.settle()
    contact = (await road.link("people", person)).sf_id
    assert road.record("Contact", contact)["ReportsToId"] == contact
    await road.in_step()
    await road.quiet()


async def test_the_delete_of_a_parent_clears_the_reference_of_its_children(make_road: MakeRoad) -> None:
    road = await make_road(TREE)
    root = await road.insert("company", name="Root")
    child = await road.insert("company", name="Child", parent=int(root))
    await road.settle()
    shift(road, 5)
    account = (await road.link("companies", root)).sf_id
    road.org.delete("Account", account)
    await road.settle()
    assert await road.row("company", root) is None
    assert (await road.row("company", child) or {})["name"] == "Child"
    await road.settle()
    assert [c for c in await road.changes() if c["state"] == "parked"] == []


async def test_a_reference_to_a_row_that_is_gone_does_not_keep_out_a_new_one(make_road: MakeRoad) -> None:
    """A table without a foreign key keeps pointing to its parent when that has been deleted on both sides."""
    road = await make_road(COMPANIES, PEOPLE)
    company, account = await paired_company(road)
    person, contact = await paired_person(road, company=int(company))
    road.org.selection.select([])
    road.org.update("Contact", contact, {"AccountId": None})  # so that the contact outlives its account
    road.org.delete("Account", account)
    road.org.selection.select(None)
    await road.delete("company", company)
    await road.settle()
    assert (await road.row("person", person) or {})["company"] == int(company)
    shift(road, 5)
    other = road.org.create("Account", {"Name": "Other"})
    road.org.update("Contact", contact, {"AccountId": other})
    await road.settle()
    [other_company] = await road.rows("company")
    assert (await road.row("person", person) or {})["company"] == other_company["id"]
    await road.in_step()
    await road.quiet()


async def test_a_reference_that_waits_outlives_an_event_that_says_nothing_new(make_road: MakeRoad) -> None:
    """The last event of several goes on for all of them, and is more than what it says itself."""
    road = await make_road(COMPANIES, PEOPLE)
    person, contact = await paired_person(road)
    road.org.selection.select([])
    account = road.org.create("Account", {"Name": "Unheard of"})
    road.org.selection.select(None)
    road.org.update("Contact", contact, {"AccountId": account})
    road.org.update("Contact", contact, {"LastName": "Dale"})
    assert road.source is not None
    batch = await road.source.receive()
    await set_down(road.parts, batch, road.source.transport)
    road.position = batch.position or road.position
    await road.work()
    assert [(c["state"], c["kind"], c["waiting_for"]) for c in await road.changes()] == [
        ("held", "update", account)
    ]
    await road.app.execute("UPDATE isthmus.change SET state = 'pending', due = NULL, waiting_for = NULL")
    await road.work()
    assert [(c["state"], c["waiting_for"]) for c in await road.changes()] == [("held", account)]
    shift(road, 5)
    road.org.update("Account", account, {"Phone": "1"})
    await road.settle()
    assert (await road.row("person", person) or {})["company"] is not None
    await road.in_step()
