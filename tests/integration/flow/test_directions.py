"""A step's direction, switched while the daemon works: what is in force is what happens."""

from dataclasses import replace

import pytest

from daemon.domain.mapping import Field, Step, Steps
from daemon.domain.side import Direction
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES


def towards(direction: Direction) -> Step:
    """The step with one direction for all its fields."""
    fields: tuple[Field, ...] = tuple(replace(each, direction=direction) for each in COMPANIES.fields)
    return replace(COMPANIES, direction=direction, fields=fields)


async def switch(road: Road, direction: Direction) -> None:
    """What a new configuration does: capture as the steps need it, then the steps."""
    step = towards(direction)
    await road.database.capture_install([step])
    road.parts.in_force.replace(Steps((step,)))


@pytest.mark.requirement("S1-47")
async def test_a_step_whose_direction_is_switched_works_in_the_new_one_at_once(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    for number, direction in enumerate((Direction.PULL, Direction.PUSH, Direction.PULL), start=1):
        await switch(road, direction)
        shift(road, 5)
        ours, theirs = f"ours {number}", f"theirs {number}"
        if direction is Direction.PUSH:
            await road.update("company", key, website=ours)
            await road.settle()
            assert road.record("Account", sf_id)["Website"] == ours
            road.org.update("Account", sf_id, {"Phone": theirs})
            await road.settle()
            assert (await road.row("company", key) or {})["phone"] != theirs
        else:
            road.org.update("Account", sf_id, {"Phone": theirs})
            await road.settle()
            assert (await road.row("company", key) or {})["phone"] == theirs
            await road.update("company", key, website=ours)
            await road.settle()
            assert road.record("Account", sf_id).get("Website") != ours
