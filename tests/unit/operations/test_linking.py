"""Links made, changed, removed and blocked by an operator."""

from dataclasses import replace

import pytest

from adapters.postgres.housekeeping import remember_instance
from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.domain.side import Direction
from daemon.operations import linking
from daemon.operations.linking import Parting
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road
from tests.support.road_steps import COMPANIES


async def apart(road: Road) -> tuple[str, str]:
    """A row and a record that differ and know nothing of each other."""
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    key = await road.insert("company", name="Row", phone="p")
    await road.app.execute("ALTER TABLE app.company ENABLE TRIGGER USER")
    [sf_id] = road.org.load("Account", [{"Name": "Record", "Phone": "s", "Website": "w.example"}])
    return key, sf_id


@pytest.mark.requirement("S0-12")
@pytest.mark.parametrize(
    ("take", "name", "phone", "website"),
    [
        ("salesforce", "Record", "s", "w.example"),
        ("postgres", "Row", "p", None),
        ("none", "Record", "s", "w.example"),
    ],
)
async def test_a_link_takes_the_values_of_the_side_that_was_named(
    make_road: MakeRoad, take: str, name: str, phone: str, website: str | None
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await apart(road)
    made = await linking.create(road.office, "companies", key, sf_id, take, "test")
    assert (made["key"], made["sf_id"], made["state"], made["origin"]) == (key, sf_id, "linked", "operator")
    await road.settle()
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["name"], row["phone"], row["website"]) == (name, phone, website)
    assert (record["Name"], record["Phone"], record.get("Website")) == (name, phone, website)
    await road.in_step()
    await road.quiet()


async def test_refused_links_change_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    other_key, other_id = await apart(road)
    before = await road.links()
    office = road.office
    refused: list[tuple[type[Exception], tuple[str, str, str, str]]] = [
        (RefusedError, ("companies", other_key, sf_id, "none")),
        (RefusedError, ("companies", key, other_id, "none")),
        (NotFoundError, ("companies", "999", other_id, "none")),
        (NotFoundError, ("companies", other_key, "001000000000001AAA", "none")),
        (NotFoundError, ("nothing", other_key, other_id, "none")),
        (UsageError, ("companies", other_key, "no id", "none")),
        (UsageError, ("companies", other_key, other_id, "both")),
    ]
    for error, (step, row, record, take) in refused:
        with pytest.raises(error) as told:
            await linking.create(office, step, row, record, take, "test")
        assert len(told.value.lines()) == 3  # type: ignore[attr-defined]
    assert await road.links() == before
    assert await road.changes() == []


@pytest.mark.requirement("S0-06")
async def test_the_refusal_names_the_pair_that_is_in_the_way(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    other_key, _ = await apart(road)
    with pytest.raises(RefusedError) as told:
        await linking.create(road.office, "companies", other_key, sf_id, "none", "test")
    assert key in told.value.why
    assert sf_id in told.value.why


@pytest.mark.requirement("S0-17", "S0-18")
async def test_after_unlinking_both_halves_stay_and_nothing_travels(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    link = await road.link("companies", key)
    await linking.remove(road.office, link.id, operator="test")
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.update("company", key, phone="p")
    await road.settle()
    await road.loader.first_loads()
    await road.settle()
    assert [row["phone"] for row in await road.rows("company")] == ["p"]
    assert [record["Phone"] for record in road.org.rows("Account")] == ["s"]
    assert (await road.link("companies", key)).state.value == "unlinked"
    assert await road.changes() == []
    with pytest.raises(NotFoundError, match="not linked"):
        await linking.remove(road.office, link.id, operator="test")


async def test_a_forgotten_link_may_be_made_again_by_the_rules(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    link = await road.link("companies", key)
    await linking.remove(road.office, link.id, parting=Parting.FORGET, operator="test")
    assert await road.links() == []
    with pytest.raises(NotFoundError):
        await linking.remove(road.office, link.id, operator="test")
    await road.update("company", key, phone="p")
    await road.settle()
    assert (await road.link("companies", key)).sf_id == sf_id
    await road.in_step()


@pytest.mark.requirement("S0-24")
async def test_an_unlinked_row_is_linked_again_by_a_person(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await linking.remove(road.office, (await road.link("companies", key)).id, operator="test")
    await linking.create(road.office, "companies", key, sf_id, "postgres", "test")
    await road.update("company", key, phone="p")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "p"
    assert len(road.org.rows("Account")) == 1
    await road.in_step()


async def test_a_blocked_pair_is_never_paired_again(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await linking.remove(
        road.office, (await road.link("companies", key)).id, parting=Parting.BLOCK, operator="test"
    )
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.update("company", key, phone="p")
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "p"
    assert road.record("Account", sf_id)["Phone"] == "s"
    assert (len(await road.rows("company")), len(road.org.rows("Account"))) == (1, 1)
    assert (await road.link("companies", key)).state.value == "blocked"
    await road.loader.first_loads()
    await road.settle()
    assert (len(await road.rows("company")), len(road.org.rows("Account"))) == (1, 1)


async def test_each_act_is_recorded_with_who_did_it(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await apart(road)
    made = await linking.create(road.office, "companies", key, sf_id, "none", "ann")
    await linking.remove(road.office, made["id"], parting=Parting.BLOCK, operator="bob")
    acts = await road.app.fetch("SELECT operator, action, outcome FROM isthmus.command ORDER BY id")
    assert [tuple(act) for act in acts] == [("ann", "link", "created"), ("bob", "unlink", "blocked")]


@pytest.mark.requirement("S0-21", "S0-23")
async def test_a_pasted_address_is_shown_beside_the_row_before_anything_is_stored(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await apart(road)
    await remember_instance(road.pool, "https://acme.my.salesforce.com/")
    pasted = f"https://acme.lightning.force.com/lightning/r/Account/{sf_id[:15]}/view"
    shown = await linking.preview(road.office, "companies", key, pasted)
    assert (shown["sf_id"], shown["salesforce_url"]) == (sf_id, f"https://acme.my.salesforce.com/{sf_id}")
    name = next(item for item in shown["fields"] if item["field"] == "Name")
    assert (name["salesforce"], name["postgres"], name["same"]) == ("Record", "Row", False)
    assert await road.links() == []
    assert (await linking.create(road.office, "companies", key, pasted, "none", "test"))["sf_id"] == sf_id


@pytest.mark.requirement("S0-22")
async def test_addresses_of_another_org_or_another_object_are_refused(make_road: MakeRoad) -> None:
    road = await make_road(
        COMPANIES, replace(COMPANIES, name="staff", object="Contact", direction=Direction.PULL)
    )
    key, sf_id = await apart(road)
    with pytest.raises(RefusedError, match="not the org"):
        await linking.preview(road.office, "companies", key, f"https://acme.my.salesforce.com/{sf_id}")
    await remember_instance(road.pool, "https://acme.my.salesforce.com")
    with pytest.raises(RefusedError, match="umbrella"):
        await linking.preview(road.office, "companies", key, f"https://umbrella.my.salesforce.com/{sf_id}")
    wrong = f"https://acme.lightning.force.com/lightning/r/Contact/{sf_id}/view"
    with pytest.raises(RefusedError) as told:
        await linking.preview(road.office, "companies", key, wrong)
    assert "staff" in told.value.fix
    [contact] = road.org.load("Contact", [{"LastName": "L"}])
    with pytest.raises(NotFoundError, match="no Account"):
        await linking.preview(road.office, "companies", key, contact)


@pytest.mark.requirement("S0-25")
async def test_another_record_is_two_acts_in_one(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    [other] = road.org.load("Account", [{"Name": "Other", "Phone": "o"}])
    with pytest.raises(RefusedError, match="cannot be linked") as told:
        await linking.create(road.office, "companies", key, other, "none", "ann")
    assert "link change" in told.value.fix
    changed = await linking.change(road.office, "companies", key, other, "salesforce", "ann")
    assert (changed["sf_id"], changed["was"]) == (other, sf_id)
    await road.settle()
    assert [(link.key, link.sf_id) for link in await road.links() if link.key == key] == [(key, other)]
    assert (await road.row("company", key) or {})["name"] == "Other"
    acts = await road.app.fetch(
        "SELECT action, outcome, request ->> 'sf_id' AS sf_id FROM isthmus.command ORDER BY id"
    )
    assert [tuple(act) for act in acts] == [("unlink", "removed", sf_id), ("link", "created", other)]
    for pasted in (other, sf_id[:-3] + "ZZZ"):
        with pytest.raises((RefusedError, UsageError)):
            await linking.change(road.office, "companies", key, pasted, "none", "ann")
