"""One table may be linked to records of several objects, a step for each; a row has one of them."""

from dataclasses import replace

import pytest

from daemon.domain.mapping import Step
from tests.integration.flow.conftest import MakeRoad
from tests.support.road_steps import COMPANIES, PEOPLE, field

LEADS = replace(
    COMPANIES,
    name="leads",
    object="Lead",
    fields=(field("LastName", "name", mandatory=True), field("Company", "name"), field("Phone", "phone")),
    identify=(),
)


@pytest.mark.requirement("S0-09")
@pytest.mark.parametrize(("mine", "other"), [(COMPANIES, LEADS), (LEADS, COMPANIES)])
async def test_a_row_that_one_step_has_linked_is_left_alone_by_the_other(
    make_road: MakeRoad, mine: Step, other: Step
) -> None:
    road = await make_road(mine, other)
    key = await road.insert("company", name="Acme", phone="1")
    await road.settle()
    assert [(link.step, link.object, link.key) for link in await road.links()] == [
        (mine.name, mine.object, key)
    ]
    await road.update("company", key, phone="2")
    await road.settle()
    road.org.update(mine.object, (await road.links())[0].sf_id, {"Phone": "3"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "3"
    assert len(road.org.rows(mine.object)) == 1
    assert road.org.rows(other.object) == []
    await road.delete("company", key)
    await road.settle()
    assert road.org.rows(mine.object) == []
    await road.quiet()


async def test_what_waits_for_a_row_of_one_object_is_not_let_go_by_its_record_of_another(
    make_road: MakeRoad,
) -> None:
    road = await make_road(LEADS, COMPANIES, PEOPLE)
    company = await road.insert("company", name="Acme", phone="1")
    await road.settle()
    assert [link.object for link in await road.links()] == ["Lead"]
    await road.insert("person", last_name="Hill", company=int(company))
    await road.settle()
    (waiting,) = [change for change in await road.changes() if change["waiting_for"]]
    assert (waiting["state"], waiting["waiting_for"]) == ("held", f"companies:{company}")
