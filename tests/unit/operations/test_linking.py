"""Links made, removed and blocked by an operator."""

import pytest

from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.operations import linking
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


async def test_the_refusal_names_the_pair_that_is_in_the_way(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    other_key, _ = await apart(road)
    with pytest.raises(RefusedError) as told:
        await linking.create(road.office, "companies", other_key, sf_id, "none", "test")
    assert key in told.value.why
    assert sf_id in told.value.why


async def test_a_removed_link_leaves_both_halves(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    link = await road.link("companies", key)
    await linking.remove(road.office, link.id, block=False, operator="test")
    assert await road.links() == []
    assert await road.row("company", key) is not None
    assert road.record("Account", sf_id)
    with pytest.raises(NotFoundError):
        await linking.remove(road.office, link.id, block=False, operator="test")


async def test_a_blocked_pair_is_never_paired_again(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await linking.remove(road.office, (await road.link("companies", key)).id, block=True, operator="test")
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
    await linking.remove(road.office, made["id"], block=True, operator="bob")
    acts = await road.app.fetch("SELECT operator, action, outcome FROM isthmus.command ORDER BY id")
    assert [tuple(act) for act in acts] == [("ann", "link", "created"), ("bob", "unlink", "blocked")]
