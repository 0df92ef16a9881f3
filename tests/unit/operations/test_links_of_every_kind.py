"""Links are one notion: the same acts on every step, one table, and a broken pair can be put right."""

from dataclasses import replace

import pytest

from daemon.domain.failure import RefusedError
from daemon.domain.policy import ConvertedLead, OnDelete
from daemon.domain.side import Direction
from daemon.operations import linking
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.integration.flow.test_identity import LEADS, converted
from tests.support.road import Road
from tests.support.road_steps import COMPANIES, PEOPLE


@pytest.mark.requirement("S0-02", "S0-08")
@pytest.mark.parametrize("direction", list(Direction))
async def test_every_step_has_the_same_table_of_links_and_the_same_acts(
    make_road: MakeRoad, direction: Direction
) -> None:
    road = await make_road(
        *(
            replace(
                step,
                direction=direction,
                fields=tuple(replace(f, direction=direction, mandatory=False) for f in step.fields),
            )
            for step in (COMPANIES, PEOPLE)
        )
    )
    pairs = []
    for step, table, made, name in (
        (COMPANIES, "company", "Account", "Name"),
        (PEOPLE, "person", "Contact", "LastName"),
    ):
        await road.app.execute(f"ALTER TABLE app.{table} DISABLE TRIGGER USER")
        key = await road.insert(table, **{"name" if table == "company" else "last_name": "Ours"})
        [sf_id] = road.org.load(made, [{name: "Theirs"}])
        await linking.create(road.office, step.name, key, sf_id, "none", "ann")
        pairs.append((step.name, made, sf_id, key))
    rows = await road.app.fetch("SELECT step, object, sf_id, pg_key FROM isthmus.link ORDER BY id")
    assert [tuple(row) for row in rows] == pairs
    for step_name, _, _, key in pairs:
        parted = await linking.remove(road.office, (await road.link(step_name, key)).id, operator="ann")
        assert parted["state"] == "unlinked"


@pytest.mark.requirement("S0-05")
async def test_a_second_record_for_a_row_is_refused_naming_the_first(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    [other] = road.org.load("Account", [{"Name": "Other"}])
    with pytest.raises(RefusedError) as told:
        await linking.create(road.office, "companies", key, other, "none", "ann")
    assert sf_id in told.value.why
    assert [(link.key, link.sf_id) for link in await road.links()] == [(key, sf_id)]


async def broken(road: Road) -> list[tuple[str, str, str | None]]:
    """What an operator is told of broken links: the row, its record, and the record that survived a merge."""
    found = await road.inspection.links(state="broken")
    return [(item["key"], item["sf_id"], item["merged_into"]) for item in found.items]


@pytest.mark.requirement("S0-10")
async def test_a_row_whose_record_was_deleted_is_linked_to_another(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, on_delete=OnDelete.KEEP))
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert await broken(road) == [(key, sf_id, None)]
    [other] = road.org.load("Account", [{"Name": "Other"}])
    await linking.create(road.office, "companies", key, other, "salesforce", "ann")
    await road.settle()
    assert [(link.sf_id, link.state.value) for link in await road.links()] == [(other, "linked")]
    assert (await road.row("company", key) or {})["name"] == "Other"


@pytest.mark.requirement("S0-11")
async def test_a_row_whose_record_was_merged_away_names_the_survivor_and_is_linked_to_another(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    _, winner = await paired_company(road, name="Winner")
    key, loser = await paired_company(road)
    road.org.merge(winner, [loser])
    await road.settle()
    assert await broken(road) == [(key, loser, winner)]
    [other] = road.org.load("Account", [{"Name": "Other"}])
    await linking.create(road.office, "companies", key, other, "salesforce", "ann")
    assert (await road.link("companies", key)).sf_id == other


@pytest.mark.requirement("S0-13")
async def test_a_row_whose_lead_was_converted_can_be_unlinked_and_linked_elsewhere(
    make_road: MakeRoad,
) -> None:
    road = await make_road(replace(LEADS, converted_lead=ConvertedLead.PARK))
    key, _ = await converted(road)
    await road.settle()
    await linking.remove(road.office, (await road.link("leads", key)).id, operator="ann")
    [other] = road.org.load("Lead", [{"LastName": "Dale", "Company": "Other"}])
    await linking.create(road.office, "leads", key, other, "salesforce", "ann")
    await road.settle()
    assert (await road.link("leads", key)).sf_id == other
    assert (await road.row("person", key) or {})["last_name"] == "Dale"
